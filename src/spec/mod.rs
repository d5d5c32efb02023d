//! From text to intent: the plan file, read, checked whole, and turned into a [`Spec`] that cannot hold nonsense.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

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
    pub gates: BTreeMap<PhaseId, GateSpec>,
    pub copy: CopySpec,
    pub verify: VerifySpec,
    pub switch: SwitchSpec,
    pub revert: RevertSpec,
    pub complete: CompleteSpec,
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
    /// From which cells' tablets the streams read; empty is the target primary's own cell.
    pub cells: Vec<CellName>,
    /// In order of preference.
    pub tablet_types: Vec<TabletType>,
    pub on_ddl: OnDdl,
    pub defer_secondary_keys: bool,
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
    /// Every base table of the source but these.
    AllBut(Vec<TableName>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum GatePolicy {
    OperatorHold,
    AutoAdvance,
}

/// One gate: who opens it, and when a write behind it may begin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GateSpec {
    pub policy: GatePolicy,
    /// Empty: at any time.
    pub windows: Vec<window::Window>,
    /// An IANA name; needed for weekly windows, "UTC" unless said.
    pub time_zone: String,
    pub approval_expires_seconds: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CopySpec {
    pub max_lag_seconds: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerifySpec {
    pub max_age_seconds: u64,
    pub tablet_types: Vec<TabletType>,
    pub cells: Vec<CellName>,
    pub max_duration_seconds: Option<u64>,
    /// Shards compared at the same time; none is all at once.
    pub shards_at_once: Option<u32>,
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

pub mod window {
    //! Placeholder.
    use super::*;
    /// When a write may begin.
    #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
    #[serde(rename_all = "kebab-case")]
    pub enum Window {
        Dated { from: Timestamp, until: Timestamp },
    }
}
