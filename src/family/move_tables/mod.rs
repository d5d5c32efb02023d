//! MoveTables: tables go from one keyspace to another.
//!
//! `rules` knows the nine routing rules of a table, `situation` what facts mean, `forecast` what each phase will have changed,
//! `phases` the next step of each phase, one small file for each, `half_switch` how a switch that broke off is made whole,
//! `taken_away` what others made of it while no stream was left, `costs` and `price` what it costs, before it begins and at a hold, and
//! `basis` what a plan rests on. `fast_path` judges whether it is small and plain.

pub mod adoption;
mod attempts;
mod basis;
pub mod costs;
mod fast_path;
#[cfg(test)]
pub mod fixtures;
mod forecast;
mod half_done;
mod half_switch;
mod happened;
mod phases;
mod price;
mod rules;
mod situation;
mod taken_away;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::basis::Basis;
use super::costs::Costs;
use super::fast_path::FastPath;
use super::picture::{Picture, StreamShape};
use super::{Condition, Family, Happened, Phase, Pulse, Side, Situation, Step, View, WayBack};
use crate::cluster::mutation::{Direction, Mutation, SwitchTraffic};
use crate::cluster::port::{Ask, Facts, Query};
use crate::finding::Finding;
use crate::model::name::{KeyspaceName, TableName, WorkflowName};
use crate::model::topology::TabletType;
use crate::model::workflow::{Stream, Workflow};
use crate::plan::checks::{self, CheckInput};
use crate::record::progress::Progress;
use crate::run::phase::PhaseId;
use crate::spec::{MoveTablesSpec, Spec};

pub use rules::SERVING_TYPES;
pub use situation::Denied;

/// One movement of tables, with the tables resolved to names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MoveTables {
    pub spec: Spec,
    pub options: MoveTablesSpec,
    /// Sorted. For `all-tables` those that the source had when the movement began (from the record), or has now.
    pub tables: Vec<TableName>,
}

/// The streams of one workflow, by the shard on whose primary they run.
pub struct StreamsOf {
    pub by_shard: BTreeMap<String, StreamShape>,
    /// The shapes that single streams have; `Mixed` is none of them.
    pub shapes: BTreeSet<StreamShape>,
}

impl MoveTables {
    pub fn workflow(&self) -> &WorkflowName {
        &self.spec.workflow
    }

    pub fn source(&self) -> &KeyspaceName {
        &self.options.source_keyspace
    }

    pub fn target(&self) -> &KeyspaceName {
        &self.options.target_keyspace
    }

    /// Where a switch sends traffic. Addressed by its own name, in the source keyspace, the reverse workflow's `forward` leads back.
    pub(crate) fn leads_to_target(&self, switch: &SwitchTraffic) -> bool {
        (switch.direction == Direction::Forward) == (&switch.workflow == self.workflow())
    }

    /// The name that vtctld locks for a call (go/vt/vtctl/workflow/server.go: that of the workflow which the call drives; of a switch
    /// back, once writes are at the target, the reverse one). None for a call that locks no name.
    fn named_lock_of(&self, mutation: &Mutation, facts: &Facts) -> Option<(KeyspaceName, WorkflowName)> {
        let forward = (self.target().clone(), self.workflow().clone());
        let reverse = (self.source().clone(), self.workflow().reverse());
        match mutation {
            Mutation::SwitchTraffic(switch) if self.leads_to_target(switch) => Some(forward),
            Mutation::SwitchTraffic(switch) => {
                let at_target = self.side(&facts.routing_rules, TabletType::Primary) == Some(Side::Target);
                Some(if switch.moves_writes() || at_target { reverse } else { forward })
            }
            Mutation::CompleteMoveTables(_) | Mutation::CancelWorkflow(_) => Some(forward),
            // Its tablets do, when they stop and start the streams (go/vt/vttablet/tabletmanager/vdiff/table_differ.go): without the
            // name it waits and says nothing.
            Mutation::CreateVDiff(_) => Some(forward),
            _ => None,
        }
    }

    /// `stream <keyspace>.<workflow> <shard> from <source shard>` to id, forward and reverse.
    fn incarnation_of(&self, facts: &Facts) -> BTreeMap<String, i64> {
        let mut ids = BTreeMap::new();
        for (keyspace, workflow) in [(self.target(), self.workflow().clone()), (self.source(), self.workflow().reverse())] {
            for stream in facts.workflow(keyspace, &workflow).map(|found| found.streams.as_slice()).unwrap_or_default() {
                ids.insert(format!("{keyspace}.{workflow} {} from {}", stream.shard, stream.source_shard), stream.id);
            }
        }
        ids
    }
}

impl Family for MoveTables {
    fn spec(&self) -> &Spec {
        &self.spec
    }

    fn tables(&self) -> Vec<String> {
        self.tables.iter().map(ToString::to_string).collect()
    }

    fn keyspaces(&self) -> (String, String) {
        (self.source().to_string(), self.target().to_string())
    }

    fn target_keyspace(&self) -> &str {
        self.target().as_str()
    }

    fn phases(&self) -> Vec<Phase> {
        phases::all()
    }

    fn query(&self) -> Query {
        Query {
            keyspaces: [self.source().clone(), self.target().clone()].into(),
            workflows: [(self.target().clone(), self.workflow().clone()), (self.source().clone(), self.workflow().reverse())]
                .into(),
            asks: Default::default(),
        }
    }

    fn query_for(&self, phase: &PhaseId, progress: &Progress) -> Query {
        phases::query(self, phase, progress)
    }

    fn shown_query(&self, phase: &PhaseId) -> Query {
        if *phase == PhaseId::COPY { phases::copy::progress_query(self) } else { Query::default() }
    }

    fn is_past(&self, phase: &PhaseId, situation: &Situation) -> bool {
        phases::is_past(phase, situation)
    }

    fn checks_soon(&self, waiting: &PhaseId, view: &View<'_>) -> Option<PhaseId> {
        phases::checks_soon(self, waiting, view)
    }

    fn situation(&self, facts: &Facts, progress: &Progress) -> Situation {
        self.situation_of(facts, progress)
    }

    fn picture(&self, facts: &Facts) -> Picture {
        self.picture_of(facts)
    }

    fn ours(&self) -> super::picture::Ours {
        MoveTables::ours(self)
    }

    fn forecast(&self, mutation: &Mutation, before: &Picture, facts: &Facts) -> Picture {
        let sharded = facts.vschemas.get(self.target()).is_some_and(|vschema| vschema.sharded);
        self.forecast_of(mutation, before, sharded)
    }

    fn phases_ahead(&self, situation: &Situation) -> Vec<PhaseId> {
        phases::ahead(situation)
    }

    fn effects(&self, phase: &PhaseId, facts: &Facts) -> Vec<String> {
        self.effects_of(phase, facts)
    }

    fn mutations(&self, phase: &PhaseId) -> Vec<Mutation> {
        phases::mutations(self, phase)
    }

    fn step(&self, phase: &PhaseId, view: &View<'_>) -> Step {
        phases::step(self, phase, view)
    }

    fn conditions(&self, phase: &PhaseId, view: &View<'_>) -> Vec<Condition> {
        phases::conditions(self, phase, view)
    }

    fn price(&self, phase: &PhaseId, view: &View<'_>) -> Vec<String> {
        price::of(self, phase, view)
    }

    fn ways_back(&self, phase: &PhaseId) -> Vec<(PhaseId, Vec<Mutation>)> {
        phases::ways_back(self, phase)
    }

    fn sequences_set(&self, phase: &PhaseId, facts: &Facts) -> BTreeMap<String, String> {
        if *phase == PhaseId::SWITCH_PRIMARY { checks::sequences_set(self, facts) } else { BTreeMap::new() }
    }

    fn fast_path(&self, facts: &Facts) -> FastPath {
        fast_path::of(self, facts)
    }

    fn costs(&self, facts: &Facts, ahead: &[PhaseId]) -> Costs {
        costs::of(self, facts, ahead)
    }

    fn step_pause(&self, view: &View<'_>) -> Step {
        phases::pause::step(self, view)
    }

    fn step_resume(&self, view: &View<'_>) -> Step {
        phases::resume::step(self, view)
    }

    fn step_back(&self, view: &View<'_>) -> Step {
        phases::switch_back::step(self, view)
    }

    fn step_cancel(&self, view: &View<'_>) -> Step {
        phases::cancel::step(self, view)
    }

    fn finish_query(&self, phase: &PhaseId, progress: &Progress) -> Query {
        let mut query = phases::query(self, phase, progress);
        query.merge(half_switch::query(self));
        query
    }

    fn step_finish(&self, view: &View<'_>) -> Step {
        phases::finish::step(self, view)
    }

    fn settle(&self, view: &View<'_>) -> Option<Mutation> {
        phases::finish::settle(self, view)
    }

    fn recovers(&self, mutation: &Mutation) -> bool {
        matches!(mutation, Mutation::SwitchTraffic(_))
    }

    fn named_lock(&self, mutation: &Mutation, facts: &Facts) -> Option<(KeyspaceName, WorkflowName)> {
        self.named_lock_of(mutation, facts)
    }

    fn sees(&self, facts: &Facts) -> String {
        half_switch::sees(self, facts)
    }

    fn step_restore(&self, view: &View<'_>) -> Step {
        phases::restore_rules::step(self, view)
    }

    fn happened(&self, mutation: &Mutation, view: &View<'_>) -> Happened {
        happened::happened(self, mutation, view)
    }

    fn lock_ask(&self) -> Ask {
        Ask::Locks {
            workflows: vec![(self.target().clone(), self.workflow().clone()), (self.source().clone(), self.workflow().reverse())],
            keyspaces: vec![self.source().clone(), self.target().clone()],
        }
    }

    fn incarnation(&self, facts: &Facts) -> BTreeMap<String, i64> {
        self.incarnation_of(facts)
    }

    fn check_query(&self, facts: &Facts, before: Option<&PhaseId>) -> Query {
        let phases =
            before.map_or_else(|| phases::all().into_iter().map(|phase| phase.id).collect(), |phase| vec![phase.clone()]);
        let mut query = checks::query(self, &phases);
        query.merge(checks::follow_up(self, &phases, facts));
        query
    }

    fn check(&self, facts: &Facts, progress: &Progress, before: Option<&PhaseId>) -> Vec<Finding> {
        checks::run(&CheckInput { movement: self, facts, progress }, before)
    }

    fn basis(&self, facts: &Facts) -> Basis {
        basis::of(self, facts)
    }

    fn pulse(&self, facts: &Facts) -> Pulse {
        let forward = facts.workflow(self.target(), self.workflow());
        let reverse = facts.workflow(self.source(), &self.workflow().reverse());
        let runs = |workflow: &&Workflow| !workflow.streams.iter().all(Stream::is_frozen);
        let running = forward.filter(runs).or_else(|| reverse.filter(runs));
        Pulse {
            lag_seconds: running.and_then(|workflow| workflow.transaction_lag_seconds),
            any_error: running.is_some_and(|workflow| workflow.streams.iter().any(Stream::is_suspicious)),
            rows_compared: phases::verify::rows_compared(self, facts),
        }
    }

    fn way_back(&self, facts: &Facts) -> WayBack {
        phases::revert_window::way_back(self, facts)
    }

    fn equivalent(&self, phase: &PhaseId) -> Vec<String> {
        phases::mutations(self, phase).iter().map(|mutation| mutation.verb().equivalent()).collect()
    }
}
