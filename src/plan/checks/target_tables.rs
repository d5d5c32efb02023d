//! C204: the tables are not in the target, or they are there empty and the same.

use std::collections::{BTreeMap, BTreeSet};

use super::asks::{
    TablesByShard, both_keyspaces_and, counted, definitions, listed, source_tables, tables_of_each_shard, target_tables,
    target_vschema, unread,
};
use super::{Check, CheckInput, Ownership, ownership};
use crate::cluster::mutation::AutoIncrementHandling;
use crate::cluster::port::{Ask, Facts, Query, Question, Reading};
use crate::family::move_tables::MoveTables;
use crate::finding::{Finding, Severity};
use crate::model::name::TableName;
use crate::model::schema::TableDefinition;
use crate::run::phase::PhaseId;

const CODE: &str = "C204";

pub static CHECK: Check = Check {
    code: CODE,
    title: "the tables are absent from the target, or empty and the same",
    before: &[PhaseId::CREATE],
    waivable: true,
    query,
    follow_up,
    run,
    page: PAGE,
};

const PAGE: &str = "\
## What it means
Create makes the tables in the target from the source's definitions. One that is already there has to be empty on every target
shard and to have the definition that create would give it.

## Why it matters
Vitess refuses tables that hold rows, but it takes an empty table whatever its definition is: a missing column, a shorter type
or a leftover `AUTO_INCREMENT` shows much later, as a stream that stops or as an id that two shards give out. And `cancel`
drops the target tables, also those that were there before the movement began.

## What to do
Drop or rename the table in the target if nobody needs it (`vtctldclient ApplySchema --sql 'drop table …' KEYSPACE`); look
first whether it is the leftover of another movement. Or give it the source's definition, without `AUTO_INCREMENT` when the
target is sharded. Another definition can be waived, and rows cannot: Vitess refuses them whatever anybody says.

## When it is inconclusive
A target primary did not tell its tables, or whether an existing one holds a row. An unread table counts as one with rows.

## What it reads
The definitions of the named tables from each target shard's primary (`GetSchema`), and for those that exist one
`SELECT 1 … LIMIT 1` a table.
";

fn query(movement: &MoveTables) -> Query {
    both_keyspaces_and(movement, [target_tables(movement)])
}

fn follow_up(movement: &MoveTables, facts: &Facts) -> Query {
    match existing(movement, facts) {
        Ok(tables) if !tables.is_empty() => {
            Query { asks: [has_rows(movement, tables), source_tables(movement)].into(), ..Query::default() }
        }
        _ => Query::default(),
    }
}

/// Those of the tables that are on some target shard.
fn existing(movement: &MoveTables, facts: &Facts) -> Reading<Vec<TableName>> {
    let tables = tables_of_each_shard(facts, movement.target(), &target_tables(movement))?;
    Ok(movement.tables.iter().filter(|table| definitions(tables, table.as_str()).next().is_some()).cloned().collect())
}

fn has_rows(movement: &MoveTables, tables: Vec<TableName>) -> Ask {
    Ask::Sql(Question::HasRows { keyspace: movement.target().clone(), tables })
}

fn run(input: &CheckInput<'_>) -> Vec<Finding> {
    let movement = input.movement;
    let target = movement.target();
    let ownership = ownership(input);
    if ownership == Ownership::Ours {
        return vec![Finding::pass(CODE, target.as_str(), "the target tables are this movement's own")];
    }
    let existing = match existing(movement, input.facts) {
        Ok(existing) => existing,
        Err(why) => return vec![unread(CODE, target.as_str(), &format!("the tables of `{target}`"), &why)],
    };
    if existing.is_empty() {
        let tables = counted(movement.tables.len(), "table");
        return vec![Finding::pass(CODE, target.as_str(), format!("none of the {tables} is in `{target}`"))];
    }
    if ownership == Ownership::Foreign {
        return existing.iter().map(|table| carried(input, table)).collect();
    }
    let seen = Seen {
        ownership,
        rows: input.facts.has_rows(&has_rows(movement, existing.clone())),
        source: tables_of_each_shard(input.facts, movement.source(), &source_tables(movement)),
        target: tables_of_each_shard(input.facts, target, &target_tables(movement)),
    };
    existing.iter().map(|table| of_table(input, table, &seen)).collect()
}

/// Tables of a movement that is under way, whose record is not here: reads or writes may be served from them.
fn carried(input: &CheckInput<'_>, table: &TableName) -> Finding {
    let movement = input.movement;
    Finding::fail(
        CODE,
        Severity::Error,
        movement.target_table(table),
        format!("`{0}.{table}` is there, and the workflow `{0}.{1}` may carry it", movement.target(), movement.workflow()),
        "drop nothing: the application may read or write there. C210 says what to do about the workflow",
    )
    .not_waivable()
}

/// What is looked up once for all tables.
struct Seen<'a> {
    ownership: Ownership,
    rows: Reading<&'a BTreeMap<String, BTreeSet<String>>>,
    source: Reading<&'a TablesByShard>,
    target: Reading<&'a TablesByShard>,
}

fn of_table(input: &CheckInput<'_>, table: &TableName, seen: &Seen<'_>) -> Finding {
    let movement = input.movement;
    let (target, subject) = (movement.target(), input.movement.target_table(table));
    let rows = match &seen.rows {
        Ok(rows) => rows,
        Err(why) => return unread(CODE, subject, &format!("whether `{target}.{table}` holds a row"), why),
    };
    let filled: Vec<&String> =
        rows.iter().filter(|(_, tables)| tables.contains(table.as_str())).map(|(shard, _)| shard).collect();
    let is_only_copy = seen.source.as_ref().is_ok_and(|source| definitions(source, table.as_str()).next().is_none());
    if !filled.is_empty() && is_only_copy {
        let source = movement.source();
        return Finding::fail(
            CODE,
            Severity::Error,
            subject,
            format!("`{target}.{table}` is there and holds rows on {}, and `{source}` has no table `{table}`", listed(&filled)),
            format!(
                "drop nothing: these may be the only rows. Somebody may have completed a movement by hand: look whether `{source}` has a \
                 `_{table}_old`, and where the routing rules lead (`vtctldclient GetRoutingRules`)"
            ),
        )
        .seen(format!("rows on {}", counted(filled.len(), "shard")))
        .not_waivable();
    }
    if !filled.is_empty() {
        return Finding::fail(
            CODE,
            Severity::Error,
            subject,
            format!("`{target}.{table}` is already there and holds rows on {}", listed(&filled)),
            format!("whose rows are these? Drop or rename the table in `{target}` if nobody needs it: `vtctldclient ApplySchema --sql 'drop table …' {target}`"),
        )
        .seen(format!("rows on {}", counted(filled.len(), "shard")))
        .not_waivable();
    }
    match differs(input, table, seen) {
        Err(why) => unread(CODE, subject, &format!("the definition of `{table}`"), &why),
        Ok(Some(differs)) => Finding::fail(
            CODE,
            Severity::Error,
            subject,
            format!("`{target}.{table}` is already there, empty, and {differs}"),
            format!("drop it and let create make it: `vtctldclient ApplySchema --sql 'drop table …' {target}`"),
        ),
        Ok(None) if seen.ownership == Ownership::BeingMade => Finding::pass(
            CODE,
            subject,
            format!("`{target}.{table}` is there, empty and the same: as the create that was sent makes it"),
        ),
        Ok(None) => Finding::pass(
            CODE,
            subject,
            format!("`{target}.{table}` is already there, empty and the same; `cancel` would drop it"),
        ),
    }
}

/// How the table differs from what create would make; a fragment that fits after "and ".
fn differs(input: &CheckInput<'_>, table: &TableName, seen: &Seen<'_>) -> Reading<Option<String>> {
    let movement = input.movement;
    let (source, target) = (seen.source.clone()?, seen.target.clone()?);
    let is_stripped = target_vschema(movement, input.facts)?.sharded
        && movement.options.sharded_auto_increment_handling != AutoIncrementHandling::Leave;
    let Some((_, model)) = definitions(source, table.as_str()).next() else {
        return Ok(Some("the source has no such table to compare with".into()));
    };
    let wanted = if is_stripped { model.comparable_without_auto_increment() } else { model.comparable() };
    Ok(definitions(target, table.as_str()).find_map(|(shard, found)| how(shard, found, &wanted)))
}

fn how(shard: &str, found: &TableDefinition, wanted: &str) -> Option<String> {
    if found.is_view {
        return Some(format!("a view on shard `{shard}`"));
    }
    if found.comparable() == wanted {
        return None;
    }
    Some(if found.comparable_without_auto_increment() == wanted {
        format!("has AUTO_INCREMENT on shard `{shard}`, so that each shard would give out ids of its own")
    } else {
        format!("is defined otherwise on shard `{shard}` than create would define it")
    })
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::super::fixtures::{CORDER, Fixture, definition, table_name};
    use super::*;
    use crate::cluster::port::Answer;

    fn with_corder(create_statement: &str, rows_on: &[&str]) -> Fixture {
        let mut fixture = Fixture::new();
        for shard in ["-80", "80-"] {
            fixture.target_table(shard, definition(create_statement));
        }
        let answer = ["-80", "80-"].map(|shard| {
            let tables = if rows_on.contains(&shard) { BTreeSet::from(["corder".to_owned()]) } else { BTreeSet::new() };
            (shard.to_owned(), tables)
        });
        let ask = has_rows(&fixture.movement, vec![table_name("corder")]);
        assert_eq!(
            follow_up(&fixture.movement, &fixture.facts).asks,
            BTreeSet::from([ask.clone(), source_tables(&fixture.movement)])
        );
        fixture.answer(ask, Answer::HasRows(BTreeMap::from(answer)));
        fixture
    }

    fn stripped() -> String {
        CORDER.replace(" AUTO_INCREMENT", "")
    }

    #[test]
    fn a_table_that_holds_a_row_on_one_shard_blocks() {
        let finding = with_corder(&stripped(), &["80-"]).only_amiss(&CHECK);
        assert_eq!(finding.summary, "`customer.corder` is already there and holds rows on `80-`");
        assert_eq!(finding.seen, "rows on 1 shard");
    }

    #[test]
    fn an_empty_one_passes_only_with_the_definition_that_create_would_give_it() {
        assert!(with_corder(&stripped(), &[]).amiss(&CHECK).is_empty());
        let finding = with_corder(CORDER, &[]).only_amiss(&CHECK);
        assert!(finding.summary.contains("AUTO_INCREMENT on shard `-80`"), "{}", finding.summary);
        let finding = with_corder(&stripped().replace("varbinary(128)", "varbinary(64)"), &[]).only_amiss(&CHECK);
        assert!(finding.summary.contains("is defined otherwise"), "{}", finding.summary);
    }

    #[test]
    fn an_unsharded_target_keeps_auto_increment() {
        let mut fixture = with_corder(CORDER, &[]);
        fixture.change_vschema("customer", |vschema| vschema.sharded = false);
        assert!(fixture.amiss(&CHECK).is_empty());
    }

    #[test]
    fn what_our_own_create_made_is_no_obstacle() {
        let mut fixture = with_corder(CORDER, &["-80"]);
        fixture.add_workflow("customer", "commerce2customer", &[("-80", 1), ("80-", 2)]);
        let carried = fixture.only_amiss(&CHECK);
        assert!(carried.blocks() && carried.help.starts_with("drop nothing"), "{}", carried.help);
        fixture.record_streams("customer.commerce2customer", &[("-80", 1), ("80-", 2)]);
        assert!(fixture.amiss(&CHECK).is_empty());

        let mut fixture = with_corder(&stripped(), &[]);
        let summary = |fixture: &Fixture| fixture.run(&CHECK).remove(0).summary;
        assert!(summary(&fixture).ends_with("`cancel` would drop it"), "{}", summary(&fixture));
        fixture.open_create();
        assert!(fixture.amiss(&CHECK).is_empty());
        assert!(summary(&fixture).ends_with("as the create that was sent makes it"), "{}", summary(&fixture));
    }

    #[test]
    fn rows_behind_an_open_create_are_not_ours_for_it_starts_no_stream() {
        let mut fixture = with_corder(&stripped(), &["-80"]);
        fixture.open_create();
        assert!(fixture.only_amiss(&CHECK).blocks());
    }
}
