//! C218: what makes a VDiff fail, or call rows different that are the same.

use super::asks::{both_keyspaces_and, counted, definitions, listed, nothing_more, source_tables, tables_of_each_shard, unread};
use super::{Check, CheckInput};
use crate::cluster::port::{Ask, Query, Reading};
use crate::family::move_tables::MoveTables;
use crate::finding::{Finding, Severity};
use crate::model::name::KeyspaceName;
use crate::model::schema::TableDefinition;
use crate::run::phase::PhaseId;

const CODE: &str = "C218";

pub static CHECK: Check = Check {
    code: CODE,
    title: "nothing is known that makes VDiff cry wolf",
    before: &[PhaseId::CREATE],
    waivable: true,
    query,
    follow_up: nothing_more,
    run,
    page: PAGE,
};

const PAGE: &str = "\
## What it means
VDiff reads both sides in the order of each table's key and walks along them side by side. It fails, or finds rows extra on both
sides that are the same, where the two orders may differ:

- `source-time-zone` is set and a DATETIME is in the key: VDiff reads it as an expression, no longer finds the key's column in its
  own query, and ends with an error. This one blocks, for without a VDiff no movement gets on.
- `source-time-zone` is set and the table has a DATETIME outside of the key: in the hour that the clock jumps, two times become one.
- The key holds text without a collation of its own, and MySQL of the source is not that of the target: the collation that is meant
  differs between 5.7 and 8.0.
- The source has several shards and the key holds an ENUM that is not declared in the order of its letters, a SET, or text in a
  character set that Vitess doesn't know (big5, gbk, tis620): MySQL sorts it in one way, and VDiff merges the shards in another.
- The key's columns stand in another order than the table's: a VDiff that goes on after an error or at its time limit begins at
  the wrong row.

## Why it matters
The movement holds at verify with a mismatch that is none. Whoever sees that often enough waives one that is real.

## What to do
Know it before you read the VDiff's report: rows that are extra on both sides, the same number of them, with the same values, are
the sign. A VDiff itself puts the first 1,000 extra rows of a table's two sides against each other and takes away those that are the
same, so that small tables pass (`doReconcileExtraRows`; seen on Vitess 24: 30 rows pass, 6,000 do not). Compare such rows by hand
before you waive the mismatch. For a DATETIME in the key, leave `source-time-zone` away and move such tables by themselves.

## When it is inconclusive
The definitions of the tables, or MySQL's version on a tablet, could not be read.

## What it reads
The definitions of the named tables (`GetSchema`, shared with C203), and MySQL's versions from `GetFullStatus` (shared with C212).
Which VDiff does what is read from Vitess 24 (go/vt/vttablet/tabletmanager/vdiff; issues 9715, 20601, 20854).
";

fn query(movement: &MoveTables) -> Query {
    both_keyspaces_and(
        movement,
        [source_tables(movement), Ask::TabletStatus(movement.source().clone()), Ask::TabletStatus(movement.target().clone())],
    )
}

fn run(input: &CheckInput<'_>) -> Vec<Finding> {
    let source = input.movement.source();
    let surroundings = match Surroundings::of(input) {
        Ok(surroundings) => surroundings,
        Err(why) => return vec![unread(CODE, source.as_str(), "MySQL's version on each tablet", &why)],
    };
    let tables = match tables_of_each_shard(input.facts, source, &source_tables(input.movement)) {
        Ok(tables) => tables,
        Err(why) => return vec![unread(CODE, source.as_str(), &format!("the tables of `{source}`"), &why)],
    };
    let mut findings = Vec::new();
    for reason in &REASONS {
        let concerned: Vec<&str> = input
            .movement
            .tables
            .iter()
            .filter(|table| {
                definitions(tables, table.as_str())
                    .next()
                    .is_some_and(|(_, definition)| (reason.holds)(definition, &surroundings))
            })
            .map(|table| table.as_str())
            .collect();
        if !concerned.is_empty() {
            findings.push(finding(input, reason, &concerned));
        }
    }
    if findings.is_empty() {
        let tables = counted(input.movement.tables.len(), "table");
        findings.push(Finding::pass(CODE, source.as_str(), format!("nothing in the {tables} is known to mislead a VDiff")));
    }
    findings
}

/// All tables with the same reason are one line.
fn finding(input: &CheckInput<'_>, reason: &Reason, tables: &[&str]) -> Finding {
    let source = input.movement.source();
    let subject = format!("{source} ({})", reason.short);
    let finding = Finding::fail(
        CODE,
        reason.severity,
        subject,
        format!("{} in {}: {}", reason.short, listed(tables), reason.says),
        reason.help,
    );
    let finding = finding.seen(listed(tables));
    if reason.severity == Severity::Error { finding.at("move-tables.source-time-zone") } else { finding }
}

/// What beside a table's definition decides.
struct Surroundings {
    has_time_zone: bool,
    merges_shards: bool,
    /// The release (8.0, 8.4) of some tablet's MySQL is not that of another.
    has_several_releases: bool,
}

impl Surroundings {
    fn of(input: &CheckInput<'_>) -> Reading<Self> {
        let movement = input.movement;
        let mut releases = Vec::new();
        for keyspace in [movement.source(), movement.target()] {
            releases.extend(releases_of(input, keyspace)?);
        }
        releases.sort_unstable();
        releases.dedup();
        Ok(Self {
            has_time_zone: movement.options.source_time_zone.is_some(),
            merges_shards: input.facts.keyspaces.get(movement.source()).is_some_and(|keyspace| keyspace.shards.len() > 1),
            has_several_releases: releases.len() > 1,
        })
    }
}

/// `8.0` of `8.0.40`, of each tablet that says it. One that doesn't answer is told by C215.
fn releases_of<'a>(input: &'a CheckInput<'_>, keyspace: &KeyspaceName) -> Reading<Vec<&'a str>> {
    let statuses = input.facts.tablet_status(&Ask::TabletStatus(keyspace.clone()))?;
    let versions = statuses.iter().filter_map(|status| status.status.as_ref().ok()).map(|mysql| mysql.version.as_str());
    Ok(versions
        .map(|version| {
            let second_dot = version.match_indices('.').nth(1).map_or(version.len(), |(at, _)| at);
            &version[..second_dot]
        })
        .collect())
}

struct Reason {
    severity: Severity,
    /// Fits before "in `corder`".
    short: &'static str,
    says: &'static str,
    help: &'static str,
    holds: fn(&TableDefinition, &Surroundings) -> bool,
}

const COMPARE_BY_HAND: &str = "compare the rows that a VDiff calls extra on both sides by hand before you waive anything";

static REASONS: [Reason; 5] = [
    Reason {
        severity: Severity::Error,
        short: "a DATETIME in the key",
        says: "with `source-time-zone` each VDiff ends with an error",
        help: "move these tables by themselves, without `source-time-zone`",
        holds: |table, around| around.has_time_zone && in_key(table, |kind| kind == "datetime"),
    },
    Reason {
        severity: Severity::Warning,
        short: "a DATETIME",
        says: "with `source-time-zone` rows of the hour in which the clock jumps differ for a VDiff",
        help: COMPARE_BY_HAND,
        holds: |table, around| {
            let has_one =
                table.columns_with_attributes().any(|(name, _)| table.column_type(&name).as_deref() == Some("datetime"));
            around.has_time_zone && has_one && !in_key(table, |kind| kind == "datetime")
        },
    },
    Reason {
        severity: Severity::Warning,
        short: "text without a collation in the key",
        says: "releases of MySQL differ in what they take for it, and so in the order of rows",
        help: COMPARE_BY_HAND,
        holds: |table, around| {
            around.has_several_releases && key_columns(table).any(|(_, words)| has_implied_collation(table, &words))
        },
    },
    Reason {
        severity: Severity::Warning,
        short: "an ENUM, a SET or a character set unknown to Vitess in the key",
        says: "MySQL sorts it otherwise than a VDiff that merges the source's shards",
        help: COMPARE_BY_HAND,
        holds: |table, around| around.merges_shards && key_columns(table).any(|(_, words)| is_merged_wrongly(table, &words)),
    },
    Reason {
        severity: Severity::Warning,
        short: "a key whose columns stand in another order than the table's",
        says: "a VDiff that goes on after an error or its time limit begins at the wrong row",
        help: "a VDiff made anew, that ends in one go, is right",
        holds: |table, _| {
            let columns: Vec<String> = table.columns_with_attributes().map(|(name, _)| name.to_ascii_lowercase()).collect();
            let places: Vec<Option<usize>> = key_columns(table)
                .map(|(name, _)| columns.iter().position(|column| *column == name.to_ascii_lowercase()))
                .collect();
            !places.is_sorted()
        },
    },
];

/// The columns of the key, each with what the DDL says of it.
fn key_columns(table: &TableDefinition) -> impl Iterator<Item = (String, String)> {
    let columns = table.row_key().map(|key| key.columns).unwrap_or_default();
    let all: Vec<(String, String)> = table.columns_with_attributes().collect();
    columns.into_iter().filter_map(move |column| {
        let (_, words) = all.iter().find(|(name, _)| name.eq_ignore_ascii_case(&column))?;
        Some((column, words.clone()))
    })
}

fn in_key(table: &TableDefinition, is_wanted: fn(&str) -> bool) -> bool {
    key_columns(table).any(|(name, _)| table.column_type(&name).is_some_and(|kind| is_wanted(&kind)))
}

fn is_text(words: &str) -> bool {
    let words = words.trim_start().to_ascii_lowercase();
    ["char", "varchar", "text", "tinytext", "mediumtext", "longtext"]
        .iter()
        .any(|kind| words.strip_prefix(kind).is_some_and(|rest| !rest.starts_with(|c: char| c.is_ascii_alphanumeric())))
}

fn has_implied_collation(table: &TableDefinition, words: &str) -> bool {
    is_text(words) && !words.contains(" COLLATE ") && !options(table).contains(" COLLATE=")
}

fn is_merged_wrongly(table: &TableDefinition, words: &str) -> bool {
    const UNKNOWN: [&str; 3] = ["big5", "gbk", "tis620"];
    let kind = words.trim_start();
    if let Some(values) = kind.strip_prefix("enum(") {
        let values: Vec<&str> = values.split('\'').skip(1).step_by(2).collect();
        return !values.is_sorted();
    }
    let set = words.split_once(" CHARACTER SET ").map(|(_, rest)| rest);
    let set = set.or_else(|| options(table).split_once(" CHARSET=").map(|(_, rest)| rest)).unwrap_or_default();
    let set = set.split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default();
    kind.starts_with("set(") || (is_text(words) && UNKNOWN.contains(&set))
}

/// What stands behind the last bracket: ` ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin`.
fn options(table: &TableDefinition) -> &str {
    table.create_statement.rsplit("\n)").next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{Fixture, definition};
    use super::*;
    use crate::model::name::ShardName;

    fn with(columns: &str, key: &str, options: &str) -> Fixture {
        let mut fixture = Fixture::new();
        fixture
            .source_table("0", definition(&format!("CREATE TABLE `corder` (\n  {columns},\n  PRIMARY KEY ({key})\n){options}")));
        fixture
    }

    fn sharded(mut fixture: Fixture) -> Fixture {
        let shard = fixture.shard_mut("commerce", "0").clone();
        fixture.facts.keyspaces.get_mut("commerce").unwrap().shards.insert(ShardName::new("1").unwrap(), shard);
        let ask = source_tables(&fixture.movement);
        let of_first = fixture.tables_mut(&ask)["0"].clone();
        fixture.tables_mut(&ask).insert("1".into(), of_first);
        fixture
    }

    #[test]
    fn a_datetime_in_the_key_blocks_with_a_time_zone_and_one_beside_it_warns() {
        let mut fixture = with("`at` datetime NOT NULL,\n  `id` int NOT NULL", "`at`", "");
        assert!(fixture.amiss(&CHECK).is_empty());
        fixture.movement.options.source_time_zone = Some("US/Pacific".into());
        let finding = fixture.only_amiss(&CHECK);
        assert!(finding.blocks() && finding.summary.starts_with("a DATETIME in the key in `corder`"), "{}", finding.summary);
        assert_eq!(finding.at.as_deref(), Some("move-tables.source-time-zone"));

        let mut fixture = with("`id` int NOT NULL,\n  `at` datetime NOT NULL", "`id`", "");
        fixture.movement.options.source_time_zone = Some("US/Pacific".into());
        let beside = fixture.only_amiss(&CHECK);
        assert_eq!((beside.severity, beside.at.as_deref()), (Severity::Warning, None));
    }

    #[test]
    fn a_collation_that_is_implied_matters_between_two_releases_of_mysql() {
        let text = "`id` varchar(9) NOT NULL";
        let mut fixture = with(text, "`id`", " ENGINE=InnoDB DEFAULT CHARSET=utf8mb4");
        fixture.mysql_mut("customer", 300).version = "9.7.5".into();
        assert!(fixture.amiss(&CHECK).is_empty(), "the same release");
        fixture.mysql_mut("customer", 300).version = "5.7.44".into();
        assert!(fixture.only_amiss(&CHECK).summary.starts_with("text without a collation in the key in `corder`"));
        for (columns, options) in [
            (text, " COLLATE=utf8mb4_bin"),
            ("`id` varchar(9) COLLATE utf8mb4_bin NOT NULL", ""),
            ("`id` varbinary(9) NOT NULL", ""),
        ] {
            let mut fixture = with(columns, "`id`", options);
            fixture.mysql_mut("customer", 300).version = "5.7.44".into();
            assert!(fixture.amiss(&CHECK).is_empty(), "{columns} {options}");
        }
    }

    #[test]
    fn what_vitess_sorts_otherwise_matters_where_shards_are_merged() {
        for columns in ["`id` enum('b','a') NOT NULL", "`id` set('a','b') NOT NULL", "`id` char(9) CHARACTER SET gbk NOT NULL"] {
            assert!(with(columns, "`id`", "").amiss(&CHECK).is_empty(), "one stream a side needs no merging");
            assert!(
                sharded(with(columns, "`id`", "")).only_amiss(&CHECK).summary.contains("merges the source's shards"),
                "{columns}"
            );
        }
        assert!(!sharded(with("`id` varchar(9) NOT NULL", "`id`", " DEFAULT CHARSET=big5")).amiss(&CHECK).is_empty());
        assert!(sharded(with("`id` enum('a','b') NOT NULL", "`id`", "")).amiss(&CHECK).is_empty());
    }

    #[test]
    fn a_key_in_another_order_than_the_columns_is_told() {
        let columns = "`a` int NOT NULL,\n  `b` int NOT NULL";
        assert!(with(columns, "`a`,`b`", "").amiss(&CHECK).is_empty());
        assert!(with(columns, "`b`,`a`", "").only_amiss(&CHECK).summary.contains("stand in another order"));
    }
}
