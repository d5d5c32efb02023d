//! A record and the trait of its stores. The file store is one; others (etcd) come behind the same trait.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::entry::{Actor, Entry, What};
use super::error::RecordError;
use super::progress::{Begun, Progress};
use crate::cluster::fingerprint::Fingerprint;
use crate::model::digest::Digest;

/// Where a record is kept. Calls block, for milliseconds.
pub trait RecordStore: Send + Sync {
    /// The record, or none if there has never been one. Writes nothing.
    ///
    /// # Errors
    /// A record that is there and can't be read is an error, never none.
    fn load(&self) -> Result<Option<Record>, RecordError>;

    /// Appends entries if the record is still at `expected_serial` (0: there is none yet, and the first entry is
    /// [`What::Begun`]). When this returns the record, it is durable.
    ///
    /// # Errors
    /// [`RecordError::Conflict`] if somebody appended meanwhile: nothing was written. After any other error the caller must take it
    /// that the entries don't stand, and not send what they announce.
    fn append(&self, expected_serial: u64, entries: Vec<NewEntry>) -> Result<Record, RecordError>;
}

/// An entry that has no serial yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEntry {
    pub at: Timestamp,
    pub by: Actor,
    pub what: What,
}

/// The record of one movement. Never empty: the first entry is [`What::Begun`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Made once, when the record begins. A record with another lineage is another movement, whatever its name.
    pub lineage: Uuid,
    /// Entries that the fold no longer needs, moved out to keep the record small.
    pub compacted: Option<Compacted>,
    /// Ascending by serial; gaps only where entries were moved out.
    pub entries: Vec<Entry>,
}

/// What was moved out of a record, kept content-addressed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Compacted {
    /// How many entries, all times together.
    pub entries: u64,
    /// The [`Archive`] of the last time, which leads to the ones before.
    pub digest: Digest,
}

/// The entries that were moved out at one time; kept as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Archive {
    pub before: Option<Compacted>,
    pub entries: Vec<Entry>,
}

impl Record {
    /// A new record.
    ///
    /// # Errors
    /// [`RecordError::NotBegun`] if the first entry isn't [`What::Begun`].
    pub fn begin(lineage: Uuid, entries: Vec<NewEntry>) -> Result<Self, RecordError> {
        if !matches!(entries.first().map(|entry| &entry.what), Some(What::Begun { .. })) {
            return Err(RecordError::NotBegun);
        }
        let mut record = Self { lineage, compacted: None, entries: Vec::new() };
        record.push(entries);
        Ok(record)
    }

    /// Numbers entries and appends them.
    pub(super) fn push(&mut self, entries: Vec<NewEntry>) {
        for NewEntry { at, by, what } in entries {
            let serial = self.serial() + 1;
            self.entries.push(Entry { serial, at, by, what });
        }
    }

    /// The serial of the last entry.
    pub fn serial(&self) -> u64 {
        self.entries.last().map_or(0, |last| last.serial)
    }

    pub fn progress(&self) -> Progress {
        Progress::of(&self.entries)
    }

    /// What the movement is, from the last [`What::Begun`].
    pub fn begun(&self) -> Option<Begun> {
        self.progress().begun
    }

    /// Whether this record goes on from `earlier`: the same lineage, and `earlier`'s last entry is in it or was moved out of it. An older
    /// lockfile brought back from git doesn't go on from a younger one, and its approvals may be void by now.
    pub fn continues(&self, earlier: &Record) -> bool {
        let Some(last) = earlier.entries.last() else { return true };
        let same = self.entries.iter().find(|entry| entry.serial == last.serial).map(|entry| entry == last);
        self.lineage == earlier.lineage && self.serial() >= last.serial && same.unwrap_or(self.compacted.is_some())
    }

    /// Whether this is the record of that workflow on that cluster. `is` is none while the cluster can't be asked.
    ///
    /// # Errors
    /// [`RecordError::Foreign`] says what differs.
    pub fn belongs_to(&self, workflow: &str, cluster: &str, is: Option<&Fingerprint>) -> Result<(), RecordError> {
        let begun = self.begun().ok_or(RecordError::NotBegun)?;
        let foreign = |whats, found: &str, wanted: String| RecordError::Foreign { whats, found: found.to_owned(), wanted };
        if begun.workflow != workflow {
            return Err(foreign("workflow", &begun.workflow, workflow.to_owned()));
        }
        if begun.cluster != cluster {
            return Err(foreign("cluster", &begun.cluster, cluster.to_owned()));
        }
        match is {
            Some(is) if !is.is_still(&begun.fingerprint) => {
                Err(foreign("a cluster with fingerprint", &begun.fingerprint, is.to_string()))
            }
            _ => Ok(()),
        }
    }
}
