//! An entry of the record in words.

use super::event::Level;
use super::words::{counted, length_of_milliseconds, moment};
use crate::cluster::mutation::Mutation;
use crate::record::entry::{Goal, OutcomeResult, What};
use crate::run::phase::PhaseId;

/// One line, present tense for what begins, no full stop.
pub fn words(what: &What) -> String {
    words_after(what, None)
}

/// The same, with the write that an outcome is of: one that moved writes says how long they paused at most.
pub fn words_after(what: &What, attempted: Option<&Mutation>) -> String {
    let because = |reason: &Option<String>| reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
    match what {
        What::Begun { workflow, cluster, tables, intent, .. } => {
            format!("begin `{workflow}` on {cluster}, {} (intent {})", counted(tables.len(), "table"), intent.short())
        }
        What::Edited { intent, gates, .. } => {
            let names: Vec<&str> = gates.iter().map(PhaseId::as_str).collect();
            let void = match names.as_slice() {
                [] => "no approval is concerned".to_owned(),
                names => format!("approvals of {} are void", names.join(", ")),
            };
            format!("the plan file was edited (intent {}); {void}", intent.short())
        }
        What::Goal { goal, reason } => format!("{}{}", goal_words(*goal), because(reason)),
        What::Intent { mutation, .. } => mutation.verb().words(),
        What::Outcome { result, evidence, took_milliseconds, .. } => {
            let took = length_of_milliseconds(*took_milliseconds);
            let moved_writes = matches!(attempted, Some(Mutation::SwitchTraffic(switch)) if switch.moves_writes());
            let pause = if moved_writes { ", writes paused no longer than that" } else { "" };
            with_evidence(&format!("{} after {took}{pause}", result_words(*result)), evidence)
        }
        What::Reached { phase, evidence } => with_evidence(&format!("{phase} is done"), evidence),
        What::Approval { gate, reason, expires_at, end_revert_window, .. } => {
            let expires = expires_at.map(|at| format!(", expires {}", moment(at))).unwrap_or_default();
            let ends = if *end_revert_window { ", ends the revert window" } else { "" };
            format!("approve {gate}{expires}{ends}: {reason}")
        }
        What::Waiver { code, subject, reason, seen, .. } => {
            let seen = if seen.is_empty() { String::new() } else { format!(" (seen: {seen})") };
            format!("waive {code} for {subject}: {reason}{seen}")
        }
        What::Incarnation { streams } => format!("{} of the movement known by id", counted(streams.len(), "stream")),
        What::Paused { reason } => format!("pause the streams{}", because(reason)),
        What::Resumed { reason } => format!("resume the streams{}", because(reason)),
        What::Remark { text, .. } => text.clone(),
    }
}

fn with_evidence(text: &str, evidence: &[String]) -> String {
    if evidence.is_empty() { text.to_owned() } else { format!("{text}: {}", evidence.join("; ")) }
}

pub fn goal_words(goal: Goal) -> &'static str {
    match goal {
        Goal::Forward => "go forward",
        Goal::SwitchedBack => "switch back to the source",
        Goal::Cancelled => "cancel the movement",
        Goal::RulesRestored => "put the routing rules back",
    }
}

pub fn result_words(result: OutcomeResult) -> &'static str {
    match result {
        OutcomeResult::Done => "done",
        OutcomeResult::NotDone => "did not happen",
        OutcomeResult::RolledBack => "rolled back",
        OutcomeResult::Differs => "happened, and is not as forecast",
        OutcomeResult::HalfDone => "STOPPED HALF WAY",
    }
}

/// The phase that an entry is of, where it says so.
pub fn phase(what: &What) -> Option<&PhaseId> {
    match what {
        What::Intent { phase, .. } | What::Reached { phase, .. } => Some(phase),
        What::Approval { gate, .. } => Some(gate),
        What::Remark { phase, .. } => phase.as_ref(),
        _ => None,
    }
}

pub fn level(what: &What) -> Level {
    match what {
        What::Outcome { result: OutcomeResult::HalfDone | OutcomeResult::Differs, .. } => Level::Error,
        What::Outcome { result: OutcomeResult::NotDone | OutcomeResult::RolledBack, .. } => Level::Warning,
        _ => Level::Info,
    }
}
