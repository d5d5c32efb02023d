//! Pause: the streams stand still; nothing else changes.

use super::super::MoveTables;
use crate::cluster::mutation::{Mutation, SetStreams, StreamsWanted};
use crate::family::picture::StreamShape;
use crate::family::{SituationKind, Step, View};

pub fn step(movement: &MoveTables, view: &View<'_>) -> Step {
    if view.situation.kind != SituationKind::Moving {
        return Step::Done(vec!["no stream of the way forward runs".into()]);
    }
    let shapes = movement.streams_of(view.facts, movement.target(), movement.workflow()).by_shard;
    if shapes.values().all(|shape| *shape == StreamShape::Stopped) {
        return Step::Done(vec![format!("the streams on {} shards stand still", shapes.len())]);
    }
    Step::Act(Mutation::SetStreams(SetStreams {
        keyspace: movement.target().clone(),
        workflow: movement.workflow().clone(),
        wanted: StreamsWanted::Stopped,
        message: None,
    }))
}
