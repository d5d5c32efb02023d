//! Where a movement stands: what the cluster shows, what the record says, and what would be done next. Built from values, so that
//! `status` decides nothing that `apply` would decide otherwise.

use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::event::TableProgress;
use super::history::{History, HistoryStep};
use super::{ending, hold, stop};
use crate::cluster::mutation::{Mutation, shell};
use crate::cluster::port::{Answer, Ask, Facts};
use crate::family::{Condition, Family, Situation, SituationKind, Traffic};
use crate::model::vdiff::Verdict;
use crate::plan::document::ClusterName;
use crate::record::entry::{Entry, Goal, OutcomeResult};
use crate::record::lease::LeaseInfo;
use crate::record::progress::Progress;
use crate::run::decision::{Decision, Ending, HoldKind, StopKind};
use crate::run::locks;
use crate::run::phase::PhaseId;

/// `status --format json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Status {
    pub format_version: u32,
    #[schemars(with = "String")]
    pub observed_at: Timestamp,
    pub workflow: String,
    pub cluster: ClusterName,
    pub source_keyspace: String,
    pub target_keyspace: String,
    /// The phase that the movement is in, or that comes next.
    pub phase: String,
    pub state: State,
    /// The reason of the state, in words.
    pub why: String,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub held: Option<Held>,
    /// Where the movement stands by what the cluster shows.
    pub situation: String,
    /// What speaks against the nearest whole state. Not empty: somebody must look.
    pub contradictions: Vec<String>,
    pub traffic: Traffic,
    pub copy: Copy,
    /// Of the streams that run now, forward or reverse; null when it isn't known.
    pub lag_seconds: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub vdiff: Option<VDiffStatus>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub revert: Option<Revert>,
    /// Who holds the lease: the right to write to this movement, on this host.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub acting: Option<Acting>,
    /// The locks of the workflow's names and of its keyspaces that stand there, where they were looked at.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub locks: Vec<String>,
    /// The last steps on record, the newest last.
    pub last: Vec<HistoryStep>,
    /// What shows the same by hand, then what would do the next step.
    pub equivalent: Vec<String>,
    /// What to run now.
    pub next: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    NotStarted,
    /// Somebody acts, and nothing holds it.
    Running,
    /// A person must say something.
    Held,
    /// Time or the cluster must bring something about, or nobody runs `apply`.
    Waiting,
    SwitchedBack,
    Cancelled,
    Complete,
    /// A check, a condition or the cluster says no.
    Failed,
    /// Between states, or not what the record says.
    NeedsHuman,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Held {
    pub gate: String,
    pub why: String,
    pub release: Vec<String>,
    /// What must hold when it goes on, as far as it was looked at.
    pub conditions: Vec<Condition>,
    /// What standing still costs, and what passing will.
    pub price: Vec<String>,
    /// When it ends by itself.
    #[schemars(with = "Option<String>")]
    pub until: Option<Timestamp>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Copy {
    pub tables: Vec<TableCopied>,
}

/// The total is MySQL's estimate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TableCopied {
    pub table: String,
    pub rows_copied: i64,
    pub rows_total: i64,
    pub done: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct VDiffStatus {
    pub uuid: String,
    pub result: VDiffResult,
    /// The result in words.
    pub words: String,
    #[schemars(with = "Option<String>")]
    pub completed_at: Option<Timestamp>,
    pub rows_compared: Option<i64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum VDiffResult {
    Pass,
    Running,
    Mismatch,
    Failed,
    Inconclusive,
}

/// The way back after a switch of the writes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Revert {
    /// When the revert window ends; null when the switch isn't on record, and on the fast path, which waits for none.
    #[schemars(with = "Option<String>")]
    pub until: Option<Timestamp>,
    pub possible: bool,
    pub why: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Acting {
    pub who: String,
    pub host: String,
    pub process: u32,
    /// `apply`, `switch-back`.
    pub command: String,
    #[schemars(with = "String")]
    pub since: Timestamp,
}

impl From<&LeaseInfo> for Acting {
    fn from(info: &LeaseInfo) -> Self {
        let LeaseInfo { who, host, pid, operation, since } = info.clone();
        Self { who, host, process: pid, command: operation, since }
    }
}

/// What a status is made of.
pub struct StatusInput<'a> {
    pub family: &'a dyn Family,
    pub cluster: ClusterName,
    pub facts: &'a Facts,
    pub progress: &'a Progress,
    pub entries: &'a [Entry],
    /// What the machine would do now; none when it couldn't be asked.
    pub decision: Option<&'a Decision>,
    pub acting: Option<Acting>,
    pub now: Timestamp,
}

const MOST_STEPS: usize = 5;

impl Status {
    pub fn of(input: &StatusInput<'_>) -> Self {
        let StatusInput { family, facts, progress, .. } = input;
        let situation = family.situation(facts, progress);
        let (source_keyspace, target_keyspace) = family.keyspaces();
        let phase = phase(input, &situation);
        let (state, why) = state(input, &situation);
        let held = match input.decision {
            Some(Decision::Hold(hold)) => Some(Held {
                gate: hold.gate.to_string(),
                why: hold.why.clone(),
                release: hold.release.clone(),
                conditions: hold.conditions.clone(),
                price: hold.price.clone(),
                until: hold.until,
            }),
            _ => None,
        };
        let tables = TableProgress::of(facts)
            .into_iter()
            .map(|(table, TableProgress { rows_copied, rows_total, done })| TableCopied { table, rows_copied, rows_total, done });
        let history = History::of(input.entries).steps;
        Self {
            format_version: 1,
            observed_at: facts.observed_at,
            workflow: family.spec().workflow.to_string(),
            cluster: input.cluster.clone(),
            state,
            why,
            held,
            contradictions: situation.contradictions.clone(),
            traffic: situation.traffic,
            copy: Copy { tables: tables.collect() },
            lag_seconds: family.pulse(facts).lag_seconds,
            // It goes with its workflow.
            vdiff: matches!(situation.kind, SituationKind::Moving | SituationKind::Switched | SituationKind::Between)
                .then(|| vdiff(*family, facts, &target_keyspace))
                .flatten(),
            revert: revert(input, &situation),
            acting: input.acting.clone(),
            locks: facts.locks(&family.lock_ask()).map(|held| held.iter().map(locks::words).collect()).unwrap_or_default(),
            last: history[history.len().saturating_sub(MOST_STEPS)..].to_vec(),
            equivalent: equivalent(*family, &phase, &situation, &source_keyspace, &target_keyspace),
            next: next(input, state),
            situation: situation.words,
            phase: phase.to_string(),
            source_keyspace,
            target_keyspace,
        }
    }
}

/// The phase of the decision; without one, the first ahead that isn't on record.
fn phase(input: &StatusInput<'_>, situation: &Situation) -> PhaseId {
    let of_decision = match input.decision {
        Some(Decision::Act(act)) => Some(act.phase.clone()),
        Some(Decision::Wait(phase, _) | Decision::Await(phase, _)) => Some(phase.clone()),
        Some(Decision::Hold(hold)) => Some(hold.gate.clone()),
        Some(Decision::Stop(stop)) => stop.phase.clone(),
        _ => None,
    };
    let ahead = || input.family.phases_ahead(situation).into_iter().find(|phase| !input.progress.reached.contains_key(phase));
    let last = || input.family.phases().pop().map(|phase| phase.id);
    of_decision.or_else(ahead).or_else(last).unwrap_or(PhaseId::PRE_CHECK)
}

fn state(input: &StatusInput<'_>, situation: &Situation) -> (State, String) {
    let words = |state: State| (state, situation.words.clone());
    // While somebody acts, states between whole ones are what is to be expected. An apply that waits at a hold does not act.
    let is_held = matches!(input.decision, Some(Decision::Hold(_)));
    if let Some(acting) = input.acting.as_ref().filter(|_| !is_held) {
        return (State::Running, format!("{} runs `cutover {}`", acting.who, acting.command));
    }
    match input.decision {
        Some(Decision::Stop(stop)) => {
            let state = if stop.kind == StopKind::NeedsHuman { State::NeedsHuman } else { State::Failed };
            return (state, stop::reason(stop));
        }
        Some(Decision::Hold(hold)) => {
            let state = match hold.kind {
                HoldKind::SwitchedBack => State::SwitchedBack,
                HoldKind::Gate | HoldKind::VoidApproval | HoldKind::AttemptFailed | HoldKind::Paused => State::Held,
                HoldKind::Window | HoldKind::RevertWindow | HoldKind::NotQuiet => State::Waiting,
            };
            return (state, hold.why.clone());
        }
        Some(Decision::Done(ending)) => {
            let state = match ending {
                Ending::Complete | Ending::RulesRestored => State::Complete,
                Ending::Cancelled => State::Cancelled,
                Ending::SwitchedBack => State::SwitchedBack,
                Ending::Paused => State::Held,
                Ending::UntilReached | Ending::NothingToFinish | Ending::Resumed => State::Waiting,
            };
            return (state, ending::words(*ending).to_owned());
        }
        _ => {}
    }
    match situation.kind {
        SituationKind::Between | SituationKind::Foreign | SituationKind::Contradictory => return words(State::NeedsHuman),
        SituationKind::NotBegun if !input.progress.is_bound() => return words(State::NotStarted),
        SituationKind::Cancelled => return words(State::Cancelled),
        SituationKind::Ended => return words(State::Complete),
        _ => {}
    }
    let nobody = format!("nobody runs `{}`", command_towards(input.progress.goal()));
    let why = match (input.decision, &input.progress.open_attempt) {
        (Some(Decision::Wait(..)), Some(open)) => format!(
            "{nobody}, and what became of the last write ({}) is not on record; it looks, and goes on from what it finds",
            open.mutation.verb().words()
        ),
        (Some(Decision::Wait(_, waiting)), None) => format!("{}; {nobody}", waiting.what),
        (Some(Decision::Await(_, conditions)), _) => {
            format!("waits until: {}; {nobody}", super::event_words::conditions_words(conditions))
        }
        (Some(Decision::Act(act)), _) => {
            format!("{}{nobody}; next: {}", last_try(input, &act.mutation), act.mutation.verb().words())
        }
        _ => nobody,
    };
    (State::Waiting, why)
}

/// The command that brings a movement to where it shall go.
fn command_towards(goal: Goal) -> &'static str {
    match goal {
        Goal::Forward => "cutover apply",
        Goal::SwitchedBack => "cutover switch-back",
        Goal::RulesRestored => "cutover restore-rules",
        Goal::Cancelled => "cutover cancel",
    }
}

/// What became of the last write, where it was the same as comes next and came to nothing: that is what the last run stopped at.
fn last_try(input: &StatusInput<'_>, next: &Mutation) -> String {
    let Some(last) = input.progress.last_write() else { return String::new() };
    let what = match last.outcome {
        Some((OutcomeResult::RolledBack, _)) => "was rolled back, and traffic is where it was",
        Some((OutcomeResult::NotDone, _)) => "came to nothing",
        _ => return String::new(),
    };
    if std::mem::discriminant(&last.mutation) != std::mem::discriminant(next) {
        return String::new();
    }
    let said = if last.evidence.is_empty() { String::new() } else { format!(" ({})", last.evidence.join("; ")) };
    format!("the last try to {} {what}{said}; ", last.mutation.verb().words())
}

fn vdiff(family: &dyn Family, facts: &Facts, target: &str) -> Option<VDiffStatus> {
    let (uuid, answer) = facts.answers.iter().rev().find_map(|answered| match &answered.ask {
        Ask::VDiff { uuid, .. } => Some((uuid.clone(), &answered.answer)),
        _ => None,
    })?;
    let shards = facts.keyspaces.iter().find(|(name, _)| name.as_str() == target).map(|(_, keyspace)| &keyspace.shards);
    let shards = shards.into_iter().flat_map(|shards| shards.keys().map(ToString::to_string)).collect();
    let verdict = match answer {
        Ok(Answer::VDiff(Some(vdiff))) => vdiff.verdict(&shards, &family.tables().into_iter().collect()),
        Ok(_) => Verdict::Inconclusive(format!("Vitess knows no VDiff {uuid}")),
        Err(unread) => Verdict::Inconclusive(unread.why.clone()),
    };
    let rows = crate::words::counted_rows;
    let (result, words, completed_at, rows_compared) = match verdict {
        Verdict::Pass { completed_at, rows_compared } => (
            VDiffResult::Pass,
            format!("{} compared, none differs", rows(rows_compared)),
            Some(completed_at),
            Some(rows_compared),
        ),
        Verdict::Running { rows_compared, rows_estimated: 0 } => {
            (VDiffResult::Running, "it begins to compare rows".to_owned(), None, Some(rows_compared))
        }
        Verdict::Running { rows_compared, rows_estimated } => {
            let words = format!("{} of about {} compared", crate::words::count(rows_compared), rows(rows_estimated));
            (VDiffResult::Running, words, None, Some(rows_compared))
        }
        Verdict::Mismatch { found, .. } => {
            let places: Vec<String> = found.iter().map(|one| format!("`{}` on {target}/{}", one.table, one.shard)).collect();
            (VDiffResult::Mismatch, format!("rows differ in {}", crate::words::names(&places, 4)), None, None)
        }
        Verdict::Failed(why) => (VDiffResult::Failed, why, None, None),
        Verdict::Inconclusive(why) => (VDiffResult::Inconclusive, why, None, None),
    };
    Some(VDiffStatus { uuid, result, words, completed_at, rows_compared })
}

fn revert(input: &StatusInput<'_>, situation: &Situation) -> Option<Revert> {
    if situation.kind != SituationKind::Switched {
        return None;
    }
    let window_seconds = i64::try_from(input.family.revert_window_seconds(input.facts)).unwrap_or(i64::MAX / 4);
    let window = SignedDuration::from_secs(window_seconds);
    let switched_at = input.progress.reached.get(&PhaseId::SWITCH_PRIMARY).filter(|_| !window.is_zero());
    let way_back = input.family.way_back(input.facts);
    Some(Revert { until: switched_at.and_then(|at| at.checked_add(window).ok()), possible: way_back.possible, why: way_back.why })
}

/// Reads first: they are safe to copy at any time.
fn equivalent(family: &dyn Family, phase: &PhaseId, situation: &Situation, source: &str, target: &str) -> Vec<String> {
    let workflow = shell(family.spec().workflow.as_str());
    let reverse = shell(family.spec().workflow.reverse().as_str());
    let (source, target) = (shell(source), shell(target));
    let mut commands = Vec::new();
    let has_streams = matches!(situation.kind, SituationKind::Moving | SituationKind::Switched | SituationKind::Between);
    if has_streams {
        commands.push(format!("vtctldclient MoveTables --workflow {workflow} --target-keyspace {target} status"));
    }
    if situation.kind == SituationKind::Switched {
        commands.push(format!("vtctldclient Workflow --keyspace {source} show --workflow {reverse}"));
    }
    if has_streams && *phase == PhaseId::VERIFY {
        commands.push(format!("vtctldclient VDiff --workflow {workflow} --target-keyspace {target} show last"));
    }
    commands.push("vtctldclient GetRoutingRules".to_owned());
    commands.extend(family.equivalent(phase));
    commands
}

fn next(input: &StatusInput<'_>, state: State) -> Vec<String> {
    if state == State::Running {
        return vec!["cutover status --watch".into()];
    }
    match input.decision {
        Some(Decision::Hold(hold)) => {
            // An apply that waits there goes on by itself.
            let release = hold::release(hold, None, input.acting.is_some());
            return if release.is_empty() { vec!["cutover status --watch".into()] } else { release };
        }
        Some(Decision::Stop(stop)) => return stop::next(stop, input.family.spec().workflow.as_str()),
        Some(Decision::Done(ending)) => return ending::next(*ending, input.family.spec().workflow.as_str()),
        _ => {}
    }
    let command = match (state, input.progress.goal()) {
        (State::NeedsHuman, _) => "cutover apply --finish-only",
        (State::NotStarted, _) => "cutover plan",
        (State::Complete | State::Cancelled, _) => "cutover history",
        (_, Goal::Cancelled) => {
            return vec![format!("cutover cancel --confirm {}", shell(input.family.spec().workflow.as_str()))];
        }
        (_, goal) => command_towards(goal),
    };
    vec![command.into()]
}

#[cfg(test)]
#[path = "status_tests.rs"]
mod tests;
