//! Take away the named lock of a dead vtctld. Past vtctld, in the topology server, and only where the operator has said how to
//! reach that one (`topo` in the operator's file).

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Verb, shell};
use crate::model::name::{KeyspaceName, WorkflowName};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct RemoveStaleLock {
    /// Of the workflow whose name is locked.
    pub keyspace: KeyspaceName,
    pub workflow: WorkflowName,
    /// The lock's node, below `internal/named_locks/<keyspace>/<workflow>/locks/`: the id of its lease, which no other lock has.
    pub node: String,
}

impl RemoveStaleLock {
    /// Below the topology's global root.
    pub fn path(&self) -> String {
        format!("internal/named_locks/{}/{}/locks/{}", self.keyspace, self.workflow, self.node)
    }
}

impl Verb for RemoveStaleLock {
    fn call(&self) -> &'static str {
        "etcd Txn"
    }

    fn words(&self) -> String {
        format!("take away the lock that a dead vtctld left on `{}/{}`", self.keyspace, self.workflow)
    }

    fn equivalent(&self) -> String {
        format!("etcdctl del {}", shell(&format!("<global root>/{}", self.path())))
    }

    fn worst_case_seconds(&self) -> u64 {
        10
    }

    fn deadline(&self) -> Duration {
        Duration::from_secs(15)
    }
}
