//! C217: foreign keys, triggers and views that hold on to the tables.

use super::asks::{
    both_keyspaces_and, counted, definitions, nothing_more, source_tables, tables_of_each_shard, target_vschema, unread,
    vschema_table,
};
use super::{Check, CheckInput};
use crate::cluster::mutation::SourceTables;
use crate::cluster::port::{Ask, Dependent, DependentKind, Question, Reading};
use crate::family::move_tables::MoveTables;
use crate::finding::{Finding, Severity};
use crate::model::keys::ForeignKey;
use crate::model::vschema::VSchema;
use crate::run::phase::PhaseId;

const CODE: &str = "C217";

pub static CHECK: Check = Check {
    code: CODE,
    title: "no foreign key, trigger or view holds on to the tables",
    before: &[PhaseId::CREATE],
    waivable: true,
    query: |movement| both_keyspaces_and(movement, [source_tables(movement), dependents(movement)]),
    follow_up: nothing_more,
    run,
    page: PAGE,
};

const PAGE: &str = "\
## What it means
A moved table has a foreign key to one that stays, or one that stays has a foreign key to a moved one. Two moved tables are tied by
a foreign key that changes rows by itself (CASCADE, SET NULL), or whose rows need not be on the same shard of the target. A moved
table has a trigger. A trigger of a table that stays names a moved one. A view of the source keyspace reads a moved table.

## Why it matters
MoveTables copies tables and their foreign keys, and no triggers and no views. In the target a foreign key to a table that isn't
there refuses every insert after the switch. In the source a table that stays would check against rows that the application no
longer writes there, and after `complete` against none. What MySQL changes by itself through a foreign key stands in no binlog, so a
stream doesn't see it: a row that was deleted so while its table was being copied comes back. And MySQL checks within one shard.

What a trigger did stops silently with the switch, while in the source it still acts on what the way back writes. A trigger that
writes to a moved table from one that stays goes on to write into the source, past every rule and denied table: those rows are lost.
A view shows old rows from the switch on, and after `complete` it can't be read.

## What to do
Move the tables that belong together in one movement. Drop the foreign key, and let the application check; give both tables of a
key the same vindex over its columns, so that a row and the one that it names are on the same shard. Put what a trigger does into the
application. Drop views, or make them anew in the target. Then waive what you know to be harmless. How vtgate treats foreign keys
in the target is its VSchema's `foreignKeyMode`.

## When it is inconclusive
The definitions, or MySQL's data dictionary, could not be read, or `--no-sql` forbids it. MySQL before 8.0.13 can't tell which
tables a view reads.

## What it reads
The definitions of the named tables (`GetSchema`, shared with C203), and one SELECT on each source shard's primary, of
`information_schema`: KEY_COLUMN_USAGE, TRIGGERS and VIEW_TABLE_USAGE of the keyspace's database.
";

fn dependents(movement: &MoveTables) -> Ask {
    Ask::Sql(Question::Dependents { keyspace: movement.source().clone() })
}

fn run(input: &CheckInput<'_>) -> Vec<Finding> {
    let movement = input.movement;
    let source = movement.source();
    let mut findings = match own_keys(input) {
        Ok(findings) => findings,
        Err(why) => vec![unread(CODE, source.as_str(), &format!("the foreign keys of the tables of `{source}`"), &why)],
    };
    match input.facts.dependents(&dependents(movement)) {
        Ok(dependents) => findings.extend(dependents.iter().filter_map(|dependent| of_dependent(input, dependent))),
        Err(why) => {
            findings.push(unread(CODE, source.as_str(), &format!("what of `{source}` holds on to the tables"), &why));
        }
    }
    // A waiver is for a subject: one line for each, whatever it holds on to.
    let mut findings = by_subject(findings);
    if findings.is_empty() {
        let tables = counted(movement.tables.len(), "table");
        let summary = format!("no foreign key, trigger or view of `{source}` holds on to the {tables}");
        findings.push(Finding::pass(CODE, source.as_str(), summary));
    }
    findings
}

/// The foreign keys that the moved tables have themselves.
fn own_keys(input: &CheckInput<'_>) -> Reading<Vec<Finding>> {
    let movement = input.movement;
    let tables = tables_of_each_shard(input.facts, movement.source(), &source_tables(movement))?;
    let target = target_vschema(movement, input.facts)?;
    let mut findings = Vec::new();
    for table in &movement.tables {
        let Some((_, definition)) = definitions(tables, table.as_str()).next() else { continue };
        for key in definition.foreign_keys() {
            let Some(wrong) = wrong_with(movement, target, table.as_str(), &key) else { continue };
            let summary = format!("`{}.{table}` has the foreign key `{}` {wrong}", movement.source(), key.name);
            let subject = movement.source_table(table);
            findings.push(error(subject, summary, "move them together, or drop the foreign key").seen(format!("`{}`", key.name)));
        }
    }
    Ok(findings)
}

/// A fragment that fits after "has the foreign key `x` ".
fn wrong_with(movement: &MoveTables, target: &VSchema, table: &str, key: &ForeignKey) -> Option<String> {
    let other = &key.referenced_table;
    if !movement.tables.iter().any(|table| table.as_str() == other) {
        return Some(format!("to `{other}`, which stays"));
    }
    if key.changes_rows {
        return Some(format!("to `{other}` that changes rows by itself, and streams don't see what it does"));
    }
    (target.sharded && !share_a_shard(target, table, key))
        .then(|| format!("to `{other}`, and a row and the one that it names may be on two shards of `{}`", movement.target()))
}

/// Whether the key's columns decide the shard of both rows in the same way.
fn share_a_shard(target: &VSchema, table: &str, key: &ForeignKey) -> bool {
    let first = |table: &str| vschema_table(target, table).and_then(|entry| entry.column_vindexes.first());
    let (Some(own), Some(other)) = (first(table), first(&key.referenced_table)) else { return false };
    // The column of the key that names a column of the other table.
    let named = |column: &String| {
        let place = key.columns.iter().position(|own| own.eq_ignore_ascii_case(column))?;
        key.referenced_columns.get(place)
    };
    own.name == other.name
        && own.columns.len() == other.columns.len()
        && own
            .columns
            .iter()
            .zip(&other.columns)
            .all(|(own, other)| named(own).is_some_and(|named| named.eq_ignore_ascii_case(other)))
}

/// What of the database is in the way: none for what concerns other tables, or moves along.
fn of_dependent(input: &CheckInput<'_>, dependent: &Dependent) -> Option<Finding> {
    let movement = input.movement;
    let source = movement.source();
    let is_moved = |name: &str| movement.tables.iter().any(|table| table.as_str() == name);
    let Dependent { kind, owner, name, table } = dependent;
    let owner_stays = !is_moved(owner);
    if !is_moved(table) || (*kind != DependentKind::Trigger && !owner_stays) {
        return None;
    }
    let table = format!("`{source}.{table}`");
    let finding = match kind {
        DependentKind::ForeignKey => error(
            format!("{source}.{owner}"),
            format!("`{source}.{owner}`, which stays, has the foreign key `{name}` to {table}"),
            "move it too, or drop the foreign key",
        ),
        DependentKind::Trigger => error(
            format!("{source}.{name}"),
            format!("{table} has the trigger `{name}`, which is not moved: what it does stops with the switch"),
            "put what it does into the application, then drop it",
        ),
        DependentKind::TriggerElsewhere => error(
            format!("{source}.{name}"),
            format!(
                "the trigger `{name}` of `{owner}`, which stays, names {table}: what it writes there after the switch is lost"
            ),
            format!("`SHOW CREATE TRIGGER` shows what it does; drop it, or waive this if `{name}` doesn't touch the table"),
        ),
        DependentKind::View => {
            let ends = if movement.spec.complete.source_tables == SourceTables::Keep {
                "shows old rows from the switch on"
            } else {
                "shows old rows from the switch on, and can't be read any more after `complete`"
            };
            Finding::fail(
                CODE,
                Severity::Warning,
                format!("{source}.{name}"),
                format!("the view `{source}.{name}` reads {table}: it {ends}"),
                "make it anew in the target, and let nobody read the one in the source",
            )
        }
    };
    Some(finding.seen(table))
}

fn error(subject: impl Into<String>, summary: String, help: impl Into<String>) -> Finding {
    Finding::fail(CODE, Severity::Error, subject, summary, help)
}

/// One finding a subject, which says all that was found of it.
fn by_subject(findings: Vec<Finding>) -> Vec<Finding> {
    let mut merged: Vec<Finding> = Vec::new();
    for finding in findings {
        match merged.iter_mut().find(|other| other.subject == finding.subject) {
            Some(other) => {
                other.summary = format!("{}; {}", other.summary, finding.summary);
                other.seen = format!("{}, {}", other.seen, finding.seen);
            }
            None => merged.push(finding),
        }
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{CORDER, Fixture, definition};
    use super::*;
    use crate::cluster::port::Answer;
    use crate::model::vschema::ColumnVindex;

    /// `corder` with a foreign key: ``(`customer_id`) REFERENCES `customer` (`customer_id`)``.
    fn with_key(key: &str) -> Fixture {
        let mut fixture = Fixture::new();
        let constraint = format!("PRIMARY KEY (`order_id`),\n  CONSTRAINT `c1` FOREIGN KEY {key}");
        fixture.source_table("0", definition(&CORDER.replace("PRIMARY KEY (`order_id`)", &constraint)));
        fixture
    }

    /// Each of the table `owner`.
    fn with_dependents(owner: &str, dependents: &[(DependentKind, &str, &str)]) -> Fixture {
        let mut fixture = Fixture::new();
        let answer = dependents.iter().map(|(kind, name, table)| Dependent {
            kind: *kind,
            owner: owner.to_owned(),
            name: (*name).to_owned(),
            table: (*table).to_owned(),
        });
        let ask = super::dependents(&fixture.movement);
        fixture.answer(ask, Answer::Dependents(answer.collect()));
        fixture
    }

    #[test]
    fn a_foreign_key_to_a_table_that_stays_blocks() {
        let finding = with_key("(`sku`) REFERENCES `product` (`sku`)").only_amiss(&CHECK);
        assert!(finding.blocks());
        assert_eq!(finding.summary, "`commerce.corder` has the foreign key `c1` to `product`, which stays");
    }

    #[test]
    fn a_foreign_key_between_moved_tables_passes_where_both_rows_share_a_shard() {
        let key = "(`customer_id`) REFERENCES `customer` (`customer_id`)";
        assert!(with_key(key).amiss(&CHECK).is_empty());
        assert!(with_key(&format!("{key} ON DELETE CASCADE")).only_amiss(&CHECK).summary.contains("changes rows by itself"));

        let mut fixture = with_key(key);
        fixture.change_target_table("corder", |entry| {
            entry.column_vindexes = vec![ColumnVindex { columns: vec!["order_id".into()], name: "xxhash".into() }];
        });
        assert!(fixture.only_amiss(&CHECK).summary.contains("may be on two shards of `customer`"));
        fixture.change_vschema("customer", |vschema| vschema.sharded = false);
        assert!(fixture.amiss(&CHECK).is_empty(), "there is but one shard");
    }

    #[test]
    fn what_stays_and_names_a_moved_table_blocks_and_a_view_warns() {
        for (kind, subject, says) in [
            (
                DependentKind::ForeignKey,
                "commerce.log",
                "`commerce.log`, which stays, has the foreign key `x` to `commerce.corder`",
            ),
            (DependentKind::TriggerElsewhere, "commerce.x", "the trigger `x` of `log`, which stays, names `commerce.corder`"),
        ] {
            let finding = with_dependents("log", &[(kind, "x", "corder")]).only_amiss(&CHECK);
            assert!(finding.blocks() && finding.summary.starts_with(says), "{}", finding.summary);
            assert_eq!(finding.subject, subject);
            assert!(with_dependents("customer", &[(kind, "x", "corder")]).amiss(&CHECK).is_empty(), "the owner moves too");
            assert!(with_dependents("log", &[(kind, "x", "product")]).amiss(&CHECK).is_empty(), "another table");
        }
        let finding = with_dependents("corder", &[(DependentKind::Trigger, "x", "corder")]).only_amiss(&CHECK);
        assert!(finding.blocks() && finding.summary.starts_with("`commerce.corder` has the trigger `x`"), "{}", finding.summary);
        let finding = with_dependents("x", &[(DependentKind::View, "x", "corder")]).only_amiss(&CHECK);
        assert!(!finding.blocks() && finding.summary.contains("can't be read any more"), "{}", finding.summary);
    }

    #[test]
    fn a_subject_has_one_finding_so_that_one_waiver_covers_what_was_seen_of_it() {
        let both = [(DependentKind::View, "x", "corder"), (DependentKind::View, "x", "customer")];
        assert_eq!(with_dependents("x", &both).only_amiss(&CHECK).seen, "`commerce.corder`, `commerce.customer`");
    }
}
