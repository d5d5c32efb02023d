//! An entry of the record in words.

use super::event::Level;
use crate::cluster::mutation::Mutation;
use crate::record::entry::{Goal, OutcomeResult, What};
use crate::run::phase::PhaseId;
use crate::words::{after, counted, length_of_milliseconds, moment};

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
        What::Intent { mutation, .. } => intent_words(mutation),
        What::Outcome { result, evidence, took_milliseconds, .. } => {
            let moved_writes = matches!(attempted, Some(Mutation::SwitchTraffic(switch)) if switch.moves_writes());
            let took = if moved_writes {
                format!(" after {}, writes paused no longer than that", length_of_milliseconds(*took_milliseconds))
            } else {
                after(*took_milliseconds)
            };
            with_evidence(&format!("{}{took}", result_words(*result)), evidence)
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
        What::Incarnation { streams } if streams.is_empty() => "no stream is left".to_owned(),
        What::Incarnation { streams } => format!("the ids of {} are noted", counted(streams.len(), "stream")),
        What::Adopted { reached, accepted, reason, evidence, .. } => {
            let at = reached.last().map(|phase| format!(", past {phase}")).unwrap_or_default();
            let names: Vec<&str> = accepted.iter().map(|accepted| accepted.name.as_str()).collect();
            let text = format!("take over what somebody else made{at}; accepted without proof: {} ({reason})", names.join(", "));
            with_evidence(&text, evidence)
        }
        What::FastPath { accepted, evidence, .. } => with_evidence(&fast_path(accepted), evidence),
        What::Paused { reason } => format!("pause the streams{}", because(reason)),
        What::Resumed { reason } => format!("resume the streams{}", because(reason)),
        What::Remark { text, .. } => text.clone(),
    }
}

/// Which waits are left out, on whose word.
pub fn fast_path(accepted: &[String]) -> String {
    format!("take the fast path to the hold before complete; the plan file accepts {}", accepted.join(", "))
}

/// The write in its own words; the id of a VDiff in short, for its outcome says it whole.
fn intent_words(mutation: &Mutation) -> String {
    let words = mutation.verb().words();
    match mutation {
        Mutation::CreateVDiff(vdiff) => {
            let whole = vdiff.uuid.to_string();
            words.replace(&whole, whole.get(..8).unwrap_or(&whole))
        }
        _ => words,
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
        What::Intent { phase, .. } | What::Reached { phase, .. } | What::FastPath { phase, .. } => Some(phase),
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
