//! The record on a real cluster: what is spoilt, foreign or gone stops everything; what is edited in flight counts as it is meant to.

use std::path::PathBuf;

use super::support::{Case, Movement, Shape, World, cases};

pub fn tests() -> Vec<Case> {
    cases![a_spoilt_lockfile_stops_everything, a_lost_lockfile_is_no_fresh_start, an_edit_in_flight]
}

fn movement_held(world: &World) -> (Movement, PathBuf) {
    let movement = Movement::prepare(world, &Shape { rows: 100, ..Shape::default() });
    world.write("workflow.toml", &movement.quick_plan("", "1h"));
    world.cutover().args(["apply", "--yes", "--until", "create"]).run_expecting(0);
    (movement, world.folder().join("workflow.lock"))
}

/// What a stopped run must leave alone.
fn cluster_now(movement: &Movement) -> (Vec<(String, String)>, Vec<String>) {
    let ids = movement.forward_streams("cast(id as char)");
    assert_eq!(ids.len(), 2, "the streams that create made, not started");
    (movement.routing_rules(), ids)
}

fn a_spoilt_lockfile_stops_everything(world: &World) {
    let (movement, lock) = movement_held(world);
    let good = std::fs::read_to_string(&lock).expect("the record");
    let before = cluster_now(&movement);
    let last_entry = good.rfind("[[entry]]").expect("entries");
    let (head, tail) = good.split_at(last_entry);
    let back = "cp .cutover/workflow.lock.last workflow.lock";
    let spoilt: [(&str, String, &str, &str); 6] = [
        ("empty", String::new(), "is empty", back),
        ("cut in the middle", good[..good.len() / 2].to_owned(), "the rest of it is missing", back),
        ("edited", good.replacen("create", "creat3", 1), "does not match its checksum", back),
        (
            "conflicted",
            format!("{head}<<<<<<< HEAD\n{tail}=======\n{tail}>>>>>>> other\n"),
            "conflict marker of a merge",
            "git checkout --ours -- ",
        ),
        (
            "newer",
            good.replacen("format = 1", "format = 2", 1),
            "has format 2, and this version reads format 1",
            "go on with cutover",
        ),
        ("something else", "hello\n".to_owned(), "is not a lockfile", "record-dir"),
    ];
    for (what, bytes, problem, way_out) in spoilt {
        assert_ne!(bytes, good, "{what} is another text");
        std::fs::write(&lock, &bytes).expect("the test's own file");
        for command in [
            ["apply", "--yes"].as_slice(),
            &["switch-back"],
            &["approve", "switch-replicas", "--reason", "text"],
            &["cancel", "--confirm", &movement.workflow],
        ] {
            let said = world.cutover().args(command.iter().copied()).run_expecting(65);
            let flat = said.stderr.split_whitespace().collect::<Vec<_>>().join(" ").replace("./", "");
            assert!(flat.contains(problem), "{what}: {problem:?} is not in {said}");
            assert!(flat.contains(way_out), "{what}: {way_out:?} is not in {said}");
        }
        assert_eq!(std::fs::read_to_string(&lock).expect("the record"), bytes, "{what}: it is left as it is found");
        assert_eq!(cluster_now(&movement), before, "{what}: nothing was sent");
    }
    // The way out that it names is one.
    std::fs::copy(world.folder().join(".cutover/workflow.lock.last"), &lock).expect("the last good one");
    assert_eq!(std::fs::read_to_string(&lock).expect("the record"), good);
    world.cutover().args(["cancel", "--confirm", &movement.workflow]).run_expecting(0);
}

fn a_lost_lockfile_is_no_fresh_start(world: &World) {
    let (movement, lock) = movement_held(world);
    let last = world.folder().join(".cutover/workflow.lock.last");
    let good = std::fs::read(&lock).expect("the record");
    let before = cluster_now(&movement);
    std::fs::remove_file(&lock).expect("the record");
    for command in [["apply", "--yes"].as_slice(), &["apply", "--yes", "--wait"], &["apply", "--yes", "--until", "create"]] {
        let said = world.cutover().args(command.iter().copied()).run_expecting(4);
        let flat = said.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(flat.contains("exists, and this record did not create it"), "{said}");
        assert!(flat.contains("workflow.lock.last"), "it names the copy: {said}");
        assert!(!lock.exists(), "no new record is begun over a living workflow");
        assert!(std::fs::read(&last).expect("the copy") == good, "the last copy of the record is left alone");
        assert_eq!(cluster_now(&movement), before, "nothing was sent");
    }
    // A folder that has never had a record names no copy.
    std::fs::remove_dir_all(world.folder().join(".cutover")).expect("the test's own folder");
    let said = world.cutover().args(["apply", "--yes"]).run_expecting(4);
    assert!(said.stderr.contains("not ours to touch") && !said.stderr.contains(".last"), "{said}");

    // Another movement's lockfile is not taken for ours.
    std::fs::write(&lock, &good).expect("the record");
    let plan = movement.quick_plan("", "1h").replace(&format!("workflow = \"{}\"", movement.workflow), "workflow = \"another\"");
    world.write("workflow.toml", &plan);
    let said = world.cutover().args(["apply", "--yes"]).run_expecting(7);
    assert!(said.stderr.contains(&movement.workflow) && said.stderr.contains("another"), "{said}");
    assert!(std::fs::read(&lock).expect("the record") == good);
}

fn an_edit_in_flight(world: &World) {
    let movement = Movement::prepare(world, &Shape { rows: 100, ..Shape::default() });
    let write = |gates: &str| world.write("workflow.toml", &movement.quick_plan(gates, "1h"));
    let apply = |arguments: &[&str], code| world.cutover().args(["apply"]).args(arguments.iter().copied()).run_expecting(code);
    let approve = |gate: &str| {
        world.cutover().env("USER", "alice").args(["approve", gate, "--reason", "reviewed"]).run_expecting(0);
    };
    write("");
    apply(&["--yes", "--until", "verify"], 0);
    let at_source = |movement: &Movement| movement.routing_rules().iter().all(|(_, to)| to.starts_with("commerce."));
    assert!(at_source(&movement), "--until verify switches nothing: {:?}", movement.routing_rules());
    let said = apply(&["--finish-only"], 0);
    assert!(said.stderr.contains("nothing stands half way"), "{said}");
    let serials =
        || std::fs::read_to_string(world.folder().join("workflow.lock")).expect("the record").matches("[[entry]]").count();
    let count = serials();
    apply(&["--finish-only"], 0);
    assert_eq!(serials(), count, "--finish-only with nothing to finish writes nothing");

    // What is frozen.
    let frozen = movement.quick_plan("", "1h").replace(&format!(", \"{}\"", movement.tables[1]), "");
    world.write("workflow.toml", &frozen);
    let said = apply(&[], 7);
    assert!(said.stderr.contains("move-tables.tables") && said.stderr.contains("can't be edited any more"), "{said}");
    assert!(at_source(&movement));

    // A gate may be edited: its approval is void, that of the other gate stands.
    write("");
    approve("switch-replicas");
    approve("switch-primary");
    let gate = |window: &str| {
        format!("[gates.switch-primary]\npolicy = \"operator-hold\"\nwindows = [\"{window}\"]\ntime-zone = \"UTC\"")
    };
    write(&gate("2020-01-01 00:00/2020-01-01 02:00"));
    let said = apply(&[], 7);
    assert!(said.stderr.contains("switch-replicas is done"), "the other gate's approval stands: {said}");
    assert!(said.stderr.contains("the plan file was edited after alice approved"), "{said}");
    assert!(said.stderr.contains("cutover approve switch-primary"), "{said}");
    approve("switch-primary");
    let said = apply(&[], 3);
    assert!(said.stderr.contains("all its windows have passed"), "{said}");

    write(&gate("2099-03-04 05:00/2099-03-04 07:00"));
    apply(&[], 7);
    approve("switch-primary");
    let said = apply(&[], 3);
    assert!(said.stderr.contains("2099-03-04") && said.stderr.contains("05:00"), "it says when the window opens: {said}");
    assert_eq!(world.cluster.vtctl().denied_tables("commerce", "0"), [""; 0], "the primary is not switched");
    world.cutover().args(["cancel", "--confirm", &movement.workflow]).run_expecting(0);
}
