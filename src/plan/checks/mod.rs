//! What must hold before a movement begins or goes on: one small file each, in one visible list.
//!
//! A check says before which phases it runs, what it has to look at, and what it finds. It never passes on what could not be
//! read: that is inconclusive, and its page says what inconclusive means. `run` decides which checks apply and which waivers hold.

pub(crate) mod asks;
mod binlog;
mod dependents;
mod journal_in_the_way;
mod keyspaces;
mod known_faults;
mod leftovers;
mod lost_names;
mod null_sharding_column;
mod old_names;
mod online_ddl;
mod other_rules;
mod other_workflows;
mod ownership;
mod replicas;
mod routing_rules;
mod row_keys;
mod run;
mod sequence_names;
mod sequences;
mod served_equals_global;
mod sizes;
mod source_tables;
mod stream_permission;
mod tablets;
mod taken_names;
mod target_tables;
mod throttler;
mod vdiff_alarms;
mod vindexes;
mod vitess_version;
mod vtctld_reachable;
mod workflow_name;
mod write_locks;

#[cfg(test)]
mod fixtures;

use crate::cluster::port::{Facts, Query};
use crate::family::Situation;
use crate::family::move_tables::MoveTables;
use crate::finding::Finding;
use crate::record::progress::Progress;
use crate::run::phase::PhaseId;

pub use ownership::{Ownership, ownership};
pub use run::{follow_up, is_waivable, look, page, query, run};
pub use sequences::set_by_the_switch as sequences_set;
pub use vtctld_reachable::unreachable;

#[cfg(test)]
pub(crate) use {asks::source_tables, fixtures::Fixture};

/// One check.
pub struct Check {
    /// `C201`. Never given to another check.
    pub code: &'static str,
    pub title: &'static str,
    /// Before the first write of which phases it runs. All of them run in `plan`, as far as they still lie ahead.
    pub before: &'static [PhaseId],
    /// Whether a person may let a movement pass it by. Not where the movement could not go on at all, or isn't ours.
    pub waivable: bool,
    /// What it looks at, and what that costs the cluster; stands in its page.
    pub query: fn(&MoveTables) -> Query,
    /// What else it has to look at once it knows the answers to `query`: which column is the sharding column stands in the
    /// VSchema. Asked again until nothing new comes.
    pub follow_up: fn(&MoveTables, &Facts) -> Query,
    /// At least one finding, a pass included.
    pub run: fn(&CheckInput<'_>) -> Vec<Finding>,
    /// The page of `cutover explain CODE`: Markdown with the headings *What it means*, *Why it matters*, *What to do*,
    /// *When it is inconclusive* and *What it reads*.
    pub page: &'static str,
}

/// What a check is given.
pub struct CheckInput<'a> {
    pub movement: &'a MoveTables,
    pub facts: &'a Facts,
    pub progress: &'a Progress,
}

impl CheckInput<'_> {
    /// What the facts mean, all in all.
    pub fn situation(&self) -> Situation {
        self.movement.situation_of(self.facts, self.progress)
    }
}

/// Every check, in the order in which they are shown.
pub static CHECKS: &[&Check] = &[
    &vtctld_reachable::CHECK,
    &keyspaces::CHECK,
    &source_tables::CHECK,
    &target_tables::CHECK,
    &vindexes::CHECK,
    &null_sharding_column::CHECK,
    &sequences::CHECK,
    &routing_rules::CHECK,
    &served_equals_global::CHECK,
    &workflow_name::CHECK,
    &tablets::CHECK,
    &binlog::CHECK,
    &lost_names::CHECK,
    &vitess_version::CHECK,
    &online_ddl::CHECK,
    &write_locks::CHECK,
    &sizes::CHECK,
    &throttler::CHECK,
    &stream_permission::CHECK,
    &known_faults::CHECK,
    &replicas::CHECK,
    &row_keys::CHECK,
    &dependents::CHECK,
    &vdiff_alarms::CHECK,
    &old_names::CHECK,
    &other_rules::CHECK,
    &taken_names::CHECK,
    &other_workflows::CHECK,
    &leftovers::CHECK,
    &journal_in_the_way::CHECK,
];
