//! Which sequence gives a moved table its ids, and where that sequence is.

use std::collections::BTreeMap;
use std::fmt;

use super::asks::{definitions, source_tables, tables_of_each_shard, target_vschema, unquoted, vschema_table};
use crate::cluster::mutation::AutoIncrementHandling;
use crate::cluster::port::{Ask, Facts, Reading};
use crate::family::move_tables::MoveTables;
use crate::model::name::{KeyspaceName, TableName};
use crate::model::vschema::VSchema;

/// A sequence as a VSchema names it: `commerce.customer_seq`, `customer_seq`, each part perhaps in backquotes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct SequenceName {
    pub keyspace: Option<String>,
    pub table: String,
}

impl SequenceName {
    /// Whether vtgate can read the name as the VSchema writes it. It parses it as SQL, and passes over a table, columns and all,
    /// whose sequence it can't read: inserts then fail with errno 1173 (seen on a real Vitess 24).
    pub fn is_readable(text: &str) -> bool {
        let mut in_quotes = false;
        text.chars().all(|c| {
            in_quotes ^= c == '`';
            in_quotes || c == '`' || c == '.' || c.is_ascii_alphanumeric() || "_$".contains(c)
        })
    }

    pub fn parse(text: &str) -> Self {
        let mut in_quotes = false;
        let dot = text.char_indices().find(|(_, c)| {
            in_quotes ^= *c == '`';
            *c == '.' && !in_quotes
        });
        match dot {
            Some((at, _)) => {
                Self { keyspace: Some(unquoted(&text[..at]).to_owned()), table: unquoted(&text[at + 1..]).to_owned() }
            }
            None => Self { keyspace: None, table: unquoted(text).to_owned() },
        }
    }
}

impl fmt::Display for SequenceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.keyspace {
            Some(keyspace) => write!(f, "{keyspace}.{}", self.table),
            None => f.write_str(&self.table),
        }
    }
}

/// How a moved table gets its ids at the target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ids {
    /// The application brings them.
    Given,
    /// vtgate takes them from a sequence.
    Sequence { column: String, sequence: SequenceName },
    /// vtgate would, if it could read the sequence's name as the VSchema writes it.
    Unreadable { written: String, sequence: SequenceName },
    /// MySQL gave them at the source (this column), and nothing gives them at the target.
    Nothing { column: String },
    /// MySQL gave them at the source and would at each target shard, each for itself.
    EachShard { column: String },
}

/// How each table gets its ids at a sharded target; empty for an unsharded one, where MySQL goes on to give them.
pub fn ids(movement: &MoveTables, facts: &Facts) -> Reading<Vec<(TableName, Ids)>> {
    let vschema = target_vschema(movement, facts)?;
    if !vschema.sharded {
        return Ok(vec![]);
    }
    let tables = tables_of_each_shard(facts, movement.source(), &source_tables(movement))?;
    Ok(movement
        .tables
        .iter()
        .map(|table| {
            let by_mysql = definitions(tables, table.as_str()).find_map(|(_, definition)| definition.auto_increment_column());
            (table.clone(), ids_of(movement, vschema, table, by_mysql))
        })
        .collect())
}

fn ids_of(movement: &MoveTables, vschema: &VSchema, table: &TableName, by_mysql: Option<String>) -> Ids {
    let entry = vschema_table(vschema, table.as_str());
    if let Some(auto) = entry.and_then(|entry| entry.auto_increment.as_ref()).filter(|auto| !auto.sequence.is_empty()) {
        let sequence = SequenceName::parse(&auto.sequence);
        if !SequenceName::is_readable(&auto.sequence) {
            return Ids::Unreadable { written: auto.sequence.clone(), sequence };
        }
        return Ids::Sequence { column: unquoted(&auto.column).to_owned(), sequence };
    }
    let Some(column) = by_mysql else { return Ids::Given };
    match movement.options.sharded_auto_increment_handling {
        // A pinned table is on one shard alone, and its MySQL goes on to count.
        AutoIncrementHandling::Leave if entry.is_some_and(|entry| !entry.pinned.is_empty()) => Ids::Given,
        AutoIncrementHandling::Leave => Ids::EachShard { column },
        AutoIncrementHandling::Remove => Ids::Nothing { column },
        // `autoSequenceTableFormat`, go/vt/vtctl/workflow/materializer.go.
        AutoIncrementHandling::Replace => Ids::Sequence {
            column,
            sequence: SequenceName {
                keyspace: movement.options.global_keyspace.as_ref().map(KeyspaceName::to_string),
                table: format!("{table}_seq"),
            },
        },
    }
}

/// Where a sequence is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// In this unsharded keyspace, whose VSchema has it as a sequence, or not at all (only for a name with a keyspace: vtgate
    /// then takes it for a table of that keyspace).
    In { keyspace: KeyspaceName, is_declared: bool },
    /// The VSchema entry names a keyspace that isn't there.
    NoSuchKeyspace,
    /// The keyspace that the entry names is sharded.
    Sharded,
    /// No unsharded keyspace's VSchema has a sequence of that bare name.
    Nowhere,
    /// Several have, so vtgate can't resolve it.
    Ambiguous(Vec<String>),
}

pub fn place(name: &SequenceName, facts: &Facts) -> Reading<Place> {
    let vschemas = facts.all_vschemas(&Ask::AllVSchemas)?;
    let declares = |vschema: &VSchema| vschema_table(vschema, &name.table).is_some_and(|entry| entry.kind == "sequence");
    let in_keyspace = |keyspace: &str, is_declared: bool| match KeyspaceName::new(keyspace) {
        Ok(keyspace) => Place::In { keyspace, is_declared },
        Err(_) => Place::NoSuchKeyspace,
    };
    Ok(match &name.keyspace {
        Some(keyspace) => match vschemas.get(keyspace) {
            None => Place::NoSuchKeyspace,
            Some(vschema) if vschema.sharded => Place::Sharded,
            Some(vschema) => in_keyspace(keyspace, declares(vschema)),
        },
        None => {
            let holders = holders(vschemas, declares);
            match &holders[..] {
                [] => Place::Nowhere,
                [only] => in_keyspace(only, true),
                _ => Place::Ambiguous(holders),
            }
        }
    })
}

fn holders(vschemas: &BTreeMap<String, VSchema>, declares: impl Fn(&VSchema) -> bool) -> Vec<String> {
    vschemas.iter().filter(|(_, vschema)| !vschema.sharded && declares(vschema)).map(|(name, _)| name.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequence_names_are_read_with_and_without_keyspace_and_backquotes() {
        let parts = |text: &str| {
            let name = SequenceName::parse(text);
            (name.keyspace, name.table)
        };
        assert_eq!(parts("customer_seq"), (None, "customer_seq".to_owned()));
        assert_eq!(parts("commerce.customer_seq"), (Some("commerce".to_owned()), "customer_seq".to_owned()));
        assert_eq!(parts("`com-merce`.`a_seq`"), (Some("com-merce".to_owned()), "a_seq".to_owned()));
        assert_eq!(parts("`a.b`"), (None, "a.b".to_owned()));
    }

    #[test]
    fn what_is_no_plain_name_has_to_be_in_quotes() {
        for readable in ["commerce.customer_seq", "`com-merce`.`tbl-x_seq`", "commerce.`na\u{ef}ve`", "a$b"] {
            assert!(SequenceName::is_readable(readable), "{readable}");
        }
        for unreadable in ["commerce.tbl-x_seq", "com-merce.`a`", "na\u{ef}ve", "a b"] {
            assert!(!SequenceName::is_readable(unreadable), "{unreadable}");
        }
    }
}
