//! A movement for tests: the running example of the Vitess documentation.

use jiff::Timestamp;
use uuid::Uuid;

use super::MoveTables;
use crate::cluster::mutation::{ApplyRoutingRules, AutoIncrementHandling, Mutation, OnDdl, SourceTables};
use crate::cluster::port::{Answer, Answered, Ask, Facts, Served, Unread};
use crate::family::picture::StreamShape;
use crate::family::{Condition, Family, Happened, Situation, Step, View};
use crate::model::digest::Digest;
use crate::model::name::{CellName, KeyspaceName, ShardName, TableName, WorkflowName};
use crate::model::topology::{Cells, Keyspace, Shard, TabletControl, TabletType};
use crate::model::vschema::VSchema;
use crate::model::workflow::{FROZEN, STOPPED_FOR_CUTOVER, Stream, StreamOptions, StreamState, Workflow, WorkflowOptions};
use crate::record::entry::OutcomeResult;
use crate::record::progress::{Attempt, Progress};
use crate::run::phase::PhaseId;
use crate::run::watch::Watch;
use crate::spec::{
    CompleteSpec, CopySpec, GatePolicy, GateSpec, MoveTablesSpec, Movement, RevertSpec, Spec, SwitchSpec, TableSelection,
    VerifySpec,
};

pub fn commerce_to_customer() -> MoveTables {
    let tables: Vec<TableName> = ["corder", "customer"].into_iter().map(|name| TableName::new(name).unwrap()).collect();
    let options = MoveTablesSpec {
        source_keyspace: KeyspaceName::new("commerce").unwrap(),
        target_keyspace: KeyspaceName::new("customer").unwrap(),
        tables: TableSelection::Named(tables.clone()),
        cells: vec![],
        tablet_types: vec![TabletType::Replica, TabletType::Primary],
        on_ddl: OnDdl::Stop,
        defer_secondary_keys: true,
        source_time_zone: None,
        global_keyspace: None,
        sharded_auto_increment_handling: AutoIncrementHandling::Remove,
        initialize_target_sequences: true,
    };
    let gate = |policy| GateSpec { policy, windows: vec![], time_zone: "UTC".into(), approval_expires_seconds: 86_400 };
    let gates = [
        (PhaseId::CREATE, gate(GatePolicy::AutoAdvance)),
        (PhaseId::COPY, gate(GatePolicy::AutoAdvance)),
        (PhaseId::VERIFY, gate(GatePolicy::AutoAdvance)),
        (PhaseId::SWITCH_REPLICAS, gate(GatePolicy::AutoAdvance)),
        (PhaseId::SWITCH_PRIMARY, gate(GatePolicy::OperatorHold)),
        (PhaseId::COMPLETE, gate(GatePolicy::OperatorHold)),
        (PhaseId::REMOVE_RULES, gate(GatePolicy::OperatorHold)),
    ];
    let spec = Spec {
        workflow: WorkflowName::new("commerce2customer").unwrap(),
        cluster: "test".into(),
        movement: Movement::MoveTables(options.clone()),
        gates: gates.into(),
        copy: CopySpec { max_lag_seconds: 30 },
        verify: VerifySpec {
            max_age_seconds: 86_400,
            tablet_types: vec![TabletType::Replica, TabletType::Primary],
            cells: vec![],
            max_duration_seconds: None,
        },
        switch: SwitchSpec {
            max_lag_seconds: 5,
            stable_for_seconds: 10,
            max_transaction_age_milliseconds: 1000,
            wait_for_quiet_seconds: 600,
            timeout_seconds: 5,
        },
        revert: RevertSpec { window_seconds: 1800 },
        complete: CompleteSpec { source_tables: SourceTables::Rename },
        fast_path: crate::spec::FastPathSpec::default(),
    };
    MoveTables { spec, options, tables }
}

/// A cluster and a record that fit each other, for a test to break in one place.
pub struct World {
    pub movement: MoveTables,
    pub facts: Facts,
    pub progress: Progress,
    pub watch: Watch,
}

pub fn now() -> Timestamp {
    Timestamp::from_second(1_800_000_000).unwrap()
}

/// What a push looks at in part changes with it.
pub fn days_since_1970() -> usize {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    usize::try_from(since.as_secs() / 86_400).unwrap()
}

fn shards(names: &[&str]) -> Keyspace {
    let shard = Shard {
        primary_alias: None,
        primary_term_started_at: None,
        key_range: (String::new(), String::new()),
        is_primary_serving: true,
        tablet_controls: vec![],
    };
    Keyspace {
        is_snapshot: false,
        sidecar_database: "_vt".into(),
        shards: names.iter().map(|name| (ShardName::new(*name).unwrap(), shard.clone())).collect(),
    }
}

impl World {
    /// `commerce/0` to `customer/-80` and `80-`, nothing begun.
    pub fn at_the_start() -> Self {
        let movement = commerce_to_customer();
        let facts = Facts {
            observed_at: now(),
            cells: Cells { names: vec![CellName::new("zone1").unwrap()], aliases: Default::default() },
            keyspaces: [(movement.source().clone(), shards(&["0"])), (movement.target().clone(), shards(&["-80", "80-"]))].into(),
            vschemas: [(movement.target().clone(), VSchema { sharded: true, ..VSchema::default() })].into(),
            routing_rules: Default::default(),
            served: [("zone1".to_owned(), Served { routing_rules: Default::default(), vschemas: Default::default() })].into(),
            other_rules: Default::default(),
            workflows: vec![],
            asked_keyspaces: Default::default(),
            answers: vec![],
        };
        let intent = Some(Digest::of(&"intent"));
        Self { movement, facts, progress: Progress { intent, ..Progress::default() }, watch: Watch::new(0) }
    }

    /// What stands there when these phases have been done as forecast, each with its attempts on record.
    pub fn after(phases: &[&str]) -> Self {
        let mut world = Self::at_the_start();
        for phase in phases {
            let phase = PhaseId::new((*phase).to_owned());
            for mutation in world.movement.mutations(&phase) {
                let mutation = match mutation {
                    Mutation::ApplyRoutingRules(_) => Mutation::ApplyRoutingRules(ApplyRoutingRules::edit(
                        &world.facts.routing_rules,
                        world.movement.rule_keys().into_iter().collect(),
                        vec![],
                    )),
                    other => other,
                };
                world.apply(&mutation);
                world.attempt(phase.clone(), mutation, Some(OutcomeResult::Done));
            }
            world.progress.reached.insert(phase, now());
        }
        world.progress.streams = world.movement.incarnation(&world.facts);
        world
    }

    /// Makes the cluster as the forecast of one write says.
    pub fn apply(&mut self, mutation: &Mutation) {
        let picture = self.movement.forecast(mutation, &self.movement.picture(&self.facts), &self.facts);
        self.facts.routing_rules = picture.routing_rules.clone();
        self.serve();
        for (path, tables) in &picture.denied_tables {
            let (keyspace, shard) = path.split_once('/').unwrap();
            self.deny(keyspace, shard, tables.iter().cloned().collect());
        }
        self.facts.workflows.clear();
        for (key, by_shard) in &picture.streams {
            let (keyspace, name) = key.split_once('.').unwrap();
            let from = if keyspace == "customer" { "commerce" } else { "customer" };
            let streams = by_shard.iter().zip(1..).map(|((shard, shape), id)| stream(id, shard, from, *shape)).collect();
            self.facts.workflows.push(Workflow {
                keyspace: keyspace.into(),
                name: name.into(),
                workflow_type: "MoveTables".into(),
                workflow_sub_type: "None".into(),
                source_keyspace: from.into(),
                source_shards: vec![],
                target_keyspace: keyspace.into(),
                target_shards: vec![],
                streams,
                transaction_lag_seconds: Some(1),
                heartbeat_lag_seconds: Some(1),
                options: WorkflowOptions {
                    defer_secondary_keys: keyspace == "customer",
                    auto_increment: "REMOVE".into(),
                    ..WorkflowOptions::default()
                },
            });
        }
    }

    /// Every cell serves the topology's rules.
    pub fn serve(&mut self) {
        for served in self.facts.served.values_mut() {
            served.routing_rules = self.facts.routing_rules.clone();
        }
    }

    pub fn deny(&mut self, keyspace: &str, shard: &str, denied_tables: Vec<String>) {
        let control =
            TabletControl { tablet_type: TabletType::Primary, cells: vec![], denied_tables, frozen: false, allow_reads: false };
        let found = self.facts.keyspaces.get_mut(&KeyspaceName::new(keyspace).unwrap()).unwrap();
        found.shards.get_mut(&ShardName::new(shard).unwrap()).unwrap().tablet_controls = vec![control];
    }

    pub fn attempt(&mut self, phase: PhaseId, mutation: Mutation, outcome: Option<OutcomeResult>) {
        self.progress.serial += 2;
        let attempt = Attempt {
            attempt: self.progress.next_attempt(),
            serial: self.progress.serial - 1,
            at: now(),
            phase,
            mutation,
            replaced: None,
            outcome: outcome.map(|result| (result, now())),
            evidence: vec![],
            ended_at_serial: if outcome.is_some() { self.progress.serial } else { 0 },
        };
        if outcome.is_none() {
            self.progress.open_attempt = Some(attempt.clone());
        }
        self.progress.attempts.push(attempt);
    }

    pub fn workflow(&mut self, name: &str) -> &mut Workflow {
        self.facts.workflows.iter_mut().find(|workflow| workflow.name == name).unwrap()
    }

    pub fn forward(&mut self) -> &mut Workflow {
        self.workflow("commerce2customer")
    }

    pub fn reverse(&mut self) -> &mut Workflow {
        self.workflow("commerce2customer_reverse")
    }

    pub fn answer(&mut self, ask: Ask, answer: Result<Answer, Unread>) {
        self.facts.answers.retain(|answered| answered.ask != ask);
        self.facts.answers.push(Answered { ask, answer });
    }

    pub fn source_tables(&mut self, names: &[&str]) {
        let names = names.iter().map(|name| (*name).to_owned()).collect();
        self.answer(Ask::TableNames(self.movement.source().clone()), Ok(Answer::TableNames([("0".to_owned(), names)].into())));
    }

    pub fn situation(&self) -> Situation {
        self.movement.situation(&self.facts, &self.progress)
    }

    pub fn look<T>(&self, at: impl FnOnce(&View<'_>) -> T) -> T {
        let situation = self.situation();
        at(&View {
            facts: &self.facts,
            progress: &self.progress,
            watch: &self.watch,
            situation: &situation,
            now: now(),
            fresh_uuid: Uuid::nil(),
            kept_rules: None,
        })
    }

    pub fn step(&self, phase: &str) -> Step {
        self.look(|view| self.movement.step(&PhaseId::new(phase.to_owned()), view))
    }

    pub fn conditions(&self, phase: &str) -> Vec<Condition> {
        self.look(|view| self.movement.conditions(&PhaseId::new(phase.to_owned()), view))
    }

    pub fn happened(&self, mutation: &Mutation) -> Happened {
        self.look(|view| self.movement.happened(mutation, view))
    }
}

pub fn stream(id: i64, shard: &str, source_keyspace: &str, shape: StreamShape) -> Stream {
    let (state, message) = match shape {
        StreamShape::Stopped | StreamShape::Mixed => (StreamState::Stopped, ""),
        StreamShape::Moving => (StreamState::Running, ""),
        StreamShape::StoppedForCutover => (StreamState::Stopped, STOPPED_FOR_CUTOVER),
        StreamShape::Frozen => (StreamState::Stopped, FROZEN),
    };
    Stream {
        id,
        shard: shard.into(),
        tablet: "zone1-0000000200".into(),
        source_keyspace: source_keyspace.into(),
        source_shard: "0".into(),
        tables: ["corder", "customer"].map(|table| (table.to_owned(), format!("select * from {table}"))).into(),
        position: "MySQL56/1".into(),
        state,
        message: message.into(),
        copying_tables: vec![],
        rows_copied: 5,
        transaction_at: None,
        updated_at: None,
        throttled: None,
        options: StreamOptions {
            on_ddl: "STOP".into(),
            tablet_types: vec![TabletType::Replica, TabletType::Primary],
            cells: vec!["zone1".into()],
            ..StreamOptions::default()
        },
    }
}
