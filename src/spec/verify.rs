//! `[verify]`: the VDiff that must pass before the primary switch.

use super::intent::VerifySpec;
use super::key::{Bounds, DAY, Fallback, Key, Kind, NameKind, Table};
use super::problem::Problem;
use super::section::Section;
use super::value::Placed;
use crate::model::name::CellName;

pub static TABLE: Table = Table {
    name: "verify",
    doc: "The VDiff that must pass before the primary switch.",
    required: false,
    keys: &[&MAX_AGE, &TABLET_TYPES, &CELLS, &MAX_DURATION],
};

static MAX_AGE: Key = Key {
    name: "max-age",
    doc: "How old a passed VDiff may be at the primary switch, counted from its end. It must be of the streams that run then.",
    kind: Kind::Length(Bounds::seconds(60, 30 * DAY)),
    fallback: Fallback::Text("24h"),
};
// vtctldclient's own defaults and order (go/cmd/vtctldclient/command/vreplication/vdiff).
static TABLET_TYPES: Key = Key {
    name: "tablet-types",
    doc: "From which types of tablets VDiff reads, in order of preference.",
    kind: Kind::Words(&["rdonly", "replica", "primary"]),
    fallback: Fallback::Words(&["rdonly", "replica", "primary"]),
};
static CELLS: Key = Key {
    name: "cells",
    doc: "From which cells' tablets VDiff reads, on both sides. Left out, Vitess chooses.",
    kind: Kind::Names(NameKind::Cell),
    fallback: Fallback::Nothing,
};
static MAX_DURATION: Key = Key {
    name: "max-duration",
    doc: "After this time VDiff starts a table's comparison anew from where it is, which lets go of old snapshots. Left out: never.",
    kind: Kind::Length(Bounds::seconds(60, 30 * DAY)),
    fallback: Fallback::Nothing,
};
/// Of a later version: VDiff can be made without starting it, and its shards be started one by one.
const SHARDS_AT_ONCE: &str = "shards-at-once";

pub fn decode(mut table: Section<'_>) -> Option<VerifySpec> {
    let max_age = table.seconds(&MAX_AGE);
    let tablet_types = table.words(&TABLET_TYPES);
    let cells = table.list_of_names::<CellName>(&CELLS).unwrap_or_default();
    let max_duration = table.seconds(&MAX_DURATION);
    refuse_shards_at_once(&mut table);
    table.finish();
    let mut cells: Vec<CellName> = cells.into_iter().map(|cell| cell.value).collect();
    cells.sort();
    Some(VerifySpec {
        max_age_seconds: max_age?.value,
        tablet_types: tablet_types?,
        cells,
        max_duration_seconds: max_duration.map(|found: Placed<u64>| found.value),
    })
}

/// A limit that nobody keeps is worse than none: whoever writes it counts on it.
fn refuse_shards_at_once(table: &mut Section<'_>) {
    if !table.names().iter().any(|(name, _)| name == SHARDS_AT_ONCE) {
        return;
    }
    // Read it, so that `finish` doesn't report it a second time.
    let Some(found) = table.find(SHARDS_AT_ONCE) else { return };
    table.log.push(
        Problem::error("C103", found.path.clone(), Some(found.span), format!("`{}` is not in this version", found.path))
            .label("it would not be kept")
            .help("leave it out; VDiff then compares all target shards at the same time, each on its own tablets"),
    );
}
