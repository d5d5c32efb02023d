//! Switch back: all traffic to the source, at once, in any window. Reads first: the source is up to date while the reverse streams
//! run, and a read that goes back early is never wrong about where the write went.

use super::super::MoveTables;
use super::switch_replicas;
use crate::cluster::mutation::{Direction, Mutation};
use crate::family::{Side, SituationKind, Step, View};
use crate::finding::{Finding, Severity};
use crate::model::topology::TabletType;

pub fn mutations(movement: &MoveTables) -> Vec<Mutation> {
    [TabletType::Rdonly, TabletType::Replica, TabletType::Primary]
        .into_iter()
        .map(|kind| switch_replicas::mutation(movement, kind, Direction::Backward))
        .collect()
}

pub fn step(movement: &MoveTables, view: &View<'_>) -> Step {
    let traffic = view.situation.traffic;
    match view.situation.kind {
        SituationKind::Moving | SituationKind::Switched => {
            for (side, kind) in [
                (traffic.rdonly, TabletType::Rdonly),
                (traffic.replica, TabletType::Replica),
                (traffic.primary, TabletType::Primary),
            ] {
                if side != Side::Source {
                    return Step::Act(switch_replicas::mutation(movement, kind, Direction::Backward));
                }
            }
            Step::Done(vec![format!("all traffic is at `{}`", movement.source())])
        }
        SituationKind::NotBegun | SituationKind::Cancelled => Step::Done(vec!["nothing was switched".into()]),
        _ => Step::Blocked(Finding::fail(
            "C330",
            Severity::Error,
            movement.workflow().as_str(),
            format!("there is no way back from here: {}", view.situation.words),
            "after `complete` the rows live in the target alone; a way back is a new movement from there",
        )),
    }
}
