//! Tables as MySQL has them, read through a tablet (`GetSchema`).

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableDefinition {
    pub name: String,
    pub is_view: bool,
    /// The text of `SHOW CREATE TABLE`; empty when only sizes were read.
    pub create_statement: String,
    pub columns: Vec<String>,
    pub primary_key_columns: Vec<String>,
    /// MySQL's estimates.
    pub data_length_bytes: u64,
    pub row_count: u64,
}

impl TableDefinition {
    /// The column that the DDL marks `AUTO_INCREMENT`.
    pub fn auto_increment_column(&self) -> Option<String> {
        self.column_lines()
            .find(|(_, attributes)| attributes.ends_with(" AUTO_INCREMENT") || attributes.contains(" AUTO_INCREMENT "))
            .map(|(column, _)| column)
    }

    /// MySQL's type word of a column, in lower case and without its length: `bigint`, `varchar`. Names of columns have no case.
    pub fn column_type(&self, column: &str) -> Option<String> {
        let (_, attributes) = self.column_lines().find(|(name, _)| name.eq_ignore_ascii_case(column))?;
        let word: String = attributes.trim_start().chars().take_while(char::is_ascii_alphabetic).collect();
        (!word.is_empty()).then(|| word.to_ascii_lowercase())
    }

    /// Whether a column can hold a NULL by its definition; none for a column that isn't there.
    pub fn is_nullable(&self, column: &str) -> Option<bool> {
        let (_, attributes) = self.column_lines().find(|(name, _)| name.eq_ignore_ascii_case(column))?;
        Some(!attributes.contains(" NOT NULL"))
    }

    /// Each column's name with what the DDL says of it, strings emptied, so that a default or a comment cannot pretend to be an
    /// attribute. The text is MySQL's own: each column stands on a line that begins with its quoted name.
    fn column_lines(&self) -> impl Iterator<Item = (String, String)> {
        self.columns_with_attributes().map(|(column, attributes)| (column, without_strings(&attributes)))
    }

    /// Each column's name with what the DDL says of it, as it stands there.
    pub fn columns_with_attributes(&self) -> impl Iterator<Item = (String, String)> {
        self.create_statement.lines().filter_map(|line| {
            let (column, attributes) = line.trim().strip_prefix('`')?.split_once('`')?;
            Some((column.to_owned(), attributes.trim_end_matches(',').to_owned()))
        })
    }

    /// The definition of the copy that Vitess makes when it strips `AUTO_INCREMENT` (`stripAutoIncrement`,
    /// go/vt/vtctl/workflow/utils.go), comparable as [`Self::comparable`] is.
    pub fn comparable_without_auto_increment(&self) -> String {
        let column = self.auto_increment_column();
        let text = self.comparable();
        let lines: Vec<String> = text
            .lines()
            .map(|line| match &column {
                Some(column) if line.trim().starts_with(&format!("`{column}` ")) => line.replacen(" AUTO_INCREMENT", "", 1),
                _ => line.to_owned(),
            })
            .collect();
        lines.join("\n")
    }

    /// The definition without what differs between two copies of the same table: the next auto-increment value.
    pub fn comparable(&self) -> String {
        let mut text = String::with_capacity(self.create_statement.len());
        let mut rest = self.create_statement.as_str();
        while let Some(at) = rest.find(" AUTO_INCREMENT=") {
            let (before, tail) = rest.split_at(at);
            text.push_str(before);
            let digits = tail[" AUTO_INCREMENT=".len()..].trim_start_matches(|c: char| c.is_ascii_digit());
            rest = digits;
        }
        text.push_str(rest);
        text
    }
}

/// The text with its single-quoted strings emptied; MySQL writes a quote in a string as two.
fn without_strings(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut in_string = false;
    for c in text.chars() {
        if c == '\'' {
            in_string = !in_string;
        }
        if c == '\'' || !in_string {
            kept.push(c);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(create_statement: &str) -> TableDefinition {
        TableDefinition {
            name: "t".into(),
            is_view: false,
            create_statement: create_statement.into(),
            columns: vec![],
            primary_key_columns: vec![],
            data_length_bytes: 0,
            row_count: 0,
        }
    }

    #[test]
    fn the_auto_increment_column_is_found_and_a_comment_does_not_pretend_to_be_one() {
        let ddl = "CREATE TABLE `t` (\n  `note` varchar(9) COMMENT ' AUTO_INCREMENT',\n  `id` bigint NOT NULL AUTO_INCREMENT,\n  PRIMARY KEY (`id`)\n) ENGINE=InnoDB AUTO_INCREMENT=12";
        assert_eq!(table(ddl).auto_increment_column().as_deref(), Some("id"));
        assert_eq!(table("CREATE TABLE `t` (\n  `note` int COMMENT ' AUTO_INCREMENT'\n)").auto_increment_column(), None);
    }

    #[test]
    fn types_and_nulls_are_read_from_the_definition_and_not_from_its_strings() {
        let table = table(
            "CREATE TABLE `t` (\n  `id` bigint unsigned NOT NULL,\n  `email` varchar(9) DEFAULT ' NOT NULL' COMMENT 'it''s NOT NULL',\n  PRIMARY KEY (`id`)\n)",
        );
        assert_eq!(table.column_type("ID").as_deref(), Some("bigint"));
        assert_eq!(table.is_nullable("id"), Some(false));
        assert_eq!(table.is_nullable("email"), Some(true));
        assert_eq!(table.is_nullable("gone"), None);
    }

    #[test]
    fn the_stripped_copy_loses_auto_increment_and_nothing_else() {
        let source = table("CREATE TABLE `t` (\n  `id` int NOT NULL AUTO_INCREMENT,\n  PRIMARY KEY (`id`)\n) AUTO_INCREMENT=4");
        let copy = table("CREATE TABLE `t` (\n  `id` int NOT NULL,\n  PRIMARY KEY (`id`)\n)");
        assert_eq!(source.comparable_without_auto_increment(), copy.comparable());
        assert_ne!(source.comparable(), copy.comparable());
    }

    #[test]
    fn two_copies_differ_only_in_what_matters() {
        let a = table("CREATE TABLE `t` (`id` int) ENGINE=InnoDB AUTO_INCREMENT=12 DEFAULT CHARSET=utf8mb4");
        let b = table("CREATE TABLE `t` (`id` int) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4");
        assert_eq!(a.comparable(), b.comparable());
    }
}
