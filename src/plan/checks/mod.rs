//! What must hold before a movement begins or goes on: one small file each, in one visible list.
//!
//! A check says before which phases it runs, what it has to look at, and what it finds. It never passes on what could not be
//! read: that is inconclusive, and its page says what inconclusive means.

use crate::cluster::port::{Facts, Query};
use crate::family::move_tables::MoveTables;
use crate::finding::Finding;
use crate::record::progress::Progress;
use crate::run::phase::PhaseId;

/// One check.
pub struct Check {
    /// `C201`. Never given to another check.
    pub code: &'static str,
    pub title: &'static str,
    /// Before the first write of which phases it runs. All of them run in `plan`, as far as they still lie ahead.
    pub before: &'static [PhaseId],
    /// What it looks at, and what that costs the cluster; stands in its page.
    pub query: fn(&MoveTables) -> Query,
    /// At least one finding, a pass included.
    pub run: fn(&CheckInput<'_>) -> Vec<Finding>,
    /// The page of `cutover explain CODE`: Markdown with the headings *What it means*, *Why it matters*, *What to do*.
    pub page: &'static str,
}

/// What a check is given.
pub struct CheckInput<'a> {
    pub movement: &'a MoveTables,
    pub facts: &'a Facts,
    pub progress: &'a Progress,
}

/// Every check, in the order in which they are shown.
pub static CHECKS: &[&Check] = &[];
