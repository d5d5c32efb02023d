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
    /// The column that the DDL marks `AUTO_INCREMENT`. The text is MySQL's own, so each column stands on a line that begins with
    /// its quoted name.
    pub fn auto_increment_column(&self) -> Option<String> {
        self.create_statement.lines().map(str::trim).find_map(|line| {
            let rest = line.strip_prefix('`')?;
            let (column, attributes) = rest.split_once('`')?;
            let comment = attributes.find(" COMMENT '").unwrap_or(attributes.len());
            attributes[..comment].to_ascii_uppercase().contains(" AUTO_INCREMENT").then(|| column.to_owned())
        })
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
    fn two_copies_differ_only_in_what_matters() {
        let a = table("CREATE TABLE `t` (`id` int) ENGINE=InnoDB AUTO_INCREMENT=12 DEFAULT CHARSET=utf8mb4");
        let b = table("CREATE TABLE `t` (`id` int) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4");
        assert_eq!(a.comparable(), b.comparable());
    }
}
