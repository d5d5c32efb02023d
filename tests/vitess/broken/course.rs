//! One fault from its beginning to the end: to the point, the kill, and back to a whole cluster; with the program under test, or by hand.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::bench::{self, Bench};
use super::operation::Operation;
use super::points::Point;
use super::row::{ByHand, Row};
use crate::support::program::Output;
use crate::support::{Application, Movement, Shape, World, wait};

/// What is done beside the kill of vtctld.
#[derive(Debug, Clone, Copy)]
pub struct Variant {
    /// vtctld is started again so late.
    pub restart_after: Duration,
    /// The program under test dies with it, and is run again as `apply --finish-only`.
    pub kills_cutover: bool,
    /// The operator's file says where etcd is.
    pub topo: bool,
}

impl Variant {
    pub fn words(self) -> String {
        let Self { restart_after, kills_cutover, topo } = self;
        let restart = if restart_after.is_zero() { "at once".to_owned() } else { format!("after {} s", restart_after.as_secs()) };
        let cutover = if kills_cutover { "cutover killed too" } else { "cutover goes on" };
        format!("vtctld restarted {restart}, {cutover}{}", if topo { ", topo configured" } else { "" })
    }
}

/// A point may not come, and what was begun may not end: both are results, and the next one must find a clean cluster.
pub fn run(world: &World, point: &Point, variant: Variant) -> Row {
    let begin = Instant::now();
    let outcome = catch_unwind(AssertUnwindSafe(|| break_and_mend(&world.another(), point, variant)));
    let mut row = outcome.unwrap_or_else(|panic| {
        world.cluster.heal();
        Row::failed(point, variant, words_of(panic.as_ref()))
    });
    row.took_seconds = begin.elapsed().as_secs();
    row
}

/// What a panic has said.
pub fn words_of(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_default()
}

/// So many commands are tried until the operation has ended.
const TRIES: usize = 8;

fn break_and_mend(world: &World, point: &Point, variant: Variant) -> Row {
    let operation = point.operation;
    let movement = Movement::prepare(world, &Shape { rows: 200, ..Shape::default() });
    movement.write_plan(world, &operation.plan());
    let application = Application::start_slowly(&movement, world.cluster);
    let mut bench = Bench::new(world, &movement);
    operation.bring(&bench);

    point.arm(&mut bench);
    let run = bench.cutover(variant.topo).args(operation.command(&movement.workflow)).limit_seconds(600).spawn();
    point.reach(&mut bench);
    // The point is held no longer than it takes to come to it: what is looked at afterwards is what the dead one left.
    bench.stop_vtctld();
    let cutover = if variant.kills_cutover {
        run.kill();
        None
    } else {
        Some(run)
    };
    bench.kill_vtctld();
    let killed_at = Instant::now();
    let acknowledged = application.acknowledged();
    // Another vtctld is there for the operator.
    let status = world.cutover().args(["status", "--format", "json"]).spawn();
    let (seen, writes_flow, restarted_after) = thread::scope(|scope| {
        // "At once" is at once: what was left is looked at beside it. The program under test looks for some seconds before it acts.
        let restart = scope.spawn(|| {
            wait::until_true(Duration::from_secs(60), "the time of the fault", || killed_at.elapsed() >= variant.restart_after);
            world.cluster.restart(bench::NAME);
            killed_at.elapsed()
        });
        let seen = bench.observe();
        // To look takes about a second. Some writes may have been under way.
        let writes_flow = application.acknowledged() >= acknowledged + 20;
        (seen, writes_flow, restart.join().expect("a vtctld that starts"))
    });
    // While the source's tables are renamed the application writes at the target, and a reverse stream may meet that.
    let shows = seen.replace("reverse error error", "reverse run run");
    assert_eq!(shows, point.shows, "the point {:?} of {:?} is not where it was", point.name, operation);
    let status = status.wait();

    let mut row = Row::of(point, variant);
    row.seen = seen;
    row.writes_flowed = writes_flow;
    row.seconds_to_the_restart = restarted_after.as_secs_f64();
    row.status = status_words(&status);
    let mut last = match cutover {
        Some(run) => run.wait(),
        None => finish_only(&bench, variant),
    };
    let mut runs = vec![];
    note(&mut row, &mut runs, &last, killed_at);
    while !is_at(&bench.observe(), operation) && row.exit_codes.len() < TRIES {
        // What only a human can do, when the program has said its last word.
        if !variant.topo
            && row.exit_codes.last() != Some(&Some(3))
            && world.cluster.locks().iter().any(|lock| lock.contains("/named_locks/"))
        {
            world.cluster.unlock_named();
            row.human_unlocked = true;
        }
        if let Some(approval) = operation.approval(&last) {
            bench.cutover(variant.topo).args(approval).run();
            row.approvals += 1;
        }
        last = bench.cutover(variant.topo).args(operation.command(&movement.workflow)).limit_seconds(600).run();
        note(&mut row, &mut runs, &last, killed_at);
    }
    row.end = bench.observe();
    row.is_whole = is_at(&row.end, operation);
    row.seconds_to_the_end = killed_at.elapsed().as_secs_f64();
    let ended_at = Instant::now();
    let serves = operation.serves_at_the_end();
    let flows_at_the_end = do_writes_flow(&application);
    let report = application.finish();
    row.seconds_without_writes = report.longest_write_pause_within(killed_at, ended_at).as_secs_f64();
    row.writes_failed = report.failed;
    row.writes_acknowledged = report.acknowledged;
    row.wrong_rows = report.differences(serves);
    if !flows_at_the_end {
        row.wrong_rows.push("no write is acknowledged at the end".to_owned());
    }
    let again = finish_only(&bench, variant);
    row.again = if again.code == Some(0) && again.stderr.contains("nothing stands half way") {
        "nothing to do".to_owned()
    } else {
        format!("exit {:?}: {}", again.code, last_lines(&again))
    };
    row.said = runs;
    row
}

/// Whether all is as at the end of the operation. Journals are no part of it: one of two is as good as both when all else is done, for
/// the streams that come after have other ids.
pub fn is_at(shown: &str, operation: Operation) -> bool {
    let others =
        |line: &str| line.split(" | ").filter(|part| !part.starts_with("journal")).map(str::to_owned).collect::<Vec<_>>();
    others(shown) == others(operation.goal())
}

/// The state and the situation of a status; what it said when it has none.
pub fn status_words(status: &Output) -> String {
    let state = serde_json::from_str::<serde_json::Value>(&status.stdout).ok();
    let words = |status: serde_json::Value| Some(format!("{}: {}", status["state"].as_str()?, status["situation"].as_str()?));
    state.and_then(words).unwrap_or_else(|| format!("exit {:?}: {} {}", status.code, status.stdout, last_lines(status)))
}

fn finish_only(bench: &Bench, variant: Variant) -> Output {
    bench.cutover(variant.topo).args(["apply", "--finish-only"]).limit_seconds(600).run()
}

fn note(row: &mut Row, runs: &mut Vec<String>, output: &Output, since: Instant) {
    row.exit_codes.push(output.code);
    runs.push(format!("{:.0} s: {}: exit {:?}: {}", since.elapsed().as_secs_f32(), output.what, output.code, last_lines(output)));
}

/// What it said, in one line: its beginning is the header, its end the ways on.
fn last_lines(output: &Output) -> String {
    let lines: Vec<&str> = output.stderr.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    lines[lines.len().saturating_sub(24)..].join(" / ")
}

/// Whether the application is served: some writes within two seconds.
fn do_writes_flow(application: &Application) -> bool {
    let (begin, before) = (Instant::now(), application.acknowledged());
    let mut flows = false;
    wait::until_true(Duration::from_secs(10), "two seconds of writing", || {
        // The first ones may have been under way.
        flows = application.acknowledged() >= before + 20;
        flows || begin.elapsed() > Duration::from_secs(2)
    });
    flows
}

/// No longer than this is waited for writes that don't come back.
const CAP: Duration = Duration::from_secs(180);
const CALLS: usize = 3;

/// The same fault without the program under test: an operator with vtctldclient makes the same call again, three times.
pub fn run_by_hand(world: &World, point: &Point) -> ByHand {
    let outcome = catch_unwind(AssertUnwindSafe(|| break_by_hand(&world.another(), point)));
    let hand = outcome.unwrap_or_else(|panic| {
        world.cluster.heal();
        ByHand { said: format!("not reached: {}", words_of(panic.as_ref())), ..ByHand::default() }
    });
    ByHand { operation: point.operation.name().to_owned(), point: point.name.to_owned(), ..hand }
}

fn break_by_hand(world: &World, point: &Point) -> ByHand {
    let operation: Operation = point.operation;
    let movement = Movement::prepare(world, &Shape { rows: 200, ..Shape::default() });
    movement.write_plan(world, &operation.plan());
    let application = Application::start_slowly(&movement, world.cluster);
    let mut bench = Bench::new(world, &movement);
    operation.bring(&bench);
    if operation == Operation::SwitchPrimaryBack {
        // The program under test moves the reads back first; so does who knows what he does.
        let back =
            operation_by_hand(&bench, &["reversetraffic".to_owned(), "--tablet-types".to_owned(), "rdonly,replica".to_owned()]);
        assert!(wait_for(back), "the reads go back");
    }
    let words = operation.by_hand(&movement.tables.join(","));
    point.arm(&mut bench);
    let mut first = operation_by_hand(&bench, &words);
    point.reach(&mut bench);
    bench.kill_vtctld();
    let killed_at = Instant::now();
    first.wait().expect("a client that ends");
    bench.restart_vtctld();
    let mut hand = ByHand::default();
    for _ in 0..CALLS {
        let mut call = vec!["MoveTables", "--workflow", &movement.workflow, "--target-keyspace", "customer"];
        call.extend(words.iter().map(String::as_str));
        let outcome = world.cluster.vtctl().at(bench.vtctld()).attempt(&call);
        hand.calls += 1;
        hand.succeeded = outcome.is_ok();
        let said = outcome.unwrap_or_else(|said| said);
        hand.said = last_message(&said);
        if hand.succeeded {
            break;
        }
    }
    wait::until_true(CAP + Duration::from_secs(60), "writes, or the end of patience", || {
        do_writes_flow(&application) || killed_at.elapsed() >= CAP
    });
    hand.writes_flow = do_writes_flow(&application);
    hand.end = bench.observe();
    hand.is_whole = is_at(&hand.end, operation);
    let ended_at = Instant::now();
    // What was refused stays refused: the application is not waited for.
    world.cluster.unlock();
    hand.seconds_without_writes = if hand.writes_flow {
        application.finish().longest_write_pause_within(killed_at, ended_at).as_secs_f64()
    } else {
        CAP.as_secs_f64()
    };
    hand
}

/// The last line of vtctldclient; of a line of its log in JSON, the message.
fn last_message(said: &str) -> String {
    let line = said.lines().rfind(|line| !line.trim().is_empty()).unwrap_or_default();
    let logged = serde_json::from_str::<serde_json::Value>(line).ok();
    logged.and_then(|it| it["msg"].as_str().map(str::to_owned)).unwrap_or_else(|| line.to_owned())
}

fn operation_by_hand(bench: &Bench, words: &[String]) -> Child {
    let mut command = Command::new(bench.world.cluster.vtctl().program());
    command.args(["--server", bench.vtctld(), "MoveTables", "--workflow", &bench.movement.workflow]);
    command.args(["--target-keyspace", "customer"]).args(words);
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("vtctldclient")
}

fn wait_for(mut child: Child) -> bool {
    child.wait().is_ok_and(|status| status.success())
}
