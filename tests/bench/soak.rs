//! Many movements, there and back, on one cluster: nothing may grow. Only when it is asked for by name, for it takes an hour.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Instant;

use super::context::Context;
use super::figure::{Figure, Limit};
use super::plot::{Plot, svg};
use super::statistics::median;
use super::support::{Application, Cluster, Movement, Program, Shape, World};

/// `CUTOVER_SOAK`
const MOVEMENTS: usize = 200;

/// `record::compact`'s bound, which the last append before it may cross.
const COMPACTED_ABOVE_KILOBYTES: f64 = 100.0;

/// What one movement, there and back, has left and taken.
#[derive(Debug, Clone, Copy)]
struct Turn {
    seconds: f64,
    /// The peaks of the run that went there.
    memory_megabytes: f64,
    handles: f64,
    lockfile_kilobytes: f64,
    /// Keys of the topology, without locks.
    topology_keys: f64,
    vtctld_handles: f64,
}

pub fn figures(context: &Context) -> Vec<Figure> {
    let cluster = context.cluster.expect("this family needs one");
    let wanted = std::env::var("CUTOVER_SOAK").ok().and_then(|count| count.parse().ok()).unwrap_or(MOVEMENTS);
    let world = World::on(cluster);
    let movement = Movement::prepare(&world, &Shape { rows: 500, ..Shape::default() });
    world.write("workflow.toml", &movement.quick_plan("policy = \"operator-hold\"", "1h"));
    let keys_before = topology_keys(cluster);
    world.cutover().args(["apply", "--yes", "--until", "copy"]).limit_seconds(300).run_expecting(0);
    let application = Application::start_slowly(&movement, cluster);
    let mut turns = Vec::new();
    for number in 1..=wanted {
        turns.push(turn(&world, cluster));
        eprintln!("  {number}: {:?}", turns.last());
        publish(cluster, &turns);
    }
    application.wait_for_writes(50);
    let report = application.finish();
    report.assert_nothing_lost("commerce");
    world.cutover().args(["cancel", "--confirm", &movement.workflow, "--reason", "measured"]).limit_seconds(300).run_expecting(0);
    let keys_after = topology_keys(cluster);
    let growth = |name: &str, unit: &str, of: fn(&Turn) -> f64| {
        let part = wanted.min(20);
        let (first, last) = (median(turns[..part].iter().map(of)), median(turns[wanted - part..].iter().map(of)));
        Figure::new(format!("{name}, the last {part} of {wanted} movements beside the first {part}"), unit, last)
            .by_hand(first)
            .limit(Limit::TimesByHand(1.2))
    };
    let largest_lockfile = turns.iter().map(|turn| turn.lockfile_kilobytes).fold(0.0, f64::max);
    vec![
        growth("peak memory", "MB", |turn| turn.memory_megabytes),
        growth("open handles", "handles", |turn| turn.handles),
        // It grows until it is compacted, and then again: its first and last ones are not alike, and all are bounded.
        Figure::new(format!("the largest lockfile of {wanted} movements"), "KB", largest_lockfile)
            .limit(Limit::AtMost(COMPACTED_ABOVE_KILOBYTES * 1.05))
            .note("compacted when it is above 100 KB"),
        growth("time of a movement, there and back", "s", |turn| turn.seconds),
        growth("vtctld's open handles", "handles", |turn| turn.vtctld_handles),
        Figure::new(format!("keys in the topology after {wanted} movements and a cancel, beside before"), "keys", keys_after)
            .by_hand(keys_before)
            .limit(Limit::TimesByHand(1.0))
            .note(format!("{} writes of an application meanwhile, {} failed, none lost", report.acknowledged, report.failed)),
    ]
}

fn turn(world: &World, cluster: &Cluster) -> Turn {
    let begun = Instant::now();
    let run = |arguments: &[&str]| watched(world.cutover().args(arguments.iter().copied()).limit_seconds(300));
    let there = [
        run(&["apply", "--approve", "switch-replicas", "--reason", "soak", "--until", "switch-replicas", "--wait"]),
        run(&["apply", "--approve", "switch-primary", "--reason", "soak", "--until", "switch-primary", "--wait"]),
        run(&["switch-back", "--reason", "soak"]),
    ];
    let most = |of: fn(&(f64, f64)) -> f64| there.iter().map(of).fold(0.0, f64::max);
    let lockfile = std::fs::metadata(world.folder().join("workflow.lock")).expect("the record").len();
    Turn {
        seconds: begun.elapsed().as_secs_f64(),
        memory_megabytes: most(|it| it.0),
        handles: most(|it| it.1),
        lockfile_kilobytes: lockfile as f64 / 1000.0,
        topology_keys: topology_keys(cluster),
        vtctld_handles: handles(&cluster.pid("vtctld")),
    }
}

/// Runs it to its end, which must be good, and gives the most memory (MB) and handles that were seen.
fn watched(program: Program) -> (f64, f64) {
    let mut run = program.spawn();
    let pid = run.pid().to_string();
    let (mut memory, mut most_handles) = (0.0_f64, 0.0_f64);
    while !run.has_ended() {
        memory = memory.max(peak_megabytes(&pid));
        most_handles = most_handles.max(handles(&pid));
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let ended = run.wait();
    assert_eq!(ended.code, Some(0), "{ended}");
    (memory, most_handles)
}

/// The peak of its resident memory until now; nothing when it has ended.
fn peak_megabytes(pid: &str) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    peak.and_then(|rest| rest.trim().trim_end_matches(" kB").parse::<f64>().ok()).map_or(0.0, |kilobytes| kilobytes / 1024.0)
}

fn handles(pid: &str) -> f64 {
    std::fs::read_dir(format!("/proc/{pid}/fd")).map_or(0.0, |entries| entries.count() as f64)
}

/// How many keys etcd has for this topology, without those of locks, which come and go.
fn topology_keys(cluster: &Cluster) -> f64 {
    cluster.topology_keys().iter().filter(|key| !key.contains("/locks/")).count() as f64
}

/// What was seen so far, so that a run that is broken off leaves what it had.
fn publish(cluster: &Cluster, turns: &[Turn]) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/long/results");
    let mut text = format!(
        "# {} movements there and back, on Vitess {}\n\nOne movement of two tables, switched to the target and back again and again while an application \
         writes; `tests/bench/run soak` writes this.\n\n| movement | seconds | memory MB | handles | lockfile KB | keys in the topology | \
         vtctld's handles |\n|---|---|---|---|---|---|---|\n",
        turns.len(),
        cluster.version()
    );
    for (index, turn) in turns.iter().enumerate().filter(|(index, _)| index % 10 == 0 || index + 1 == turns.len()) {
        let Turn { seconds, memory_megabytes, handles, lockfile_kilobytes, topology_keys, vtctld_handles } = turn;
        writeln!(
            text,
            "| {} | {seconds:.1} | {memory_megabytes:.1} | {handles:.0} | {lockfile_kilobytes:.0} | {topology_keys:.0} | {vtctld_handles:.0} |",
            index + 1
        )
        .expect("a string");
    }
    std::fs::write(folder.join("soak.md"), text).expect("a file of results");
    let points = |of: fn(&Turn) -> f64| -> Vec<(f64, f64)> {
        turns.iter().enumerate().map(|(index, turn)| ((index + 1) as f64, of(turn))).collect()
    };
    let (memory, lockfile) = (points(|turn| turn.memory_megabytes), points(|turn| turn.lockfile_kilobytes));
    let plot = |title, unit, points| Plot { title, unit, sizes: "movements", points, limit: None };
    std::fs::write(folder.join("soak.svg"), svg(&[plot("peak memory", "MB", &memory), plot("the lockfile", "KB", &lockfile)]))
        .expect("a file of results");
}
