//! From facts and entries to what people see and what is kept.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::cluster::port::{Answer, Facts};
use crate::family::{Family, SituationKind, Waiting};
use crate::model::routing::RoutingRules;
use crate::model::vschema::VSchema;
use crate::model::workflow::{CopyPhase, WorkflowStatus};
use crate::record::entry::{Goal, OutcomeResult, What};
use crate::record::progress::Progress;
use crate::record::store::Record;
use crate::report::event::{self, TableProgress};
use crate::run::phase::PhaseId;

/// What a write may replace, kept before it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Replaced {
    pub routing_rules: RoutingRules,
    pub vschemas: BTreeMap<String, VSchema>,
    pub keyspaces: BTreeMap<String, crate::model::topology::Keyspace>,
}

impl Replaced {
    pub fn of(facts: &Facts) -> Self {
        Self {
            routing_rules: facts.routing_rules.clone(),
            vschemas: facts.vschemas.iter().map(|(keyspace, vschema)| (keyspace.to_string(), vschema.clone())).collect(),
            keyspaces: facts.keyspaces.iter().map(|(name, keyspace)| (name.to_string(), keyspace.clone())).collect(),
        }
    }
}

/// A value's bytes, for keeping.
pub fn bytes_of<T: Serialize>(value: &T) -> Vec<u8> {
    #[expect(clippy::expect_used, reason = "our own types have text keys and no failing serializer")]
    serde_json::to_vec_pretty(value).expect("a value of ours is always JSON")
}

/// What a look saw while something is waited for.
pub fn progress(
    family: &dyn Family,
    facts: &Facts,
    progress: &Progress,
    phase: &PhaseId,
    waiting: &Waiting,
    until: Option<Timestamp>,
) -> event::Progress {
    let situation = family.situation(facts, progress);
    let way_back = (situation.kind == SituationKind::Switched).then(|| family.way_back(facts));
    event::Progress {
        at: facts.observed_at,
        phase: phase.clone(),
        waiting_for: waiting.what.clone(),
        traffic: situation.traffic,
        tables: tables(facts),
        lag_seconds: family.pulse(facts).lag_seconds,
        way_back,
        until,
    }
}

/// The copy's progress, if it was looked at.
pub fn tables(facts: &Facts) -> BTreeMap<String, TableProgress> {
    let status = facts.answers.iter().find_map(|answered| match &answered.answer {
        Ok(Answer::CopyProgress(status)) => Some(status),
        _ => None,
    });
    let of = |status: &WorkflowStatus| {
        status
            .table_copies
            .iter()
            .map(|(table, copy)| {
                let done = copy.phase == CopyPhase::Complete;
                (table.clone(), TableProgress { rows_copied: copy.rows_copied, rows_total: copy.rows_total, done })
            })
            .collect()
    };
    status.map(of).unwrap_or_default()
}

pub fn is_on_record(record: &Record, text: &str) -> bool {
    record.entries.iter().any(|entry| matches!(&entry.what, What::Remark { text: known, .. } if known == text))
}

/// An entry in one line.
pub fn words_of(what: &What) -> String {
    match what {
        What::Begun { workflow, tables, .. } => format!("movement `{workflow}` of {} tables begins", tables.len()),
        What::Edited { gates, .. } => {
            let names: Vec<&str> = gates.iter().map(PhaseId::as_str).collect();
            format!(
                "the plan file was edited; approvals void for: {}",
                if names.is_empty() { "none".into() } else { names.join(", ") }
            )
        }
        What::Goal { goal, reason } => {
            let to = match goal {
                Goal::Forward => "going forward",
                Goal::SwitchedBack => "switching back to the source",
                Goal::Cancelled => "cancelling",
                Goal::RulesRestored => "putting the routing rules back",
            };
            reason.as_ref().map_or_else(|| to.to_owned(), |reason| format!("{to}: {reason}"))
        }
        What::Intent { mutation, .. } => mutation.verb().words(),
        What::Outcome { result, evidence, took_milliseconds, .. } => {
            let result = match result {
                OutcomeResult::Done => "done",
                OutcomeResult::NotDone => "did not happen",
                OutcomeResult::RolledBack => "rolled back by Vitess, everything is as before",
                OutcomeResult::Differs => "done, and something is not as forecast",
                OutcomeResult::HalfDone => "stopped half way",
            };
            format!("{result} in {:.1} s: {}", *took_milliseconds as f64 / 1000.0, evidence.join("; "))
        }
        What::Reached { phase, evidence } if evidence.is_empty() => format!("{phase} is done"),
        What::Reached { phase, evidence } => format!("{phase} is done: {}", evidence.join("; ")),
        What::Approval { gate, reason, .. } => format!("{gate} approved: {reason}"),
        What::Waiver { code, subject, reason, .. } => format!("{code} waived for {subject}: {reason}"),
        What::Incarnation { streams } => format!("{} streams on record", streams.len()),
        What::Paused { reason } => reason.as_ref().map_or_else(|| "paused".to_owned(), |reason| format!("paused: {reason}")),
        What::Resumed { reason } => reason.as_ref().map_or_else(|| "resumed".to_owned(), |reason| format!("resumed: {reason}")),
        What::Remark { text, .. } => text.clone(),
    }
}
