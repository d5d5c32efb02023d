//! What one run remembers between two looks: since when the lag is low, since when something is waited for, how its last call ended.
//!
//! It dies with the process, and a run that starts anew waits anew: nothing here is needed for safety.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use crate::cluster::port::HeldLock;
use crate::family::picture::Picture;
use crate::model::digest::Digest;
use crate::run::phase::PhaseId;

/// How long a pass of the checks lasts.
const CHECKS_LAST: SignedDuration = SignedDuration::from_secs(10);

#[derive(Debug, Clone, Default)]
pub struct Watch {
    /// The record's serial when this run began: attempts above it are this run's own.
    pub began_at_serial: u64,
    /// Since when every look found the lag at or below the switch's limit.
    pub lag_low_since: Option<Timestamp>,
    last_lag_look: Option<Timestamp>,
    /// Since when this run waits for a phase's conditions.
    pub waiting_since: BTreeMap<PhaseId, Timestamp>,
    /// Since when the movement's part of the cluster looks the same.
    unchanged: Option<(Digest, Timestamp)>,
    /// What the running VDiff has compared, and since when no more.
    rows_compared: Option<(i64, Timestamp)>,
    /// Since when streams report errors.
    pub errors_since: Option<Timestamp>,
    /// Since when every look found the cluster between whole states.
    pub between_since: Option<Timestamp>,
    /// How the last call of this run ended.
    pub call: Option<CallEnd>,
    /// What stood there just before the last write of this run.
    pub before: Option<(u64, Picture)>,
    /// When the checks before a phase last passed in this run.
    pub checked: BTreeMap<PhaseId, Timestamp>,
    /// The phases in whose wait the checks of the next ones were made.
    pub checked_ahead: BTreeSet<PhaseId>,
    /// Since when every look found no keyspace of the movement locked.
    keyspaces_free_since: Option<Timestamp>,
    last_lock_look: Option<Timestamp>,
    /// Names that were locked while their holder's host had locked a keyspace as well: name and node.
    locked_with_keyspaces: BTreeSet<(String, String)>,
    /// The locks of names that the last look found, by name and node.
    names_locked: BTreeMap<(String, String), NameLocked>,
    /// A look at the locks since this run began, or since its last call that takes one.
    has_seen_locks: bool,
    /// Writes that this run has tried again, by phase.
    pub retries: BTreeMap<PhaseId, u32>,
}

/// A lock of a name, as long as it is seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct NameLocked {
    /// Since when it is the one that has the name; none while it waits for it.
    held_since: Option<Timestamp>,
    /// No call of ours has left it: it appeared while none was under way, or has waited behind another one.
    is_of_somebody_else: bool,
}

/// The end of a call: a hint, never evidence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallEnd {
    pub attempt: u64,
    pub at: Timestamp,
    /// The server's or the transport's words, when it wasn't OK.
    pub error: Option<String>,
    /// The connection broke or the time was over: the server may still be at work.
    pub lost: bool,
    /// The server does not let us.
    pub not_allowed: bool,
}

/// No two locks have the same name and node.
fn key(lock: &HeldLock) -> (String, String) {
    (lock.of.clone(), lock.node.clone())
}

impl Watch {
    pub fn new(began_at_serial: u64) -> Self {
        Self { began_at_serial, ..Self::default() }
    }

    /// A look at the lag. A gap of more than ten seconds between looks starts the count anew: what wasn't seen wasn't low.
    pub fn see_lag(&mut self, lag_seconds: Option<u64>, limit_seconds: u64, now: Timestamp) {
        let gap = self.last_lag_look.is_some_and(|last| now.duration_since(last) > SignedDuration::from_secs(10));
        self.last_lag_look = Some(now);
        match lag_seconds {
            Some(lag) if lag <= limit_seconds => {
                if gap || self.lag_low_since.is_none() {
                    self.lag_low_since = Some(now);
                }
            }
            _ => self.lag_low_since = None,
        }
    }

    /// A look at the locks. A gap of more than ten seconds between looks starts the count anew.
    pub fn see_locks(&mut self, locks: &[HeldLock], now: Timestamp) {
        let gap = self.last_lock_look.is_some_and(|last| now.duration_since(last) > SignedDuration::from_secs(10));
        self.last_lock_look = Some(now);
        self.see_names(locks, now);
        let keyspaces: Vec<&HeldLock> = locks.iter().filter(|lock| super::locks::is_of_a_keyspace(lock)).collect();
        if keyspaces.is_empty() {
            if gap || self.keyspaces_free_since.is_none() {
                self.keyspaces_free_since = Some(now);
            }
            return;
        }
        self.keyspaces_free_since = None;
        for named in locks.iter().filter(|lock| !super::locks::is_of_a_keyspace(lock) && !lock.waits) {
            if keyspaces.iter().any(|keyspace| !keyspace.waits && keyspace.host == named.host) {
                self.locked_with_keyspaces.insert(key(named));
            }
        }
    }

    fn see_names(&mut self, locks: &[HeldLock], now: Timestamp) {
        let before = std::mem::take(&mut self.names_locked);
        for lock in locks.iter().filter(|lock| lock.is_named()) {
            let key = key(lock);
            let new = NameLocked { held_since: None, is_of_somebody_else: self.has_seen_locks };
            let known = before.get(&key).copied().unwrap_or(new);
            let seen = NameLocked {
                held_since: if lock.waits { None } else { known.held_since.or(Some(now)) },
                is_of_somebody_else: known.is_of_somebody_else || lock.waits,
            };
            self.names_locked.insert(key, seen);
        }
        self.has_seen_locks = true;
    }

    /// A call of ours that takes locks has come back: what is found locked next it may have left.
    pub fn may_have_left_locks(&mut self) {
        self.has_seen_locks = false;
    }

    /// Whether no call of ours has left this lock, as far as this run has seen it come.
    pub fn is_of_somebody_else(&self, lock: &HeldLock) -> bool {
        self.names_locked.get(&key(lock)).is_some_and(|seen| seen.is_of_somebody_else)
    }

    /// How many seconds no keyspace has been locked while this one has had its name. Who had to wait for it begins only then.
    pub fn keyspaces_free_seconds(&self, named: &HeldLock, now: Timestamp) -> i64 {
        let held_since = self.names_locked.get(&key(named)).and_then(|seen| seen.held_since);
        let since = self.keyspaces_free_since.map(|free| held_since.map_or(free, |held| held.max(free)));
        since.map_or(0, |since| now.duration_since(since).as_secs())
    }

    /// Whether this lock of a name was seen together with one of a keyspace.
    pub fn had_keyspaces(&self, named: &HeldLock) -> bool {
        self.locked_with_keyspaces.contains(&key(named))
    }

    /// A look at the movement's part of the cluster.
    pub fn see(&mut self, part: Digest, now: Timestamp) {
        if self.unchanged.as_ref().is_none_or(|(known, _)| *known != part) {
            self.unchanged = Some((part, now));
        }
    }

    /// How many seconds it has looked the same.
    pub fn unchanged_seconds(&self, now: Timestamp) -> i64 {
        self.unchanged.as_ref().map_or(0, |(_, since)| now.duration_since(*since).as_secs())
    }

    /// A look at the running VDiff; none when none runs.
    pub fn see_rows_compared(&mut self, rows: Option<i64>, now: Timestamp) {
        match (rows, self.rows_compared) {
            (Some(rows), Some((known, _))) if rows == known => {}
            (Some(rows), _) => self.rows_compared = Some((rows, now)),
            (None, _) => self.rows_compared = None,
        }
    }

    /// How many seconds the running VDiff has got no further.
    pub fn compares_nothing_seconds(&self, now: Timestamp) -> i64 {
        self.rows_compared.map_or(0, |(_, since)| now.duration_since(since).as_secs())
    }

    pub fn see_errors(&mut self, any: bool, now: Timestamp) {
        if any {
            self.errors_since.get_or_insert(now);
        } else {
            self.errors_since = None;
        }
    }

    pub fn see_between(&mut self, is_between: bool, now: Timestamp) {
        if is_between {
            self.between_since.get_or_insert(now);
        } else {
            self.between_since = None;
        }
    }

    /// The clock was set: what was counted in its time is counted anew. Nothing that was true before it is taken for seen.
    pub fn clock_was_set(&mut self) {
        *self = Self {
            began_at_serial: self.began_at_serial,
            call: self.call.take(),
            before: self.before.take(),
            retries: std::mem::take(&mut self.retries),
            ..Self::default()
        };
    }

    pub fn lag_low_seconds(&self, now: Timestamp) -> i64 {
        self.lag_low_since.map_or(0, |since| now.duration_since(since).as_secs())
    }

    /// Whether the checks before a phase passed a short while ago. They read more than a look does, so they aren't made anew each time.
    pub fn checked_lately(&self, phase: &PhaseId, now: Timestamp) -> bool {
        self.checked.get(phase).is_some_and(|at| now.duration_since(*at) < CHECKS_LAST)
    }

    /// Whether our own call of this attempt has come back.
    pub fn call_of(&self, attempt: u64) -> Option<&CallEnd> {
        self.call.as_ref().filter(|call| call.attempt == attempt)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + seconds).unwrap()
    }

    #[test]
    fn lag_is_stable_only_while_it_is_watched_and_low() {
        let mut watch = Watch::default();
        watch.see_lag(Some(1), 5, at(0));
        watch.see_lag(Some(5), 5, at(5));
        assert_eq!(watch.lag_low_seconds(at(5)), 5);
        watch.see_lag(Some(6), 5, at(6));
        assert_eq!(watch.lag_low_seconds(at(6)), 0);
        watch.see_lag(Some(0), 5, at(7));
        watch.see_lag(Some(0), 5, at(60));
        assert_eq!(watch.lag_low_seconds(at(60)), 0, "a laptop that slept has seen nothing");
        watch.see_lag(None, 5, at(61));
        assert_eq!(watch.lag_low_since, None, "an unknown lag is not a low lag");
    }
}
