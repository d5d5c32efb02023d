//! Primaries change in each phase, of source and target: in an orderly way, by dying, or by dying and coming back.

use std::time::{Duration, Instant};

use mysql::prelude::Queryable;

use super::bench::{self, Bench};
use super::course::status_words;
use super::observed::{SHARDS, observe};
use super::operation::Operation;
use crate::support::program::{Output, Running};
use crate::support::{Application, Movement, OnDrop, Shape, World, wait};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    Copying,
    Comparing,
    Running,
    SwitchingReads,
    /// The source denies writes, the target does not take them yet.
    SwitchingBeforeJournal,
    /// The journal is written, and no rule.
    SwitchingAfterJournal,
    Switched,
    /// The source's tables are renamed, and stand in its VSchema.
    Completing,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// PlannedReparentShard.
    Planned,
    /// The primary's vttablet and MySQL are killed with -9; then EmergencyReparentShard.
    Killed,
    /// They are killed, and started again: nobody takes their place. Then writes are allowed there, as VTOrc does.
    Restarted,
}

impl Phase {
    pub fn words(self) -> &'static str {
        match self {
            Self::Copying => "while rows are copied",
            Self::Comparing => "while rows are compared",
            Self::Running => "before the switch",
            Self::SwitchingReads => "in the switch of the reads",
            Self::SwitchingBeforeJournal => "in the switch of the writes, before its journal",
            Self::SwitchingAfterJournal => "in the switch of the writes, after its journal",
            Self::Switched => "in the revert window",
            Self::Completing => "in complete",
        }
    }

    /// Where the movement is to be in the end.
    fn operation(self) -> Operation {
        if self == Self::Completing { Operation::Complete } else { Operation::SwitchPrimary }
    }

    fn rows(self) -> u64 {
        if matches!(self, Self::Copying | Self::Comparing) { 20_000 } else { 200 }
    }

    /// The application of Vitess's that is held back in this phase, for it would be over too soon.
    fn slow(self) -> Option<&'static str> {
        match self {
            Self::Copying => Some("vcopier"),
            Self::Comparing => Some("vdiff"),
            _ => None,
        }
    }

    /// Brings the movement into the phase, and gives the run that is in it.
    fn begin(self, bench: &Bench, movement: &Movement) -> Running {
        let apply = |until: &'static str| bench.cutover(false).args(["apply", "--yes", "--until", until]).limit_seconds(700);
        let cluster = bench.world.cluster;
        let wait_for_rows = |sql: &str, what: &str| {
            let some = || cluster.query_primaries::<u64>("customer", sql).iter().sum::<u64>() > 0;
            wait::until_true(Duration::from_secs(240), what, some);
        };
        if let Some(application) = self.slow() {
            cluster.vtctl().slow_down(application, &KEYSPACES, 0.8);
        }
        match self {
            Self::Copying => {
                let run = apply("switch-primary").spawn();
                wait_for_rows("select count(*) from _vt.copy_state where lastpk is not null", "rows are being copied");
                run
            }
            Self::Comparing => {
                let run = apply("switch-primary").spawn();
                let (workflow, under_way) = (&movement.workflow, "state in ('pending', 'started')");
                wait_for_rows(
                    &format!("select count(*) from _vt.vdiff where workflow = '{workflow}' and {under_way}"),
                    "rows are being compared",
                );
                run
            }
            Self::Running => {
                apply("verify").run_expecting(0);
                apply("switch-primary").spawn()
            }
            Self::SwitchingReads => {
                apply("verify").run_expecting(0);
                bench.keep_writes(&["/RoutingRules"]);
                held(bench, apply("switch-primary").spawn(), 1)
            }
            Self::SwitchingBeforeJournal => {
                apply("switch-replicas").run_expecting(0);
                bench.keep_writes(&["/keyspaces/customer/shards/"]);
                held(bench, apply("switch-primary").spawn(), 2)
            }
            Self::SwitchingAfterJournal => {
                apply("switch-replicas").run_expecting(0);
                bench.keep_writes(&["/RoutingRules"]);
                held(bench, apply("switch-primary").spawn(), 1)
            }
            Self::Switched => {
                apply("switch-primary").run_expecting(0);
                bench.cutover(false).args(["apply"]).limit_seconds(700).spawn()
            }
            Self::Completing => {
                apply("switch-primary").run_expecting(0);
                bench.keep_writes(&["/keyspaces/commerce/VSchema"]);
                held(bench, bench.cutover(false).args(["apply", "--wait", "--until", "complete"]).limit_seconds(700).spawn(), 1)
            }
        }
    }
}

const KEYSPACES: [&str; 2] = ["commerce", "customer"];

fn held(bench: &Bench, run: Running, count: usize) -> Running {
    bench.wait_until_kept(count);
    run
}

impl How {
    pub fn words(self) -> &'static str {
        match self {
            Self::Planned => "PlannedReparentShard",
            Self::Killed => "primary killed, EmergencyReparentShard",
            Self::Restarted => "primary killed, started again and made writable",
        }
    }
}

/// All of them, with the letter of the shard.
pub fn all() -> Vec<(Phase, &'static str, How)> {
    let phases = [
        Phase::Copying,
        Phase::Comparing,
        Phase::Running,
        Phase::SwitchingReads,
        Phase::SwitchingBeforeJournal,
        Phase::SwitchingAfterJournal,
        Phase::Switched,
        Phase::Completing,
    ];
    let of_phase = |phase: Phase| {
        ["S", "T2"]
            .into_iter()
            .flat_map(move |letter| [How::Planned, How::Killed, How::Restarted].into_iter().map(move |how| (phase, letter, how)))
    };
    phases.into_iter().flat_map(of_phase).collect()
}

/// Panics unless the movement comes to its goal by itself, or with no more than another approval and the start of a dead tablet, and
/// nothing is lost.
pub fn run(world: &World, phase: Phase, letter: &'static str, how: How) -> String {
    let operation = phase.operation();
    let movement = Movement::prepare(world, &Shape { rows: phase.rows(), ..Shape::default() });
    movement.write_plan(world, &operation.plan());
    let application = Application::start_slowly(&movement, world.cluster);
    let (keyspace, shard) = place(letter);
    let old = world.cluster.vtctl().primary_uid(keyspace, shard);
    let _back = OnDrop(|| give_back(world, phase, keyspace, shard, old));
    let bench = Bench::new(world, &movement);
    let run = phase.begin(&bench, &movement);
    let changed_at = Instant::now();
    reparent(world, keyspace, shard, old, how);
    let change_seconds = changed_at.elapsed().as_secs_f64();
    let status = world.cutover().args(["status", "--format", "json"]).run();
    if let Some(slow) = phase.slow() {
        world.cluster.vtctl().let_run(slow, &KEYSPACES).expect("it runs on");
    }
    bench.release();
    let mut last = run.wait();
    let mut codes = vec![last.code];
    let mut by_hand = Vec::new();
    let mut is_up_again = how != How::Killed;
    while !is_there(world, &movement, operation) {
        assert!(
            codes.len() < 8,
            "it shows {}\nand not {}; {codes:?}\n{last}",
            observe(world.cluster, &movement),
            operation.goal()
        );
        if let Some(code) = asks_for_the_tablet(&last).filter(|_| !is_up_again) {
            is_up_again = true;
            start_again(world, old);
            by_hand.push(format!("starts the dead tablet, as {code} says"));
        }
        if last.stderr.contains("C408") && world.cluster.locks().iter().any(|lock| lock.contains("/named_locks/")) {
            world.cluster.kill(bench::NAME);
            world.cluster.restart(bench::NAME);
            world.cluster.unlock_named();
            by_hand.push("restarts the vtctld that hangs and takes its lock away, as C408 says".to_owned());
        }
        if let Some(approval) = operation.approval(&last) {
            bench.cutover(false).args(approval).run_expecting(0);
            by_hand.push(format!("approves again, for the switch did not happen: {}", words_of_vitess(&last)));
        }
        last = again(&bench, operation);
        codes.push(last.code);
    }
    application.wait_for_writes(100);
    let report = application.finish();
    report.assert_nothing_lost("customer");
    if operation == Operation::SwitchPrimary {
        // The way back is open: the reverse streams have followed the change.
        let back = || bench.cutover(false).args(["switch-back", "--reason", "to see that it is open"]).limit_seconds(700);
        let mut output = back().run();
        if let Some(code) = asks_for_the_tablet(&output).filter(|_| !is_up_again) {
            start_again(world, old);
            by_hand.push(format!("starts the dead tablet before the way back, as {code} says"));
            output = back().run();
        }
        assert_eq!(output.code, Some(0), "{output}");
        assert_eq!(observe(world.cluster, &movement), Operation::SwitchPrimaryBack.goal());
    }
    let codes: Vec<String> = codes.iter().map(|code| code.map_or("-".to_owned(), |code| code.to_string())).collect();
    let person = match by_hand.as_slice() {
        [] if codes.len() == 1 => "nobody has to do anything".to_owned(),
        [] => "a person runs `apply` again".to_owned(),
        done => format!("a person {}", done.join(", ")),
    };
    format!(
        "exit {}; {person}; the change took {change_seconds:.0} s; {:.1} s without writes; status in between: {}",
        codes.join(", "),
        report.longest_write_pause.as_secs_f64(),
        status_words(&status)
    )
}

/// C313 when Vitess refused because of a dead tablet, C215 when the check before a switch found it.
fn asks_for_the_tablet(output: &Output) -> Option<&'static str> {
    ["C313", "C215"].into_iter().find(|code| output.stderr.contains(code))
}

fn start_again(world: &World, uid: u32) {
    world.cluster.restart(&format!("mysqld-{uid}"));
    world.cluster.restart(&format!("vttablet-{uid}"));
}

fn again(bench: &Bench, operation: Operation) -> Output {
    // The revert window is waited for; a gate is not, for it wants another approval.
    let arguments: &[&str] = match operation {
        Operation::Complete => &["apply", "--yes", "--wait", "--until", "complete"],
        _ => &["apply", "--yes", "--until", "switch-primary"],
    };
    bench.cutover(false).args(arguments.iter().copied()).limit_seconds(700).run()
}

/// Why the switch was rolled back, as the hold says it.
fn words_of_vitess(output: &Output) -> String {
    let line = output.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
    let words = line.split_once("did not happen (").and_then(|(_, rest)| rest.split_once("); nothing is half done"));
    words.map_or_else(
        || line.chars().rev().take(300).collect::<Vec<_>>().into_iter().rev().collect(),
        |(words, _)| words.to_owned(),
    )
}

/// Journals are no part of it: a switch that was begun again has written more of them.
fn is_there(world: &World, movement: &Movement, operation: Operation) -> bool {
    super::course::is_at(&observe(world.cluster, movement), operation)
}

fn place(letter: &str) -> (&'static str, &'static str) {
    let (_, keyspace, shard) = SHARDS.iter().find(|(it, ..)| *it == letter).expect("a letter of a shard");
    (keyspace, shard)
}

/// The other tablet of the shard. Each has two.
fn other(world: &World, keyspace: &str, shard: &str, uid: u32) -> u32 {
    let tablets = world.cluster.tablets();
    let of_shard = tablets.iter().find(|tablet| tablet.keyspace == keyspace && tablet.shard == shard && tablet.uid != uid);
    of_shard.expect("a second tablet").uid
}

fn reparent(world: &World, keyspace: &str, shard: &str, old: u32, how: How) {
    let vtctl = world.cluster.vtctl();
    let new = other(world, keyspace, shard, old);
    match how {
        How::Planned => {
            // At the moment of a switch vtctld may have the keyspace's lock.
            wait::until_true(Duration::from_secs(90), "the shard is reparented", || {
                let primary = format!("zone1-{new}");
                vtctl.attempt(&["PlannedReparentShard", &format!("{keyspace}/{shard}"), "--new-primary", &primary]).is_ok()
            });
        }
        How::Restarted => {
            let names = [format!("mysqld-{old}"), format!("vttablet-{old}")];
            for name in &names {
                world.cluster.kill(name);
            }
            for name in &names {
                world.cluster.restart(name);
            }
            // A MySQL that was started again takes no writes, until VTOrc says that it may; there is none here.
            wait::until_true(Duration::from_secs(120), "the primary takes writes again", || {
                vtctl.attempt(&["SetWritable", &format!("zone1-{old}"), "true"]).is_ok()
            });
        }
        How::Killed => {
            // MySQL replicates asynchronously here, and acknowledges what no replica has: that is lost by MySQL and not by a movement.
            // So nothing is acknowledged any more when it dies, and what was is at the replica.
            let mut primary = world.cluster.connect_tablet(old, keyspace);
            primary.query_drop("flush tables with read lock").expect("a lock of all tables");
            let position: Option<String> = primary.query_first("select @@global.gtid_executed").expect("a position");
            let mut replica = world.cluster.connect_tablet(new, keyspace);
            let wait = format!("select wait_for_executed_gtid_set('{}', 30)", position.unwrap_or_default());
            let timed_out: Option<u8> = replica.query_first(wait).expect("a replica that catches up");
            assert_eq!(timed_out, Some(0), "the replica catches up");
            world.cluster.kill(&format!("mysqld-{old}"));
            world.cluster.kill(&format!("vttablet-{old}"));
            wait::until_true(Duration::from_secs(120), "the shard has a primary again", || {
                vtctl.attempt(&["EmergencyReparentShard", &format!("{keyspace}/{shard}")]).is_ok()
            });
        }
    }
}

/// The tablet that was the primary is it again: other tests count on it.
fn give_back(world: &World, phase: Phase, keyspace: &str, shard: &str, old: u32) {
    let vtctl = world.cluster.vtctl();
    if let Some(slow) = phase.slow() {
        vtctl.let_run(slow, &KEYSPACES).ok();
    }
    world.cluster.heal();
    world.cluster.unlock();
    let primary = format!("zone1-{old}");
    wait::until_true(Duration::from_secs(120), "the old primary is it again", || {
        vtctl.primary_uid(keyspace, shard) == old
            || vtctl.attempt(&["PlannedReparentShard", &format!("{keyspace}/{shard}"), "--new-primary", &primary]).is_ok()
    });
}
