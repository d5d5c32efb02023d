//! C206: no row of a moved table has NULL in its sharding column.

use super::asks::{
    both_keyspaces_and, counted, definitions, source_tables, tables_of_each_shard, target_vschema, unread, vschema_table,
};
use super::vindexes::{PrimaryVindex, primary_vindex};
use super::{Check, CheckInput};
use crate::cluster::port::{Ask, Facts, Query, Question, Reading};
use crate::family::move_tables::MoveTables;
use crate::finding::{Finding, Severity};
use crate::model::name::{TableName, identifier};
use crate::run::phase::PhaseId;

const CODE: &str = "C206";

pub static CHECK: Check = Check {
    code: CODE,
    title: "no row has NULL in the sharding column",
    before: &[PhaseId::CREATE],
    waivable: true,
    query,
    follow_up,
    run,
    page: PAGE,
};

const PAGE: &str = "\
## What it means
The columns of the target's primary vindex decide on which shard a row lands. A row that has NULL there belongs on no shard that
an application would look for it on.

## Why it matters
Most vindexes give NULL no keyspace id: the stream fails at that row, or the row is on no shard. vtgate refuses to insert such
rows into a sharded keyspace, so an application that does it today fails after the switch.

## What to do
Find them in the source (`select … where COLUMN is null`), give them a value or remove them, and make the column `NOT NULL` so that
no new one comes while the movement runs. Or choose another sharding column. Rows that were found cannot be waived: the copy would
stop at them. What could not be looked at can.

## When it is inconclusive
The question could not be answered in its bounds (a big table without an index on the column), SQL reads are forbidden, or
definitions or the VSchema could not be read. `--deep` gives the question more time.

## What it reads
The VSchema of the target, the definitions of the tables, and only for sharding columns that are not `NOT NULL` one bounded
`SELECT … IS NULL LIMIT 1` on each source shard.
";

fn query(movement: &MoveTables) -> Query {
    both_keyspaces_and(movement, [source_tables(movement)])
}

fn follow_up(movement: &MoveTables, facts: &Facts) -> Query {
    match nullable(movement, facts) {
        Ok(columns) if !columns.is_empty() => Query { asks: [has_null(movement, columns)].into(), ..Query::default() },
        _ => Query::default(),
    }
}

fn has_null(movement: &MoveTables, columns: Vec<(TableName, String)>) -> Ask {
    Ask::Sql(Question::HasNull { keyspace: movement.source().clone(), columns })
}

/// Sharding columns that may hold NULL by their definition on some shard. What the VSchema has wrong is C205's.
fn nullable(movement: &MoveTables, facts: &Facts) -> Reading<Vec<(TableName, String)>> {
    let vschema = target_vschema(movement, facts)?;
    if !vschema.sharded {
        return Ok(vec![]);
    }
    let tables = tables_of_each_shard(facts, movement.source(), &source_tables(movement))?;
    let mut nullable = Vec::new();
    for table in &movement.tables {
        let Some(entry) = vschema_table(vschema, table.as_str()) else { continue };
        let PrimaryVindex::Usable { columns, .. } = primary_vindex(vschema, entry) else { continue };
        for column in columns {
            let may_be_null =
                definitions(tables, table.as_str()).any(|(_, definition)| definition.is_nullable(&column) == Some(true));
            if may_be_null {
                nullable.push((table.clone(), column));
            }
        }
    }
    Ok(nullable)
}

fn run(input: &CheckInput<'_>) -> Vec<Finding> {
    let movement = input.movement;
    let source = movement.source();
    let columns = match nullable(movement, input.facts) {
        Ok(columns) => columns,
        Err(why) => return vec![unread(CODE, source.as_str(), "which sharding columns may hold NULL", &why)],
    };
    if columns.is_empty() {
        return vec![Finding::pass(CODE, source.as_str(), "no sharding column can hold NULL")];
    }
    let with_null = match input.facts.has_null(&has_null(movement, columns.clone())) {
        Ok(tables) => tables,
        Err(why) => {
            let of = |(table, column): &(TableName, String)| {
                unread(
                    CODE,
                    input.movement.source_table(table),
                    &format!("whether `{source}.{table}` has NULL in `{column}`"),
                    &why,
                )
            };
            return columns.iter().map(of).collect();
        }
    };
    let mut findings: Vec<Finding> = columns
        .iter()
        .filter(|(table, _)| with_null.contains(table.as_str()))
        .map(|(table, column)| {
            Finding::fail(
                CODE,
                Severity::Error,
                input.movement.source_table(table),
                format!("rows of `{source}.{table}` have NULL in the sharding column `{column}`"),
                format!(
                    "give them a value, then make the column NOT NULL; in `{source}` this shows them: select * from {} where {} is null",
                    identifier(table.as_str()),
                    identifier(column)
                ),
            )
            .not_waivable()
        })
        .collect();
    if findings.is_empty() {
        let columns = counted(columns.len(), "sharding column");
        findings.push(Finding::pass(CODE, source.as_str(), format!("no row has NULL in the {columns} that could hold it")));
    }
    findings
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::fixtures::{CUSTOMER, Fixture, definition, table_name};
    use super::*;
    use crate::cluster::port::Answer;

    #[test]
    fn a_column_that_is_not_null_by_definition_costs_no_question() {
        let fixture = Fixture::new();
        assert!(follow_up(&fixture.movement, &fixture.facts).asks.is_empty());
        assert!(fixture.amiss(&CHECK).is_empty());
    }

    #[test]
    fn a_null_in_the_sharding_column_blocks() {
        let mut fixture = Fixture::with_questions();
        let ask = has_null(&fixture.movement, vec![(table_name("corder"), "customer_id".into())]);
        assert_eq!(follow_up(&fixture.movement, &fixture.facts).asks, BTreeSet::from([ask.clone()]));
        let [pass] = &fixture.run(&CHECK)[..] else { panic!("{:?}", fixture.run(&CHECK)) };
        assert_eq!(pass.summary, "no row has NULL in the 1 sharding column that could hold it");
        fixture.answer(ask, Answer::HasNull(BTreeSet::from(["corder".to_owned()])));
        assert_eq!(fixture.run(&CHECK).len(), 1, "what blocks is no pass");
        let finding = fixture.only_amiss(&CHECK);
        assert!(finding.blocks() && !super::super::is_waivable(&finding));
        assert_eq!(finding.summary, "rows of `commerce.corder` have NULL in the sharding column `customer_id`");
        // A table may be called `order`.
        assert!(finding.help.ends_with("select * from `corder` where `customer_id` is null"), "{}", finding.help);
    }

    #[test]
    fn a_question_that_nobody_asked_is_inconclusive() {
        let mut fixture = Fixture::new();
        fixture.source_table("0", definition(&CUSTOMER.replace("NOT NULL", "DEFAULT NULL")));
        assert!(fixture.only_amiss(&CHECK).summary.contains("it was not asked for"));
        assert!(super::super::is_waivable(&fixture.only_amiss(&CHECK)));
    }

    #[test]
    fn another_column_may_be_null() {
        let mut fixture = Fixture::new();
        fixture.change_vschema("customer", |vschema| vschema.sharded = false);
        fixture.source_table("0", definition(&CUSTOMER.replace("NOT NULL", "DEFAULT NULL")));
        assert!(fixture.amiss(&CHECK).is_empty(), "an unsharded target has no sharding column");
    }
}
