//! `apply` is killed at moments spread over its run, and run again, and killed again: the same end, nothing twice, nothing lost.

use std::cell::RefCell;
use std::time::{Duration, Instant};

use mysql::Conn;
use mysql::prelude::Queryable;

use super::movement::auto_advance;
use super::support::program::Running;
use super::support::{Application, Case, Cluster, Movement, OnDrop, Shape, World, wait};

pub fn tests() -> Vec<Case> {
    type Test = (&'static str, fn(&World));
    let tests: [Test; 6] = [
        ("killed_while_rows_are_copied", killed_while_rows_are_copied),
        ("killed_before_and_in_each_switch", killed_before_and_in_each_switch),
        ("killed_deep_in_the_primary_switch", killed_deep_in_the_primary_switch),
        ("killed_as_the_primary_switch_is_sent", killed_as_the_primary_switch_is_sent),
        ("killed_between_two_renames", killed_between_two_renames),
        ("a_switch_back_is_killed", a_switch_back_is_killed),
    ];
    tests.into_iter().map(|(name, test)| Case::new(name, test).limit_seconds(900)).collect()
}

/// When a run is killed.
enum Moment {
    /// It has said this.
    Says(&'static str),
    /// The cluster shows this; or, where an earlier kill has left the work so far done that this never comes, the run has said
    /// that.
    Sees(&'static str, fn(&Eyes) -> bool, &'static str),
}
use Moment::{Says, Sees};

/// Looks at the cluster past the program, over connections that stand before they are needed.
struct Eyes {
    cluster: &'static Cluster,
    workflow: String,
    tables: Vec<String>,
    source: RefCell<Conn>,
    targets: [RefCell<Conn>; 2],
}

impl Eyes {
    fn new(world: &World, movement: &Movement) -> Self {
        let connect = |keyspace, shard| RefCell::new(world.cluster.connect_primary(keyspace, shard));
        let targets = ["-80", "80-"].map(|shard| connect("customer", shard));
        let (workflow, tables) = (movement.workflow.clone(), movement.tables.clone());
        Self { cluster: world.cluster, workflow, tables, source: connect("commerce", "0"), targets }
    }

    fn count(connection: &RefCell<Conn>, from: &str) -> u64 {
        let sql = format!("select count(*) from {from}");
        connection.borrow_mut().query_first(&sql).unwrap_or_else(|error| panic!("{sql}: {error}")).unwrap_or(0)
    }

    fn on_targets(&self, from: &str) -> u64 {
        self.targets.iter().map(|target| Self::count(target, from)).sum()
    }

    fn streams(&self) -> u64 {
        self.on_targets(&format!("_vt.vreplication where workflow = '{}'", self.workflow))
    }

    /// Some rows of a table are there and others are not.
    fn is_copying(&self) -> bool {
        let of = format!("(select id from _vt.vreplication where workflow = '{}')", self.workflow);
        self.on_targets(&format!("_vt.copy_state where vrepl_id in {of} and lastpk is not null")) > 0
    }

    fn is_compared(&self) -> bool {
        self.on_targets(&format!("_vt.vdiff where workflow = '{}' and state = 'started'", self.workflow)) > 0
    }

    fn is_denied_at_the_source(&self) -> bool {
        self.cluster.vtctl().denied_tables("commerce", "0").iter().any(|table| self.tables.contains(table))
    }

    fn is_locked(&self) -> bool {
        self.cluster.locks().iter().any(|lock| lock.contains("keyspaces/commerce"))
    }

    fn has_journal(&self) -> bool {
        Self::count(&self.source, &format!("_vt.resharding_journal where val like '%{}%'", self.workflow)) > 0
    }

    fn is_renamed(&self) -> bool {
        let tables = "information_schema.tables where table_schema = 'vt_commerce'";
        Self::count(&self.source, &format!("{tables} and table_name = '_{}_old'", self.tables[0])) > 0
    }
}

fn killed_while_rows_are_copied(world: &World) {
    let copying = || Sees("rows are being copied", Eyes::is_copying, "copy is done");
    survives(
        world,
        40_000,
        &[
            Says("pre-check is done"),
            Says("create workflow"),
            Sees("the streams are there", |eyes| eyes.streams() > 0, "create is done"),
            Says("start the streams"),
            copying(),
            copying(),
            Says("compare every row"),
            Says("complete `"),
        ],
        &[Says("remove 1")],
    );
}

fn killed_before_and_in_each_switch(world: &World) {
    survives(
        world,
        10_000,
        &[
            Says("create is done"),
            Sees("rows are compared", Eyes::is_compared, "verify is done"),
            Says("switch rdonly"),
            Says("switch replica"),
            Says("switch-replicas is done"),
            Sees("the source denies writes", Eyes::is_denied_at_the_source, "switch-primary is done"),
            Says("revert-window is done"),
            Says("complete `"),
        ],
        &[Says("remove 1")],
    );
}

/// Of two source tables one is renamed, and Vitess, asked again, stops at that one.
fn killed_between_two_renames(world: &World) {
    let movement = Movement::prepare(world, &Shape { rows: 100, ..Shape::default() });
    movement.write_plan(world, &auto_advance(1, "rename"));
    let application = Application::start(&movement, world.cluster);
    let eyes = Eyes::new(world, &movement);
    world.cutover().args(["apply", "--yes", "--wait", "--until", "switch-primary"]).limit_seconds(300).run_expecting(0);
    // Who reads the second table keeps it from being renamed, for as long as it takes to kill the run.
    let second = &movement.tables[1];
    let mut reader = world.cluster.connect_primary("commerce", "0");
    reader.query_drop("begin").unwrap();
    let _: Vec<u64> = reader.query(format!("select id from {second} limit 1")).unwrap();
    let run = world.cutover().args(["apply", "--wait", "--until", "complete"]).spawn();
    wait::until_true(Duration::from_secs(120), "a source table is renamed", || eyes.is_renamed() || run.is_zombie());
    let killed = run.kill();
    assert_eq!(killed.code, None, "{killed}");
    // The statement outlives its client, and vtctld may not have sent it yet: it must not find the table free. Who has given his locks
    // back sends none any more.
    wait::until_true(Duration::from_secs(60), "nobody renames any more", || {
        let is_over = !eyes.is_locked();
        let mut source = eyes.source.borrow_mut();
        let waiting = "select id from performance_schema.processlist where info like 'rename table%'";
        let waiting: Vec<u64> = source.query(waiting).unwrap();
        for id in &waiting {
            source.query_drop(format!("kill {id}")).ok();
        }
        is_over && waiting.is_empty()
    });
    reader.query_drop("rollback").unwrap();
    assert!(world.cluster.tables("commerce").contains(second), "the second one has its name");

    world.cutover().args(["apply", "--wait", "--until", "complete"]).limit_seconds(200).run_expecting(0);
    application.wait_for_writes(50);
    let report = application.finish();
    report.assert_nothing_lost("customer");
    world.cutover().args(["apply", "--wait"]).run_expecting(0);
    is_at_its_end(world, &movement);
    let record = std::fs::read_to_string(world.folder().join("workflow.lock")).expect("the record");
    assert_eq!(done_attempts(&record, "rename-tables"), 1, "the first one had its name back in between\n{record}");
    eprint!("({report}) ");
}

fn killed_deep_in_the_primary_switch(world: &World) {
    survives(
        world,
        100,
        &[
            Says("switch primary"),
            Sees("the source keyspace is locked", Eyes::is_locked, "switch-primary is done"),
            Says("switch-primary is done"),
        ],
        &[],
    );
}

fn killed_as_the_primary_switch_is_sent(world: &World) {
    survives(
        world,
        100,
        &[
            Sees("the switch has written its journal", Eyes::has_journal, "switch-primary is done"),
            Says("revert-window is done"),
            Says("complete `"),
        ],
        &[],
    );
}

/// One movement: each run is killed at its moment and the next run goes on, until one runs to the end. Moments `at_the_end` come
/// when the application has ended, for without rules its names lead nowhere.
fn survives(world: &World, rows: u64, moments: &[Moment], at_the_end: &[Moment]) {
    let vtctl = world.cluster.vtctl();
    let movement = Movement::prepare(world, &Shape { rows, ..Shape::default() });
    movement.write_plan(world, &auto_advance(1, "rename"));
    let application = Application::start(&movement, world.cluster);
    let eyes = Eyes::new(world, &movement);
    let copying_is_watched = moments.iter().any(|moment| matches!(moment, Sees("rows are being copied", ..)));
    if copying_is_watched {
        vtctl.slow_copying_down("customer", 0.7);
    }
    let _back = OnDrop(|| {
        if copying_is_watched {
            drop(vtctl.let_copying_run("customer"));
        }
    });
    let to_complete = ["apply", "--yes", "--wait", "--until", "complete"];
    let begin = |arguments: &[&'static str]| world.cutover().args(arguments.iter().copied()).limit_seconds(300).spawn();
    for moment in moments {
        kill_at(world, begin(&to_complete), moment, &eyes);
    }
    let last = begin(&to_complete);
    let_it_go_on(world, &last);
    let ended = last.wait();
    assert_eq!(ended.code, Some(0), "{ended}");
    application.wait_for_writes(50);
    let report = application.finish();
    report.assert_nothing_lost("customer");
    for moment in at_the_end {
        kill_at(world, begin(&["apply", "--wait"]), moment, &eyes);
    }
    world.cutover().args(["apply", "--wait"]).run_expecting(0);
    is_at_its_end(world, &movement);
    eprint!("({report}) ");
}

fn kill_at(world: &World, run: Running, moment: &Moment, eyes: &Eyes) {
    let began = Instant::now();
    let what = match moment {
        Says(text) => {
            wait_and_approve(world, &run, text, || false);
            *text
        }
        Sees(what, sees, or_says) => {
            wait_and_approve(world, &run, or_says, || sees(eyes));
            if run.output().stderr.contains(or_says) { or_says } else { what }
        }
    };
    let killed = run.kill();
    assert_eq!(killed.code, None, "it was killed at {what:?} and had not ended: {killed}");
    eprint!("{what:?} {:.0} s, ", began.elapsed().as_secs_f32());
}

/// Until the run has said the text or the cluster shows what is looked for. A switch that the kill before made vtctld roll back
/// wants an approval, whatever the policy: one attempt a release.
fn wait_and_approve(world: &World, run: &Running, text: &str, mut sees: impl FnMut() -> bool) {
    let mut is_approved = false;
    wait::until_true(Duration::from_secs(240), &format!("{text:?} is said or seen"), || {
        let said = run.output();
        if !is_approved && said.stderr.contains("held before switch-primary") {
            world.cutover().args(["approve", "switch-primary", "--reason", "once more"]).run_expecting(0);
            is_approved = true;
        }
        let is_there = said.stderr.contains(text) || sees();
        assert!(is_there || !run.is_zombie(), "it ended and never said {text:?}: {}", run.output());
        is_there
    });
}

fn let_it_go_on(world: &World, run: &Running) {
    wait_and_approve(world, run, "complete is done", || run.is_zombie());
}

fn is_at_its_end(world: &World, movement: &Movement) {
    let vtctl = world.cluster.vtctl();
    assert!(vtctl.workflow("customer", &movement.workflow).is_none());
    assert!(vtctl.workflow("commerce", &movement.reverse_workflow()).is_none());
    for (keyspace, shard) in [("commerce", "0"), ("customer", "-80"), ("customer", "80-")] {
        assert_eq!(vtctl.denied_tables(keyspace, shard), [""; 0], "{keyspace}/{shard}");
    }
    assert!(movement.routing_rules().is_empty());
    let source = world.cluster.tables("commerce");
    for table in &movement.tables {
        let left: Vec<&String> = source.iter().filter(|name| name.contains(table.as_str())).collect();
        let expected = [format!("_{table}_old"), format!("{table}_seq")];
        assert_eq!(left, expected.iter().collect::<Vec<_>>(), "renamed, once");
    }
    let record = std::fs::read_to_string(world.folder().join("workflow.lock")).expect("the record");
    for verb in ["create-move-tables", "complete-move-tables"] {
        assert_eq!(done_attempts(&record, verb), 1, "{verb} happened once\n{record}");
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
    let eyes = Eyes::new(world, &movement);
    let back = world.cutover().args(["switch-back"]).spawn();
    back.wait_for_text("switch primary traffic");
    wait::until_true(Duration::from_secs(60), "the switch is under way", || eyes.is_locked() || back.is_zombie());
    let killed = back.kill();
    assert_eq!(killed.code, None, "{killed}");
    let again = world.cutover().args(["apply"]).limit_seconds(200).run_expecting(3);
    assert!(again.stderr.contains("switched back"), "{again}");
    application.wait_for_writes(100);
    application.finish().assert_nothing_lost("commerce");
    assert_eq!(world.cluster.vtctl().denied_tables("commerce", "0"), [""; 0]);
    world.cutover().args(["cancel", "--confirm", &movement.workflow]).run_expecting(0);
}
