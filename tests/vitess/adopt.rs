//! Movements that somebody made with vtctldclient, taken over and led on.

use std::time::Duration;

use serde_json::Value;

use super::movement::auto_advance;
use super::support::{Application, Case, Movement, OnDrop, Shape, World, cases, wait};

pub fn tests() -> Vec<Case> {
    let cases = cases![
        made_by_hand_and_led_to_its_end,
        made_and_not_started,
        in_the_middle_of_its_copy,
        with_its_reads_switched_by_hand,
        switched_by_hand_and_led_back,
    ];
    cases.into_iter().map(|case| case.limit_seconds(600)).collect()
}

const MOVING: &str = "who-made-it,only-writer,rules-before";
const SWITCHED: &str = "who-made-it,only-writer,rows-compared,switch-time,sequences-set,rules-before";

fn adopt(world: &World, accept: &str) -> Value {
    let arguments = ["adopt", "--accept", accept, "--reason", "made by hand for the test", "--yes", "--format", "json"];
    let report = world.cutover().args(arguments).run_expecting(0).json();
    assert_eq!(report["verdict"], "adopted", "{report}");
    report
}

fn made_by_hand_and_led_to_its_end(world: &World) {
    let movement = Movement::prepare(world, &Shape { rows: 1000, ..Shape::default() });
    let application = Application::start(&movement, world.cluster);
    movement.create_by_hand();
    let before = movement.routing_rules();

    // Vitess's default for DDL is not cutover's; everything else that the streams show is as the plan file has it.
    let rest = auto_advance(2, "rename");
    movement.write_plan(world, &rest);
    let other = world.cutover().args(["adopt", "--format", "json"]).run_expecting(4).json();
    let places: Vec<&Value> = other["blocking"].as_array().expect("a list").iter().map(|finding| &finding["at"]).collect();
    assert_eq!(places, ["move-tables.on-ddl"], "{other}");
    movement.write_plan(world, &format!("on-ddl = \"ignore\"\n\n{rest}"));
    let asked = world.cutover().args(["adopt"]).run_expecting(4);
    assert!(asked.stdout.contains(&format!("--accept {MOVING}")), "{asked}");
    assert!(!world.folder().join("workflow.lock").exists(), "nothing is put on record before");
    let report = adopt(world, MOVING);
    assert_eq!(report["reached"], serde_json::json!(["create", "copy"]), "{report}");
    assert_eq!(movement.routing_rules(), before, "nothing was written to the cluster");

    let plan = world.cutover().args(["plan", "--format", "json"]).run_expecting(0).json();
    assert!(plan.get("drift").is_none() && plan.get("drift_unknown").is_none(), "{plan}");
    world.cutover().args(["apply", "--wait", "--until", "complete"]).limit_seconds(300).run_expecting(0);
    application.wait_for_writes(200);
    let report = application.finish();
    report.assert_nothing_lost("customer");
    world.cutover().args(["apply", "--wait"]).run_expecting(0);
    assert!(movement.routing_rules().is_empty());
    eprint!("({report}) ");
}

fn made_and_not_started(world: &World) {
    let movement = Movement::prepare(world, &Shape { rows: 200, ..Shape::default() });
    let tables = movement.tables.join(",");
    let arguments = ["create", "--source-keyspace", movement.source, "--tables", &tables, "--auto-start=false"];
    world.cluster.vtctl().move_tables(movement.target, &movement.workflow, &arguments);
    movement.write_plan(world, &format!("on-ddl = \"ignore\"\n\n{}", auto_advance(2, "rename")));
    let report = adopt(world, MOVING);
    assert_eq!(report["reached"], serde_json::json!(["create"]), "{report}");
    world.cutover().args(["apply", "--wait", "--until", "verify"]).limit_seconds(300).run_expecting(0);
    world.cutover().args(["cancel", "--confirm", &movement.workflow]).run_expecting(0);
    assert!(movement.routing_rules().is_empty());
}

fn in_the_middle_of_its_copy(world: &World) {
    let vtctl = world.cluster.vtctl();
    let movement = Movement::prepare(world, &Shape { rows: 60_000, ..Shape::default() });
    let application = Application::start(&movement, world.cluster);
    vtctl.slow_copying_down("customer", 0.9);
    let _back = OnDrop(|| drop(vtctl.let_copying_run("customer")));
    let tables = movement.tables.join(",");
    vtctl.move_tables(
        movement.target,
        &movement.workflow,
        &["create", "--source-keyspace", movement.source, "--tables", &tables],
    );
    let copied = || -> u64 {
        let count = format!("select count(*) from `{}`", movement.tables[0]);
        world.cluster.query_primaries::<u64>("customer", &count).into_iter().sum()
    };
    wait::until_true(Duration::from_secs(60), "some rows are copied", || copied() > 0);
    movement.write_plan(world, &format!("on-ddl = \"ignore\"\n\n{}", auto_advance(2, "rename")));
    let report = adopt(world, MOVING);
    assert_eq!(report["reached"], serde_json::json!(["create"]), "{report}");
    assert!(copied() < 60_000, "it was taken over too late to say anything");
    vtctl.let_copying_run("customer").unwrap_or_else(|error| panic!("{error}"));
    world.cutover().args(["apply", "--wait", "--until", "complete"]).limit_seconds(300).run_expecting(0);
    application.wait_for_writes(100);
    application.finish().assert_nothing_lost("customer");
    world.cutover().args(["apply", "--wait"]).run_expecting(0);
    assert!(movement.routing_rules().is_empty());
}

fn with_its_reads_switched_by_hand(world: &World) {
    let movement = Movement::prepare(world, &Shape { rows: 200, ..Shape::default() });
    let application = Application::start(&movement, world.cluster);
    movement.create_by_hand();
    let reads = ["SwitchTraffic", "--tablet-types", "rdonly,replica"];
    world.cluster.vtctl().move_tables(movement.target, &movement.workflow, &reads);
    movement.write_plan(world, &format!("on-ddl = \"ignore\"\n\n{}", auto_advance(3600, "rename")));
    let report = adopt(world, MOVING);
    // Whether somebody compared the rows before doesn't count: `verify` does it anew, before the writes.
    assert_eq!(report["reached"], serde_json::json!(["create", "copy", "switch-replicas"]), "{report}");
    let held = world.cutover().args(["apply"]).limit_seconds(300).run_expecting(3);
    assert!(held.stderr.contains("VDiff compared") && held.stderr.contains("revert window"), "{held}");
    world.cutover().args(["switch-back", "--reason", "to see that it goes"]).run_expecting(0);
    application.wait_for_writes(50);
    world.cutover().args(["cancel", "--confirm", &movement.workflow]).run_expecting(0);
    application.finish().assert_nothing_lost("commerce");
}

fn switched_by_hand_and_led_back(world: &World) {
    let movement = Movement::prepare(world, &Shape { rows: 1000, ..Shape::default() });
    let application = Application::start(&movement, world.cluster);
    movement.create_by_hand();
    world.cluster.vtctl().move_tables(movement.target, &movement.workflow, &["SwitchTraffic", "--initialize-target-sequences"]);
    application.wait_for_writes(100);

    movement.write_plan(world, &format!("on-ddl = \"ignore\"\n\n{}", auto_advance(3600, "rename")));
    let report = adopt(world, SWITCHED);
    assert_eq!(report["reached"].as_array().and_then(|reached| reached.last()), Some(&"switch-primary".into()), "{report}");
    let held = world.cutover().args(["apply"]).run_expecting(3);
    assert!(held.stderr.contains("revert window"), "{held}");
    world.cutover().args(["cancel", "--confirm", &movement.workflow]).run_expecting(4);
    world.cutover().args(["switch-back", "--reason", "to see that it goes"]).run_expecting(0);
    application.wait_for_writes(200);
    world.cutover().args(["cancel", "--confirm", &movement.workflow]).run_expecting(0);
    application.wait_for_writes(50);
    let report = application.finish();
    report.assert_nothing_lost("commerce");
    report.assert_no_write_failed();
    assert!(movement.routing_rules().is_empty());
    eprint!("({report}) ");
}
