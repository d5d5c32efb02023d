//! The ways of the movement, cut at its phases: each edge is one command from one whole state to the next. A fault on an edge is
//! resumed until the edge's end; when all that counts is then as after the undisturbed edge, the rest of the way is the undisturbed one,
//! for the program knows nothing but what files and cluster say.

use cutover::run::phase::PhaseId;

use super::canonical;
use super::life::{Command, World};
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

/// A way: its name, and its commands, the first of which may be those of another way.
struct Way {
    /// What edges of its own are called after.
    from: &'static str,
    commands: Vec<Command>,
    /// How many of them are edges of another way already.
    shared: usize,
}

fn forward(phases: &[PhaseId]) -> Vec<Command> {
    phases.iter().cloned().map(Command::until).collect()
}

fn ways() -> Vec<Way> {
    let all = [
        PhaseId::CREATE,
        PhaseId::COPY,
        PhaseId::VERIFY,
        PhaseId::SWITCH_REPLICAS,
        PhaseId::SWITCH_PRIMARY,
        PhaseId::REVERT_WINDOW,
        PhaseId::COMPLETE,
        PhaseId::REMOVE_RULES,
    ];
    let way = |from, until: usize, then: &[Command]| {
        let mut commands = forward(&all[..until]);
        commands.extend(then.iter().cloned());
        Way { from, commands, shared: until }
    };
    let whole = Way { shared: 0, ..way("", all.len(), &[]) };
    vec![
        whole,
        way("remove-rules", 8, &[Command::RestoreRules]),
        way("create", 1, &[Command::Cancel]),
        way("copy", 2, &[Command::Cancel]),
        way("verify", 3, &[Command::Cancel]),
        way("switch-replicas", 4, &[Command::Cancel]),
        way("switch-replicas", 4, &[Command::SwitchBack]),
        way("switch-primary", 5, &[Command::SwitchBack, Command::until(PhaseId::SWITCH_PRIMARY)]),
        way("switch-primary and back", 5, &[Command::SwitchBack, Command::Cancel]),
        way("copy", 2, &[Command::Pause, Command::Resume, Command::until(PhaseId::VERIFY)]),
    ]
}

/// Goes every way undisturbed.
///
/// # Panics
/// When one doesn't come to its end: then there is no movement to disturb.
pub async fn edges() -> Vec<Edge> {
    let mut edges: Vec<Edge> = Vec::new();
    for way in ways() {
        let script = Script::new(0, []);
        script.tell_all();
        let mut moment = Moment::beginning();
        let mut of_way = Vec::new();
        for (place, command) in way.commands.iter().enumerate() {
            let world = World::at(&moment, script.clone());
            let (base, first_step) = (script.count(), world.sandbox.log_of_steps().unwrap().len());
            let outcome = carry_out(&world, command).await;
            let violations = script.violations();
            assert!(
                outcome == Outcome::Done && violations.is_empty(),
                "undisturbed, {} ends so: {outcome:?} {violations:?}\n{}",
                command.words(),
                script.story()
            );
            let to = world.moment();
            let steps = world.sandbox.log_of_steps().unwrap();
            let words = match command {
                Command::Apply { until: Some(phase) } => phase.to_string(),
                other => other.words(),
            };
            of_way.push(Edge {
                name: if place < way.shared || way.from.is_empty() { words } else { format!("{words} after {}", way.from) },
                command: command.clone(),
                rest: way.commands[place + 1..].to_vec(),
                end: canonical::of(&to),
                way_end: String::new(),
                from: moment,
                to: to.clone(),
                base,
                sites: script.sites()[base..].to_vec(),
                steps: (first_step..steps.len()).map(|step| (step as u64 + 1, steps[step].to_string())).collect(),
            });
            moment = to;
        }
        let end = canonical::of(&moment);
        edges.extend(of_way.into_iter().skip(way.shared).map(|edge| Edge { way_end: end.clone(), ..edge }));
    }
    edges
}
