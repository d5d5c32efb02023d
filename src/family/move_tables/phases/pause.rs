//! Pause: the streams stand still; nothing else changes.

use super::super::MoveTables;
use crate::cluster::mutation::{Mutation, SetStreams, StreamsWanted};
use crate::family::picture::StreamShape;
use crate::family::{SituationKind, Step, View};
use crate::finding::{Finding, Severity};
use crate::words::counted;

pub fn step(movement: &MoveTables, view: &View<'_>) -> Step {
    match view.situation.kind {
        SituationKind::Moving => {}
        SituationKind::Switched => {
            return Step::Blocked(Finding::fail(
                "C334",
                Severity::Error,
                movement.workflow().as_str(),
                "the target takes writes: the streams that run now are the way back, and pausing stops nothing",
                "`cutover resume` takes the pause back; the gate before `complete` holds the movement, or `cutover switch-back`",
            ));
        }
        _ => return Step::Done(vec!["no stream of the way forward runs".into()]),
    }
    let streams = movement.streams_of(view.facts, movement.target(), movement.workflow());
    if streams.all(StreamShape::Stopped) {
        return Step::Done(vec![format!("the streams on {} stand still", counted(streams.by_shard.len(), "shard"))]);
    }
    Step::Act(Mutation::SetStreams(SetStreams {
        keyspace: movement.target().clone(),
        workflow: movement.workflow().clone(),
        wanted: StreamsWanted::Stopped,
        message: None,
    }))
}
