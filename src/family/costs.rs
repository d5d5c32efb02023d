//! What a movement costs, as far as it can be told before it begins.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Figures for programs, and the same for people.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Costs {
    /// What will be copied from each source shard, such as `commerce/0`. Empty when nothing is left to copy, or it could not be read.
    pub copy: BTreeMap<String, Size>,
    /// How long the primaries of a keyspace keep their binlogs: the shortest of them. A keyspace that never purges them, or did not
    /// say, is absent.
    pub binlogs_kept_seconds: BTreeMap<String, u64>,
    /// How full the disk of a shard's primary is, in percent, where its throttler measures it.
    pub data_directory_used_percent: BTreeMap<String, u32>,
    /// In words, one line each.
    pub lines: Vec<String>,
}

/// Rows and bytes as MySQL estimates them; indexes don't count.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Size {
    pub rows: u64,
    pub bytes: u64,
}

impl Size {
    pub fn plus(self, other: Self) -> Self {
        Self { rows: self.rows.saturating_add(other.rows), bytes: self.bytes.saturating_add(other.bytes) }
    }
}
