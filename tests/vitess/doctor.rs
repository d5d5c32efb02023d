//! What hands and a dead vtctld have left of a movement that was never ours: `doctor` names each, `repair` mends, and then nothing is
//! wrong.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use mysql::prelude::Queryable;
use serde_json::{Value, json};

use super::support::{Application, Case, Movement, Shape, World, cases, dead_lock, wait};

pub fn tests() -> Vec<Case> {
    let cases = cases![
        each_leftover_is_named_and_mended,
        streams_that_do_not_go_on_are_named,
        what_a_switch_and_a_completion_leave_is_named,
        the_locks_of_a_dead_vtctld_are_named,
        what_no_workflow_carries_is_mended_by_its_name,
    ];
    cases.into_iter().map(|case| case.limit_seconds(600)).collect()
}

/// The codes of what is wrong, notes left out.
fn codes(doctor: &Value) -> Vec<String> {
    let leftovers = doctor["leftovers"].as_array().cloned().unwrap_or_default();
    let heavy = leftovers.iter().filter(|it| it["weight"] != "note");
    heavy.map(|it| it["code"].as_str().unwrap_or_default().to_owned()).collect()
}

/// The codes of all that was found, each once.
fn all_codes(doctor: &Value) -> BTreeSet<String> {
    let leftovers = doctor["leftovers"].as_array().cloned().unwrap_or_default();
    leftovers.iter().map(|it| it["code"].as_str().unwrap_or_default().to_owned()).collect()
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
    movement.create_by_hand();
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

/// Looks until all these are found, and nothing else that is more than a note: what a tablet writes of itself takes its time to show.
fn wait_for_codes(world: &World, movement: &Movement, codes: &[&str]) {
    let wanted: BTreeSet<String> = codes.iter().map(|code| (*code).to_owned()).collect();
    let keyspaces = format!("{},{}", movement.source, movement.target);
    let arguments = ["doctor", "--cluster", "test", "--keyspace", &keyspaces, "--format", "json"];
    let limit = Instant::now() + Duration::from_secs(30);
    loop {
        let found = world.cutover().args(arguments).limit_seconds(60).run().json();
        if all_codes(&found) == wanted {
            return;
        }
        assert!(Instant::now() < limit, "{codes:?} in vain, found is {:#}", found["leftovers"]);
    }
}

fn streams_that_do_not_go_on_are_named(world: &World) {
    let vtctl = world.cluster.vtctl();
    let movement = Movement::prepare(world, &Shape { rows: 100, ..Shape::default() });
    movement.create_by_hand();
    wait_for_codes(world, &movement, &[]);
    let mut primary = world.cluster.connect_primary(movement.target, "-80");
    let workflow = &movement.workflow;
    let mut stream = |change: &str| {
        primary
            .query_drop(format!("update _vt.vreplication set {change} where workflow = '{workflow}'"))
            .expect("a changed stream");
    };

    vtctl.run(&["Workflow", "--keyspace", movement.target, "stop", "--workflow", workflow]);
    wait_for_codes(world, &movement, &["C516"]);
    // As each of these is written by its tablet.
    stream("message = 'Stopped at DDL alter table a add column b int'");
    wait_for_codes(world, &movement, &["C514", "C516"]);
    stream("state = 'Error', message = 'Duplicate entry \\'1\\' for key \\'a.PRIMARY\\' (errno 1062)'");
    wait_for_codes(world, &movement, &["C513", "C516"]);
    stream("state = 'Stopped', message = '', time_throttled = unix_timestamp() + 20, component_throttled = 'vplayer'");
    wait_for_codes(world, &movement, &["C515", "C516"]);
    stream("time_throttled = 0, component_throttled = ''");
    vtctl.run(&["Workflow", "--keyspace", movement.target, "start", "--workflow", workflow]);
    wait_for_codes(world, &movement, &[]);

    let uuid = "b9a7a0a4-5cfe-11f0-8d7a-0242ac120002";
    // Vitess takes one in an error up again, each half a minute.
    vtctl.vdiff(movement.target, workflow, &["create", uuid, "--auto-retry=false"]);
    let compared = |sql: &str| world.cluster.execute_primaries(movement.target, sql);
    wait::until_true(Duration::from_secs(60), "the VDiff has ended", || {
        let states: Vec<String> =
            world.cluster.query_primaries(movement.target, &format!("select state from _vt.vdiff where vdiff_uuid = '{uuid}'"));
        states.len() == 2 && states.iter().all(|state| state == "completed")
    });

    compared(&format!("update _vt.vdiff set state = 'error', last_error = 'seen' where vdiff_uuid = '{uuid}'"));
    wait_for_codes(world, &movement, &["C550"]);
    compared(&format!("delete from _vt.vdiff where vdiff_uuid = '{uuid}'"));

    primary.query_drop(format!("delete from _vt.vreplication where workflow = '{workflow}'")).expect("a stream less");
    wait_for_codes(world, &movement, &["C517"]);
}

fn what_a_switch_and_a_completion_leave_is_named(world: &World) {
    let vtctl = world.cluster.vtctl();
    let movement = Movement::prepare(world, &Shape { rows: 100, ..Shape::default() });
    movement.create_by_hand();
    let to_source = vtctl.routing_rules();
    vtctl.move_tables(movement.target, &movement.workflow, &["SwitchTraffic"]);
    let to_target = vtctl.routing_rules();
    wait_for_codes(world, &movement, &[]);

    let way_back = |what: &str| {
        vtctl.run(&["Workflow", "--keyspace", movement.source, what, "--workflow", &movement.reverse_workflow()]);
    };
    way_back("stop");
    wait_for_codes(world, &movement, &["C512"]);
    let found = doctor(world, &movement, 4);
    assert!(found["leftovers"][0]["summary"].as_str().is_some_and(|it| it.contains("THE WAY BACK IS NOT OPEN")), "{found}");
    way_back("start");
    wait_for_codes(world, &movement, &[]);

    // Half of a completion: one of two tables has its new name.
    let renamed = format!("_{}_old", movement.tables[0]);
    world.cluster.execute_primaries(movement.source, &format!("rename table {} to {renamed}", movement.tables[0]));
    wait_for_codes(world, &movement, &["C540"]);
    world.cluster.execute_primaries(movement.source, &format!("rename table {renamed} to {}", movement.tables[0]));
    wait_for_codes(world, &movement, &[]);

    // The rules of before the switch: its journal stands, the source denies what they lead to, the streams are frozen.
    vtctl.apply_routing_rules(&to_source);
    wait_for_codes(world, &movement, &["C501", "C503", "C511", "C520"]);
    vtctl.apply_routing_rules(&to_target);
    wait_for_codes(world, &movement, &[]);

    vtctl.move_tables(movement.target, &movement.workflow, &["complete", "--keep-routing-rules", "--rename-tables"]);
    wait_for_codes(world, &movement, &["C506", "C541"]);
}

fn the_locks_of_a_dead_vtctld_are_named(world: &World) {
    let movement = dead_lock::of_a_switch(world);
    world.cluster.restart("vtctld");
    // The keyspaces' are leases, and go first.
    wait::until_true(Duration::from_secs(60), "doctor names both kinds of locks", || {
        let keyspaces = format!("{},{}", movement.source, movement.target);
        let arguments = ["doctor", "--cluster", "test", "--keyspace", &keyspaces, "--format", "json"];
        let codes = all_codes(&world.cutover().args(arguments).limit_seconds(60).run().json());
        codes.contains("C530") && codes.contains("C531")
    });
    wait::until_true(Duration::from_secs(180), "the leases of the keyspaces have ended", || {
        !world.cluster.locks().iter().any(|lock| lock.contains("keyspaces/"))
    });
    // One alive may hold the name alone for a minute.
    let mut lock = Value::Null;
    wait::until_true(Duration::from_secs(120), "the lock of the name is known for a dead one's", || {
        let found = doctor(world, &movement, 5);
        lock = found["leftovers"].as_array().into_iter().flatten().find(|it| it["code"] == "C530").cloned().unwrap_or_default();
        lock["weight"] == "standing"
    });
    assert!(lock["summary"].as_str().is_some_and(|it| it.contains("and nobody is seen to work under it")), "{lock}");
    world.cluster.unlock_named();
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
