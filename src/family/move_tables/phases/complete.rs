//! Complete: the end of the way back.

use std::collections::{BTreeMap, BTreeSet};

use super::super::half_done::{self, HalfDone};
use super::super::{Denied, MoveTables, attempts};
use super::revert_window;
use crate::cluster::mutation::{CompleteMoveTables, Mutation, SourceTables};
use crate::cluster::port::Ask;
use crate::family::{Condition, Side, SituationKind, Step, View, Waiting};
use crate::record::progress::Progress;
use crate::run::phase::PhaseId;
use crate::words::{counted, length};

pub fn mutation(movement: &MoveTables) -> Mutation {
    Mutation::CompleteMoveTables(CompleteMoveTables {
        workflow: movement.workflow().clone(),
        target_keyspace: movement.target().clone(),
        source_tables: movement.spec.complete.source_tables,
        table_count: movement.tables.len(),
    })
}

pub fn step(movement: &MoveTables, view: &View<'_>) -> Step {
    match view.situation.kind {
        SituationKind::Switched => {
            let traffic = view.situation.traffic;
            if [traffic.rdonly, traffic.replica, traffic.primary].iter().any(|side| *side != Side::Target) {
                return Step::Between("not all traffic is at the target".into());
            }
            if attempts::is_completing(movement, view.progress) {
                return finish(movement, view);
            }
            match half_done::completion(movement, view.facts) {
                Ok(HalfDone::Nothing) => Step::Act(mutation(movement)),
                Ok(HalfDone::Some(words)) => Step::Between(format!("{words}, and no complete of ours took them away")),
                Err(unread) => Step::Wait(Waiting::new(format!("the source's tables can't be read: {}", unread.why))),
            }
        }
        // Seen once, it is not asked again: whoever drops the renamed tables later cleans up and undoes nothing.
        SituationKind::Completed | SituationKind::Ended if view.progress.reached.contains_key(&PhaseId::COMPLETE) => {
            Step::Done(vec!["completed".into()])
        }
        SituationKind::Completed | SituationKind::Ended => as_forecast(movement, view),
        _ => Step::Between("the primary is not switched".into()),
    }
}

/// A completion of ours that stopped half way, made whole. One that was renaming begins anew, once every table has its name again:
/// Vitess would stop at the first name that is taken.
pub fn finish(movement: &MoveTables, view: &View<'_>) -> Step {
    let sent = attempts::last_of(view.progress, |mutation| matches!(mutation, Mutation::CompleteMoveTables(_)));
    let Some(Mutation::CompleteMoveTables(complete)) = sent.map(|attempt| &attempt.mutation) else {
        return Step::Between("no complete of ours is on record".into());
    };
    if complete.source_tables == SourceTables::Rename {
        match half_done::names_back(movement, view.facts) {
            Err(unread) => {
                return Step::Wait(Waiting::new(format!("the source's tables can't be read: {}", unread.why)));
            }
            Ok(Some(renames)) => return Step::Finish(Mutation::RenameTables(renames)),
            Ok(None) => {}
        }
    }
    Step::Finish(Mutation::CompleteMoveTables(complete.clone()))
}

/// What is destroyed can't be had back, and the way back ends: it had better have been alive until now, or somebody says why not.
pub fn conditions(movement: &MoveTables, view: &View<'_>) -> Vec<Condition> {
    const NAME: &str = "reverse streams run";
    if view.situation.kind != SituationKind::Switched || attempts::is_completing(movement, view.progress) {
        return vec![];
    }
    let limit_seconds = revert_window::LAG_LIMIT_SECONDS.max(movement.spec.switch.max_lag_seconds);
    let way_back = revert_window::way_back(movement, view.facts);
    let sick = revert_window::sick(movement, view.facts);
    let dead = |why: &str, counts: String| {
        vec![Condition::new(NAME, false, format!("THE WAY BACK IS NOT OPEN: {why}")).waivable("C340", counts)]
    };
    match way_back.lag_seconds {
        _ if !sick.is_empty() => dead(&way_back.why, sick.join(", ")),
        None => dead(&way_back.why, "lag not known".into()),
        Some(lag) if lag > limit_seconds => dead(
            &format!("the reverse streams lag {}, the limit is {}", length(lag), length(limit_seconds)),
            "lag too high".into(),
        ),
        Some(_) => vec![Condition::new(NAME, true, way_back.why)],
    }
}

/// Whether the source is as this complete leaves it: its tables by name, and who is denied them.
fn as_forecast(movement: &MoveTables, view: &View<'_>) -> Step {
    let by_shard = match view.facts.table_names(&Ask::TableNames(movement.source().clone())) {
        Ok(by_shard) => by_shard,
        Err(unread) => {
            return Step::Wait(Waiting::new(format!("whether the source tables are as forecast can't be read: {}", unread.why)));
        }
    };
    let (tables, may_be_denied) = left_on_source(movement, view.progress);
    let mut against = wrong_tables(movement, view, by_shard, tables);
    let denied = movement.denied(view.facts, true);
    if !may_be_denied.contains(&denied) {
        against.push(match denied {
            Denied::None => "kept source tables are not denied: an old copy takes writes".into(),
            _ => "source shards still deny moved tables".into(),
        });
    }
    if against.is_empty() {
        let what = match tables {
            SourceTables::Rename => "the source tables have their new names",
            SourceTables::Drop => "the source tables are gone",
            SourceTables::Keep => "the source tables stand there, denied",
        };
        return Step::Done(vec![format!("both workflows are gone; {what} on {}", counted(by_shard.len(), "shard"))]);
    }
    Step::Between(against.join("; "))
}

/// What our attempts say that the source is left with, for a plan file may have been edited since.
fn left_on_source(movement: &MoveTables, progress: &Progress) -> (SourceTables, &'static [Denied]) {
    let sent = attempts::last_of(progress, |mutation| matches!(mutation, Mutation::CompleteMoveTables(_)));
    let source_tables = match sent.map(|attempt| &attempt.mutation) {
        Some(Mutation::CompleteMoveTables(complete)) => complete.source_tables,
        _ => movement.spec.complete.source_tables,
    };
    match source_tables {
        SourceTables::Keep => (SourceTables::Keep, &[Denied::All]),
        other => (other, &[Denied::None]),
    }
}

fn wrong_tables(
    movement: &MoveTables,
    view: &View<'_>,
    by_shard: &BTreeMap<String, BTreeSet<String>>,
    left: SourceTables,
) -> Vec<String> {
    let mut against = Vec::new();
    for shard in movement.shard_names(view.facts, true) {
        let place = format!("{}/{shard}", movement.source());
        let Some(names) = by_shard.get(&shard) else {
            against.push(format!("the tables of {place} were not read"));
            continue;
        };
        for table in &movement.tables {
            let (renamed, is_there) = (table.renamed(), names.contains(table.as_str()));
            if is_there != (left == SourceTables::Keep) {
                let how = if is_there { "still there" } else { "gone" };
                against.push(format!("`{table}` is {how} on {place}"));
            }
            if left == SourceTables::Rename && !names.contains(&renamed) {
                against.push(format!("`{renamed}` is not on {place}"));
            }
        }
    }
    against
}
