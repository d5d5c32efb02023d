//! Locks in the topology: of keyspaces, and of workflows by name. They are leases: who dies leaves his behind until they end.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// How long a call waits for one (`--lock-timeout`).
pub const WAIT: SignedDuration = SignedDuration::from_secs(45);
/// Of a named lock (go/vt/topo/named_lock.go).
pub const NAMED_LEASE: SignedDuration = SignedDuration::from_hours(24);

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lock {
    /// Below the global root: `keyspaces/commerce` or `internal/named_locks/customer/commerce2customer`.
    pub path: String,
    pub holder: Holder,
    pub action: String,
    pub since: Timestamp,
    pub ends: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Holder {
    Operation(u64),
    /// A VDiff of a shard while it stops and starts the streams.
    VDiff(u64),
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Locks(Vec<Lock>);

pub fn of_keyspace(keyspace: &str) -> String {
    format!("keyspaces/{keyspace}")
}

pub fn of_workflow(keyspace: &str, workflow: &str) -> String {
    format!("internal/named_locks/{keyspace}/{workflow}")
}

impl Locks {
    /// Takes it, unless somebody has it.
    pub fn take(&mut self, path: String, holder: Holder, action: &str, lease: SignedDuration, now: Timestamp) -> bool {
        self.0.retain(|lock| lock.ends > now);
        match self.0.iter().find(|lock| lock.path == path) {
            Some(lock) => lock.holder == holder,
            None => {
                let ends = now.saturating_add(lease).unwrap_or(Timestamp::MAX);
                self.0.push(Lock { path, holder, action: action.to_owned(), since: now, ends });
                true
            }
        }
    }

    pub fn give_back(&mut self, holder: &Holder) {
        self.0.retain(|lock| &lock.holder != holder);
    }

    /// Whoever holds it.
    pub fn remove(&mut self, path: &str) {
        self.0.retain(|lock| lock.path != path);
    }

    pub fn held(&self, now: Timestamp) -> impl Iterator<Item = &Lock> {
        self.0.iter().filter(move |lock| lock.ends > now)
    }
}
