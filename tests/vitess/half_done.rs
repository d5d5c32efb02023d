//! Switches that stopped half way, made whole by `apply --finish-only`.

use std::time::Duration;

use mysql::Conn;
use mysql::prelude::Queryable;

use super::support::program::Running;
use super::support::{Application, Case, Movement, Shape, World, cases, wait};

pub fn tests() -> Vec<Case> {
    let cases = cases![vtctld_dies_in_the_primary_switch, writes_are_denied_and_nobody_switches];
    cases.into_iter().map(|case| case.limit_seconds(600)).collect()
}

/// Runs up to the call of the primary switch, in which the source denies writes and `LOCK TABLES` waits for the transaction.
fn in_the_primary_switch(world: &World, movement: &Movement) -> (Running, Conn) {
    world.write("workflow.toml", &movement.quick_plan("policy = \"auto-advance\"", "1h"));
    world.cutover().args(["apply", "--yes", "--until", "switch-replicas"]).limit_seconds(200).run_expecting(0);
    let mut transaction = world.cluster.connect_primary("commerce", "0");
    let statement = format!("update {} set note = 'slow' where id = {}", movement.tables[0], movement.rows);
    transaction.query_drop("begin").and_then(|()| transaction.query_drop(statement)).expect("a transaction that writes");
    let run = world.cutover().args(["apply"]).limit_seconds(200).spawn();
    let vtctl = world.cluster.vtctl();
    wait::until_true(Duration::from_secs(60), "the source denies writes", || {
        vtctl.denied_tables("commerce", "0") == movement.tables
    });
    (run, transaction)
}

/// Writes go to one side, which alone takes them, and both say so. Gives that side.
fn traffic_is_whole(world: &World, movement: &Movement) -> &'static str {
    let vtctl = world.cluster.vtctl();
    let to = |table: &String| movement.routing_rules().iter().find(|(from, _)| from == table).map(|(_, to)| to.clone());
    let side = if to(&movement.tables[0]).is_some_and(|to| to.starts_with("customer.")) { "customer" } else { "commerce" };
    for table in &movement.tables {
        assert_eq!(to(table), Some(format!("{side}.{table}")));
    }
    for (keyspace, shard) in [("commerce", "0"), ("customer", "-80"), ("customer", "80-")] {
        let mut denied = vtctl.denied_tables(keyspace, shard);
        denied.sort();
        let expected: &[String] = if keyspace == side { &[] } else { &movement.tables };
        assert_eq!(denied, expected, "{keyspace}/{shard} while {side} serves");
    }
    side
}

fn finish(world: &World, movement: &Movement, application: Application) {
    let finished = world.cutover().args(["apply", "--finish-only"]).limit_seconds(300).run_expecting(0);
    let side = traffic_is_whole(world, movement);
    application.wait_for_writes(100);
    let report = application.finish();
    report.assert_nothing_lost(side);
    let again = world.cutover().args(["apply", "--finish-only"]).run_expecting(0);
    assert!(again.stderr.contains("nothing stands half way"), "first {finished}\nthen {again}");
    eprint!("(whole at {side}; {report}) ");
}

fn vtctld_dies_in_the_primary_switch(world: &World) {
    let movement = Movement::prepare(world, &Shape { rows: 100, ..Shape::default() });
    let application = Application::start(&movement, world.cluster);
    let (run, mut transaction) = in_the_primary_switch(world, &movement);
    world.cluster.kill("vtctld");
    transaction.query_drop("commit").expect("a commit");
    // The one who would have tried to mend it is gone as well.
    let killed = run.kill();
    world.cluster.restart("vtctld");
    assert_eq!(world.cluster.vtctl().denied_tables("commerce", "0"), movement.tables, "nobody has mended it: {killed}");
    // The dead vtctld's locks: an operator with access to etcd takes them away.
    world.cluster.unlock();
    finish(world, &movement, application);
}

fn writes_are_denied_and_nobody_switches(world: &World) {
    let vtctl = world.cluster.vtctl();
    let movement = Movement::prepare(world, &Shape { rows: 100, ..Shape::default() });
    let application = Application::start(&movement, world.cluster);
    let (run, mut transaction) = in_the_primary_switch(world, &movement);
    let killed = run.kill();
    assert_eq!(killed.code, None, "{killed}");
    // With its caller gone vtctld gives up, and takes back what it had done.
    transaction.query_drop("rollback").expect("a rollback");
    wait::until_true(Duration::from_secs(120), "vtctld has ended the call", || world.cluster.locks().is_empty());
    if vtctl.denied_tables("commerce", "0") == [""; 0] {
        vtctl.deny_tables("commerce", "0", &movement.tables);
    }
    finish(world, &movement, application);
}
