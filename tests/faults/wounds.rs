//! Edges that begin where vtctld and the program have died together, at a micro-step of another edge: what makes whole again can be
//! struck like all else. They are found, not listed: of all places to die, the fewest from which each way to make whole sends each
//! write that it ever sends. `wounds.toml` holds them, for the search takes a minute.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::canonical;
use super::command::Command;
use super::files::Files;
use super::kinds::StepKind;
use super::life::World;
use super::operator::{Outcome, carry_out};
use super::scenario::{self, Edge};
use super::script::{Of, Script};
use super::world::Moment;

/// vtctld is back then.
const BACK_AFTER: Duration = Duration::from_secs(2);

/// What a way to make whole sends.
type Sends = BTreeSet<(String, String)>;

/// A place to die, and a way to make whole from there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wound {
    way: String,
    step: String,
    /// Which step of that name on the way, from 0.
    place: usize,
    cure: String,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Chosen {
    wound: Vec<Wound>,
}

/// How a wound was made whole undisturbed.
struct Candidate {
    wound: Wound,
    edge: Edge,
    sends: Sends,
}

/// Those that are checked in.
///
/// # Panics
/// When one is no longer there, or can't be made whole undisturbed: `CUTOVER_FAULTS=all CUTOVER_UPDATE=1` finds them anew.
pub async fn edges(ways: &[Edge]) -> Vec<Edge> {
    let text = std::fs::read_to_string(CHECKED_IN).unwrap();
    let chosen: Chosen = toml::from_str(&text).unwrap();
    let mut edges = Vec::new();
    for wound in &chosen.wound {
        let way = ways.iter().find(|way| way.name == wound.way).unwrap_or_else(|| panic!("no way is named so: {wound:?}"));
        let mut steps = way.steps.iter().filter(|(_, name)| *name == wound.step);
        let (step, _) = steps.nth(wound.place).unwrap_or_else(|| panic!("its way has no such step: {wound:?}"));
        let wounded = wounded(way, *step).await.unwrap_or_else(|| panic!("nothing dies there: {wound:?}"));
        let (command, from, rest) = cures(way, &wounded).into_iter().find(|(command, ..)| command.words() == wound.cure).unwrap();
        let mut edge = scenario::try_to_go(wound.name(), &command, from, 0, &rest).await.unwrap_or_else(|why| panic!("{why}"));
        edge.way_end = end_of_the_way(&edge).await;
        edges.push(edge);
    }
    edges
}

impl Wound {
    fn name(&self) -> String {
        format!("{} where {} died at {}", self.cure, self.way, self.step)
    }
}

/// Looks at every place to die. What some way to make whole sends and none of the chosen ones does.
///
/// # Panics
/// When one can't be made whole undisturbed; a repair without a record may need a person.
pub async fn look_at_all(ways: &[Edge]) -> Vec<String> {
    let mut candidates = Vec::new();
    let mut seen = BTreeSet::new();
    let mut bad = Vec::new();
    let mut needs_human = 0;
    for way in ways {
        for (index, (step, name)) in way.steps.iter().enumerate() {
            let Some(wounded) = wounded(way, *step).await else { continue };
            if !seen.insert((canonical::of(&wounded), way.command.words())) {
                continue;
            }
            let place = way.steps[..index].iter().filter(|(_, other)| other == name).count();
            for (command, from, rest) in cures(way, &wounded) {
                let wound = Wound { way: way.name.clone(), step: name.clone(), place, cure: command.words() };
                match scenario::try_to_go(wound.name(), &command, from, 0, &rest).await {
                    Ok(edge) => candidates.push(Candidate { sends: sends(&edge), wound, edge }),
                    Err(why) if command == Command::RepairForeign && why.contains("Stopped(NeedsHuman") => needs_human += 1,
                    Err(why) => bad.push(why),
                }
            }
        }
    }
    println!("{} ways to make whole, and {needs_human} repairs without a record that need a person", candidates.len());
    assert!(bad.is_empty(), "{} can't be made whole undisturbed; the first:\n{}", bad.len(), bad[0]);
    let all: Sends = candidates.iter().flat_map(|candidate| candidate.sends.clone()).collect();
    if std::env::var_os("CUTOVER_UPDATE").is_some() {
        let chosen = Chosen { wound: fewest(candidates) };
        std::fs::write(CHECKED_IN, format!("{HEAD}\n{}", toml::to_string(&chosen).unwrap())).unwrap();
        return vec![];
    }
    let covered: Sends = edges(ways).await.iter().flat_map(sends).collect();
    all.difference(&covered).map(|(command, call)| format!("{command}: {call}")).collect()
}

const HEAD: &str = "# Places at which vtctld and cutover die together, and ways to make whole from there: all that any such way ever sends. \
                    Written by\n# `CUTOVER_FAULTS=all CUTOVER_UPDATE=1 cargo test --profile enumerate --test faults nothing_that_makes`.\n";
const CHECKED_IN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/faults/wounds.toml");

/// The moment after vtctld and the program have died at a step; none when the step is past the last call that waits for it.
async fn wounded(way: &Edge, step: u64) -> Option<Moment> {
    let script = Script::new(way.base, []);
    let world = World::at(&way.from, script.clone());
    script.die_with_vtctld(world.sandbox.deaths_of_vtctld().unwrap());
    world.sandbox.at_step(StepKind::KilledAfter { seconds: BACK_AFTER.as_secs() }.at(step)).unwrap();
    let before = world.sandbox.deaths_of_vtctld().unwrap();
    world.live(&way.command).await;
    if world.sandbox.deaths_of_vtctld().unwrap() == before {
        return None;
    }
    tokio::time::sleep(BACK_AFTER).await;
    Some(Moment { knows_topology: true, ..world.moment() })
}

/// The ways to make it whole, each with where it begins and what comes after it.
fn cures(way: &Edge, wounded: &Moment) -> Vec<(Command, Moment, Vec<Command>)> {
    let again = [vec![way.command.clone()], way.rest.clone()].concat();
    let without_record = Moment { files: Files::with_folder(), ..wounded.clone() };
    vec![
        (way.command.clone(), wounded.clone(), way.rest.clone()),
        (Command::FinishOnly, wounded.clone(), again.clone()),
        (Command::Repair, wounded.clone(), again),
        (Command::RepairForeign, without_record, vec![]),
    ]
}

fn sends(edge: &Edge) -> Sends {
    let command = match &edge.command {
        // Up to which phase makes no difference for what makes whole.
        Command::Apply { .. } => "apply".into(),
        other => other.words(),
    };
    edge.sites.iter().filter(|site| site.of == Of::WriteCall).map(|site| (command.clone(), site.what.clone())).collect()
}

/// Always the one that adds most, and of these the shortest, until none adds anything.
fn fewest(mut candidates: Vec<Candidate>) -> Vec<Wound> {
    let mut chosen = Vec::new();
    let mut covered = Sends::new();
    loop {
        let adds = |candidate: &Candidate| candidate.sends.difference(&covered).count();
        let best = (0..candidates.len()).max_by_key(|place| {
            let candidate = &candidates[*place];
            (adds(candidate), std::cmp::Reverse(candidate.edge.sites.len()), std::cmp::Reverse(*place))
        });
        let Some(best) = best.filter(|place| adds(&candidates[*place]) > 0) else { return chosen };
        let candidate = candidates.swap_remove(best);
        covered.extend(candidate.sends);
        chosen.push(candidate.wound);
    }
}

async fn end_of_the_way(edge: &Edge) -> String {
    let world = World::at(&edge.to, Script::new(0, []));
    for command in &edge.rest {
        let outcome = carry_out(&world, command).await;
        assert!(outcome == Outcome::Done, "{}, then {}: {outcome:?}", edge.name, command.words());
    }
    canonical::end_of(&world.moment()).await
}
