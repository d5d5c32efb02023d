//! The checks of other workflows and of what they leave: each fails on a real cluster for what it is about, and passes again when that
//! is over.

use std::time::Duration;

use cutover::family::Family as _;
use cutover::finding::{CheckResult, Severity};
use cutover::model::journal;
use cutover::run::phase::PhaseId;
use mysql::prelude::Queryable;
use serde_json::json;

use super::checks::one_table;
use super::support::harness::cases;
use super::support::{Case, OnDrop, World, wait};

pub fn tests() -> Vec<Case> {
    cases![
        a_workflow_of_somebody_else,
        another_workflow_on_the_same_tables,
        a_table_that_somebody_has_denied,
        the_journal_of_an_earlier_switch,
    ]
}

fn a_workflow_of_somebody_else(world: &World) {
    let (movement, mut bench, table) = one_table(world);
    let vtctl = world.cluster.vtctl();
    let workflow = format!("customer.{}", movement.workflow);
    vtctl.move_tables(
        "customer",
        &movement.workflow,
        &["create", "--source-keyspace", "commerce", "--tables", &table, "--auto-start=false"],
    );
    // Its tables hold no row yet and are as we would make them, but it may be at work on them; its rules and its name are in the way.
    bench.expect(&[format!("C204 customer.{table}"), format!("C208 commerce.{table}"), format!("C210 {workflow}")]);
    let facts = bench.look(&[PhaseId::CREATE]).unwrap_or_else(|error| panic!("{error}"));
    bench.progress.streams = bench.movement.incarnation(&facts);
    assert_eq!(bench.progress.streams.len(), 2);
    bench.expect_nothing();

    // Made anew, by somebody else, under the same name.
    vtctl.move_tables("customer", &movement.workflow, &["cancel"]);
    vtctl.move_tables("customer", &movement.workflow, &["create", "--source-keyspace", "commerce", "--tables", &table]);
    movement.wait_until_caught_up();
    bench.expect_before(&PhaseId::SWITCH_PRIMARY, &[format!("C210 {workflow}")]);
    bench.expect(&[format!("C204 customer.{table}"), format!("C208 commerce.{table}"), format!("C210 {workflow}")]);
    vtctl.move_tables("customer", &movement.workflow, &["cancel"]);
    bench.expect_nothing();
}

fn another_workflow_on_the_same_tables(world: &World) {
    let (movement, bench, table) = one_table(world);
    let vtctl = world.cluster.vtctl();
    let other = format!("{}_other", movement.workflow);
    let cancel = || vtctl.attempt(&["MoveTables", "--target-keyspace", "customer", "--workflow", &other, "cancel"]);
    let _back = OnDrop(|| drop(cancel()));
    vtctl.move_tables(
        "customer",
        &other,
        &["create", "--source-keyspace", "commerce", "--tables", &table, "--no-routing-rules", "--auto-start=false"],
    );
    let expected = [format!("C222 customer.{other}")];
    for phase in [PhaseId::CREATE, PhaseId::SWITCH_PRIMARY, PhaseId::COMPLETE] {
        let found = bench.expect_before(&phase, &expected);
        assert!(found[0].summary.ends_with(&format!("writes `customer.{table}`")), "{found:#?}");
    }
    // As its own switch leaves them, and as a Reshard is kept.
    let change =
        |change: &str| bench.sql("customer", &format!("update _vt.vreplication set {change} where workflow = '{other}'"));
    change("message = 'FROZEN'");
    bench.expect_one("C222", &format!("customer.{other}"), "its streams are FROZEN: it was switched and never completed");
    change("message = '', workflow_type = 4");
    bench.expect_one("C222", &format!("customer.{other}"), "(Reshard) reshards `customer`");
    change("workflow_type = 1");
    cancel().unwrap_or_else(|error| panic!("{error}"));
    bench.expect_nothing();

    // A Materialize is known by what it reads, whatever its own table is called.
    let sums = format!("{table}_sums");
    bench.change_vschema("customer", |vschema| {
        vschema["tables"][&sums] = json!({ "column_vindexes": [{ "column": "id", "name": "xxhash" }] });
    });
    let select = format!("select id, hits from {table}");
    let create = format!("create table {sums} (id bigint unsigned primary key, hits bigint unsigned)");
    let settings = json!([{ "target_table": sums, "source_expression": select, "create_ddl": create }]).to_string();
    let arguments = |action: &[&str]| {
        [&["Materialize", "--target-keyspace", "customer", "--workflow", &other], action]
            .concat()
            .iter()
            .map(|text| (*text).to_owned())
            .collect::<Vec<_>>()
    };
    let run = |action: &[&str]| {
        let arguments = arguments(action);
        vtctl.attempt(&arguments.iter().map(String::as_str).collect::<Vec<_>>())
    };
    let _gone = OnDrop(|| drop(run(&["cancel"])));
    run(&["create", "--source-keyspace", "commerce", "--table-settings", &settings]).unwrap_or_else(|error| panic!("{error}"));
    bench.expect_one("C222", &format!("customer.{other}"), &format!("(Materialize) reads `commerce.{table}`"));
    run(&["cancel"]).unwrap_or_else(|error| panic!("{error}"));
    bench.expect_nothing();
}

fn a_table_that_somebody_has_denied(world: &World) {
    let (_movement, bench, table) = one_table(world);
    let vtctl = world.cluster.vtctl();
    let allow = |shard: &str| {
        vtctl.run(&["SetShardTabletControl", "--denied-tables", &table, "--remove", shard, "primary"]);
        vtctl.run(&["RefreshStateByShard", shard]);
    };
    vtctl.deny_tables("commerce", "0", std::slice::from_ref(&table));
    bench.expect_one("C223", "commerce/0", &format!("denies `{table}`"));
    allow("commerce/0");
    bench.expect_nothing();

    vtctl.deny_tables("customer", "-80", std::slice::from_ref(&table));
    let found = bench.run(Some(&PhaseId::CREATE));
    let note = found.iter().find(|finding| finding.code == "C223" && finding.result == CheckResult::Fail).expect("a finding");
    assert_eq!((note.severity, note.subject.as_str()), (Severity::Note, "customer/-80"), "{found:#?}");
    allow("customer/-80");
    bench.expect_nothing();
}

/// The target's streams are numbered anew, as after a restore, and get the numbers of a movement whose journal stands. By hand the switch
/// then loses rows: it does not stop writes nor wait for its streams, and says that all went well.
fn the_journal_of_an_earlier_switch(world: &World) {
    let (movement, bench, table) = one_table(world);
    let vtctl = world.cluster.vtctl();
    movement.create_by_hand();
    let block = |code: &str| {
        let found = bench.run(Some(&PhaseId::SWITCH_PRIMARY));
        found.into_iter().find(|finding| finding.code == code).expect("it says something")
    };
    assert_eq!(block("C232").result, CheckResult::Pass);

    let sql = format!("select concat(id) from _vt.vreplication where workflow = '{}'", movement.workflow);
    let ids = ["-80", "80-"].map(|shard| {
        let found: Vec<i64> = world.cluster.connect_primary("customer", shard).query(&sql).expect("the stream of a shard");
        (shard, found[0])
    });
    let id = journal::id("customer", ids);
    let insert = format!("insert into _vt.resharding_journal (id, db_name, val) values ({id}, 'vt_commerce', '')");
    bench.sql("commerce", &insert);
    let found = block("C232");
    assert!(found.blocks() && found.subject == "commerce/0" && found.help.contains(&id.to_string()), "{found:#?}");

    // What Vitess makes of it.
    vtctl.slow_down("vplayer", &["customer"], 1.0);
    let _back = OnDrop(|| drop(vtctl.let_run("vplayer", &["customer"])));
    let count = |keyspace: &str| -> u64 {
        let sql = format!("select count(*) from {table} where note = 'late'");
        world.cluster.query_primaries::<u64>(keyspace, &sql).into_iter().sum()
    };
    let mut vtgate = world.cluster.connect("commerce").expect("vtgate");
    wait::until_true(Duration::from_secs(30), "the streams are throttled", || {
        // Something to do, so that they ask.
        vtgate.query_drop(format!("update {table} set hits = hits + 1")).expect("a write");
        movement.forward_streams("component_throttled").iter().all(|component| component == "vplayer")
    });
    vtgate.query_drop(format!("update {table} set note = 'late'")).expect("a write");
    vtctl.move_tables(movement.target, &movement.workflow, &["SwitchTraffic"]);
    assert!(movement.routing_rules().iter().any(|(from, to)| *from == table && *to == format!("customer.{table}")));
    assert_eq!((count("commerce"), count("customer")), (10, 0), "acknowledged, and not where the reads and writes are now");
    bench.sql("commerce", &format!("delete from _vt.resharding_journal where id = {id}"));
}
