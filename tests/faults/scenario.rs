//! The ways of the movement, cut at its phases: each edge is one command from one whole state to the next. A fault on an edge is
//! resumed until the edge's end; when all that counts is then as after the undisturbed edge, the rest of the way is the undisturbed one,
//! for the program knows nothing but what files and cluster say.

use std::collections::HashMap;

use cutover::run::phase::PhaseId;

use super::canonical;
use super::command::Command;
use super::life::World;
use super::operator::{Outcome, carry_out};
use super::script::{Script, Site};
use super::world::Moment;

/// One command on a way, as it goes undisturbed.
#[derive(Debug, Clone)]
pub struct Edge {
    /// `switch-primary`, or `cancel from verify`.
    pub name: String,
    pub command: Command,
    /// What is still to be done after it until the way ends.
    pub rest: Vec<Command>,
    pub from: Moment,
    pub to: Moment,
    /// Canonical, of `to`.
    pub end: String,
    /// Canonical, of the way's end.
    pub way_end: String,
    /// The number of its first effect.
    pub base: usize,
    pub sites: Vec<Site>,
    /// The numbers of its first micro-step of vtctld's and of the one after its last, with their names.
    pub steps: Vec<(u64, String)>,
}

fn forward(phases: &[PhaseId]) -> Vec<Command> {
    let mut commands = Vec::new();
    for phase in phases {
        if *phase == PhaseId::REMOVE_RULES {
            commands.push(Command::Deploy);
        }
        commands.push(Command::until(phase.clone()));
    }
    commands
}

const ALL: [PhaseId; 8] = [
    PhaseId::CREATE,
    PhaseId::COPY,
    PhaseId::VERIFY,
    PhaseId::SWITCH_REPLICAS,
    PhaseId::SWITCH_PRIMARY,
    PhaseId::REVERT_WINDOW,
    PhaseId::COMPLETE,
    PhaseId::REMOVE_RULES,
];

/// The commands of each way, from the beginning.
fn ways() -> Vec<Vec<Command>> {
    let after = |phases: usize, then: &[Command]| [forward(&ALL[..phases]), then.to_vec()].concat();
    vec![
        after(8, &[Command::RestoreRules]),
        after(1, &[Command::Cancel]),
        after(2, &[Command::Cancel]),
        after(2, &[Command::Pause, Command::Resume, Command::until(PhaseId::VERIFY)]),
        after(3, &[Command::Cancel]),
        after(4, &[Command::Cancel]),
        after(4, &[Command::SwitchBack]),
        after(5, &[Command::SwitchBack, Command::Cancel]),
        after(5, &[Command::ComparesBack, Command::SwitchBack]),
        // Forward again, once somebody has said so.
        after(5, &[Command::SwitchBack, Command::Approve(PhaseId::SWITCH_PRIMARY), Command::until(PhaseId::SWITCH_PRIMARY)]),
    ]
}

/// Goes every way undisturbed; what two ways have in common is one edge, and its rest that of the first of them.
///
/// # Panics
/// When one doesn't come to its end: then there is no movement to disturb.
pub async fn edges() -> Vec<Edge> {
    let mut edges: Vec<Edge> = Vec::new();
    let mut known: HashMap<String, usize> = HashMap::new();
    for way in ways() {
        let (mut path, mut before) = (String::new(), String::new());
        let (mut moment, mut count) = (Moment::beginning(), 0);
        let first_new = edges.len();
        for (place, command) in way.iter().enumerate() {
            path.push_str(&format!("/{}", command.words()));
            let name = match command {
                Command::Apply { until: Some(phase) } if way[..place].iter().all(is_forward) => phase.to_string(),
                other => format!("{} after {before}", other.words()),
            };
            before.clone_from(&name);
            if let Some(edge) = known.get(&path).map(|place| &edges[*place]) {
                (moment, count) = (edge.to.clone(), edge.base + edge.sites.len());
                continue;
            }
            let edge = go(name, command, moment, count, &way[place + 1..]).await;
            (moment, count) = (edge.to.clone(), edge.base + edge.sites.len());
            known.insert(path.clone(), edges.len());
            edges.push(edge);
        }
        let end = canonical::end_of(&moment).await;
        edges[first_new..].iter_mut().for_each(|edge| edge.way_end.clone_from(&end));
    }
    edges
}

fn is_forward(command: &Command) -> bool {
    matches!(command, Command::Apply { .. } | Command::Deploy)
}

/// # Panics
/// When it doesn't come to its end.
pub async fn go(name: String, command: &Command, from: Moment, base: usize, rest: &[Command]) -> Edge {
    try_to_go(name, command, from, base, rest).await.unwrap_or_else(|why| panic!("{why}"))
}

/// Goes an edge undisturbed.
///
/// # Errors
/// When it doesn't come to its end, with its story.
pub async fn try_to_go(name: String, command: &Command, from: Moment, base: usize, rest: &[Command]) -> Result<Edge, String> {
    let script = Script::new(base, []);
    script.tell_all();
    let world = World::at(&from, script.clone());
    let first_step = world.sandbox.log_of_steps().unwrap().len();
    let outcome = carry_out(&world, command).await;
    let violations = script.violations();
    if outcome != Outcome::Done || !violations.is_empty() {
        return Err(format!("undisturbed, {name} ends so: {outcome:?} {violations:?}\n{}", script.story()));
    }
    let to = world.moment();
    let steps = world.sandbox.log_of_steps().unwrap();
    Ok(Edge {
        name,
        command: command.clone(),
        rest: rest.to_vec(),
        end: canonical::end_of(&to).await,
        way_end: String::new(),
        from,
        to,
        base,
        sites: script.sites(),
        steps: (first_step..steps.len()).map(|step| (step as u64 + 1, steps[step].to_string())).collect(),
    })
}
