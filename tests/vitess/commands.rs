//! The commands as an operator types them, one after the other, over movements that are held.

use mysql::prelude::Queryable;
use serde_json::Value;

use super::support::program::Output;
use super::support::{Case, Movement, Shape, World, cases};

pub fn tests() -> Vec<Case> {
    let cases = cases![
        from_init_to_history,
        without_a_quiet_moment_it_holds,
        what_the_operators_guard,
        the_operators_command_is_told,
        a_saved_plan_and_a_snapshot,
    ];
    cases.into_iter().map(|case| case.limit_seconds(400)).collect()
}

/// The checks and phases of a status, with what a person reads.
fn status(world: &World) -> (Value, Output) {
    let json = world.cutover().args(["status", "--format", "json"]).run_expecting(0).json();
    (json, world.cutover().args(["status"]).run_expecting(0))
}

fn from_init_to_history(world: &World) {
    let movement = Movement::prepare(world, &Shape { rows: 100, ..Shape::default() });

    // What init writes is valid and can be planned.
    let tables = movement.tables.join(",");
    let arguments = ["init", "commerce", "customer", "--cluster", "test", "--workflow", &movement.workflow, "--tables", &tables];
    world.cutover().args(arguments).run_expecting(0);
    world.cutover().args(["validate"]).run_expecting(0);
    let plan = world.cutover().args(["plan", "--format", "json"]).run_expecting(0).json();
    assert_eq!((&plan["verdict"], &plan["workflow"]), (&"ready".into(), &movement.workflow.as_str().into()), "{plan}");
    world.cutover().args(arguments).run_expecting(64);

    // The plan's exit codes.
    world.cutover().args(["plan", "--detailed-exitcode"]).run_expecting(2);
    world.write("blocked.toml", &movement.quick_plan("", "1h").replace(&movement.tables[1], "not_there"));
    let blocked = world.cutover().args(["plan", "blocked.toml", "--format", "json"]).run_expecting(4).json();
    assert_eq!(blocked["verdict"], "blocked");
    let (before, _) = status(world);
    assert_eq!(before["state"], "not-started", "{before}");

    // The events of a run, up to its hold.
    world.write("workflow.toml", &movement.quick_plan("", "1h"));
    let events = world.cutover().args(["apply", "--yes", "--format", "json"]).run_expecting(3).json_lines();
    let (first, last) = (&events[0], &events[events.len() - 1]);
    assert_eq!(first["type"], "begin", "{first}");
    assert_eq!((&last["type"], &last["exit_code"]), (&"end".into(), &3.into()), "{last}");
    assert!(events.iter().all(|event| event["@message"].is_string() && event["type"].is_string()));
    assert!(events.iter().any(|event| event["type"] == "hold"), "the hold is an event");

    // The status at the hold, and while an apply waits there.
    let release = "cutover approve switch-replicas";
    let is_held = |(json, human): (Value, Output)| {
        assert_eq!((&json["state"], &json["phase"]), (&"held".into(), &"switch-replicas".into()), "{json}");
        assert!(json["held"]["release"].to_string().contains(release), "{json}");
        for (kind, side) in [("rdonly", "source"), ("replica", "source"), ("primary", "source")] {
            assert_eq!(json["traffic"][kind], side, "{json}");
        }
        assert!(!json["equivalent"].as_array().expect("vtctldclient commands").is_empty(), "{json}");
        assert!(human.stdout.contains(release) && human.stdout.contains("switch-replicas"), "{human}");
    };
    is_held(status(world));
    let waiting = world.cutover().args(["apply", "--wait"]).spawn();
    waiting.wait_for_text("held before switch-replicas");
    is_held(status(world));
    waiting.signal("TERM");
    assert_eq!(waiting.wait().code, Some(143));

    world.cutover().args(["cancel", "--confirm", &movement.workflow, "--reason", "not today"]).run_expecting(0);
    let (after, _) = status(world);
    assert_eq!(after["state"], "cancelled", "{after}");

    // Who did what, and why.
    let human = world.cutover().args(["history"]).run_expecting(0);
    let json = world.cutover().args(["history", "--format", "json"]).run_expecting(0);
    let markdown = world.cutover().args(["history", "--format", "markdown"]).run_expecting(0);
    for said in [&human, &json, &markdown] {
        assert!(said.stdout.contains("not today"), "{said}");
    }
    assert!(json.json().is_object() || json.json().is_array());
    assert!(markdown.stdout.contains("| "), "a table: {markdown}");
}

/// What was reviewed is done, or nothing; and a snapshot gives the plan that the cluster gives.
fn a_saved_plan_and_a_snapshot(world: &World) {
    let movement = Movement::prepare(world, &Shape { rows: 100, ..Shape::default() });
    movement.write_plan(
        world,
        "[gates]\npolicy = \"auto-advance\"\n\n[switch]\nstable-for = \"0s\"\n\n[complete]\nsource-tables = \"rename\"\n",
    );
    world.cutover().args(["snapshot", "--out", "facts.json"]).run_expecting(0);
    let live = world.cutover().args(["plan", "--format", "json"]).run_expecting(0).json();
    let offline = world.cutover().args(["plan", "--facts", "facts.json", "--format", "json"]).run_expecting(0).json();
    for part in ["tables", "phases", "digests", "verdict"] {
        assert_eq!(offline[part], live[part], "{part}");
    }

    world.cutover().args(["plan", "--out", "plan.json"]).run_expecting(0);
    let table = &movement.tables[0];
    world.cluster.execute_primaries("commerce", &format!("alter table {table} add column more int"));
    let moved = world.cutover().args(["apply", "plan.json"]).run_expecting(7);
    assert!(moved.stderr.contains(table.as_str()) && moved.stderr.contains("more"), "the column is named: {moved}");
    let begun = world.cutover().args(["status", "--format", "json"]).run_expecting(0).json();
    assert_eq!(begun["state"], "not-started", "nothing was written: {begun}");

    world.cluster.execute_primaries("commerce", &format!("alter table {table} drop column more"));
    world.cutover().args(["apply", "plan.json"]).limit_seconds(200).run_expecting(3);
    // What it took, for who asks later.
    let history = world.cutover().args(["history", "--format", "json"]).run_expecting(0).json().to_string();
    for part in ["pause_at_most_milliseconds", "lag_seconds", "took_milliseconds", "vdiff"] {
        assert!(history.contains(part), "{part}: {history}");
    }
    world.cutover().args(["switch-back", "--reason", "seen enough"]).limit_seconds(200).run_expecting(0);
    world.cutover().args(["cancel", "--confirm", &movement.workflow]).limit_seconds(200).run_expecting(0);
}

fn without_a_quiet_moment_it_holds(world: &World) {
    let movement = Movement::prepare(world, &Shape { rows: 100, ..Shape::default() });
    let rest = "[gates]\nswitch-replicas = \"auto-advance\"\n\n[switch]\nstable-for = \"1s\"\nmax-transaction-age = \"1s\"\n\
                wait-for-quiet = \"10s\"\n\n[revert]\nwindow = \"1h\"\n\n[complete]\nsource-tables = \"keep\"\n";
    movement.write_plan(world, rest);
    world.cutover().args(["apply", "--yes"]).run_expecting(3);
    world.cutover().args(["approve", "switch-primary", "--reason", "the window is open"]).run_expecting(0);
    let mut old = world.cluster.connect("commerce").expect("vtgate takes a connection");
    old.query_drop("begin").expect("a transaction");
    old.query_drop(format!("update {} set hits = hits + 1 where id = 1", movement.tables[0])).expect("a lock");
    let held = world.cutover().args(["apply"]).run_expecting(3);
    for part in [movement.tables[0].as_str(), "vt_app"] {
        assert!(held.stderr.contains(part), "it names who blocks: {part:?} is not in {held}");
    }
    assert_eq!(world.cluster.vtctl().denied_tables("commerce", "0"), [""; 0], "nothing was sent");
    // The approval stands: when it is quiet, nobody is asked again.
    old.query_drop("rollback").expect("the transaction ends");
    let switched = world.cutover().args(["apply"]).run_expecting(3);
    assert!(switched.stderr.contains("revert window"), "{switched}");

    // And kept tables stay denied, so that nobody writes to a stale copy.
    world.cutover().args(["approve", "complete", "--end-revert-window", "--reason", "seen enough"]).run_expecting(0);
    world.cutover().args(["apply"]).run_expecting(3);
    assert_eq!(world.cluster.vtctl().denied_tables("commerce", "0"), movement.tables);
    assert!(movement.tables.iter().all(|table| world.cluster.tables("commerce").contains(table)), "kept");
}

/// Of a hold, with the event; and one that fails keeps nothing from going on.
fn the_operators_command_is_told(world: &World) {
    let movement = Movement::prepare(world, &Shape { rows: 10, ..Shape::default() });
    world.write("workflow.toml", &movement.quick_plan("", "1h"));
    let told = world.folder().join("told");
    let apply = |command: &str, code| {
        let config =
            format!("[clusters.test]\nvtctld = \"{}\"\nnotify = [\"sh\", \"-c\", {command:?}]\n", world.cluster.vtctld());
        let config = world.write("config.toml", &config);
        let config = config.to_str().expect("a path in UTF-8");
        world.cutover().env("CUTOVER_CONFIG", config).args(["apply", "--yes"]).run_expecting(code)
    };
    let failing = apply("cat >/dev/null; exit 7", 3);
    assert!(failing.stderr.contains("held before switch-replicas"), "{failing}");
    assert!(failing.stderr.contains("warning") && failing.stderr.contains('7'), "its failure is told: {failing}");
    apply(&format!("cat >>{}", told.display()), 3);
    let text = std::fs::read_to_string(&told).expect("it was told");
    let notice: Value = serde_json::from_str(&text).expect("one JSON object");
    assert_eq!((&notice["what"], &notice["workflow"]), (&"hold".into(), &movement.workflow.as_str().into()), "{notice}");
    assert_eq!((&notice["cluster"], &notice["event"]["type"]), (&"test".into(), &"hold".into()), "{notice}");
}

fn what_the_operators_guard(world: &World) {
    let movement = Movement::prepare(world, &Shape { rows: 10, ..Shape::default() });
    let config = world.write(
        "config.toml",
        &format!(
            "[clusters.test]\nvtctld = \"{}\"\nrequire-hold = [\"switch-primary\"]\nallow-drop = false\n",
            world.cluster.vtctld()
        ),
    );
    let config = config.to_str().expect("a path in UTF-8");
    let with = |arguments: &[&str], code| {
        world.cutover().env("CUTOVER_CONFIG", config).args(arguments.iter().copied()).run_expecting(code)
    };
    let good = movement.quick_plan("", "1h");
    for (what, spoilt, code) in [
        ("a gate that must hold", movement.quick_plan("switch-primary = \"auto-advance\"", "1h"), "C120"),
        ("tables that may not be dropped", good.replace("\"rename\"", "\"drop\""), "C121"),
    ] {
        world.write("workflow.toml", &spoilt);
        for arguments in [["plan"].as_slice(), &["apply", "--yes"]] {
            let said = with(arguments, 4);
            assert!(said.stderr.contains(code) || said.stdout.contains(code), "{what}: {said}");
        }
    }
    assert!(movement.routing_rules().is_empty() && !world.folder().join("workflow.lock").exists(), "nothing was begun");
    world.write("workflow.toml", &good);
    with(&["plan"], 0);
}
