//! The record's entries: what was wanted, tried, seen and allowed, in order. The present is a fold over them.
//!
//! The record says what we tried; the cluster says what is.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::cluster::mutation::Mutation;
use crate::model::digest::Digest;
use crate::run::phase::PhaseId;

/// One entry. `serial` is its place, from 1.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Entry {
    pub serial: u64,
    pub at: Timestamp,
    pub by: Actor,
    pub what: What,
}

/// Who wrote an entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Actor {
    pub user: String,
    pub host: String,
    pub process: u32,
    pub version: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", tag = "entry")]
pub enum What {
    /// The first entry: what this movement is. `frozen` is the digest of the parts that may not change in flight.
    Begun {
        workflow: String,
        cluster: String,
        fingerprint: String,
        intent: Digest,
        frozen: Digest,
        tables: Vec<String>,
        /// Digest of the plan file's meaning, kept beside the record, to say later what was edited.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        spec: Option<Digest>,
    },
    /// Gates or limits were edited in flight; approvals of the gates named are void.
    Edited {
        intent: Digest,
        gates: Vec<PhaseId>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        spec: Option<Digest>,
    },
    /// Where the movement shall go.
    Goal {
        goal: Goal,
        reason: Option<String>,
    },
    /// About to write. Stands durably before the call leaves the process.
    Intent {
        attempt: u64,
        phase: PhaseId,
        mutation: Mutation,
        forecast: Digest,
        replaced: Option<Digest>,
        /// Of a switch: how far the streams that it ends lagged, by the look that it was decided on.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        lag_seconds: Option<u64>,
    },
    /// What an observation found after the write.
    Outcome {
        attempt: u64,
        result: OutcomeResult,
        evidence: Vec<String>,
        took_milliseconds: u64,
        /// Digest of what stood there then, kept beside the record: what later looks are compared with.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        found: Option<Digest>,
    },
    /// A phase's done-condition was observed.
    Reached {
        phase: PhaseId,
        evidence: Vec<String>,
    },
    Approval {
        gate: PhaseId,
        reason: String,
        intent: Digest,
        forecast: Digest,
        expires_at: Option<Timestamp>,
        end_revert_window: bool,
    },
    Waiver {
        code: String,
        subject: String,
        reason: String,
        intent: Digest,
        seen: String,
    },
    /// Ids that Vitess gave out: `stream <keyspace>.<workflow> <shard>` to id. A workflow of our name with other ids isn't ours.
    Incarnation {
        streams: BTreeMap<String, i64>,
    },
    /// A movement that somebody else made was taken over, as it stood. Nothing was written to the cluster.
    Adopted {
        /// The phases that the cluster shows to be behind it, in order.
        reached: Vec<PhaseId>,
        /// The ids of its streams, as in `Incarnation`.
        streams: BTreeMap<String, i64>,
        evidence: Vec<String>,
        /// What could not be proven, and was accepted by name.
        accepted: Vec<Accepted>,
        reason: String,
        /// Digest of what stood there then, kept beside the record: what later looks are compared with.
        found: Digest,
    },
    /// Traffic will move without a hold and without a revert window, for the plan file accepts it and the movement is small and plain.
    FastPath {
        /// The phase that would have held.
        phase: PhaseId,
        /// The caveats that the plan file accepts.
        accepted: Vec<String>,
        /// What was seen of each criterion.
        evidence: Vec<String>,
    },
    Paused {
        reason: Option<String>,
    },
    Resumed {
        reason: Option<String>,
    },
    /// Something that concerns the reader of the history: a foreign change, a loss, a wait that ended in a hold.
    Remark {
        phase: Option<PhaseId>,
        text: String,
    },
}

/// A doubt about a movement that was taken over, and that somebody took upon themselves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Accepted {
    /// `who-made-it`
    pub name: String,
    /// What could not be proven, as it was shown.
    pub doubt: String,
}

/// Where a movement goes; the last one counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Goal {
    Forward,
    /// Traffic at the source. Sticky: going forward again needs an approval younger than it.
    SwitchedBack,
    Cancelled,
    /// After the end: our routing rules put back.
    RulesRestored,
}

/// How the evidence of a write begins that was stopped after its intent stood and before it left.
pub const NOT_SENT: &str = "it was not sent";

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OutcomeResult {
    /// The postcondition was observed.
    Done,
    /// It did not happen, and the cluster is as before.
    NotDone,
    /// It ran and Vitess put everything back.
    RolledBack,
    /// It happened, and something is not as forecast.
    Differs,
    /// It stopped half way.
    HalfDone,
}
