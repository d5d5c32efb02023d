//! The record as a story: who did what, when, why, on what evidence, and how long it took.

use std::collections::BTreeMap;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::entry_words;
use super::escape::escape;
use super::event::Level;
use super::history_phases::{self, HistoryPhase, Phases};
use super::page::{Page, bad, bold, caution, dim, plain};
use super::problems::Drawing;
use crate::cluster::mutation::Mutation;
use crate::record::entry::{Entry, OutcomeResult, What};
use crate::words::{after, clock, day, length, length_of_milliseconds, moment};

/// `history --format json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct History {
    pub format_version: u32,
    pub workflow: String,
    pub cluster: String,
    #[schemars(with = "Option<String>")]
    pub begun_at: Option<Timestamp>,
    /// Each phase that was reached, in order; one that was reached again stands there again.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub phases: Vec<HistoryPhase>,
    pub steps: Vec<HistoryStep>,
}

/// One entry of the record; a write and its outcome are one step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct HistoryStep {
    pub serial: u64,
    #[schemars(with = "String")]
    pub at: Timestamp,
    pub user: String,
    pub host: String,
    /// As the record names it: `intent`, `approval`, `reached`.
    pub entry: String,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub phase: Option<String>,
    pub what: String,
    /// Of a write: `done`, `not-done`, `rolled-back`, `differs`, `half-done`; absent while it isn't known.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub result: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub evidence: Vec<String>,
    /// Of a switch: how far the streams that it ended lagged, by the look that it was sent on.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub lag_seconds: Option<u64>,
    /// Of a switch of writes: from sending it to seeing it done. Writes paused no longer than that, and most likely shorter.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub pause_at_most_milliseconds: Option<u64>,
    /// The id of the VDiff that it began, or that verify rests on.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub vdiff: Option<String>,
    /// Of a write: from its sending to what was observed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub took_milliseconds: Option<u64>,
    /// Of a phase that was reached: since the phase before it was, or since the movement began.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub phase_seconds: Option<i64>,
    /// The same by hand.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub equivalent: Option<String>,
}

impl History {
    /// The story that entries tell.
    pub fn of(entries: &[Entry]) -> Self {
        let mut history = Self {
            format_version: 1,
            workflow: String::new(),
            cluster: String::new(),
            begun_at: None,
            phases: Vec::new(),
            steps: Vec::new(),
        };
        let mut attempts: BTreeMap<u64, (usize, &Mutation)> = BTreeMap::new();
        let mut phases = Phases::default();
        for entry in entries {
            if let What::Begun { workflow, cluster, .. } = &entry.what {
                history.workflow = workflow.clone();
                history.cluster = cluster.clone();
                history.begun_at = Some(entry.at);
            }
            if let What::Outcome { attempt, result, evidence, took_milliseconds, .. } = &entry.what
                && let Some((step, mutation)) = attempts.get(attempt)
                && let Some(step) = history.steps.get_mut(*step)
            {
                step.result = Some(kebab(result));
                step.evidence = evidence.clone();
                step.took_milliseconds = Some(*took_milliseconds);
                if let Some(lag_seconds) = step.lag_seconds {
                    step.evidence.push(format!("the streams lagged {} when it was sent", length(lag_seconds)));
                }
                if matches!(mutation, Mutation::SwitchTraffic(switch) if switch.moves_writes()) && *result == OutcomeResult::Done
                {
                    // A call that was lost ends before the switch does: what counts is when it was seen done.
                    let seen = u64::try_from(entry.at.duration_since(step.at).as_millis()).unwrap_or(0);
                    let at_most = seen.max(*took_milliseconds);
                    step.pause_at_most_milliseconds = Some(at_most);
                    step.evidence.push(format!(
                        "writes paused {} at most: from sending the switch to seeing it done",
                        length_of_milliseconds(at_most)
                    ));
                }
                phases.end(step);
                continue;
            }
            let mut step = HistoryStep::of(entry);
            match &entry.what {
                What::Intent { attempt, mutation, lag_seconds, .. } => {
                    attempts.insert(*attempt, (history.steps.len(), mutation));
                    step.equivalent = Some(mutation.verb().equivalent());
                    step.lag_seconds = *lag_seconds;
                    if let Mutation::CreateVDiff(vdiff) = mutation {
                        step.vdiff = Some(vdiff.uuid.to_string());
                    }
                }
                What::Reached { phase, .. } => history.phases.push(phases.reach(phase, history.begun_at, &mut step)),
                _ => {}
            }
            history.steps.push(step);
        }
        history
    }

    /// For a terminal or a log.
    pub fn draw(&self, drawing: Drawing) -> String {
        let mut page = Page::new(drawing);
        match self.begun_at {
            Some(at) => {
                page.line(0, &[bold(&self.workflow), plain(format!(" on {}, begun {}", self.cluster, moment(at)))]);
            }
            None => page.line(0, &[plain("nothing is on record")]),
        }
        history_phases::draw(&mut page, &self.phases);
        let mut last_day = String::new();
        let mut last_user = String::new();
        for step in &self.steps {
            let today = day(step.at);
            if today != last_day {
                page.gap();
                page.line(0, &[bold(&today)]);
                last_day = today;
                last_user.clear();
            }
            // Who it was is said where it changes.
            let user = format!("{}@{}", step.user, step.host);
            if user != last_user {
                page.line(2, &[dim(&user)]);
                last_user = user;
            }
            let phase = step.phase.as_deref().unwrap_or_default();
            let label = [dim(clock(step.at)), plain(format!("  {phase:15}  "))];
            let mut spans = vec![plain(&step.what)];
            if let Some(seconds) = step.phase_seconds.filter(|seconds| *seconds > 0) {
                spans.push(dim(format!(" after {}", length(seconds))));
            }
            let took = step.took_milliseconds.map(after).unwrap_or_default();
            match step.result.as_deref() {
                Some("done") => spans.push(plain(format!(": done{took}"))),
                Some(result @ ("not-done" | "rolled-back")) => spans.push(caution(format!(": {}{took}", words(result)))),
                Some(result) => spans.push(bad(format!(": {}{took}", words(result)))),
                None if step.entry == "intent" => spans.push(caution(": NO OUTCOME on record")),
                None => {}
            }
            page.item(2, &label, &spans);
            for evidence in &step.evidence {
                let hang = 2 + label.iter().map(super::page::Span::width).sum::<usize>();
                page.item(hang, &[dim("- ")], &[dim(evidence)]);
            }
        }
        page.finish()
    }

    /// A table for a comment on a pull request.
    pub fn markdown(&self) -> String {
        let mut text = format!("### {} on {}\n\n", cell(&self.workflow), cell(&self.cluster));
        text.push_str(&history_phases::markdown(&self.phases));
        text.push_str("| when | who | phase | what | evidence |\n| --- | --- | --- | --- | --- |\n");
        for step in &self.steps {
            let result = step.result.as_deref().map(|result| format!(": {}", words(result))).unwrap_or_default();
            let columns = [
                moment(step.at),
                step.user.clone(),
                step.phase.clone().unwrap_or_default(),
                format!("{}{result}", step.what),
                step.evidence.join("; "),
            ];
            let columns: Vec<String> = columns.iter().map(|text| cell(text)).collect();
            text.push_str(&format!("| {} |\n", columns.join(" | ")));
        }
        text
    }
}

impl HistoryStep {
    fn of(entry: &Entry) -> Self {
        let (what, evidence) = match &entry.what {
            What::Reached { phase, evidence } => (format!("{phase} is done"), evidence.clone()),
            What::Adopted { evidence, accepted, reason, reached, .. } => {
                let at = reached.last().map(|phase| format!(", past {phase}")).unwrap_or_default();
                let doubts = accepted.iter().map(|it| format!("accepted without proof ({}): {}", it.name, it.doubt));
                let evidence = evidence.iter().cloned().chain(doubts).collect();
                (format!("take over what somebody else made{at}: {reason}"), evidence)
            }
            What::FastPath { accepted, evidence, .. } => (entry_words::fast_path(accepted), evidence.clone()),
            what => (entry_words::words(what), vec![]),
        };
        Self {
            serial: entry.serial,
            at: entry.at,
            user: entry.by.user.clone(),
            host: entry.by.host.clone(),
            entry: kind(&entry.what),
            phase: entry_words::phase(&entry.what).map(ToString::to_string),
            what,
            result: None,
            evidence,
            lag_seconds: None,
            pause_at_most_milliseconds: None,
            vdiff: None,
            took_milliseconds: None,
            phase_seconds: None,
            equivalent: None,
        }
    }

    /// How much a reader should care.
    pub fn level(&self) -> Level {
        match self.result.as_deref() {
            None | Some("done") => Level::Info,
            Some("not-done" | "rolled-back") => Level::Warning,
            Some(_) => Level::Error,
        }
    }
}

/// The name that serde gives it, which is the record's and JSON's.
fn kebab<T: Serialize>(value: &T) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(text)) => text,
        _ => String::new(),
    }
}

fn kind(what: &What) -> String {
    let value = serde_json::to_value(what).unwrap_or_default();
    value["entry"].as_str().unwrap_or_default().to_owned()
}

/// The result of a write, as JSON names it, in words.
pub fn words(result: &str) -> &'static str {
    serde_json::from_value::<OutcomeResult>(result.into()).map_or("of an unknown result", entry_words::result_words)
}

/// Text for a cell of a Markdown table: no line ends, no markup, no mention of anybody.
pub(super) fn cell(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in escape(text).chars() {
        match c {
            '<' => shown.push_str("&lt;"),
            '>' => shown.push_str("&gt;"),
            '&' => shown.push_str("&amp;"),
            '@' => shown.push_str("&#64;"),
            '|' | '\\' | '`' | '*' | '_' | '[' | ']' | '#' | '!' | '~' => shown.extend(['\\', c]),
            c => shown.push(c),
        }
    }
    shown
}

#[cfg(test)]
#[path = "history_tests.rs"]
mod tests;
