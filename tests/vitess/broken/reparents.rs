//! Primaries change in each phase, of source and target: in an orderly way, or by dying.

use std::time::Duration;

use mysql::Conn;
use mysql::prelude::Queryable;

use super::observed::{SHARDS, observe};
use super::operation::Operation;
use crate::support::{Application, Movement, OnDrop, Shape, World, wait};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    Copying,
    Running,
    /// In `LOCK TABLES` of the switch of the writes.
    Switching,
    Switched,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// PlannedReparentShard.
    Planned,
    /// The primary's vttablet and MySQL are killed with -9; then EmergencyReparentShard.
    Killed,
}

impl Phase {
    pub fn words(self) -> &'static str {
        match self {
            Self::Copying => "while rows are copied",
            Self::Running => "before the switch",
            Self::Switching => "in the switch of the writes",
            Self::Switched => "after the switch",
        }
    }
}

impl How {
    pub fn words(self) -> &'static str {
        match self {
            Self::Planned => "PlannedReparentShard",
            Self::Killed => "primary killed, EmergencyReparentShard",
        }
    }
}

/// All of them, with the letter of the shard.
pub fn all() -> Vec<(Phase, &'static str, How)> {
    let mut all = Vec::new();
    for phase in [Phase::Copying, Phase::Running, Phase::Switching, Phase::Switched] {
        for letter in ["S", "T2"] {
            for how in [How::Planned, How::Killed] {
                all.push((phase, letter, how));
            }
        }
    }
    all
}

/// Panics unless the movement comes to its goal by itself, or with no more than another approval, and nothing is lost.
pub fn run(world: &World, phase: Phase, letter: &'static str, how: How) -> String {
    let rows = if phase == Phase::Copying { 20_000 } else { 200 };
    let movement = Movement::prepare(world, &Shape { rows, ..Shape::default() });
    movement.write_plan(world, &Operation::SwitchPrimary.plan());
    let application = Application::start(&movement, world.cluster);
    let (keyspace, shard) = place(letter);
    let old = world.cluster.vtctl().primary_uid(keyspace, shard);
    let _back = OnDrop(|| give_back(world, keyspace, shard, old));
    let cutover = |arguments: &[&'static str]| world.cutover().args(arguments.iter().copied()).limit_seconds(400);
    let run = match phase {
        Phase::Copying => {
            world.cluster.vtctl().slow_copying_down("customer", 0.7);
            let run = cutover(&["apply", "--yes", "--until", "switch-primary"]).spawn();
            let copying = "select count(*) from _vt.copy_state where lastpk is not null";
            wait::until_true(Duration::from_secs(90), "rows are being copied", || {
                world.cluster.query_primaries::<u64>("customer", copying).iter().sum::<u64>() > 0
            });
            run
        }
        Phase::Running => {
            cutover(&["apply", "--yes", "--until", "verify"]).run_expecting(0);
            cutover(&["apply", "--until", "switch-primary"]).spawn()
        }
        Phase::Switching => {
            cutover(&["apply", "--yes", "--until", "switch-replicas"]).run_expecting(0);
            let mut transaction = connect(world, "S");
            let sql = format!("update {} set note = 'slow' where id = {rows}", movement.tables[0]);
            transaction.query_drop("begin").and_then(|()| transaction.query_drop(sql)).expect("a transaction that writes");
            let run = cutover(&["apply", "--until", "switch-primary"]).spawn();
            wait::until_true(Duration::from_secs(60), "the source denies writes", || {
                world.cluster.vtctl().denied_tables("commerce", "0") == movement.tables
            });
            // The switch goes on beside the reparent.
            transaction.query_drop("rollback").expect("a rollback");
            run
        }
        Phase::Switched => {
            cutover(&["apply", "--yes", "--until", "switch-primary"]).run_expecting(0);
            cutover(&["apply"]).spawn()
        }
    };
    reparent(world, keyspace, shard, old, how);
    if phase == Phase::Copying {
        world.cluster.vtctl().let_copying_run("customer").expect("the copying runs on");
    }
    let mut last = run.wait();
    let mut codes = vec![last.code];
    let goal = Operation::SwitchPrimary.goal();
    while observe(world.cluster, &movement) != goal {
        assert!(codes.len() < 8, "it shows {}\nand not {goal}; {codes:?}\n{last}", observe(world.cluster, &movement));
        if let Some(approval) = Operation::SwitchPrimary.approval(&last) {
            cutover(&approval).run_expecting(0);
        }
        last = cutover(&["apply", "--yes", "--until", "switch-primary"]).run();
        codes.push(last.code);
    }
    application.wait_for_writes(100);
    let report = application.finish();
    report.assert_nothing_lost("customer");
    // The way back is open: the reverse streams have followed the change.
    cutover(&["switch-back", "--reason", "to see that it is open"]).run_expecting(0);
    assert_eq!(observe(world.cluster, &movement), Operation::SwitchPrimaryBack.goal());
    let codes: Vec<String> = codes.iter().map(|code| code.map_or("-".to_owned(), |code| code.to_string())).collect();
    format!("exit {}; {:.1} s without writes", codes.join(" "), report.longest_write_pause.as_secs_f64())
}

fn place(letter: &str) -> (&'static str, &'static str) {
    let (_, keyspace, shard) = SHARDS.iter().find(|(it, ..)| *it == letter).expect("a letter of a shard");
    (keyspace, shard)
}

fn connect(world: &World, letter: &str) -> Conn {
    let (keyspace, shard) = place(letter);
    world.cluster.connect_primary(keyspace, shard)
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
fn give_back(world: &World, keyspace: &str, shard: &str, old: u32) {
    let vtctl = world.cluster.vtctl();
    vtctl.let_copying_run("customer").ok();
    world.cluster.heal();
    world.cluster.unlock();
    let primary = format!("zone1-{old}");
    wait::until_true(Duration::from_secs(120), "the old primary is it again", || {
        vtctl.primary_uid(keyspace, shard) == old
            || vtctl.attempt(&["PlannedReparentShard", &format!("{keyspace}/{shard}"), "--new-primary", &primary]).is_ok()
    });
}
