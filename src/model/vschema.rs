//! A keyspace's VSchema, complete: it is compared and digested, so nothing of `vschema.Keyspace` may be left out.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::digest::Digest;

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct VSchema {
    pub sharded: bool,
    pub vindexes: BTreeMap<String, Vindex>,
    pub tables: BTreeMap<String, VSchemaTable>,
    pub require_explicit_routing: bool,
    pub foreign_key_mode: i32,
    pub multi_tenant: Option<(String, i32)>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vindex {
    pub kind: String,
    pub params: BTreeMap<String, String>,
    pub owner: String,
}

impl VSchema {
    /// The digest of each table's entry, with the vindexes that it names: what a query for the table is routed by.
    pub fn entries(&self) -> BTreeMap<String, Digest> {
        self.entries_of(|_| true)
    }

    /// The same of some tables.
    pub fn entries_of(&self, wanted: impl Fn(&str) -> bool) -> BTreeMap<String, Digest> {
        let of = |table: &VSchemaTable| {
            let vindexes: Vec<_> = table.column_vindexes.iter().map(|used| self.vindexes.get(&used.name)).collect();
            Digest::of(&(table, vindexes))
        };
        let tables = self.tables.iter().filter(|(name, _)| wanted(name));
        tables.map(|(name, table)| (name.clone(), of(table))).collect()
    }
}

impl Vindex {
    /// Whether a stream can compute a keyspace id with it: unique, and without a look-up
    /// (go/vt/vtgate/vindexes; the list of vitess-facts.md 1.8).
    pub fn is_usable_for_streams(&self) -> bool {
        const USABLE: [&str; 14] = [
            "binary",
            "binary_md5",
            "cfc",
            "hash",
            "multicol",
            "null",
            "numeric",
            "numeric_static_map",
            "region_experimental",
            "region_json",
            "reverse_bits",
            "unicode_loose_md5",
            "unicode_loose_xxhash",
            "xxhash",
        ];
        USABLE.contains(&self.kind.as_str())
    }
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct VSchemaTable {
    /// Empty, `sequence` or `reference`.
    pub kind: String,
    pub column_vindexes: Vec<ColumnVindex>,
    pub auto_increment: Option<AutoIncrement>,
    pub columns: Vec<VSchemaColumn>,
    /// A keyspace id in hexadecimal; empty when the table isn't pinned.
    pub pinned: String,
    pub column_list_authoritative: bool,
    pub source: String,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ColumnVindex {
    /// `columns` when Vitess has them, else the one `column`.
    pub columns: Vec<String>,
    pub name: String,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AutoIncrement {
    pub column: String,
    pub sequence: String,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct VSchemaColumn {
    pub name: String,
    pub kind: i32,
    pub invisible: bool,
    pub default: String,
    pub collation: String,
    pub size: i32,
    pub scale: i32,
    pub nullable: Option<bool>,
    pub values: Vec<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_changes_with_its_own_vindex_or_sequence_and_with_no_other() {
        let vindex = |kind: &str| Vindex { kind: kind.into(), ..Vindex::default() };
        let used = ColumnVindex { columns: vec!["id".into()], name: "by_id".into() };
        let table = VSchemaTable { column_vindexes: vec![used], ..VSchemaTable::default() };
        let before = VSchema {
            sharded: true,
            vindexes: [("by_id".to_owned(), vindex("hash")), ("other".to_owned(), vindex("hash"))].into(),
            tables: [("customer".to_owned(), table)].into(),
            ..VSchema::default()
        };
        let changed = |change: fn(&mut VSchema)| {
            let mut after = before.clone();
            change(&mut after);
            after.entries()["customer"] != before.entries()["customer"]
        };
        assert!(changed(|vschema| vschema.vindexes.get_mut("by_id").unwrap().kind = "xxhash".into()));
        assert!(changed(|vschema| {
            let sequence = AutoIncrement { column: "id".into(), sequence: "customer_seq".into() };
            vschema.tables.get_mut("customer").unwrap().auto_increment = Some(sequence);
        }));
        assert!(!changed(|vschema| vschema.vindexes.get_mut("other").unwrap().kind = "xxhash".into()));
    }
}
