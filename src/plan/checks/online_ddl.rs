//! C224: no online schema change is under way on a table that moves.

use std::collections::BTreeMap;

use super::asks::{both_keyspaces_and, listed, nothing_more, unread};
use super::{Check, CheckInput};
use crate::cluster::port::{Ask, Query};
use crate::family::move_tables::MoveTables;
use crate::finding::{Finding, Severity};
use crate::model::name::KeyspaceName;
use crate::model::schema_change::SchemaChange;
use crate::run::phase::PhaseId;

const CODE: &str = "C224";

pub static CHECK: Check = Check {
    code: CODE,
    title: "no online schema change is under way on a table that moves",
    before: &[PhaseId::CREATE, PhaseId::SWITCH_PRIMARY],
    waivable: true,
    query,
    follow_up: nothing_more,
    run,
    page: PAGE,
};

const PAGE: &str = "\
## What it means
An online schema change (`ddl_strategy=vitess`) of a moved table is queued, ready or running, in the source or in the target
keyspace. One whose table Vitess does not know yet, a revert, counts too: it may be one of ours.

## Why it matters
Such a change ends with a swap of two tables. Create copies the definition that it finds, so a column that appears in the source
later stops the streams or is lost to the copy, and with `on-ddl = \"stop\"` the swap itself stops them. In the target it changes
the table under the copy. During the switch the change wants the same locks as the switch; after it the change goes on at a source
that no longer counts, and the target never gets it.

## What to do
`vtctldclient OnlineDDL show KEYSPACE running` (or `queued`, `ready`) shows it. Let it end, or cancel it with `vtctldclient OnlineDDL
cancel KEYSPACE UUID` and ask for it again when the movement is complete. A change that somebody holds back
(`--postpone-completion`) ends with `OnlineDDL complete`.

## When it is inconclusive
vtctld could not read the list of changes from a primary. Nobody knows then whether a definition is about to change.

## What it reads
`GetSchemaMigrations` of both keyspaces, four calls each, one a state: vtctld makes one SELECT on each primary for each. Changes by
other tools (gh-ost, pt-online-schema-change) don't stand there.
";

fn query(movement: &MoveTables) -> Query {
    both_keyspaces_and(movement, [movement.source(), movement.target()].map(|keyspace| Ask::SchemaChanges(keyspace.clone())))
}

fn run(input: &CheckInput<'_>) -> Vec<Finding> {
    [input.movement.source(), input.movement.target()].into_iter().flat_map(|keyspace| of_keyspace(input, keyspace)).collect()
}

fn of_keyspace(input: &CheckInput<'_>, keyspace: &KeyspaceName) -> Vec<Finding> {
    let changes = match input.facts.schema_changes(&Ask::SchemaChanges(keyspace.clone())) {
        Ok(changes) => changes,
        Err(why) => return vec![unread(CODE, keyspace.as_str(), &format!("the online schema changes of `{keyspace}`"), &why)],
    };
    // A change is one of the whole keyspace, with a row on each shard.
    let mut by_change: BTreeMap<(&str, &str), Vec<&SchemaChange>> = BTreeMap::new();
    let is_ours =
        |table: &str| table.is_empty() || input.movement.tables.iter().any(|ours| ours.as_str().eq_ignore_ascii_case(table));
    for change in changes.iter().filter(|change| is_ours(&change.table)) {
        by_change.entry((&change.table, &change.uuid)).or_default().push(change);
    }
    let mut findings: Vec<Finding> =
        by_change.into_iter().map(|((table, uuid), on_shards)| under_way(keyspace, table, uuid, &on_shards)).collect();
    if findings.is_empty() {
        findings.push(Finding::pass(
            CODE,
            keyspace.as_str(),
            format!("no online schema change is under way on the moved tables in `{keyspace}`"),
        ));
    }
    findings
}

fn under_way(keyspace: &KeyspaceName, table: &str, uuid: &str, on_shards: &[&SchemaChange]) -> Finding {
    let stage = on_shards.iter().map(|change| change.stage).max().map_or("under way", |stage| stage.as_str());
    let shards = listed(on_shards.iter().map(|change| &change.shard));
    let (subject, of) = if table.is_empty() {
        (keyspace.to_string(), format!("an online schema change of a table that isn't known yet is {stage}"))
    } else {
        (format!("{keyspace}.{table}"), format!("an online schema change of `{keyspace}.{table}` is {stage}"))
    };
    Finding::fail(
        CODE,
        Severity::Error,
        subject,
        format!("{of} on {shards}: {uuid}"),
        format!("let it end, or `vtctldclient OnlineDDL cancel {keyspace} {uuid}` and ask for it again after the movement"),
    )
    .seen(uuid)
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{Fixture, keyspace};
    use super::*;
    use crate::cluster::port::Answer;
    use crate::model::schema_change::ChangeStage;

    fn with(of: &str, changes: &[(&str, &str, ChangeStage)]) -> Fixture {
        let mut fixture = Fixture::new();
        let change = |(table, shard, stage): &(&str, &str, ChangeStage)| SchemaChange {
            uuid: format!("4e5dcf80_{table}"),
            shard: (*shard).to_owned(),
            table: (*table).to_owned(),
            stage: *stage,
        };
        fixture.answer(Ask::SchemaChanges(keyspace(of)), Answer::SchemaChanges(changes.iter().map(change).collect()));
        fixture
    }

    #[test]
    fn a_change_of_a_moved_table_blocks_on_either_side_and_is_said_once_for_all_shards() {
        let finding = with("commerce", &[("corder", "0", ChangeStage::Running)]).only_amiss(&CHECK);
        assert!(finding.blocks());
        assert_eq!(finding.summary, "an online schema change of `commerce.corder` is running on `0`: 4e5dcf80_corder");
        let both = [("corder", "-80", ChangeStage::Queued), ("corder", "80-", ChangeStage::Ready)];
        let finding = with("customer", &both).only_amiss(&CHECK);
        assert!(finding.summary.contains("is ready on `-80`, `80-`"), "{}", finding.summary);
    }

    #[test]
    fn a_change_of_another_table_is_nobodys_business_and_one_of_an_unknown_table_may_be_ours() {
        assert!(with("commerce", &[("product", "0", ChangeStage::Running)]).amiss(&CHECK).is_empty());
        assert_eq!(with("commerce", &[("", "0", ChangeStage::Queued)]).amiss(&CHECK), ["commerce"]);
        assert_eq!(with("commerce", &[("Corder", "0", ChangeStage::Queued)]).amiss(&CHECK), ["commerce.Corder"]);
    }
}
