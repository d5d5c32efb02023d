//! C216: each table has a key by which a stream finds its rows.

use super::asks::{both_keyspaces_and, counted, definitions, listed, nothing_more, source_tables, tables_of_each_shard, unread};
use super::{Check, CheckInput};
use crate::finding::{Finding, Severity};
use crate::model::name::TableName;
use crate::model::schema::TableDefinition;
use crate::run::phase::PhaseId;

const CODE: &str = "C216";

pub static CHECK: Check = Check {
    code: CODE,
    title: "each table has a key by which streams find its rows",
    before: &[PhaseId::CREATE],
    waivable: true,
    query: |movement| both_keyspaces_and(movement, [source_tables(movement)]),
    follow_up: nothing_more,
    run,
    page: PAGE,
};

const PAGE: &str = "\
## What it means
A stream finds the row that it has to change by the table's primary key. Without one it takes a unique key whose columns hold no
NULL, and without that it takes all columns together. No column of that key may be a FLOAT.

## Why it matters
Without a key two rows may be alike in every column. One of them is deleted in the source, and the stream deletes both in the
target; nothing says so but the VDiff. Each change searches the whole table, too. And a FLOAT is not equal to the number that it is
written as (`where f = 1.1` finds no row), so updates and deletes of such rows are silently not applied.

## What to do
Give the table a primary key, or a unique key over columns that are NOT NULL, before it is moved. Vitess doesn't ask for one, so a
table that nobody updates or deletes from can be moved without: then waive this, and let the VDiff decide.

## When it is inconclusive
The primary of a source shard did not tell its tables.

## What it reads
The definitions of the named tables from each source shard's primary (`GetSchema`), shared with C203.
";

fn run(input: &CheckInput<'_>) -> Vec<Finding> {
    let movement = input.movement;
    let source = movement.source();
    let tables = match tables_of_each_shard(input.facts, source, &source_tables(movement)) {
        Ok(tables) => tables,
        Err(why) => return vec![unread(CODE, source.as_str(), &format!("the tables of `{source}`"), &why)],
    };
    let mut findings: Vec<Finding> = movement
        .tables
        .iter()
        .filter_map(|table| {
            let wrong = definitions(tables, table.as_str()).find_map(|(_, definition)| wrong_with(definition))?;
            Some(of_table(input, table, &wrong))
        })
        .collect();
    if findings.is_empty() {
        let tables = counted(movement.tables.len(), "table");
        findings.push(Finding::pass(CODE, source.as_str(), format!("{tables} of `{source}` with a key that tells every row")));
    }
    findings
}

fn of_table(input: &CheckInput<'_>, table: &TableName, wrong: &str) -> Finding {
    let source = input.movement.source();
    Finding::fail(
        CODE,
        Severity::Error,
        input.movement.source_table(table),
        format!("`{source}.{table}` {wrong}"),
        "give it a primary key before it is moved; waive this only if no row of it is updated or deleted until the end",
    )
    .at("move-tables.tables")
}

/// A fragment that fits after "`commerce.corder` ". A view is told by C203.
fn wrong_with(definition: &TableDefinition) -> Option<String> {
    if definition.is_view {
        return None;
    }
    let Some(key) = definition.row_key() else {
        let unique: Vec<String> = definition.unique_keys().into_iter().filter_map(|key| key.name).collect();
        return Some(if unique.is_empty() {
            "has neither a primary key nor a unique one: a stream can't tell two rows that are alike".to_owned()
        } else {
            format!("has no primary key, and its unique {} may hold a NULL or an expression", listed(unique))
        });
    };
    let floats: Vec<&String> =
        key.columns.iter().filter(|column| definition.column_type(column).as_deref() == Some("float")).collect();
    (!floats.is_empty()).then(|| format!("has the FLOAT {} in its key, by which a stream finds no row", listed(floats)))
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{CORDER, Fixture, definition};
    use super::*;

    fn with(change: impl Fn(&str) -> String) -> Fixture {
        let mut fixture = Fixture::new();
        fixture.source_table("0", definition(&change(CORDER)));
        fixture
    }

    #[test]
    fn a_table_without_a_key_blocks_and_one_with_a_unique_key_without_nulls_passes() {
        let finding = with(|ddl| ddl.replace("PRIMARY KEY (`order_id`)", "KEY `by_id` (`order_id`)")).only_amiss(&CHECK);
        assert!(finding.blocks() && finding.summary.contains("neither a primary key nor a unique one"), "{}", finding.summary);
        let unique = |column: &str| with(|ddl| ddl.replace("PRIMARY KEY (`order_id`)", &format!("UNIQUE KEY `u` (`{column}`)")));
        assert!(unique("order_id").amiss(&CHECK).is_empty());
        assert!(unique("sku").only_amiss(&CHECK).summary.contains("its unique `u` may hold a NULL"));
    }

    #[test]
    fn a_float_in_the_key_blocks_and_one_beside_it_does_not() {
        let float = |ddl: &str| ddl.replace("`order_id` bigint", "`order_id` float");
        let finding = with(float).only_amiss(&CHECK);
        assert_eq!(finding.summary, "`commerce.corder` has the FLOAT `order_id` in its key, by which a stream finds no row");
        assert!(with(|ddl| ddl.replace("`sku` varbinary(128)", "`sku` float")).amiss(&CHECK).is_empty());
        assert!(with(|ddl| ddl.replace("`order_id` bigint", "`order_id` double")).amiss(&CHECK).is_empty());
    }
}
