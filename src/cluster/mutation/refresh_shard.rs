//! Have the tablets of one shard read its record again: what they deny, they learn by it.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Verb;
use crate::cluster::vtctld::generated::vtctldata;
use crate::model::name::{KeyspaceName, ShardName};
use crate::model::topology::shard_path;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct RefreshShard {
    pub keyspace: KeyspaceName,
    pub shard: ShardName,
}

impl RefreshShard {
    pub fn request(&self) -> vtctldata::RefreshStateByShardRequest {
        vtctldata::RefreshStateByShardRequest {
            keyspace: self.keyspace.to_string(),
            shard: self.shard.to_string(),
            cells: Vec::new(),
        }
    }
}

impl Verb for RefreshShard {
    fn call(&self) -> &'static str {
        "RefreshStateByShard"
    }

    fn words(&self) -> String {
        format!("have the tablets of {} read what they deny", shard_path(&self.keyspace, &self.shard))
    }

    fn equivalent(&self) -> String {
        format!("vtctldclient RefreshStateByShard {}", shard_path(&self.keyspace, &self.shard))
    }

    /// It takes no lock.
    fn worst_case_seconds(&self) -> u64 {
        30
    }

    fn deadline(&self) -> Duration {
        Duration::from_secs(60)
    }
}
