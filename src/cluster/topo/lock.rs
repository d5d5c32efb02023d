//! The key of a named lock: what of etcd belongs to it, and nothing else.

use serde::{Deserialize, Serialize};

use crate::cluster::port::HeldLock;
use crate::model::name::{KeyspaceName, WorkflowName};

/// One key of a workflow's named lock, as it was read. Whoever holds the lock, or waits for it, has one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockKey {
    pub keyspace: KeyspaceName,
    pub workflow: WorkflowName,
    /// The whole key, such as `/vitess/global/internal/named_locks/customer/c2c/locks/7587891632`.
    pub key: String,
    /// etcd's number of the change that wrote it: another writing has another.
    pub mod_revision: i64,
    /// etcd's lease that it hangs on; it is the last part of the key, too (`newUniqueEphemeralKV`, go/vt/topo/etcd2topo/lock.go).
    pub lease: i64,
    pub holder: HeldLock,
}

/// What became of a key that was to be removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Removed {
    /// It was there, unchanged, and is gone.
    Done,
    /// It was gone already: its lease had ended, or somebody else has removed it. Nothing was done.
    Gone,
    /// It has been written anew since it was read. Nothing was done.
    Changed,
}

/// What all keys of the workflow's lock begin with (`NamedLocksPath`, go/vt/topo/locks.go; `locksPath`,
/// go/vt/topo/etcd2topo/server.go). Names hold no slash, so no two workflows share it.
pub(super) fn prefix(root: &str, keyspace: &KeyspaceName, workflow: &WorkflowName) -> String {
    format!("{root}/internal/named_locks/{keyspace}/{workflow}/locks/")
}

/// The lease in the name of a key, if this is a key of that lock: the prefix and a number.
pub(super) fn lease_of(key: &str, prefix: &str) -> Option<i64> {
    let lease = key.strip_prefix(prefix)?;
    let is_number = !lease.is_empty() && lease.bytes().all(|byte| byte.is_ascii_digit());
    if is_number { lease.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_keys_below_the_lock_are_its_keys() {
        let prefix = prefix("/vitess/global", &KeyspaceName::new("customer").unwrap(), &WorkflowName::new("c2c").unwrap());
        assert_eq!(prefix, "/vitess/global/internal/named_locks/customer/c2c/locks/");
        assert_eq!(lease_of(&format!("{prefix}7587891632"), &prefix), Some(7_587_891_632));
        for other in [
            prefix.clone(),
            format!("{prefix}-1"),
            format!("{prefix}+1"),
            format!("{prefix}1/2"),
            format!("{prefix}99999999999999999999"),
            "/vitess/global/internal/named_locks/customer/c2c/locks".to_owned(),
            "/vitess/global/internal/named_locks/customer/c2c2/locks/1".to_owned(),
            "/vitess/global/keyspaces/customer/locks/1".to_owned(),
            "/vitess/global/keyspaces/customer/Keyspace".to_owned(),
            String::new(),
        ] {
            assert_eq!(lease_of(&other, &prefix), None, "{other}");
        }
    }
}
