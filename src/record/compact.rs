//! Keeping a record small: entries that the fold no longer needs are moved out.
//!
//! The rule: from the oldest on, an entry goes if the fold of the others is the same in everything that matters. An intent and its
//! outcome go together. What matters is the whole [`Progress`], with the last [`ATTEMPTS_KEPT`] attempts of a kind in place of all.

use std::collections::{BTreeMap, BTreeSet};

use super::entry::{Entry, What};
use super::format::entry_bytes;
use super::progress::{Attempt, Progress};

/// A lockfile that grows beyond this is compacted.
pub const COMPACT_ABOVE_BYTES: usize = 100_000;
/// Down to this, so that not every append compacts anew.
const COMPACT_TO_BYTES: usize = 60_000;

/// How many attempts of one phase with one verb stay in the record: enough to judge whether trying again makes sense.
const ATTEMPTS_KEPT: usize = 8;

/// Takes out of `entries` what the fold doesn't need, oldest first, until the rest is small enough; gives back what it took.
pub fn compact(entries: &mut Vec<Entry>) -> Vec<Entry> {
    let wanted = essence(Progress::of(entries));
    let bytes = |entries: &[Entry]| -> usize { entries.iter().map(|entry| entry_bytes(entry).unwrap_or(0)).sum() };
    let mut left = bytes(entries);
    let mut dropped = Vec::new();
    // The first entry says what the movement is.
    let mut index = 1;
    while left > COMPACT_TO_BYTES && index < entries.len() {
        let together = unit(entries, index);
        let mut rest = Progress::default();
        entries.iter().filter(|entry| !together.contains(&entry.serial)).for_each(|entry| rest.absorb(entry));
        if essence(rest) == wanted {
            let (gone, stay): (Vec<_>, Vec<_>) = entries.drain(..).partition(|entry| together.contains(&entry.serial));
            left = left.saturating_sub(bytes(&gone));
            dropped.extend(gone);
            *entries = stay;
        } else {
            index += 1;
        }
    }
    dropped.sort_by_key(|entry| entry.serial);
    dropped
}

/// The serials that go or stay with the entry at `index`: an attempt's intent and outcome, else the entry alone.
fn unit(entries: &[Entry], index: usize) -> BTreeSet<u64> {
    let attempt = |what: &What| match what {
        What::Intent { attempt, .. } | What::Outcome { attempt, .. } => Some(*attempt),
        _ => None,
    };
    let Some(entry) = entries.get(index) else { return BTreeSet::new() };
    match attempt(&entry.what) {
        None => BTreeSet::from([entry.serial]),
        wanted => entries.iter().filter(|entry| attempt(&entry.what) == wanted).map(|entry| entry.serial).collect(),
    }
}

/// A fold without the attempts that nobody needs: closed, without kept bytes, and followed by enough of their kind.
fn essence(mut progress: Progress) -> Progress {
    let mut later: BTreeMap<(String, &'static str), usize> = BTreeMap::new();
    let matters = |attempt: &Attempt, later: &mut BTreeMap<_, _>| {
        let count = later.entry((attempt.phase.as_str().to_owned(), attempt.mutation.verb().call())).or_default();
        *count += 1;
        *count <= ATTEMPTS_KEPT || attempt.outcome.is_none() || attempt.replaced.is_some()
    };
    let mut kept: Vec<Attempt> = progress.attempts.into_iter().rev().filter(|attempt| matters(attempt, &mut later)).collect();
    kept.reverse();
    progress.attempts = kept;
    progress
}
