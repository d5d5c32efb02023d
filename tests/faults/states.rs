//! Crash during recovery from a crash, to a fixpoint: every state in which files and cluster can stand while no process lives. From
//! each the program is run once undisturbed, and once for each effect with each fault that leaves another state; new states are
//! queued, until there is none. Times and numbers don't count in a state, nor how often something was tried.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::path::Path;

use cutover::record::entry::OutcomeResult;
use cutover::record::progress::{Attempt, Progress};
use cutover::run::decision::HoldKind;
use cutover::run::phase::PhaseId;
use serde_json::json;

use super::canonical;
use super::command::Command;
use super::kinds::{Kind, StepKind};
use super::life::{End, World};
use super::script::{Of, Script, Site};
use super::world::Moment;

/// What was found.
#[derive(Debug, Default)]
pub struct Reached {
    pub states: usize,
    /// Processes that were run.
    pub lives: usize,
    /// States that were queued and not looked at, because there was a bound.
    pub left: usize,
    pub bad: Vec<String>,
}

/// The state of a moment: what the record says is a set, so that trying again and again leads to no new one.
fn state(moment: &Moment) -> String {
    let progress = progress(moment);
    let attempt = |attempt: &Attempt| {
        let outcome = attempt.outcome.as_ref().map(|(result, _)| *result);
        (attempt.phase.to_string(), attempt.mutation.verb().call(), format!("{outcome:?}"))
    };
    let counts = |attempt: &&Attempt| !attempt.came_to_nothing();
    // How a phase was reached counts no more once it is: only what was done, and not what made it whole on the way.
    let is_behind = |attempt: &&Attempt| {
        let is_done = matches!(attempt.outcome, None | Some((OutcomeResult::Done, _)));
        progress.reached.contains_key(&attempt.phase) && (!is_done || attempt.is_mending())
    };
    let tried: BTreeSet<_> = progress.attempts.iter().filter(counts).filter(|it| !is_behind(it)).map(attempt).collect();
    let last = progress.attempts.iter().rev().find(counts).map(attempt);
    json!({
        "cluster": canonical::cluster(moment),
        "goal": format!("{:?}", progress.goal()),
        "reached": progress.reached.keys().map(ToString::to_string).collect::<Vec<_>>(),
        "streams": progress.streams.keys().collect::<Vec<_>>(),
        "tried": tried,
        "last": last,
    })
    .to_string()
}

fn progress(moment: &Moment) -> Progress {
    moment.files.record().and_then(Result::ok).map(|record| record.progress()).unwrap_or_default()
}

/// The next stretch of the way: no process is run further than one phase, for the one after it begins from a state of its own.
fn next(moment: &Moment) -> Option<Command> {
    let reached = progress(moment).reached;
    let phases = [
        PhaseId::CREATE,
        PhaseId::COPY,
        PhaseId::VERIFY,
        PhaseId::SWITCH_REPLICAS,
        PhaseId::SWITCH_PRIMARY,
        PhaseId::REVERT_WINDOW,
        PhaseId::COMPLETE,
    ];
    phases.into_iter().find(|phase| !reached.contains_key(phase)).map(Command::until)
}

/// The faults that leave another state than being killed at a neighbouring effect does.
fn kinds(site: &Site) -> Vec<Kind> {
    match site.of {
        Of::WriteCall => vec![Kind::KilledBefore, Kind::KilledAfter, Kind::LostBefore, Kind::AnswerLost, Kind::Twice],
        Of::Files if site.what == "record rename" => vec![Kind::KilledAfter, Kind::IoError],
        _ => vec![],
    }
}

/// vtctld killed before a step stands where it stands when it is killed after the one before.
fn step_kinds(is_first: bool) -> Vec<StepKind> {
    let before = is_first.then_some(StepKind::KilledBefore { seconds: 0 });
    before.into_iter().chain([StepKind::KilledAfter { seconds: 0 }, StepKind::Refused]).collect()
}

/// What a person does when a process has ended so, besides running it again; none when the way is at its end.
async fn between(world: &World, end: &End) -> Option<()> {
    match end {
        End::Held(gate, HoldKind::Gate | HoldKind::VoidApproval | HoldKind::AttemptFailed) => {
            world.live(&Command::Approve(gate.clone())).await;
        }
        End::Stopped(_, words) if words.contains("C408") => {
            world.sandbox.take_away_named_lock("customer", "c2c").unwrap();
            world.sandbox.take_away_named_lock("commerce", "c2c_reverse").unwrap();
        }
        End::Stopped(..) | End::Refused(..) => return None,
        _ => {}
    }
    Some(())
}

/// Goes on until no new state appears, or `bound` states have been looked at. `CUTOVER_STATES=FOLDER` keeps each state there, for seeing
/// what keeps two apart.
pub async fn explore(bound: usize) -> Reached {
    let kept = std::env::var_os("CUTOVER_STATES");
    let mut reached = Reached::default();
    let mut known: HashMap<String, usize> = HashMap::new();
    let mut queue: VecDeque<Moment> = VecDeque::new();
    let begin = Moment::smallest();
    known.insert(state(&begin), 0);
    queue.push_back(begin);
    // A whole exploration takes its time: what is bad is told at once.
    let mut told = 0;
    while let Some(from) = queue.pop_front() {
        if reached.states == bound {
            reached.left = queue.len() + 1;
            break;
        }
        reached.states += 1;
        if bound == usize::MAX && reached.states.is_multiple_of(25) {
            println!("{} states, {} more known, {} processes", reached.states, queue.len(), reached.lives);
        }
        let Some(command) = next(&from) else { continue };
        let mut found = Vec::new();
        // Undisturbed: it must lead somewhere else, or be at an end that says so.
        let script = Script::new(0, []);
        let world = World::at(&from, script.clone());
        let first_step = world.sandbox.log_of_steps().unwrap().len();
        let end = world.live(&command).await;
        reached.lives += 1;
        let sites = script.sites();
        let steps = first_step..world.sandbox.log_of_steps().unwrap().len();
        let stands = between(&world, &end).await.is_none();
        let to = world.moment();
        if stands || (state(&to) == state(&from) && !matches!(end, End::Unreachable)) {
            reached.bad.push(format!("state {}: `{}` ends so, and leads nowhere: {end:?}", reached.states, command.words()));
        }
        reached.bad.extend(script.violations());
        found.push(to);
        for (number, site) in sites.iter().enumerate() {
            for kind in kinds(site) {
                let script = Script::new(0, [(number, kind)]);
                let world = World::at(&from, script.clone());
                let end = world.live(&command).await;
                between(&world, &end).await;
                reached.lives += 1;
                let at = |words: String| format!("state {}, {} {}: {words}", reached.states, site.name(), kind.name());
                reached.bad.extend(script.violations().into_iter().map(at));
                found.push(world.moment());
            }
        }
        for step in steps.clone() {
            for kind in step_kinds(step == steps.start) {
                let script = Script::new(0, []);
                let world = World::at(&from, script.clone());
                world.sandbox.at_step(kind.at(step as u64 + 1)).unwrap();
                let end = world.live(&command).await;
                between(&world, &end).await;
                reached.lives += 1;
                let at = |words: String| format!("state {}, step {step} {}: {words}", reached.states, kind.name());
                reached.bad.extend(script.violations().into_iter().map(at));
                found.push(world.moment());
            }
        }
        if bound == usize::MAX {
            for bad in reached.bad.iter().skip(told) {
                println!("{}", bad.chars().take(400).collect::<String>());
            }
            told = reached.bad.len();
        }
        for moment in found {
            let next = known.len();
            if let std::collections::hash_map::Entry::Vacant(new) = known.entry(state(&moment)) {
                if let Some(folder) = &kept {
                    let name = format!("{next:05}-from-{:05}.json", reached.states);
                    std::fs::write(Path::new(folder).join(name), new.key()).unwrap();
                }
                new.insert(next);
                queue.push_back(moment);
            }
        }
    }
    reached
}
