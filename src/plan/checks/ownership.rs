//! Whether a workflow that is there is the one that this movement's record knows.

use std::collections::BTreeSet;

use super::CheckInput;
use crate::cluster::mutation::Mutation;
use crate::model::name::{KeyspaceName, WorkflowName};
use crate::model::workflow::Workflow;

/// What a workflow of our name is to us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ownership {
    /// There is none, and none is being made.
    Absent,
    /// Its streams have the ids that the record holds.
    Ours,
    /// A write of ours that makes it was sent and its outcome isn't recorded: what is there may be that write's work.
    BeingMade,
    /// There is one that the record doesn't know, or one with other streams.
    Foreign,
}

impl Ownership {
    pub fn is_ours(self) -> bool {
        matches!(self, Self::Ours | Self::BeingMade)
    }
}

/// What the workflow in the target keyspace is to us.
pub fn ownership(input: &CheckInput<'_>) -> Ownership {
    ownership_of(input, input.movement.target(), input.movement.workflow())
}

/// The same of the way back, in the source keyspace.
pub fn ownership_of_way_back(input: &CheckInput<'_>) -> Ownership {
    ownership_of(input, input.movement.source(), &input.movement.workflow().reverse())
}

fn ownership_of(input: &CheckInput<'_>, keyspace: &KeyspaceName, name: &WorkflowName) -> Ownership {
    if may_be_making(input, keyspace) {
        return Ownership::BeingMade;
    }
    match input.facts.workflow(keyspace, name) {
        None => Ownership::Absent,
        Some(workflow) if has_recorded_streams(input, workflow) => Ownership::Ours,
        Some(_) => Ownership::Foreign,
    }
}

/// Create makes the forward workflow; a switch makes the way back, and one backward makes the forward workflow anew.
fn may_be_making(input: &CheckInput<'_>, keyspace: &KeyspaceName) -> bool {
    let Some(open) = &input.progress.open_attempt else { return false };
    match &open.mutation {
        Mutation::CreateMoveTables(_) => keyspace == input.movement.target(),
        Mutation::SwitchTraffic(switch) => switch.moves_writes(),
        _ => false,
    }
}

/// The record's keys are `stream <keyspace>.<workflow> <shard> <source shard>`.
fn has_recorded_streams(input: &CheckInput<'_>, workflow: &Workflow) -> bool {
    let prefix = format!("stream {}.{} ", workflow.keyspace, workflow.name);
    let recorded: BTreeSet<(String, i64)> = input
        .progress
        .streams
        .iter()
        .filter_map(|(key, id)| {
            let shard = key.strip_prefix(&prefix)?.split(' ').next()?;
            Some((shard.to_owned(), *id))
        })
        .collect();
    !recorded.is_empty() && recorded == workflow.stream_ids().into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::Fixture;
    use super::*;

    #[test]
    fn a_workflow_is_ours_by_its_stream_ids_and_not_by_its_name() {
        let mut fixture = Fixture::new();
        assert_eq!(ownership(&fixture.input()), Ownership::Absent);
        fixture.add_workflow("customer", "c2c", &[("-80", 7), ("80-", 8)]);
        assert_eq!(ownership(&fixture.input()), Ownership::Foreign);
        fixture.record_streams("customer.c2c", &[("-80", 7), ("80-", 8)]);
        assert_eq!(ownership(&fixture.input()), Ownership::Ours);
        fixture.record_streams("customer.c2c", &[("-80", 7), ("80-", 9)]);
        assert_eq!(ownership(&fixture.input()), Ownership::Foreign);
    }

    #[test]
    fn an_open_create_makes_what_is_found_possibly_ours() {
        let mut fixture = Fixture::new();
        fixture.open_create();
        fixture.add_workflow("customer", "c2c", &[("-80", 7)]);
        assert_eq!(ownership(&fixture.input()), Ownership::BeingMade);
        assert_eq!(ownership_of_way_back(&fixture.input()), Ownership::Absent);
    }
}
