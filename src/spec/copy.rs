//! `[copy]`: when the copy counts as caught up.

use super::intent::CopySpec;
use super::key::{Bounds, DAY, Fallback, Key, Kind, Table};
use super::section::Section;

pub static TABLE: Table = Table { name: "copy", doc: "When the copy counts as done.", required: false, keys: &[&MAX_LAG] };

static MAX_LAG: Key = Key {
    name: "max-lag",
    doc: "With every stream's lag below it the copy counts as caught up.",
    kind: Kind::Length(Bounds::seconds(1, DAY)),
    fallback: Fallback::Text("30s"),
};

pub fn decode(mut table: Section<'_>) -> Option<CopySpec> {
    let max_lag = table.seconds(&MAX_LAG);
    table.finish();
    Some(CopySpec { max_lag_seconds: max_lag?.value })
}
