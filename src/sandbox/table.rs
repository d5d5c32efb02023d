//! A table: its definition as MySQL words it, and its rows on one shard.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::file::consistency::column_name;
use super::file::description::{ForeignKeyDescription, TableDescription};
use super::ids::{Ids, Share};
use crate::cluster::vtctld::generated::query;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Table {
    pub columns: Vec<Column>,
    pub primary_key: Vec<String>,
    pub bytes_per_row: u64,
    /// The rows of all shards; a shard has its share.
    pub rows: Ids,
    /// Rows of this shard that are not of its share: somebody put them there by hand.
    pub strays: BTreeSet<u64>,
    /// Columns of secondary keys.
    pub keys: Vec<String>,
    pub next_id: Option<u64>,
    pub nulls_in: Vec<String>,
    #[serde(default)]
    pub foreign_keys: Vec<ForeignKeyDescription>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Column {
    pub name: String,
    /// `bigint`, `varchar(64)`.
    pub kind: String,
    pub is_nullable: bool,
    pub is_auto_increment: bool,
}

impl Column {
    /// From words of DDL: `customer_id bigint not null auto_increment`.
    pub fn parse(text: &str) -> Self {
        let name = column_name(text).to_owned();
        let rest = text.trim_start();
        let rest = match rest.strip_prefix('`') {
            Some(quoted) => quoted.split_once('`').map_or("", |(_, rest)| rest),
            None => &rest[name.len()..],
        };
        let words = rest.split_whitespace();
        let mut kind = String::new();
        let mut rest = words.map(str::to_ascii_lowercase).collect::<Vec<_>>().into_iter().peekable();
        while let Some(word) =
            rest.next_if(|word| !matches!(word.as_str(), "not" | "null" | "auto_increment" | "primary" | "default" | "comment"))
        {
            kind.push_str(if kind.is_empty() { "" } else { " " });
            kind.push_str(&word);
        }
        let rest: Vec<String> = rest.collect();
        let has = |word: &str| rest.iter().any(|it| it == word);
        Self { name, kind, is_nullable: !has("not") && !has("primary"), is_auto_increment: has("auto_increment") }
    }

    fn line(&self) -> String {
        let null = if self.is_nullable { " DEFAULT NULL" } else { " NOT NULL" };
        let auto_increment = if self.is_auto_increment { " AUTO_INCREMENT" } else { "" };
        format!("  `{}` {}{null}{auto_increment}", self.name, self.kind)
    }

    /// `query.Type`
    pub fn wire_type(&self) -> query::Type {
        let word: String = self.kind.chars().take_while(char::is_ascii_alphabetic).collect();
        let unsigned = self.kind.contains("unsigned");
        match (word.as_str(), unsigned) {
            ("bigint", false) => query::Type::Int64,
            ("bigint", true) => query::Type::Uint64,
            ("int" | "integer", false) => query::Type::Int32,
            ("int" | "integer", true) => query::Type::Uint32,
            ("smallint", _) => query::Type::Int16,
            ("tinyint", _) => query::Type::Int8,
            ("varbinary", _) => query::Type::Varbinary,
            ("binary", _) => query::Type::Binary,
            ("varchar", _) => query::Type::Varchar,
            ("char", _) => query::Type::Char,
            ("text", _) => query::Type::Text,
            ("blob", _) => query::Type::Blob,
            ("json", _) => query::Type::Json,
            ("timestamp", _) => query::Type::Timestamp,
            ("datetime", _) => query::Type::Datetime,
            ("date", _) => query::Type::Date,
            ("decimal", _) => query::Type::Decimal,
            ("float", _) => query::Type::Float32,
            ("double", _) => query::Type::Float64,
            _ => query::Type::Varchar,
        }
    }
}

impl From<&TableDescription> for Table {
    fn from(description: &TableDescription) -> Self {
        let columns: Vec<Column> = description.columns.iter().map(|text| Column::parse(text)).collect();
        let first = columns.first().map(|column| column.name.clone());
        let mut table = Self {
            primary_key: description.primary_key.clone().unwrap_or_else(|| first.into_iter().collect()),
            columns,
            bytes_per_row: description.bytes_per_row,
            rows: Ids::first(description.rows),
            strays: BTreeSet::new(),
            keys: description.keys.clone(),
            next_id: None,
            nulls_in: description.nulls_in.clone(),
            foreign_keys: description.foreign_keys.clone(),
        };
        if let Some(next) = description.sequence_next_id {
            table = Self { next_id: Some(next), rows: Ids::default(), ..Self::sequence() };
        }
        table
    }
}

impl Table {
    /// As Vitess wants a sequence to be.
    pub fn sequence() -> Self {
        Self {
            columns: ["id int not null", "next_id bigint", "cache bigint"].iter().map(|text| Column::parse(text)).collect(),
            primary_key: vec!["id".to_owned()],
            bytes_per_row: 16_384,
            rows: Ids::default(),
            strays: BTreeSet::new(),
            keys: vec![],
            next_id: Some(1),
            nulls_in: vec![],
            foreign_keys: vec![],
        }
    }

    /// What Vitess makes on the target of a table of the source: empty.
    pub fn copy_of(source: &Self, strip_auto_increment: bool) -> Self {
        let mut copy = Self { rows: Ids::default(), strays: BTreeSet::new(), ..source.clone() };
        if strip_auto_increment {
            for column in &mut copy.columns {
                column.is_auto_increment = false;
            }
        }
        copy
    }

    /// With those that are not of its share.
    pub fn all_rows(&self) -> Ids {
        let mut rows = self.rows.clone();
        for number in &self.strays {
            rows.add(&Ids::range(*number, *number));
        }
        rows
    }

    /// A row of this number, whether it is of its share or not.
    pub fn take_away(&mut self, number: u64) {
        if !self.strays.remove(&number) {
            self.rows = self.rows.without(&Ids::range(number, number));
        }
    }

    pub fn count(&self, share: Share) -> u64 {
        if self.next_id.is_some() {
            return u64::from(share.index == 0);
        }
        self.rows.count(share) + self.strays.len() as u64
    }

    pub fn auto_increment_column(&self) -> Option<&str> {
        self.columns.iter().find(|column| column.is_auto_increment).map(|column| column.name.as_str())
    }

    /// As `SHOW CREATE TABLE` has it, without the next number of AUTO_INCREMENT, which vttablet takes out.
    pub fn create_statement(&self, name: &str) -> String {
        let mut lines: Vec<String> = self.columns.iter().map(Column::line).collect();
        if !self.primary_key.is_empty() {
            let names: Vec<String> = self.primary_key.iter().map(|name| format!("`{name}`")).collect();
            lines.push(format!("  PRIMARY KEY ({})", names.join(",")));
        }
        lines.extend(self.keys.iter().map(|column| format!("  KEY `{column}` (`{column}`)")));
        lines.extend(self.foreign_keys.iter().enumerate().map(|(index, key)| {
            let cascades = if key.cascades { " ON DELETE CASCADE" } else { "" };
            format!(
                "  CONSTRAINT `{name}_ibfk_{}` FOREIGN KEY (`{}`) REFERENCES `{}` (`{}`){cascades}",
                index + 1,
                key.column,
                key.table,
                key.table_column
            )
        }));
        let comment = if self.next_id.is_some() { " COMMENT='vitess_sequence'" } else { "" };
        format!(
            "CREATE TABLE `{name}` (\n{}\n) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_0900_ai_ci{comment}",
            lines.join(",\n")
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::schema::TableDefinition;

    #[test]
    fn a_name_in_quotes_may_have_a_space() {
        let column = Column::parse("`a b` varchar(9) not null");
        assert_eq!((column.name.as_str(), column.kind.as_str(), column.is_nullable), ("a b", "varchar(9)", false));
    }

    #[test]
    fn a_definition_reads_as_one_of_mysql() {
        let description = TableDescription {
            rows: 5,
            bytes_per_row: 10,
            columns: vec!["id bigint unsigned not null auto_increment".into(), "email varchar(64)".into()],
            primary_key: None,
            sequence_next_id: None,
            nulls_in: vec![],
            keys: vec![],
            foreign_keys: vec![],
            triggers: vec![],
            writes_per_second: 0,
        };
        let table = Table::from(&description);
        let read = TableDefinition {
            name: "t".into(),
            is_view: false,
            create_statement: table.create_statement("t"),
            columns: vec![],
            primary_key_columns: vec![],
            data_length_bytes: 0,
            row_count: 0,
        };
        assert_eq!(read.auto_increment_column().as_deref(), Some("id"));
        assert_eq!(read.column_type("id").as_deref(), Some("bigint"));
        assert_eq!((read.is_nullable("id"), read.is_nullable("email")), (Some(false), Some(true)));
        let copy = TableDefinition { create_statement: Table::copy_of(&table, true).create_statement("t"), ..read.clone() };
        assert_eq!(read.comparable_without_auto_increment(), copy.comparable());
    }
}
