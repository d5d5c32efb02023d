//! What `repair` will do, before it does it.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::family::mending::rehearsal::{Rehearsal, Rehearsed};
use crate::leftovers::Leftover;
use crate::plan::changes::Changes;
use crate::plan::document::ClusterName;

/// `repair --dry-run --format json`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct RepairPlan {
    pub format_version: u32,
    #[schemars(with = "String")]
    pub observed_at: Timestamp,
    pub cluster: ClusterName,
    /// What is mended: "the movement `customer.c2c`, from `commerce` to `customer`".
    pub subject: String,
    /// What the application sees now; empty where no movement is mended.
    pub sees: String,
    pub verdict: RepairVerdict,
    /// The tables that it is about.
    pub tables: Vec<String>,
    /// What is mended.
    pub leftovers: Vec<Leftover>,
    /// What will be waited for first.
    pub waits: Vec<String>,
    pub steps: Vec<StepPlan>,
    /// Why it can't be brought to an end by these steps.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub stuck: Option<String>,
    /// What stands there and only a person can mend.
    pub by_hand: Vec<Leftover>,
    /// Where what is done will be on record.
    pub record: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RepairVerdict {
    Ready,
    NothingToDo,
    /// No step of ours is safe, or none is known.
    ByHand,
}

/// One write, with what it is forecast to change.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct StepPlan {
    pub words: String,
    /// The same by hand.
    pub equivalent: String,
    #[serde(flatten)]
    pub changes: Changes,
}

impl StepPlan {
    pub fn of(step: &Rehearsed) -> Self {
        let Rehearsed { mutation, before, after } = step;
        let changes = Changes::between(before, after);
        Self { words: mutation.verb().words(), equivalent: mutation.verb().equivalent(), changes }
    }
}

impl RepairVerdict {
    pub fn of(rehearsal: &Rehearsal) -> Self {
        match (&rehearsal.stuck, rehearsal.steps.is_empty()) {
            // Bringing it half of the way is not mending it.
            (Some(_), _) => Self::ByHand,
            (None, true) => Self::NothingToDo,
            (None, false) => Self::Ready,
        }
    }
}
