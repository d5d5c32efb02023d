//! Mending what stands in a cluster: not a movement, but one that was never ours, or what it has left.
//!
//! The next write is decided from what is there, by the same steps that make a movement of ours whole
//! ([`move_tables`](super::move_tables)); [`pending`] adds what those leave aside. [`rehearsal`] goes through all of it on values, for
//! the plan that a person is shown before.

mod pending;
pub mod rehearsal;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::basis::Basis;
use super::move_tables::MoveTables;
use super::picture::{Ours, Picture};
use super::{Condition, Family, Happened, Phase, Pulse, Side, Situation, SituationKind, Step, Traffic, View, WayBack};
use crate::cluster::mutation::Mutation;
use crate::cluster::port::{Ask, Facts, Query};
use crate::finding::Finding;
use crate::model::name::{KeyspaceName, WorkflowName};
use crate::record::entry::OutcomeResult;
use crate::record::progress::{Attempt, Progress};
use crate::run::phase::PhaseId;
use crate::spec::Spec;

/// What is mended. All of it is pure.
#[derive(Debug, Clone)]
pub struct Mending {
    /// The movement; of tables alone one that stays in their keyspace.
    pub movement: MoveTables,
    pub scope: Scope,
    /// The record is the movement's own, and says what is ours.
    pub is_ours: bool,
    /// The operator has said how to reach the topology server.
    pub may_remove_locks: bool,
    /// Rules that lead to a table that is not there.
    pub dead_rules: BTreeSet<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// A movement, as its streams show it.
    Movement,
    /// Tables of one keyspace that no workflow carries.
    Tables,
    /// What each cell serves.
    Publish,
}

impl Mending {
    /// What the facts mean for the movement alone.
    fn of_movement(&self, facts: &Facts, progress: &Progress) -> Situation {
        if self.is_ours {
            return self.movement.situation(facts, progress);
        }
        self.movement.situation(facts, &self.adopted(facts, progress))
    }

    /// The record as if the streams that are there were of our making: repairing a movement is not owning it, but its state means the
    /// same.
    fn adopted(&self, facts: &Facts, progress: &Progress) -> Progress {
        let mut adopted = Progress { streams: self.movement.incarnation(facts), ..progress.clone() };
        let create = self.movement.mutations(&PhaseId::CREATE).into_iter().map(|mutation| Attempt {
            attempt: 0,
            serial: 0,
            at: Timestamp::UNIX_EPOCH,
            phase: PhaseId::CREATE,
            mutation,
            replaced: None,
            outcome: Some((OutcomeResult::Done, Timestamp::UNIX_EPOCH)),
            evidence: vec![],
            ended_at_serial: 0,
        });
        adopted.attempts.splice(0..0, create);
        adopted
    }

    /// The record without what a run of the movement itself did: then only what is there decides. A write of ours that stopped half
    /// way is finished as ours.
    fn deciding(&self, progress: &Progress) -> Progress {
        let half_done = progress.last_write().is_some_and(Attempt::is_half_done);
        let mut deciding = progress.clone();
        if !(self.is_ours && half_done) {
            deciding.attempts.retain(Attempt::is_mending);
        }
        deciding
    }
}

impl Family for Mending {
    fn spec(&self) -> &Spec {
        self.movement.spec()
    }

    fn tables(&self) -> Vec<String> {
        self.movement.tables()
    }

    fn keyspaces(&self) -> (String, String) {
        self.movement.keyspaces()
    }

    fn target_keyspace(&self) -> &str {
        self.movement.target_keyspace()
    }

    /// None: nothing is begun here.
    fn phases(&self) -> Vec<Phase> {
        vec![]
    }

    fn query(&self) -> Query {
        let tables = |keyspace: &KeyspaceName| Ask::TableNames(keyspace.clone());
        let (source, target) = (self.movement.source(), self.movement.target());
        let mut query = Query { keyspaces: [source.clone(), target.clone()].into(), ..Query::default() };
        match self.scope {
            Scope::Movement => {
                query.merge(self.movement.query());
                query.asks.extend([tables(source), tables(target)]);
                query.asks.extend([Ask::AllLocks(source.clone()), Ask::AllLocks(target.clone())]);
            }
            Scope::Tables => query.asks.extend([tables(source)]),
            Scope::Publish => query.asks.extend([Ask::AllVSchemas]),
        }
        query
    }

    fn query_for(&self, phase: &PhaseId, progress: &Progress) -> Query {
        if self.scope == Scope::Movement { self.movement.query_for(phase, progress) } else { Query::default() }
    }

    fn situation(&self, facts: &Facts, progress: &Progress) -> Situation {
        let inner = match self.scope {
            Scope::Movement => self.of_movement(facts, progress),
            Scope::Tables | Scope::Publish => Situation {
                kind: SituationKind::Moving,
                traffic: Traffic { rdonly: Side::Source, replica: Side::Source, primary: Side::Source },
                words: "nothing of it is left to mend".into(),
                contradictions: vec![],
            },
        };
        let is_whole = !matches!(inner.kind, SituationKind::Between | SituationKind::Foreign | SituationKind::Contradictory);
        match pending::next(self, facts, progress) {
            Some((_, why)) if is_whole => Situation {
                kind: SituationKind::Between,
                words: "something is left to mend".into(),
                contradictions: vec![why],
                ..inner
            },
            _ => inner,
        }
    }

    fn picture(&self, facts: &Facts) -> Picture {
        self.movement.picture(facts)
    }

    fn ours(&self) -> Ours {
        let mut ours = self.movement.ours();
        ours.rule_keys.extend(self.dead_rules.iter().cloned());
        ours
    }

    fn forecast(&self, mutation: &Mutation, before: &Picture, facts: &Facts) -> Picture {
        self.movement.forecast(mutation, before, facts)
    }

    fn phases_ahead(&self, _: &Situation) -> Vec<PhaseId> {
        vec![]
    }

    fn effects(&self, _: &PhaseId, _: &Facts) -> Vec<String> {
        vec![]
    }

    fn mutations(&self, _: &PhaseId) -> Vec<Mutation> {
        vec![]
    }

    fn step(&self, _: &PhaseId, _: &View<'_>) -> Step {
        Step::Done(vec![])
    }

    fn conditions(&self, _: &PhaseId, _: &View<'_>) -> Vec<Condition> {
        vec![]
    }

    fn price(&self, _: &PhaseId, _: &View<'_>) -> Vec<String> {
        vec![]
    }

    fn step_pause(&self, _: &View<'_>) -> Step {
        Step::Done(vec![])
    }

    fn step_resume(&self, _: &View<'_>) -> Step {
        Step::Done(vec![])
    }

    fn step_back(&self, _: &View<'_>) -> Step {
        Step::Done(vec![])
    }

    fn step_cancel(&self, _: &View<'_>) -> Step {
        Step::Done(vec![])
    }

    fn step_restore(&self, _: &View<'_>) -> Step {
        Step::Done(vec![])
    }

    fn finish_query(&self, phase: &PhaseId, progress: &Progress) -> Query {
        let mut query = self.query();
        if self.scope == Scope::Movement {
            // Which keyspaces the journals and locks are in does not hang on the phase.
            query.merge(self.movement.finish_query(&PhaseId::SWITCH_PRIMARY, progress));
            // A write of ours that stopped half way is finished as ours, and its phase knows what that needs.
            let half_done = progress.last_write().filter(|last| last.is_half_done()).map(|last| &last.phase);
            let of_ours = if phase == &PhaseId::REPAIR { half_done } else { Some(phase) };
            if let Some(phase) = of_ours.filter(|_| self.is_ours) {
                query.merge(self.movement.finish_query(phase, progress));
            }
        }
        query
    }

    fn step_finish(&self, view: &View<'_>) -> Step {
        if self.scope == Scope::Movement {
            let situation = self.of_movement(view.facts, view.progress);
            if situation.kind == SituationKind::Between {
                let progress = self.deciding(view.progress);
                return self.movement.step_finish(&View { situation: &situation, progress: &progress, ..*view });
            }
        }
        match pending::next(self, view.facts, view.progress) {
            Some((mutation, _)) => pending::step(mutation, self, view),
            None => Step::Between(view.situation.contradictions.join("; ")),
        }
    }

    fn settle(&self, view: &View<'_>) -> Option<Mutation> {
        if self.is_ours { self.movement.settle(view) } else { None }
    }

    fn recovers(&self, mutation: &Mutation) -> bool {
        self.movement.recovers(mutation)
    }

    fn named_lock(&self, mutation: &Mutation, facts: &Facts) -> Option<(KeyspaceName, WorkflowName)> {
        self.movement.named_lock(mutation, facts)
    }

    fn sees(&self, facts: &Facts) -> String {
        match self.scope {
            Scope::Movement => self.movement.sees(facts),
            Scope::Tables | Scope::Publish => String::new(),
        }
    }

    fn happened(&self, mutation: &Mutation, view: &View<'_>) -> Happened {
        if let (Scope::Publish, Mutation::RebuildVSchemaGraph(_)) = (self.scope, mutation) {
            return match pending::cells_behind(view.facts).as_slice() {
                [] => Happened::Yes(vec!["every cell serves what the topology holds".into()]),
                _ => Happened::No,
            };
        }
        let situation = self.of_movement(view.facts, view.progress);
        self.movement.happened(mutation, &View { situation: &situation, ..*view })
    }

    fn lock_ask(&self) -> Ask {
        self.movement.lock_ask()
    }

    /// Only of one of ours: to repair is not to own.
    fn incarnation(&self, facts: &Facts) -> BTreeMap<String, i64> {
        if self.is_ours { self.movement.incarnation(facts) } else { BTreeMap::new() }
    }

    fn check_query(&self, _: &Facts, _: Option<&PhaseId>) -> Query {
        Query::default()
    }

    fn check(&self, _: &Facts, _: &Progress, _: Option<&PhaseId>) -> Vec<Finding> {
        vec![]
    }

    fn basis(&self, facts: &Facts) -> Basis {
        self.movement.basis(facts)
    }

    fn pulse(&self, facts: &Facts) -> Pulse {
        self.movement.pulse(facts)
    }

    fn way_back(&self, facts: &Facts) -> WayBack {
        self.movement.way_back(facts)
    }

    fn equivalent(&self, _: &PhaseId) -> Vec<String> {
        vec![]
    }
}

#[cfg(test)]
mod tests;
