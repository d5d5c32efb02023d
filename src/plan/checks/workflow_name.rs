//! C210: no workflow of this name is there, or it is ours.

use super::asks::nothing_more;
use super::ownership::{Ownership, ownership, ownership_of_way_back};
use super::{Check, CheckInput};
use crate::cluster::port::Query;
use crate::finding::{Finding, Severity};
use crate::run::phase::PhaseId;

const CODE: &str = "C210";

pub static CHECK: Check = Check {
    code: CODE,
    title: "the workflow's name is free, or the workflow is ours",
    before: &[PhaseId::CREATE, PhaseId::SWITCH_REPLICAS, PhaseId::SWITCH_PRIMARY, PhaseId::COMPLETE],
    waivable: false,
    query: |movement| Query {
        workflows: [
            (movement.target().clone(), movement.workflow().clone()),
            (movement.source().clone(), movement.workflow().reverse()),
        ]
        .into(),
        ..Query::default()
    },
    follow_up: nothing_more,
    run,
    page: PAGE,
};

const PAGE: &str = "\
## What it means
A workflow of the plan file's name is in the target keyspace, or its way back (`NAME_reverse`) in the source keyspace, and the
record doesn't know it: it holds no streams, or streams with other ids. A workflow is known by its streams' ids, not by its name.

## Why it matters
It is somebody's work: made by hand, from another plan file, or after ours was cancelled. To switch, complete or cancel it
because of its name could drop tables that nobody here has looked at.

## What to do
If this movement was begun by hand, `cutover adopt` takes it over on evidence; if its record was lost, put the record back. If it is
somebody else's, choose another `workflow` name. If it is a leftover, `vtctldclient MoveTables --workflow NAME --target-keyspace
KEYSPACE cancel` removes it, and drops its target tables. This check cannot be waived.

## When it is inconclusive
Never: which workflows are there is part of every look.

## What it reads
The workflow in the target keyspace and its way back in the source keyspace (`GetWorkflows`), from the shards' primaries.
";

fn run(input: &CheckInput<'_>) -> Vec<Finding> {
    let movement = input.movement;
    let forward = format!("{}.{}", movement.target(), movement.workflow());
    let way_back = format!("{}.{}", movement.source(), movement.workflow().reverse());
    vec![finding(ownership(input), forward), finding(ownership_of_way_back(input), way_back)]
}

fn finding(ownership: Ownership, name: String) -> Finding {
    let says = |summary: String| Finding::pass(CODE, name.as_str(), summary);
    match ownership {
        Ownership::Absent => says(format!("there is no workflow `{name}`")),
        Ownership::Ours => says(format!("the workflow `{name}` has the streams of the record")),
        Ownership::BeingMade => says(format!("a write that makes `{name}` was sent; what is there may be its work")),
        Ownership::Foreign => Finding::fail(
            CODE,
            Severity::Error,
            name.as_str(),
            format!("the workflow `{name}` is there already, and it isn't this movement's"),
            "`cutover adopt` takes over one that was made by hand, on evidence; where the record was lost, put it back (a copy lies in \
             `.cutover/` beside it); or choose another name",
        )
        .at("workflow"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::Fixture;
    use super::*;

    #[test]
    fn a_workflow_of_somebody_else_blocks_in_either_direction() {
        let mut fixture = Fixture::new();
        assert!(fixture.amiss(&CHECK).is_empty());
        fixture.add_workflow("customer", "commerce2customer", &[("-80", 1)]);
        assert_eq!(fixture.amiss(&CHECK), ["customer.commerce2customer"]);

        let mut fixture = Fixture::new();
        fixture.add_workflow("commerce", "commerce2customer_reverse", &[("0", 1)]);
        assert_eq!(fixture.amiss(&CHECK), ["commerce.commerce2customer_reverse"]);
    }

    #[test]
    fn our_own_passes_until_it_has_other_streams() {
        let mut fixture = Fixture::new();
        fixture.add_workflow("customer", "commerce2customer", &[("-80", 1), ("80-", 2)]);
        fixture.record_streams("customer.commerce2customer", &[("-80", 1), ("80-", 2)]);
        assert!(fixture.amiss(&CHECK).is_empty());
        fixture.record_streams("customer.commerce2customer", &[("-80", 1)]);
        assert_eq!(fixture.amiss(&CHECK), ["customer.commerce2customer"]);
    }

    #[test]
    fn an_open_create_is_given_the_benefit_of_the_doubt() {
        let mut fixture = Fixture::new();
        fixture.add_workflow("customer", "commerce2customer", &[("-80", 1)]);
        fixture.open_create();
        assert!(fixture.amiss(&CHECK).is_empty());
    }
}
