//! Keys and foreign keys of a table, read from the text of `SHOW CREATE TABLE`, where each stands on a line of its own.

use super::schema::TableDefinition;

/// A primary or unique key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UniqueKey {
    /// None for the primary key.
    pub name: Option<String>,
    /// In the order of the key. A part that is an expression is left out.
    pub columns: Vec<String>,
    /// A part of it is an expression and no column.
    pub has_expression: bool,
}

/// A foreign key of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForeignKey {
    pub name: String,
    pub columns: Vec<String>,
    /// Without its database, which is named only when it is another one.
    pub referenced_table: String,
    pub referenced_columns: Vec<String>,
    /// `ON DELETE CASCADE`, `ON UPDATE SET NULL`: MySQL changes rows by itself, and writes nothing of it to its binlog.
    pub changes_rows: bool,
}

impl TableDefinition {
    /// The primary key first, then the others as they stand there.
    pub fn unique_keys(&self) -> Vec<UniqueKey> {
        let lines = self.create_statement.lines().map(str::trim);
        let mut keys: Vec<UniqueKey> = lines
            .filter_map(|line| match line.strip_prefix("PRIMARY KEY (") {
                Some(rest) => Some(unique_key(None, rest)),
                None => {
                    let (name, rest) = quoted(line.strip_prefix("UNIQUE KEY ")?)?;
                    Some(unique_key(Some(name), rest.trim_start().strip_prefix('(')?))
                }
            })
            .collect();
        keys.sort_by_key(|key| key.name.is_some());
        keys
    }

    /// The key by which a stream and a VDiff find a row: the primary key, or a unique one without an expression whose columns hold
    /// no NULL (`GetPrimaryKeyEquivalentColumns`, go/vt/mysqlctl/schema.go, which takes the one with the smallest columns).
    pub fn row_key(&self) -> Option<UniqueKey> {
        self.unique_keys().into_iter().find(|key| {
            key.name.is_none()
                || (!key.has_expression && key.columns.iter().all(|column| self.is_nullable(column) == Some(false)))
        })
    }

    pub fn foreign_keys(&self) -> Vec<ForeignKey> {
        self.create_statement.lines().filter_map(|line| foreign_key(line.trim())).collect()
    }
}

/// `rest`: what stands behind the opening bracket.
fn unique_key(name: Option<String>, rest: &str) -> UniqueKey {
    let mut columns = Vec::new();
    let mut has_expression = false;
    let mut rest = rest;
    loop {
        rest = rest.trim_start_matches([',', ' ']);
        match quoted(rest) {
            Some((column, tail)) => {
                columns.push(column);
                // A prefix length, or the direction.
                let tail = tail.strip_prefix('(').and_then(|tail| tail.split_once(')')).map_or(tail, |(_, tail)| tail);
                rest = tail.strip_prefix(" DESC").unwrap_or(tail);
            }
            None if rest.starts_with('(') => {
                has_expression = true;
                rest = behind_brackets(rest);
                rest = rest.strip_prefix(" DESC").unwrap_or(rest);
            }
            None => return UniqueKey { name, columns, has_expression },
        }
    }
}

/// What stands behind the bracket that closes the first one.
fn behind_brackets(text: &str) -> &str {
    let mut depth = 0;
    for (at, c) in text.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => continue,
        }
        if depth == 0 {
            return &text[at + 1..];
        }
    }
    ""
}

/// ``CONSTRAINT `name` FOREIGN KEY (`a`,`b`) REFERENCES `table` (`c`,`d`) ON DELETE CASCADE``
fn foreign_key(line: &str) -> Option<ForeignKey> {
    let (name, rest) = quoted(line.strip_prefix("CONSTRAINT ")?)?;
    let (columns, rest) = listed(rest.strip_prefix(" FOREIGN KEY ")?)?;
    let (mut referenced_table, mut rest) = quoted(rest.strip_prefix(" REFERENCES ")?)?;
    if let Some(table) = rest.strip_prefix('.') {
        (referenced_table, rest) = quoted(table)?;
    }
    let (referenced_columns, rest) = listed(rest.strip_prefix(' ')?)?;
    let changes_rows = ["CASCADE", "SET NULL", "SET DEFAULT"].iter().any(|action| rest.contains(action));
    Some(ForeignKey { name, columns, referenced_table, referenced_columns, changes_rows })
}

/// ``(`a`,`b`)`` at the beginning, and the rest.
fn listed(text: &str) -> Option<(Vec<String>, &str)> {
    let mut rest = text.strip_prefix('(')?;
    let mut names = Vec::new();
    loop {
        let (name, tail) = quoted(rest)?;
        names.push(name);
        rest = tail.trim_start_matches([',', ' ']);
        if let Some(tail) = rest.strip_prefix(')') {
            return Some((names, tail));
        }
    }
}

/// A name in MySQL's quotes at the beginning, and the rest. A quote in a name is written as two.
fn quoted(text: &str) -> Option<(String, &str)> {
    let inner = text.strip_prefix('`')?;
    let mut name = String::new();
    let mut characters = inner.char_indices().peekable();
    while let Some((at, c)) = characters.next() {
        if c != '`' {
            name.push(c);
        } else if characters.next_if(|(_, next)| *next == '`').is_some() {
            name.push('`');
        } else {
            return Some((name, &inner[at + 1..]));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(lines: &[&str]) -> TableDefinition {
        TableDefinition {
            name: "t".into(),
            is_view: false,
            create_statement: format!("CREATE TABLE `t` (\n  {}\n) ENGINE=InnoDB", lines.join(",\n  ")),
            columns: vec![],
            primary_key_columns: vec![],
            data_length_bytes: 0,
            row_count: 0,
        }
    }

    fn key(name: Option<&str>, columns: &[&str], has_expression: bool) -> UniqueKey {
        let columns = columns.iter().map(|column| (*column).to_owned()).collect();
        UniqueKey { name: name.map(str::to_owned), columns, has_expression }
    }

    #[test]
    fn unique_keys_are_read_with_prefixes_directions_expressions_and_odd_names() {
        let table = table(&[
            "`a` int NOT NULL",
            "UNIQUE KEY `f` ((lower(`b`)),`a`)",
            "UNIQUE KEY `p``q` (`b`(10) DESC,`a, b`)",
            "KEY `not_unique` (`a`)",
            "PRIMARY KEY (`b`,`a`)",
        ]);
        assert_eq!(
            table.unique_keys(),
            [key(None, &["b", "a"], false), key(Some("f"), &["a"], true), key(Some("p`q"), &["b", "a, b"], false)]
        );
    }

    #[test]
    fn the_key_of_a_row_holds_no_null_and_no_expression() {
        let columns = ["`a` int NOT NULL", "`b` int DEFAULT NULL", "`c` int NOT NULL"];
        let with = |key: &str| table(&[&columns[..], &[key]].concat()).row_key();
        assert_eq!(with("PRIMARY KEY (`a`)"), Some(key(None, &["a"], false)));
        assert_eq!(with("UNIQUE KEY `u` (`a`,`c`)"), Some(key(Some("u"), &["a", "c"], false)));
        assert_eq!(with("UNIQUE KEY `u` (`a`,`b`)"), None, "a NULL may stand in it twice");
        assert_eq!(with("UNIQUE KEY `u` (`a`,(`c` + 1))"), None);
        assert_eq!(with("KEY `u` (`a`)"), None);
    }

    #[test]
    fn foreign_keys_are_read_with_what_they_do_by_themselves() {
        let table = table(&[
            "CONSTRAINT `one` FOREIGN KEY (`a`, `b`) REFERENCES `other` (`c`, `d`) ON DELETE CASCADE",
            "CONSTRAINT `two` FOREIGN KEY (`a`) REFERENCES `vt_else`.`there` (`c`) ON UPDATE RESTRICT",
            "CONSTRAINT `three` CHECK ((`a` > 0))",
        ]);
        let found = table.foreign_keys();
        assert_eq!(found.len(), 2, "{found:?}");
        assert_eq!((found[0].name.as_str(), found[0].referenced_table.as_str(), found[0].changes_rows), ("one", "other", true));
        assert_eq!(
            (&found[0].columns[..], &found[0].referenced_columns[..]),
            (&["a", "b"].map(str::to_owned)[..], &["c", "d"].map(str::to_owned)[..])
        );
        assert_eq!((found[1].referenced_table.as_str(), found[1].changes_rows), ("there", false));
    }
}
