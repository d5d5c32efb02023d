//! The revert window: the target takes writes, the reverse streams keep the source up to date, and time passes.

use jiff::SignedDuration;

use super::super::MoveTables;
use crate::cluster::port::Facts;
use crate::family::{SituationKind, Step, View, Waiting, WayBack};
use crate::model::workflow::{Stream, StreamState};
use crate::run::phase::PhaseId;

pub fn step(movement: &MoveTables, view: &View<'_>) -> Step {
    if view.situation.kind != SituationKind::Switched {
        return Step::Done(vec!["traffic is past it".into()]);
    }
    let ended = view.progress.approvals.iter().find(|approval| approval.gate == PhaseId::COMPLETE && approval.end_revert_window);
    if let Some(approval) = ended {
        return Step::Done(vec![format!("ended by {}: {}", approval.by, approval.reason)]);
    }
    let Some(switched_at) = view.progress.reached.get(&PhaseId::SWITCH_PRIMARY) else {
        return Step::Wait(Waiting::new("the primary switch is not on record yet"));
    };
    let seconds = i64::try_from(movement.spec.revert.window_seconds).unwrap_or(i64::MAX / 4);
    let Ok(until) = switched_at.checked_add(SignedDuration::from_secs(seconds)) else {
        return Step::Wait(Waiting::new("the revert window ends beyond the calendar"));
    };
    let way_back = way_back(movement, view.facts);
    if view.now >= until {
        return Step::Done(vec![format!("{} s have passed since the switch", movement.spec.revert.window_seconds)]);
    }
    let health = if way_back.possible {
        format!("the way back is open: {}", way_back.why)
    } else {
        format!("THE WAY BACK IS NOT OPEN: {}", way_back.why)
    };
    let mut waiting = Waiting::new(health);
    waiting.poll_milliseconds = 2000;
    Step::Until(until, waiting)
}

/// The health of the reverse streams.
pub fn way_back(movement: &MoveTables, facts: &Facts) -> WayBack {
    let name = movement.workflow().reverse();
    let closed = |why: String| WayBack { possible: false, why, lag_seconds: None };
    let Some(workflow) = facts.workflow(movement.source(), &name) else {
        return closed(format!("`{}.{name}` does not exist", movement.source()));
    };
    let sick: Vec<&Stream> = workflow.streams.iter().filter(|stream| stream.state != StreamState::Running).collect();
    if let Some(stream) = sick.first() {
        return closed(format!(
            "stream {} of `{}.{name}` is {}: {}",
            stream.id,
            movement.source(),
            stream.state.as_str(),
            stream.message
        ));
    }
    match workflow.transaction_lag_seconds {
        None => closed("the lag of the reverse streams is not known".into()),
        Some(lag) => WayBack {
            possible: true,
            why: format!("{} reverse streams run, lag {lag} s", workflow.streams.len()),
            lag_seconds: Some(lag),
        },
    }
}
