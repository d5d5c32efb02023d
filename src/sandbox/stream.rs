//! A stream of a workflow: a row of `_vt.vreplication` on a target shard's primary.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// How long a started stream is Running without having begun: without a position, without a table to copy.
pub const BEGINS_AFTER_MILLISECONDS: i64 = 300;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Stream {
    pub id: u64,
    pub workflow: String,
    pub keyspace: String,
    pub shard: String,
    pub source_keyspace: String,
    pub source_shard: String,
    /// Table and its filter, in the order in which they are copied.
    pub tables: Vec<(String, String)>,
    pub settings: Settings,
    pub state: State,
    pub message: String,
    pub stage: Stage,
    /// When its stage moves on.
    pub due: Option<Timestamp>,
    /// All that the source wrote until then has been applied.
    pub applied_until: Timestamp,
    pub updated_at: Timestamp,
    pub rows_copied: u64,
    /// A trouble's words, while it lasts.
    pub error: Option<String>,
    /// When it passes by itself.
    pub error_passes_at: Option<Timestamp>,
    /// The last number that was given to anything when it was stopped for a cutover.
    pub stopped_at_number: u64,
}

/// As stored. `Copying` and `Error` are what is reported of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum State {
    Stopped,
    Running,
    Error,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Stage {
    /// It has not begun.
    New,
    Copying {
        /// The first one is being copied.
        left: Vec<String>,
        since: Timestamp,
        /// Of the first table, when `since` was.
        copied: u64,
    },
    /// Position set, nothing left to copy.
    Replicating,
}

/// What its workflow was made with.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    pub cells: Vec<String>,
    /// Numbers of `topodata.TabletType`.
    pub tablet_types: Vec<i32>,
    pub in_order: bool,
    /// A number of `binlogdata.OnDDLAction`.
    pub on_ddl: i32,
    pub defer_secondary_keys: bool,
    pub stop_after_copy: bool,
    pub source_time_zone: String,
    pub target_time_zone: String,
    pub auto_increment: i32,
    pub global_keyspace: String,
    /// Its row has been written again since it was made: the first time changes how the tablet types are spelled.
    pub is_respelled: bool,
    /// vreplication's own settings.
    pub config: BTreeMap<String, String>,
}

impl Stream {
    pub fn is_frozen(&self) -> bool {
        self.message == "FROZEN"
    }

    pub fn names(&self) -> BTreeSet<&str> {
        self.tables.iter().map(|(name, _)| name.as_str()).collect()
    }

    /// What `GetWorkflows` calls it: "error" in its message counts more than its state, and a running one with tables left to copy
    /// is Copying.
    pub fn reported_state(&self) -> &'static str {
        if self.message.to_lowercase().contains("error") || (self.error.is_some() && self.is_running()) {
            return "Error";
        }
        match (self.state, &self.stage) {
            (State::Running, Stage::Copying { left, .. }) if !left.is_empty() => "Copying",
            (State::Running, _) => "Running",
            (State::Stopped, _) => "Stopped",
            (State::Error, _) => "Error",
        }
    }

    pub fn is_running(&self) -> bool {
        self.state == State::Running
    }
}
