//! Who holds a movement's locks, and whether he lives.
//!
//! vtctld locks a workflow by name for 24 hours (`NamedLockTTL`, go/vt/topo/locks.go), and then its keyspaces for as long as the
//! call may last. When it dies, the keyspaces' leases end soon and the name's does not: so a name that is locked while no keyspace
//! is, and stays so, is a dead one's.

use jiff::{SignedDuration, Timestamp};

use super::watch::Watch;
use crate::cluster::port::{HeldLock, Reading};
use crate::model::name::{KeyspaceName, WorkflowName};
use crate::record::progress::Attempt;

/// A name whose holder was seen to have the keyspaces too, or whose work shows that he had them, is given up when they are.
const AFTER_THE_KEYSPACES_SECONDS: i64 = 3;
/// Before it locks keyspaces vtctld asks every tablet to refresh, each for up to 30 s.
const BEFORE_THE_KEYSPACES_SECONDS: i64 = 60;
/// A VDiff locks the name alone while it stops and starts streams.
const VDIFF_SECONDS: i64 = 300;

/// A name that has been locked for so long without a lock of a keyspace is a dead one's, as far as one look can tell: a vtctld that
/// lives ends a switch, or rolls it back, within its three waits for locks and the leases of its keyspaces.
const BY_ONE_LOOK_SECONDS: i64 = 300;

/// Whether one look shows a dead one's lock. It hangs on two clocks, so it is enough to name a lock and never to take it away: that
/// is judged by [`of_name`]. `beside`: whether a keyspace that its holder would lock is locked.
pub fn looks_dead(lock: &HeldLock, beside: bool, now: Timestamp) -> bool {
    let age_seconds = lock.time.parse::<Timestamp>().map(|taken_at| now.duration_since(taken_at).as_secs());
    !beside && age_seconds.is_ok_and(|seconds| seconds > BY_ONE_LOOK_SECONDS)
}

/// For how long whoever holds a name may have it without a lock of a keyspace: before it comes to them, or a VDiff that needs none.
pub fn may_be_alone_seconds(lock: &HeldLock) -> i64 {
    if lock.action.contains("vdiff") { VDIFF_SECONDS } else { BEFORE_THE_KEYSPACES_SECONDS }
}

/// Who holds a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Holder<'a> {
    Nobody,
    /// Somebody who may be at work.
    MayLive(&'a HeldLock),
    /// A dead vtctld.
    Dead(&'a HeldLock),
    /// It can't be read; why.
    Unknown(String),
}

/// Judges the lock of a name. `had_keyspaces`: what it has left shows that its holder came to lock the keyspaces.
pub fn of_name<'a>(
    locks: Reading<&'a Vec<HeldLock>>,
    (keyspace, workflow): &(KeyspaceName, WorkflowName),
    watch: &Watch,
    had_keyspaces: bool,
    now: Timestamp,
) -> Holder<'a> {
    let locks = match locks {
        Ok(locks) => locks,
        Err(unread) => return Holder::Unknown(unread.why),
    };
    let name = format!("{keyspace}/{workflow}");
    let Some(held) = locks.iter().find(|lock| lock.of == name && !lock.waits) else { return Holder::Nobody };
    if of_a_keyspace(locks).is_some() {
        return Holder::MayLive(held);
    }
    let had_keyspaces = (had_keyspaces && !watch.is_of_somebody_else(held)) || watch.had_keyspaces(held);
    let wait_seconds = match may_be_alone_seconds(held) {
        BEFORE_THE_KEYSPACES_SECONDS if had_keyspaces => AFTER_THE_KEYSPACES_SECONDS,
        alone => alone,
    };
    if watch.keyspaces_free_seconds(held, now) >= wait_seconds { Holder::Dead(held) } else { Holder::MayLive(held) }
}

/// Whether a lock was taken by a write of ours that is over, by what the record says of it. A minute of difference between the clocks
/// of vtctld and of this machine does not count.
pub fn is_of(lock: &HeldLock, last: Option<&Attempt>) -> bool {
    const SKEW: SignedDuration = SignedDuration::from_secs(60);
    let Some((last, (_, ended))) = last.and_then(|last| Some((last, last.outcome?))) else { return false };
    lock.time.parse::<Timestamp>().is_ok_and(|time| last.at - SKEW <= time && time <= ended + SKEW)
}

/// The first lock of a keyspace that is held.
pub fn of_a_keyspace(locks: &[HeldLock]) -> Option<&HeldLock> {
    locks.iter().find(|lock| is_of_a_keyspace(lock))
}

pub(super) fn is_of_a_keyspace(lock: &HeldLock) -> bool {
    !lock.of.contains('/')
}

/// Who holds it, for people.
pub fn words(lock: &HeldLock) -> String {
    format!("`{}` is locked: {}, by the user `{}` on {} since {}", lock.of, lock.action, lock.user, lock.host, lock.time)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lock(of: &str, action: &str) -> HeldLock {
        HeldLock {
            of: of.into(),
            node: "7".into(),
            version: 7,
            waits: false,
            action: action.into(),
            host: "db1".into(),
            user: "vitess".into(),
            time: "2026-11-28T19:00:00Z".into(),
        }
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + seconds).unwrap()
    }

    fn name() -> (KeyspaceName, WorkflowName) {
        (KeyspaceName::new("customer").unwrap(), WorkflowName::new("c2c").unwrap())
    }

    /// Looks each second at what is held from then on; gives the second at which the name's holder is known to be dead.
    fn dead_after(looks: &[(i64, Vec<HeldLock>)], had_keyspaces: bool) -> Option<i64> {
        let mut watch = Watch::default();
        (0..600).find(|second| {
            let held = &looks.iter().rev().find(|(from, _)| from <= second).unwrap().1;
            watch.see_locks(held, at(*second));
            matches!(of_name(Ok(held), &name(), &watch, had_keyspaces, at(*second)), Holder::Dead(_))
        })
    }

    #[test]
    fn a_name_is_a_dead_ones_when_it_outlives_the_keyspaces() {
        let named = lock("customer/c2c", "SwitchTraffic");
        let both = vec![named.clone(), lock("commerce", "SwitchWrites")];
        assert_eq!(dead_after(&[(0, both.clone())], false), None, "its holder has a keyspace");
        assert_eq!(dead_after(&[(0, both.clone()), (45, vec![named.clone()])], false), Some(48));
        assert_eq!(dead_after(&[(0, vec![named.clone()])], true), Some(3), "what it left shows that it had them");
        assert_eq!(dead_after(&[(0, vec![named.clone()])], false), Some(60), "it may not have come to the keyspaces yet");
        assert_eq!(dead_after(&[(0, vec![lock("customer/c2c", "vdiff")])], false), Some(300));
        assert_eq!(dead_after(&[(0, vec![])], true), None, "nobody has it");
        let another = HeldLock { host: "db2".into(), ..lock("commerce", "Reshard") };
        assert_eq!(
            dead_after(&[(0, vec![named.clone(), another]), (45, vec![named])], false),
            Some(105),
            "somebody else had the keyspace"
        );
    }

    /// The lock of a dead one is taken away, and who waited behind it begins his own work.
    #[test]
    fn who_had_to_wait_for_a_name_is_not_dead_because_its_former_holder_was() {
        let dead = lock("customer/c2c", "SwitchTraffic");
        let waits = HeldLock { node: "8".into(), waits: true, ..dead.clone() };
        let has_it = HeldLock { waits: false, ..waits.clone() };
        let looks = [(0, vec![dead.clone(), waits]), (10, vec![has_it.clone()])];
        let mut watch = Watch::default();
        let judged = |watch: &Watch, held: &Vec<HeldLock>, second: i64| match of_name(Ok(held), &name(), watch, true, at(second))
        {
            Holder::Dead(lock) => Some(lock.node.clone()),
            _ => None,
        };
        let dead_at = |watch: &mut Watch, node: &str| {
            (0..100).find(|second| {
                let held = &looks.iter().rev().find(|(from, _)| from <= second).unwrap().1;
                watch.see_locks(held, at(*second));
                judged(watch, held, *second).is_some_and(|dead| dead == node)
            })
        };
        assert_eq!(dead_at(&mut watch, "7"), Some(3));
        assert_eq!(
            dead_at(&mut Watch::default(), "8"),
            Some(70),
            "it is nobody's of ours, and may not have come to the keyspaces"
        );
        assert!(!watch.is_of_somebody_else(&dead));
        watch.see_locks(&looks[0].1, at(4));
        watch.see_locks(&looks[1].1, at(5));
        assert!(watch.is_of_somebody_else(&has_it));
    }

    #[test]
    fn a_lock_that_comes_while_no_call_of_ours_is_under_way_is_somebody_elses() {
        let mut watch = Watch::default();
        watch.see_locks(&[], at(0));
        let named = lock("customer/c2c", "SwitchTraffic");
        watch.see_locks(std::slice::from_ref(&named), at(1));
        assert!(watch.is_of_somebody_else(&named));
        let mut watch = Watch::default();
        watch.see_locks(&[], at(0));
        watch.may_have_left_locks();
        watch.see_locks(std::slice::from_ref(&named), at(1));
        assert!(!watch.is_of_somebody_else(&named));
    }

    #[test]
    fn what_was_not_looked_at_was_not_free() {
        let named = lock("customer/c2c", "SwitchTraffic");
        let held = vec![named];
        let mut watch = Watch::default();
        watch.see_locks(&held, at(0));
        watch.see_locks(&held, at(100));
        assert!(matches!(of_name(Ok(&held), &name(), &watch, false, at(100)), Holder::MayLive(_)));
        let unread = Err(crate::cluster::port::Unread::new("no"));
        assert!(matches!(of_name(unread, &name(), &watch, true, at(100)), Holder::Unknown(_)));
    }
}
