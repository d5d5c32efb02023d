//! The checks of what others do and allow at the time: schema changes, transactions, throttlers, settings, grants, other plan files.
//! Each fails on a real cluster for what it is about, and passes again when that is over.

use std::time::{Duration, Instant};

use cutover::finding::{CheckResult, Finding, Severity};
use cutover::run::phase::PhaseId;
use jiff::SignedDuration;
use mysql::prelude::Queryable;

use super::checks::{Bench, one_table};
use super::support::harness::cases;
use super::support::{Case, Movement, OnDrop, Shape, World, dead_lock, wait};

pub fn tests() -> Vec<Case> {
    cases![
        a_vitess_that_is_older_than_what_was_tested,
        an_online_schema_change_of_a_moved_table,
        a_transaction_that_somebody_left_open,
        binlogs_that_end_before_a_hold_does,
        a_throttler_that_lets_no_stream_go_on,
        a_stream_account_that_may_not_write_on_the_source,
        a_name_that_a_dead_vtctld_has_locked,
        plan_files_that_are_in_each_others_way,
    ]
}

const SEEN_WITHIN: Duration = Duration::from_secs(30);

/// Waits until a check finds something amiss before a phase, and gives it.
fn until_amiss(bench: &Bench, phase: &PhaseId, code: &str) -> Finding {
    let begin = Instant::now();
    loop {
        let findings = bench.run(Some(phase));
        let amiss = findings.iter().find(|finding| finding.code == code && finding.result != CheckResult::Pass);
        if let Some(amiss) = amiss {
            return amiss.clone();
        }
        assert!(begin.elapsed() < SEEN_WITHIN, "{code} finds nothing amiss: {findings:#?}");
    }
}

fn until_it_passes(bench: &Bench, phase: &PhaseId, code: &str) {
    let begin = Instant::now();
    loop {
        let findings = bench.run(Some(phase));
        let of_check: Vec<&Finding> = findings.iter().filter(|finding| finding.code == code).collect();
        assert!(!of_check.is_empty(), "{code} says nothing");
        if of_check.iter().all(|finding| finding.result == CheckResult::Pass) {
            return;
        }
        assert!(begin.elapsed() < SEEN_WITHIN, "{code} does not pass: {of_check:#?}");
    }
}

/// It fails on the clusters of older releases, and on those alone.
fn a_vitess_that_is_older_than_what_was_tested(world: &World) {
    let (_movement, bench, _) = one_table(world);
    let is_old = ["v0.22.", "v0.23."].iter().any(|release| world.cluster.version().starts_with(release));
    for phase in [PhaseId::CREATE, PhaseId::SWITCH_PRIMARY] {
        for (code, subject) in [("C214", "commerce"), ("C229", "customer")] {
            if is_old {
                let finding = until_amiss(&bench, &phase, code);
                assert_eq!((finding.subject.as_str(), finding.severity), (subject, Severity::Warning), "{finding:#?}");
                eprintln!("  {code} before {phase}: {}", finding.summary);
            } else {
                until_it_passes(&bench, &phase, code);
            }
        }
    }
}

fn an_online_schema_change_of_a_moved_table(world: &World) {
    let (_movement, bench, table) = one_table(world);
    let vtctl = world.cluster.vtctl();
    until_it_passes(&bench, &PhaseId::CREATE, "C224");
    for keyspace in ["commerce", "customer"] {
        if keyspace == "customer" {
            bench.sql("customer", &format!("create table {table} (id bigint primary key, token varchar(64))"));
        }
        // It is queued and stays so: nobody launches it.
        let change = format!("alter table {table} add column remark varchar(10)");
        let uuid = vtctl.run(&["ApplySchema", "--ddl-strategy", "vitess --postpone-launch", "--sql", &change, keyspace]);
        let _back = OnDrop(|| drop(vtctl.attempt(&["OnlineDDL", "cancel", keyspace, "all"])));
        let finding = until_amiss(&bench, &PhaseId::CREATE, "C224");
        assert!(finding.blocks() && finding.subject == format!("{keyspace}.{table}"), "{finding:#?}");
        assert!(finding.summary.contains(uuid.trim()), "{uuid}: {finding:#?}");
        assert!(until_amiss(&bench, &PhaseId::SWITCH_PRIMARY, "C224").blocks());
        vtctl.run(&["OnlineDDL", "cancel", keyspace, uuid.trim()]);
        until_it_passes(&bench, &PhaseId::CREATE, "C224");
    }
    bench.sql("customer", &format!("drop table {table}"));
}

fn a_transaction_that_somebody_left_open(world: &World) {
    let (_movement, bench, table) = one_table(world);
    until_it_passes(&bench, &PhaseId::SWITCH_PRIMARY, "C225");
    let mut open = world.cluster.connect("commerce").expect("vtgate");
    open.query_drop("begin").expect("a transaction");
    open.query_drop(format!("update {table} set token = 'open' where id = 1")).expect("a row");
    let finding = until_amiss(&bench, &PhaseId::SWITCH_PRIMARY, "C225");
    assert_eq!((finding.subject.as_str(), finding.severity), ("commerce/0", Severity::Warning), "{finding:#?}");
    assert!(finding.summary.contains("of `vt_app`") && finding.summary.contains(&format!("`{table}`")), "{finding:#?}");
    open.query_drop("rollback").expect("an end");
    until_it_passes(&bench, &PhaseId::SWITCH_PRIMARY, "C225");
}

fn binlogs_that_end_before_a_hold_does(world: &World) {
    let (_movement, bench, _) = one_table(world);
    until_it_passes(&bench, &PhaseId::CREATE, "C226");
    for keyspace in ["commerce", "customer"] {
        let shard = world.cluster.shards(keyspace).remove(0);
        let mut mysql = world.cluster.connect_primary(keyspace, &shard);
        let was: u64 = mysql.query_first("select @@global.binlog_expire_logs_seconds").expect("a setting").expect("a value");
        let set = |seconds: u64| {
            let mut mysql = world.cluster.connect_primary(keyspace, &shard);
            mysql.query_drop(format!("set global binlog_expire_logs_seconds = {seconds}")).expect("a setting");
        };
        let _back = OnDrop(|| set(was));
        set(3600);
        let finding = until_amiss(&bench, &PhaseId::CREATE, "C226");
        assert_eq!((finding.subject.as_str(), finding.severity), (keyspace, Severity::Warning), "{finding:#?}");
        assert!(finding.summary.contains("keeps its binlogs for 1 h, and a hold may last for 1 d"), "{finding:#?}");
        set(was);
        until_it_passes(&bench, &PhaseId::CREATE, "C226");
    }
    let pass = bench.run(Some(&PhaseId::CREATE)).into_iter().find(|finding| finding.code == "C226").expect("it says something");
    eprintln!("  {}", pass.summary);
}

fn a_throttler_that_lets_no_stream_go_on(world: &World) {
    let movement = Movement::prepare(world, &Shape { target: "archive", tables: 1, rows: 10, ..Shape::default() });
    let bench = Bench::new(world, &movement);
    let vtctl = world.cluster.vtctl();
    let config = |arguments: &[&str]| vtctl.run(&[&["UpdateThrottlerConfig"], arguments, &["archive"]].concat());
    until_it_passes(&bench, &PhaseId::CREATE, "C227");
    let _back = OnDrop(|| {
        for arguments in [&["--unthrottle-app", "vreplication"][..], &["--threshold", "5"], &["--disable"]] {
            drop(vtctl.attempt(&[&["UpdateThrottlerConfig"], arguments, &["archive"]].concat()));
        }
    });
    // No replica is that fast.
    config(&["--enable", "--threshold", "0.000001"]);
    let finding = until_amiss(&bench, &PhaseId::CREATE, "C227");
    assert_eq!((finding.subject.as_str(), finding.severity), ("archive/0", Severity::Warning), "{finding:#?}");
    eprintln!("  {}", finding.summary);
    config(&["--threshold", "600"]);
    until_it_passes(&bench, &PhaseId::CREATE, "C227");

    config(&["--throttle-app", "vreplication", "--throttle-app-ratio", "1", "--throttle-app-duration", "1h"]);
    let finding = until_amiss(&bench, &PhaseId::CREATE, "C227");
    assert!(finding.summary.contains("told to refuse everything that `vreplication` asks for"), "{finding:#?}");
    config(&["--unthrottle-app", "vreplication"]);
    until_it_passes(&bench, &PhaseId::CREATE, "C227");
    config(&["--disable"]);
}

fn a_stream_account_that_may_not_write_on_the_source(world: &World) {
    let (_movement, bench, _) = one_table(world);
    until_it_passes(&bench, &PhaseId::SWITCH_PRIMARY, "C228");
    let account = "'vt_filtered'@'localhost'";
    let grant = |sql: &str| bench.sql("commerce", sql);
    let _back = OnDrop(|| grant(&format!("grant update on *.* to {account}")));
    grant(&format!("revoke update on *.* from {account}"));
    let finding = until_amiss(&bench, &PhaseId::SWITCH_PRIMARY, "C228");
    assert!(finding.blocks() && finding.subject == "commerce/0", "{finding:#?}");
    assert!(finding.summary.contains("`_vt.vreplication`"), "{finding:#?}");
    // What Vitess asks for itself is there again, and what it does not look at is still missing.
    grant(&format!("grant update on _vt.* to {account}"));
    let _back_too = OnDrop(|| grant(&format!("revoke update on _vt.* from {account}")));
    let finding = until_amiss(&bench, &PhaseId::SWITCH_PRIMARY, "C228");
    eprintln!("  {}", finding.summary);
    assert!(finding.summary.contains("may not write the moved tables"), "{finding:#?}");
    grant(&format!("grant update on *.* to {account}"));
    until_it_passes(&bench, &PhaseId::SWITCH_PRIMARY, "C228");
}

/// The lock is vtctld's own; that it is old is said to the check, for nobody waits five minutes here.
fn a_name_that_a_dead_vtctld_has_locked(world: &World) {
    let movement = dead_lock::of_a_switch(world);
    world.cluster.restart("vtctld");
    wait::until_true(Duration::from_secs(180), "the keyspaces' leases have ended", || {
        !world.cluster.locks().iter().any(|lock| lock.contains("keyspaces/"))
    });
    let bench = Bench::new(world, &movement);
    let name = format!("customer/{}", movement.workflow);
    let of_lock = |later: SignedDuration| -> Vec<Finding> {
        let found = bench.run_later(&PhaseId::CREATE, later);
        found.into_iter().filter(|finding| finding.code == "C223" && finding.subject == name).collect()
    };
    let young = of_lock(SignedDuration::ZERO);
    let [young] = &young[..] else { panic!("{young:#?}") };
    assert!(!young.blocks() && young.summary.contains("somebody may be at work"), "{young:#?}");
    let old = of_lock(SignedDuration::from_mins(10));
    let [old] = &old[..] else { panic!("{old:#?}") };
    assert!(old.blocks() && old.summary.contains("whoever took it is dead"), "{old:#?}");
    assert!(old.summary.contains("SwitchTraffic"), "{old:#?}");
    world.cluster.unlock();
    assert_eq!(of_lock(SignedDuration::from_mins(10)), []);
}

fn plan_files_that_are_in_each_others_way(world: &World) {
    let movement = Movement::prepare(world, &Shape { tables: 2, rows: 10, ..Shape::default() });
    let [first, second] = &movement.tables[..] else { panic!("two tables") };
    let file = |table: &str, workflow: &str| {
        format!(
            "version = 1\nworkflow = \"{workflow}\"\ncluster = \"test\"\n[move-tables]\nsource-keyspace = \"commerce\"\n\
             target-keyspace = \"customer\"\ntables = [\"{table}\"]\n[complete]\nsource-tables = \"rename\"\n"
        )
    };
    std::fs::create_dir_all(world.folder().join("moves")).expect("a folder");
    world.write("moves/a.toml", &file(first, "one"));
    world.write("moves/b.toml", &file(second, "two"));
    world.write("moves/other.toml", "[package]\nname = \"x\"\n");
    let output = world.cutover().args(["plan", "moves", "--format", "json"]).run_expecting(0);
    let folder = output.json();
    assert_eq!((&folder["verdict"], &folder["skipped"][0]["file"]), (&"ready".into(), &"moves/other.toml".into()), "{folder:#}");
    for plan in 0..2 {
        let checks = folder["plans"][plan]["plan"]["checks"].as_array().expect("checks");
        let queue = checks.iter().find(|finding| finding["code"] == "C231").expect("a queue on the same keyspaces");
        assert_eq!((&queue["severity"], &queue["subject"]), (&"note".into(), &"commerce, customer".into()), "{queue:#}");
    }
    world.write("moves/b.toml", &file(first, "two"));
    let folder = world.cutover().args(["plan", "moves", "--format", "json"]).run_expecting(4).json();
    for plan in 0..2 {
        let checks = folder["plans"][plan]["plan"]["checks"].as_array().expect("checks");
        let conflict = checks.iter().find(|finding| finding["code"] == "C231").expect("a conflict");
        assert!(conflict["summary"].as_str().is_some_and(|summary| summary.contains(first.as_str())), "{conflict:#}");
    }
}
