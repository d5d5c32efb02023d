//! `apply` is killed at moments spread over its run, and run again: the same end, nothing twice, nothing lost.

use std::thread;
use std::time::{Duration, Instant};

use super::movement::auto_advance;
use super::support::{Application, Case, Movement, Shape, World};

pub fn tests() -> Vec<Case> {
    type Test = (&'static str, fn(&World));
    let tests: [Test; 5] = [
        ("killed_before_and_in_create", killed_before_and_in_create),
        ("killed_while_rows_move", killed_while_rows_move),
        ("killed_in_the_primary_switch", killed_in_the_primary_switch),
        ("killed_at_the_end", killed_at_the_end),
        ("a_switch_back_is_killed", a_switch_back_is_killed),
    ];
    tests.into_iter().map(|(name, test)| Case::new(name, test).limit_seconds(900)).collect()
}

/// After this text, and so many milliseconds later.
type Moment = (&'static str, u64);

fn killed_before_and_in_create(world: &World) {
    survives(world, &[("pre-check is done", 0), ("create workflow", 0), ("create workflow", 100), ("create is done", 0)]);
}

fn killed_while_rows_move(world: &World) {
    survives(world, &[("start the streams", 0), ("compare every row", 0), ("switch rdonly", 0), ("switch replica", 0)]);
}

fn killed_in_the_primary_switch(world: &World) {
    survives(
        world,
        &[
            ("switch primary", 0),
            ("switch primary", 100),
            ("switch primary", 300),
            ("switch primary", 600),
            ("switch primary", 1200),
            ("switch primary", 1800),
        ],
    );
}

fn killed_at_the_end(world: &World) {
    survives(
        world,
        &[
            ("switch-primary is done", 0),
            ("revert-window is done", 0),
            ("complete `", 0),
            ("complete `", 60),
            ("remove 18", 0),
            ("remove 18", 30),
        ],
    );
}

/// One movement for all moments: forward is killed and ended; then everything is at the start again under a fresh name.
fn survives(world: &World, moments: &[Moment]) {
    for (index, moment) in moments.iter().enumerate() {
        let movement = Movement::prepare(world, &Shape { rows: 100, ..Shape::default() });
        let lock = world.folder().join("workflow.lock");
        // The movement before has left its record; this one begins its own.
        std::fs::remove_file(&lock).ok();
        movement.write_plan(world, &auto_advance(1, "rename"));
        let began = Instant::now();
        let application = Application::start(&movement, world.cluster);
        let to_the_end = ["apply", "--yes", "--wait", "--until", "complete"];
        let finish = |application: Application| application.finish().assert_nothing_lost("customer");
        let kill = |arguments: &[&'static str]| {
            let run = world.cutover().args(arguments.iter().copied()).limit_seconds(200).spawn();
            run.wait_for_text(moment.0);
            // This is the moment's own time, not a wait for something.
            thread::park_timeout(Duration::from_millis(moment.1));
            run.kill()
        };
        if moment.0.starts_with("remove") {
            // Without rules the application's names lead nowhere: it ends before.
            world.cutover().args(to_the_end).limit_seconds(200).run_expecting(0);
            finish(application);
            kill(&["apply", "--wait"]);
        } else {
            let killed = kill(&to_the_end);
            let again = world.cutover().args(to_the_end).limit_seconds(200).run();
            assert_eq!(again.code, Some(0), "after {moment:?}\nfirst {killed}\nthen {again}");
            finish(application);
        }
        world.cutover().args(["apply", "--wait"]).run_expecting(0);
        let record = std::fs::read_to_string(&lock).expect("the record");
        for verb in ["create-move-tables", "complete-move-tables"] {
            let done = done_attempts(&record, verb);
            assert_eq!(done, 1, "{verb} happened once after {moment:?}\n{record}");
        }
        assert!(movement.routing_rules().is_empty(), "moment {index}");
        eprint!("{moment:?} {:.0} s, ", began.elapsed().as_secs_f32());
    }
}

/// How many attempts of a verb are on record as done.
fn done_attempts(record: &str, verb: &str) -> usize {
    let value: toml::Table = record.parse().expect("the record is TOML");
    let entries = value["entry"].as_array().expect("entries");
    let of =
        |entry: &toml::Value, key: &str| entry.get("what").and_then(|what| what.get(key)).or_else(|| entry.get(key)).cloned();
    let text =
        |entry: &toml::Value, key: &str| of(entry, key).and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default();
    let attempts: Vec<i64> = entries
        .iter()
        .filter(|entry| {
            of(entry, "mutation").is_some_and(|mutation| mutation.get("verb").and_then(toml::Value::as_str) == Some(verb))
        })
        .filter_map(|entry| of(entry, "attempt").and_then(|attempt| attempt.as_integer()))
        .collect();
    entries
        .iter()
        .filter(|entry| text(entry, "result") == "done")
        .filter(|entry| {
            of(entry, "attempt").and_then(|attempt| attempt.as_integer()).is_some_and(|attempt| attempts.contains(&attempt))
        })
        .count()
}

fn a_switch_back_is_killed(world: &World) {
    let movement = Movement::prepare(world, &Shape { rows: 100, ..Shape::default() });
    movement.write_plan(world, &auto_advance(3600, "rename"));
    let application = Application::start(&movement, world.cluster);
    world.cutover().args(["apply", "--yes"]).limit_seconds(200).run_expecting(3);
    let back = world.cutover().args(["switch-back"]).spawn();
    back.wait_for_text("switch primary traffic");
    thread::park_timeout(Duration::from_millis(200));
    back.kill();
    let again = world.cutover().args(["apply"]).limit_seconds(200).run_expecting(3);
    assert!(again.stderr.contains("switched back"), "{again}");
    application.wait_for_writes(100);
    application.finish().assert_nothing_lost("commerce");
    assert_eq!(world.cluster.vtctl().denied_tables("commerce", "0"), [""; 0]);
    world.cutover().args(["cancel", "--confirm", &movement.workflow]).run_expecting(0);
}
