//! The check of what misleads a VDiff: that it warns, and that Vitess does what it warns of.

use std::time::Duration;

use cutover::finding::Severity;
use cutover::model::name::{KeyspaceName, TableName};
use cutover::run::phase::PhaseId;
use mysql::prelude::Queryable;
use serde_json::json;

use super::checks::one_table;
use super::support::harness::cases;
use super::support::{Case, Cluster, OnDrop, World, wait};

pub fn tests() -> Vec<Case> {
    cases![a_datetime_that_vdiff_cannot_find, an_enum_that_vdiff_merges_in_another_order]
}

fn a_datetime_that_vdiff_cannot_find(world: &World) {
    let (_movement, mut bench, table) = one_table(world);
    bench.sql("commerce", &format!("alter table {table} add column at datetime not null default now(), add key by_id (id), drop primary key, add primary key (at, id)"));
    bench.expect_nothing();
    let found = bench.run(Some(&PhaseId::CREATE));
    let order = found.iter().find(|finding| finding.code == "C218").expect("a finding");
    assert!(order.severity == Severity::Warning && order.summary.contains("stand in another order"), "{found:#?}");
    bench.movement.options.source_time_zone = Some("US/Pacific".to_owned());
    bench.expect_one("C218", "commerce (a DATETIME in the key)", &format!("in `{table}`"));
}

/// From two shards to one: MySQL sorts an ENUM by the places of its values, and a VDiff merges the shards by their letters.
fn an_enum_that_vdiff_merges_in_another_order(world: &World) {
    let (movement, mut bench, _) = one_table(world);
    let vtctl = world.cluster.vtctl();
    let (table, workflow) = (format!("{}_enum", world.name), format!("{}_enum", movement.workflow));
    let (sharded, whole) = (vtctl.vschema("customer"), vtctl.vschema("archive"));
    let _gone = OnDrop(|| {
        drop(vtctl.attempt(&["MoveTables", "--target-keyspace", "archive", "--workflow", &workflow, "cancel"]));
        vtctl.apply_vschema("customer", &sharded);
        vtctl.apply_vschema("archive", &whole);
        vtctl.run(&["ApplySchema", "--sql", &format!("drop table {table}"), "customer"]);
    });
    let definition =
        format!("create table {table} (kind enum('z', 'b', 'a') not null, id bigint not null, primary key (kind, id))");
    vtctl.run(&["ApplySchema", "--sql", &definition, "customer"]);
    let mut vschema = sharded.clone();
    vschema["tables"][&table] = json!({ "column_vindexes": [{ "column": "id", "name": "xxhash" }] });
    vtctl.apply_vschema("customer", &vschema);
    let insert = |ids: std::ops::Range<usize>| {
        let rows: Vec<String> = ids.map(|id| format!("('{}', {id})", ["z", "b", "a"][id % 3])).collect();
        let sql = format!("insert into {table} (kind, id) values {}", rows.join(", "));
        world.cluster.connect("customer").is_ok_and(|mut vtgate| vtgate.query_drop(sql).is_ok())
    };
    wait::until_true(Duration::from_secs(30), "vtgate writes to it", || insert(0..30));

    bench.movement.tables = vec![TableName::new(table.as_str()).expect("a name")];
    bench.movement.options.source_keyspace = KeyspaceName::new("customer").expect("a name");
    bench.movement.options.target_keyspace = KeyspaceName::new("archive").expect("a name");
    let found = bench.run(Some(&PhaseId::CREATE));
    let warning = found.iter().find(|finding| finding.code == "C218" && finding.summary.contains("an ENUM")).expect("a warning");
    assert_eq!(warning.severity, Severity::Warning);

    vtctl.move_tables("archive", &workflow, &["create", "--source-keyspace", "customer", "--tables", &table]);
    let differs = |uuid: &str, rows: u64| {
        wait::until_true(Duration::from_secs(60), "it is copied", || count(world.cluster, "archive", &table) == rows);
        vtctl.vdiff("archive", &workflow, &["create", uuid]);
        let report = wait::until(Duration::from_secs(60), "the VDiff has ended", || {
            let report = vtctl.vdiff("archive", &workflow, &["show", uuid]);
            (report["State"] == "completed").then_some(report)
        });
        report["HasMismatch"] == true
    };
    // So few of them it puts against each other at its end.
    assert!(!differs("3d0c7a9e-5cfe-11f0-8d7a-0242ac120002", 30));
    assert!(insert(30..6000));
    assert!(differs("4d0c7a9e-5cfe-11f0-8d7a-0242ac120002", 6000), "no row differs, and the VDiff said so");
}

fn count(cluster: &Cluster, keyspace: &str, table: &str) -> u64 {
    cluster.query_primaries::<u64>(keyspace, &format!("select count(*) from {table}")).into_iter().sum()
}
