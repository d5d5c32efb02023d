//! Keyspaces, shards and tablets, as the topology server holds them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::name::{CellName, KeyspaceName, ShardName};

/// `topodata.TabletType`. The three that serve applications have rules of their own; the others only stand in the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum TabletType {
    Unknown,
    Primary,
    Replica,
    Rdonly,
    Spare,
    Experimental,
    Backup,
    Restore,
    Drained,
}

impl TabletType {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Primary => "primary",
            Self::Replica => "replica",
            Self::Rdonly => "rdonly",
            Self::Spare => "spare",
            Self::Experimental => "experimental",
            Self::Backup => "backup",
            Self::Restore => "restore",
            Self::Drained => "drained",
        }
    }

    /// What a routing rule's key ends in for this type: nothing for primary.
    pub fn rule_suffix(self) -> &'static str {
        match self {
            Self::Replica => "@replica",
            Self::Rdonly => "@rdonly",
            _ => "",
        }
    }
}

impl fmt::Display for TabletType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// `cell-uid`, the uid padded to ten digits (`topoproto.TabletAliasString`).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
pub struct TabletAlias {
    pub cell: String,
    pub uid: u32,
}

impl fmt::Display for TabletAlias {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{:010}", self.cell, self.uid)
    }
}

/// The topology's record of a tablet; it says nothing about its health.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tablet {
    pub alias: TabletAlias,
    pub keyspace: String,
    pub shard: String,
    pub tablet_type: TabletType,
    pub hostname: String,
    /// The name of the MySQL schema; `vt_<keyspace>` when the record has no override.
    pub database: String,
    /// When its vttablet was started; those before Vitess 24 don't say.
    #[serde(default)]
    pub started_at: Option<Timestamp>,
}

/// `topodata.Shard.TabletControl`: what this shard's tablets of one type refuse.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct TabletControl {
    pub tablet_type: TabletType,
    pub cells: Vec<String>,
    pub denied_tables: Vec<String>,
    pub frozen: bool,
    pub allow_reads: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shard {
    pub primary_alias: Option<TabletAlias>,
    pub primary_term_started_at: Option<Timestamp>,
    /// `-80` as start and end bytes in hexadecimal; empty is open.
    pub key_range: (String, String),
    pub is_primary_serving: bool,
    pub tablet_controls: Vec<TabletControl>,
}

impl Shard {
    /// The tables whose queries this shard's primary refuses.
    pub fn denied_tables(&self) -> BTreeSet<String> {
        self.tablet_controls
            .iter()
            .filter(|control| control.tablet_type == TabletType::Primary)
            .flat_map(|control| control.denied_tables.iter().cloned())
            .collect()
    }
}

/// A keyspace with its shards.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Keyspace {
    /// A snapshot keyspace serves restored backups and can't take part in a movement.
    pub is_snapshot: bool,
    /// The sidecar database, `_vt` unless set otherwise.
    pub sidecar_database: String,
    pub shards: BTreeMap<ShardName, Shard>,
}

/// `keyspace/shard`, the form in which Vitess and we name one shard of the cluster.
pub fn shard_path(keyspace: &KeyspaceName, shard: &ShardName) -> String {
    format!("{keyspace}/{shard}")
}

/// Cells and their aliases.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cells {
    pub names: Vec<CellName>,
    pub aliases: BTreeMap<String, Vec<String>>,
}
