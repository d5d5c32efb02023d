//! That the port's adapter reads and writes a real vtctld: each reading beside what `vtctldclient` says of the same.

mod reading;
mod sql;
mod writing;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use cutover::clock::SystemClock;
use cutover::cluster::ClusterError;
use cutover::cluster::mutation::Mutation;
use cutover::cluster::port::{Answer, Ask, Facts, Query, Reader as _, Writer as _};
use cutover::cluster::vtctld::{Cluster as Adapter, ConnectionSettings, SqlReads, Vtctld};
use cutover::model::name::{KeyspaceName, TableName, WorkflowName};
use cutover::model::workflow::Workflow;
use tokio::runtime::Runtime;

use super::support::{Case, Cluster, Movement};

pub fn tests() -> Vec<Case> {
    [reading::tests(), sql::tests(), writing::tests()].into_iter().flatten().collect()
}

/// The adapter over the cluster's vtctld, for tests that are no futures themselves.
struct Port {
    runtime: Runtime,
    adapter: Adapter,
}

impl Port {
    fn new(cluster: &Cluster) -> Self {
        Self::at(cluster.vtctld())
    }

    fn at(address: &str) -> Self {
        let runtime = Runtime::new().expect("a runtime");
        let adapter = {
            let _inside = runtime.enter();
            let vtctld = Vtctld::connect(&ConnectionSettings::plaintext(address)).expect("settings for a local vtctld");
            Adapter::new(vtctld, Arc::new(SystemClock))
        };
        Self { runtime, adapter }
    }

    fn with_sql(mut self, sql: SqlReads) -> Self {
        self.adapter = self.adapter.with_sql(sql);
        self
    }

    fn attempt(&self, query: &Query) -> Result<Facts, ClusterError> {
        self.runtime.block_on(self.adapter.observe(query))
    }

    fn observe(&self, query: &Query) -> Facts {
        let begin = Instant::now();
        let facts = self.attempt(query).unwrap_or_else(|error| panic!("{error}"));
        let unread: Vec<String> =
            facts.answers.iter().filter_map(|one| one.answer.as_ref().err().map(|why| format!("{:?}: {why}", one.ask))).collect();
        eprintln!("  observed in {} ms, {} answers, unread: {unread:?}", begin.elapsed().as_millis(), facts.answers.len());
        assert!(facts.covers(query));
        facts
    }

    /// The answer to one ask, or why there is none.
    fn ask(&self, ask: Ask) -> Result<Answer, String> {
        let facts = self.observe(&Query { asks: [ask.clone()].into(), ..Query::default() });
        facts.answer(&ask).cloned().map_err(|unread| unread.why)
    }

    fn perform(&self, mutation: Mutation) -> String {
        self.try_perform(mutation.clone()).unwrap_or_else(|error| panic!("{mutation:?}: {error}"))
    }

    fn try_perform(&self, mutation: Mutation) -> Result<String, ClusterError> {
        let begin = Instant::now();
        let receipt = self.runtime.block_on(self.adapter.perform(&mutation));
        eprintln!("  {} in {} ms: {receipt:?}", mutation.verb().words(), begin.elapsed().as_millis());
        receipt.map(|receipt| receipt.summary)
    }
}

fn keyspace(name: &str) -> KeyspaceName {
    KeyspaceName::new(name).expect("a keyspace's name")
}

fn tables(movement: &Movement) -> Vec<TableName> {
    movement.tables.iter().map(|table| TableName::new(table.as_str()).expect("a table's name")).collect()
}

fn workflow(movement: &Movement) -> WorkflowName {
    WorkflowName::forward(movement.workflow.as_str()).expect("a workflow's name")
}

fn shards(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// What the driver would look at: both keyspaces, the workflow and its reverse.
fn query(movement: &Movement, asks: impl IntoIterator<Item = Ask>) -> Query {
    let name = workflow(movement);
    Query {
        keyspaces: [keyspace(movement.source), keyspace(movement.target)].into(),
        workflows: [(keyspace(movement.source), name.reverse()), (keyspace(movement.target), name)].into(),
        asks: asks.into_iter().collect(),
    }
}

fn forward<'a>(facts: &'a Facts, movement: &Movement) -> Option<&'a Workflow> {
    facts.workflow(&keyspace(movement.target), &workflow(movement))
}

fn backward<'a>(facts: &'a Facts, movement: &Movement) -> Option<&'a Workflow> {
    facts.workflow(&keyspace(movement.source), &workflow(movement).reverse())
}
