//! What must hold between the parts of a `sandbox.toml`, and what a value may be: what its types don't say.

use std::collections::BTreeSet;

use super::description::{Description, KeyspaceDescription, TableDescription, Trouble};
use super::key_ranges;
use super::places::Places;
use super::vschema::{TableFile, VSchemaFile};
use crate::cluster::vtctld::CALLS;
use crate::model::name::{CellName, KeyspaceName, TableName};
use crate::sandbox::operation::STEPS;
use crate::spec::Problem;
use crate::spec::suggest::{nearest, one_of};

/// So many names are said where none is near.
const MOST_NAMES: usize = 40;

/// The name of a column of a table's DDL.
pub fn column_name(ddl: &str) -> &str {
    let ddl = ddl.trim_start();
    match ddl.strip_prefix('`') {
        Some(quoted) => quoted.split('`').next().unwrap_or_default(),
        None => ddl.split(|c: char| c.is_whitespace() || c == '(').next().unwrap_or_default(),
    }
}

/// Everything that is wrong with a description that could be read.
pub fn problems(description: &Description, places: Places<'_>) -> Vec<Problem> {
    let mut judge = Judge { description, places, problems: vec![] };
    judge.top();
    for (name, keyspace) in &description.keyspaces {
        judge.keyspace(name, keyspace);
    }
    for (index, trouble) in description.goes_wrong.iter().enumerate() {
        judge.trouble(&index.to_string(), trouble);
    }
    judge.problems
}

struct Judge<'a> {
    description: &'a Description,
    places: Places<'a>,
    problems: Vec<Problem>,
}

impl<'a> Judge<'a> {
    fn add(&mut self, path: &[&str], message: impl Into<String>, help: impl Into<String>) {
        let problem = Problem::error("C131", path.join("."), self.places.of(path), message);
        self.problems.push(problem.label("here").help(help));
    }

    /// The same, where a name is at fault that is a key.
    fn add_at_key(&mut self, path: &[&str], message: impl Into<String>) {
        self.problems.push(Problem::error("C131", path.join("."), self.places.of_key(path), message).label("here"));
    }

    /// A name that must be one of those that there are; else `what`, such as "there is no table", is said of it.
    fn must_be<'n>(&mut self, path: &[&str], what: &str, name: &str, known: impl IntoIterator<Item = &'n str>) {
        let known: Vec<&str> = known.into_iter().collect();
        if !known.contains(&name) {
            // Nobody knows the steps of a call by heart; all calls, or all tables, would be too many.
            let help = match nearest(name, known.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None if known.is_empty() || known.len() > MOST_NAMES => String::new(),
                None => format!("it may be {}", one_of(known)),
            };
            self.add(path, format!("{what} `{name}`"), help);
        }
    }

    fn top(&mut self) {
        let description = self.description;
        if description.version != 1 {
            let message = format!("version {} of this file is not known", description.version);
            self.add(&["version"], message, "write `version = 1`, or take a newer cutover");
        }
        if description.cells.is_empty() {
            self.add(&["cells"], "there is no cell", "leave it out, and there is one: `zone1`");
        }
        self.names(&["cells"], &description.cells, |name| CellName::new(name).err().map(|why| why.to_string()));
        if description.keyspaces.is_empty() {
            self.add(&["keyspaces"], "there is no keyspace", "a movement needs two");
        }
        for (key, rate) in [
            ("copy-rows-per-second", description.speed.copy_rows_per_second),
            ("vdiff-rows-per-second", description.speed.vdiff_rows_per_second),
        ] {
            if rate == 0 {
                self.add(&["speed", key], format!("`{key}` is 0: nothing would ever end"), "write 1 or more");
            }
        }
        if let Some(keyspace) = &description.application.keyspace {
            self.must_be_keyspace(&["application", "keyspace"], keyspace);
        }
    }

    /// Names of a list: each well formed, and none twice.
    fn names(&mut self, path: &[&str], names: &[String], why_not: impl Fn(&str) -> Option<String>) {
        let mut seen = BTreeSet::new();
        for (index, name) in names.iter().enumerate() {
            let index = index.to_string();
            let path = [path, &[index.as_str()]].concat();
            if let Some(why) = why_not(name) {
                self.add(&path, format!("the name `{name}` {why}"), "");
            }
            if !seen.insert(name) {
                self.add(&path, format!("`{name}` stands twice"), "");
            }
        }
    }

    fn keyspace(&mut self, name: &str, keyspace: &'a KeyspaceDescription) {
        let at = ["keyspaces", name];
        if let Err(why) = KeyspaceName::new(name) {
            self.add_at_key(&at, format!("the keyspace name `{name}` {why}"));
        }
        if let Err(why) = key_ranges::cover_all_once(&keyspace.shards) {
            let help = "one shard `0`, or ranges of keyspace ids such as `[\"-80\", \"80-\"]`";
            self.add(&[&at[..], &["shards"]].concat(), why, help);
        }
        for (table, description) in &keyspace.tables {
            self.table(&[&at[..], &["tables", table]].concat(), table, description, keyspace);
        }
        for (view, tables) in &keyspace.views {
            for (index, table) in tables.iter().enumerate() {
                let index = index.to_string();
                let path = [&at[..], &["views", view, &index]].concat();
                self.must_be(&path, "this keyspace has no table", table, keyspace.tables.keys().map(String::as_str));
            }
        }
        self.vschema(&[&at[..], &["vschema"]].concat(), keyspace);
    }

    fn table(&mut self, at: &[&str], name: &str, table: &TableDescription, of: &KeyspaceDescription) {
        if let Err(why) = TableName::new(name) {
            self.add_at_key(at, format!("the table name `{name}` {why}"));
        }
        let columns: Vec<String> = table.columns.iter().map(|ddl| column_name(ddl).to_owned()).collect();
        let at_columns = [at, &["columns"]].concat();
        if columns.is_empty() {
            self.add(&at_columns, "a table needs a column", "leave it out, and there are `id` and `data`");
        }
        let no_name = |column: &str| column.is_empty().then(|| "is none".to_owned());
        self.names(&at_columns, &columns, no_name);
        for (key, names) in [("primary-key", table.primary_key.as_deref().unwrap_or_default()), ("nulls-in", &table.nulls_in)] {
            for (index, column) in names.iter().enumerate() {
                let index = index.to_string();
                self.must_be(&[at, &[key, &index]].concat(), "there is no column", column, columns.iter().map(String::as_str));
            }
        }
        for (index, key) in table.foreign_keys.iter().enumerate() {
            let index = index.to_string();
            let at = |key| [at, &["foreign-keys", index.as_str(), key]].concat();
            self.must_be(&at("column"), "there is no column", &key.column, columns.iter().map(String::as_str));
            self.must_be(&at("table"), "this keyspace has no table", &key.table, of.tables.keys().map(String::as_str));
        }
    }

    fn vschema(&mut self, at: &[&str], keyspace: &'a KeyspaceDescription) {
        let vschema: &VSchemaFile = &keyspace.vschema;
        for (vindex, description) in &vschema.vindexes {
            if !description.owner.is_empty() {
                let path = [at, &["vindexes", vindex, "owner"]].concat();
                self.must_be(&path, "this VSchema has no table", &description.owner, vschema.tables.keys().map(String::as_str));
            }
        }
        for (name, table) in &vschema.tables {
            self.vschema_table(&[at, &["tables", name]].concat(), name, table, keyspace);
        }
    }

    fn vschema_table(&mut self, at: &[&str], name: &str, table: &TableFile, keyspace: &'a KeyspaceDescription) {
        const KINDS: [&str; 3] = ["", "sequence", "reference"];
        self.must_be(&[at, &["type"]].concat(), "tables have no type", &table.kind, KINDS);
        let is_hexadecimal = table.pinned.len().is_multiple_of(2) && table.pinned.bytes().all(|byte| byte.is_ascii_hexdigit());
        if !is_hexadecimal {
            self.add(&[at, &["pinned"]].concat(), format!("`{}` is no keyspace id in hexadecimal", table.pinned), "");
        }
        let columns = self.columns_of(name, keyspace);
        let must_be_column = |judge: &mut Self, path: &[&str], column: &str| {
            if let Some(columns) = &columns {
                judge.must_be(path, &format!("`{name}` has no column"), column, columns.iter().copied());
            }
        };
        for (index, vindex) in table.column_vindexes.iter().enumerate() {
            let index = index.to_string();
            let at = [at, &["column_vindexes", &index]].concat();
            let vindexes = keyspace.vschema.vindexes.keys().map(String::as_str);
            self.must_be(&[&at[..], &["name"]].concat(), "this VSchema has no vindex", &vindex.name, vindexes);
            match (vindex.column.is_empty(), vindex.columns.is_empty()) {
                (false, true) => must_be_column(self, &[&at[..], &["column"]].concat(), &vindex.column),
                (true, false) => {
                    for (index, column) in vindex.columns.iter().enumerate() {
                        let index = index.to_string();
                        must_be_column(self, &[&at[..], &["columns", &index]].concat(), column);
                    }
                }
                _ => self.add(&at, "a vindex of a table has either `column` or `columns`", ""),
            }
        }
        if let Some(increment) = &table.auto_increment {
            must_be_column(self, &[at, &["auto_increment", "column"]].concat(), &increment.column);
        }
    }

    /// The columns of a table: a VSchema may be there before its table, which then stands in another keyspace. None: nowhere.
    fn columns_of(&self, table: &str, keyspace: &'a KeyspaceDescription) -> Option<Vec<&'a str>> {
        let own = keyspace.tables.get(table);
        let tables: Vec<&TableDescription> = match own {
            Some(own) => vec![own],
            None => self.description.keyspaces.values().filter_map(|keyspace| keyspace.tables.get(table)).collect(),
        };
        let columns = tables.iter().flat_map(|table| &table.columns).map(|ddl| column_name(ddl)).collect();
        (!tables.is_empty()).then_some(columns)
    }

    fn must_be_keyspace(&mut self, path: &[&str], keyspace: &str) {
        self.must_be(path, "there is no keyspace", keyspace, self.description.keyspaces.keys().map(String::as_str));
    }

    fn must_be_shard(&mut self, at_keyspace: &[&str], at_shard: &[&str], keyspace: &str, shard: &str) {
        self.must_be_keyspace(at_keyspace, keyspace);
        let description = self.description;
        if let Some(there) = description.keyspaces.get(keyspace) {
            let what = format!("the keyspace `{keyspace}` has no shard");
            self.must_be(at_shard, &what, shard, there.shards.iter().map(String::as_str));
        }
    }

    /// In any keyspace: tables move.
    fn must_be_table(&mut self, path: &[&str], table: &str) {
        let description = self.description;
        let tables = description.keyspaces.values().flat_map(|keyspace| keyspace.tables.keys()).map(String::as_str);
        self.must_be(path, "there is no table", table, tables);
    }

    fn trouble(&mut self, index: &str, trouble: &Trouble) {
        let at = |key: &'static str| ["goes-wrong", index, key];
        match trouble {
            Trouble::RowsDiffer { table, mismatched, missing_on_target, extra_on_target } => {
                self.must_be_table(&at("table"), table);
                if (mismatched, missing_on_target, extra_on_target) == (&0, &0, &0) {
                    self.add(
                        &["goes-wrong", index],
                        "no row differs",
                        "say `mismatched`, `missing-on-target` or `extra-on-target`",
                    );
                }
            }
            Trouble::LongTransaction { keyspace, table, lasts_seconds, .. }
            | Trouble::SchemaChange { keyspace, table, lasts_seconds, .. } => {
                self.must_be_keyspace(&at("keyspace"), keyspace);
                self.must_be_table(&at("table"), table);
                self.must_last(&at("lasts-seconds"), *lasts_seconds);
            }
            Trouble::Lag { keyspace, lasts_seconds, .. } | Trouble::StreamError { keyspace, lasts_seconds, .. } => {
                self.must_be_keyspace(&at("keyspace"), keyspace);
                self.must_last(&at("lasts-seconds"), *lasts_seconds);
            }
            Trouble::Refuse { call, number, .. }
            | Trouble::LoseAnswer { call, number }
            | Trouble::KillCutover { call, number, .. } => {
                self.must_be(&at("call"), "there is no call", call, CALLS.iter().copied());
                if *number == 0 {
                    self.add(&at("number"), "calls are counted from 1", "");
                }
            }
            Trouble::VtctldDown { lasts_seconds, .. } | Trouble::VdiffStuck { lasts_seconds, .. } => {
                self.must_last(&at("lasts-seconds"), *lasts_seconds);
            }
            Trouble::Throttled { keyspace, lasts_seconds, .. } => {
                self.must_be_keyspace(&at("keyspace"), keyspace);
                self.must_last(&at("lasts-seconds"), *lasts_seconds);
            }
            Trouble::KillVtctld { call, number, step, .. } => {
                let calls = STEPS.iter().map(|(call, _)| *call);
                self.must_be(&at("call"), "there are no steps of a call", call, calls);
                if let Some((_, steps)) = STEPS.iter().find(|(name, _)| name == call) {
                    self.must_be(&at("step"), &format!("a {call} has no step"), step, steps.iter().copied());
                }
                if *number == 0 {
                    self.add(&at("number"), "calls are counted from 1", "");
                }
            }
            Trouble::Reparent { keyspace, shard, .. } => self.must_be_shard(&at("keyspace"), &at("shard"), keyspace, shard),
            Trouble::TabletDown { keyspace, shard, lasts_seconds, .. } => {
                self.must_be_shard(&at("keyspace"), &at("shard"), keyspace, shard);
                self.must_last(&at("lasts-seconds"), *lasts_seconds);
            }
            Trouble::VdiffError { table, number, .. } => {
                self.must_be_table(&at("table"), table);
                if *number == 0 {
                    self.add(&at("number"), "VDiffs are counted from 1", "");
                }
            }
            Trouble::SomebodyActs { keyspace, .. } => self.must_be_keyspace(&at("keyspace"), keyspace),
            Trouble::SomebodyChangesRules { rules, .. } => {
                if rules.is_empty() {
                    self.add(&at("rules"), "no rule is changed", "from a table to a table; an empty value takes a rule away");
                }
            }
        }
    }

    fn must_last(&mut self, path: &[&str], seconds: u64) {
        if seconds == 0 {
            self.add(path, "it lasts for 0 seconds: nothing would go wrong", "");
        }
    }
}
