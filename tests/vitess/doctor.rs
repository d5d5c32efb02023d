//! What hands and a dead vtctld have left of a movement that was never ours: `doctor` names each, `repair` mends, and then nothing is
//! wrong.

use std::time::Duration;

use mysql::prelude::Queryable;
use serde_json::{Value, json};

use super::support::{Application, Case, Movement, Shape, World, cases, wait};

pub fn tests() -> Vec<Case> {
    let cases = cases![each_leftover_is_named_and_mended, what_no_workflow_carries_is_mended_by_its_name];
    cases.into_iter().map(|case| case.limit_seconds(600)).collect()
}

/// The codes of what is wrong, notes left out.
fn codes(doctor: &Value) -> Vec<String> {
    let leftovers = doctor["leftovers"].as_array().cloned().unwrap_or_default();
    let heavy = leftovers.iter().filter(|it| it["weight"] != "note");
    heavy.map(|it| it["code"].as_str().unwrap_or_default().to_owned()).collect()
}

fn doctor(world: &World, movement: &Movement, code: i32) -> Value {
    let keyspaces = format!("{},{}", movement.source, movement.target);
    let arguments = ["doctor", "--cluster", "test", "--keyspace", &keyspaces, "--format", "json"];
    world.cutover().args(arguments).limit_seconds(60).run_expecting(code).json()
}

/// As a vtctld leaves it that dies after the catch-up: the source denies, the target doesn't, the streams have stopped.
fn leave_half_a_switch(world: &World, movement: &Movement) {
    let vtctl = world.cluster.vtctl();
    vtctl.deny_tables(movement.source, "0", &movement.tables);
    for shard in world.cluster.shards(movement.target) {
        let place = format!("{}/{shard}", movement.target);
        let tables = movement.tables.join(",");
        vtctl.run(&["SetShardTabletControl", "--denied-tables", &tables, "--remove", &place, "primary"]);
    }
    vtctl.run(&["Workflow", "--keyspace", movement.target, "stop", "--workflow", &movement.workflow]);
    for shard in world.cluster.shards(movement.target) {
        let mut primary = world.cluster.connect_primary(movement.target, &shard);
        let statement =
            format!("update _vt.vreplication set message = 'stopped for cutover' where workflow = '{}'", movement.workflow);
        primary.query_drop(statement).expect("a message on a stream");
    }
    // Saved and not served: a time bomb.
    let mut rules = vtctl.routing_rules();
    for rule in &mut rules {
        if rule["from_table"] == format!("{}@replica", movement.tables[0]) {
            rule["to_tables"] = json!([format!("{}.{}", movement.target, movement.tables[0])]);
        }
    }
    vtctl.run(&["ApplyRoutingRules", "--rules", &json!({ "rules": rules }).to_string(), "--skip-rebuild"]);
}

fn each_leftover_is_named_and_mended(world: &World) {
    let vtctl = world.cluster.vtctl();
    let movement = Movement::prepare(world, &Shape { rows: 100, ..Shape::default() });
    let application = Application::start(&movement, world.cluster);
    let tables = movement.tables.join(",");
    let source = ["create", "--source-keyspace", movement.source, "--tables", &tables];
    vtctl.move_tables(movement.target, &movement.workflow, &source);
    movement.wait_until_caught_up();
    assert_eq!(codes(&doctor(world, &movement, 0)), [""; 0]);

    leave_half_a_switch(world, &movement);
    let found = doctor(world, &movement, 5);
    for code in ["C501", "C503", "C504", "C507", "C510"] {
        assert!(codes(&found).iter().any(|it| it == code), "{code} in {:?}", codes(&found));
    }
    let first = found["traffic"][0]["words"].as_str().unwrap_or_default();
    assert!(first.contains("are REFUSED"), "{first}");

    // The one rule that leads elsewhere is somebody's decision, and no step of ours takes it back.
    let mut rules = vtctl.routing_rules();
    for rule in &mut rules {
        if rule["from_table"] == format!("{}@replica", movement.tables[0]) {
            rule["to_tables"] = json!([format!("{}.{}", movement.source, movement.tables[0])]);
        }
    }
    vtctl.run(&["ApplyRoutingRules", "--rules", &json!({ "rules": rules }).to_string(), "--skip-rebuild"]);

    let name = format!("{}.{}", movement.target, movement.workflow);
    let repair = ["repair", "--cluster", "test", "--workflow", &name];
    let unasked = world.cutover().args(repair).limit_seconds(60).run_expecting(64);
    assert!(unasked.stderr.contains("--dry-run"), "{unasked}");
    world.cutover().args(repair.into_iter().chain(["--dry-run"])).limit_seconds(60).run_expecting(0);
    let mended = world.cutover().args(repair.into_iter().chain(["--yes"])).limit_seconds(300).run_expecting(0);
    assert!(mended.stderr.contains("nothing of it is left"), "{mended}");
    assert_eq!(codes(&doctor(world, &movement, 0)), [""; 0], "{mended}");
    assert_eq!(vtctl.denied_tables(movement.source, "0"), [""; 0]);
    wait::until_true(Duration::from_secs(30), "the streams run again", || {
        movement.forward_streams("state").iter().all(|state| state == "Running")
    });
    application.wait_for_writes(100);
    application.finish().assert_nothing_lost(movement.source);
}

fn what_no_workflow_carries_is_mended_by_its_name(world: &World) {
    let vtctl = world.cluster.vtctl();
    let movement = Movement::prepare(world, &Shape { rows: 10, ..Shape::default() });
    vtctl.deny_tables(movement.source, "0", &movement.tables);
    let missing = format!("{}_gone", movement.tables[0]);
    let mut rules = vtctl.routing_rules();
    rules.push(json!({ "from_table": missing, "to_tables": [format!("{}.{missing}", movement.source)] }));
    vtctl.apply_routing_rules(&rules);
    let found = doctor(world, &movement, 5);
    assert_eq!(codes(&found), ["C502", "C505"]);
    let commands: Vec<String> =
        found["next"].as_array().into_iter().flatten().filter_map(|it| it.as_str().map(str::to_owned)).collect();
    assert_eq!(commands.len(), 2, "{commands:?}");
    for command in &commands {
        let arguments: Vec<&str> = command.split(' ').skip(1).chain(["--yes"]).collect();
        world.cutover().args(arguments).limit_seconds(120).run_expecting(0);
    }
    assert_eq!(codes(&doctor(world, &movement, 0)), [""; 0], "{commands:?}");
    assert_eq!(vtctl.denied_tables(movement.source, "0"), [""; 0]);
    assert_eq!(movement.routing_rules(), []);
}
