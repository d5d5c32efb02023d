//! Switch writes. Everything that makes the pause long is looked at before, for once begun it is finished.

use std::collections::BTreeSet;

use super::super::{MoveTables, attempts};
use super::{switch_replicas, verify};
use crate::cluster::mutation::{Direction, Mutation, StopVDiff};
use crate::cluster::port::{Ask, Query, Question, WriteLock};
use crate::family::{Condition, SituationKind, Step, View};
use crate::model::topology::TabletType;
use crate::model::vdiff::{VDiffListed, VDiffState, Verdict};
use crate::record::progress::Progress;
use crate::words::{counted, length, length_of_milliseconds, moment};

pub fn vdiffs(movement: &MoveTables) -> Ask {
    Ask::VDiffs { keyspace: movement.target().clone(), workflow: movement.workflow().clone() }
}

fn write_locks(movement: &MoveTables) -> Ask {
    Ask::Sql(Question::WriteLocks { keyspace: movement.source().clone(), tables: movement.tables.clone() })
}

pub fn query(movement: &MoveTables, progress: &Progress) -> Query {
    let mut query = verify::query(movement, progress);
    query.asks.insert(vdiffs(movement));
    query.asks.insert(write_locks(movement));
    query
}

pub fn mutation(movement: &MoveTables) -> Mutation {
    switch_replicas::mutation(movement, TabletType::Primary, Direction::Forward)
}

pub fn step(movement: &MoveTables, view: &View<'_>) -> Step {
    match view.situation.kind {
        SituationKind::Moving => {}
        SituationKind::Switched => {
            let streams = view.progress.streams.len();
            return Step::Done(vec![format!(
                "writes lead to `{}` in every cell, `{}` denies them, {}",
                movement.target(),
                movement.source(),
                counted(streams, "stream")
            )]);
        }
        _ => return Step::Done(vec!["traffic is past it".into()]),
    }
    match vdiff_of_ours_alive(movement, view) {
        Some(uuid) => Step::Act(stop_vdiff(movement, uuid)),
        None => Step::Act(mutation(movement)),
    }
}

fn stop_vdiff(movement: &MoveTables, uuid: String) -> Mutation {
    Mutation::StopVDiff(StopVDiff { workflow: movement.workflow().clone(), target_keyspace: movement.target().clone(), uuid })
}

/// A VDiff that we started and that may run. Somebody else's is waited for, in the conditions.
fn vdiff_of_ours_alive(movement: &MoveTables, view: &View<'_>) -> Option<String> {
    let listed = view.facts.vdiffs(&vdiffs(movement)).ok()?;
    listed
        .iter()
        .find(|vdiff| is_alive(vdiff, view.progress) && is_ours(view.progress, &vdiff.uuid))
        .map(|vdiff| vdiff.uuid.clone())
}

/// Whether a VDiff may still touch the streams. Vitess takes an errored one up again by itself, unless it was asked to stop and we saw
/// it stand; one that is pending or started runs, whatever was asked.
pub fn is_alive(vdiff: &VDiffListed, progress: &Progress) -> bool {
    vdiff.state.may_run() && !(vdiff.state == VDiffState::Error && was_stopped(progress, &vdiff.uuid))
}

fn is_ours(progress: &Progress, uuid: &str) -> bool {
    progress
        .attempts
        .iter()
        .any(|attempt| matches!(&attempt.mutation, Mutation::CreateVDiff(vdiff) if vdiff.uuid.to_string() == uuid))
}

fn was_stopped(progress: &Progress, uuid: &str) -> bool {
    progress.attempts.iter().any(|attempt| {
        attempts::was_seen_done(attempt) && matches!(&attempt.mutation, Mutation::StopVDiff(vdiff) if vdiff.uuid == uuid)
    })
}

pub fn conditions(movement: &MoveTables, view: &View<'_>) -> Vec<Condition> {
    if view.situation.kind != SituationKind::Moving {
        return vec![];
    }
    let mut all = switch_replicas::conditions(movement, view);
    all.push(verified(movement, view));
    // A VDiff of ours that runs is stopped as a step of its own, and that step can't wait for its own effect. For the switch, the
    // step after it, the condition is back: no VDiff may run, whoever began it.
    if vdiff_of_ours_alive(movement, view).is_none() {
        all.push(no_vdiff_alive(movement, view));
    }
    all.push(quiet(movement, view));
    all
}

fn verified(movement: &MoveTables, view: &View<'_>) -> Condition {
    const NAME: &str = "rows were compared";
    match verify::step(movement, view) {
        Step::Done(evidence) => Condition::new(NAME, true, evidence.join("; ")),
        Step::Wait(waiting) => Condition::new(NAME, false, waiting.what),
        Step::Blocked(finding) => Condition::new(NAME, false, finding.summary),
        _ => match verify::verdict(movement, view) {
            Some((Ok(Verdict::Pass { completed_at, .. } | Verdict::Mismatch { completed_at, .. }), _)) => Condition::new(
                NAME,
                false,
                format!(
                    "the comparison of {} is older than {}, or rows differ",
                    moment(completed_at),
                    length(movement.spec.verify.max_age_seconds)
                ),
            ),
            _ => Condition::new(NAME, false, "no VDiff has passed for the streams that run now"),
        },
    }
}

/// One that runs when the primary is switched restarts the frozen streams and corrupts the movement (seen on a real Vitess 24).
fn no_vdiff_alive(movement: &MoveTables, view: &View<'_>) -> Condition {
    const NAME: &str = "no VDiff runs";
    match view.facts.vdiffs(&vdiffs(movement)) {
        Err(unread) => Condition::inconclusive(NAME, unread.why),
        Ok(listed) => {
            let alive: Vec<String> = listed
                .iter()
                .filter(|vdiff| is_alive(vdiff, view.progress))
                .map(|vdiff| format!("{} on {}", vdiff.uuid, vdiff.shard))
                .collect();
            match alive.as_slice() {
                [] => Condition::new(NAME, true, "none is pending or started"),
                _ => Condition::new(
                    NAME,
                    false,
                    format!(
                        "a VDiff runs: {}; wait for its end, or `vtctldclient VDiff --target-keyspace {} --workflow {} stop <uuid>`",
                        alive.join(", "),
                        movement.target(),
                        movement.workflow()
                    ),
                ),
            }
        }
    }
}

/// LOCK TABLES waits for every transaction that has written to a moved table, and writes stand still with it.
fn quiet(movement: &MoveTables, view: &View<'_>) -> Condition {
    const NAME: &str = "no old transaction";
    let limit = movement.spec.switch.max_transaction_age_milliseconds;
    let locks = match view.facts.write_locks(&write_locks(movement)) {
        Ok(locks) => locks,
        Err(unread) => return Condition::inconclusive(NAME, unread.why).waivable("C341", ""),
    };
    let old: Vec<&WriteLock> = locks.iter().filter(|lock| lock.age_milliseconds > limit).collect();
    if old.is_empty() {
        return Condition::new(
            NAME,
            true,
            format!("no transaction older than {} holds a write lock on a moved table", length_of_milliseconds(limit)),
        );
    }
    let named: Vec<String> = old
        .iter()
        .take(3)
        .map(|lock| {
            format!(
                "connection {} of {}@{} on {} has held `{}` for {}",
                lock.connection,
                lock.user,
                lock.host,
                lock.shard,
                lock.table,
                length_of_milliseconds(lock.age_milliseconds)
            )
        })
        .collect();
    let more = if old.len() > 3 { format!(", and {} more", old.len() - 3) } else { String::new() };
    let connections: BTreeSet<String> = old.iter().map(|lock| format!("{}/{}", lock.shard, lock.connection)).collect();
    let counts = connections.into_iter().collect::<Vec<_>>().join(", ");
    Condition::new(NAME, false, format!("{}{more}", named.join(", "))).waivable("C342", counts)
}
