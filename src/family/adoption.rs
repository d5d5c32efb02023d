//! Taking over a movement that somebody else made: what the cluster proves of it, what it can't prove, and what stands in the way.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::finding::Finding;
use crate::run::phase::PhaseId;

/// The streams don't do what the plan file says.
pub const ANOTHER: &str = "C410";
/// It stands in a way from which nobody can go on as if it were ours.
pub const NOT_AS_IT_IS: &str = "C411";

/// What one look says of a movement that somebody else made.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Adoption {
    /// The phases that the cluster shows to be behind it, in order.
    pub reached: Vec<PhaseId>,
    /// What was seen, in words.
    pub evidence: Vec<String>,
    pub doubts: Vec<Doubt>,
    /// What must be dealt with first.
    pub blocking: Vec<Finding>,
}

/// Something that no look proves. A person answers for it, by name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Doubt {
    /// As `--accept` takes it: `who-made-it`.
    pub name: String,
    /// What can't be proven, no full stop.
    pub what: String,
    /// What that means for what comes after, no full stop.
    pub follows: String,
}

impl Doubt {
    pub fn new(name: &str, what: impl Into<String>, follows: impl Into<String>) -> Self {
        Self { name: name.to_owned(), what: what.into(), follows: follows.into() }
    }
}
