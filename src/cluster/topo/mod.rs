//! The topology server itself, past vtctld: only when the operator says where it is, and only for the named lock of a workflow.
//!
//! A vtctld that dies inside a switch leaves that lock for 24 hours (`NamedLockTTL`, go/vt/topo/locks.go), and no call of vtctld
//! takes it away. [`Topology`] reads the keys of one workflow's lock and removes one of them, if it is still the one that was read.
//! [`Etcd`] is the adapter, [`Memory`] stands in its place in tests.

mod address;
mod etcd;
pub mod generated;
mod lock;
mod memory;

use async_trait::async_trait;

pub use address::{TopologyAddress, TopologyAddressError};
pub use etcd::Etcd;
pub use lock::{LockKey, Removed};
pub use memory::Memory;

use super::error::ClusterError;
use crate::model::name::{KeyspaceName, WorkflowName};

/// What may be asked of the topology server, and the one thing that may be done to it.
#[async_trait]
pub trait Topology: Send + Sync {
    /// The keys of the workflow's named lock: the holder's first, then those of whoever waits for it. Empty when nobody does.
    ///
    /// # Errors
    /// When no member of the server answers, or with what is no lock.
    async fn named_lock(&self, keyspace: &KeyspaceName, workflow: &WorkflowName) -> Result<Vec<LockKey>, ClusterError>;

    /// Removes this key, if it has not changed since it was read. Who holds a lock whose key is gone finds that out at its next
    /// check, and stops.
    ///
    /// # Errors
    /// With [`Effect::Unknown`](super::Effect::Unknown) it may be gone: read again. A key that is no lock of the workflow that
    /// it names is refused before anything is sent.
    async fn remove(&self, key: &LockKey) -> Result<Removed, ClusterError>;
}
