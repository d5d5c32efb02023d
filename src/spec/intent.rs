//! What a plan file means.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use super::window::{self, Window};
use crate::cluster::mutation::{AutoIncrementHandling, OnDdl, SourceTables};
use crate::model::name::{CellName, KeyspaceName, TableName, WorkflowName};
use crate::model::topology::TabletType;
use crate::run::phase::PhaseId;

/// A plan file's meaning. Comments, order and spelling don't show here, so equal meanings give equal digests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spec {
    pub workflow: WorkflowName,
    /// An alias; where it is, is the operator's to say.
    pub cluster: String,
    pub movement: Movement,
    /// Every phase that has a gate has its entry.
    pub gates: BTreeMap<PhaseId, GateSpec>,
    pub copy: CopySpec,
    pub verify: VerifySpec,
    pub switch: SwitchSpec,
    pub revert: RevertSpec,
    pub complete: CompleteSpec,
    /// Left out of digests where nothing is accepted: so they are as those of records from before there was a fast path.
    #[serde(default, skip_serializing_if = "FastPathSpec::is_ordinary")]
    pub fast_path: FastPathSpec,
}

/// What is accepted for a movement that is small and plain enough to run straight through.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FastPathSpec {
    pub accept: BTreeSet<Caveat>,
}

impl FastPathSpec {
    /// Nothing is accepted: the ordinary gates.
    pub fn is_ordinary(&self) -> bool {
        self.accept.is_empty()
    }
}

/// What the fast path does without.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Caveat {
    /// The holds before `switch-replicas` and `switch-primary`.
    NoHold,
    /// The revert window before the hold of `complete`.
    NoRevertWindow,
}

impl Caveat {
    pub const ALL: [Self; 2] = [Self::NoHold, Self::NoRevertWindow];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::NoHold => "no-hold",
            Self::NoRevertWindow => "no-revert-window",
        }
    }

    /// In plain words.
    pub fn words(self) -> &'static str {
        match self {
            Self::NoHold => "reads and writes are switched as soon as their conditions hold; nobody is asked again",
            Self::NoRevertWindow => {
                "`complete` may be approved right after the switch; nobody is made to wait and see whether the target is right"
            }
        }
    }
}

/// The family's own table of the plan file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Movement {
    MoveTables(MoveTablesSpec),
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MoveTablesSpec {
    pub source_keyspace: KeyspaceName,
    pub target_keyspace: KeyspaceName,
    pub tables: TableSelection,
    /// From which cells' tablets the streams read; empty is the target primary's own cell. Sorted.
    pub cells: Vec<CellName>,
    /// In order of preference.
    pub tablet_types: Vec<TabletType>,
    pub on_ddl: OnDdl,
    pub defer_secondary_keys: bool,
    /// An IANA name.
    pub source_time_zone: Option<String>,
    pub global_keyspace: Option<KeyspaceName>,
    pub sharded_auto_increment_handling: AutoIncrementHandling,
    pub initialize_target_sequences: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TableSelection {
    /// Sorted, without repetition.
    Named(Vec<TableName>),
    /// Every base table of the source but these. Sorted, without repetition.
    AllBut(Vec<TableName>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum GatePolicy {
    OperatorHold,
    AutoAdvance,
}

impl GatePolicy {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OperatorHold => "operator-hold",
            Self::AutoAdvance => "auto-advance",
        }
    }
}

/// One gate: who opens it, and when a write behind it may begin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GateSpec {
    pub policy: GatePolicy,
    /// Empty: at any time. Sorted.
    pub windows: Vec<Window>,
    /// An IANA name, "UTC" unless said.
    pub time_zone: String,
    pub approval_expires_seconds: u64,
}

/// Where a gate's windows stand at a moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WindowState {
    /// It has no windows.
    Always,
    Open {
        until: Timestamp,
    },
    Shut {
        /// None: no window comes any more.
        next: Option<Timestamp>,
    },
}

/// This machine's time-zone database lacks a zone that the plan file names.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("this machine knows no time zone `{0}`")]
pub struct UnknownZone(pub String);

impl GateSpec {
    /// Where the windows stand. An unknown zone is an error, never an open gate.
    pub fn window_state(&self, now: Timestamp) -> Result<WindowState, UnknownZone> {
        if self.windows.is_empty() {
            return Ok(WindowState::Always);
        }
        let zone = TimeZone::get(&self.time_zone).map_err(|_| UnknownZone(self.time_zone.clone()))?;
        Ok(match window::open_until(&self.windows, &zone, now) {
            Some(until) => WindowState::Open { until },
            None => WindowState::Shut { next: window::next_opening(&self.windows, &zone, now) },
        })
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CopySpec {
    pub max_lag_seconds: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerifySpec {
    pub max_age_seconds: u64,
    /// In order of preference.
    pub tablet_types: Vec<TabletType>,
    /// Sorted. Empty lets Vitess choose.
    pub cells: Vec<CellName>,
    pub max_duration_seconds: Option<u64>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SwitchSpec {
    pub max_lag_seconds: u64,
    pub stable_for_seconds: u64,
    pub max_transaction_age_milliseconds: u64,
    pub wait_for_quiet_seconds: u64,
    pub timeout_seconds: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RevertSpec {
    pub window_seconds: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CompleteSpec {
    pub source_tables: SourceTables,
}
