//! A VSchema as people write it: Vitess's own JSON form, in TOML.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::vschema::{AutoIncrement, ColumnVindex, VSchema, VSchemaTable, Vindex};

/// `vschema.Keyspace`, as far as a sandbox has a use for it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct VSchemaFile {
    pub sharded: bool,
    pub vindexes: BTreeMap<String, VindexFile>,
    pub tables: BTreeMap<String, TableFile>,
    pub require_explicit_routing: bool,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VindexFile {
    /// Such as `xxhash`.
    #[serde(rename = "type")]
    pub kind: String,
    #[serde(default)]
    pub params: BTreeMap<String, String>,
    #[serde(default)]
    pub owner: String,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct TableFile {
    /// Empty, `sequence` or `reference`.
    #[serde(rename = "type")]
    pub kind: String,
    pub column_vindexes: Vec<ColumnVindexFile>,
    pub auto_increment: Option<AutoIncrementFile>,
    /// A keyspace id in hexadecimal.
    pub pinned: String,
    pub source: String,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ColumnVindexFile {
    #[serde(default)]
    pub column: String,
    #[serde(default)]
    pub columns: Vec<String>,
    /// Of a vindex of this keyspace.
    pub name: String,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AutoIncrementFile {
    pub column: String,
    /// `keyspace.table`
    pub sequence: String,
}

impl From<&VSchemaFile> for VSchema {
    fn from(file: &VSchemaFile) -> Self {
        let vindex = |it: &VindexFile| Vindex { kind: it.kind.clone(), params: it.params.clone(), owner: it.owner.clone() };
        VSchema {
            sharded: file.sharded,
            vindexes: file.vindexes.iter().map(|(name, it)| (name.clone(), vindex(it))).collect(),
            tables: file.tables.iter().map(|(name, it)| (name.clone(), table(it))).collect(),
            require_explicit_routing: file.require_explicit_routing,
            foreign_key_mode: 0,
            multi_tenant: None,
        }
    }
}

fn table(file: &TableFile) -> VSchemaTable {
    let columns = |it: &ColumnVindexFile| if it.columns.is_empty() { vec![it.column.clone()] } else { it.columns.clone() };
    VSchemaTable {
        kind: file.kind.clone(),
        column_vindexes: file
            .column_vindexes
            .iter()
            .map(|it| ColumnVindex { columns: columns(it), name: it.name.clone() })
            .collect(),
        auto_increment: file
            .auto_increment
            .as_ref()
            .map(|it| AutoIncrement { column: it.column.clone(), sequence: it.sequence.clone() }),
        columns: vec![],
        pinned: file.pinned.clone(),
        column_list_authoritative: false,
        source: file.source.clone(),
    }
}
