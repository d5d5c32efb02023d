//! What the machine can decide.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::phase::PhaseId;
use crate::cluster::mutation::Mutation;
use crate::cluster::port::Query;
use crate::family::picture::Picture;
use crate::family::{Condition, Waiting};
use crate::finding::Finding;
use crate::model::digest::Digest;
use crate::record::entry::What;

/// The next thing to do.
#[derive(Debug, Clone)]
pub enum Decision {
    /// More must be looked at before anything can be decided.
    Look(Query),
    /// The checks before a phase have passed just now.
    Checked(PhaseId),
    /// The checks of the phase that follows were made while this one waits; it, if they have passed.
    CheckedAhead {
        waiting: PhaseId,
        passed: Option<PhaseId>,
    },
    /// Something is known now; on record with it.
    Note(Vec<What>),
    Act(Box<Act>),
    Wait(PhaseId, Waiting),
    /// The conditions of a phase's first write don't hold yet.
    Await(PhaseId, Vec<Condition>),
    Hold(Box<Hold>),
    Done(Ending),
    Stop(Box<Stop>),
}

/// A write, and what it promises.
#[derive(Debug, Clone)]
pub struct Act {
    pub phase: PhaseId,
    pub mutation: Mutation,
    /// What stands there now.
    pub before: Picture,
    /// What will stand there.
    pub after: Picture,
    pub forecast: Digest,
}

/// Nothing is wrong; somebody or some time is waited for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Hold {
    pub gate: PhaseId,
    pub kind: HoldKind,
    pub why: String,
    /// What was proved so far.
    pub proved: Vec<String>,
    /// What happens next, once released.
    pub next: Vec<String>,
    /// What stands in the way, as far as it is known.
    pub conditions: Vec<Condition>,
    /// What standing still costs, and what passing will.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub price: Vec<String>,
    /// The commands that release it, or end it otherwise.
    pub release: Vec<String>,
    /// When it ends by itself, if it does.
    pub until: Option<Timestamp>,
    /// Where the way back should be open and is not: why.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub way_back_shut: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum HoldKind {
    /// An operator must approve.
    Gate,
    /// An approval exists and no longer binds: the plan or what it changes has changed.
    VoidApproval,
    Window,
    RevertWindow,
    NotQuiet,
    Paused,
    SwitchedBack,
    /// A switch was tried and rolled back: one attempt a release.
    AttemptFailed,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Ending {
    Complete,
    Cancelled,
    SwitchedBack,
    RulesRestored,
    /// The phase named with `--until` is done.
    UntilReached,
    /// Nothing stood half way.
    NothingToFinish,
    Paused,
    Resumed,
}

/// Something stands in the way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Stop {
    pub kind: StopKind,
    pub phase: Option<PhaseId>,
    pub findings: Vec<Finding>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum StopKind {
    /// Exit 4: a check, a condition or the cluster says no; traffic is where it was.
    Refused,
    /// Exit 5: between states, or the cluster contradicts the record.
    NeedsHuman,
    /// Exit 7: another cluster, an edited plan file.
    Stale,
    /// Exit 77: the cluster does not let us.
    NotAllowed,
}
