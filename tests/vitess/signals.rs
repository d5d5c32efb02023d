//! SIGINT and SIGTERM: at once while nothing is under way, after the call while one is, and at the second time whatever is under way.

use std::time::{Duration, Instant};

use mysql::Conn;
use mysql::prelude::Queryable;

use super::support::program::Running;
use super::support::{Application, Case, Movement, Shape, World, cases, wait};

pub fn tests() -> Vec<Case> {
    cases![
        a_signal_while_it_waits_ends_it_at_once,
        a_signal_in_a_primary_switch_waits_for_the_call,
        a_second_signal_leaves_the_switch_behind,
        a_call_of_more_than_twenty_seconds,
    ]
}

fn a_signal_while_it_waits_ends_it_at_once(world: &World) {
    let movement = Movement::prepare(world, &Shape { rows: 100, ..Shape::default() });
    world.write("workflow.toml", &movement.quick_plan("", "1h"));
    for (signal, code) in [("INT", 130), ("TERM", 143)] {
        let run = world.cutover().args(["apply", "--yes", "--wait"]).spawn();
        run.wait_for_text("held before switch-replicas");
        let begin = Instant::now();
        run.signal(signal);
        let said = run.wait();
        assert_eq!(said.code, Some(code), "{said}");
        assert!(said.stderr.contains("stopped at a safe point: no write is under way"), "{said}");
        assert!(begin.elapsed() < AT_ONCE, "it took {:?} to leave", begin.elapsed());
    }
    let held = world.cutover().args(["apply"]).run_expecting(3);
    assert!(held.stderr.contains("held before switch-replicas"), "{held}");
}

/// It leaves at once: the rest is a look that may be under way, on a machine that may be busy.
const AT_ONCE: Duration = Duration::from_secs(20);

/// Runs up to the call of the primary switch, which then stands in `LOCK TABLES` until the transaction that is given ends.
fn in_the_primary_switch(world: &World, movement: &Movement) -> (Running, Conn) {
    world.write("workflow.toml", &movement.quick_plan("policy = \"auto-advance\"\nswitch-primary = \"operator-hold\"", "1h"));
    world.cutover().args(["apply", "--yes"]).run_expecting(3);
    let mut transaction = world.cluster.connect_primary("commerce", "0");
    let statement = format!("update {} set note = 'slow' where id = {}", movement.tables[0], movement.rows);
    transaction.query_drop("begin").and_then(|()| transaction.query_drop(statement)).expect("a transaction that writes");
    world.cutover().args(["approve", "switch-primary", "--reason", "the test says so"]).run_expecting(0);
    let mut eyes = world.cluster.connect_primary("commerce", "0");
    let run = world.cutover().args(["apply"]).spawn();
    run.wait_for_text("switch primary");
    // Writes stand still meanwhile: the connection stands already.
    wait::until_true(Duration::from_secs(30), "the switch waits for the transaction", || {
        let sql = "select state from information_schema.processlist where info like 'lock tables%'";
        let waiting: Vec<String> = eyes.query(sql).expect("MySQL's list of processes");
        waiting.iter().any(|state| state.contains("metadata lock"))
    });
    (run, transaction)
}

fn a_signal_in_a_primary_switch_waits_for_the_call(world: &World) {
    let movement = Movement::prepare(world, &Shape::default());
    let application = Application::start(&movement, world.cluster);
    let (mut run, mut transaction) = in_the_primary_switch(world, &movement);
    run.signal("INT");
    run.wait_for_text("stopping after this call, which must not be broken");
    assert!(!run.has_ended(), "{}", run.output());
    transaction.query_drop("commit").expect("a commit");
    let said = run.wait();
    assert_eq!(said.code, Some(130), "{said}");
    assert!(said.stderr.contains("stopped at a safe point"), "{said}");
    assert!(!said.stderr.contains("revert-window"), "nothing is begun after the call: {said}");

    // The switch is whole, and the record knows it.
    assert_eq!(world.cluster.vtctl().denied_tables("commerce", "0"), movement.tables);
    assert_eq!(movement.routing_rules().len(), 16);
    let reverse = world.cluster.vtctl().streams("commerce", &movement.reverse_workflow());
    assert!(!reverse.is_empty() && reverse.iter().all(|stream| stream["state"] == "Running"), "{reverse:?}");
    let finish = world.cutover().args(["apply", "--finish-only"]).run_expecting(0);
    assert!(finish.stderr.contains("nothing stands half way"), "{finish}");
    application.wait_for_writes(100);
    let report = application.finish();
    report.assert_nothing_lost("customer");
    report.assert_no_write_failed();
    let held = world.cutover().args(["apply"]).run_expecting(3);
    assert!(held.stderr.contains("revert window"), "{held}");
}

fn a_second_signal_leaves_the_switch_behind(world: &World) {
    let movement = Movement::prepare(world, &Shape::default());
    let application = Application::start(&movement, world.cluster);
    let (run, mut transaction) = in_the_primary_switch(world, &movement);
    run.signal("TERM");
    run.wait_for_text("Once more leaves it behind");
    let begin = Instant::now();
    run.signal("TERM");
    let said = run.wait();
    assert_eq!(said.code, Some(143), "{said}");
    assert!(begin.elapsed() < AT_ONCE, "it took {:?} to leave", begin.elapsed());
    assert!(said.stderr.contains("left behind") && said.stderr.contains("switch primary"), "{said}");

    // The next apply waits until it is known what became of the switch, and goes on from there.
    let next = world.cutover().args(["apply"]).spawn();
    transaction.query_drop("commit").expect("a commit");
    let said = next.wait();
    assert_eq!(said.code, Some(3), "{said}");
    let is_switched = said.stderr.contains("revert window");
    if !is_switched {
        // vtctld rolled it back: one attempt a release.
        assert!(said.stderr.contains("held before switch-primary"), "{said}");
        assert_eq!(world.cluster.vtctl().denied_tables("commerce", "0"), [""; 0]);
        world.cutover().args(["apply", "--approve", "switch-primary", "--reason", "once more"]).run_expecting(3);
    }
    assert_eq!(world.cluster.vtctl().denied_tables("commerce", "0"), movement.tables);
    application.wait_for_writes(100);
    application.finish().assert_nothing_lost("customer");
}

/// What keeps the connection open while the call is silent must not be more than vtctld puts up with.
fn a_call_of_more_than_twenty_seconds(world: &World) {
    let movement = Movement::prepare(world, &Shape { rows: 100, ..Shape::default() });
    let (run, mut transaction) = in_the_primary_switch(world, &movement);
    let begin = Instant::now();
    wait::until_true(Duration::from_secs(60), "the call has lasted for 22 s", || begin.elapsed() > Duration::from_secs(22));
    transaction.query_drop("commit").expect("a commit");
    let said = run.wait();
    assert_eq!(said.code, Some(3), "{said}");
    assert!(said.stderr.contains("revert window"), "the very call ended well: {said}");
    assert_eq!(world.cluster.vtctl().denied_tables("commerce", "0"), movement.tables);
}
