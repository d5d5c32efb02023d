//! Complete: the end of the way back.

use super::super::MoveTables;
use crate::cluster::mutation::{CompleteMoveTables, Mutation};
use crate::family::{Side, SituationKind, Step, View};

pub fn mutation(movement: &MoveTables) -> Mutation {
    Mutation::CompleteMoveTables(CompleteMoveTables {
        workflow: movement.workflow().clone(),
        target_keyspace: movement.target().clone(),
        source_tables: movement.spec.complete.source_tables,
        table_count: movement.tables.len(),
    })
}

pub fn step(movement: &MoveTables, view: &View<'_>) -> Step {
    match view.situation.kind {
        SituationKind::Switched => {
            let traffic = view.situation.traffic;
            if [traffic.rdonly, traffic.replica, traffic.primary].iter().all(|side| *side == Side::Target) {
                Step::Act(mutation(movement))
            } else {
                Step::Between("not all traffic is at the target".into())
            }
        }
        SituationKind::Completed | SituationKind::Ended => {
            Step::Done(vec!["both workflows are gone, source tables and denied tables are as forecast".into()])
        }
        _ => Step::Between("the primary is not switched".into()),
    }
}
