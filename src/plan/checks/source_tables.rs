//! C203: the tables are in the source, on every shard, and the same there.

use super::asks::{both_keyspaces_and, counted, definitions, listed, source_tables, tables_of_each_shard, unread};
use super::{Check, CheckInput};
use crate::cluster::port::{Ask, Facts, Query};
use crate::family::move_tables::MoveTables;
use crate::finding::{Finding, Severity};
use crate::model::name::TableName;
use crate::run::phase::PhaseId;
use crate::spec::suggest::did_you_mean;

const CODE: &str = "C203";

pub static CHECK: Check = Check {
    code: CODE,
    title: "the tables are in the source, the same on every shard",
    before: &[PhaseId::CREATE],
    waivable: true,
    query,
    follow_up,
    run,
    page: PAGE,
};

const PAGE: &str = "\
## What it means
Each table of the plan file has to be a base table on the primary of every source shard, with one definition. Views are not
moved. Names that begin with `_vt_` belong to Vitess.

## Why it matters
Vitess looks at the first source shard alone. A table that is missing on another one, or differs there, shows as a stream that
fails after hours of copying, or as columns that are not copied. Tables of Vitess's own are left out of a movement silently.

## What to do
Correct the names in the plan file, or bring the shards together: `vtctldclient ValidateSchemaKeyspace KEYSPACE` names the
differences. A table that is not there, or is none, cannot be waived.

## When it is inconclusive
The primary of a source shard did not tell its tables. Until it does, nobody knows what would be moved.

## What it reads
The definitions of the named tables from each source shard's primary (`GetSchema`): a read of MySQL's data dictionary.
";

fn query(movement: &MoveTables) -> Query {
    both_keyspaces_and(movement, [source_tables(movement)])
}

/// Of a table that is nowhere: the names of those that are there.
fn follow_up(movement: &MoveTables, facts: &Facts) -> Query {
    let Ok(tables) = tables_of_each_shard(facts, movement.source(), &source_tables(movement)) else { return Query::default() };
    match movement.tables.iter().any(|table| definitions(tables, table.as_str()).next().is_none()) {
        true => Query { asks: [all_names(movement)].into(), ..Query::default() },
        false => Query::default(),
    }
}

fn all_names(movement: &MoveTables) -> Ask {
    Ask::TableNames(movement.source().clone())
}

fn run(input: &CheckInput<'_>) -> Vec<Finding> {
    let movement = input.movement;
    let source = movement.source();
    if movement.tables.is_empty() {
        return vec![
            Finding::fail(
                CODE,
                Severity::Error,
                source.as_str(),
                "there are no tables to move",
                format!("`vtctldclient GetSchema` of a primary of `{source}` lists what is there"),
            )
            .at("move-tables.tables")
            .not_waivable(),
        ];
    }
    let tables = match tables_of_each_shard(input.facts, source, &source_tables(movement)) {
        Ok(tables) => tables,
        Err(why) => return vec![unread(CODE, source.as_str(), &format!("the tables of `{source}`"), &why)],
    };
    let shards: Vec<&str> = tables.keys().map(String::as_str).collect();
    let mut findings: Vec<Finding> = movement
        .tables
        .iter()
        .filter_map(|table| {
            let found: Vec<_> = definitions(tables, table.as_str()).collect();
            let wrong = wrong_with(table, &shards, &found).map(Wrong::NotThere).or_else(|| differs(&found).map(Wrong::Differs))?;
            let (Wrong::NotThere(words) | Wrong::Differs(words)) = &wrong;
            let near = if found.is_empty() {
                let known = input.facts.table_names(&all_names(movement)).into_iter().flatten().flat_map(|(_, names)| names);
                let others = known.map(String::as_str).filter(|name| !movement.tables.iter().any(|table| table.as_str() == *name));
                did_you_mean(table.as_str(), others)
            } else {
                String::new()
            };
            let finding = Finding::fail(
                CODE,
                Severity::Error,
                input.movement.source_table(table),
                format!("`{source}.{table}` {words}"),
                format!(
                    "{near}correct the table's name, or make it the same everywhere: `vtctldclient ValidateSchemaKeyspace {source}`"
                ),
            )
            .at("move-tables.tables");
            // What is not there can't be moved; what differs may do so where nobody minds.
            Some(if matches!(wrong, Wrong::NotThere(_)) { finding.not_waivable() } else { finding })
        })
        .collect();
    if findings.is_empty() {
        let (tables, shards) = (counted(movement.tables.len(), "table"), counted(shards.len(), "shard"));
        findings.push(Finding::pass(
            CODE,
            source.as_str(),
            format!("{tables} on {shards} of `{source}`, each with one definition"),
        ));
    }
    findings
}

/// What is wrong with a table, as a fragment that fits after "`commerce.corder` ".
enum Wrong {
    NotThere(String),
    Differs(String),
}

/// Why it is not there as a table that can be moved.
fn wrong_with(table: &TableName, shards: &[&str], found: &[(&str, &crate::model::schema::TableDefinition)]) -> Option<String> {
    if table.as_str().starts_with("_vt_") {
        return Some("is a table of Vitess's own, which create leaves out silently".into());
    }
    if found.is_empty() {
        return Some("doesn't exist".into());
    }
    let missing: Vec<&&str> = shards.iter().filter(|shard| !found.iter().any(|(there, _)| there == *shard)).collect();
    if !missing.is_empty() {
        return Some(format!("is missing on {} {}", if missing.len() == 1 { "shard" } else { "shards" }, listed(missing)));
    }
    if found.iter().any(|(_, definition)| definition.is_view) {
        return Some("is a view; only base tables can be moved".into());
    }
    None
}

fn differs(found: &[(&str, &crate::model::schema::TableDefinition)]) -> Option<String> {
    let (first_shard, first) = found.first()?;
    let (other_shard, _) = found.iter().find(|(_, definition)| definition.comparable() != first.comparable())?;
    Some(format!("is defined otherwise on shard `{other_shard}` than on shard `{first_shard}`"))
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{CORDER, Fixture, definition};
    use super::*;
    use crate::model::name::ShardName;

    fn with_second_shard() -> Fixture {
        let mut fixture = Fixture::new();
        let shard = fixture.shard_mut("commerce", "0").clone();
        let shards = &mut fixture.facts.keyspaces.get_mut("commerce").unwrap().shards;
        shards.insert(ShardName::new("1").unwrap(), shard);
        let ask = source_tables(&fixture.movement);
        let of_first = fixture.tables_mut(&ask)["0"].clone();
        fixture.tables_mut(&ask).insert("1".into(), of_first);
        fixture
    }

    #[test]
    fn a_table_that_is_nowhere_on_one_shard_only_or_a_view_is_named() {
        let mut fixture = Fixture::new();
        let ask = source_tables(&fixture.movement);
        fixture.tables_mut(&ask).get_mut("0").unwrap().remove("corder");
        assert_eq!(fixture.only_amiss(&CHECK).summary, "`commerce.corder` doesn't exist");
        assert!(!super::super::is_waivable(&fixture.only_amiss(&CHECK)));

        let mut fixture = with_second_shard();
        assert!(fixture.amiss(&CHECK).is_empty());
        fixture.tables_mut(&ask).get_mut("1").unwrap().remove("corder");
        assert_eq!(fixture.only_amiss(&CHECK).summary, "`commerce.corder` is missing on shard `1`");

        let mut fixture = Fixture::new();
        let mut view = definition(CORDER);
        view.is_view = true;
        fixture.source_table("0", view);
        assert!(fixture.only_amiss(&CHECK).summary.contains("is a view"));
    }

    #[test]
    fn a_definition_that_differs_between_shards_is_found_and_the_next_id_is_no_difference() {
        let mut fixture = with_second_shard();
        fixture.source_table("1", definition(&format!("{CORDER} AUTO_INCREMENT=77")));
        assert!(fixture.amiss(&CHECK).is_empty());
        fixture.source_table("1", definition(&CORDER.replace("varbinary(128)", "varbinary(64)")));
        assert!(fixture.only_amiss(&CHECK).summary.contains("is defined otherwise on shard `1`"));
        assert!(super::super::is_waivable(&fixture.only_amiss(&CHECK)));
    }

    #[test]
    fn a_shard_that_did_not_answer_is_not_a_shard_without_tables() {
        let mut fixture = with_second_shard();
        let ask = source_tables(&fixture.movement);
        fixture.tables_mut(&ask).remove("1");
        let finding = fixture.only_amiss(&CHECK);
        assert!(finding.summary.contains("shard `commerce/1` gave no answer"), "{}", finding.summary);
    }

    #[test]
    fn nothing_to_move_is_a_failure() {
        let mut fixture = Fixture::new();
        fixture.movement.tables.clear();
        assert!(fixture.only_amiss(&CHECK).blocks());
    }
}
