//! Online schema changes that have not ended, of `GetSchemaMigrations`.

use serde::{Deserialize, Serialize};

/// One on one shard.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SchemaChange {
    pub uuid: String,
    pub shard: String,
    /// Empty as long as Vitess has not worked it out: of a revert, which names another change.
    pub table: String,
    pub stage: ChangeStage,
}

/// How far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ChangeStage {
    /// Asked for, or waiting for its turn.
    Queued,
    /// It is the next one.
    Ready,
    Running,
}

impl ChangeStage {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Ready => "ready",
            Self::Running => "running",
        }
    }
}
