//! The loop, on ports that do as they are told: what it must never send, and when it must end.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;
use uuid::Uuid;

use super::*;
use crate::clock::Clock;
use crate::cluster::error::{Effect, ErrorKind};
use crate::cluster::mutation::ApplyRoutingRules;
use crate::cluster::port::{Answer, HeldLock, Reader, Receipt, Writer};
use crate::family::{Happened, SituationKind, Step, Waiting};
use crate::record::entry::Actor;
use crate::record::file::FileStore;
use crate::record::file_system::{HostFileSystem, ThreadSleeper};
use crate::record::lease::{Lease, LeaseInfo, LeaseKey, Leases};
use crate::record::store::{NewEntry, RecordStore};
use crate::report::event::View;
use crate::run::fixtures::{Bench, complete, intent, lock, switch_primary};
use crate::run::phase::PhaseId;

/// Looks as told, one after the other; the last one again and again. Each may take some seconds.
struct Looks {
    facts: Facts,
    script: Mutex<VecDeque<Look>>,
    clock: Arc<Hand>,
    /// With one that hangs, the script begins when it was sent something.
    writer: Arc<Counting>,
}

#[derive(Clone)]
enum Look {
    Fine,
    Slow(i64),
    Rules(&'static str),
    /// Of keyspaces.
    Locked(&'static [&'static str]),
    Fails(ErrorKind),
}

#[async_trait]
impl Reader for Looks {
    async fn observe(&self, _: &Query) -> Result<Facts, ClusterError> {
        let is_before = self.writer.hangs.load(Ordering::SeqCst) && self.writer.sent.load(Ordering::SeqCst) == 0;
        let look = if is_before {
            None
        } else {
            let mut script = self.script.lock().unwrap();
            if script.len() > 1 { script.pop_front() } else { script.front().cloned() }
        };
        let mut facts = Facts { observed_at: self.clock.now(), ..self.facts.clone() };
        match look.unwrap_or(Look::Fine) {
            Look::Fine => {}
            Look::Slow(seconds) => self.clock.pass(seconds),
            Look::Locked(keyspaces) => {
                let locks: Vec<HeldLock> = keyspaces.iter().map(|keyspace| lock(keyspace)).collect();
                facts.answers.iter_mut().for_each(|answered| answered.answer = Ok(Answer::Locks(Vec::clone(&locks))));
            }
            Look::Rules(to) => facts.routing_rules.set("theirs", to),
            Look::Fails(kind) => return Err(error(kind)),
        }
        Ok(facts)
    }
}

fn error(kind: ErrorKind) -> ClusterError {
    ClusterError { call: "GetWorkflows", kind, effect: Effect::None, message: "no".into(), code: tonic::Code::Unknown }
}

/// Counts what is sent; with `hangs`, nothing of it ever comes back.
#[derive(Default)]
struct Counting {
    sent: AtomicUsize,
    hangs: AtomicBool,
    broken_off: AtomicUsize,
}

/// Counts when it is dropped.
struct Dropped<'a>(&'a AtomicUsize);

impl Drop for Dropped<'_> {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[async_trait]
impl Writer for Counting {
    async fn perform(&self, _: &Mutation) -> Result<Receipt, ClusterError> {
        self.sent.fetch_add(1, Ordering::SeqCst);
        if self.hangs.load(Ordering::SeqCst) {
            let _dropped = Dropped(&self.broken_off);
            std::future::pending::<()>().await;
        }
        Ok(Receipt { summary: String::new() })
    }
}

/// A clock that moves when it is told to.
struct Hand(AtomicI64);

impl Hand {
    fn pass(&self, seconds: i64) {
        self.0.fetch_add(seconds, Ordering::SeqCst);
    }
}

impl Clock for Hand {
    fn now(&self) -> Timestamp {
        Timestamp::from_second(1_800_000_000).unwrap() + SignedDuration::from_secs(self.0.load(Ordering::SeqCst))
    }

    fn elapsed(&self) -> Duration {
        Duration::from_secs(self.0.load(Ordering::SeqCst).unsigned_abs())
    }
}

struct Silent;

impl View for Silent {
    fn event(&mut self, _: Timestamp, _: &Event) {}
}

/// A movement on a record of its own, and the ports to run it on.
struct Stage {
    folder: tempfile::TempDir,
    store: FileStore,
    bench: Bench,
    clock: Arc<Hand>,
    writer: Arc<Counting>,
    script: Vec<Look>,
    is_plan_edited: AtomicBool,
}

impl Stage {
    fn new(bench: Bench) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = FileStore::new(
            Arc::new(HostFileSystem),
            Arc::new(ThreadSleeper),
            folder.path().to_owned(),
            "workflow.lock",
            Uuid::nil(),
        );
        let entries = bench.entries.iter().map(|entry| NewEntry { at: entry.at, by: entry.by.clone(), what: entry.what.clone() });
        store.append(0, entries.collect()).unwrap();
        Self {
            folder,
            store,
            bench,
            clock: Arc::new(Hand(AtomicI64::new(0))),
            writer: Arc::default(),
            script: vec![],
            is_plan_edited: Default::default(),
        }
    }

    fn leases(&self) -> Leases {
        Leases::new(self.folder.path().join("leases"))
    }

    fn lease(leases: &Leases, pid: u32) -> Result<Lease, LeaseError> {
        let key = LeaseKey { cluster_fingerprint: "f".into(), target_keyspace: "customer".into(), workflow: "c2c".into() };
        let since = Timestamp::UNIX_EPOCH;
        leases.try_take(&key, &LeaseInfo { who: "morgan".into(), host: "ops1".into(), pid, operation: "apply".into(), since })
    }

    async fn run(&self) -> Result<Finish, DriverError> {
        self.run_with(false).await
    }

    async fn run_with(&self, wait: bool) -> Result<Finish, DriverError> {
        self.run_as(RunOptions { wait, ..RunOptions::default() }).await
    }

    async fn run_as(&self, options: RunOptions) -> Result<Finish, DriverError> {
        let reader = Looks {
            facts: self.bench.facts(),
            script: Mutex::new(self.script.iter().cloned().collect()),
            clock: self.clock.clone(),
            writer: self.writer.clone(),
        };
        let leases = self.leases();
        let (_sender, received) = watch::channel(Vec::new());
        let ports = Ports {
            reader: &reader,
            writer: self.writer.clone(),
            store: &self.store,
            kept: self.store.kept(),
            take_lease: Box::new(|| Ok(Box::new(Self::lease(&leases, 1)?))),
            clock: self.clock.clone(),
            new_uuid: Box::new(Uuid::new_v4),
            is_plan_edited: Box::new(|| self.is_plan_edited.load(Ordering::SeqCst)),
            signals: Signals::new(received),
            view: &mut Silent,
            actor: Actor { user: "morgan".into(), host: "ops1".into(), process: 1, version: "0".into() },
        };
        let options = RunOptions { machine: self.bench.options.clone(), ..options };
        Driver::new(&self.bench, ports, options).run().await
    }

    fn sent(&self) -> usize {
        self.writer.sent.load(Ordering::SeqCst)
    }

    fn outcomes(&self) -> Vec<OutcomeResult> {
        let record = self.store.load().unwrap().unwrap();
        let outcome = |entry: &Entry| if let What::Outcome { result, .. } = entry.what { Some(result) } else { None };
        record.entries.iter().filter_map(outcome).collect()
    }
}

fn codes(finish: &Finish) -> Vec<&str> {
    match finish {
        Finish::Stopped(stop) => stop.findings.iter().map(|finding| finding.code.as_str()).collect(),
        _ => vec![],
    }
}

/// The primary may be switched; and once it was sent, it has happened.
fn released() -> Bench {
    let mut bench = Bench::begun();
    bench.approve(PhaseId::SWITCH_PRIMARY);
    bench.options.until = Some(PhaseId::SWITCH_PRIMARY);
    bench
}

#[tokio::test(start_paused = true)]
async fn no_write_on_a_look_that_took_too_long() {
    let mut stage = Stage::new(released());
    stage.script = vec![Look::Slow(3)];
    let finish = stage.run().await.unwrap();
    assert_eq!(codes(&finish), ["C407"], "{finish:?}");
    assert_eq!((stage.sent(), stage.outcomes().len()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn rules_that_changed_between_look_and_write_are_not_overwritten() {
    let mut bench = Bench::begun();
    let edit = ApplyRoutingRules::edit(&Default::default(), vec!["customer".into()], vec![]);
    bench.steps = [(PhaseId::REMOVE_RULES, Step::Act(Mutation::ApplyRoutingRules(edit)))].into();
    bench.kind = SituationKind::Completed;
    bench.approve(PhaseId::REMOVE_RULES);
    let mut stage = Stage::new(bench);
    // Every second look is the one just before the write.
    stage.script = (0..400).map(|count| if count % 2 == 0 { Look::Fine } else { Look::Rules("a.theirs") }).collect();
    let clock = stage.clock.clone();
    let finish = tokio::select! {
        finish = stage.run() => finish.unwrap(),
        () = async { loop { tokio::time::sleep(Duration::from_secs(1)).await; clock.pass(1); } } => unreachable!(),
    };
    assert_eq!(stage.sent(), 0, "{finish:?}");
    assert!(stage.outcomes().iter().all(|result| *result == OutcomeResult::NotDone), "{:?}", stage.outcomes());
    assert_eq!(codes(&finish), ["C407"], "{finish:?}");
}

/// What comes of a switch whose answer never comes, with looks as told while it is under way: how often it was broken off in ten minutes.
async fn hanging_switch(looks: Vec<Look>) -> usize {
    let mut stage = Stage::new(released());
    stage.writer.hangs.store(true, Ordering::SeqCst);
    stage.script = looks;
    let ended = tokio::time::timeout(Duration::from_secs(600), stage.run()).await;
    assert_eq!(stage.sent(), 1, "{ended:?}");
    stage.writer.broken_off.load(Ordering::SeqCst)
}

#[tokio::test(start_paused = true)]
async fn a_switch_that_has_lost_its_locks_is_broken_off_and_no_other() {
    let (held, free) = (Look::Locked(&["commerce", "customer"]), Look::Locked(&[]));
    assert_eq!(hanging_switch([vec![held.clone(); 5], vec![free.clone()]].concat()).await, 1);
    assert_eq!(hanging_switch(vec![held]).await, 0, "its leases live");
    assert_eq!(hanging_switch(vec![free]).await, 0, "it has not come to the keyspaces yet");
    assert_eq!(hanging_switch(vec![Look::Fails(ErrorKind::Unreachable)]).await, 0, "nobody knows");
}

#[tokio::test(start_paused = true)]
async fn another_process_s_write_is_not_judged_while_it_lives() {
    let mut bench = Bench::begun();
    bench.attempt(PhaseId::SWITCH_PRIMARY, switch_primary(), None);
    let stage = Stage::new(bench);
    let _theirs = Stage::lease(&stage.leases(), 2).unwrap();
    let finish = stage.run().await.unwrap();
    assert!(matches!(&finish, Finish::Busy(words) if words.contains("process 2")), "{finish:?}");
    assert!(stage.outcomes().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_run_that_waits_lets_another_process_finish_its_write() {
    let mut bench = Bench::begun();
    let attempt = bench.attempt(PhaseId::SWITCH_REPLICAS, switch_primary(), None);
    let stage = Stage::new(bench);
    let theirs = Stage::lease(&stage.leases(), 2).unwrap();
    let other = async {
        tokio::time::sleep(Duration::from_secs(30)).await;
        assert!(stage.outcomes().is_empty(), "it judged another's write");
        let by = Actor { user: "kim".into(), host: "ops1".into(), process: 2, version: "0".into() };
        let what = What::Outcome { attempt, result: OutcomeResult::Done, evidence: vec![], took_milliseconds: 1, found: None };
        let serial = stage.store.load().unwrap().unwrap().serial();
        stage.store.append(serial, vec![NewEntry { at: stage.clock.now(), by, what }]).unwrap();
        drop(theirs);
        tokio::time::sleep(Duration::from_secs(30)).await;
    };
    tokio::select! {
        finish = stage.run_with(true) => panic!("it ended: {finish:?}"),
        () = other => {}
    }
    assert_eq!(stage.outcomes(), [OutcomeResult::Done]);
}

#[tokio::test(start_paused = true)]
async fn a_run_ends_when_the_plan_it_knows_no_longer_counts() {
    let mut bench = Bench::begun();
    bench.kind = SituationKind::Switched;
    bench.steps = [(PhaseId::COMPLETE, Step::Act(complete()))].into();
    let stage = Stage::new(bench);
    let begin = tokio::time::Instant::now();
    let edit = async {
        tokio::time::sleep(Duration::from_millis(5_300)).await;
        let by = Actor { user: "kim".into(), host: "ops1".into(), process: 2, version: "0".into() };
        let serial = stage.store.load().unwrap().unwrap().serial();
        let edited = What::Edited { intent: Digest::of_bytes(b"another"), gates: vec![], spec: None };
        let approval = What::Approval {
            gate: PhaseId::COMPLETE,
            reason: "as it is now".into(),
            intent: Digest::of_bytes(b"another"),
            forecast: intent(),
            expires_at: None,
            end_revert_window: true,
        };
        let at = stage.clock.now();
        let entries = [edited, approval].map(|what| NewEntry { at, by: by.clone(), what });
        stage.store.append(serial, entries.into()).unwrap();
        std::future::pending::<()>().await
    };
    let finish = tokio::select! {
        finish = stage.run_with(true) => finish.unwrap(),
        () = edit => unreachable!(),
    };
    assert_eq!(codes(&finish), ["C406"], "{finish:?}");
    assert_eq!(stage.sent(), 0);
    assert!(begin.elapsed() <= Duration::from_millis(5_500), "an entry of the record is news at once, not with the next look");
}

/// Nobody else has taken the edit up.
#[tokio::test(start_paused = true)]
async fn a_run_that_waits_ends_when_its_plan_file_is_edited_and_a_way_out_does_not() {
    let mut bench = Bench::begun();
    bench.kind = SituationKind::Switched;
    bench.steps = [(PhaseId::COMPLETE, Step::Act(complete()))].into();
    let mut stage = Stage::new(bench);
    let edit = async {
        tokio::time::sleep(Duration::from_secs(5)).await;
        stage.is_plan_edited.store(true, Ordering::SeqCst);
        std::future::pending::<()>().await
    };
    let finish = tokio::select! {
        finish = stage.run_with(true) => finish.unwrap(),
        () = edit => unreachable!(),
    };
    assert_eq!((codes(&finish), stage.sent()), (vec!["C406"], 0), "{finish:?}");
    stage.bench.options.never_forward = true;
    assert!(matches!(stage.run().await.unwrap(), Finish::Ended(Ending::NothingToFinish)));
}

#[tokio::test(start_paused = true)]
async fn a_cluster_in_a_reparent_is_waited_for_and_a_shut_door_is_not() {
    let mut bench = released();
    bench.happened = Happened::Yes(vec![]);
    let mut stage = Stage::new(bench);
    stage.script =
        vec![Look::Fails(ErrorKind::Application), Look::Fails(ErrorKind::Unreachable), Look::Fails(ErrorKind::PermissionDenied)];
    let error = stage.run().await.unwrap_err();
    assert!(matches!(error, DriverError::Cluster(error) if error.kind == ErrorKind::PermissionDenied), "two were waited for");
}

#[tokio::test(start_paused = true)]
async fn while_time_jumps_a_wait_of_which_nothing_comes_ends() {
    let mut bench = Bench::begun();
    let never = Waiting::new("nothing");
    bench.steps = [(PhaseId::SWITCH_PRIMARY, Step::Wait(never))].into();
    bench.approve(PhaseId::SWITCH_PRIMARY);
    let stage = Stage::new(bench);
    let finish =
        stage.run_as(RunOptions { time_jumps: Some(TimeJumps { most_idle_looks: 50 }), ..RunOptions::default() }).await.unwrap();
    assert!(matches!(finish, Finish::Idle(_)), "{finish:?}");
}

#[tokio::test(start_paused = true)]
async fn while_time_jumps_nobody_is_waited_for() {
    let options = || RunOptions { wait: true, time_jumps: Some(TimeJumps::default()), ..RunOptions::default() };
    let stage = Stage::new(Bench::begun());
    let finish = stage.run_as(options()).await.unwrap();
    assert!(matches!(&finish, Finish::Held(hold) if hold.kind == HoldKind::Gate), "{finish:?}");

    let mut bench = Bench::begun();
    bench.attempt(PhaseId::SWITCH_PRIMARY, switch_primary(), None);
    let stage = Stage::new(bench);
    let _theirs = Stage::lease(&stage.leases(), 2).unwrap();
    let finish = stage.run_as(options()).await.unwrap();
    assert!(matches!(finish, Finish::Busy(_)), "{finish:?}");
}

fn hold(kind: HoldKind, until: Option<Timestamp>) -> Hold {
    Hold {
        gate: PhaseId::COMPLETE,
        kind,
        why: String::new(),
        proved: vec![],
        next: vec![],
        conditions: vec![],
        price: vec![],
        release: vec![],
        until,
        way_back_shut: None,
    }
}

#[test]
fn a_known_end_of_a_hold_is_jumped_to() {
    let now = Timestamp::from_second(1_000).unwrap();
    let end = Timestamp::from_second(1_600).unwrap();
    let stay = |time_jumps, kind, until| {
        let time_jumps = bool::then(time_jumps, TimeJumps::default);
        RunOptions { wait: true, time_jumps, ..RunOptions::default() }.stay(&hold(kind, until), now).map(|stay| stay.as_millis())
    };
    assert_eq!(stay(true, HoldKind::RevertWindow, Some(end)), Some(600_000));
    assert_eq!(stay(false, HoldKind::RevertWindow, Some(end)), Some(900), "an approval may end it before");
    let soon = now + SignedDuration::from_millis(300);
    assert_eq!(stay(false, HoldKind::RevertWindow, Some(soon)), Some(300), "its end is not missed");
    assert_eq!(stay(true, HoldKind::Window, Some(now)), None, "it is over, and something else holds");
    assert_eq!(stay(true, HoldKind::NotQuiet, None), None);
    assert_eq!(stay(false, HoldKind::NotQuiet, None), Some(900));
    assert_eq!(RunOptions::default().stay(&hold(HoldKind::Window, Some(end)), now), None);
}

#[test]
fn holds_that_end_by_themselves_are_waited_for() {
    let may_end = |kind, until| may_end(&hold(kind, until));
    assert!(may_end(HoldKind::NotQuiet, None), "a transaction ends some time");
    assert!(!may_end(HoldKind::Window, None), "every window has passed");
    assert!(may_end(HoldKind::Window, Some(Timestamp::UNIX_EPOCH)));
    assert!(!may_end(HoldKind::Paused, None));
}

#[test]
fn streams_that_somebody_else_took_away_stay_on_record() {
    let ids = |of: &[(&str, i64)]| -> BTreeMap<String, i64> { of.iter().map(|(key, id)| ((*key).to_owned(), *id)).collect() };
    let both = ids(&[("forward", 1), ("reverse", 2)]);
    let switch = switch_primary();
    let rebuild = Mutation::RebuildVSchemaGraph(crate::cluster::mutation::RebuildVSchemaGraph { cells: vec![] });
    assert_eq!(incarnation_after(Some(&switch), &both, ids(&[])), None, "no switch takes all of them");
    assert_eq!(incarnation_after(Some(&switch), &both, ids(&[("forward", 3)])), Some(ids(&[("forward", 3)])));
    assert_eq!(incarnation_after(Some(&rebuild), &both, ids(&[("forward", 1)])), None);
    assert_eq!(incarnation_after(Some(&rebuild), &both, ids(&[("forward", 3)])), Some(ids(&[("forward", 3), ("reverse", 2)])));
}
