//! All that a repair will do, before it does it: its steps one after the other, each on what the one before it is forecast to leave.

use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use super::Mending;
use crate::cluster::mutation::Mutation;
use crate::cluster::port::{Answer, Ask, Facts};
use crate::family::picture::{Picture, StreamShape};
use crate::family::{Family as _, SituationKind, Step, View};
use crate::model::topology::{TabletControl, TabletType};
use crate::model::workflow::{FROZEN, STOPPED_FOR_CUTOVER, StreamState};
use crate::record::entry::OutcomeResult;
use crate::record::progress::{Attempt, Progress};
use crate::run::phase::PhaseId;
use crate::run::watch::Watch;

/// More steps than any repair has.
const MOST_STEPS: usize = 200;

/// A write with what is forecast of it.
#[derive(Debug, Clone)]
pub struct Rehearsed {
    pub mutation: Mutation,
    pub before: Picture,
    pub after: Picture,
}

#[derive(Debug, Clone)]
pub struct Rehearsal {
    pub steps: Vec<Rehearsed>,
    /// What will be waited for first.
    pub waits: Vec<String>,
    /// Why it ends before all is whole; none when it won't.
    pub stuck: Option<String>,
}

/// Goes through it. Pure.
pub fn rehearse(mending: &Mending, facts: &Facts, progress: &Progress, now: Timestamp) -> Rehearsal {
    let (mut facts, mut progress) = (facts.clone(), progress.clone());
    let mut rehearsal = Rehearsal { steps: vec![], waits: vec![], stuck: None };
    // What is watched for a while will have been.
    let mut watch = Watch::new(0);
    watch.see_locks(&[], now - SignedDuration::from_mins(10));
    for _ in 0..MOST_STEPS {
        let situation = mending.situation(&facts, &progress);
        match situation.kind {
            SituationKind::Between => {}
            SituationKind::Foreign | SituationKind::Contradictory => {
                rehearsal.stuck = Some(situation.words);
                return rehearsal;
            }
            _ => return rehearsal,
        }
        let view = View {
            facts: &facts,
            progress: &progress,
            watch: &watch,
            situation: &situation,
            now,
            fresh_uuid: Uuid::nil(),
            kept_rules: None,
        };
        match mending.step_finish(&view) {
            Step::Act(mutation) | Step::Finish(mutation) => {
                let before = mending.picture(&facts);
                let after = mending.forecast(&mutation, &before, &facts);
                progress.attempts.push(done(&mutation, progress.serial, now));
                progress.serial += 2;
                take(&mut facts, &after, &mutation);
                rehearsal.steps.push(Rehearsed { mutation, before, after });
            }
            // What is waited for will have ended.
            Step::Wait(waiting) if forget_locks(&mut facts) => rehearsal.waits.push(waiting.what),
            Step::Wait(waiting) => {
                rehearsal.stuck = Some(waiting.what);
                return rehearsal;
            }
            Step::Between(why) => {
                rehearsal.stuck = Some(why);
                return rehearsal;
            }
            Step::Done(_) | Step::Blocked(_) | Step::Until(..) => return rehearsal,
        }
    }
    rehearsal.stuck = Some(format!("{MOST_STEPS} steps don't make it whole"));
    rehearsal
}

fn done(mutation: &Mutation, serial: u64, now: Timestamp) -> Attempt {
    Attempt {
        attempt: serial + 1,
        serial: serial + 1,
        at: now,
        phase: PhaseId::REPAIR,
        mutation: mutation.clone(),
        replaced: None,
        outcome: Some((OutcomeResult::Done, now)),
        evidence: vec![],
        ended_at_serial: serial + 2,
    }
}

/// Takes away the locks of keyspaces; false when there were none.
fn forget_locks(facts: &mut Facts) -> bool {
    let mut any = false;
    for answered in &mut facts.answers {
        if let Ok(Answer::Locks(locks)) = &mut answered.answer {
            let before = locks.len();
            locks.retain(|lock| lock.is_named());
            any |= locks.len() != before;
        }
    }
    any
}

/// Makes the facts what a forecast says.
fn take(facts: &mut Facts, after: &Picture, mutation: &Mutation) {
    facts.routing_rules = after.routing_rules.clone();
    let saved = facts.all_vschemas(&Ask::AllVSchemas).cloned().ok();
    for cell in facts.cells.names.clone() {
        let served = facts
            .served
            .entry(cell.to_string())
            .or_insert_with(|| crate::cluster::port::Served { routing_rules: Default::default(), vschemas: Default::default() });
        if matches!(mutation, Mutation::RebuildVSchemaGraph(_) | Mutation::ApplyRoutingRules(_)) {
            served.routing_rules = after.routing_rules.clone();
            served.vschemas = saved.clone().unwrap_or_else(|| served.vschemas.clone());
        } else if let Some(rules) = after.served.get(cell.as_str()) {
            served.routing_rules = rules.clone();
        }
    }
    for (keyspace, record) in &mut facts.keyspaces {
        for (shard, record) in &mut record.shards {
            let Some(denied) = after.denied_tables.get(&format!("{keyspace}/{shard}")) else { continue };
            record.tablet_controls.retain(|control| control.tablet_type != TabletType::Primary);
            if !denied.is_empty() {
                record.tablet_controls.push(TabletControl {
                    tablet_type: TabletType::Primary,
                    cells: vec![],
                    denied_tables: denied.iter().cloned().collect(),
                    frozen: false,
                    allow_reads: false,
                });
            }
        }
    }
    for workflow in &mut facts.workflows {
        let Some(shards) = after.streams.get(&format!("{}.{}", workflow.keyspace, workflow.name)) else { continue };
        for stream in &mut workflow.streams {
            match shards.get(&stream.shard) {
                Some(StreamShape::Stopped) => (stream.state, stream.message) = (StreamState::Stopped, String::new()),
                Some(StreamShape::Moving) => (stream.state, stream.message) = (StreamState::Running, String::new()),
                Some(StreamShape::StoppedForCutover) => {
                    (stream.state, stream.message) = (StreamState::Stopped, STOPPED_FOR_CUTOVER.to_owned());
                }
                Some(StreamShape::Frozen) => (stream.state, stream.message) = (StreamState::Stopped, FROZEN.to_owned()),
                Some(StreamShape::Mixed) | None => {}
            }
        }
    }
    let takes_all_away = matches!(mutation, Mutation::CancelWorkflow(_) | Mutation::CompleteMoveTables(_));
    facts.workflows.retain(|workflow| {
        after.streams.contains_key(&format!("{}.{}", workflow.keyspace, workflow.name))
            || (after.streams.is_empty() && !takes_all_away)
    });
    take_tables(facts, after, mutation);
}

/// Names and locks, which a picture shows in part or not at all.
fn take_tables(facts: &mut Facts, after: &Picture, mutation: &Mutation) {
    for answered in &mut facts.answers {
        match (&answered.ask, &mut answered.answer) {
            (Ask::TableNames(keyspace), Ok(Answer::TableNames(by_shard))) => {
                if let Mutation::RenameTables(rename) = mutation
                    && rename.keyspace == *keyspace
                    && let Some(tables) = by_shard.get_mut(rename.shard.as_str())
                {
                    for pair in &rename.renames {
                        tables.remove(&pair.from);
                        tables.insert(pair.to.clone());
                    }
                }
                for (shard, tables) in by_shard.iter_mut() {
                    if let Some(kept) = after.tables.get(&format!("{keyspace}/{shard}")) {
                        tables.extend(kept.iter().cloned());
                    }
                }
            }
            (_, Ok(Answer::Locks(locks))) => {
                if let Mutation::RemoveStaleLock(removed) = mutation {
                    let name = format!("{}/{}", removed.keyspace, removed.workflow);
                    locks.retain(|lock| lock.of != name || lock.node != removed.node);
                }
            }
            _ => {}
        }
    }
}
