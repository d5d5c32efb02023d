//! What `adopt` found, what it can't prove, and what became of it.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::family::Traffic;
use crate::family::adoption::Doubt;
use crate::finding::Finding;
use crate::plan::document::ClusterName;

/// `adopt --format json`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct AdoptionReport {
    pub format_version: u32,
    #[schemars(with = "String")]
    pub observed_at: Timestamp,
    pub workflow: String,
    pub cluster: ClusterName,
    pub source_keyspace: String,
    pub target_keyspace: String,
    pub tables: Vec<String>,
    pub verdict: AdoptionVerdict,
    /// Where the movement stands, in words.
    pub situation: String,
    pub traffic: Traffic,
    /// The phases that the cluster shows to be behind it, in order. Verify is never among them.
    pub reached: Vec<String>,
    pub evidence: Vec<String>,
    /// What no look proves.
    pub doubts: Vec<DoubtReport>,
    /// What must be dealt with first.
    pub blocking: Vec<Finding>,
    /// The commands that lead on.
    pub next: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum AdoptionVerdict {
    Adopted,
    Adoptable,
    Blocked,
    /// No stream of it is there.
    NothingToAdopt,
    /// The record here is of this very movement.
    OursAlready,
}

#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct DoubtReport {
    #[serde(flatten)]
    pub doubt: Doubt,
    /// Somebody has accepted it by name.
    pub accepted: bool,
}
