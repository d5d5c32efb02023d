//! The plan file that `init` starts with: every key with what it is for, those with a default commented out.
//!
//! It is written from the same declarations that decode it, so it can't drift from them.

use super::TABLES;
use super::gates::GATE;
use super::key::{Fallback, Key, Kind, NameKind, Table};
use crate::model::name::{CellName, KeyspaceName, TableName, WorkflowName};

/// What was found in the live cluster, and what was chosen.
#[derive(Debug, Clone)]
pub struct InitFacts {
    /// An alias.
    pub cluster: String,
    pub workflow: WorkflowName,
    pub source: KeyspaceName,
    pub target: KeyspaceName,
    /// In the order in which they are to stand. Empty: all tables of the source.
    pub tables: Vec<TableName>,
    pub cells: Vec<CellName>,
    /// Unsharded keyspaces that could hold sequences.
    pub global_keyspaces: Vec<KeyspaceName>,
    /// Where the schema is, for editors: a path from the plan file, or a URL.
    pub schema: Option<String>,
}

/// The text of a plan file that [`super::read`] accepts.
pub fn workflow_toml(facts: &InitFacts) -> String {
    let mut text = String::new();
    if let Some(schema) = &facts.schema {
        text.push_str(&format!("#:schema {schema}\n"));
    }
    for table in TABLES {
        match table.name {
            "" => {}
            "gates" => {
                heading(&mut text, table);
                gates(&mut text, table);
                continue;
            }
            _ => heading(&mut text, table),
        }
        for key in table.keys {
            entry(&mut text, key, chosen(table, key, facts), example(key, facts));
        }
    }
    text
}

fn heading(text: &mut String, table: &Table) {
    text.push('\n');
    comment(text, table.doc);
    text.push_str(&format!("[{}]\n", table.name));
}

/// A key with its doc: chosen ones as they are, the others behind a `#`.
fn entry(text: &mut String, key: &Key, chosen: Option<String>, example: Option<String>) {
    let (mark, value) = match (chosen, example) {
        (Some(value), _) => ("", value),
        (None, Some(value)) => ("# ", value),
        (None, None) => return,
    };
    comment(text, key.doc);
    text.push_str(&format!("{mark}{} = {value}\n", key.name));
}

fn gates(text: &mut String, table: &Table) {
    for key in table.keys {
        let policy = match key.name {
            "create" | "copy" | "verify" => "auto-advance",
            _ => "operator-hold",
        };
        let is_switch = key.name == "switch-primary";
        let mark = if key.name == "policy" { "" } else { "# " };
        comment(text, key.doc);
        if !is_switch {
            text.push_str(&format!("{mark}{} = {}\n", key.name, quoted(policy)));
            continue;
        }
        text.push_str("# It may also be a table, which then stands below all keys of `[gates]`:\n# [gates.switch-primary]\n");
        for key in GATE.keys {
            let example = match key.kind {
                Kind::Windows => "[\"Tue 02:00-04:00\"]".to_owned(),
                Kind::Word(_) => quoted(policy),
                _ => fallback(key).unwrap_or_default(),
            };
            text.push_str(&format!("# {} = {example}\n", key.name));
        }
    }
}

/// The values that are this movement's own.
fn chosen(table: &Table, key: &Key, facts: &InitFacts) -> Option<String> {
    Some(match (table.name, key.name) {
        ("", "version") => super::VERSION.to_string(),
        ("", "workflow") => quoted(facts.workflow.as_str()),
        ("", "cluster") => quoted(&facts.cluster),
        ("move-tables", "source-keyspace") => quoted(facts.source.as_str()),
        ("move-tables", "target-keyspace") => quoted(facts.target.as_str()),
        ("move-tables", "tables") if !facts.tables.is_empty() => list(facts.tables.iter().map(TableName::as_str)),
        ("move-tables", "all-tables") if facts.tables.is_empty() => "true".to_owned(),
        // It has no default, for it destroys; of the three, this one can be taken back longest.
        ("complete", "source-tables") => quoted("rename"),
        ("revert", "window") => fallback(key)?,
        _ => return None,
    })
}

/// A value to stand behind a `#`: the default, or one that shows the form.
fn example(key: &Key, facts: &InitFacts) -> Option<String> {
    fallback(key).or_else(|| match key.kind {
        Kind::Names(NameKind::Cell) if !facts.cells.is_empty() => Some(list(facts.cells.iter().map(CellName::as_str))),
        Kind::Name(NameKind::Keyspace) => facts.global_keyspaces.first().map(|keyspace| quoted(keyspace.as_str())),
        Kind::Zone => Some(quoted("America/New_York")),
        Kind::Length(_) => Some(quoted("4h")),
        Kind::Words(words) => Some(list(words.iter().copied())),
        _ => None,
    })
}

fn fallback(key: &Key) -> Option<String> {
    match key.fallback {
        Fallback::Text(text) => Some(quoted(text)),
        Fallback::Flag(flag) => Some(flag.to_string()),
        Fallback::Words(words) => Some(list(words.iter().copied())),
        Fallback::Required | Fallback::Nothing => None,
    }
}

fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

fn list<'a>(texts: impl Iterator<Item = &'a str>) -> String {
    let texts: Vec<String> = texts.map(quoted).collect();
    let line = texts.join(", ");
    if line.len() <= 90 { format!("[{line}]") } else { format!("[\n  {},\n]", texts.join(",\n  ")) }
}

fn comment(text: &mut String, doc: &str) {
    const WIDTH: usize = 100;
    let mut line = String::from("#");
    for word in doc.split_whitespace() {
        if line.chars().count() + 1 + word.chars().count() > WIDTH {
            text.push_str(&line);
            text.push('\n');
            line = String::from("#");
        }
        line.push(' ');
        line.push_str(word);
    }
    text.push_str(&line);
    text.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::{Movement, TableSelection, read};

    fn facts(tables: &[&str]) -> InitFacts {
        InitFacts {
            cluster: "production".into(),
            workflow: WorkflowName::forward("commerce2customer").unwrap(),
            source: KeyspaceName::new("commerce").unwrap(),
            target: KeyspaceName::new("customer").unwrap(),
            tables: tables.iter().map(|table| TableName::new(*table).unwrap()).collect(),
            cells: vec![CellName::new("zone1").unwrap()],
            global_keyspaces: vec![KeyspaceName::new("lookup").unwrap()],
            schema: Some("./workflow.schema.json".into()),
        }
    }

    #[test]
    fn it_is_a_plan_file_with_the_defaults() {
        let reading = read(&workflow_toml(&facts(&["customer", "corder"]))).unwrap();
        assert_eq!(reading.warnings, []);
        let least = "version = 1\nworkflow = \"commerce2customer\"\ncluster = \"production\"\n[move-tables]\n\
                     source-keyspace = \"commerce\"\ntarget-keyspace = \"customer\"\ntables = [\"customer\", \"corder\"]\n\
                     [complete]\nsource-tables = \"rename\"\n";
        assert_eq!(reading.spec, read(least).unwrap().spec);
    }

    #[test]
    fn without_tables_it_takes_all() {
        let spec = read(&workflow_toml(&facts(&[]))).unwrap().spec;
        let Movement::MoveTables(of) = spec.movement;
        assert_eq!(of.tables, TableSelection::AllBut(vec![]));
    }

    #[test]
    fn many_tables_stand_one_on_a_line() {
        let names: Vec<String> = (0..40).map(|n| format!("table_{n}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let text = workflow_toml(&facts(&names));
        assert!(text.contains("\n  \"table_39\",\n]\n"), "{text}");
        assert!(read(&text).is_ok());
    }

    #[test]
    fn what_stands_behind_a_hash_would_be_taken_too() {
        let text = workflow_toml(&facts(&["customer"]));
        let is_key = |line: &str| {
            let name = line.split(" = ").next().unwrap_or_default();
            line.contains(" = ")
                && TABLES.iter().any(|table| table.name != "gates" && table.keys.iter().any(|key| key.name == name))
        };
        let mut with_all = String::new();
        let mut in_gates = false;
        for line in text.lines() {
            in_gates = if line.starts_with('[') { line == "[gates]" } else { in_gates };
            match line.strip_prefix("# ") {
                Some(rest) if !in_gates && is_key(rest) => with_all.push_str(rest),
                _ => with_all.push_str(line),
            }
            with_all.push('\n');
        }
        assert!(
            with_all.contains("\nglobal-keyspace = \"lookup\"\n") && with_all.contains("\nmax-duration = \"4h\"\n"),
            "{with_all}"
        );
        if let Err(problems) = read(&with_all) {
            panic!("{problems:#?}\n{with_all}");
        }
    }
}
