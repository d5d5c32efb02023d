//! The checks of shards and tablets: each fails on a real cluster for what it is about, alone, and passes again when that is mended.

use std::time::{Duration, Instant};

use cutover::finding::{CheckResult, Severity};
use cutover::model::name::KeyspaceName;
use cutover::model::topology::TabletType;
use cutover::run::phase::PhaseId;
use mysql::prelude::Queryable;

use super::checks::{Bench, one_table};
use super::support::harness::cases;
use super::support::{Case, Movement, OnDrop, Shape, World};

pub fn tests() -> Vec<Case> {
    cases![
        a_shard_that_does_not_serve,
        tablets_that_cannot_be_read_from,
        a_replica_that_writes_half_rows,
        a_replica_that_does_not_replicate,
        a_replica_that_does_not_answer,
    ]
}

fn a_shard_that_does_not_serve(world: &World) {
    let movement = Movement::prepare(world, &Shape { target: "archive", tables: 1, rows: 10, ..Shape::default() });
    let mut bench = Bench::new(world, &movement);
    bench.expect_nothing();
    let vtctl = world.cluster.vtctl();
    vtctl.run(&["SetShardIsPrimaryServing", "archive/0", "false"]);
    bench.expect_one("C202", "archive/0", "doesn't serve");
    vtctl.run(&["SetShardIsPrimaryServing", "archive/0", "true"]);
    bench.expect_nothing();

    let there = bench.movement.options.source_keyspace.clone();
    bench.movement.options.source_keyspace = KeyspaceName::new("nowhere").expect("a name");
    let found = bench.run(Some(&PhaseId::CREATE));
    assert!(found.iter().any(|finding| finding.blocks() && finding.summary == "keyspace `nowhere` doesn't exist"), "{found:#?}");
    bench.movement.options.source_keyspace = there;
    bench.expect_nothing();
}

fn tablets_that_cannot_be_read_from(world: &World) {
    let (_movement, mut bench, _) = one_table(world);
    let vtctl = world.cluster.vtctl();
    let replica = replica_of(world, "commerce");
    let alias = format!("zone1-{replica:010}");
    bench.expect_nothing();
    vtctl.run(&["ChangeTabletType", &alias, "backup"]);
    let _back = OnDrop(|| drop(vtctl.attempt(&["ChangeTabletType", &alias, "replica"])));
    for phase in [PhaseId::CREATE, PhaseId::SWITCH_REPLICAS, PhaseId::SWITCH_PRIMARY] {
        bench.expect_before(&phase, &[format!("C211 {alias}")]);
    }
    // Drained, it answers; but nothing may be read from it.
    vtctl.run(&["ChangeTabletType", &alias, "drained"]);
    bench.expect_nothing();
    bench.movement.options.tablet_types = vec![TabletType::Replica];
    bench.expect_one("C211", "commerce/0", "has no replica tablet");
    vtctl.run(&["ChangeTabletType", &alias, "replica"]);
    bench.expect_nothing();
}

fn a_replica_that_writes_half_rows(world: &World) {
    let (_movement, bench, _) = one_table(world);
    for keyspace in ["commerce", "customer"] {
        let replica = replica_of(world, keyspace);
        let set = |value: &str| {
            let mut mysql = world.cluster.connect_tablet(replica, keyspace);
            mysql.query_drop(format!("set global binlog_row_image = '{value}'")).expect("a setting");
        };
        let _back = OnDrop(|| set("FULL"));
        set("MINIMAL");
        bench.expect_one("C212", &format!("zone1-{replica:010}"), "binlog_row_image MINIMAL");
        set("NOBLOB");
        bench.expect_nothing();
        let found = bench.run(Some(&PhaseId::CREATE));
        assert!(found.iter().any(|finding| finding.code == "C212" && finding.severity == Severity::Warning), "{found:#?}");
        set("FULL");
        bench.expect_nothing();
    }
}

fn a_replica_that_does_not_replicate(world: &World) {
    let (_movement, bench, _) = one_table(world);
    let vtctl = world.cluster.vtctl();
    for keyspace in ["commerce", "customer"] {
        let alias = format!("zone1-{:010}", replica_of(world, keyspace));
        bench.expect_nothing();
        let _back = OnDrop(|| drop(vtctl.attempt(&["StartReplication", &alias])));
        vtctl.run(&["StopReplication", &alias]);
        for phase in [PhaseId::CREATE, PhaseId::SWITCH_REPLICAS, PhaseId::SWITCH_PRIMARY] {
            let found = bench.expect_before(&phase, &[format!("C215 {alias}")]);
            assert!(found[0].summary.contains("does not replicate"), "{found:#?}");
        }
        vtctl.run(&["StartReplication", &alias]);
        bench.expect_nothing();
    }
}

fn a_replica_that_does_not_answer(world: &World) {
    let (_movement, bench, _) = one_table(world);
    for keyspace in ["commerce", "customer"] {
        let replica = replica_of(world, keyspace);
        let name = format!("vttablet-{replica}");
        bench.expect_nothing();
        world.cluster.signal(&name, "STOP");
        let _goes_on = OnDrop(|| world.cluster.signal(&name, "CONT"));
        let begin = Instant::now();
        loop {
            let found = bench.run(Some(&PhaseId::CREATE));
            let silent = found.iter().find(|finding| finding.code == "C215" && finding.result == CheckResult::Inconclusive);
            if let Some(silent) = silent {
                assert_eq!(silent.subject, format!("zone1-{replica:010}"));
                assert!(silent.help.contains("DeleteTablets") && silent.blocks(), "{silent:#?}");
                break;
            }
            assert!(begin.elapsed() < Duration::from_secs(30), "C215 hears it: {found:#?}");
        }
        world.cluster.signal(&name, "CONT");
        bench.expect_nothing();
    }
}

/// A tablet of the keyspace's first shard that is not its primary.
fn replica_of(world: &World, keyspace: &str) -> u32 {
    let shard = world.cluster.shards(keyspace).remove(0);
    let primary = world.cluster.vtctl().primary_uid(keyspace, &shard);
    let tablets = world.cluster.tablets().into_iter();
    let replica =
        tablets.filter(|tablet| tablet.keyspace == keyspace && tablet.shard == shard).find(|tablet| tablet.uid != primary);
    replica.expect("each shard has a replica").uid
}
