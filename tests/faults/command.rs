//! What an operator types.

use cutover::cli::way::Way;
use cutover::record::entry::{Goal, What};
use cutover::run::phase::PhaseId;

/// Of the movement.
pub const RECORD: &str = "workflow.lock";
/// Of a repair of what was never ours.
pub const REPAIR_RECORD: &str = "repair.lock";

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Command {
    Apply {
        until: Option<PhaseId>,
    },
    /// `apply --finish-only`
    FinishOnly,
    /// `repair` with the plan file and its record.
    Repair,
    /// `repair` of the workflow by its name: without a record of it.
    RepairForeign,
    /// Takes over what stands there, and accepts each doubt.
    Adopt,
    SwitchBack,
    Cancel,
    Pause,
    Resume,
    RestoreRules,
    /// Opens a gate, with a reason.
    Approve(PhaseId),
    /// No command: the application is deployed with the target's name in its connection, as must be before the rules go.
    Deploy,
    /// No command: somebody begins a VDiff of the way back.
    ComparesBack,
}

impl Command {
    pub fn until(phase: PhaseId) -> Self {
        Self::Apply { until: Some(phase) }
    }

    pub fn words(&self) -> String {
        match self {
            Self::Apply { until: None } => "apply".into(),
            Self::Apply { until: Some(phase) } => format!("apply --until {phase}"),
            Self::FinishOnly => "apply --finish-only".into(),
            Self::Repair => "repair".into(),
            Self::RepairForeign => "repair --workflow customer.c2c".into(),
            Self::Adopt => "adopt".into(),
            Self::SwitchBack => "switch-back".into(),
            Self::Cancel => "cancel".into(),
            Self::Pause => "pause".into(),
            Self::Resume => "resume".into(),
            Self::RestoreRules => "restore-rules".into(),
            Self::Approve(gate) => format!("approve {gate}"),
            Self::Deploy => "(the application connects to the target)".into(),
            Self::ComparesBack => "(somebody begins a VDiff of the way back)".into(),
        }
    }

    /// What goes on record of it, and on what way.
    pub fn goal(&self) -> Option<(Way, What)> {
        let goal = |goal| What::Goal { goal, reason: None };
        Some(match self {
            Self::Apply { .. }
            | Self::FinishOnly
            | Self::Repair
            | Self::RepairForeign
            | Self::Adopt
            | Self::Approve(_)
            | Self::Deploy
            | Self::ComparesBack => return None,
            Self::SwitchBack => (Way::SwitchBack, goal(Goal::SwitchedBack)),
            Self::Cancel => (Way::Cancel, goal(Goal::Cancelled)),
            Self::RestoreRules => (Way::RestoreRules, goal(Goal::RulesRestored)),
            Self::Pause => (Way::Pause, What::Paused { reason: None }),
            Self::Resume => (Way::Resume, What::Resumed { reason: None }),
        })
    }

    /// The file of the record that it writes.
    pub fn record(&self) -> &'static str {
        if *self == Self::RepairForeign { REPAIR_RECORD } else { RECORD }
    }
}
