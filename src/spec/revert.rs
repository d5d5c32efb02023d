//! `[revert]`: how long the way back is kept open.

use super::intent::RevertSpec;
use super::key::{Bounds, DAY, Fallback, Key, Kind, Table};
use super::problem::Problem;
use super::section::Section;

pub static TABLE: Table = Table { name: "revert", doc: "How long the way back is kept open.", required: false, keys: &[&WINDOW] };

static WINDOW: Key = Key {
    name: "window",
    doc: "The least time between a proven primary switch and `complete`, during which the reverse stream is watched.",
    kind: Kind::Length(Bounds::seconds(0, 30 * DAY)),
    fallback: Fallback::Text("30m"),
};

pub fn decode(mut table: Section<'_>) -> Option<RevertSpec> {
    let window = table.seconds(&WINDOW);
    if let Some(window) = window.as_ref().filter(|window| window.value == 0) {
        table.log.push(
            Problem::warning("C119", window.path.clone(), Some(window.span.clone()), "there is no revert window")
                .label("`complete` may follow the switch at once")
                .help("after `complete` there is no way back; give yourself time to see that the target is right"),
        );
    }
    table.finish();
    Some(RevertSpec { window_seconds: window?.value })
}
