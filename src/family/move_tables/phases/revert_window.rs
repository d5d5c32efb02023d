//! The revert window: the target takes writes, the reverse streams keep the source up to date, and time passes.

use jiff::{SignedDuration, Timestamp};

use super::super::{MoveTables, attempts};
use crate::cluster::port::Facts;
use crate::family::{Family as _, SituationKind, Step, View, Waiting, WayBack};
use crate::finding::{Finding, Severity};
use crate::model::workflow::StreamState;
use crate::record::progress::StandingApproval;
use crate::run::phase::PhaseId;
use crate::words::{counted, length, moment};

pub fn step(movement: &MoveTables, view: &View<'_>) -> Step {
    if view.situation.kind != SituationKind::Switched {
        return Step::Done(vec!["traffic is past it".into()]);
    }
    let health = health(movement, view);
    if let Some(approval) = ended_by(movement, view) {
        return Step::Done(vec![format!("ended by {}: {}", approval.by, approval.reason), health]);
    }
    let Some(switched_at) = view.progress.reached.get(&PhaseId::SWITCH_PRIMARY) else {
        return Step::Wait(Waiting::new(format!("the primary switch is not on record yet; {health}")));
    };
    let window_seconds = movement.revert_window_seconds(view.facts);
    let seconds = i64::try_from(window_seconds).unwrap_or(i64::MAX / 4);
    let Ok(until) = switched_at.checked_add(SignedDuration::from_secs(seconds)) else {
        return Step::Wait(Waiting::new(format!("the revert window ends beyond the calendar; {health}")));
    };
    if view.now >= until {
        if let Some(finding) = another_clock(movement, view, until) {
            return Step::Blocked(finding);
        }
        return Step::Done(vec![format!("{} have passed since the switch", length(window_seconds)), health]);
    }
    Step::Until(until, Waiting::new(health))
}

/// How far this machine's clock and those of the tablets may be apart, the seconds between two signs of life of a stream included.
const CLOCKS_APART: SignedDuration = SignedDuration::from_secs(120);

/// What `complete` takes away never comes back, so the end of the window is not believed to one clock alone: reverse streams that run
/// write the time of their tablets at each sign of life (`_vt.vreplication.time_updated`).
fn another_clock(movement: &MoveTables, view: &View<'_>, until: Timestamp) -> Option<Finding> {
    let workflow = view.facts.workflow(movement.source(), &movement.workflow().reverse())?;
    let running = workflow.streams.iter().filter(|stream| stream.state == StreamState::Running);
    let newest = running.filter_map(|stream| stream.updated_at).max()?;
    let is_behind = newest.checked_add(CLOCKS_APART).is_ok_and(|latest| latest < until);
    is_behind.then(|| {
        Finding::fail(
            "C335",
            Severity::Error,
            movement.workflow().as_str(),
            format!(
                "this machine's clock says that the revert window ended {}, and the newest sign of life of the reverse streams is of {}: a \
                 clock is wrong, or they stand still",
                moment(until),
                moment(newest)
            ),
            "set the clock right, or see why the streams stand still (`cutover doctor`), then `cutover apply`; or end the window yourself: \
             `cutover approve complete --end-revert-window --reason TEXT`",
        )
    })
}

/// The approval that ends the window: given for the plan as it is, not expired, and by somebody who saw this switch done.
fn ended_by<'a>(movement: &MoveTables, view: &View<'a>) -> Option<&'a StandingApproval> {
    let switched_at_serial = attempts::switched_at_serial(movement, view.progress);
    view.progress.approvals.iter().find(|approval| {
        approval.gate == PhaseId::COMPLETE
            && approval.end_revert_window
            && approval.serial > switched_at_serial
            && view.progress.stands(approval, view.now)
    })
}

fn health(movement: &MoveTables, view: &View<'_>) -> String {
    let way_back = way_back(movement, view.facts);
    if way_back.possible {
        format!("the way back is open: {}", way_back.why)
    } else {
        format!("THE WAY BACK IS NOT OPEN: {}", way_back.why)
    }
}

/// "1 stream runs", "4 streams run".
pub fn streams_run(number: usize, word: &str) -> String {
    format!("{} {}", counted(number, word), if number == 1 { "runs" } else { "run" })
}

/// The lag above which Vitess refuses a switch by default, and we too.
pub const LAG_LIMIT_SECONDS: u64 = 30;

/// The reverse streams that don't run, one on each source shard at least: `0 stream 3`, `-80 none`.
pub fn sick(movement: &MoveTables, facts: &Facts) -> Vec<String> {
    let name = movement.workflow().reverse();
    let streams = facts.workflow(movement.source(), &name).map(|found| found.streams.as_slice()).unwrap_or_default();
    let missing = movement
        .shard_names(facts, true)
        .into_iter()
        .filter(|shard| !streams.iter().any(|stream| &stream.shard == shard))
        .map(|shard| format!("{shard} none"));
    let standing = streams.iter().filter(|stream| stream.state != StreamState::Running);
    let mut sick: Vec<String> = missing.chain(standing.map(|stream| format!("{} stream {}", stream.shard, stream.id))).collect();
    sick.sort();
    sick
}

/// The health of the reverse streams.
pub fn way_back(movement: &MoveTables, facts: &Facts) -> WayBack {
    let name = movement.workflow().reverse();
    let closed = |why: String| WayBack { possible: false, why, lag_seconds: None };
    let Some(workflow) = facts.workflow(movement.source(), &name) else {
        return closed(format!("`{}.{name}` does not exist", movement.source()));
    };
    if let Some(stream) = workflow.streams.iter().find(|stream| stream.state != StreamState::Running) {
        return closed(format!(
            "stream {} of `{}.{name}` is {}: {}",
            stream.id,
            movement.source(),
            stream.state.as_str(),
            stream.message
        ));
    }
    if let Some(sick) = sick(movement, facts).first() {
        return closed(format!("`{}.{name}` has no stream on a source shard: {sick}", movement.source()));
    }
    match workflow.transaction_lag_seconds {
        None => closed("the lag of the reverse streams is not known".into()),
        Some(lag) => WayBack {
            possible: true,
            why: format!("{}, lag {}", streams_run(workflow.streams.len(), "reverse stream"), length(lag)),
            lag_seconds: Some(lag),
        },
    }
}
