//! A real cluster is broken in the middle of everything, with `cutover` looking on.
//!
//! | module | one reason to change |
//! |---|---|
//! | [`operation`] | what can be broken, and how it is when it is whole |
//! | [`points`] | where a vtctld can die |
//! | [`bench`] | how a vtctld is stopped there |
//! | [`observed`] | what the cluster shows |
//! | [`course`] | one fault from its beginning to the end |
//! | [`row`] | what came of it |
//! | [`lost_calls`] | a proxy before vtctld loses requests and answers |
//! | [`reparents`] | primaries change or die |
//! | [`sends`] | `apply` dies at each of its system calls that send |
//! | [`results`] | what is published of all of them |
//! | [`summary`] | the same in a table that is short enough to read |
//!
//! On each push: the points that are marked dangerous, and answers that are lost. `CUTOVER_BROKEN=all`, or parts of
//! `operation: point` or of the names of other faults with `|` between them, runs these; `CUTOVER_BROKEN_HAND=1` also by hand, `only` by hand alone;
//! `CUTOVER_BROKEN_RESULTS=FOLDER` is where results are kept, and `CUTOVER_BROKEN_MISSING=1` leaves out what has ended well there.
//! `tests/long/run` does all of it.

mod bench;
mod course;
mod lost_calls;
mod observed;
mod operation;
mod points;
mod reparents;
mod results;
mod row;
mod sends;
mod summary;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::support::{Case, Cluster, World};
use course::Variant;
use points::Point;
use results::Results;

pub fn tests() -> Vec<Case> {
    let limit_seconds = if wanted().is_some() { 12 * 3600 } else { 1500 };
    vec![
        Case::new("vtctld_is_killed_at_each_step", vtctld_is_killed_at_each_step).limit_seconds(limit_seconds),
        Case::new("calls_are_lost_and_processes_die", calls_are_lost_and_processes_die).limit_seconds(limit_seconds),
    ]
}

/// What is to be broken: `all`, or parts of names with `|` between them. None on a push.
fn wanted() -> Option<String> {
    std::env::var("CUTOVER_BROKEN").ok()
}

/// Since 1970.
fn days() -> usize {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock is past 1970").as_secs();
    usize::try_from(seconds / 86_400).unwrap_or(0)
}

fn is_named(name: &str, wanted: &str) -> bool {
    wanted == "all" || wanted.split('|').any(|part| name.contains(part))
}

/// What is done beside the kill. Each has its turn, over the table and over the days; dangerous points have all of them in a long run.
/// Two that follow each other differ in when vtctld is started again: these two have each point.
const VARIANTS: [Variant; 4] = [
    Variant { restart_after: Duration::ZERO, kills_cutover: false, topo: true },
    Variant { restart_after: Duration::from_secs(10), kills_cutover: false, topo: false },
    Variant { restart_after: Duration::ZERO, kills_cutover: true, topo: false },
    Variant { restart_after: Duration::from_secs(10), kills_cutover: true, topo: true },
];

fn vtctld_is_killed_at_each_step(world: &World) {
    let mut results = Results::open(world.cluster);
    let by_hand = std::env::var("CUTOVER_BROKEN_HAND").unwrap_or_default();
    let mut problems = Vec::new();
    if by_hand != "only" {
        for (point, variant) in faults() {
            if only_missing() && results.as_ref().is_some_and(|results| results.has(&point, variant)) {
                continue;
            }
            let row = course::run(world, &point, variant);
            eprintln!("  {} [{} s]", row.line(), row.took_seconds);
            problems.extend(row.problem());
            if let Some(results) = &mut results {
                results.put(row);
            }
        }
    }
    if !by_hand.is_empty() {
        for (_, point) in chosen_points() {
            if only_missing() && results.as_ref().is_some_and(|results| results.has_by_hand(&point)) {
                continue;
            }
            let hand = course::run_by_hand(world, &point);
            eprintln!("  {hand:?}");
            if let Some(results) = &mut results {
                results.put_by_hand(hand);
            }
        }
    }
    // Also where nothing was run: the tables may have been edited, or the way they are drawn.
    if let Some(results) = &results {
        results.write();
    }
    assert!(problems.is_empty(), "{} end badly:\n{}", problems.len(), problems.join("\n"));
}

/// The points that are wanted, with their places in the table.
fn chosen_points() -> impl Iterator<Item = (usize, Point)> {
    let wanted = wanted();
    points::all().into_iter().enumerate().filter(move |(_, point)| match &wanted {
        Some(wanted) => is_named(&format!("{}: {}", point.operation.name(), point.name), wanted),
        None => point.dangerous,
    })
}

/// On a push one variant a dangerous point, by the day. In a long run two a point, with vtctld restarted at once and later, and all of
/// them where it is dangerous; first each point once, so that a run that is broken off has seen them all.
fn faults() -> Vec<(Point, Variant)> {
    let of_turn = |turn: usize| VARIANTS[turn % VARIANTS.len()];
    if wanted().is_none() {
        return chosen_points().map(|(index, point)| (point, of_turn(index + days()))).collect();
    }
    let only = std::env::var("CUTOVER_BROKEN_VARIANT").ok().and_then(|number| number.parse().ok()).map(of_turn);
    if let Some(only) = only {
        return chosen_points().map(|(_, point)| (point, only)).collect();
    }
    let pass = |pass: usize| {
        chosen_points()
            .filter(move |(_, point)| pass < 2 || point.dangerous)
            .map(move |(index, point)| (point, of_turn(index + pass)))
    };
    (0..VARIANTS.len()).flat_map(pass).collect()
}

/// `CUTOVER_BROKEN_MISSING=1`: what has ended well in the results is not run again.
fn only_missing() -> bool {
    std::env::var_os("CUTOVER_BROKEN_MISSING").is_some()
}

/// The fault beside vtctld's death that is tried on each push; the others take a long run.
const ON_EACH_PUSH: &str = "the first answer to each write is lost";

/// A fault that is no point of an operation: its name, and what was seen; it panics when it ends badly.
type Fault = (String, Box<dyn Fn(&World) -> String>);

fn other_faults() -> Vec<Fault> {
    let mut faults: Vec<Fault> = vec![
        ("the first request of each write is lost".to_owned(), Box::new(lost_calls::first_requests_are_lost)),
        (ON_EACH_PUSH.to_owned(), Box::new(lost_calls::first_answers_are_lost)),
        ("every fiftieth call is lost".to_owned(), Box::new(lost_calls::every_fiftieth_call_is_lost)),
    ];
    for (phase, letter, how) in reparents::all() {
        let name = format!("{}, {}, {}", how.words(), phase.words(), if letter == "S" { "source" } else { "target" });
        faults.push((name, Box::new(move |world| reparents::run(world, phase, letter, how))));
    }
    if wanted().is_some() {
        faults.push(("apply is killed at each send".to_owned(), Box::new(sends::killed_at_each_send)));
    }
    faults
}

fn calls_are_lost_and_processes_die(world: &World) {
    let mut results = Results::open(world.cluster);
    let mut problems = Vec::new();
    let mut cluster = world.cluster;
    for (name, fault) in other_faults() {
        if wanted().map_or(name != ON_EACH_PUSH, |wanted| !is_named(&name, &wanted)) {
            continue;
        }
        if only_missing() && results.as_ref().is_some_and(|results| results.has_noted(&name)) {
            continue;
        }
        let outcome = catch_unwind(AssertUnwindSafe(|| fault(&World::on(cluster))));
        let said = outcome.unwrap_or_else(|panic| {
            let why = course::words_of(panic.as_ref());
            problems.push(format!("{name}: {why}"));
            // What one fault has left in pieces must not fail all that follow.
            if catch_unwind(AssertUnwindSafe(|| cluster.heal())).is_err() {
                cluster = Cluster::start_for_good();
            }
            format!("FAILED: {why}")
        });
        eprintln!("  {name}: {said}");
        if let Some(results) = &mut results {
            results.note(&name, said);
        }
    }
    assert!(problems.is_empty(), "{} end badly:\n{}", problems.len(), problems.join("\n"));
}
