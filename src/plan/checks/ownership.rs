//! Whether a workflow that is there is the one that this movement's record knows.

use std::collections::BTreeMap;

use super::CheckInput;
use crate::cluster::mutation::Mutation;
use crate::family::Family as _;
use crate::model::name::{KeyspaceName, WorkflowName};

/// What a workflow of our name is to us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ownership {
    /// There is none, and none is being made.
    Absent,
    /// Its streams have the ids that the record holds.
    Ours,
    /// A write of ours that makes it was sent, and the ids that it gave aren't on record: what is there may be its work.
    BeingMade,
    /// There is one that the record doesn't know, or one with other streams.
    Foreign,
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
    let prefix = format!("{keyspace}.{name} ");
    let of_workflow = |ids: &BTreeMap<String, i64>| -> BTreeMap<String, i64> {
        ids.iter().filter(|(key, _)| key.starts_with(&prefix)).map(|(key, id)| (key.clone(), *id)).collect()
    };
    let recorded = of_workflow(&input.progress.streams);
    let found = of_workflow(&input.movement.incarnation(input.facts));
    if input.facts.workflow(keyspace, name).is_some() && !found.is_empty() && found == recorded {
        Ownership::Ours
    } else if may_be_making(input, keyspace == input.movement.target(), recorded.is_empty()) {
        Ownership::BeingMade
    } else if input.facts.workflow(keyspace, name).is_none() {
        Ownership::Absent
    } else {
        Ownership::Foreign
    }
}

/// Create makes the forward workflow; a primary switch makes the way back, and one backward makes the forward workflow anew.
/// One whose outcome is known counts only as long as no ids are on record: they are noted after it.
fn may_be_making(input: &CheckInput<'_>, is_forward: bool, nothing_recorded: bool) -> bool {
    let open = input.progress.open_attempt.iter().map(|attempt| (attempt, true));
    let known = input.progress.attempts.iter().map(|attempt| (attempt, false));
    open.chain(known).any(|(attempt, is_open)| {
        let makes_it = match &attempt.mutation {
            Mutation::CreateMoveTables(_) => is_forward,
            Mutation::SwitchTraffic(switch) => switch.moves_writes(),
            _ => false,
        };
        makes_it && !attempt.came_to_nothing() && (is_open || nothing_recorded)
    })
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::Fixture;
    use super::*;
    use crate::record::entry::OutcomeResult;

    #[test]
    fn a_workflow_is_ours_by_its_stream_ids_and_not_by_its_name() {
        let mut fixture = Fixture::new();
        assert_eq!(ownership(&fixture.input()), Ownership::Absent);
        fixture.add_workflow("customer", "commerce2customer", &[("-80", 7), ("80-", 8)]);
        assert_eq!(ownership(&fixture.input()), Ownership::Foreign);
        fixture.record_streams("customer.commerce2customer", &[("-80", 7), ("80-", 8)]);
        assert_eq!(ownership(&fixture.input()), Ownership::Ours);
        fixture.record_streams("customer.commerce2customer", &[("-80", 7), ("80-", 9)]);
        assert_eq!(ownership(&fixture.input()), Ownership::Foreign);
        fixture.record_streams("customer.commerce2customer", &[("-80", 7)]);
        assert_eq!(ownership(&fixture.input()), Ownership::Foreign);
    }

    #[test]
    fn a_create_whose_ids_are_not_on_record_makes_what_is_found_possibly_ours() {
        let mut fixture = Fixture::new();
        fixture.open_create();
        fixture.add_workflow("customer", "commerce2customer", &[("-80", 7)]);
        assert_eq!(ownership(&fixture.input()), Ownership::BeingMade);
        assert_eq!(ownership_of_way_back(&fixture.input()), Ownership::Absent);

        let mut ended = fixture.progress.open_attempt.take().unwrap();
        ended.outcome = Some((OutcomeResult::Done, fixture.facts.observed_at));
        fixture.progress.attempts.push(ended);
        assert_eq!(ownership(&fixture.input()), Ownership::BeingMade);
        fixture.progress.attempts[0].outcome = Some((OutcomeResult::NotDone, fixture.facts.observed_at));
        assert_eq!(ownership(&fixture.input()), Ownership::Foreign);
    }
}
