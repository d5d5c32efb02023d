//! Every effect of every edge, struck once by every kind of fault that can befall it, and carried to its end.

use std::collections::{BTreeMap, HashMap};
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use cutover::family::Family as _;

use cutover::sandbox::file::description::Deed;

use super::adversary::{Act, NEW_RULE};
use super::canonical;
use super::command::Command;
use super::endings::{self, Ending};
use super::kinds::{Kind, StepKind};
use super::life::World;
use super::operator::{Outcome, carry_out};
use super::scenario::Edge;
use super::script::{Of, Script};
use super::world::MOVEMENT;

/// One fault on one edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// At an effect of the program, by its number.
    Effect(usize, Kind),
    /// At a micro-step of vtctld, by its number.
    Step(u64, StepKind),
}

/// The place of a fault in the table.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Row {
    pub edge: String,
    pub site: String,
    pub kind: String,
}

impl std::fmt::Display for Row {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} | {} | {}", self.edge, self.site, self.kind)
    }
}

#[derive(Debug, Clone)]
pub struct Case {
    pub edge: usize,
    pub fault: Fault,
    pub row: Row,
}

/// Of effects that are alike (the same, at the same place of the way) the first and the last; of a look one read at which the process
/// is killed, for nothing of its own stands between two reads.
pub fn cases(edges: &[Edge]) -> Vec<Case> {
    let mut cases = Vec::new();
    for (place, edge) in edges.iter().enumerate() {
        let mut alike: BTreeMap<(Of, String), Vec<usize>> = BTreeMap::new();
        for (index, site) in edge.sites.iter().enumerate() {
            alike.entry((site.of, site.name())).or_default().push(index);
        }
        for ((_, name), indexes) in alike {
            let mut chosen = vec![indexes[0], indexes[indexes.len() - 1]];
            chosen.dedup();
            for index in chosen {
                let site = &edge.sites[index];
                for kind in Kind::of(site) {
                    let row = Row { edge: edge.name.clone(), site: name.clone(), kind: kind.name() };
                    cases.push(Case { edge: place, fault: Fault::Effect(edge.base + index, kind), row });
                }
            }
        }
        for (number, name) in &edge.steps {
            for kind in StepKind::of(name) {
                let row = Row { edge: edge.name.clone(), site: format!("vtctld: {name}"), kind: kind.name() };
                cases.push(Case { edge: place, fault: Fault::Step(*number, kind), row });
            }
        }
    }
    cases
}

/// What became of a case.
#[derive(Debug, Clone)]
pub struct Result {
    pub ending: Ending,
    pub story: String,
}

/// What is known of whole states that are not as undisturbed, by their canonical form: where the rest of the way led from there.
#[derive(Debug, Default)]
pub struct Known {
    rests: Mutex<HashMap<(String, String), Ending>>,
    writes_nothing: Mutex<HashMap<String, bool>>,
}

/// Runs one case to its end.
pub async fn run(edge: &Edge, faults: &[Fault], known: &Known, tells: bool) -> Result {
    let effects = faults.iter().filter_map(|fault| match fault {
        Fault::Effect(number, kind) => Some((*number, *kind)),
        Fault::Step(..) => None,
    });
    let script = Script::new(edge.base, effects);
    if tells {
        script.tell_all();
    }
    let world = World::at(&edge.from, script.clone());
    for fault in faults {
        if let Fault::Step(number, kind) = fault {
            world.sandbox.at_step(kind.at(*number)).unwrap();
        }
    }
    let outcome = carry_out(&world, &edge.command).await;
    let mut ending = match outcome {
        Outcome::Done => rest(edge, &world, faults, known).await,
        other => Ending::of(&other),
    };
    let mut violations = script.violations();
    if is_unfenced(faults, &script) && matches!(ending, Ending::Stands { exit_code: 4 | 5, .. }) {
        violations.retain(|violation| !violation.contains("I1, I2"));
    }
    violations.extend(theirs_are_untouched(&world));
    // One by chance may stand where a shorter run never comes.
    let is_sure = |fault: &Fault| matches!(fault, Fault::Effect(_, kind) if !matches!(kind, Kind::Chosen(_)));
    if faults.iter().all(is_sure) && script.struck().is_empty() {
        violations.push("the fault never struck: the run is not the undisturbed one until there".into());
    }
    if !violations.is_empty() {
        ending = Ending::Violated(violations);
    }
    let steps = faults.iter().copied().filter(|fault| matches!(fault, Fault::Step(..)));
    let struck: Vec<Fault> = steps.chain(script.struck().into_iter().map(|(number, kind)| Fault::Effect(number, kind))).collect();
    if !endings::is_allowed(&struck, &ending) {
        ending = ending.bad();
    }
    if tells {
        let steps = world.sandbox.log_of_steps().unwrap();
        let steps: Vec<String> = steps.iter().map(ToString::to_string).collect();
        script.tell(|| format!("vtctld did:\n  {}", steps.join("\n  ")));
    }
    Result { ending, story: script.story() }
}

/// From the end of an edge to the end of its way.
async fn rest(edge: &Edge, world: &World, faults: &[Fault], known: &Known) -> Ending {
    let here = canonical::of(&world.moment());
    let as_undisturbed = canonical::end_of(&world.moment()).await == edge.end;
    // What somebody else has begun may not be at its end yet.
    let is_at_rest = !faults.iter().any(|fault| matches!(fault, Fault::Step(_, StepKind::Somebody(_))));
    if is_at_rest && !once_more_writes_nothing(world, &here, &edge.command, known).await {
        return Ending::Violated(vec!["I9: run once more, it writes".into()]);
    }
    if as_undisturbed {
        return Ending::AsUndisturbed;
    }
    let key = (here.clone(), format!("{:?}", edge.rest));
    if let Some(ending) = known.rests.lock().unwrap_or_else(PoisonError::into_inner).get(&key) {
        return ending.clone();
    }
    let mut ending = None;
    for command in &edge.rest {
        let outcome = carry_out(world, command).await;
        if outcome != Outcome::Done {
            ending = Some(Ending::of(&outcome));
            break;
        }
    }
    let ending = match ending {
        Some(ending) => ending,
        None => {
            let there = canonical::end_of(&world.moment()).await;
            if there == edge.way_end {
                Ending::AsUndisturbedAtTheEnd
            } else if same_cluster(&there, &edge.way_end) {
                Ending::ClusterAsUndisturbed
            } else {
                Ending::Other(difference(&edge.way_end, &there))
            }
        }
    };
    known.rests.lock().unwrap_or_else(PoisonError::into_inner).insert(key, ending.clone());
    ending
}

fn same_cluster(one: &str, other: &str) -> bool {
    let cluster = |text: &str| serde_json::from_str::<serde_json::Value>(text).map(|value| value["cluster"].clone()).ok();
    cluster(one) == cluster(other)
}

/// The first place where two canonical forms differ, for people.
pub fn difference(wanted: &str, found: &str) -> String {
    let (wanted, found): (serde_json::Value, serde_json::Value) =
        (serde_json::from_str(wanted).unwrap_or_default(), serde_json::from_str(found).unwrap_or_default());
    let mut lines = Vec::new();
    differ("", &wanted, &found, &mut lines);
    lines.truncate(4);
    lines.join("; ")
}

fn differ(path: &str, wanted: &serde_json::Value, found: &serde_json::Value, lines: &mut Vec<String>) {
    use serde_json::Value::{Array, Null, Object};
    match (wanted, found) {
        (Object(one), Object(other)) => {
            let mut keys: Vec<&String> = one.keys().chain(other.keys()).collect();
            keys.sort();
            keys.dedup();
            for key in keys {
                differ(&format!("{path}/{key}"), one.get(key).unwrap_or(&Null), other.get(key).unwrap_or(&Null), lines);
            }
        }
        (Array(one), Array(other)) if one.len() == other.len() => {
            for (place, (one, other)) in one.iter().zip(other).enumerate() {
                differ(&format!("{path}/{place}"), one, other, lines);
            }
        }
        (one, other) if one == other => {}
        (one, other) => {
            let short = |value: &serde_json::Value| value.to_string().chars().take(160).collect::<String>();
            lines.push(format!("{path}: {} instead of {}", short(other), short(one)));
        }
    }
}

/// I9: what is done is not done again. Known of a state, it is known of all that are the same.
async fn once_more_writes_nothing(world: &World, here: &str, command: &Command, known: &Known) -> bool {
    let key = format!("{command:?} {here}");
    if let Some(is_so) = known.writes_nothing.lock().unwrap_or_else(PoisonError::into_inner).get(&key) {
        return *is_so;
    }
    // In a world of its own: time that goes by is no part of the way.
    let again = World::at(&world.moment(), Script::new(0, []));
    let once_more = match command {
        // They only open the way for an `apply`.
        Command::Apply { .. } | Command::Resume | Command::Approve(_) => command.clone(),
        // They make whole, and begin nothing.
        Command::FinishOnly | Command::Repair | Command::RepairForeign | Command::Adopt => command.clone(),
        // A switch back that has ended holds; a pause does.
        _ => Command::Apply { until: None },
    };
    let outcome = again.live(&once_more).await;
    let is_so = again.script.writes() == 0;
    world.script.tell(|| format!("once more: {outcome:?}, {} writes", again.script.writes()));
    known.writes_nothing.lock().unwrap_or_else(PoisonError::into_inner).insert(key, is_so);
    is_so
}

/// Somebody has switched between our last look and a write of ours that takes no lock: nothing that a client can do fences that off,
/// for vtctld saves rules and denied tables blindly. Then it must be seen, and end where a person is asked.
///
/// So with a cancel that somebody begins while vtctld switches: it judges that writes are not switched before it waits for the lock
/// (`WorkflowDelete`, go/vt/vtctl/workflow/server.go), and drops the target's tables when it has it.
fn is_unfenced(faults: &[Fault], script: &Script) -> bool {
    if faults.iter().any(|fault| matches!(fault, Fault::Step(_, StepKind::Somebody(Deed::Cancel)))) {
        return true;
    }
    let sites = script.sites();
    script.struck().iter().any(|(number, kind)| {
        let at = number.checked_sub(script.base()).and_then(|place| sites.get(place));
        matches!(kind, Kind::Somebody(Act::SwitchesWrites | Act::ReversesWrites))
            && at.is_some_and(|site| matches!(site.what.as_str(), "ApplyRoutingRules" | "SetShardTabletControl"))
    })
}

/// I10: what is not the movement's stands as it stood, but for what the fault itself changed.
fn theirs_are_untouched(world: &World) -> Vec<String> {
    let ours = MOVEMENT.tables();
    let mut changes = world.sandbox.foreign_changes(&ours).unwrap();
    let sites = world.script.sites();
    let adds = |(_, kind): &(usize, Kind)| *kind == Kind::Somebody(Act::AddsARule);
    if let Some((number, _)) = world.script.struck().into_iter().find(adds) {
        let before = changes.len();
        changes.retain(|change| !change.starts_with(&format!("the rule of {NEW_RULE} leads to")));
        // Vitess saves all rules blindly: one that comes between our last look and that is seen by nobody.
        let at = number.checked_sub(world.script.base()).and_then(|place| sites.get(place));
        let is_unseen = at.is_some_and(|site| site.what == "ApplyRoutingRules");
        if changes.len() == before && !is_unseen {
            changes.push(format!("the rule of {NEW_RULE}, which somebody added, is gone"));
        }
    }
    changes.into_iter().map(|change| format!("I10: {change}")).collect()
}

/// Said of a case that takes longer: it goes round somewhere. A bad one is said at once, too.
const SLOW: std::time::Duration = std::time::Duration::from_secs(15);

/// All cases, on as many threads as there are cores; results in the order of the cases.
pub fn run_all(edges: &[Edge], cases: &[Case], known: &Known) -> Vec<Result> {
    let next = AtomicUsize::new(0);
    let results: Vec<Mutex<Option<Result>>> = cases.iter().map(|_| Mutex::default()).collect();
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    // Before the threads: what is made once is made by one.
    std::sync::LazyLock::force(&MOVEMENT);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(case) = cases.get(index) else { return };
                    if index > 0 && index.is_multiple_of(1_000) {
                        println!("{index} cases have begun");
                    }
                    let began = std::time::Instant::now();
                    let result = alone(&edges[case.edge], &[case.fault], known, false);
                    if result.ending.is_bad() || began.elapsed() > SLOW {
                        let words: String = result.ending.words().chars().take(400).collect();
                        println!("{:.0?} {}: {words}", began.elapsed(), case.row);
                    }
                    *results[index].lock().unwrap_or_else(PoisonError::into_inner) = Some(result);
                }
            });
        }
    });
    let result = |slot: Mutex<Option<Result>>| slot.into_inner().unwrap_or_else(PoisonError::into_inner);
    results.into_iter().filter_map(result).collect()
}

/// One case in a runtime of its own. A panic of the program is an end, too, and a bad one.
pub fn alone(edge: &Edge, faults: &[Fault], known: &Known, tells: bool) -> Result {
    let ran = std::panic::catch_unwind(AssertUnwindSafe(|| super::block_on(run(edge, faults, known, tells))));
    ran.unwrap_or_else(|panic| {
        let words = panic.downcast_ref::<String>().cloned().or_else(|| panic.downcast_ref::<&str>().map(|it| (*it).to_owned()));
        Result { ending: Ending::Violated(vec![format!("panic: {}", words.unwrap_or_default())]).bad(), story: String::new() }
    })
}
