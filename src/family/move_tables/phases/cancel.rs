//! Cancel: drop the copy, on proof that the source is the authority.

use super::super::MoveTables;
use super::switch_back;
use crate::cluster::mutation::{CancelWorkflow, Mutation};
use crate::family::{Side, SituationKind, Step, View};
use crate::finding::{Finding, Severity};

pub fn mutation(movement: &MoveTables) -> Mutation {
    Mutation::CancelWorkflow(CancelWorkflow {
        workflow: movement.workflow().clone(),
        target_keyspace: movement.target().clone(),
        table_count: movement.tables.len(),
    })
}

pub fn step(movement: &MoveTables, view: &View<'_>) -> Step {
    match view.situation.kind {
        SituationKind::NotBegun | SituationKind::Cancelled => Step::Done(vec!["nothing of the movement is left".into()]),
        SituationKind::Moving => {
            let traffic = view.situation.traffic;
            if traffic.rdonly != Side::Source || traffic.replica != Side::Source {
                // Reads first: Vitess drops the tables before it removes the rules, and reads would fail in between.
                return switch_back::step(movement, view);
            }
            Step::Act(mutation(movement))
        }
        SituationKind::Switched => Step::Blocked(Finding::fail(
            "C331",
            Severity::Error,
            movement.workflow().as_str(),
            "writes are at the target: cancelling would drop the newer rows",
            "`cutover switch-back` first, then `cutover cancel`",
        )),
        _ => Step::Blocked(Finding::fail(
            "C332",
            Severity::Error,
            movement.workflow().as_str(),
            format!("it can't be cancelled from here: {}", view.situation.words),
            "`cutover status` says where the movement stands",
        )),
    }
}
