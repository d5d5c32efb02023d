//! `[complete]`: what becomes of the source tables.

use super::intent::CompleteSpec;
use super::key::{Fallback, Key, Kind, Table};
use super::section::Section;

pub static TABLE: Table = Table {
    name: "complete",
    doc: "What becomes of the source tables. It must be said, for it destroys.",
    required: true,
    keys: &[&SOURCE_TABLES],
};

static SOURCE_TABLES: Key = Key {
    name: "source-tables",
    doc: "`rename` renames them to `_NAME_old`, `drop` drops them, `keep` leaves them where they are, denied, so that no stale \
          copy takes writes.",
    kind: Kind::Word(&["rename", "drop", "keep"]),
    fallback: Fallback::Required,
};

pub fn decode(mut table: Section<'_>) -> Option<CompleteSpec> {
    let source_tables = table.word(&SOURCE_TABLES);
    table.finish();
    Some(CompleteSpec { source_tables: source_tables?.value })
}
