//! A topology server in memory, for tests of what uses one.

use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;

use super::Topology;
use super::lock::{LockKey, Removed, prefix};
use crate::cluster::error::ClusterError;
use crate::cluster::port::HeldLock;
use crate::model::name::{KeyspaceName, WorkflowName};

const ROOT: &str = "/vitess/global";

/// Keys in the order of their making, and how many there ever were.
#[derive(Debug, Default)]
pub struct Memory(Mutex<(Vec<LockKey>, i64)>);

impl Memory {
    /// Somebody takes the lock, or begins to wait for it. It stays until it is removed.
    pub fn take(&self, keyspace: &KeyspaceName, workflow: &WorkflowName, holder: HeldLock) -> LockKey {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.1 += 1;
        let lease = state.1;
        let lock = LockKey {
            keyspace: keyspace.clone(),
            workflow: workflow.clone(),
            key: format!("{}{lease}", prefix(ROOT, keyspace, workflow)),
            mod_revision: lease,
            lease,
            holder,
        };
        state.0.push(lock.clone());
        lock
    }
}

#[async_trait]
impl Topology for Memory {
    async fn named_lock(&self, keyspace: &KeyspaceName, workflow: &WorkflowName) -> Result<Vec<LockKey>, ClusterError> {
        let state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_asked_for = |lock: &&LockKey| lock.keyspace == *keyspace && lock.workflow == *workflow;
        Ok(state.0.iter().filter(is_asked_for).cloned().collect())
    }

    async fn remove(&self, key: &LockKey) -> Result<Removed, ClusterError> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(at) = state.0.iter().position(|lock| lock.key == key.key) else { return Ok(Removed::Gone) };
        if state.0[at].mod_revision != key.mod_revision {
            return Ok(Removed::Changed);
        }
        state.0.remove(at);
        Ok(Removed::Done)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn it_removes_what_was_read_and_nothing_else() {
        let (keyspace, workflow) = (KeyspaceName::new("customer").unwrap(), WorkflowName::new("c2c").unwrap());
        let memory = Memory::default();
        let holder = |host: &str| HeldLock {
            of: "customer/c2c".into(),
            node: String::new(),
            version: 0,
            waits: false,
            action: "SwitchTraffic".into(),
            host: host.into(),
            user: String::new(),
            time: String::new(),
        };
        let dead = memory.take(&keyspace, &workflow, holder("dead"));
        let waits = memory.take(&keyspace, &workflow, holder("waits"));
        memory.take(&keyspace, &WorkflowName::new("other").unwrap(), holder("other"));
        assert_eq!(memory.named_lock(&keyspace, &workflow).await.unwrap(), [dead.clone(), waits.clone()]);
        let older = LockKey { mod_revision: 0, ..dead.clone() };
        assert_eq!(memory.remove(&older).await.unwrap(), Removed::Changed);
        assert_eq!(memory.remove(&dead).await.unwrap(), Removed::Done);
        assert_eq!(memory.remove(&dead).await.unwrap(), Removed::Gone);
        assert_eq!(memory.named_lock(&keyspace, &workflow).await.unwrap(), [waits]);
    }
}
