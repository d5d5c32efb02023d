//! The phases of a history: how long each took, what its writes took, the lag and the pause of a switch, the VDiff of verify.

use std::collections::BTreeMap;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::history::{HistoryStep, cell};
use super::page::{Page, bold, dim, plain};
use crate::run::phase::PhaseId;
use crate::words::{length, length_of_milliseconds, moment};

/// A phase that was reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct HistoryPhase {
    pub phase: String,
    #[schemars(with = "String")]
    pub reached_at: Timestamp,
    /// Since the phase before it was reached, or since the movement began: holds and waits are in it.
    pub seconds: i64,
    /// Of all its writes together, those included that came to nothing.
    pub writes_milliseconds: u64,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub lag_seconds: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub pause_at_most_milliseconds: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub vdiff: Option<String>,
    /// What was seen when it was reached; of verify, how many rows were compared and when.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub evidence: Vec<String>,
}

/// What is gathered on the way to the end of each phase.
#[derive(Debug, Default)]
pub(super) struct Phases {
    last_reached: Option<Timestamp>,
    of: BTreeMap<String, Gathered>,
}

#[derive(Debug, Default)]
struct Gathered {
    writes_milliseconds: u64,
    lag_seconds: Option<u64>,
    pause_at_most_milliseconds: Option<u64>,
    vdiff: Option<String>,
}

impl Phases {
    /// A write of a phase has ended.
    pub fn end(&mut self, step: &HistoryStep) {
        let gathered = self.of.entry(step.phase.clone().unwrap_or_default()).or_default();
        gathered.writes_milliseconds += step.took_milliseconds.unwrap_or(0);
        // Of several the last one counts: those before came to nothing, or were led back.
        gathered.lag_seconds = step.lag_seconds.or(gathered.lag_seconds);
        gathered.pause_at_most_milliseconds = step.pause_at_most_milliseconds.or(gathered.pause_at_most_milliseconds);
        gathered.vdiff = step.vdiff.clone().or(gathered.vdiff.take());
    }

    /// A phase was seen done; the step of it learns what it took.
    pub fn reach(&mut self, phase: &PhaseId, begun_at: Option<Timestamp>, step: &mut HistoryStep) -> HistoryPhase {
        let gathered = self.of.remove(phase.as_str()).unwrap_or_default();
        let since = self.last_reached.or(begun_at);
        step.phase_seconds = since.map(|since| step.at.duration_since(since).as_secs());
        step.vdiff.clone_from(&gathered.vdiff);
        self.last_reached = Some(step.at);
        HistoryPhase {
            phase: phase.to_string(),
            reached_at: step.at,
            seconds: step.phase_seconds.unwrap_or(0),
            writes_milliseconds: gathered.writes_milliseconds,
            lag_seconds: gathered.lag_seconds,
            pause_at_most_milliseconds: gathered.pause_at_most_milliseconds,
            vdiff: gathered.vdiff,
            evidence: step.evidence.clone(),
        }
    }
}

impl HistoryPhase {
    /// "writes paused 2.1 s at most, lag 1 s"; of verify what was compared, and by which VDiff.
    fn notes(&self) -> String {
        let mut notes = Vec::new();
        notes.extend(
            self.pause_at_most_milliseconds.map(|most| format!("writes paused {} at most", length_of_milliseconds(most))),
        );
        notes.extend(self.lag_seconds.map(|lag| format!("lag {} when it was sent", length(lag))));
        if let Some(id) = &self.vdiff {
            notes.extend(self.evidence.iter().cloned());
            notes.push(format!("VDiff {id}"));
        }
        notes.join("; ")
    }
}

/// A line for each phase.
pub(super) fn draw(page: &mut Page, phases: &[HistoryPhase]) {
    if phases.is_empty() {
        return;
    }
    page.gap();
    page.line(0, &[bold("How long each phase took, holds included")]);
    for phase in phases {
        let label = [bold(format!("{:15}  ", phase.phase)), plain(format!("{:>11}  ", length(phase.seconds)))];
        page.item(2, &label, &[dim(phase.notes())]);
    }
}

/// The same as a table.
pub(super) fn markdown(phases: &[HistoryPhase]) -> String {
    if phases.is_empty() {
        return String::new();
    }
    let mut text = String::from("| phase | took, holds included | done | |\n| --- | --- | --- | --- |\n");
    for phase in phases {
        let columns = [phase.phase.clone(), length(phase.seconds), moment(phase.reached_at), phase.notes()];
        let columns: Vec<String> = columns.iter().map(|text| cell(text)).collect();
        text.push_str(&format!("| {} |\n", columns.join(" | ")));
    }
    text.push('\n');
    text
}
