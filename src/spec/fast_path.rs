//! `[fast-path]`: what somebody accepts for a small movement that shall run straight through.

use std::collections::BTreeSet;

use super::intent::{Caveat, FastPathSpec};
use super::key::{Fallback, Key, Kind, Table};
use super::section::Section;

pub static TABLE: Table = Table {
    name: "fast-path",
    doc: "Lets a movement that is small and plain run straight through. Each plan says whether it is.",
    required: false,
    keys: &[&ACCEPT],
};

static ACCEPT: Key = Key {
    name: "accept",
    doc: "What is accepted for it; it is taken only where all of them are. VDiff and the hold before `complete` are never skipped.",
    kind: Kind::Words(&["no-hold", "no-revert-window"]),
    fallback: Fallback::Nothing,
};

pub fn decode(mut table: Section<'_>) -> FastPathSpec {
    let accept: BTreeSet<Caveat> = table.words(&ACCEPT).unwrap_or_default().into_iter().collect();
    table.finish();
    FastPathSpec { accept }
}
