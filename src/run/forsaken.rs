//! A call that lives longer than its locks.
//!
//! vtctld asks tablets without a limit of its own: when a primary dies in a switch of writes, it waits for that tablet for as long as its
//! client waits for it, and writes are refused all the while (seen on a real Vitess 24: 405 s, the whole of the call's deadline).
//! Meanwhile the leases of the keyspaces end, and a switch before its journal then comes to nothing (`locks were lost`).
//!
//! Called off, that vtctld puts some of it back (`cancelMigration`), and hangs at the dead tablet again: it lives, and the name stays locked.

use super::locks::{is_of, is_of_a_keyspace};
use crate::cluster::port::HeldLock;
use crate::record::progress::Progress;

/// In the words of a call that we broke off, and so in the record.
pub const BROKEN_OFF: &str = "vtctld has lost its locks of the keyspaces, whose leases ended, and waits on, for a tablet that died most \
                              likely; the call is broken off, for nothing good comes of it";

/// Whether the holder of a lock may be a vtctld that lives and hangs: a call of ours that was broken off took it.
pub fn may_hang(lock: &HeldLock, progress: &Progress) -> bool {
    progress
        .attempts
        .iter()
        .any(|attempt| attempt.evidence.iter().any(|line| line.contains(BROKEN_OFF)) && is_of(lock, Some(attempt)))
}

/// So many looks in a row without a lock of a keyspace. A switch that ends gives its locks back and has answered a moment later.
const LOOKS_WITHOUT: u32 = 3;

/// What is known of the locks of one call while it is under way.
#[derive(Debug, Default)]
pub struct CallLocks {
    were_held: bool,
    looks_without: u32,
}

impl CallLocks {
    /// A look at the locks. Whether the call had its keyspaces and has lost them: nothing good comes of it any more.
    pub fn see(&mut self, locks: &[HeldLock]) -> bool {
        let are_held = locks.iter().any(|lock| is_of_a_keyspace(lock) && !lock.waits);
        self.were_held |= are_held;
        self.looks_without = if are_held { 0 } else { self.looks_without + 1 };
        self.were_held && self.looks_without >= LOOKS_WITHOUT
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::lock;
    use super::*;

    #[test]
    fn a_call_is_given_up_only_when_it_has_had_its_keyspaces_and_lost_them() {
        let mut locks = CallLocks::default();
        // It may wait for the name for 45 s before it comes to them.
        assert!((0..20).all(|_| !locks.see(&[lock("customer/c2c")])));
        assert!(!locks.see(&[lock("customer/c2c"), lock("commerce")]));
        assert!(!locks.see(&[lock("customer/c2c")]));
        assert!(!locks.see(&[]));
        assert!(!locks.see(&[lock("customer")]), "it has one still");
        let looks = [locks.see(&[]), locks.see(&[]), locks.see(&[])];
        assert_eq!(looks, [false, false, true]);
    }

    #[test]
    fn whoever_waits_for_a_keyspace_does_not_have_it() {
        let mut locks = CallLocks::default();
        locks.see(&[lock("commerce")]);
        let waiting = HeldLock { waits: true, ..lock("commerce") };
        assert!((0..3).any(|_| locks.see(std::slice::from_ref(&waiting))));
    }
}
