//! All that a sandbox knows: what its file holds.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::application::Application;
use super::fault::{Plan, Vtctld};
use super::file::description::Description;
use super::locks::Locks;
use super::operation::Operation;
use super::oracle;
use super::stream::Stream;
use super::topology::Topology;
use super::traffic::Course;
use super::vdiff::VDiff;

/// Of the state's own form.
pub const FORMAT: u32 = 2;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct State {
    pub format: u32,
    /// What it began as.
    pub description: Description,
    pub began: Timestamp,
    pub now: Timestamp,
    pub topology: Topology,
    pub streams: Vec<Stream>,
    pub vdiffs: Vec<VDiff>,
    pub journals: Vec<Journal>,
    pub locks: Locks,
    /// Calls that take their time.
    pub operations: Vec<Operation>,
    pub application: Application,
    /// How often each call has come.
    pub calls: BTreeMap<String, u64>,
    /// Transactions that hold a write lock, by hand.
    pub transactions: Vec<Transaction>,
    /// Rows that were changed by hand, in order: what streams carry on as they come to it.
    pub changes_by_hand: Vec<ChangeByHand>,
    /// The last number that was given to anything.
    pub last_number: u64,
    /// Somebody's changes of rules that have been made, by their place in the description.
    pub changes_made: Vec<usize>,
    pub vtctld: Vtctld,
    /// What a test planned.
    pub plan: Plan,
}

/// An entry of `_vt.resharding_journal` on a source shard: the point of no return of a switch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Journal {
    pub keyspace: String,
    pub shard: String,
    /// Of the switch that wrote it: its workflow and the ids of its streams.
    pub workflow: String,
    pub streams: Vec<u64>,
    /// As Vitess numbers it.
    #[serde(default)]
    pub id: i64,
}

/// A row put into a table, or taken out of it, past vtgate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangeByHand {
    pub keyspace: String,
    pub table: String,
    pub at: Timestamp,
    pub number: u64,
    pub is_put: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transaction {
    pub keyspace: String,
    pub table: String,
    pub connection: u64,
    pub since: Timestamp,
    /// None: until it is ended by hand.
    pub until: Option<Timestamp>,
}

impl State {
    pub fn new(description: &Description, now: Timestamp) -> Self {
        let began = description.start.unwrap_or(now);
        Self {
            format: FORMAT,
            description: description.clone(),
            began,
            now: began,
            topology: Topology::new(description),
            streams: vec![],
            vdiffs: vec![],
            journals: vec![],
            locks: Locks::default(),
            operations: vec![],
            application: Application::new(description, began),
            calls: BTreeMap::new(),
            transactions: super::trouble::transactions(description, began),
            changes_by_hand: vec![],
            last_number: 0,
            changes_made: vec![],
            vtctld: Vtctld::default(),
            plan: Plan::default(),
        }
    }

    /// Notes what does not hold and must: in sandboxes for tests, after each micro-step and each call.
    pub fn watch(&mut self) {
        if self.plan.keeps_logs {
            for violation in oracle::violations(self) {
                if !self.plan.seen.contains(&violation) {
                    self.plan.seen.push(violation);
                }
            }
        }
    }

    pub fn next_number(&mut self) -> u64 {
        self.last_number += 1;
        self.last_number
    }

    /// The streams of a workflow, by shard.
    pub fn streams_of<'s>(&'s self, keyspace: &'s str, workflow: &'s str) -> impl Iterator<Item = &'s Stream> {
        self.streams.iter().filter(move |stream| stream.keyspace == keyspace && stream.workflow == workflow)
    }

    pub fn streams_of_mut<'s>(&'s mut self, keyspace: &'s str, workflow: &'s str) -> impl Iterator<Item = &'s mut Stream> {
        self.streams.iter_mut().filter(move |stream| stream.keyspace == keyspace && stream.workflow == workflow)
    }

    /// Whether any source shard has the journal of a switch of this workflow with these streams.
    pub fn has_journal(&self, course: &Course) -> bool {
        let streams: Vec<u64> = self.streams_of(&course.target, &course.workflow).map(|stream| stream.id).collect();
        self.journals.iter().any(|journal| journal.workflow == course.workflow && journal.streams == streams)
    }

    /// Whether a stream stands where its source's journal begins.
    pub fn is_past_its_journal(&self, place: usize) -> bool {
        let stream = &self.streams[place];
        self.journals.iter().any(|journal| {
            journal.keyspace == stream.source_keyspace
                && journal.workflow == stream.workflow
                && journal.streams.contains(&stream.id)
        })
    }

    /// Transactions that hold a write lock on one of these tables now.
    pub fn write_locks<'s>(&'s self, keyspace: &'s str, tables: &'s [String]) -> impl Iterator<Item = &'s Transaction> {
        let now = self.now;
        self.transactions.iter().filter(move |transaction| {
            transaction.keyspace == keyspace
                && transaction.since <= now
                && transaction.until.is_none_or(|until| until > now)
                && tables.contains(&transaction.table)
        })
    }
}
