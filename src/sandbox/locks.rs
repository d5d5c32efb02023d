//! Locks in the topology: of keyspaces, and of workflows by name. They are leases: who dies leaves his behind until they end. Whoever
//! waits for one stands in a queue of such leases (go/vt/topo/etcd2topo/lock.go).

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// How long a call waits for one (`--lock-timeout`).
pub const WAIT: SignedDuration = SignedDuration::from_secs(45);
/// Of a named lock (go/vt/topo/named_lock.go).
pub const NAMED_LEASE: SignedDuration = SignedDuration::from_hours(24);
/// Of a keyspace's lock, unless a call asks for another (`--topo-etcd-lease-ttl`).
pub const LEASE: SignedDuration = SignedDuration::from_secs(30);

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lock {
    /// Below the global root: `keyspaces/commerce` or `internal/named_locks/customer/commerce2customer`.
    pub path: String,
    pub holder: Holder,
    pub action: String,
    pub since: Timestamp,
    pub lease: SignedDuration,
    pub ends: Timestamp,
    /// etcd's: the lowest of a path has the lock, the others wait.
    pub revision: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Holder {
    Operation(u64),
    /// A VDiff of a shard while it stops and starts the streams.
    VDiff(u64),
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Locks {
    queue: Vec<Lock>,
    last_revision: u64,
}

pub fn of_keyspace(keyspace: &str) -> String {
    format!("keyspaces/{keyspace}")
}

pub fn of_workflow(keyspace: &str, workflow: &str) -> String {
    format!("internal/named_locks/{keyspace}/{workflow}")
}

impl Locks {
    /// Takes it, or waits for it: then a later try may have it. While one waits, the lease is kept alive.
    pub fn take(&mut self, path: &str, holder: &Holder, action: &str, lease: SignedDuration, now: Timestamp) -> bool {
        self.forget_ended(now);
        match self.queue.iter_mut().find(|lock| lock.path == path && lock.holder == *holder) {
            Some(lock) => lock.ends = end(now, lock.lease),
            None => {
                self.last_revision += 1;
                let revision = self.last_revision;
                let (path, holder, action) = (path.to_owned(), holder.clone(), action.to_owned());
                self.queue.push(Lock { path, holder, action, since: now, lease, ends: end(now, lease), revision });
            }
        }
        self.queue.iter().find(|lock| lock.path == path).is_some_and(|lock| lock.holder == *holder)
    }

    /// Whether somebody still has it. A check begins the lease anew (`KeepAliveOnce`).
    pub fn check(&mut self, path: &str, holder: &Holder, now: Timestamp) -> bool {
        self.forget_ended(now);
        let found = self.queue.iter_mut().find(|lock| lock.path == path && lock.holder == *holder);
        found.map(|lock| lock.ends = end(now, lock.lease)).is_some()
    }

    pub fn give_back(&mut self, holder: &Holder) {
        self.queue.retain(|lock| &lock.holder != holder);
    }

    /// Those of keyspaces alone.
    pub fn give_back_keyspaces(&mut self, holder: &Holder) {
        self.queue.retain(|lock| &lock.holder != holder || !lock.path.starts_with("keyspaces/"));
    }

    /// Everybody's. Whether there was any.
    pub fn take_away(&mut self, path: &str) -> bool {
        let before = self.queue.len();
        self.queue.retain(|lock| lock.path != path);
        self.queue.len() < before
    }

    /// One of a path. Whether it was there.
    pub fn take_away_node(&mut self, path: &str, revision: u64) -> bool {
        let before = self.queue.len();
        self.queue.retain(|lock| lock.path != path || lock.revision != revision);
        self.queue.len() < before
    }

    pub fn end_leases_of_keyspaces(&mut self) {
        self.queue.retain(|lock| !lock.path.starts_with("keyspaces/"));
    }

    /// All that stand, whether they are had or waited for, in the order of their making.
    pub fn standing(&self, now: Timestamp) -> impl Iterator<Item = &Lock> {
        self.queue.iter().filter(move |lock| lock.ends > now)
    }

    fn forget_ended(&mut self, now: Timestamp) {
        self.queue.retain(|lock| lock.ends > now);
    }
}

fn end(now: Timestamp, lease: SignedDuration) -> Timestamp {
    now.saturating_add(lease).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn who_came_first_has_it_and_a_dead_one_has_it_until_its_lease_ends() {
        let mut locks = Locks::default();
        let (first, second) = (Holder::Operation(1), Holder::Operation(2));
        let path = of_keyspace("commerce");
        assert!(locks.take(&path, &first, "SwitchWrites", SignedDuration::from_secs(45), at(0)));
        assert!(!locks.take(&path, &second, "SwitchReads", LEASE, at(1)));
        assert_eq!(locks.standing(at(1)).count(), 2);
        // A check is what keeps the lease; without one it has ended at 65.
        assert!(locks.check(&path, &first, at(20)));
        for second_of_life in 20..65 {
            assert!(!locks.take(&path, &second, "SwitchReads", LEASE, at(second_of_life)));
        }
        assert!(locks.take(&path, &second, "SwitchReads", LEASE, at(65)));
        assert!(!locks.check(&path, &first, at(65)));
    }

    #[test]
    fn one_that_died_waiting_stands_in_the_way_too() {
        let mut locks = Locks::default();
        let path = of_workflow("customer", "c2c");
        let holders = [1, 2, 3].map(Holder::Operation);
        assert!(locks.take(&path, &holders[0], "", NAMED_LEASE, at(0)));
        assert!(!locks.take(&path, &holders[1], "", NAMED_LEASE, at(1)));
        locks.give_back(&holders[0]);
        assert!(!locks.take(&path, &holders[2], "", NAMED_LEASE, at(2)));
        assert!(locks.take(&path, &holders[2], "", NAMED_LEASE, at(24 * 3600 + 1)));
    }
}
