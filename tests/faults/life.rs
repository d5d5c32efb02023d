//! One process of the program: a command, from what the files and the cluster hold until it ends or is killed.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cutover::cli::Error;
use cutover::cli::way;
use cutover::clock::Clock;
use cutover::cluster::error::ErrorKind;
use cutover::cluster::port::{Facts, Reader};
use cutover::cluster::topo::Topology;
use cutover::cluster::vtctld::{Cluster, Vtctld};
use cutover::driver::{Driver, DriverError, Finish, Ports, RunOptions, Signals, TimeJumps, bytes_of};
use cutover::family::adoption::Doubt;
use cutover::family::mending::{Mending, Scope};
use cutover::family::move_tables::MoveTables;
use cutover::family::{Family, SituationKind, forecast_digest};
use cutover::record::entry::{Accepted, Actor, Goal, What};
use cutover::record::error::RecordError;
use cutover::record::file::FileStore;
use cutover::record::file_system::Sleeper;
use cutover::record::lease::{Held, HeldLease, LeaseError};
use cutover::record::progress::Progress;
use cutover::record::store::{NewEntry, Record, RecordStore};
use cutover::report::event::{Event, View};
use cutover::run::decision::{HoldKind, StopKind};
use cutover::run::machine::Options;
use cutover::run::phase::PhaseId;
use cutover::sandbox::Sandbox;
use jiff::Timestamp;
use tokio::sync::watch;
use tonic::service::Routes;
use uuid::Uuid;

use super::command::Command;
use super::files::{FOLDER, Files, FilesOf};
use super::kinds::Kind;
use super::locks::LocksOf;
use super::oracle;
use super::script::{Life, Of, Script, Strikes};
use super::service::Wire;
use super::world::Moment;

/// Nothing that anybody here waits for takes longer, the leases of a dead vtctld and its own 120 s included.
const MOST_IDLE_LOOKS: u32 = 430;

/// How a process ended, as far as an operator's next step hangs on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    Killed,
    /// It did what it was asked for.
    Done,
    Held(PhaseId, HoldKind),
    /// Codes, and what was said.
    Stopped(StopKind, String),
    Busy,
    Overtaken,
    Unreachable,
    /// Its own files or its lease.
    Files(String),
    /// The command itself refuses: exit code and words.
    Refused(u8, String),
    /// What it waits for doesn't come.
    Idle(String),
}

/// A host and a cluster.
pub struct World {
    pub sandbox: Sandbox,
    pub files: Arc<Files>,
    pub script: Arc<Script>,
    /// Whether a process has the lease.
    lease: Arc<Mutex<bool>>,
    uuids: Arc<Mutex<u128>>,
    movement: &'static MoveTables,
    /// The operator has said how to reach the topology server.
    knows_topology: bool,
}

impl World {
    pub fn at(moment: &Moment, script: Arc<Script>) -> Self {
        Self {
            sandbox: Sandbox::from_snapshot(&moment.cluster),
            files: Arc::new(moment.files.clone()),
            script,
            lease: Arc::default(),
            uuids: Arc::new(Mutex::new(u128::from(moment.files.serial()) << 16)),
            movement: moment.movement,
            knows_topology: moment.knows_topology,
        }
    }

    /// Another one on the same cluster.
    pub fn beside(&self, script: Arc<Script>, files: Arc<Files>, shares_the_lease: bool) -> Self {
        let lease = if shares_the_lease { self.lease.clone() } else { Arc::default() };
        let uuids = Arc::new(Mutex::new(1 << 100));
        let sandbox = self.sandbox.clone();
        Self { sandbox, files, script, lease, uuids, movement: self.movement, knows_topology: self.knows_topology }
    }

    pub fn moment(&self) -> Moment {
        Moment {
            cluster: self.sandbox.snapshot().unwrap(),
            files: (*self.files).clone(),
            movement: self.movement,
            knows_topology: self.knows_topology,
        }
    }

    /// Runs a command as a process of its own.
    pub async fn live(&self, command: &Command) -> End {
        let life = self.script.begin();
        self.script.tell(|| format!("$ cutover {}", command.words()));
        let process = Process::new(self, life.clone(), command.record());
        let end = tokio::select! {
            biased;
            () = life.death() => End::Killed,
            end = process.run(command) => if life.is_dead() { End::Killed } else { end },
        };
        life.die();
        drop(process);
        // What was under way for it is told that nobody waits any more.
        tokio::time::sleep(Duration::from_millis(1)).await;
        self.script.tell(|| format!("  -> {end:?}"));
        oracle::ask(&self.sandbox, &self.script, command.words().as_str());
        self.look_at_the_file(command.record());
        end
    }

    /// I16: whatever happened, the file can be read, and holds at least what was acknowledged.
    fn look_at_the_file(&self, name: &'static str) {
        let acknowledged = self.script.acknowledged(name);
        match self.files.record_of(name) {
            Some(Ok(record)) if record.serial() >= acknowledged => {}
            None if acknowledged == 0 => {}
            None => self.script.violated("I16: the record is gone"),
            Some(Ok(record)) => {
                self.script.violated(format!("I16: the record went back from {acknowledged} to {}", record.serial()));
            }
            Some(Err(error)) => self.script.violated(format!("I16: the record {error}")),
        }
    }
}

struct Process<'a> {
    world: &'a World,
    life: Life,
    store: Store,
    cluster: Arc<Cluster>,
    clock: Arc<dyn Clock>,
    actor: Actor,
}

struct NoSleep;

impl Sleeper for NoSleep {
    fn sleep(&self, _: Duration) {}
}

impl<'a> Process<'a> {
    fn new(world: &'a World, life: Life, record: &'static str) -> Self {
        let clock = world.sandbox.clock();
        let (sandbox, files) = (world.sandbox.clone(), world.files.clone());
        let wire = Wire { sandbox, files, life: life.clone(), record, movement: world.movement };
        let topology = world.knows_topology.then(|| Arc::new(LocksOf(wire.clone())) as Arc<dyn Topology>);
        let vtctld = Vtctld::in_process(Routes::new(wire), "the sandbox");
        let cluster = Cluster::new(vtctld, clock.clone()).with_topology(topology);
        let files = FilesOf::new(world.files.clone(), life.clone());
        let store = FileStore::new(Arc::new(files), Arc::new(NoSleep), FOLDER, record, Uuid::from_u128(1));
        let process = u32::try_from(world.script.count()).unwrap_or(u32::MAX);
        Self {
            world,
            store: Store { store, script: world.script.clone(), name: record },
            cluster: Arc::new(cluster),
            clock,
            actor: Actor { user: "morgan".into(), host: "ops1".into(), process, version: "0".into() },
            life,
        }
    }

    async fn run(&self, command: &Command) -> End {
        match self.try_run(command).await {
            Ok(end) => end,
            Err(Ended(end)) => end,
        }
    }

    async fn try_run(&self, command: &Command) -> Result<End, Ended> {
        let record = self.store.store.load_newest().map_err(files)?;
        self.world.script.move_to(place_of(record.as_ref()));
        let facts = self.observe().await?;
        let progress = || -> Result<Progress, Ended> {
            Ok(self.store.load().map_err(files)?.map(|record| record.progress()).unwrap_or_default())
        };
        if let Command::Approve(gate) = command {
            return self.approve(gate, &facts, &progress()?);
        }
        if *command == Command::Adopt {
            return self.adopt().await;
        }
        if let Some((way, what)) = command.goal() {
            // An operator who sees that his goal is on record goes on with it.
            let progress = progress()?;
            way::judge(way, &self.world.movement.situation(&facts, &progress), &progress)?;
            self.append(&progress, vec![what])?;
        } else if record.is_none() {
            match command {
                Command::FinishOnly => return Ok(End::Done),
                Command::RepairForeign => self.put_begun(&facts)?,
                _ => self.begin(&facts)?,
            }
        }
        let repairs = matches!(command, Command::Repair | Command::RepairForeign);
        let machine = Options {
            until: if let Command::Apply { until } = command { until.clone() } else { None },
            finish_only: repairs || *command == Command::FinishOnly,
            start_streams: *command == Command::Resume,
            never_forward: !matches!(command, Command::Apply { .. } | Command::FinishOnly),
            may_remove_locks: self.world.knows_topology,
            mends: repairs,
            looks_ahead: matches!(command, Command::Apply { .. }),
        };
        let patience = if machine.never_forward { Duration::from_secs(60) } else { Duration::ZERO };
        let options = RunOptions {
            machine,
            wait: true,
            time_jumps: Some(TimeJumps { most_idle_looks: MOST_IDLE_LOOKS }),
            lease_patience: patience,
        };
        if !repairs {
            return self.drive(self.world.movement, options).await;
        }
        let mending = Mending {
            movement: self.world.movement.clone(),
            scope: Scope::Movement,
            is_ours: *command == Command::Repair,
            may_remove_locks: self.world.knows_topology,
            dead_rules: BTreeSet::new(),
        };
        self.drive(&mending, options).await
    }

    async fn drive(&self, family: &dyn Family, options: RunOptions) -> Result<End, Ended> {
        let mut view = Telling(self.world.script.clone());
        let (_signals, received) = watch::channel(Vec::new());
        let ports = Ports {
            reader: self.cluster.as_ref(),
            writer: self.cluster.clone(),
            store: &self.store,
            kept: self.store.store.kept(),
            take_lease: Box::new(|| self.take_lease()),
            clock: self.clock.clone(),
            new_uuid: Box::new(|| {
                let mut last = self.world.uuids.lock().unwrap();
                *last += 1;
                Uuid::from_u128(*last)
            }),
            is_plan_edited: Box::new(|| false),
            signals: Signals::new(received),
            view: &mut view,
            actor: self.actor.clone(),
        };
        Ok(match Driver::new(family, ports, options).run().await? {
            Finish::Ended(_) | Finish::Signalled { .. } => End::Done,
            Finish::Held(hold) => End::Held(hold.gate.clone(), hold.kind),
            Finish::Stopped(stop) => {
                let findings: Vec<String> =
                    stop.findings.iter().map(|finding| format!("{} {}", finding.code, finding.summary)).collect();
                End::Stopped(stop.kind, findings.join("; "))
            }
            Finish::Busy(_) => End::Busy,
            Finish::Overtaken(_) => End::Overtaken,
            Finish::Idle(_) => End::Idle(self.world.script.waits_for()),
        })
    }

    async fn observe(&self) -> Result<Facts, Ended> {
        Ok(self.cluster.observe(&self.world.movement.query()).await.map_err(DriverError::from)?)
    }

    /// As `apply` begins a record.
    fn begin(&self, facts: &Facts) -> Result<(), Ended> {
        let situation = self.world.movement.situation(facts, &Progress::default());
        if situation.kind == SituationKind::Foreign {
            return Err(Ended(End::Refused(4, format!("C402 {}", situation.words))));
        }
        self.put_begun(facts)
    }

    fn put_begun(&self, facts: &Facts) -> Result<(), Ended> {
        let spec = self.store.store.kept().keep(&bytes_of(&self.world.movement.spec)).map_err(files)?;
        let begun = What::Begun {
            workflow: self.world.movement.spec.workflow.to_string(),
            cluster: self.world.movement.spec.cluster.clone(),
            fingerprint: facts.fingerprint(&[self.world.movement.source(), self.world.movement.target()]).to_string(),
            intent: self.world.movement.spec.intent_digest(&self.world.movement.tables),
            frozen: self.world.movement.spec.frozen_digest(),
            tables: self.world.movement.tables(),
            spec: Some(spec),
        };
        self.append(&Progress::default(), vec![begun, What::Goal { goal: Goal::Forward, reason: None }])
    }

    /// As `adopt` does, with each doubt accepted.
    async fn adopt(&self) -> Result<End, Ended> {
        let movement = self.world.movement;
        let facts = self.cluster.observe(&movement.adoption_query()).await.map_err(DriverError::from)?;
        let progress = self.store.load().map_err(files)?.map(|record| record.progress()).unwrap_or_default();
        if progress.is_bound() {
            return Ok(End::Done);
        }
        let adoption = movement.adoption(&facts);
        if !adoption.blocking.is_empty() {
            let words: Vec<&str> = adoption.blocking.iter().map(|finding| finding.summary.as_str()).collect();
            return Err(Ended(End::Refused(4, words.join("; "))));
        }
        let accepted = |doubt: &Doubt| Accepted { name: doubt.name.clone(), doubt: doubt.what.clone() };
        let accepted = adoption.doubts.iter().map(accepted).collect();
        let found = self.store.store.kept().keep(&bytes_of(&movement.picture(&facts))).map_err(files)?;
        if progress.begun.is_none() {
            self.put_begun(&facts)?;
        }
        let progress = self.store.load().map_err(files)?.map(|record| record.progress()).unwrap_or_default();
        let adopted = What::Adopted {
            reached: adoption.reached,
            streams: movement.incarnation(&facts),
            evidence: adoption.evidence,
            accepted,
            reason: "it was made by hand".into(),
            found,
        };
        self.append(&progress, vec![adopted])?;
        Ok(End::Done)
    }

    /// As `approve` does.
    fn approve(&self, gate: &PhaseId, facts: &Facts, progress: &Progress) -> Result<End, Ended> {
        way::judge_approval(progress)?;
        let situation = self.world.movement.situation(facts, progress);
        if !self.world.movement.phases_ahead(&situation).contains(gate) {
            return Ok(End::Done);
        }
        if matches!(situation.kind, SituationKind::Between | SituationKind::Foreign | SituationKind::Contradictory) {
            return Err(Ended(End::Refused(5, situation.words)));
        }
        let what = What::Approval {
            gate: gate.clone(),
            reason: "as the plan says".into(),
            intent: self.world.movement.spec.intent_digest(&self.world.movement.tables),
            forecast: forecast_digest(self.world.movement, gate, facts, &situation),
            expires_at: None,
            end_revert_window: false,
        };
        self.append(progress, vec![what])?;
        Ok(End::Done)
    }

    fn append(&self, progress: &Progress, whats: Vec<What>) -> Result<(), Ended> {
        let at = self.clock.now();
        let entries = whats.into_iter().map(|what| NewEntry { at, by: self.actor.clone(), what }).collect();
        self.store.append(progress.serial, entries).map_err(files)?;
        Ok(())
    }

    fn take_lease(&self) -> Result<Box<dyn HeldLease>, LeaseError> {
        let held = || LeaseError::Held(Held { info: None, path: "lease".into() });
        match self.life.arrive(Of::Lease, "lease take".into()) {
            Strikes::Nothing => {}
            Strikes::Lease(Kind::LeaseHeld) => return Err(held()),
            Strikes::After | Strikes::Before | Strikes::Dead => {
                self.life.die();
                return Err(held());
            }
            other => panic!("{other:?} does not befall a lease that is taken"),
        }
        let mut taken = self.world.lease.lock().unwrap();
        if std::mem::replace(&mut *taken, true) {
            return Err(held());
        }
        Ok(Box::new(LeaseOf { lease: self.world.lease.clone(), life: self.life.clone() }))
    }
}

/// The lease, given back when it is dropped, as a process gives it back when it ends in whatever way.
struct LeaseOf {
    lease: Arc<Mutex<bool>>,
    life: Life,
}

impl HeldLease for LeaseOf {
    fn check(&self) -> Result<(), LeaseError> {
        match self.life.arrive(Of::Lease, "lease check".into()) {
            Strikes::Nothing => Ok(()),
            _ => Err(LeaseError::Lost("lease".into())),
        }
    }
}

impl Drop for LeaseOf {
    fn drop(&mut self) {
        *self.lease.lock().unwrap() = false;
    }
}

/// The record, and the place on the way that it shows.
struct Store {
    store: FileStore,
    script: Arc<Script>,
    name: &'static str,
}

/// Where on the way the record stands: the last phase of which it says anything, and whether a write is open.
fn place_of(record: Option<&Record>) -> String {
    let phase = |what: &What| match what {
        What::Intent { phase, .. } => Some(format!("{phase}, sent")),
        What::Reached { phase, .. } => Some(format!("after {phase}")),
        What::Goal { goal, .. } => Some(format!("goal {goal:?}")),
        What::Paused { .. } => Some("paused".into()),
        What::Resumed { .. } => Some("resumed".into()),
        _ => None,
    };
    let Some(record) = record else { return "begin".into() };
    let open = record.progress().open_attempt.is_some();
    let last = record.entries.iter().rev().find_map(|entry| phase(&entry.what)).unwrap_or_default();
    if open { last } else { last.replace(", sent", ", done") }
}

impl RecordStore for Store {
    fn load(&self) -> Result<Option<Record>, RecordError> {
        self.store.load()
    }

    fn append(&self, expected_serial: u64, entries: Vec<NewEntry>) -> Result<Record, RecordError> {
        let record = self.store.append(expected_serial, entries)?;
        self.script.acknowledge(self.name, record.serial());
        self.script.move_to(place_of(Some(&record)));
        Ok(record)
    }
}

struct Telling(Arc<Script>);

impl View for Telling {
    fn event(&mut self, at: Timestamp, event: &Event) {
        match event {
            Event::Progress(progress) => self.0.wait_for(format!("{}: {}", progress.phase, progress.waiting_for)),
            Event::Await { phase, conditions, .. } => {
                let failing: Vec<&str> = conditions.iter().filter(|it| !it.passes()).map(|it| it.name.as_str()).collect();
                self.0.wait_for(format!("{phase}: {}", failing.join(", ")));
            }
            _ => {}
        }
        self.0.tell(|| match event {
            Event::Entry { words, .. } => format!("{at:.0} {words}"),
            Event::Say { text, .. } => format!("{at:.0} {text}"),
            Event::Stop(stop) => format!("{at:.0} {stop:?}"),
            Event::Progress(progress) => format!("{at:.0} {}: {}", progress.phase, progress.waiting_for),
            Event::Await { phase, conditions, .. } => {
                let failing: Vec<String> =
                    conditions.iter().filter(|it| !it.passes()).map(|it| format!("{}: {}", it.name, it.seen)).collect();
                format!("{at:.0} {phase} awaits {}", failing.join("; "))
            }
            _ => String::new(),
        });
    }
}

/// An end before the loop's own.
struct Ended(End);

fn files(error: RecordError) -> Ended {
    Ended(End::Files(error.to_string()))
}

impl From<Error> for Ended {
    fn from(error: Error) -> Self {
        Self(End::Refused(error.exit().code(), error.to_string()))
    }
}

impl From<DriverError> for Ended {
    fn from(error: DriverError) -> Self {
        Self(match error {
            DriverError::Cluster(error) => match error.kind {
                ErrorKind::Unreachable | ErrorKind::DeadlineExceeded => End::Unreachable,
                _ => End::Refused(1, error.to_string()),
            },
            DriverError::Record(error) => End::Files(error.to_string()),
            DriverError::Lease(error) => End::Files(error.to_string()),
            error => End::Refused(1, error.to_string()),
        })
    }
}
