//! What a run tells while it happens: a closed list. `apply --format json` writes one a line; the terminal draws the same.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::cluster::port::{Answer, Facts};
use crate::family::{Condition, Traffic, WayBack};
use crate::model::workflow::CopyPhase;
use crate::record::entry::Entry;
use crate::run::decision::{Ending, Hold, Stop};
use crate::run::phase::PhaseId;

#[expect(clippy::large_enum_variant, reason = "events are made one at a time and not kept")]
#[derive(Debug, Clone, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", tag = "type")]
pub enum Event {
    /// The first line.
    Begin {
        version: String,
        format_version: u32,
        command: String,
        workflow: String,
        cluster: String,
        address: String,
        sandbox: bool,
    },
    /// An entry of the record, as it became durable.
    Entry {
        entry: Entry,
        words: String,
    },
    /// What a look saw while something is waited for.
    Progress(Progress),
    /// Conditions that must hold before a phase's first write.
    Await {
        phase: PhaseId,
        conditions: Vec<Condition>,
        since: Timestamp,
    },
    /// Held; with `--wait` the run goes on looking.
    Hold {
        hold: Box<Hold>,
        waiting: bool,
    },
    /// A call that is under way, each second.
    Calling {
        phase: PhaseId,
        words: String,
        seconds: u64,
    },
    /// Something stands in the way.
    Stop(Box<Stop>),
    /// For people: what the tool does or noticed.
    Say {
        level: Level,
        text: String,
    },
    End {
        ending: Option<Ending>,
        exit_code: u8,
        words: String,
        next: Vec<String>,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    Info,
    Warning,
    Error,
}

/// A look, for bars and lines.
#[derive(Debug, Clone, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Progress {
    pub at: Timestamp,
    pub phase: PhaseId,
    pub waiting_for: String,
    pub traffic: Traffic,
    /// By table, as they were at `tables_at`; empty when no copy was under way then.
    pub tables: BTreeMap<String, TableProgress>,
    /// A look in some asks for them; none before the first.
    pub tables_at: Option<Timestamp>,
    pub lag_seconds: Option<u64>,
    pub way_back: Option<WayBack>,
    /// When the wait ends by itself.
    pub until: Option<Timestamp>,
}

/// The totals are MySQL's estimates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct TableProgress {
    pub rows_copied: i64,
    pub rows_total: i64,
    pub done: bool,
}

impl TableProgress {
    /// The copy's progress by table; empty when it wasn't looked at.
    pub fn of(facts: &Facts) -> BTreeMap<String, Self> {
        let status = facts.answers.iter().find_map(|answered| match &answered.answer {
            Ok(Answer::CopyProgress(status)) => Some(status),
            _ => None,
        });
        let tables = status.map(|status| &status.table_copies).into_iter().flatten();
        tables
            .map(|(table, copy)| {
                let done = copy.phase == CopyPhase::Complete;
                (table.clone(), Self { rows_copied: copy.rows_copied, rows_total: copy.rows_total, done })
            })
            .collect()
    }
}

/// Something that shows events. It decides nothing and its failures stop nothing.
pub trait View: Send {
    fn event(&mut self, at: Timestamp, event: &Event);

    /// Time has passed and nothing happened: what counts down is drawn anew.
    fn tick(&mut self, _at: Timestamp) {}
}
