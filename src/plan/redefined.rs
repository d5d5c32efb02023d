//! How the definition of a table has changed between two looks, column by column.

use std::collections::{BTreeMap, BTreeSet};

use crate::family::basis::Definition;
use crate::words;

/// Differences of one table that are named.
const MOST_NAMED: usize = 8;

/// Each table whose definition is another, with what changed and where, no full stop. Shards with the same change stand together.
pub fn between(was: &[Definition], is: &[Definition]) -> Vec<(String, String)> {
    let (was, is) = (by_table(was), by_table(is));
    let tables: BTreeSet<&str> = was.keys().chain(is.keys()).copied().collect();
    let mut all = Vec::new();
    for table in tables {
        for (change, shards) in of_table(was.get(table), is.get(table)) {
            all.push((table.to_owned(), format!("on {}: {change}", words::names(&shards, MOST_NAMED))));
        }
    }
    all
}

type ByShard<'a> = BTreeMap<&'a str, &'a str>;

fn by_table(definitions: &[Definition]) -> BTreeMap<&str, ByShard<'_>> {
    let mut tables: BTreeMap<&str, ByShard<'_>> = BTreeMap::new();
    for definition in definitions {
        let shards = tables.entry(&definition.table).or_default();
        shards.extend(definition.shards.iter().map(|shard| (shard.as_str(), definition.text.as_str())));
    }
    tables
}

fn of_table<'a>(was: Option<&ByShard<'a>>, is: Option<&ByShard<'a>>) -> BTreeMap<String, Vec<&'a str>> {
    let of = |found: Option<&ByShard<'a>>, shard| found.and_then(|shards| shards.get(shard).copied());
    let shards: BTreeSet<&str> = was.into_iter().chain(is).flat_map(BTreeMap::keys).copied().collect();
    let mut changes: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for shard in shards {
        let change = match (of(was, shard), of(is, shard)) {
            (Some(was), Some(is)) if was != is => of_text(was, is),
            (Some(_), None) => "the table is not there any more".to_owned(),
            (None, Some(_)) => "the table was not there".to_owned(),
            _ => continue,
        };
        changes.entry(change).or_default().push(shard);
    }
    changes
}

/// A `CREATE TABLE` of MySQL's own: each column and each key stands on a line, what is said of the whole table on the last one.
struct Parts<'a> {
    columns: BTreeMap<&'a str, &'a str>,
    /// Keys, constraints, and the last line.
    others: BTreeSet<&'a str>,
}

impl<'a> Parts<'a> {
    fn of(text: &'a str) -> Self {
        let mut parts = Self { columns: BTreeMap::new(), others: BTreeSet::new() };
        for line in text.lines().skip(1) {
            let line = line.trim().trim_end_matches(',');
            match line.strip_prefix('`').and_then(|line| line.split_once('`')) {
                Some((column, attributes)) => {
                    parts.columns.insert(column, attributes.trim());
                }
                None => {
                    parts.others.insert(line.trim_start_matches(") "));
                }
            }
        }
        parts
    }
}

fn of_text(was: &str, is: &str) -> String {
    let (was, is) = (Parts::of(was), Parts::of(is));
    let mut changes = Vec::new();
    for (column, now) in &is.columns {
        match was.columns.get(column) {
            None => changes.push(format!("the column `{column}` is new ({now})")),
            Some(before) if before != now => changes.push(format!("the column `{column}` was {before}, and is {now}")),
            Some(_) => {}
        }
    }
    for (column, before) in was.columns.iter().filter(|(column, _)| !is.columns.contains_key(*column)) {
        changes.push(format!("the column `{column}` is gone ({before})"));
    }
    changes.extend(is.others.difference(&was.others).map(|line| format!("new: {line}")));
    changes.extend(was.others.difference(&is.others).map(|line| format!("gone: {line}")));
    if changes.is_empty() {
        return "the same columns and keys stand in another order".to_owned();
    }
    words::list(&changes, MOST_NAMED, "; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const DDL: &str = "CREATE TABLE `corder` (\n  `id` bigint NOT NULL,\n  `data` varbinary(100) DEFAULT NULL,\n  PRIMARY KEY \
                       (`id`)\n) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4";

    fn definition(table: &str, shards: &[&str], text: &str) -> Definition {
        let shards = shards.iter().map(|shard| format!("commerce/{shard}")).collect();
        Definition { table: table.to_owned(), shards, text: text.to_owned() }
    }

    fn change_to(text: &str) -> Vec<(String, String)> {
        between(&[definition("corder", &["0"], DDL)], &[definition("corder", &["0"], text)])
    }

    #[track_caller]
    fn assert_change(text: &str, words: &str) {
        assert_eq!(change_to(text), [("corder".to_owned(), format!("on commerce/0: {words}"))]);
    }

    #[test]
    fn what_is_the_same_is_no_change() {
        assert_eq!(change_to(DDL), []);
    }

    #[test]
    fn each_change_of_a_column_is_named_with_what_it_was() {
        assert_change(
            &DDL.replace("varbinary(100)", "varbinary(200)"),
            "the column `data` was varbinary(100) DEFAULT NULL, and is varbinary(200) DEFAULT NULL",
        );
        assert_change(&DDL.replace("  PRIMARY", "  `note` int,\n  PRIMARY"), "the column `note` is new (int)");
        assert_change(
            &DDL.replace("  `data` varbinary(100) DEFAULT NULL,\n", ""),
            "the column `data` is gone (varbinary(100) DEFAULT NULL)",
        );
    }

    #[test]
    fn keys_options_and_order_count_too() {
        assert_change(&DDL.replace("(`id`)\n", "(`id`),\n  KEY `d` (`data`)\n"), "new: KEY `d` (`data`)");
        assert_change(
            &DDL.replace("utf8mb4", "latin1"),
            "new: ENGINE=InnoDB DEFAULT CHARSET=latin1; gone: ENGINE=InnoDB DEFAULT CHARSET=utf8mb4",
        );
        let data_first = "CREATE TABLE `corder` (\n  `data` varbinary(100) DEFAULT NULL,\n  `id` bigint NOT NULL,\n  PRIMARY KEY \
                          (`id`)\n) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4";
        assert_change(data_first, "the same columns and keys stand in another order");
    }

    #[test]
    fn a_table_that_came_or_went_and_shards_that_differ_are_told() {
        let was = [definition("corder", &["-80", "80-"], DDL), definition("gone", &["-80", "80-"], DDL)];
        let wider = DDL.replace("varbinary(100)", "varbinary(200)");
        let is = [
            definition("corder", &["80-"], DDL),
            definition("corder", &["-80"], &wider),
            definition("new", &["-80", "80-"], DDL),
        ];
        let changes = between(&was, &is);
        let told: Vec<String> = changes.iter().map(|(table, change)| format!("{table} {change}")).collect();
        assert_eq!(told.len(), 3, "{told:?}");
        assert!(told[0].starts_with("corder on commerce/-80: the column `data` was"), "{told:?}");
        assert_eq!(told[1], "gone on commerce/-80, commerce/80-: the table is not there any more");
        assert_eq!(told[2], "new on commerce/-80, commerce/80-: the table was not there");
    }
}
