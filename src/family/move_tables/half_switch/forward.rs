//! Past the point of no return: the switch is brought to its end, as Vitess itself would. None of this needs a lock but the last
//! resort of denying or allowing tables, which Vitess does before the journal.

use super::super::Denied;
use super::HalfSwitch;
use super::back::set_denied;
use crate::cluster::mutation::{ApplyRoutingRules, Mutation, RebuildVSchemaGraph, StreamsWanted};
use crate::family::picture::StreamShape;
use crate::family::{Side, Step};
use crate::model::routing::Rule;
use crate::model::workflow::FROZEN;

pub fn step(half: &HalfSwitch<'_>) -> Step {
    let wanted = if half.to_target { Side::Target } else { Side::Source };
    let rules_lead_there = half.movement.side_of_writes(half.view.facts) == Some(wanted);
    if let Some(why) = in_the_way(half, rules_lead_there) {
        return Step::Between(format!("{}; {why}", half.sees()));
    }
    if let Some(step) = set_denied(half, half.to(), false) {
        return step;
    }
    if !rules_lead_there {
        return Step::Finish(Mutation::ApplyRoutingRules(rules_of_after(half)));
    }
    if !half.movement.cells_that_serve_something_else(half.view.facts).is_empty() {
        return Step::Finish(Mutation::RebuildVSchemaGraph(RebuildVSchemaGraph { cells: vec![] }));
    }
    // Frozen while it leads back: made anew it stands still without a word.
    if half.other.has(StreamShape::Stopped) {
        return half.set_streams(half.other_name(), StreamsWanted::Running, "");
    }
    if !half.driven.all(StreamShape::Frozen) {
        return half.set_streams(half.driven_name(), StreamsWanted::Stopped, FROZEN);
    }
    if let Some(step) = set_denied(half, half.from(), true) {
        return step;
    }
    Step::Between(format!("{}; the switch is past its point of no return, and what is missing is not known", half.sees()))
}

/// What makes it unsafe to lead writes over.
fn in_the_way(half: &HalfSwitch<'_>, rules_lead_there: bool) -> Option<String> {
    let (keyspace, workflow) = half.driven_name();
    let (other_keyspace, other) = half.other_name();
    let shards = half.movement.shard_names(half.view.facts, half.to_target);
    if half.driven.is_absent() {
        return Some(format!("`{keyspace}.{workflow}` is gone"));
    }
    if half.driven.shapes.iter().any(|shape| !matches!(shape, StreamShape::StoppedForCutover | StreamShape::Frozen)) {
        return Some(format!(
            "the switch is past its journal, and streams of `{keyspace}.{workflow}` are not stopped for it: somebody started them"
        ));
    }
    if !shards.is_subset(&half.other.shards()) {
        return Some(format!(
            "the switch is past its journal, and `{other_keyspace}.{other}`, which leads back, is not on each shard"
        ));
    }
    if !rules_lead_there && half.from_denied != Denied::All {
        return Some(format!(
            "the switch is past its journal, and `{}` does not deny all tables: it may have taken writes since",
            half.from()
        ));
    }
    None
}

/// The rules of writes as the switch leaves them.
fn rules_of_after(half: &HalfSwitch<'_>) -> ApplyRoutingRules {
    let now = &half.view.facts.routing_rules;
    let mut after = now.clone();
    half.movement.route_primary(&mut after, half.to_target);
    let diff = now.diff(&after);
    let set = diff
        .added
        .into_iter()
        .chain(diff.changed.into_iter().map(|change| Rule { from_table: change.from_table, to_table: change.after }));
    let remove = diff.removed.into_iter().map(|rule| rule.from_table).collect();
    ApplyRoutingRules::edit(now, remove, set.collect())
}
