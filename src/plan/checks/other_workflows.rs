//! C222: no other workflow carries the tables, or reshards their keyspaces.

use std::collections::BTreeSet;

use super::asks::{counted, listed, nothing_more, unread};
use super::{Check, CheckInput};
use crate::cluster::port::{Ask, Query};
use crate::finding::{Finding, Severity};
use crate::model::sql::filtered_table;
use crate::model::workflow::Workflow;
use crate::run::phase::PhaseId;

const CODE: &str = "C222";

/// Vitess makes and ends these by itself, for schema changes.
const ONLINE_DDL: &str = "OnlineDDL";
const RESHARD: &str = "Reshard";

pub static CHECK: Check = Check {
    code: CODE,
    title: "no other workflow carries the tables",
    before: &[PhaseId::CREATE, PhaseId::SWITCH_PRIMARY, PhaseId::COMPLETE],
    waivable: true,
    query: |movement| Query {
        asks: [Ask::Workflows(movement.source().clone()), Ask::Workflows(movement.target().clone())].into(),
        ..Query::default()
    },
    follow_up: nothing_more,
    run,
    page: PAGE,
};

const PAGE: &str = "\
## What it means
A workflow of another name, in the source keyspace or in the target, writes to one of the tables or reads one of them: a MoveTables,
a Materialize, one that fills a lookup vindex. Or one of the two keyspaces is being resharded.

## Why it matters
Vitess doesn't look at other workflows. Two that write to one table overwrite each other's rows, and the switch of one turns the
routing rules of both. A workflow that reads a table from the source goes on to read it there: from the switch on through the way
back, and after `complete` its streams stop, for the table is gone. A Reshard changes the shards that this movement counts on.

## What to do
Finish or cancel the other one first: `vtctldclient GetWorkflows KEYSPACE` shows it. One whose streams are FROZEN was switched and
never completed. A Materialize that shall live on has to be made anew, from the target. Waive what you know to be harmless.

## When it is inconclusive
The workflows of a keyspace could not be read: a primary of it did not answer.

## What it reads
The workflows of both keyspaces (`GetWorkflows`), from their shards' primaries. A workflow runs where it writes: one that reads these
tables into a third keyspace isn't seen, and `vtctldclient GetWorkflows` of that keyspace shows it.
";

fn run(input: &CheckInput<'_>) -> Vec<Finding> {
    let movement = input.movement;
    let mut findings = Vec::new();
    let mut count = 0;
    for keyspace in BTreeSet::from([movement.source(), movement.target()]) {
        let workflows = match input.facts.workflows_of(&Ask::Workflows(keyspace.clone())) {
            Ok(workflows) => workflows,
            Err(why) => {
                findings.push(unread(CODE, keyspace.as_str(), &format!("the workflows of `{keyspace}`"), &why));
                continue;
            }
        };
        let others = workflows.iter().filter(|workflow| !is_own(input, workflow) && workflow.workflow_type != ONLINE_DDL);
        for workflow in others {
            count += 1;
            findings.extend(of_workflow(input, workflow));
        }
    }
    if findings.is_empty() {
        let (source, target) = (movement.source(), movement.target());
        let others = counted(count, "other workflow");
        let summary = format!("none of the {others} of `{source}` and `{target}` carries the tables");
        findings.push(Finding::pass(CODE, target.as_str(), summary));
    }
    findings
}

/// By its name: whether it is ours indeed is C210's.
fn is_own(input: &CheckInput<'_>, workflow: &Workflow) -> bool {
    let movement = input.movement;
    let is = |keyspace: &str, name: &str| workflow.keyspace == keyspace && workflow.name == name;
    is(movement.target().as_str(), movement.workflow().as_str())
        || is(movement.source().as_str(), movement.workflow().reverse().as_str())
}

fn of_workflow(input: &CheckInput<'_>, workflow: &Workflow) -> Option<Finding> {
    let name = format!("{}.{}", workflow.keyspace, workflow.name);
    let (written, read) = carried(input, workflow);
    let does = if workflow.workflow_type == RESHARD {
        format!("reshards `{}`", workflow.keyspace)
    } else if !written.is_empty() {
        format!("writes {}", listed(&written))
    } else if !read.is_empty() {
        format!("reads {}", listed(&read))
    } else {
        return None;
    };
    let frozen = if workflow.streams.iter().any(|stream| stream.is_frozen()) {
        ", and its streams are FROZEN: it was switched and never completed"
    } else {
        ""
    };
    Some(
        Finding::fail(
            CODE,
            Severity::Error,
            name.as_str(),
            format!("the workflow `{name}` ({}) {does}{frozen}", workflow.workflow_type),
            format!(
                "finish or cancel it first: `vtctldclient Workflow --keyspace {} show --workflow {}`",
                workflow.keyspace, workflow.name
            ),
        )
        .seen(does),
    )
}

/// The moved tables that a workflow writes to, and those that it reads, in either keyspace.
fn carried(input: &CheckInput<'_>, workflow: &Workflow) -> (BTreeSet<String>, BTreeSet<String>) {
    let movement = input.movement;
    let is_moved = |table: &str| movement.tables.iter().any(|name| name.as_str() == table);
    let is_of_both = |keyspace: &str| keyspace == movement.source().as_str() || keyspace == movement.target().as_str();
    let (mut written, mut read) = (BTreeSet::new(), BTreeSet::new());
    for stream in &workflow.streams {
        for (table, filter) in &stream.tables {
            if is_moved(table) {
                written.insert(format!("{}.{table}", workflow.keyspace));
            }
            let from = filtered_table(filter).unwrap_or(table);
            if is_moved(from) && is_of_both(&stream.source_keyspace) {
                read.insert(format!("{}.{from}", stream.source_keyspace));
            }
        }
    }
    (written, read)
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{Fixture, keyspace};
    use super::*;
    use crate::cluster::port::Answer;
    use crate::model::workflow::{FROZEN, StreamState};

    /// A workflow of `customer` that reads from a keyspace, with one rule: table and filter.
    fn with(kind: &str, name: &str, from: &str, (table, filter): (&str, &str)) -> Fixture {
        let mut fixture = Fixture::new();
        fixture.add_workflow("customer", name, &[("-80", 1)]);
        let mut workflow = fixture.facts.workflows.pop().unwrap();
        workflow.workflow_type = kind.into();
        workflow.streams[0].source_keyspace = from.into();
        workflow.streams[0].tables = [(table.to_owned(), filter.to_owned())].into();
        fixture.answer(Ask::Workflows(keyspace("customer")), Answer::Workflows(vec![workflow]));
        fixture
    }

    #[test]
    fn one_that_writes_or_reads_a_moved_table_blocks_and_one_of_other_tables_does_not() {
        let finding = with("MoveTables", "w", "archive", ("corder", "select * from corder")).only_amiss(&CHECK);
        assert!(finding.blocks());
        assert_eq!(finding.summary, "the workflow `customer.w` (MoveTables) writes `customer.corder`");
        let finding = with("Materialize", "w", "commerce", ("sales", "select sku from corder group by sku")).only_amiss(&CHECK);
        assert_eq!(finding.summary, "the workflow `customer.w` (Materialize) reads `commerce.corder`");
        assert!(with("MoveTables", "w", "commerce", ("product", "select * from product")).amiss(&CHECK).is_empty());
        assert!(with("Materialize", "w", "archive", ("sales", "select sku from corder")).amiss(&CHECK).is_empty());
    }

    #[test]
    fn our_own_is_not_another_and_a_schema_change_is_none_of_these() {
        let rule = ("corder", "select * from corder");
        assert!(with("MoveTables", "commerce2customer", "commerce", rule).amiss(&CHECK).is_empty());
        assert!(with("OnlineDDL", "w", "customer", rule).amiss(&CHECK).is_empty());
    }

    #[test]
    fn a_reshard_blocks_whatever_it_carries_and_frozen_streams_are_told() {
        let mut fixture = with("Reshard", "w", "customer", ("/.*", "-40"));
        assert!(fixture.only_amiss(&CHECK).summary.contains("reshards `customer`"));
        let ask = Ask::Workflows(keyspace("customer"));
        let mut workflows = fixture.facts.workflows_of(&ask).unwrap().clone();
        (workflows[0].streams[0].state, workflows[0].streams[0].message) = (StreamState::Stopped, FROZEN.into());
        fixture.answer(ask, Answer::Workflows(workflows));
        assert!(fixture.only_amiss(&CHECK).summary.contains("never completed"));
    }
}
