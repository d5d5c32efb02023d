//! C223: nothing that another movement has left is in the way: denied tables, a lock of our name.

use std::collections::BTreeSet;

use super::asks::{both_keyspaces_and, counted, listed, nothing_more, unread};
use super::{Check, CheckInput, Ownership, ownership};
use crate::cluster::mutation::shell;
use crate::cluster::port::{Ask, HeldLock, Query};
use crate::family::Family as _;
use crate::family::move_tables::MoveTables;
use crate::finding::{Finding, Severity};
use crate::model::name::KeyspaceName;
use crate::model::topology::shard_path;
use crate::run::locks;
use crate::run::phase::PhaseId;

const CODE: &str = "C223";

pub static CHECK: Check = Check {
    code: CODE,
    title: "nothing that another movement has left is in the way",
    before: &[PhaseId::CREATE],
    waivable: true,
    query,
    follow_up: nothing_more,
    run,
    page: PAGE,
};

const PAGE: &str = "\
## What it means
Before this movement begins, a shard of the source denies one of the tables, and no workflow explains it. Or the named lock of this
workflow, or of its way back, is held: by somebody who is at work, or by a vtctld that died.

## Why it matters
Every write to a denied table is refused, now and until a switch: a movement was cancelled or completed half way, and may have left
more. In the target it does no harm, for create denies the tables there by itself. vtctld takes a workflow's named lock for 24 hours,
and leaves it when it dies in a switch: each switch, complete and cancel of this name then waits 45 s and fails.

## What to do
`cutover doctor` says what stands in the cluster and whose it may be, `cutover repair` mends what it may. Allow a table by hand when you
know that it is the right copy: `vtctldclient SetShardTabletControl --denied-tables TABLE --remove KEYSPACE/SHARD primary`, then
`vtctldclient RefreshStateByShard KEYSPACE/SHARD`. A dead one's lock is gone after 24 hours; another `workflow` name has another lock.

Other leftovers have their own checks: rules (C208, C220), a workflow of this name (C210), other workflows and frozen streams (C222),
tables (C204, C219). The journal of a switch counts for the streams that wrote it alone. Those of this movement aren't there yet, so
none can be told to be in its way; create looks for one once it has made them, and names it.

## When it is inconclusive
The locks, or the workflows of a keyspace, could not be read.

## What it reads
The shard records of both keyspaces, which are part of every look; the workflows of both (shared with C222); and the named locks and the
keyspaces' locks from the topology (`GetTopologyPath`): four paths, and one more for each lock that is held.
";

fn query(movement: &MoveTables) -> Query {
    both_keyspaces_and(
        movement,
        [movement.lock_ask(), Ask::Workflows(movement.source().clone()), Ask::Workflows(movement.target().clone())],
    )
}

fn run(input: &CheckInput<'_>) -> Vec<Finding> {
    let mut findings = of_locks(input);
    for keyspace in [input.movement.source(), input.movement.target()] {
        findings.extend(denied(input, keyspace));
    }
    if findings.is_empty() {
        let subject = input.movement.source().as_str();
        findings.push(Finding::pass(CODE, subject, "no denied table and no lock of an earlier movement is in the way"));
    }
    findings
}

/// Tables that a keyspace denies without a reason.
fn denied(input: &CheckInput<'_>, keyspace: &KeyspaceName) -> Vec<Finding> {
    // What a workflow of our name denies is its own, and C210 tells whose that is.
    if ownership(input) != Ownership::Absent {
        return vec![];
    }
    let mut explained = BTreeSet::new();
    for of in [input.movement.source(), input.movement.target()] {
        match input.facts.workflows_of(&Ask::Workflows(of.clone())) {
            Ok(workflows) => explained.extend(workflows.iter().flat_map(|workflow| workflow.tables())),
            Err(why) => {
                // Said once, by the keyspace itself.
                let of_itself = (of == keyspace).then(|| unread(CODE, of.as_str(), &format!("the workflows of `{of}`"), &why));
                return of_itself.into_iter().collect();
            }
        }
    }
    let shards = input.facts.keyspaces.get(keyspace).into_iter().flat_map(|known| &known.shards);
    shards
        .filter_map(|(shard, record)| {
            let denied = record.denied_tables();
            let tables = input.movement.tables.iter().map(|table| table.as_str());
            let tables: Vec<&str> = tables.filter(|table| denied.contains(*table) && !explained.contains(*table)).collect();
            (!tables.is_empty()).then(|| of_shard(input, keyspace, &shard_path(keyspace, shard), &tables))
        })
        .collect()
}

fn of_shard(input: &CheckInput<'_>, keyspace: &KeyspaceName, shard: &str, tables: &[&str]) -> Finding {
    let seen = listed(tables);
    if keyspace == input.movement.target() {
        let summary = format!("shard `{shard}` denies {seen} already, as create will; another movement has left that");
        return Finding::fail(CODE, Severity::Note, shard, summary, "`cutover doctor` says what else it has left").seen(seen);
    }
    let names = shell(&tables.join(","));
    Finding::fail(
        CODE,
        Severity::Error,
        shard,
        format!(
            "shard `{shard}` denies {seen}, and no workflow carries {}: writes are refused there",
            if tables.len() == 1 { "it" } else { "them" }
        ),
        format!(
            "`cutover doctor` says what else was left; if this is the right copy: `vtctldclient SetShardTabletControl \
             --denied-tables {names} --remove {shard} primary`, then `vtctldclient RefreshStateByShard {shard}`"
        ),
    )
    .seen(seen)
}

/// The named locks of the workflow and of its way back.
fn of_locks(input: &CheckInput<'_>) -> Vec<Finding> {
    let held = match input.facts.locks(&input.movement.lock_ask()) {
        Ok(held) => held,
        Err(why) => {
            return vec![unread(CODE, input.movement.target().as_str(), "the locks of the workflow and its keyspaces", &why)];
        }
    };
    let beside = locks::of_a_keyspace(held).is_some();
    held.iter().filter(|lock| lock.is_named() && !lock.waits).map(|lock| of_lock(input, lock, beside)).collect()
}

fn of_lock(input: &CheckInput<'_>, lock: &HeldLock, beside: bool) -> Finding {
    let who = locks::words(lock);
    if locks::looks_dead(lock, beside, input.facts.observed_at) {
        Finding::fail(
            CODE,
            Severity::Error,
            lock.of.as_str(),
            format!("{who}: whoever took it is dead, and each switch would wait for it and fail"),
            format!("see first that its process is gone; `cutover doctor` says how the lock is taken away. Or take another `workflow` name than {}", input.movement.workflow()),
        )
        .at("workflow")
        .seen(lock.node.clone())
    } else {
        Finding::fail(
            CODE,
            Severity::Warning,
            lock.of.as_str(),
            format!("{who}: somebody may be at work under this name"),
            "look again when they have ended",
        )
        .seen(counted(1, "lock"))
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{Fixture, keyspace};
    use super::*;
    use crate::cluster::port::{Answer, Answered, Unread};
    use crate::finding::CheckResult;
    use crate::model::topology::{TabletControl, TabletType};

    fn deny(fixture: &mut Fixture, of: &str, shard: &str, table: &str) {
        fixture.shard_mut(of, shard).tablet_controls = vec![TabletControl {
            tablet_type: TabletType::Primary,
            cells: vec![],
            denied_tables: vec![table.to_owned()],
            frozen: false,
            allow_reads: false,
        }];
    }

    fn lock(of: &str, time: &str) -> HeldLock {
        HeldLock {
            of: of.into(),
            node: "7587870493894462747".into(),
            version: 1,
            waits: false,
            action: "SwitchWrites".into(),
            host: "ops1".into(),
            user: "vitess".into(),
            time: time.into(),
        }
    }

    #[test]
    fn a_table_that_the_source_denies_blocks_and_in_the_target_it_is_a_note() {
        let mut fixture = Fixture::new();
        deny(&mut fixture, "commerce", "0", "product");
        assert!(fixture.amiss(&CHECK).is_empty(), "another table");
        deny(&mut fixture, "commerce", "0", "corder");
        let finding = fixture.only_amiss(&CHECK);
        assert!(finding.blocks());
        assert_eq!(finding.summary, "shard `commerce/0` denies `corder`, and no workflow carries it: writes are refused there");

        let mut fixture = Fixture::new();
        deny(&mut fixture, "customer", "80-", "corder");
        let finding = fixture.only_amiss(&CHECK);
        assert_eq!((finding.severity, finding.subject.as_str()), (Severity::Note, "customer/80-"));
    }

    #[test]
    fn what_a_workflow_carries_is_explained() {
        let mut fixture = Fixture::new();
        deny(&mut fixture, "commerce", "0", "corder");
        fixture.add_workflow("customer", "another", &[("-80", 1)]);
        let mut workflow = fixture.facts.workflows.pop().unwrap();
        workflow.streams[0].tables = [("corder".to_owned(), String::new())].into();
        fixture.answer(Ask::Workflows(keyspace("customer")), Answer::Workflows(vec![workflow]));
        assert!(fixture.amiss(&CHECK).is_empty());

        let mut fixture = Fixture::new();
        deny(&mut fixture, "commerce", "0", "corder");
        fixture.open_create();
        assert!(fixture.amiss(&CHECK).is_empty(), "a create of ours may be at work");
    }

    #[test]
    fn workflows_that_cannot_be_read_are_said_once_and_explain_nothing() {
        for of in ["commerce", "customer"] {
            let mut fixture = Fixture::new();
            deny(&mut fixture, "commerce", "0", "corder");
            let ask = Ask::Workflows(keyspace(of));
            fixture.facts.answers.retain(|answered| answered.ask != ask);
            fixture.facts.answers.push(Answered { ask, answer: Err(Unread::new("it is away")) });
            let finding = fixture.only_amiss(&CHECK);
            assert_eq!((finding.subject.as_str(), finding.result), (of, CheckResult::Inconclusive), "{finding:?}");
        }
    }

    #[test]
    fn a_dead_ones_lock_blocks_and_a_living_ones_warns() {
        let mut fixture = Fixture::new();
        fixture.facts.observed_at = "2026-12-01T14:00:00Z".parse().unwrap();
        let ask = fixture.movement.lock_ask();
        let named = lock("customer/commerce2customer", "2026-12-01T13:00:00Z");
        fixture.answer(ask.clone(), Answer::Locks(vec![named.clone()]));
        let finding = fixture.only_amiss(&CHECK);
        assert!(finding.blocks() && finding.subject == "customer/commerce2customer", "{finding:?}");

        let beside = lock("commerce", "2026-12-01T13:00:00Z");
        fixture.answer(ask.clone(), Answer::Locks(vec![named, beside.clone()]));
        assert!(!fixture.only_amiss(&CHECK).blocks());
        fixture.answer(ask, Answer::Locks(vec![beside]));
        assert!(fixture.amiss(&CHECK).is_empty(), "a keyspace is locked for a moment by much else");
    }
}
