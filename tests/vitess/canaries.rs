//! What stands in rows stays in the database: Vitess quotes rows in its errors and reports, and nothing of that is said or kept again.

use std::fs;
use std::path::Path;
use std::time::Duration;

use super::support::program::Output;
use super::support::{Case, Movement, Shape, World, cases, wait};

pub fn tests() -> Vec<Case> {
    let cases = cases![rows_in_errors_of_streams, rows_in_reports_of_vdiffs];
    cases.into_iter().map(|case| case.limit_seconds(400)).collect()
}

/// Stands in rows, and nowhere else.
const CANARY: &str = "kanarienvogel";

fn assert_unsung(text: &str, what: &str) {
    let line = text.lines().find(|line| line.contains(CANARY));
    assert!(line.is_none(), "{what}: a row got out: {line:?}");
}

fn assert_output_unsung(output: &Output, what: &str) {
    assert_unsung(&output.stdout, what);
    assert_unsung(&output.stderr, what);
}

/// Every file of the test's folder: the record, what is kept beside it, what each run has said.
fn assert_files_unsung(folder: &Path) {
    for entry in fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()) {
        if entry.is_dir() {
            assert_files_unsung(&entry);
        } else {
            assert_unsung(&String::from_utf8_lossy(&fs::read(&entry).expect("a file")), &entry.display().to_string());
        }
    }
}

/// What people and programs look at, with all the log that there is.
fn look(world: &World) {
    for command in ["status", "plan", "history", "doctor"] {
        for format in ["human", "json"] {
            let output = world.cutover().args([command, "--format", format, "-vv"]).run();
            assert_output_unsung(&output, command);
        }
    }
    for command in
        [&["plan", "--format", "markdown"][..], &["history", "--format", "markdown"], &["snapshot", "--out", "facts.json"]]
    {
        assert_output_unsung(&world.cutover().args(command.iter().copied()).run(), command[0]);
    }
    assert_files_unsung(world.folder());
}

fn rows_in_errors_of_streams(world: &World) {
    let movement = Movement::prepare(world, &Shape { rows: 20, tables: 1, ..Shape::default() });
    world.write("workflow.toml", &movement.quick_plan("policy = \"auto-advance\"", "1h"));
    world.cutover().args(["apply", "--yes", "--until", "copy"]).limit_seconds(200).run_expecting(0);
    let row = format!("insert into {} (id, token, note) values (9001, '{CANARY}-token', '{CANARY}')", movement.tables[0]);
    // It is in the copy already, so the stream that brings it fails.
    world.cluster.execute_primaries("customer", &row);
    world.cluster.execute_primaries("commerce", &row);
    let mut sung = String::new();
    wait::until_true(Duration::from_secs(60), "a stream fails at the row", || {
        sung = movement.forward_streams("message").join("\n");
        sung.contains("Duplicate entry")
    });
    let run = world.cutover().args(["apply", "--until", "verify", "-vv"]).limit_seconds(200).spawn();
    wait::until_true(Duration::from_secs(100), "the run says that a stream fails", || {
        run.output().stderr.contains("Duplicate entry") || run.is_zombie()
    });
    assert_output_unsung(&run.kill(), "apply");
    look(world);
    let status = world.cutover().args(["status"]).run_expecting(0);
    assert!(
        status.stdout.contains("Duplicate entry '…'") || status.stdout.contains("errno 1062"),
        "it says what failed: {status}"
    );
    eprint!("(Vitess {} the row) ", if sung.contains(CANARY) { "quotes" } else { "does not quote" });
    assert_output_unsung(&world.cutover().args(["cancel", "--confirm", &movement.workflow, "-vv"]).run(), "cancel");
    assert_files_unsung(world.folder());
}

fn rows_in_reports_of_vdiffs(world: &World) {
    let movement = Movement::prepare(world, &Shape { rows: 20, tables: 1, ..Shape::default() });
    world.write("workflow.toml", &movement.quick_plan("policy = \"auto-advance\"", "1h"));
    world.cutover().args(["apply", "--yes", "--until", "copy"]).limit_seconds(200).run_expecting(0);
    let table = &movement.tables[0];
    world.cluster.execute_primaries("customer", &format!("update {table} set note = '{CANARY}' where id <= 3"));
    let stopped = world.cutover().args(["apply", "--until", "verify", "-vv"]).limit_seconds(200).run_expecting(4);
    assert_output_unsung(&stopped, "apply");
    assert!(stopped.stderr.contains("3 rows differ"), "{stopped}");
    let reports =
        world.cluster.query_primaries::<String>("customer", "select ifnull(report, '') from _vt.vdiff_table").join("\n");
    assert!(reports.contains("MismatchedRows"), "Vitess has made a report: {reports}");
    eprint!("(the reports {} the row) ", if reports.contains(CANARY) { "quote" } else { "don't quote" });
    look(world);
    assert_output_unsung(&world.cutover().args(["cancel", "--confirm", &movement.workflow, "-vv"]).run(), "cancel");
    assert_files_unsung(world.folder());
}
