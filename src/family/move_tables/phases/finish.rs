//! Make a write whole that stopped half way: the same write again, or the undoing of a creation that never served anybody.

use super::super::MoveTables;
use super::revert_window::LAG_LIMIT_SECONDS;
use super::{cancel, complete, remove_rules, switch_back, switch_primary};
use crate::cluster::mutation::{Direction, Mutation, RebuildVSchemaGraph, SwitchTraffic};
use crate::family::picture::StreamShape;
use crate::family::{Step, View, Waiting};
use crate::record::entry::OutcomeResult;
use crate::record::progress::Attempt;

/// The lag of stopped streams grows while nobody switches; a finishing switch must not be refused for it (experiments.md).
const FINISHING_MAX_LAG_SECONDS: u64 = 3600;
/// Vitess's words for a creation of a workflow that is there: `workflow c2c already exists in keyspace customer on tablet …`.
pub const ALREADY_EXISTS: &str = "already exists";
/// After so many tries a human looks.
const TRIES: usize = 4;

pub fn step(movement: &MoveTables, view: &View<'_>) -> Step {
    let Some(last) = view.progress.attempts.iter().rev().find(|attempt| !attempt.mutation.is_mending()) else {
        return Step::Between(why(view));
    };
    let tried = view.progress.attempts.iter().rev().take_while(|attempt| attempt.phase == last.phase).count();
    if tried > TRIES {
        return Step::Between(format!("{}; {tried} tries changed nothing", why(view)));
    }
    let forward_exists = view.facts.workflow(movement.target(), movement.workflow()).is_some();
    match &last.mutation {
        Mutation::SwitchTraffic(switch) if forward_exists => Step::Act(Mutation::SwitchTraffic(SwitchTraffic {
            max_lag_seconds: if switch.moves_writes() { FINISHING_MAX_LAG_SECONDS } else { switch.max_lag_seconds },
            ..switch.clone()
        })),
        Mutation::SwitchTraffic(switch) if switch.moves_writes() && !movement.leads_to_target(switch) => {
            back_by_its_own_name(movement, view, switch)
        }
        // Nothing was ever served from it: away with it, and create begins anew. What is there carries our tables between our
        // keyspaces, or the situation were foreign; a creation that Vitess refused as there already was never ours to cancel.
        Mutation::CreateMoveTables(_) if forward_exists && is_of_our_making(last) => Step::Act(cancel::mutation(movement)),
        Mutation::CompleteMoveTables(_) if forward_exists => complete::finish(movement, view),
        Mutation::CancelWorkflow(_) if forward_exists => Step::Act(last.mutation.clone()),
        Mutation::CancelWorkflow(_) if movement.has_rules(&view.facts.routing_rules) => {
            Step::Act(remove_rules::mutation(movement, &view.facts.routing_rules))
        }
        _ if !movement.cells_that_serve_something_else(view.facts).is_empty() => {
            Step::Act(Mutation::RebuildVSchemaGraph(RebuildVSchemaGraph { cells: vec![] }))
        }
        _ => Step::Between(why(view)),
    }
}

/// A reverse that failed in its write half has deleted the forward workflow, and writes go on at the target. The reverse workflow,
/// addressed by its own name, leads back all the same and makes the forward one anew (experiments.md, "Others").
fn back_by_its_own_name(movement: &MoveTables, view: &View<'_>, switch: &SwitchTraffic) -> Step {
    let reverse = movement.streams_of(view.facts, movement.source(), &movement.workflow().reverse());
    if reverse.is_absent() {
        return Step::Between(why(view));
    }
    match view.facts.vdiffs(&switch_back::vdiffs(movement)) {
        Err(unread) => {
            return Step::Wait(Waiting::new(format!("whether a VDiff runs on the way back can't be read: {}", unread.why)));
        }
        Ok(listed) => {
            if let Some(alive) = listed.iter().find(|vdiff| switch_primary::is_alive(vdiff, view.progress)) {
                return Step::Wait(Waiting::new(format!(
                    "VDiff {} runs on the way back; wait for its end, or `vtctldclient VDiff --target-keyspace {} --workflow {} stop {}`",
                    alive.uuid,
                    movement.source(),
                    movement.workflow().reverse(),
                    alive.uuid
                )));
            }
        }
    }
    // Streams that follow are held to the ordinary lag; the lag of those that stand grows while nobody switches.
    let max_lag_seconds = if reverse.all(StreamShape::Moving) {
        LAG_LIMIT_SECONDS.max(movement.spec.switch.max_lag_seconds)
    } else {
        FINISHING_MAX_LAG_SECONDS
    };
    Step::Act(Mutation::SwitchTraffic(SwitchTraffic {
        workflow: movement.workflow().reverse(),
        target_keyspace: movement.source().clone(),
        direction: Direction::Forward,
        max_lag_seconds,
        initialize_target_sequences: false,
        ..switch.clone()
    }))
}

fn is_of_our_making(create: &Attempt) -> bool {
    matches!(create.outcome, None | Some((OutcomeResult::HalfDone, _)))
        && !create.evidence.iter().any(|line| line.contains(ALREADY_EXISTS))
}

fn why(view: &View<'_>) -> String {
    if view.situation.contradictions.is_empty() {
        view.situation.words.clone()
    } else {
        format!("{}: {}", view.situation.words, view.situation.contradictions.join("; "))
    }
}
