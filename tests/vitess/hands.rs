//! Other hands: a second terminal, a second apply, somebody in the rules, in the rows, in a transaction.

use std::time::{Duration, Instant};

use mysql::prelude::Queryable;
use serde_json::json;

use super::movement::{QUICK, auto_advance};
use super::support::{Application, Case, Movement, Shape, World, cases};

pub fn tests() -> Vec<Case> {
    let cases = cases![
        of_two_applies_one_acts,
        a_second_terminal_approves_and_switches_back,
        a_row_changed_on_the_target_stops_verify,
        rules_changed_in_a_hold_are_named,
        an_old_transaction_does_not_make_the_pause_long,
        somebodys_vdiff_is_waited_for,
        cancel_brings_reads_back_first,
        pause_and_resume,
        the_rules_come_back,
    ];
    cases.into_iter().map(|case| case.limit_seconds(600)).collect()
}

const HOLDS: &str = "[revert]\nwindow = \"1h\"\n\n[complete]\nsource-tables = \"rename\"\n";

fn of_two_applies_one_acts(world: &World) {
    let movement = Movement::prepare(world, &Shape::default());
    movement.write_plan(world, &format!("{QUICK}\n{HOLDS}"));
    let first = world.cutover().args(["apply", "--yes", "--wait"]).spawn();
    first.wait_for_text("held before switch-replicas");
    let second = world.cutover().args(["apply", "--yes"]).run_expecting(6);
    assert!(second.stderr.contains("cutover apply") && second.stderr.contains("process "), "it says who acts: {second}");
    first.signal("INT");
    let ended = first.wait();
    assert_eq!(ended.code, Some(130), "{ended}");
    assert!(ended.stderr.contains("safe point"), "{ended}");
    world.cutover().args(["cancel", "--confirm", &movement.workflow]).run_expecting(0);
}

fn a_second_terminal_approves_and_switches_back(world: &World) {
    let movement = Movement::prepare(world, &Shape::default());
    movement.write_plan(world, &format!("[gates]\nswitch-replicas = \"auto-advance\"\n\n{QUICK}\n{HOLDS}"));
    let waiting = world.cutover().args(["apply", "--yes", "--wait"]).spawn();
    waiting.wait_for_text("held before switch-primary");
    world.cutover().args(["approve", "switch-primary", "--reason", "from over here"]).run_expecting(0);
    waiting.wait_for_text("switch-primary is done");
    world.cutover().args(["switch-back", "--reason", "in a hurry"]).run_expecting(0);
    let ended = waiting.wait();
    assert_eq!(ended.code, Some(3), "{ended}");
    assert!(ended.stderr.contains("has chosen to switch back"), "{ended}");
    assert_eq!(world.cluster.vtctl().denied_tables("commerce", "0"), [""; 0]);
    world.cutover().args(["cancel", "--confirm", &movement.workflow]).run_expecting(0);
}

fn a_row_changed_on_the_target_stops_verify(world: &World) {
    let movement = Movement::prepare(world, &Shape::default());
    movement.write_plan(world, &format!("{QUICK}\n{HOLDS}"));
    world.cutover().args(["apply", "--yes", "--until", "copy"]).run_expecting(0);
    let table = &movement.tables[0];
    world.cluster.execute_primaries("customer", &format!("update {table} set hits = hits + 1 where id = 1"));
    let stopped = world.cutover().args(["apply"]).run_expecting(4);
    assert!(stopped.stderr.contains(table.as_str()) && stopped.stderr.contains("1 rows differ"), "table and counts: {stopped}");
    world.cutover().args(["cancel", "--confirm", &movement.workflow]).run_expecting(0);
}

fn rules_changed_in_a_hold_are_named(world: &World) {
    let vtctl = world.cluster.vtctl();
    let movement = Movement::prepare(world, &Shape::default());
    movement.write_plan(world, &format!("{QUICK}\n{HOLDS}"));
    world.cutover().args(["apply", "--yes"]).run_expecting(3);
    let before = vtctl.routing_rules();
    let mut theirs = before.clone();
    theirs.push(json!({ "from_table": "somebody_elses", "to_tables": ["commerce.somebody_elses"] }));
    vtctl.apply_routing_rules(&theirs);
    let told = world.cutover().args(["apply"]).run_expecting(3);
    assert!(told.stderr.contains("somebody_elses"), "theirs is named and stops nothing: {told}");
    let mut ours = theirs.clone();
    let key = format!("{}@replica", movement.tables[0]);
    for rule in &mut ours {
        if rule["from_table"] == key.as_str() {
            rule["to_tables"] = json!([format!("customer.{}", movement.tables[0])]);
        }
    }
    vtctl.apply_routing_rules(&ours);
    let stopped = world.cutover().args(["apply"]).run_expecting(5);
    assert!(stopped.stderr.contains(&key), "ours is named: {stopped}");
    vtctl.apply_routing_rules(&theirs);
    world.cutover().args(["apply"]).run_expecting(3);
    vtctl.apply_routing_rules(&before);
    world.cutover().args(["cancel", "--confirm", &movement.workflow]).run_expecting(0);
}

fn an_old_transaction_does_not_make_the_pause_long(world: &World) {
    let movement = Movement::prepare(world, &Shape::default());
    movement.write_plan(world, &auto_advance(3600, "rename"));
    world.cutover().args(["apply", "--yes", "--until", "switch-replicas"]).limit_seconds(200).run_expecting(0);
    let application = Application::start(&movement, world.cluster);
    let mut old = world.cluster.connect("commerce").expect("vtgate takes a connection");
    old.query_drop("begin").expect("a transaction");
    old.query_drop(format!("update {} set hits = hits + 0 limit 1", movement.tables[0])).expect("a lock");
    let began = Instant::now();
    let run = world.cutover().args(["apply"]).limit_seconds(200).spawn();
    run.wait_for_text("no old transaction");
    super::support::wait::until_true(Duration::from_secs(60), "18 s have passed", || began.elapsed() >= Duration::from_secs(18));
    let so_far = run.output();
    assert!(!so_far.stderr.contains("switch primary traffic"), "nothing was sent while it was open: {so_far}");
    old.query_drop("rollback").expect("the transaction ends");
    let ended = run.wait();
    assert_eq!(ended.code, Some(3), "{ended}");
    application.wait_for_writes(50);
    let report = application.finish();
    report.assert_nothing_lost("customer");
    assert!(report.longest_write_pause < Duration::from_secs(10), "{report}");
    eprint!("({report}) ");
}

fn somebodys_vdiff_is_waited_for(world: &World) {
    let vtctl = world.cluster.vtctl();
    let movement = Movement::prepare(world, &Shape { rows: 20_000, ..Shape::default() });
    movement.write_plan(world, &auto_advance(3600, "rename"));
    world.cutover().args(["apply", "--yes", "--until", "switch-replicas"]).limit_seconds(300).run_expecting(0);
    vtctl.vdiff("customer", &movement.workflow, &["create"]);
    let switched = world.cutover().args(["apply"]).limit_seconds(300).run_expecting(3);
    let streams = vtctl.streams("customer", &movement.workflow);
    for stream in &streams {
        assert_eq!(stream["message"], "FROZEN", "no frozen stream was started again: {streams:?}\n{switched}");
    }
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

fn pause_and_resume(world: &World) {
    let movement = Movement::prepare(world, &Shape::default());
    movement.write_plan(world, &format!("{QUICK}\n{HOLDS}"));
    world.cutover().args(["apply", "--yes", "--until", "copy"]).run_expecting(0);
    world.cutover().args(["pause", "--reason", "the source is busy"]).run_expecting(0);
    let streams = world.cluster.vtctl().streams("customer", &movement.workflow);
    assert!(streams.iter().all(|stream| stream["state"] == "Stopped"), "{streams:?}");
    world.cutover().args(["apply"]).run_expecting(3);
    world.cutover().args(["resume"]).run_expecting(0);
    movement.wait_until_caught_up();
    world.cutover().args(["apply", "--until", "verify"]).run_expecting(0);
    world.cutover().args(["cancel", "--confirm", &movement.workflow]).run_expecting(0);
}

fn the_rules_come_back(world: &World) {
    let movement = Movement::prepare(world, &Shape::default());
    movement.write_plan(world, &auto_advance(0, "rename"));
    world.cutover().args(["apply", "--yes", "--wait"]).limit_seconds(200).run_expecting(0);
    assert!(movement.routing_rules().is_empty());
    world.cutover().args(["restore-rules", "--reason", "an application was forgotten"]).run_expecting(0);
    assert_eq!(movement.routing_rules().len(), 16);
    let held = world.cutover().args(["apply"]).run_expecting(3);
    assert!(held.stderr.contains("cutover approve remove-rules"), "{held}");
    world.cutover().args(["apply", "--approve", "remove-rules", "--reason", "it is moved now"]).run_expecting(0);
    assert!(movement.routing_rules().is_empty());
}
