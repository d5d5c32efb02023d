//! Movements of tables from the plan to the end, while an application writes and reads.

use std::time::Duration;

use serde_json::Value;

use super::support::{Application, Case, Movement, OnDrop, Shape, World, cases, wait};

/// Short limits, so that the tests wait for the cluster and not for the clock.
pub const QUICK: &str = "[switch]\nstable-for = \"1s\"\n";

/// Every gate open, and a revert window of `seconds`.
pub fn auto_advance(seconds: u32, source_tables: &str) -> String {
    format!(
        "[gates]\npolicy = \"auto-advance\"\ncomplete = \"auto-advance\"\nremove-rules = \"auto-advance\"\n\n{QUICK}\n[revert]\n\
         window = \"{seconds}s\"\n\n[complete]\nsource-tables = \"{source_tables}\"\n"
    )
}

pub fn tests() -> Vec<Case> {
    let cases = cases![
        a_movement_goes_forward_back_and_forward_again,
        all_of_it_in_one_apply,
        tables_with_odd_names,
        forty_tables_at_once,
        an_unsharded_target,
        tables_that_vttablet_has_not_seen,
        cancelled_while_rows_are_copied,
    ];
    cases.into_iter().map(|case| case.limit_seconds(900)).collect()
}

/// The rules that `plan --format json` forecasts a phase to add, remove and change, as three counts.
fn forecast(plan: &Value, phase: &str) -> [usize; 3] {
    let phases = plan["phases"].as_array().expect("phases");
    let found = phases.iter().find(|found| found["name"] == phase).expect("the phase is in the plan");
    ["added", "removed", "changed"].map(|kind| found["routing_rules"][kind].as_array().expect("a list").len())
}

fn a_movement_goes_forward_back_and_forward_again(world: &World) {
    let vtctl = world.cluster.vtctl();
    let movement = Movement::prepare(world, &Shape { rows: 100_000, ..Shape::default() });
    let rest = format!(
        "[gates]\nswitch-replicas = \"auto-advance\"\n\n{QUICK}\n[revert]\nwindow = \"1h\"\n\n[complete]\nsource-tables = \"rename\"\n"
    );
    movement.write_plan(world, &rest);
    let application = Application::start(&movement, world.cluster);

    let plan = world.cutover().args(["plan", "--format", "json"]).run_expecting(0).json();
    assert_eq!(plan["verdict"], "ready");
    assert_eq!(forecast(&plan, "create"), [18, 0, 0]);
    assert_eq!(forecast(&plan, "switch-replicas"), [0, 0, 12]);
    assert_eq!(forecast(&plan, "switch-primary"), [0, 2, 4]);
    assert_eq!(forecast(&plan, "remove-rules"), [0, 16, 0]);
    assert!(movement.routing_rules().is_empty(), "plan writes nothing");

    let held = world.cutover().args(["apply", "--yes"]).limit_seconds(300).run_expecting(3);
    assert!(held.stderr.contains("held before switch-primary"), "{held}");
    assert!(held.stderr.contains("cutover approve switch-primary --reason TEXT"), "{held}");
    assert_eq!(movement.routing_rules().len(), 18);

    world.cutover().args(["approve", "switch-primary", "--reason", "the test says so"]).run_expecting(0);
    let held = world.cutover().args(["apply"]).run_expecting(3);
    assert!(held.stderr.contains("revert window"), "{held}");
    assert_eq!(movement.routing_rules().len(), 16);
    assert_eq!(vtctl.denied_tables("commerce", "0"), movement.tables);
    application.wait_for_writes(200);

    world.cutover().args(["switch-back", "--reason", "to see that it goes"]).run_expecting(0);
    assert_eq!(vtctl.denied_tables("commerce", "0"), [""; 0]);
    application.wait_for_writes(200);
    let sticky = world.cutover().args(["apply"]).run_expecting(3);
    assert!(sticky.stderr.contains("cutover approve switch-replicas"), "{sticky}");

    world.cutover().args(["approve", "switch-replicas", "--reason", "again"]).run_expecting(0);
    world.cutover().args(["apply", "--approve", "switch-primary", "--reason", "again"]).limit_seconds(300).run_expecting(3);
    application.wait_for_writes(200);
    let approve = ["approve", "complete", "--end-revert-window", "--reason", "seen enough"];
    world.cutover().args(approve).run_expecting(0);
    world.cutover().args(["apply"]).run_expecting(3);
    let tables = world.cluster.tables("commerce");
    for table in &movement.tables {
        assert!(tables.contains(&format!("_{table}_old")) && !tables.contains(table), "{table} was renamed: {tables:?}");
    }
    nothing_is_denied(world);
    // It still uses names of the source keyspace, and those lead nowhere without the rules.
    let report = application.finish();
    report.assert_nothing_lost("customer");
    report.assert_it_wrote_steadily();
    report.assert_no_write_failed();
    world.cutover().args(["apply", "--approve", "remove-rules", "--reason", "the application is moved"]).run_expecting(0);
    assert!(movement.routing_rules().is_empty());
    the_rules_come_back(world, &movement);

    let record = std::fs::read(world.folder().join("workflow.lock")).expect("the record");
    world.cutover().args(["apply"]).run_expecting(0);
    let after = std::fs::read(world.folder().join("workflow.lock")).expect("the record");
    assert!(record == after, "an apply after the end writes nothing");
    eprint!("({report}) ");
}

fn all_of_it_in_one_apply(world: &World) {
    let movement = Movement::prepare(world, &Shape { rows: 10_000, ..Shape::default() });
    movement.write_plan(world, &auto_advance(2, "drop"));
    let run = world.cutover().args(["apply", "--yes", "--wait"]).limit_seconds(300).spawn();
    run.wait_for_text("create is done");
    // Connected to no keyspace, it finds the tables by their names alone: by the rules while there are any, and then in the
    // only VSchema that still has them.
    let application = Application::connected_to("", &movement, world.cluster);
    let ended = run.wait();
    assert_eq!(ended.code, Some(0), "{ended}");
    assert!(movement.routing_rules().is_empty());
    application.wait_for_writes(200);
    let report = application.finish();
    report.assert_nothing_lost("customer");
    report.assert_no_write_failed();
    assert!(movement.tables.iter().all(|table| !world.cluster.tables("commerce").contains(table)), "dropped");
    nothing_is_denied(world);
    eprint!("({report}) ");
}

fn the_rules_come_back(world: &World, movement: &Movement) {
    world.cutover().args(["restore-rules", "--reason", "an application was forgotten"]).run_expecting(0);
    assert_eq!(movement.routing_rules().len(), 16);
    let held = world.cutover().args(["apply"]).run_expecting(3);
    assert!(held.stderr.contains("cutover approve remove-rules"), "{held}");
    world.cutover().args(["apply", "--approve", "remove-rules", "--reason", "it is moved now"]).run_expecting(0);
    assert!(movement.routing_rules().is_empty());
}

/// Neither side refuses writes of any table.
fn nothing_is_denied(world: &World) {
    for (keyspace, shard) in [("commerce", "0"), ("customer", "-80"), ("customer", "80-")] {
        assert_eq!(world.cluster.vtctl().denied_tables(keyspace, shard), [""; 0], "{keyspace}/{shard}");
    }
}

fn tables_with_odd_names(world: &World) {
    const NAMES: &[&str] = &["order", "Customer2", "tbl-with-dash", "naïve"];
    let movement = Movement::prepare(world, &Shape { names: NAMES, ..Shape::default() });
    movement.write_plan(world, &auto_advance(1, "rename"));
    let application = Application::start(&movement, world.cluster);
    let plan = world.cutover().args(["plan", "--format", "json"]).run_expecting(0).json();
    assert_eq!(plan["verdict"], "ready");
    assert_eq!(forecast(&plan, "create"), [36, 0, 0]);
    world.cutover().args(["apply", "--yes", "--wait", "--until", "complete"]).limit_seconds(300).run_expecting(0);
    application.wait_for_writes(200);
    let report = application.finish();
    report.assert_nothing_lost("customer");
    report.assert_no_write_failed();
    let (source, target) = (world.cluster.tables("commerce"), world.cluster.tables("customer"));
    for name in NAMES {
        assert!(source.contains(&format!("_{name}_old")) && !source.contains(&(*name).to_owned()), "{name}: {source:?}");
        assert!(target.contains(&(*name).to_owned()), "{name}: {target:?}");
    }
    nothing_is_denied(world);
    world.cutover().args(["apply", "--wait"]).run_expecting(0);
    assert!(movement.routing_rules().is_empty());
    eprint!("({report}) ");
}

/// vttablet denies only what it knows. By hand such a switch says that it went well, and writes are lost.
fn tables_that_vttablet_has_not_seen(world: &World) {
    let movement = Movement::prepare(world, &Shape { target: "archive", past_vttablet: true, ..Shape::default() });
    movement.write_plan(world, &auto_advance(3600, "rename"));
    let application = Application::start(&movement, world.cluster);
    world.cutover().args(["apply", "--yes", "--until", "switch-primary"]).limit_seconds(300).run_expecting(0);
    application.wait_for_writes(200);
    let report = application.finish();
    report.assert_nothing_lost("archive");
    report.assert_no_write_failed();
    eprint!("({report}) ");
}

fn cancelled_while_rows_are_copied(world: &World) {
    let vtctl = world.cluster.vtctl();
    let movement = Movement::prepare(world, &Shape { rows: 60_000, ..Shape::default() });
    movement.write_plan(world, &auto_advance(3600, "rename"));
    let application = Application::start(&movement, world.cluster);
    vtctl.slow_copying_down("customer", 0.9);
    let _back = OnDrop(|| drop(vtctl.let_copying_run("customer")));
    let run = world.cutover().args(["apply", "--yes", "--until", "copy"]).limit_seconds(200).spawn();
    run.wait_for_text("start the streams");
    let copied = || -> u64 {
        let count = format!("select count(*) from `{}`", movement.tables[0]);
        world.cluster.query_primaries::<u64>("customer", &count).into_iter().sum()
    };
    wait::until_true(Duration::from_secs(60), "some rows are copied", || copied() > 0);
    world.cutover().args(["cancel", "--confirm", &movement.workflow, "--reason", "not today"]).run_expecting(0);
    let ended = run.wait();
    assert_eq!(ended.code, Some(3), "{ended}");
    assert!(ended.stderr.contains("has chosen to cancel") && !ended.stderr.contains("copy is done"), "{ended}");
    assert!(vtctl.workflow("customer", &movement.workflow).is_none());
    assert!(movement.routing_rules().is_empty());
    assert!(!world.cluster.tables("customer").iter().any(|table| movement.tables.contains(table)), "the copies are dropped");
    nothing_is_denied(world);
    application.wait_for_writes(100);
    let report = application.finish();
    report.assert_nothing_lost("commerce");
    report.assert_no_write_failed();
    eprint!("({report}) ");
}

fn forty_tables_at_once(world: &World) {
    let movement = Movement::prepare(world, &Shape { tables: 40, rows: 10, ..Shape::default() });
    movement.write_plan(world, &auto_advance(0, "rename"));
    world.cutover().args(["apply", "--yes", "--wait"]).limit_seconds(300).run_expecting(0);
    assert!(movement.routing_rules().is_empty());
    assert!(movement.tables.iter().all(|table| world.cluster.tables("customer").contains(table)));
}

fn an_unsharded_target(world: &World) {
    let movement = Movement::prepare(world, &Shape { target: "archive", tables: 2, rows: 1000, ..Shape::default() });
    movement.write_plan(world, &auto_advance(0, "keep"));
    let application = Application::start(&movement, world.cluster);
    world.cutover().args(["apply", "--yes", "--wait", "--until", "complete"]).limit_seconds(300).run_expecting(0);
    application.wait_for_writes(100);
    application.finish().assert_nothing_lost("archive");
    assert_eq!(world.cluster.vtctl().denied_tables("commerce", "0"), movement.tables, "kept tables stay denied");
    assert!(movement.tables.iter().all(|table| world.cluster.tables("commerce").contains(table)), "kept");
}
