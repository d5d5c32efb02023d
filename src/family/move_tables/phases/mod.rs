//! The phases of a movement of tables: what each looks at, its next step, and what must hold at its first write.

pub mod cancel;
mod complete;
pub mod copy;
mod create;
pub mod finish;
pub mod pause;
mod remove_rules;
pub mod restore_rules;
pub mod resume;
pub mod revert_window;
pub mod switch_back;
pub mod switch_primary;
mod switch_replicas;
pub mod verify;

use super::{MoveTables, attempts, fast_path};
use crate::cluster::mutation::{Direction, Mutation};
use crate::cluster::port::Query;
use crate::family::{Condition, Family as _, Phase, Side, Situation, SituationKind, Step, View};
use crate::model::topology::TabletType;
use crate::record::progress::{Attempt, Progress};
use crate::run::phase::PhaseId;
use crate::spec::GatePolicy;

/// The way forward, in order.
pub fn all() -> Vec<Phase> {
    let phase =
        |id: PhaseId, has_gate, irreversible, done_when, way_back| Phase { id, has_gate, irreversible, done_when, way_back };
    vec![
        phase(PhaseId::PRE_CHECK, false, false, "no check of severity error stands in the way", "nothing was written"),
        phase(
            PhaseId::CREATE,
            true,
            false,
            "each target shard has its streams, the rules of each table lead to the source, the target denies the tables",
            "cutover cancel",
        ),
        phase(PhaseId::COPY, true, false, "every stream has copied its rows, runs, and lags little", "cutover cancel"),
        phase(
            PhaseId::VERIFY,
            true,
            false,
            "a VDiff has compared every table on every shard, and nothing differs",
            "cutover cancel",
        ),
        phase(
            PhaseId::SWITCH_REPLICAS,
            true,
            false,
            "the rules in the topology and in every cell send rdonly and replica reads to the target",
            "cutover switch-back",
        ),
        phase(
            PhaseId::SWITCH_PRIMARY,
            true,
            false,
            "every cell sends writes to the target, the source denies them, the reverse streams run",
            "cutover switch-back",
        ),
        phase(PhaseId::REVERT_WINDOW, false, false, "the window has passed", "cutover switch-back"),
        phase(PhaseId::COMPLETE, true, true, "no stream is left; source tables, rules and denied tables are as forecast", "none"),
        phase(
            PhaseId::REMOVE_RULES,
            true,
            false,
            "none of our routing rules is left, no other is touched",
            "cutover restore-rules",
        ),
    ]
}

/// The phases that the cluster shows not to be behind us.
pub fn ahead(situation: &Situation) -> Vec<PhaseId> {
    let reads_are_there = [situation.traffic.rdonly, situation.traffic.replica].iter().all(|side| *side == Side::Target);
    let from = match situation.kind {
        SituationKind::Moving if reads_are_there => PhaseId::SWITCH_PRIMARY,
        SituationKind::Moving => PhaseId::COPY,
        SituationKind::Switched => PhaseId::REVERT_WINDOW,
        SituationKind::Completed => PhaseId::REMOVE_RULES,
        SituationKind::Ended => return vec![],
        _ => PhaseId::PRE_CHECK,
    };
    // Somebody switched the writes before the reads, by hand: these are still to be switched.
    let reads = (situation.kind == SituationKind::Switched && !reads_are_there).then_some(PhaseId::SWITCH_REPLICAS);
    reads.into_iter().chain(all().into_iter().map(|phase| phase.id).skip_while(|id| *id != from)).collect()
}

/// Whether a phase that was done can want nothing more. While writes are at the source streams can stop and a comparison grows old.
pub fn is_past(phase: &PhaseId, situation: &Situation) -> bool {
    match situation.kind {
        SituationKind::Moving => *phase == PhaseId::CREATE,
        _ => !ahead(situation).contains(phase),
    }
}

/// So long a copy at most has a comparison that is over before checks that were made at its beginning are too old.
const SHORT_COPY_SECONDS: i64 = 20;

/// A short comparison is made use of: the switch of reads follows it at once where nobody is asked before it. Not that of writes: what
/// its checks see changes with every row, so they are made in the look that it is written on. How long the copy of a movement took that
/// was taken over is not known.
pub fn checks_soon(movement: &MoveTables, waiting: &PhaseId, view: &View<'_>) -> Option<PhaseId> {
    let copied_at = view.progress.reached.get(&PhaseId::COPY);
    let copy = attempts::created_at(view.progress).zip(copied_at).map(|(created, copied)| copied.duration_since(created));
    let is_short = copy.is_some_and(|took| (0..=SHORT_COPY_SECONDS).contains(&took.as_secs()));
    let gate = movement.gate(&PhaseId::SWITCH_REPLICAS, view.facts);
    let nobody_is_asked = gate.is_some_and(|gate| gate.policy == GatePolicy::AutoAdvance && gate.windows.is_empty());
    let follows_soon = *waiting == PhaseId::VERIFY && is_short && nobody_is_asked && view.progress.adoption.is_none();
    follows_soon.then_some(PhaseId::SWITCH_REPLICAS)
}

/// What a phase needs to be decided, beyond what every look reads.
pub fn query(movement: &MoveTables, phase: &PhaseId, progress: &Progress) -> Query {
    let mut query = query_of(movement, phase, progress);
    if !movement.spec.fast_path.is_ordinary()
        && [PhaseId::SWITCH_REPLICAS, PhaseId::SWITCH_PRIMARY, PhaseId::REVERT_WINDOW, PhaseId::COMPLETE].contains(phase)
    {
        query.merge(fast_path::query(movement));
    }
    // Whose lock a switch that came to nothing may have left is told before the next try.
    let came_to_nothing = |last: &Attempt| !attempts::was_seen_done(last) && matches!(last.mutation, Mutation::SwitchTraffic(_));
    if progress.last_write().is_some_and(came_to_nothing) {
        query.asks.insert(movement.lock_ask());
    }
    query
}

fn query_of(movement: &MoveTables, phase: &PhaseId, progress: &Progress) -> Query {
    match phase.as_str() {
        "create" | "complete" | "cancel" => Query { asks: movement.table_names().into(), ..Query::default() },
        "switch-back" => switch_back::query(movement),
        "verify" => verify::query(movement, progress),
        "switch-replicas" => verify::query(movement, progress),
        "switch-primary" => switch_primary::query(movement, progress),
        _ => Query::default(),
    }
}

pub fn step(movement: &MoveTables, phase: &PhaseId, view: &View<'_>) -> Step {
    match phase.as_str() {
        "create" => create::step(movement, view),
        "copy" => copy::step(movement, view),
        "verify" => verify::step(movement, view),
        "switch-replicas" => switch_replicas::step(movement, view),
        "switch-primary" => switch_primary::step(movement, view),
        "revert-window" => revert_window::step(movement, view),
        "complete" => complete::step(movement, view),
        "remove-rules" => remove_rules::step(movement, view),
        _ => Step::Done(vec![]),
    }
}

pub fn conditions(movement: &MoveTables, phase: &PhaseId, view: &View<'_>) -> Vec<Condition> {
    match phase.as_str() {
        "switch-replicas" => switch_replicas::conditions(movement, view),
        "switch-primary" => switch_primary::conditions(movement, view),
        "complete" => complete::conditions(movement, view),
        _ => vec![],
    }
}

/// The writes of a phase, as a plan shows them. A VDiff's id is not known before.
pub fn mutations(movement: &MoveTables, phase: &PhaseId) -> Vec<Mutation> {
    match phase.as_str() {
        "create" => vec![create::mutation(movement)],
        "copy" => vec![copy::mutation(movement)],
        "verify" => vec![verify::mutation(movement, uuid::Uuid::nil())],
        "switch-replicas" => switch_replicas::mutations(movement),
        "switch-primary" => vec![switch_primary::mutation(movement)],
        "complete" => vec![complete::mutation(movement)],
        "remove-rules" => vec![remove_rules::mutation(movement, &movement.rules_at_the_end())],
        "switch-back" => switch_back::mutations(movement),
        "cancel" => vec![cancel::mutation(movement)],
        _ => vec![],
    }
}

/// Once the target takes writes there is no cancelling before a switch back, and after `complete` no way back at all.
pub fn ways_back(movement: &MoveTables, phase: &PhaseId) -> Vec<(PhaseId, Vec<Mutation>)> {
    let back = |kinds: &[TabletType]| -> Vec<Mutation> {
        kinds.iter().map(|kind| switch_replicas::mutation(movement, *kind, Direction::Backward)).collect()
    };
    let cancel = || vec![cancel::mutation(movement)];
    let reads = [TabletType::Rdonly, TabletType::Replica];
    match phase.as_str() {
        "create" | "copy" | "verify" => vec![(PhaseId::CANCEL, cancel())],
        "switch-replicas" => {
            vec![(PhaseId::SWITCH_BACK, back(&reads)), (PhaseId::CANCEL, [back(&reads), cancel()].concat())]
        }
        "switch-primary" | "revert-window" => vec![(PhaseId::SWITCH_BACK, switch_back::mutations(movement))],
        _ => vec![],
    }
}

#[cfg(test)]
mod tests;
