//! VReplication workflows and their streams, as `GetWorkflows` and `WorkflowStatus` report them.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::topology::TabletType;
use crate::words::{length, names};

/// The type of a workflow that moves tables between keyspaces (`binlogdata.VReplicationWorkflowType`).
pub const MOVE_TABLES: &str = "MoveTables";
/// The message of a stream that a primary switch has ended for good (`Frozen`, go/vt/vtctl/workflow/server.go).
pub const FROZEN: &str = "FROZEN";
/// The message of a stream that a primary switch has stopped at the source's last position.
pub const STOPPED_FOR_CUTOVER: &str = "stopped for cutover";
/// The message of a stream that a VDiff has stopped for a moment.
pub const STOPPED_FOR_VDIFF: &str = "for vdiff";

/// A stream's state as reported. `Error` is reported whenever the message holds the word, even while the stream retries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum StreamState {
    Unknown,
    Init,
    Stopped,
    Copying,
    Running,
    Error,
    Lagging,
}

impl StreamState {
    pub fn parse(text: &str) -> Self {
        match text {
            "Init" => Self::Init,
            "Stopped" => Self::Stopped,
            "Copying" => Self::Copying,
            "Running" => Self::Running,
            "Error" => Self::Error,
            "Lagging" => Self::Lagging,
            _ => Self::Unknown,
        }
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "Unknown",
            Self::Init => "Init",
            Self::Stopped => "Stopped",
            Self::Copying => "Copying",
            Self::Running => "Running",
            Self::Error => "Error",
            Self::Lagging => "Lagging",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stream {
    pub id: i64,
    /// The target shard, on whose primary the stream runs.
    pub shard: String,
    pub tablet: String,
    pub source_keyspace: String,
    pub source_shard: String,
    /// Table to filter, in the order of the name.
    pub tables: BTreeMap<String, String>,
    /// Empty until the stream has read its first event.
    pub position: String,
    pub state: StreamState,
    pub message: String,
    /// Tables whose rows are still being copied.
    pub copying_tables: Vec<String>,
    pub rows_copied: i64,
    pub transaction_at: Option<Timestamp>,
    /// The stream's heartbeat, each second while it lives.
    pub updated_at: Option<Timestamp>,
    pub throttled: Option<Throttled>,
    #[serde(default)]
    pub options: StreamOptions,
}

/// What a stream was made with, as its row says it. What is empty is not shown.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamOptions {
    /// A name of `binlogdata.OnDDLAction`.
    pub on_ddl: String,
    pub stop_after_copy: bool,
    /// An IANA name.
    pub source_time_zone: String,
    /// In order of preference, where the workflow has one.
    pub tablet_types: Vec<TabletType>,
    /// Sorted.
    pub cells: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Throttled {
    pub component: String,
    pub at: Option<Timestamp>,
}

impl Stream {
    /// Rows copied and nothing left to copy. A new stream reports `Running` with no copy state and an empty position, so the
    /// position is what tells "done" from "not begun" (vitess-facts T3).
    pub fn copy_is_complete(&self) -> bool {
        !self.copies_rows() && self.state == StreamState::Running
    }

    /// Rows are left to copy, or it has not begun to.
    pub fn copies_rows(&self) -> bool {
        self.position.is_empty() || !self.copying_tables.is_empty()
    }

    /// Stopped by Vitess for a moment: a VDiff, or the catch-up between two tables of a copy, which runs to a position and stops there.
    pub fn is_stopped_in_passing(&self) -> bool {
        let message = self.message.as_str();
        self.state == StreamState::Stopped
            && (message == STOPPED_FOR_VDIFF
                || message.starts_with("Stopped at position")
                || message.starts_with("Stop position"))
    }

    /// In an error, or stopped with a message that is none of a switch's: bad only when it stays.
    pub fn is_suspicious(&self) -> bool {
        let stopped = self.state == StreamState::Stopped && !self.message.is_empty();
        self.state == StreamState::Error || (stopped && !self.is_frozen() && !self.is_stopped_for_cutover())
    }

    /// What keeps it from getting on now, with where and for what, if it says so: throttled, or no word of life for a minute.
    pub fn is_held_up(&self, now: Timestamp) -> Option<String> {
        const QUIET: SignedDuration = SignedDuration::from_secs(60);
        let lately = |at: Timestamp| now.duration_since(at) < QUIET;
        let of = match self.copying_tables.as_slice() {
            [] => String::new(),
            tables => format!(", which copies {}", names(tables, 3)),
        };
        let place = format!("stream {} on {}{of}", self.id, self.shard);
        if let Some(throttled) = self.throttled.as_ref().filter(|throttled| throttled.at.is_none_or(lately)) {
            return Some(format!(
                "{place} is throttled (`{}`, C515): `vtctldclient GetThrottlerStatus {}` says by what",
                throttled.component, self.tablet
            ));
        }
        let runs = matches!(self.state, StreamState::Running | StreamState::Copying | StreamState::Lagging);
        let silent = self.updated_at.filter(|at| runs && !lately(*at))?;
        Some(format!(
            "{place} has given no sign of life for {} (C516): look at the tablet {}",
            length(now.duration_since(silent).as_secs()),
            self.tablet
        ))
    }

    pub fn is_frozen(&self) -> bool {
        self.state == StreamState::Stopped && self.message == FROZEN
    }

    pub fn is_stopped_for_cutover(&self) -> bool {
        self.state == StreamState::Stopped && self.message == STOPPED_FOR_CUTOVER
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Workflow {
    pub keyspace: String,
    pub name: String,
    pub workflow_type: String,
    pub workflow_sub_type: String,
    pub source_keyspace: String,
    pub source_shards: Vec<String>,
    pub target_keyspace: String,
    pub target_shards: Vec<String>,
    /// Sorted by target shard, source shard and id.
    pub streams: Vec<Stream>,
    /// Now minus the last transaction or heartbeat; none while a stream copies (Vitess then sends i64::MIN or MAX, T4).
    pub transaction_lag_seconds: Option<u64>,
    /// Now minus the last time a stream said that it lives.
    pub heartbeat_lag_seconds: Option<u64>,
    #[serde(default)]
    pub options: WorkflowOptions,
}

/// What a workflow was made with, as its rows say it. What is empty is not shown.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkflowOptions {
    pub defer_secondary_keys: bool,
    /// A name of `vtctldata.ShardedAutoIncrementHandling`.
    pub auto_increment: String,
    pub global_keyspace: String,
    /// Of a multi-tenant movement.
    pub tenant: String,
}

impl Workflow {
    /// The tables that its streams carry.
    pub fn tables(&self) -> Vec<String> {
        let mut tables: Vec<String> = self.streams.iter().flat_map(|stream| stream.tables.keys().cloned()).collect();
        tables.sort();
        tables.dedup();
        tables
    }

    pub fn stream_ids(&self) -> Vec<(String, i64)> {
        self.streams.iter().map(|stream| (stream.shard.clone(), stream.id)).collect()
    }
}

/// The progress of one table's copy, summed over shards. The totals are MySQL's estimates and may be below what was copied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableCopy {
    pub rows_copied: i64,
    pub rows_total: i64,
    pub bytes_copied: i64,
    pub bytes_total: i64,
    /// Known from Vitess 24 on.
    pub phase: CopyPhase,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CopyPhase {
    Unknown,
    NotStarted,
    InProgress,
    Complete,
}

/// What `WorkflowStatus` adds to `GetWorkflows`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkflowStatus {
    pub table_copies: BTreeMap<String, TableCopy>,
    pub traffic_state: String,
}
