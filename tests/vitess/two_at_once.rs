//! Two terminals, one movement: two runs don't get in each other's way, and a second terminal opens gates or turns a waiting run round.

use std::time::Duration;

use super::support::program::{Output, Running};
use super::support::{Application, Case, Movement, Shape, World, cases, wait};

pub fn tests() -> Vec<Case> {
    cases![of_two_applies_one_acts, approvals_and_a_switch_back_from_a_second_terminal, a_cancel_from_a_second_terminal]
}

/// Held before each switch; small and quick.
fn held_movement(world: &World) -> Movement {
    let movement = Movement::prepare(world, &Shape { rows: 100, ..Shape::default() });
    world.write("workflow.toml", &movement.quick_plan("", "1h"));
    movement
}

fn waiting_apply(world: &World) -> Running {
    world.cutover().env("USER", "alice").args(["apply", "--yes", "--wait"]).spawn()
}

fn as_bob(world: &World, arguments: &[&str]) -> Output {
    world.cutover().env("USER", "bob").args(arguments.iter().copied()).run_expecting(0)
}

fn of_two_applies_one_acts(world: &World) {
    let movement = held_movement(world);
    let application = Application::start(&movement, world.cluster);
    // At the same moment, from nothing: both find no record.
    let mut runs: Vec<Running> = (0..2).map(|_| waiting_apply(world)).collect();
    let mut loser = None;
    wait::until_true(Duration::from_secs(60), "one of the two leaves", || {
        loser = runs.iter_mut().position(Running::has_ended);
        loser.is_some()
    });
    let said = runs.remove(loser.expect("one has left")).wait();
    let winner = runs.remove(0);
    assert_eq!(said.code, Some(6), "{said}");
    for part in ["alice is acting on this movement", "`cutover apply`", &format!("process {}", winner.pid()), "since 20"] {
        assert!(said.stderr.contains(part), "{part:?} is not in {said}");
    }

    // The one that acts goes on, and while it waits at the hold it still keeps a second apply out.
    winner.wait_for_text("held before switch-replicas");
    let said = world.cutover().env("USER", "bob").args(["apply", "--yes"]).run_expecting(6);
    assert!(said.stderr.contains(&format!("process {}", winner.pid())), "{said}");
    let record = std::fs::read_to_string(world.folder().join("workflow.lock")).expect("the record");
    assert!(!record.contains("bob"), "who is turned away leaves no trace in the record:\n{record}");

    // It goes with its process, however that ends.
    winner.kill();
    let held = world.cutover().env("USER", "bob").args(["apply"]).run_expecting(3);
    assert!(held.stderr.contains("held before switch-replicas"), "{held}");
    let report = application.finish();
    report.assert_nothing_lost("commerce");
    report.assert_no_write_failed();
}

fn approvals_and_a_switch_back_from_a_second_terminal(world: &World) {
    let movement = held_movement(world);
    let application = Application::start(&movement, world.cluster);
    let run = waiting_apply(world);
    run.wait_for_text("held before switch-replicas");
    as_bob(world, &["approve", "switch-replicas", "--reason", "reads first"]);
    run.wait_for_text("held before switch-primary");
    as_bob(world, &["approve", "switch-primary", "--reason", "the window is open"]);
    run.wait_for_text("switch-primary is done");
    run.wait_for_text("revert window");
    assert_eq!(world.cluster.vtctl().denied_tables("commerce", "0"), movement.tables, "writes are at the target");

    as_bob(world, &["switch-back", "--reason", "the error rate"]);
    let said = run.wait();
    assert_eq!(said.code, Some(3), "{said}");
    assert!(said.stderr.contains("bob") && said.stderr.contains("has chosen to switch back"), "{said}");
    assert_eq!(world.cluster.vtctl().denied_tables("commerce", "0"), [""; 0], "writes are at the source");
    application.wait_for_writes(100);
    application.finish().assert_nothing_lost("commerce");

    // The goal stays: nobody's next apply goes forward again without a word.
    let said = world.cutover().args(["apply"]).run_expecting(3);
    assert!(said.stderr.contains("switched back"), "{said}");
}

fn a_cancel_from_a_second_terminal(world: &World) {
    let movement = held_movement(world);
    let run = waiting_apply(world);
    run.wait_for_text("held before switch-replicas");
    as_bob(world, &["cancel", "--confirm", &movement.workflow, "--reason", "not today"]);
    let said = run.wait();
    assert_eq!(said.code, Some(3), "{said}");
    assert!(said.stderr.contains("bob") && said.stderr.contains("has chosen to cancel"), "{said}");
    assert!(world.cluster.vtctl().workflow("customer", &movement.workflow).is_none());
    assert!(movement.routing_rules().is_empty());
    assert!(!world.cluster.tables("customer").iter().any(|table| movement.tables.contains(table)), "the copies are dropped");
}
