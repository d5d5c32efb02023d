//! Other hands: somebody in the rules, in the rows, in a transaction, in a VDiff.

use std::time::{Duration, Instant};

use mysql::prelude::Queryable;
use serde_json::{Value, json};

use super::movement::{QUICK, auto_advance};
use super::support::{Application, Case, Movement, OnDrop, Shape, World, cases, wait};

pub fn tests() -> Vec<Case> {
    let cases = cases![
        a_row_changed_on_the_target_stops_verify,
        rules_changed_in_a_hold_are_named,
        status_names_a_primary_that_hangs_and_says_where_queries_go,
        an_old_transaction_does_not_make_the_pause_long,
        somebodys_vdiff_is_waited_for,
        cancel_brings_reads_back_first,
    ];
    cases.into_iter().map(|case| case.limit_seconds(600)).collect()
}

const HOLDS: &str = "[revert]\nwindow = \"1h\"\n\n[complete]\nsource-tables = \"rename\"\n";

fn a_row_changed_on_the_target_stops_verify(world: &World) {
    let movement = Movement::prepare(world, &Shape::default());
    movement.write_plan(world, &format!("{QUICK}\n{HOLDS}"));
    world.cutover().args(["apply", "--yes", "--until", "copy"]).run_expecting(0);

    // Paused and resumed first, on the way.
    world.cutover().args(["pause", "--reason", "the source is busy"]).run_expecting(0);
    assert_eq!(movement.forward_streams("state"), ["Stopped", "Stopped"]);
    world.cutover().args(["apply"]).run_expecting(3);
    world.cutover().args(["resume"]).run_expecting(0);
    movement.wait_until_caught_up();

    let table = &movement.tables[0];
    world.cluster.execute_primaries("customer", &format!("update {table} set hits = hits + 1 where id <= 3"));
    let stopped = world.cutover().args(["apply", "--until", "verify"]).run_expecting(4);
    assert!(stopped.stderr.contains(table.as_str()) && stopped.stderr.contains("3 rows differ"), "table and counts: {stopped}");
    let flat = stopped.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(flat.contains("cutover waive C310"), "it names the ways on: {stopped}");

    // Accepted by name, these counts let verify pass.
    world.cutover().args(["waive", "C310", "--reason", "three counters, known"]).run_expecting(0);
    world.cutover().args(["apply", "--until", "verify"]).run_expecting(0);
    world.cutover().args(["cancel", "--confirm", &movement.workflow]).run_expecting(0);
}

/// A rule as vtctld takes it.
fn rule(from: &str, to: &str) -> Value {
    json!({ "from_table": from, "to_tables": [to] })
}

fn rules_changed_in_a_hold_are_named(world: &World) {
    let vtctl = world.cluster.vtctl();
    let movement = Movement::prepare(world, &Shape::default());
    let application = Application::start(&movement, world.cluster);
    // Theirs, by its name taken away with the test's own rules whatever happens here.
    let (changed, added) = (format!("{}_theirs", movement.tables[0]), format!("{}_more", movement.tables[0]));
    let mut foreign = vtctl.routing_rules();
    foreign.push(rule(&changed, "commerce.theirs"));
    vtctl.apply_routing_rules(&foreign);
    movement.write_plan(world, &format!("{QUICK}\n{HOLDS}"));
    world.cutover().args(["apply", "--yes"]).run_expecting(3);

    let change = |from: &str, to: &str| {
        let mut rules = vtctl.routing_rules();
        rules.retain(|rule| rule["from_table"] != from);
        rules.push(rule(from, to));
        vtctl.apply_routing_rules(&rules);
    };
    change(&changed, "archive.theirs");
    change(&added, "commerce.more");
    let told = world.cutover().args(["apply"]).run_expecting(3);
    for theirs in [&changed, &added] {
        assert!(told.stderr.contains(theirs.as_str()), "{theirs} is named and stops nothing: {told}");
    }
    let ours = format!("{}@replica", movement.tables[1]);
    change(&ours, &format!("customer.{}", movement.tables[1]));
    let planned = world.cutover().args(["plan"]).run_expecting(4);
    assert!(planned.stdout.contains(&ours), "plan names what was changed by hand: {planned}");
    let stopped = world.cutover().args(["apply"]).run_expecting(5);
    assert!(stopped.stderr.contains(&ours), "ours is named: {stopped}");
    change(&ours, &format!("commerce.{}", movement.tables[1]));
    world.cutover().args(["apply"]).run_expecting(3);

    world.cutover().args(["cancel", "--confirm", &movement.workflow]).run_expecting(0);
    let left = vtctl.routing_rules();
    for theirs in [rule(&changed, "archive.theirs"), rule(&added, "commerce.more")] {
        assert!(left.contains(&theirs), "theirs stay as they made them: {left:?}");
    }
    application.wait_for_writes(50);
    application.finish().assert_nothing_lost("commerce");
}

/// No stream can be read while one primary hangs; where the application's queries go can.
fn status_names_a_primary_that_hangs_and_says_where_queries_go(world: &World) {
    let movement = Movement::prepare(world, &Shape::default());
    movement.write_plan(world, &format!("{QUICK}\n{HOLDS}"));
    world.cutover().args(["apply", "--yes", "--until", "create"]).run_expecting(0);
    let uid = world.cluster.vtctl().primary_uid("customer", "-80");
    let name = format!("vttablet-{uid}");
    world.cluster.signal(&name, "STOP");
    let _goes_on = OnDrop(|| world.cluster.signal(&name, "CONT"));
    let told = world.cutover().args(["status"]).limit_seconds(200).run_expecting(1);
    let words = told.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
    let tables: Vec<String> = movement.tables.iter().map(|table| format!("`{table}`")).collect();
    for part in [
        format!("writes and reads of {} go to `commerce`", tables.join(", ")),
        format!("Without an answer: zone1-{uid:010}, primary of `customer/-80`"),
        "`vtctldclient EmergencyReparentShard customer/-80`".to_owned(),
    ] {
        assert!(words.contains(&part), "{part}: {told}");
    }
}

/// With `vtctldclient` by hand the writes stand still for as long as the transaction is open.
fn an_old_transaction_does_not_make_the_pause_long(world: &World) {
    let movement = Movement::prepare(world, &Shape::default());
    movement.write_plan(world, &auto_advance(3600, "rename"));
    let application = Application::start(&movement, world.cluster);

    // A calm switch, to compare with.
    world.cutover().args(["apply", "--yes", "--until", "switch-replicas"]).limit_seconds(200).run_expecting(0);
    let calm_from = Instant::now();
    world.cutover().args(["apply"]).limit_seconds(200).run_expecting(3);
    application.wait_for_writes(50);
    let calm_to = Instant::now();
    world.cutover().args(["switch-back"]).limit_seconds(200).run_expecting(0);
    world.cutover().args(["approve", "switch-replicas", "--reason", "again"]).run_expecting(0);
    world.cutover().args(["apply", "--until", "switch-replicas"]).limit_seconds(200).run_expecting(0);
    application.wait_for_writes(50);

    let mut old = world.cluster.connect("commerce").expect("vtgate takes a connection");
    old.query_drop("begin").expect("a transaction");
    old.query_drop(format!("update {} set hits = hits + 0 where id = 999", movement.tables[0])).expect("a lock");
    let from = Instant::now();
    world.cutover().args(["approve", "switch-primary", "--reason", "again"]).run_expecting(0);
    let run = world.cutover().args(["apply"]).limit_seconds(200).spawn();
    run.wait_for_text("no old transaction");
    wait::until_true(Duration::from_secs(60), "18 s have passed", || from.elapsed() >= Duration::from_secs(18));
    let so_far = run.output();
    assert!(!so_far.stderr.contains("switch primary traffic"), "nothing was sent while it was open: {so_far}");
    old.query_drop("rollback").expect("the transaction ends");
    let ended = run.wait();
    assert_eq!(ended.code, Some(3), "{ended}");
    application.wait_for_writes(50);
    let to = Instant::now();

    let report = application.finish();
    report.assert_nothing_lost("customer");
    let (calm, pause) = (report.longest_write_pause_between(calm_from, calm_to), report.longest_write_pause_between(from, to));
    assert!(pause < 2 * calm + Duration::from_secs(2), "{pause:?} after {calm:?} in a calm switch: {report}");
    eprint!("(a pause of {pause:.1?}, {calm:.1?} in the calm switch) ");
}

fn somebodys_vdiff_is_waited_for(world: &World) {
    let vtctl = world.cluster.vtctl();
    let movement = Movement::prepare(world, &Shape::default());
    movement.write_plan(world, &auto_advance(3600, "rename"));
    let application = Application::start(&movement, world.cluster);
    world.cutover().args(["apply", "--yes", "--until", "switch-replicas"]).limit_seconds(300).run_expecting(0);
    // There is no tablet of this type: it waits for one, and goes on waiting until somebody stops it.
    let started = vtctl.vdiff("customer", &movement.workflow, &["create", "--tablet-types", "rdonly"]);
    let uuid = started["UUID"].as_str().unwrap_or_else(|| panic!("no UUID in {started}"));
    let states = || {
        world.cluster.query_primaries::<String>("customer", &format!("select state from _vt.vdiff where vdiff_uuid = '{uuid}'"))
    };
    wait::until_true(Duration::from_secs(30), "the VDiff runs", || states().iter().any(|state| state == "started"));

    let run = world.cutover().args(["apply"]).limit_seconds(300).spawn();
    // While it looks for a tablet the VDiff holds a stream of its shard; whichever of the two is seen first is waited for.
    wait::until_true(Duration::from_secs(60), "apply waits", || {
        assert!(!run.is_zombie(), "it did not wait: {}", run.output());
        ["VDiff runs", "1 of 2 streams"].iter().any(|text| run.output().stderr.contains(text))
    });
    assert!(!run.output().stderr.contains("switch primary traffic"), "{}", run.output());
    assert!(states().iter().any(|state| state == "started" || state == "pending"), "it still runs: {:?}", states());
    assert_eq!(vtctl.denied_tables("commerce", "0"), [""; 0], "nothing is switched over it");
    vtctl.vdiff("customer", &movement.workflow, &["stop", uuid]);
    let switched = run.wait();
    assert_eq!(switched.code, Some(3), "{switched}");
    let messages = movement.forward_streams("message");
    assert_eq!(messages, ["FROZEN", "FROZEN"], "no frozen stream was started again: {switched}");
    application.wait_for_writes(100);
    let report = application.finish();
    report.assert_nothing_lost("customer");
    report.assert_no_write_failed();
    world.cutover().args(["switch-back"]).run_expecting(0);
    world.cutover().args(["cancel", "--confirm", &movement.workflow]).run_expecting(0);
}

fn cancel_brings_reads_back_first(world: &World) {
    let movement = Movement::prepare(world, &Shape::default());
    movement.write_plan(world, &auto_advance(3600, "rename"));
    let application = Application::start(&movement, world.cluster);
    world.cutover().args(["apply", "--yes", "--until", "switch-replicas"]).limit_seconds(200).run_expecting(0);
    world.cutover().args(["cancel"]).run_expecting(64);
    world.cutover().args(["cancel", "--confirm", &movement.workflow]).run_expecting(0);
    assert!(movement.routing_rules().is_empty());
    application.wait_for_writes(50);
    let report = application.finish();
    report.assert_nothing_lost("commerce");
    assert_eq!(report.failed_reads, 0, "{report}: {:#?}", report.error_texts());
    let again = world.cutover().args(["apply"]).run_expecting(0);
    assert!(again.stderr.contains("cancelled"), "{again}");
}
