//! A family for tests of the machine: it says what it is told to say, and knows nothing of Vitess.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use super::decision::Decision;
use super::machine::{self, Input, Options};
use super::phase::PhaseId;
use super::watch::Watch;
use crate::cluster::mutation::Mutation;
use crate::cluster::port::{Answer, Answered, Ask, Facts, HeldLock, Query, Unread};
use crate::family::basis::Basis;
use crate::family::move_tables::fixtures::commerce_to_customer;
use crate::family::picture::{Ours, Picture};
use crate::family::{
    Condition, Family, Happened, Phase, Pulse, Side, Situation, SituationKind, Step, Traffic, View, Waiting, WayBack,
};
use crate::finding::Finding;
use crate::model::digest::Digest;
use crate::model::name::{KeyspaceName, WorkflowName};
use crate::record::entry::{Actor, Entry, Goal, OutcomeResult, What};
use crate::record::progress::Progress;
use crate::spec::Spec;

/// What a test says, and the machine's decision on it.
pub struct Bench {
    pub spec: Spec,
    pub kind: SituationKind,
    /// The step of each phase of the way forward; those that aren't here are done.
    pub steps: BTreeMap<PhaseId, Step>,
    pub back: Step,
    pub finish: Step,
    pub conditions: Vec<Condition>,
    pub findings: Vec<Finding>,
    /// The phases that can want nothing more once they are on record.
    pub past: Vec<PhaseId>,
    pub checks_soon: Option<PhaseId>,
    pub happened: Happened,
    pub picture: Picture,
    pub forecast: Picture,
    pub locks: Result<Vec<HeldLock>, Unread>,
    pub entries: Vec<Entry>,
    pub watch: Watch,
    pub options: Options,
    pub baseline: Option<Picture>,
    pub now: Timestamp,
}

impl Bench {
    /// A movement that was begun, with every gate of the running example, and the primary about to be switched.
    pub fn begun() -> Self {
        let spec = commerce_to_customer().spec;
        let mut bench = Self {
            spec,
            kind: SituationKind::Moving,
            steps: [(PhaseId::SWITCH_PRIMARY, Step::Act(switch_primary()))].into(),
            back: Step::Done(vec![]),
            finish: Step::Between("nothing helps".into()),
            conditions: vec![],
            findings: vec![],
            past: vec![],
            checks_soon: None,
            happened: Happened::No,
            picture: Picture::default(),
            forecast: Picture::default(),
            locks: Ok(vec![]),
            entries: vec![],
            watch: Watch::default(),
            options: Options::default(),
            baseline: None,
            now: Timestamp::from_second(1_800_000_000).unwrap(),
        };
        bench.add(What::Begun {
            workflow: "c2c".into(),
            cluster: "test".into(),
            fingerprint: "f".into(),
            intent: intent(),
            frozen: intent(),
            tables: vec![],
            spec: None,
        });
        bench.add(What::Goal { goal: Goal::Forward, reason: None });
        for phase in [PhaseId::CREATE, PhaseId::COPY, PhaseId::VERIFY, PhaseId::SWITCH_REPLICAS] {
            bench.add(What::Reached { phase, evidence: vec![] });
        }
        bench.watch = Watch::new(bench.serial());
        bench
    }

    pub fn serial(&self) -> u64 {
        self.entries.len() as u64
    }

    /// Appends an entry, now.
    pub fn add(&mut self, what: What) {
        let by = Actor { user: "morgan".into(), host: "ops1".into(), process: 1, version: "0".into() };
        self.entries.push(Entry { serial: self.serial() + 1, at: self.now, by, what });
    }

    pub fn pass(&mut self, seconds: i64) {
        self.now += SignedDuration::from_secs(seconds);
    }

    pub fn approve(&mut self, gate: PhaseId) {
        let forecast = self.forecast_digest(&gate);
        self.add(What::Approval {
            gate,
            reason: "it is time".into(),
            intent: intent(),
            forecast,
            expires_at: Some(self.now + SignedDuration::from_secs(3600)),
            end_revert_window: false,
        });
    }

    /// A write on record, with its outcome if it has one.
    pub fn attempt(&mut self, phase: PhaseId, mutation: Mutation, result: Option<OutcomeResult>) -> u64 {
        let attempt = self.progress().next_attempt();
        self.add(What::Intent { attempt, phase, mutation, forecast: intent(), replaced: None, lag_seconds: None });
        if let Some(result) = result {
            let evidence = vec!["in Vitess's words".to_owned()];
            self.add(What::Outcome { attempt, result, evidence, took_milliseconds: 1, found: None });
        }
        attempt
    }

    pub fn progress(&self) -> Progress {
        Progress::of(&self.entries)
    }

    fn forecast_digest(&self, gate: &PhaseId) -> Digest {
        let facts = self.facts();
        crate::family::forecast_digest(self, gate, &facts, &self.situation(&facts, &self.progress()))
    }

    pub fn facts(&self) -> Facts {
        let answered = Answered { ask: self.lock_ask(), answer: self.locks.clone().map(Answer::Locks) };
        Facts {
            observed_at: self.now,
            cells: Default::default(),
            keyspaces: Default::default(),
            vschemas: Default::default(),
            routing_rules: Default::default(),
            served: Default::default(),
            other_rules: Default::default(),
            workflows: vec![],
            asked_keyspaces: Default::default(),
            answers: vec![answered],
        }
    }

    pub fn decide(&self) -> Decision {
        machine::next(&Input {
            family: self,
            progress: &self.progress(),
            facts: &self.facts(),
            watch: &self.watch,
            now: self.now,
            fresh_uuid: Uuid::nil(),
            kept_rules: None,
            baseline: self.baseline.as_ref(),
            options: &self.options,
        })
    }

    /// The decision once the checks have passed and what is behind is on record.
    pub fn decide_checked(&mut self) -> Decision {
        loop {
            match self.decide() {
                Decision::Note(whats) if whats.iter().all(|what| matches!(what, What::Reached { .. })) => {
                    whats.into_iter().for_each(|what| self.add(what));
                }
                Decision::Checked(phase) => {
                    self.watch.checked.insert(phase, self.now);
                }
                decision => return decision,
            }
        }
    }
}

/// Of a keyspace, or of a workflow's name.
pub fn lock(of: &str) -> HeldLock {
    HeldLock {
        of: of.into(),
        node: "1".into(),
        version: 1,
        waits: false,
        action: "SwitchTraffic".into(),
        host: "vtctld1".into(),
        user: "vitess".into(),
        time: "now".into(),
    }
}

pub fn intent() -> Digest {
    Digest::of_bytes(b"the plan")
}

pub fn switch_primary() -> Mutation {
    commerce_to_customer().mutations(&PhaseId::SWITCH_PRIMARY).remove(0)
}

pub fn complete() -> Mutation {
    commerce_to_customer().mutations(&PhaseId::COMPLETE).remove(0)
}

impl Family for Bench {
    fn spec(&self) -> &Spec {
        &self.spec
    }

    fn tables(&self) -> Vec<String> {
        vec!["customer".into()]
    }

    fn keyspaces(&self) -> (String, String) {
        ("commerce".into(), "customer".into())
    }

    fn target_keyspace(&self) -> &str {
        "customer"
    }

    fn phases(&self) -> Vec<Phase> {
        commerce_to_customer().phases()
    }

    fn query(&self) -> Query {
        Query::default()
    }

    fn query_for(&self, _: &PhaseId, _: &Progress) -> Query {
        Query::default()
    }

    fn is_past(&self, phase: &PhaseId, _: &Situation) -> bool {
        self.past.contains(phase)
    }

    fn checks_soon(&self, _: &PhaseId, _: &View<'_>) -> Option<PhaseId> {
        self.checks_soon.clone()
    }

    fn situation(&self, _: &Facts, _: &Progress) -> Situation {
        let traffic = Traffic { rdonly: Side::Target, replica: Side::Target, primary: Side::Source };
        Situation { kind: self.kind, traffic, words: "as told".into(), contradictions: vec!["it was told so".into()] }
    }

    fn picture(&self, _: &Facts) -> Picture {
        self.picture.clone()
    }

    fn ours(&self) -> Ours {
        Ours { rule_keys: ["customer".to_owned()].into(), tables: ["customer".to_owned()].into() }
    }

    fn forecast(&self, _: &Mutation, _: &Picture, _: &Facts) -> Picture {
        self.forecast.clone()
    }

    fn phases_ahead(&self, _: &Situation) -> Vec<PhaseId> {
        self.steps.keys().cloned().collect()
    }

    fn effects(&self, phase: &PhaseId, _: &Facts) -> Vec<String> {
        vec![format!("what {phase} does")]
    }

    fn mutations(&self, phase: &PhaseId) -> Vec<Mutation> {
        commerce_to_customer().mutations(phase)
    }

    fn step(&self, phase: &PhaseId, _: &View<'_>) -> Step {
        self.steps.get(phase).cloned().unwrap_or(Step::Done(vec![]))
    }

    fn conditions(&self, _: &PhaseId, _: &View<'_>) -> Vec<Condition> {
        self.conditions.clone()
    }

    fn price(&self, phase: &PhaseId, _: &View<'_>) -> Vec<String> {
        vec![format!("the price of {phase}")]
    }

    fn step_pause(&self, _: &View<'_>) -> Step {
        Step::Done(vec![])
    }

    fn step_resume(&self, _: &View<'_>) -> Step {
        Step::Done(vec![])
    }

    fn step_back(&self, _: &View<'_>) -> Step {
        self.back.clone()
    }

    fn step_cancel(&self, _: &View<'_>) -> Step {
        Step::Wait(Waiting::new("told to wait"))
    }

    fn step_restore(&self, _: &View<'_>) -> Step {
        Step::Done(vec![])
    }

    fn finish_query(&self, _: &PhaseId, _: &Progress) -> Query {
        Query::default()
    }

    fn step_finish(&self, _: &View<'_>) -> Step {
        self.finish.clone()
    }

    fn settle(&self, _: &View<'_>) -> Option<Mutation> {
        None
    }

    fn recovers(&self, _: &Mutation) -> bool {
        false
    }

    fn named_lock(&self, mutation: &Mutation, _: &Facts) -> Option<(KeyspaceName, WorkflowName)> {
        let name = (KeyspaceName::new("customer").unwrap(), WorkflowName::new("c2c").unwrap());
        matches!(mutation, Mutation::SwitchTraffic(_)).then_some(name)
    }

    fn sees(&self, _: &Facts) -> String {
        "writes go somewhere".into()
    }

    fn happened(&self, _: &Mutation, _: &View<'_>) -> Happened {
        self.happened.clone()
    }

    fn lock_ask(&self) -> Ask {
        commerce_to_customer().lock_ask()
    }

    fn incarnation(&self, _: &Facts) -> BTreeMap<String, i64> {
        BTreeMap::new()
    }

    fn check_query(&self, _: &Facts, _: Option<&PhaseId>) -> Query {
        Query::default()
    }

    fn check(&self, _: &Facts, _: &Progress, _: Option<&PhaseId>) -> Vec<Finding> {
        self.findings.clone()
    }

    fn basis(&self, _: &Facts) -> Basis {
        Basis::default()
    }

    fn pulse(&self, _: &Facts) -> Pulse {
        Pulse { lag_seconds: Some(0), any_error: false, rows_compared: None }
    }

    fn way_back(&self, _: &Facts) -> WayBack {
        WayBack { possible: true, why: "told so".into(), lag_seconds: Some(0) }
    }

    fn equivalent(&self, _: &PhaseId) -> Vec<String> {
        vec![]
    }
}
