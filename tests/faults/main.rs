//! Nothing that breaks in the middle can hurt, found by enumeration: the whole program in one process over the sandbox, in virtual
//! time; once undisturbed, to count its effects, then once for every effect and every kind of fault, resumed until it ends.
//!
//! What makes whole is struck too: `wounds` begins where vtctld and the program have died together.
//!
//! | invariant | asked |
//! |---|---|
//! | I1, I2 nothing lost, nothing taken by two | by the sandbox after each micro-step (`oracle`) |
//! | I3 no only copy is destroyed | as I1, for a table that is dropped is lost; writes never lead to nothing |
//! | I4 a switch of writes rests on a whole VDiff | where it leaves |
//! | I5 intent before effect | where a write leaves |
//! | I6 no second try without a look, I12 none on an old look | where a write leaves |
//! | I7 what is seen wins, I8 absence is no success | by the end, which is that of an undisturbed run, or stands |
//! | I9 what is done is not done again | once more at the end of each edge |
//! | I10 what is others' stays | at the end of each run |
//! | I11 streams that others made anew are not ours, I13 windows, I14 approvals | where a switch leaves (`guards`) |
//! | I18 leases | `actors` |
//! | I15 `plan` writes nothing | by its types, and `tests/it` |
//! | I16, I17 the record is old or new, and never begun anew | where a process ends; `tests/it/record` |
//! | I19, I21 it ends | by the most effects and rounds of a run |
//! | I20 no secrets, no rows | `canaries` |
//!
//! An effect is a call to vtctld, a call to the file system, the lease; a micro-step of vtctld's inside its operations is struck in the
//! same way. After each run: what must hold has held at each step, the end is that of an undisturbed run or one that this fault allows
//! (`endings`), and running once more writes nothing.
//!
//! | variable | |
//! |---|---|
//! | `CUTOVER_FAULTS=all` | every case, all states to a fixpoint, more seeds; without it a part, told which |
//! | `CUTOVER_DAY=N` | what was struck on that day, since 1970 |
//! | `CUTOVER_FAULT=TEXT` | only cases whose edge, effect and kind hold this text; the first bad one is told in full |
//! | `CUTOVER_SEED=N` | one random schedule, told in full |
//! | `CUTOVER_SEEDS=N..M` | these |
//!
//! Built for speed: `cargo test --profile enumerate --test faults`.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]
#![allow(clippy::print_stdout, reason = "what was found is told as it is found")]

/// Half of the time would be spent in allocating.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

mod actors;
mod adversary;
mod canonical;
mod command;
mod endings;
mod enumerate;
mod files;
mod found;
mod guards;
mod kinds;
mod life;
mod locks;
mod operator;
mod oracle;
mod scenario;
mod script;
mod seeds;
mod service;
mod states;
mod table;
mod world;
mod wounds;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;
use std::time::Instant;

use enumerate::{Case, Known};
use scenario::Edge;
use table::Table;

/// The ways, gone once for all tests of this process.
static EDGES: LazyLock<Vec<Edge>> = LazyLock::new(|| {
    block_on(async {
        let mut edges = scenario::edges().await;
        edges.extend(wounds::edges(&edges).await);
        edges
    })
});

/// Longer than all that is played here, in virtual time.
const NEVER: std::time::Duration = std::time::Duration::from_secs(365 * 86_400);

/// What waits for something that nobody will do any more ends in a panic, for time runs on when nothing else does.
fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime
        .block_on(async { tokio::time::timeout(NEVER, future).await })
        .expect("nothing happens any more: it waits for what nobody does")
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

fn is_whole() -> bool {
    variable("CUTOVER_FAULTS").is_some_and(|value| value == "all")
}

#[test]
fn every_effect_struck_by_every_kind_of_fault_comes_to_a_good_end() {
    let began = Instant::now();
    let edges = &*EDGES;
    let only = variable("CUTOVER_FAULT").unwrap_or_default();
    let mut cases = enumerate::cases(edges);
    cases.retain(|case| case.row.to_string().contains(&only));
    let is_of_a_day = only.is_empty() && !is_whole();
    if is_of_a_day {
        cases = due(cases, day());
    }
    let all = cases.clone();
    if is_of_a_day {
        cases = of_the_day(cases, day());
    }
    println!("{} of {} cases", cases.len(), all.len());
    let known = Known::default();
    let results = enumerate::run_all(edges, &cases, &known);
    println!("{} cases on {} edges in {:.0?}", cases.len(), edges.len(), began.elapsed());
    let table = Table::of(&cases, &results);
    if only.is_empty() {
        table.write(is_whole());
    }
    let bad: Vec<(&Case, String)> = cases
        .iter()
        .zip(&results)
        .filter(|(_, result)| result.ending.is_bad())
        .map(|(case, result)| (case, result.ending.words()))
        .collect();
    tell_bad(&bad);
    if !only.is_empty()
        && let Some((case, _)) = bad.first()
    {
        let told = enumerate::alone(&edges[case.edge], &[case.fault], &Known::default(), true);
        println!("{}", told.story);
        println!("for tests/faults/found:\n{}", found::text(&told.ending.words(), &edges[case.edge], &[case.fault]));
    }
    assert!(bad.is_empty(), "{} of {} cases end badly", bad.len(), cases.len());
    if only.is_empty() {
        assert_eq!(table.never_struck(&all), Vec::<String>::new(), "nothing struck these");
    }
    if only.is_empty() && is_whole() {
        assert_eq!(table.empty(edges), Vec::<String>::new(), "nothing struck these in this way");
    }
}

fn day() -> usize {
    let days = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs() / 86_400;
    variable("CUTOVER_DAY").map_or(usize::try_from(days).unwrap(), |day| day.parse().unwrap())
}

/// What only looks or writes a file does the same wherever something is made whole: a fifth of that each day. All else every day.
fn due(cases: Vec<Case>, day: usize) -> Vec<Case> {
    let effects: BTreeSet<[String; 2]> = cases.iter().map(|case| table::effect_of(&case.row)).collect();
    let is_due = |(place, effect): &(usize, [String; 2])| {
        !effect[0].contains(" died at ") || changes_the_cluster(&effect[1]) || (day + place).is_multiple_of(5)
    };
    let due: BTreeSet<[String; 2]> = effects.into_iter().enumerate().filter(is_due).map(|(_, effect)| effect).collect();
    cases.into_iter().filter(|case| due.contains(&table::effect_of(&case.row))).collect()
}

/// On a push each effect that is due is struck once; by what changes from day to day, until each kind had its day.
fn of_the_day(cases: Vec<Case>, day: usize) -> Vec<Case> {
    let mut by_effect: BTreeMap<[String; 2], Vec<Case>> = BTreeMap::new();
    for case in cases {
        by_effect.entry(table::effect_of(&case.row)).or_default().push(case);
    }
    let longest = by_effect.values().map(Vec::len).max().unwrap_or(0);
    println!("one fault at each effect; CUTOVER_DAY={day} strikes the same, and after {longest} days each has struck");
    // Alike effects of different edges are struck by different kinds on one day.
    by_effect.into_values().enumerate().map(|(place, mut of_one)| of_one.swap_remove((day + place) % of_one.len())).collect()
}

/// A write to the cluster, or a step of one.
fn changes_the_cluster(effect: &str) -> bool {
    let is_call = !effect.contains(' ') || effect == locks::CALL;
    effect.starts_with("vtctld: ") || (is_call && !service::only_looks(effect))
}

/// Alike ends together, each with some of its cases.
fn tell_bad(bad: &[(&Case, String)]) {
    let mut ends: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (case, words) in bad {
        ends.entry(words.chars().take(300).collect()).or_default().push(case.row.to_string());
    }
    for (words, places) in &ends {
        println!("{} x {words}", places.len());
        for place in places.iter().take(6) {
            println!("      {place}");
        }
    }
}

/// The search for those to strike takes a minute, and is for long runs.
#[test]
fn nothing_that_makes_whole_is_sent_only_where_nothing_strikes() {
    if is_whole() {
        let unstruck = block_on(async { wounds::look_at_all(&scenario::edges().await).await });
        assert_eq!(unstruck, Vec::<String>::new());
    }
}

#[test]
fn each_bug_that_was_found_stays_mended() {
    assert_eq!(found::play(&EDGES), Vec::<String>::new());
}

#[test]
fn by_chance_too() {
    let edges = &*EDGES;
    let known = Known::default();
    if let Some(seed) = variable("CUTOVER_SEED").map(|seed| seed.parse().unwrap()) {
        let (place, faults) = seeds::schedule(seed, edges);
        let edge = &edges[place];
        let result = enumerate::alone(edge, &faults, &known, true);
        println!("{}\n{}: {faults:?}\n{}", result.story, edge.name, result.ending.words());
        if result.ending.is_bad() {
            let least = seeds::shrink(edge, faults);
            println!("shrunk:\n{}", found::text(&result.ending.words(), edge, &least));
        }
        assert!(!result.ending.is_bad());
        return;
    }
    let range = variable("CUTOVER_SEEDS").and_then(|range| {
        let (from, to) = range.split_once("..")?;
        Some(from.parse().ok()?..to.parse().ok()?)
    });
    let range = range.unwrap_or(if is_whole() { 0..5_000 } else { 0..60 });
    let mut bad = Vec::new();
    for seed in range {
        let (place, faults, result) = seeds::run(seed, edges, &known);
        if result.ending.is_bad() {
            let words: String = result.ending.words().chars().take(300).collect();
            println!("CUTOVER_SEED={seed}: {} {faults:?}: {words}", edges[place].name);
            bad.push(seed);
        }
    }
    assert_eq!(bad, Vec::<u64>::new(), "seeds that end badly");
}

#[test]
fn a_crash_in_the_recovery_from_a_crash_leaves_no_state_without_a_way_on() {
    let began = Instant::now();
    let reached = block_on(states::explore(if is_whole() { usize::MAX } else { 12 }));
    println!("{} states, {} left, {} processes, in {:.0?}", reached.states, reached.left, reached.lives, began.elapsed());
    for bad in reached.bad.iter().take(40) {
        println!("{}", bad.chars().take(400).collect::<String>());
    }
    assert!(reached.bad.is_empty(), "{} bad", reached.bad.len());
}

#[test]
fn a_guarded_switch_leaves_only_where_its_guards_let_it() {
    let edge = block_on(guards::edge());
    let mut cases = guards::faults(&edge);
    if !is_whole() {
        // A tenth a day.
        let (mut place, day) = (0, day());
        cases.retain(|_| {
            place += 1;
            (place + day).is_multiple_of(10)
        });
    }
    let mut ends: BTreeMap<&str, usize> = BTreeMap::new();
    let mut wrong = Vec::new();
    for (name, fault) in cases {
        let (violations, end) = block_on(guards::play(&edge, fault));
        *ends.entry(end).or_default() += 1;
        wrong.extend(violations.into_iter().map(|violation| format!("{name}: {violation}")));
    }
    for (end, count) in &ends {
        println!("{count} {end}");
    }
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn two_actors_at_once_lose_nothing() {
    let mut ends: BTreeMap<String, usize> = BTreeMap::new();
    let mut wrong = Vec::new();
    for edge in EDGES.iter().filter(|edge| !edge.sites.is_empty() && !edge.name.contains("after")) {
        let stops = actors::stops(edge);
        for second in actors::Second::ALL {
            for (place, first) in stops.iter().enumerate() {
                if !is_whole() && place % 4 != 0 {
                    continue;
                }
                let seconds = if is_whole() { (0..stops.len()).map(Some).chain([None]).collect() } else { vec![None] };
                for second_stop in seconds {
                    let second_stop = second_stop.map(|place| stops[place] - edge.base);
                    let order = actors::Interleaving { first: *first, second: second_stop };
                    let (found, end) = block_on(actors::play(edge, second, order));
                    *ends.entry(format!("{} | {}: {end}", edge.name, second.words())).or_default() += 1;
                    let site = edge.sites[first - edge.base].name();
                    wrong.extend(
                        found
                            .into_iter()
                            .map(|it| format!("{} | {} | at {site}, {second_stop:?}: {it}", edge.name, second.words())),
                    );
                }
            }
        }
    }
    for (end, count) in &ends {
        println!("{count} {end}");
    }
    for line in wrong.iter().take(40) {
        println!("{}", line.chars().take(400).collect::<String>());
    }
    assert!(wrong.is_empty(), "{} wrong", wrong.len());
}
