//! Faults that a test plans: at a micro-step of vtctld's, or at a call. They are data of the state, so they survive a restart of the
//! process, and each befalls once.

#[cfg(test)]
#[path = "fault_tests.rs"]
mod tests;

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::file::description::Deed;
use super::oracle::Violation;
use super::topology::Kind;

/// A micro-step that was done: the smallest thing that Vitess does as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct StepDone {
    /// `switch-writes`: what of a call it belongs to.
    pub operation: String,
    /// Which call of its name, from 1; of a VDiff's own steps, which VDiff.
    pub call_number: u64,
    /// `stop-source-writes`
    pub step: String,
    /// `commerce/0`, or a cell, or nothing.
    pub shard_or_cell: String,
}

impl std::fmt::Display for StepDone {
    /// `switch-writes/stop-source-writes/commerce/0`
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.operation, self.step)?;
        if self.shard_or_cell.is_empty() { Ok(()) } else { write!(f, "/{}", self.shard_or_cell) }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum When {
    Before,
    After,
}

/// What befalls at a micro-step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepFault {
    /// Counted over the whole life, from 1, as in [`Sandbox::log_of_steps`](super::Sandbox::log_of_steps). Before a step is when it
    /// is tried for the first time.
    pub step_number: u64,
    pub when: When,
    pub what: StepWhat,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum StepWhat {
    /// As `kill -9` does: operations under way are dropped where they are, and their locks stay until their leases end.
    KillVtctld {
        restart_after: Duration,
    },
    /// The step fails with these words, and is rolled back where Vitess does that. After a step: it was done, and fails all the same.
    Refuse(String),
    /// The operation goes on to its end; its caller is told at once that the connection is gone.
    LoseAnswer,
    /// The caller is gone, and vtctld notices it here.
    CallerGone,
    ReparentPrimary {
        keyspace: String,
        shard: String,
    },
    /// The leases of all keyspace locks end.
    LeasesEnd,
    /// The first tablet of a type in a shard answers nobody for so long; no other takes its place.
    TabletGone {
        keyspace: String,
        shard: String,
        kind: Kind,
        lasts: Duration,
    },
    /// `alter table TABLE add column NAME int`
    AddColumn {
        keyspace: String,
        table: String,
        column: String,
    },
    /// Somebody else begins something, as with vtctldclient.
    Somebody {
        does: Deed,
        keyspace: String,
        workflow: String,
    },
    /// The streams that write to a keyspace lag behind by so much for so long.
    Lag {
        keyspace: String,
        lag: Duration,
        lasts: Duration,
    },
    /// A transaction takes a write lock on a table.
    OpenTransaction {
        keyspace: String,
        table: String,
        lasts: Duration,
    },
}

/// What befalls a call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallFault {
    /// Counted over all calls of the whole life, from 1, as in [`Sandbox::log_of_calls`](super::Sandbox::log_of_calls).
    pub number: u64,
    pub what: CallWhat,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum CallWhat {
    /// The server never saw it: UNAVAILABLE.
    LostBefore,
    /// It is done, and its answer is lost: UNAVAILABLE.
    AnswerLost,
    /// It is done, and its answer comes so much later.
    AnswerLate(Duration),
    /// The server does it twice, one after the other; the first answer counts.
    Twice,
    /// It reaches the server so much later. A caller that gave up before has never made it.
    Hang(Duration),
}

/// The planned faults that have not befallen, and what they are counted by.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    pub steps: Vec<StepFault>,
    pub calls: Vec<CallFault>,
    pub steps_done: u64,
    pub calls_made: u64,
    /// A sandbox for tests keeps its logs; one in a folder would grow without end.
    pub keeps_logs: bool,
    pub log_of_calls: Vec<String>,
    pub log_of_steps: Vec<StepDone>,
    /// What did not hold at any time.
    pub seen: Vec<Violation>,
    #[serde(default)]
    pub lags: Vec<Lag>,
}

/// Of the streams that write to a keyspace, until then.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lag {
    pub keyspace: String,
    pub lag: SignedDuration,
    pub until: Timestamp,
}

impl Plan {
    /// What befalls at the next step, or the one that was just done; once.
    pub fn take_at_step(&mut self, when: When) -> Vec<StepWhat> {
        let step_number = self.steps_done + u64::from(when == When::Before);
        let is_due = |fault: &StepFault| fault.step_number == step_number && fault.when == when;
        let due = self.steps.iter().filter(|fault| is_due(fault)).map(|fault| fault.what.clone()).collect();
        self.steps.retain(|fault| !is_due(fault));
        due
    }

    pub fn done(&mut self, step: StepDone) {
        self.steps_done += 1;
        if self.keeps_logs {
            self.log_of_steps.push(step);
        }
    }

    /// Notes a call, and says what befalls it.
    pub fn arrive(&mut self, name: &str) -> Option<CallWhat> {
        self.calls_made += 1;
        if self.keeps_logs {
            self.log_of_calls.push(name.to_owned());
        }
        let place = self.calls.iter().position(|fault| fault.number == self.calls_made)?;
        Some(self.calls.remove(place).what)
    }
}

/// vtctld's own life.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vtctld {
    /// It is dead until then.
    pub starts_at: Option<Timestamp>,
    pub deaths: u64,
}

impl Vtctld {
    pub fn is_dead(&self, now: Timestamp) -> bool {
        self.starts_at.is_some_and(|at| now < at)
    }
}

/// As the sandbox reckons time.
pub fn signed(duration: Duration) -> SignedDuration {
    SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX)
}
