//! C219: `complete` can rename each source table: the new names are free, and no two are the same.

use std::collections::BTreeMap;

use super::asks::{both_keyspaces_and, counted, definitions, listed, nothing_more, source_tables, tables_of_each_shard, unread};
use super::{Check, CheckInput};
use crate::cluster::mutation::SourceTables;
use crate::cluster::port::{Ask, Query, Reading};
use crate::family::move_tables::MoveTables;
use crate::finding::{Finding, Severity};
use crate::model::name::TableName;
use crate::run::phase::PhaseId;

const CODE: &str = "C219";

pub static CHECK: Check = Check {
    code: CODE,
    title: "the names that complete gives the source tables are free",
    before: &[PhaseId::CREATE, PhaseId::COMPLETE],
    waivable: true,
    query,
    follow_up: nothing_more,
    run,
    page: PAGE,
};

const PAGE: &str = "\
## What it means
With `source-tables = \"rename\"` complete renames each source table: `_`, the first 59 characters of its name, `_old`, for MySQL takes
64 characters. Two tables whose names begin with the same 59 get the same one, and a table of that name may already be there: the old
copy of an earlier movement.

## Why it matters
MySQL refuses the second rename (\"Table already exists\"). Vitess doesn't look before: the switch is long done, some tables are
renamed and others aren't, and complete fails each time that it is tried.

## What to do
Drop the old copy when nobody needs it (`vtctldclient ApplySchema --sql 'drop table …' KEYSPACE`), or rename it. Move tables whose names
begin alike in two movements, and drop the first one's copy between them. Or let `source-tables` be `keep` or `drop`.

## When it is inconclusive
The primary of a source shard did not tell its tables.

## What it reads
For `rename` alone, the definitions under the old and the new names from each source shard's primary: two `GetSchema` a shard.
";

fn renames(movement: &MoveTables) -> bool {
    movement.spec.complete.source_tables == SourceTables::Rename
}

fn old_tables(movement: &MoveTables) -> Ask {
    let names = movement.tables.iter().filter_map(|table| TableName::new(table.renamed()).ok()).collect();
    Ask::Tables { keyspace: movement.source().clone(), names: Some(names) }
}

fn query(movement: &MoveTables) -> Query {
    if renames(movement) {
        both_keyspaces_and(movement, [source_tables(movement), old_tables(movement)])
    } else {
        Query::default()
    }
}

fn run(input: &CheckInput<'_>) -> Vec<Finding> {
    let movement = input.movement;
    let source = movement.source();
    if !renames(movement) {
        return vec![Finding::pass(CODE, source.as_str(), "no source table is renamed")];
    }
    let mut findings = alike(movement);
    match in_the_way(input) {
        Ok(found) => findings.extend(found),
        Err(why) => findings.push(unread(CODE, source.as_str(), &format!("the tables of `{source}`"), &why)),
    }
    if findings.is_empty() {
        let names = counted(movement.tables.len(), "new name");
        findings.push(Finding::pass(CODE, source.as_str(), format!("the {names} of the source tables are free in `{source}`")));
    }
    findings
}

/// Tables that would get the same name.
fn alike(movement: &MoveTables) -> Vec<Finding> {
    let mut by_new_name: BTreeMap<String, Vec<&TableName>> = BTreeMap::new();
    for table in &movement.tables {
        by_new_name.entry(table.renamed()).or_default().push(table);
    }
    by_new_name
        .into_iter()
        .filter(|(_, tables)| tables.len() > 1)
        .map(|(name, tables)| {
            Finding::fail(
                CODE,
                Severity::Error,
                format!("{}.{name}", movement.source()),
                format!("complete would rename {} to `{name}`", listed(tables.iter().map(|table| table.as_str()))),
                "move one of them in a movement of its own, or take another `source-tables`",
            )
            .at("move-tables.tables")
            .seen(counted(tables.len(), "table"))
        })
        .collect()
}

/// New names that are taken on a shard that still has the table: where it is gone, it is the renamed table itself.
fn in_the_way(input: &CheckInput<'_>) -> Reading<Vec<Finding>> {
    let movement = input.movement;
    let source = movement.source();
    let tables = tables_of_each_shard(input.facts, source, &source_tables(movement))?;
    let old = tables_of_each_shard(input.facts, source, &old_tables(movement))?;
    let has_table = |shard: &str, table: &TableName| tables.get(shard).is_some_and(|tables| tables.contains_key(table.as_str()));
    Ok(movement
        .tables
        .iter()
        .filter_map(|table| {
            let name = table.renamed();
            let shards: Vec<&str> =
                definitions(old, &name).map(|(shard, _)| shard).filter(|shard| has_table(shard, table)).collect();
            (!shards.is_empty()).then(|| {
                Finding::fail(
                    CODE,
                    Severity::Error,
                    format!("{source}.{name}"),
                    format!(
                        "complete would rename `{source}.{table}` to `{name}`, which is there already on {}",
                        listed(&shards)
                    ),
                    format!("drop it if nobody needs it: `vtctldclient ApplySchema --sql 'drop table `{name}`' {source}`"),
                )
                .at("complete.source-tables")
                .seen(format!("on {}", counted(shards.len(), "shard")))
            })
        })
        .collect())
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{CORDER, Fixture, definition, table_name};
    use super::*;
    use crate::cluster::port::Answer;

    fn with_old_copy() -> Fixture {
        let mut fixture = Fixture::new();
        let copy = definition(&CORDER.replace("`corder`", "`_corder_old`"));
        let ask = old_tables(&fixture.movement);
        fixture.tables_mut(&ask).get_mut("0").unwrap().insert("_corder_old".into(), copy);
        fixture
    }

    #[test]
    fn an_old_copy_is_in_the_way_of_rename_alone() {
        let mut fixture = with_old_copy();
        let finding = fixture.only_amiss(&CHECK);
        assert!(finding.blocks());
        assert_eq!((finding.subject.as_str(), finding.seen.as_str()), ("commerce._corder_old", "on 1 shard"));
        for other in [SourceTables::Drop, SourceTables::Keep] {
            fixture.movement.spec.complete.source_tables = other;
            assert!(fixture.amiss(&CHECK).is_empty());
            assert!(query(&fixture.movement).asks.is_empty());
        }
    }

    #[test]
    fn where_the_table_is_gone_the_old_copy_is_what_complete_has_made_of_it() {
        let mut fixture = with_old_copy();
        let ask = source_tables(&fixture.movement);
        fixture.tables_mut(&ask).get_mut("0").unwrap().remove("corder");
        assert!(fixture.amiss(&CHECK).is_empty());
    }

    #[test]
    fn two_names_that_begin_alike_would_become_one() {
        let mut fixture = Fixture::new();
        let stem = "x".repeat(59);
        fixture.movement.tables = vec![table_name(&format!("{stem}_a")), table_name(&format!("{stem}_b"))];
        for ask in [source_tables(&fixture.movement), old_tables(&fixture.movement)] {
            fixture.answer(ask, Answer::Tables(BTreeMap::from([("0".into(), BTreeMap::new())])));
        }
        let finding = fixture.only_amiss(&CHECK);
        assert!(finding.blocks() && finding.seen == "2 tables", "{finding:?}");
        fixture.movement.spec.complete.source_tables = SourceTables::Drop;
        assert!(fixture.amiss(&CHECK).is_empty());
    }
}
