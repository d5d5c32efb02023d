//! Resume: streams that stand still start again.

use super::super::MoveTables;
use super::copy;
use crate::family::picture::StreamShape;
use crate::family::{SituationKind, Step, View};

pub fn step(movement: &MoveTables, view: &View<'_>) -> Step {
    if view.situation.kind != SituationKind::Moving {
        return Step::Done(vec!["no stream of the way forward stands still".into()]);
    }
    let streams = movement.streams_of(view.facts, movement.target(), movement.workflow());
    if streams.has(StreamShape::Stopped) {
        return Step::Act(copy::mutation(movement));
    }
    Step::Done(vec![format!("the streams on {} shards run", streams.by_shard.len())])
}
