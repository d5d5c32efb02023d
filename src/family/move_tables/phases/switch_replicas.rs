//! Switch reads: rdonly first, then replica, each its own call.

use super::super::MoveTables;
use super::copy;
use super::revert_window::streams_run;
use crate::cluster::mutation::{Direction, Mutation, SwitchTraffic};
use crate::family::{Condition, Side, SituationKind, Step, View};
use crate::model::topology::TabletType;
use crate::model::workflow::{Stream, StreamState};
use crate::words::{counted, length};

pub fn mutation(movement: &MoveTables, tablet_type: TabletType, direction: Direction) -> Mutation {
    Mutation::SwitchTraffic(SwitchTraffic {
        workflow: movement.workflow().clone(),
        target_keyspace: movement.target().clone(),
        direction,
        tablet_types: vec![tablet_type],
        timeout_seconds: movement.spec.switch.timeout_seconds,
        max_lag_seconds: 30.max(movement.spec.switch.max_lag_seconds),
        initialize_target_sequences: tablet_type == TabletType::Primary && movement.options.initialize_target_sequences,
    })
}

pub fn mutations(movement: &MoveTables) -> Vec<Mutation> {
    [TabletType::Rdonly, TabletType::Replica].into_iter().map(|kind| mutation(movement, kind, Direction::Forward)).collect()
}

pub fn step(movement: &MoveTables, view: &View<'_>) -> Step {
    if !matches!(view.situation.kind, SituationKind::Moving | SituationKind::Switched) {
        return Step::Done(vec!["traffic is past it".into()]);
    }
    let traffic = view.situation.traffic;
    if traffic.rdonly != Side::Target {
        return Step::Act(mutation(movement, TabletType::Rdonly, Direction::Forward));
    }
    if traffic.replica != Side::Target {
        return Step::Act(mutation(movement, TabletType::Replica, Direction::Forward));
    }
    Step::Done(vec![format!(
        "rdonly and replica reads lead to `{}` in the topology and in {}",
        movement.target(),
        counted(view.facts.cells.names.len(), "cell")
    )])
}

/// What both switches want of the streams.
pub fn conditions(movement: &MoveTables, view: &View<'_>) -> Vec<Condition> {
    if view.situation.kind != SituationKind::Moving {
        return vec![];
    }
    let switch = &movement.spec.switch;
    let Some(workflow) = view.facts.workflow(movement.target(), movement.workflow()) else {
        return vec![Condition::inconclusive("streams", "the workflow could not be read")];
    };
    let not_running: Vec<String> = workflow
        .streams
        .iter()
        .filter(|stream| !stream.copy_is_complete())
        .map(|stream| format!("{} is {}{}", stream.shard, stream.state.as_str(), message_of(stream)))
        .collect();
    let running = if not_running.is_empty() {
        Condition::new("streams run", true, streams_run(workflow.streams.len(), "stream"))
    } else {
        Condition::new("streams run", false, not_running.join(", "))
    };
    let stable = view.watch.lag_low_seconds(view.now);
    let lag = match workflow.transaction_lag_seconds {
        None => Condition::inconclusive("lag is low and stable", "the lag is not known"),
        Some(lag) => {
            let (most, long) = (length(switch.max_lag_seconds), length(switch.stable_for_seconds));
            let is_low = lag <= switch.max_lag_seconds;
            let is_stable = is_low && stable.unsigned_abs() >= switch.stable_for_seconds;
            let seen = if is_stable {
                format!("lag {}, at most {most} for {}", length(lag), length(stable))
            } else if is_low {
                format!("lag {}, low for {} so far; it must be at most {most} for {long}", length(lag), length(stable))
            } else {
                format!("lag {}; it must be at most {most} for {long}", length(lag))
            };
            let why = if is_stable { String::new() } else { copy::held_up(workflow, view) };
            Condition::new("lag is low and stable", is_stable, seen + &why)
        }
    };
    vec![running, lag]
}

fn message_of(stream: &Stream) -> String {
    if stream.message.is_empty() || stream.state == StreamState::Running {
        String::new()
    } else {
        format!(" ({})", stream.message)
    }
}
