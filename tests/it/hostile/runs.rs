//! Whole runs of a movement against a vtctld that lies: they end, no gate opens on a lie, and the application loses nothing.

use std::fs;
use std::path::Path;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use cutover::clock::Clock as _;
use cutover::cluster::port::Reader as _;
use cutover::cluster::vtctld::{Cluster, Vtctld};
use cutover::driver::{Driver, DriverError, Finish, Ports, RunOptions, Signals, TimeJumps, bytes_of};
use cutover::family::Family as _;
use cutover::family::move_tables::MoveTables;
use cutover::model::name::TableName;
use cutover::record::entry::{Actor, Goal, What};
use cutover::record::file_system::HostFileSystem;
use cutover::record::kept::Kept;
use cutover::record::lease::{HeldLease, LeaseError};
use cutover::record::memory::MemoryStore;
use cutover::record::store::{NewEntry, RecordStore as _};
use cutover::report::blocks::ViewOptions;
use cutover::report::event::{Event, View};
use cutover::report::events_json::JsonLines;
use cutover::report::events_lines::Lines;
use cutover::report::problems::Drawing;
use cutover::run::machine::Options;
use cutover::run::phase::PhaseId;
use cutover::sandbox::file::description::Description;
use cutover::sandbox::{Sandbox, Snapshot};
use cutover::spec::{self, Movement};
use jiff::Timestamp;
use proptest::prelude::*;
use tokio::sync::watch;
use tonic::{Code, Status};
use uuid::Uuid;

use super::liar::{Liar, Told};
use super::lies;

pub const CLUSTER: &str = r#"
version = 1
start = "2026-12-01T20:00:00Z"
cells = ["zone1", "zone2"]

[application]
keyspace = "commerce"

[keyspaces.commerce.tables.customer]
rows = 100
columns = ["customer_id bigint not null auto_increment", "email varchar(64)"]
writes-per-second = 20

[keyspaces.commerce.tables.customer_seq]
rows = 1
columns = ["id int not null", "next_id bigint", "cache bigint"]
sequence-next-id = 1

[keyspaces.commerce.vschema.tables]
customer = {}
customer_seq = { type = "sequence" }

[keyspaces.customer]
shards = ["-80", "80-"]

[keyspaces.customer.vschema]
sharded = true
vindexes.xxhash.type = "xxhash"

[keyspaces.customer.vschema.tables.customer]
column_vindexes = [{ column = "customer_id", name = "xxhash" }]
auto_increment = { column = "customer_id", sequence = "commerce.customer_seq" }
"#;

pub const PLAN: &str = r#"
version = 1
workflow = "c2c"
cluster = "sandbox"
[move-tables]
source-keyspace = "commerce"
target-keyspace = "customer"
tables = ["customer"]
[gates]
policy = "auto-advance"
complete = "auto-advance"
[switch]
stable-for = "1s"
wait-for-quiet = "10s"
[revert]
window = "0s"
[complete]
source-tables = "rename"
"#;

pub fn movement() -> MoveTables {
    let spec = spec::read(PLAN).unwrap_or_else(|problems| panic!("{problems:?}")).spec;
    let Movement::MoveTables(options) = spec.movement.clone();
    MoveTables { spec, options, tables: vec![TableName::new("customer").unwrap()] }
}

pub fn sandbox(more: &str) -> Sandbox {
    let description: Description = toml::from_str(&format!("{CLUSTER}{more}")).unwrap();
    Sandbox::in_memory(&description, Timestamp::UNIX_EPOCH)
}

/// Runs one future while time jumps.
pub fn in_no_time<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap().block_on(future)
}

fn view_options() -> ViewOptions {
    let drawing = Drawing { width: 100, colour: false, unicode: true };
    ViewOptions { drawing, keyspaces: ("commerce".into(), "customer".into()), file: None, workflow: "c2c".into() }
}

struct Taken;

impl HeldLease for Taken {
    fn check(&self) -> Result<(), LeaseError> {
        Ok(())
    }
}

/// Tells people and programs.
struct Both<'a>(Lines<&'a mut Vec<u8>>, JsonLines<&'a mut Vec<u8>>);

impl View for Both<'_> {
    fn event(&mut self, at: Timestamp, event: &Event) {
        self.0.event(at, event);
        self.1.event(at, event);
    }
}

/// A movement with its record.
pub struct Stage {
    pub sandbox: Sandbox,
    pub store: MemoryStore,
    folder: tempfile::TempDir,
    ids: AtomicU64,
}

impl Stage {
    pub fn new(sandbox: Sandbox) -> Self {
        let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
        Self { sandbox, store: MemoryStore::new(Uuid::from_u128(1)), folder, ids: AtomicU64::new(1) }
    }

    /// Goes on from a moment of another one, with its record.
    pub fn from(snapshot: &Snapshot, other: &Self) -> Self {
        let stage = Self::new(Sandbox::from_snapshot(snapshot));
        let entries = other.store.load().unwrap().unwrap().entries;
        let entries = entries.into_iter().map(|entry| NewEntry { at: entry.at, by: entry.by, what: entry.what });
        stage.store.append(0, entries.collect()).unwrap();
        for kept in fs::read_dir(other.folder.path()).unwrap() {
            let path = kept.unwrap().path();
            let status = std::process::Command::new("cp").arg("-a").arg(&path).arg(stage.folder.path()).status().unwrap();
            assert!(status.success());
        }
        stage.ids.store(other.ids.load(Ordering::Relaxed), Ordering::Relaxed);
        stage
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Nothing that was acknowledged is lost, no id was given twice, and somebody takes the writes.
    fn assert_whole(&self, what: &str) {
        for table in self.sandbox.accounts().unwrap() {
            assert!(table.lost == 0 && table.twice == 0, "{what}: {table:?}");
        }
    }

    pub fn reached(&self, phase: &PhaseId) -> bool {
        self.store.load().unwrap().is_some_and(|record| record.progress().reached.contains_key(phase))
    }

    /// `apply` up to a phase, with a vtctld that says what the liar says.
    pub async fn run(&self, liar: &Liar, until: Option<PhaseId>) -> (Result<Finish, DriverError>, String) {
        let movement = movement();
        let clock = self.sandbox.clock();
        let cluster = Arc::new(Cluster::new(Vtctld::in_process(liar.routes(), "vtctld"), clock.clone()));
        let actor = Actor { user: "morgan".into(), host: "ops1".into(), process: 1, version: "0".into() };
        let kept = || Kept::beside(&HostFileSystem, self.folder.path());
        if self.store.load().unwrap().is_none() {
            let facts = match cluster.observe(&movement.query()).await {
                Ok(facts) => facts,
                Err(error) => return (Err(error.into()), String::new()),
            };
            let begun = What::Begun {
                workflow: movement.spec.workflow.to_string(),
                cluster: movement.spec.cluster.clone(),
                fingerprint: facts.fingerprint(&[movement.source(), movement.target()]).to_string(),
                intent: movement.spec.intent_digest(&movement.tables),
                frozen: movement.spec.frozen_digest(),
                tables: movement.tables(),
                spec: Some(kept().keep(&bytes_of(&movement.spec)).unwrap()),
            };
            let at = clock.now();
            let whats = [begun, What::Goal { goal: Goal::Forward, reason: None }];
            self.store.append(0, whats.map(|what| NewEntry { at, by: actor.clone(), what }).into()).unwrap();
        }
        let (mut lines, mut json) = (Vec::new(), Vec::new());
        let (_signals, received) = watch::channel(Vec::new());
        let options = RunOptions {
            machine: Options { until, looks_ahead: true, ..Options::default() },
            wait: true,
            time_jumps: Some(TimeJumps { most_idle_looks: 170 }),
            ..RunOptions::default()
        };
        let finish = {
            let mut view = Both(Lines::new(&mut lines, view_options()), JsonLines::new(&mut json));
            let ports = Ports {
                reader: cluster.as_ref(),
                writer: cluster.clone(),
                store: &self.store,
                kept: kept(),
                take_lease: Box::new(|| Ok(Box::new(Taken))),
                clock,
                new_uuid: Box::new(|| Uuid::from_u128(u128::from(self.ids.fetch_add(1, Ordering::Relaxed)))),
                is_plan_edited: Box::new(|| false),
                signals: Signals::new(received),
                view: &mut view,
                actor,
            };
            Driver::new(&movement, ports, options).run().await
        };
        lines.extend(json);
        (finish, String::from_utf8(lines).unwrap())
    }
}

fn truth(sandbox: &Sandbox) -> Liar {
    Liar::new(sandbox, |_, _, _| None)
}

/// What is said instead of a whole answer.
fn instead(choice: u64, message: &[u8]) -> Option<Told> {
    Some(match choice % 9 {
        0 => Told::Message(Vec::new()),
        1 => Told::Message(message[..message.len() / 2].to_vec()),
        2 => Told::Message(vec![0xff; 64]),
        3 => Told::Error(Status::new(Code::Unknown, super::HOSTILE)),
        4 => Told::Error(Status::new(Code::from_i32((choice / 9 % 17) as i32), "x".repeat(100_000))),
        5 => Told::Error(Status::new(Code::NotFound, "node doesn't exist: it does")),
        6 => Told::Error(Status::new(Code::Ok, "")),
        7 => Told::Noise(b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec()),
        _ => Told::Message([message, message].concat()),
    })
}

/// One answer of a whole run, chosen by `at`, is another one.
fn one_lie(sandbox: &Sandbox, at: u64, choice: u64, is_whole: bool, told: &Arc<Mutex<String>>) -> Liar {
    let (count, told) = (AtomicU64::new(0), told.clone());
    Liar::new(sandbox, move |call, number, message| {
        if count.fetch_add(1, Ordering::Relaxed) != at {
            return None;
        }
        let places = lies::places(message);
        *told.lock().unwrap() = format!("{call} {number}");
        if is_whole || places.is_empty() {
            return instead(choice, message);
        }
        let place = &places[usize::try_from(choice).unwrap() % places.len()];
        *told.lock().unwrap() = format!("{call} {number} {place:?}");
        Some(Told::Message(lies::told(message, place)))
    })
}

/// Behind it the names of the application's connection lead nowhere, by intent.
const LAST: Option<PhaseId> = Some(PhaseId::COMPLETE);

/// How many calls a run of the whole movement makes.
fn calls_of_a_run() -> u64 {
    in_no_time(async {
        let stage = Stage::new(sandbox(""));
        let count = Arc::new(AtomicU64::new(0));
        let counted = count.clone();
        let liar = Liar::new(&stage.sandbox, move |_, _, _| {
            counted.fetch_add(1, Ordering::Relaxed);
            None
        });
        let (finish, said) = stage.run(&liar, LAST).await;
        assert!(matches!(finish, Ok(Finish::Ended(_))), "{finish:?} {said}");
        count.load(Ordering::Relaxed)
    })
}

proptest! {
    #![proptest_config(super::config(4))]

    /// Whatever one answer says: the run ends and says nothing that acts, nothing is lost, and with a vtctld that says the truth again
    /// the next run comes to a whole state.
    #[test]
    fn one_lie_costs_a_run_and_no_row(at: u64, choice: u64, is_whole: bool) {
        let at = at % *CALLS;
        let told = Arc::new(Mutex::new(String::new()));
        in_no_time(async {
            let stage = Stage::new(sandbox(""));
            let (finish, said) = stage.run(&one_lie(&stage.sandbox, at, choice, is_whole, &told), LAST).await;
            let what: String = format!("call {at}, choice {choice}, whole {is_whole}: {}: {finish:?}", told.lock().unwrap()).chars().take(900).collect();
            super::assert_harmless(&said, &what);
            stage.assert_whole(&what);
            if let Err(error) = &finish {
                super::assert_harmless(&error.to_string(), &what);
            }
            let (again, said) = stage.run(&truth(&stage.sandbox), LAST).await;
            assert!(again.is_ok(), "{what}: then {again:?} {said}");
            stage.assert_whole(&what);
        });
    }
}

static CALLS: LazyLock<u64> = LazyLock::new(calls_of_a_run);

/// The rows differ, and no one thing that is said of the comparison makes them equal.
#[test]
fn no_lie_about_a_comparison_opens_the_gate_behind_it() {
    const DIFFER: &str = "[[goes-wrong]]\nwhat = \"rows-differ\"\ntable = \"customer\"\nmismatched = 3\nmissing-on-target = 1\n";
    let (snapshot, stage, message) = in_no_time(async {
        let stage = Stage::new(sandbox(DIFFER));
        let (finish, said) = stage.run(&truth(&stage.sandbox), Some(PhaseId::COPY)).await;
        assert!(matches!(finish, Ok(Finish::Ended(_))), "{finish:?} {said}");
        let snapshot = stage.sandbox.snapshot().unwrap();
        let last = Arc::new(Mutex::new(Vec::new()));
        let kept = last.clone();
        let copy = Stage::from(&snapshot, &stage);
        let liar = Liar::new(&copy.sandbox, move |call, _, message| {
            if call == "VDiffShow" && message.len() > kept.lock().unwrap().len() {
                *kept.lock().unwrap() = message.to_vec();
            }
            None
        });
        let (finish, said) = copy.run(&liar, Some(PhaseId::VERIFY)).await;
        assert!(!copy.reached(&PhaseId::VERIFY), "{finish:?} {said}");
        let message = last.lock().unwrap().clone();
        (snapshot, stage, message)
    });
    let places = lies::places(&message);
    assert!(places.len() > 50, "{places:?}");
    let tried = (super::cases(10) as usize).min(places.len());
    for place in places.iter().step_by(places.len() / tried) {
        in_no_time(async {
            let stage = Stage::from(&snapshot, &stage);
            let place = place.clone();
            let lie = place.clone();
            let liar = Liar::new(&stage.sandbox, move |call, _, message| {
                (call == "VDiffShow").then(|| Told::Message(lies::told(message, &lie)))
            });
            let (finish, said) = stage.run(&liar, Some(PhaseId::VERIFY)).await;
            super::assert_harmless(&said, &format!("{place:?}"));
            assert!(!stage.reached(&PhaseId::VERIFY), "{place:?} made the rows equal: {finish:?} {said}");
        });
    }
}

/// More than anybody sends is refused before it fills the memory, and named.
#[test]
fn an_answer_without_end_is_refused() {
    in_no_time(async {
        let stage = Stage::new(sandbox(""));
        let liar = Liar::new(&stage.sandbox, |call, _, _| {
            (call == "GetSrvVSchemas").then(|| Told::Message([&[0x0a, 0xff, 0xff, 0xff, 0x7f][..], &vec![0; 65 << 20]].concat()))
        });
        let (finish, _) = stage.run(&liar, None).await;
        let error = finish.unwrap_err().to_string();
        assert!(error.starts_with("GetSrvVSchemas: ") && error.contains("too large"), "{error}");
    });
}
