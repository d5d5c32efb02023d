//! Make a write whole that stopped half way: the same write again, or the undoing of a creation that never served anybody.

use super::super::{MoveTables, attempts, half_switch};
use super::revert_window::LAG_LIMIT_SECONDS;
use super::{cancel, complete, remove_rules, switch_back, switch_primary};
use crate::cluster::mutation::{Direction, Mutation, RebuildVSchemaGraph, SetStreams, StreamsWanted, SwitchTraffic};
use crate::family::picture::StreamShape;
use crate::family::{Step, View, Waiting};
use crate::model::workflow::StreamState;
use crate::record::entry::OutcomeResult;
use crate::record::progress::Attempt;
use crate::run::refusal;

/// The lag of stopped streams grows while nobody switches; a finishing switch must not be refused for it (experiments.md).
const FINISHING_MAX_LAG_SECONDS: u64 = 3600;
/// Vitess's words for a creation of a workflow that is there: `workflow c2c already exists in keyspace customer on tablet …`.
pub const ALREADY_EXISTS: &str = "already exists";
/// After so many tries a human looks.
const TRIES: usize = 4;
/// Vitess's words before it takes any lock of a keyspace (`canSwitch`, go/vt/vtctl/workflow/server.go).
const REFUSED_AT_THE_DOOR: &str = "cannot switch traffic for workflow";

pub fn step(movement: &MoveTables, view: &View<'_>) -> Step {
    let step = next(movement, view);
    if let Step::Act(mutation) | Step::Finish(mutation) = &step {
        let in_vain = tried_in_vain(view, mutation);
        if in_vain >= TRIES {
            return Step::Between(in_vain_words(view, in_vain, mutation));
        }
    }
    step
}

fn next(movement: &MoveTables, view: &View<'_>) -> Step {
    // Nothing of ours was ever sent: it is somebody's switch, known by what it has left.
    let Some(last) = view.progress.last_write() else { return half_switch::step(movement, view) };
    let forward_exists = view.facts.workflow(movement.target(), movement.workflow()).is_some();
    let is_behind = !movement.cells_that_serve_something_else(view.facts).is_empty()
        || (!forward_exists && !movement.cells_that_serve_what_left(view.facts).is_empty());
    let publish = || Step::Finish(Mutation::RebuildVSchemaGraph(RebuildVSchemaGraph { cells: vec![] }));
    match &last.mutation {
        Mutation::SwitchTraffic(switch) if switch.moves_writes() => match half_switch::step(movement, view) {
            Step::Between(_) if !movement.leads_to_target(switch) && !forward_is_whole(movement, view) => {
                back_by_its_own_name(movement, view, switch)
            }
            step => step,
        },
        // The rules of reads are saved in one write; then the cells follow.
        Mutation::SwitchTraffic(_) if is_behind => publish(),
        Mutation::SwitchTraffic(switch) if forward_exists => Step::Act(Mutation::SwitchTraffic(switch.clone())),
        // Nothing was ever served from it: away with it, and create begins anew. What is there carries our tables between our
        // keyspaces, or the situation were foreign; a creation that Vitess refused as there already was never ours to cancel.
        Mutation::CreateMoveTables(_) if forward_exists && is_of_our_making(last) => Step::Act(cancel::mutation(movement)),
        Mutation::CompleteMoveTables(_) if forward_exists => complete::finish(movement, view),
        Mutation::CancelWorkflow(_) if forward_exists => Step::Act(last.mutation.clone()),
        Mutation::CancelWorkflow(_) if movement.has_rules(&view.facts.routing_rules) => {
            Step::Finish(remove_rules::mutation(movement, &view.facts.routing_rules))
        }
        _ if is_behind => publish(),
        _ => Step::Between(why(view)),
    }
}

/// The forward workflow has a stream on each shard. Vitess takes them away one shard after the other.
fn forward_is_whole(movement: &MoveTables, view: &View<'_>) -> bool {
    movement.streams_of(view.facts, movement.target(), movement.workflow()).shards() == movement.target_shards(view.facts)
}

/// What the last of them said, and what helps against that where it is known.
fn in_vain_words(view: &View<'_>, in_vain: usize, mutation: &Mutation) -> String {
    let said = view.progress.last_write().map(|last| last.evidence.join("; ")).unwrap_or_default();
    let said = if said.is_empty() { said } else { format!(": {said}") };
    let advice = refusal::advice(&said).map(|advice| format!(". {advice}")).unwrap_or_default();
    format!("{}; {in_vain} tries to {} changed nothing{said}{advice}", why(view), mutation.verb().words())
}

/// How often the same verb came to nothing in a row in this phase, in this run: who runs it again has mended something.
fn tried_in_vain(view: &View<'_>, mutation: &Mutation) -> usize {
    let attempts = &view.progress.attempts;
    let Some(phase) = attempts.last().map(|last| &last.phase) else { return 0 };
    attempts
        .iter()
        .rev()
        .take_while(|attempt| &attempt.phase == phase && attempt.serial > view.watch.began_at_serial)
        .filter(|attempt| std::mem::discriminant(&attempt.mutation) == std::mem::discriminant(mutation))
        .take_while(|attempt| !attempts::was_seen_done(attempt))
        .count()
}

/// Of a write that came to nothing, what it has left beside the states that are looked at.
pub fn settle(movement: &MoveTables, view: &View<'_>) -> Option<Mutation> {
    let last = view.progress.last_write()?;
    if !matches!(last.outcome, Some((OutcomeResult::RolledBack | OutcomeResult::NotDone, _))) {
        return None;
    }
    match &last.mutation {
        Mutation::SwitchTraffic(switch) if switch.moves_writes() => after_a_switch(movement, view, last),
        Mutation::CompleteMoveTables(_) => after_a_completion(movement, view),
        _ => None,
    }
}

/// What a dead vtctld may not have told the tablets and vtgates any more. Not of a switch that Vitess refused at its door.
fn after_a_switch(movement: &MoveTables, view: &View<'_>, switch: &Attempt) -> Option<Mutation> {
    let never_began = switch.was_not_sent() || switch.evidence.iter().any(|line| line.contains(REFUSED_AT_THE_DOOR));
    if never_began { None } else { half_switch::settle(movement, view) }
}

/// Reverse streams that died because their tables had other names for a while (`Table … doesn't exist` is an error for good in
/// Vitess): started once more for each time that names were given back, and the way back is open again.
fn after_a_completion(movement: &MoveTables, view: &View<'_>) -> Option<Mutation> {
    let reverse = movement.workflow().reverse();
    let last = |is_it: &dyn Fn(&Mutation) -> bool| view.progress.attempts.iter().rposition(|attempt| is_it(&attempt.mutation));
    let names_back_at = last(&|mutation| matches!(mutation, Mutation::RenameTables(_)))?;
    let started_at = last(&|mutation| matches!(mutation, Mutation::SetStreams(it) if it.workflow == reverse));
    let streams = view.facts.workflow(movement.source(), &reverse).map(|found| found.streams.as_slice()).unwrap_or_default();
    let is_dead = streams.iter().any(|stream| stream.state == StreamState::Error);
    (is_dead && started_at < Some(names_back_at)).then(|| {
        Mutation::SetStreams(SetStreams {
            keyspace: movement.source().clone(),
            workflow: reverse,
            wanted: StreamsWanted::Running,
            message: None,
        })
    })
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
