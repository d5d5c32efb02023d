//! Looks at a movement with the program's own adapter, apart from any run of it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use cutover::clock::SystemClock;
use cutover::cluster::port::{Facts, Query, Reader as _};
use cutover::cluster::vtctld::{Cluster as Adapter, ConnectionSettings, Vtctld};
use cutover::model::name::{KeyspaceName, WorkflowName};
use cutover::model::workflow::Stream;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

use super::support::{Cluster, Movement};

/// The lag that a quick plan lets a copy end with, and a switch begin.
const LITTLE_LAG_SECONDS: u64 = 5;

pub struct Looks {
    runtime: Runtime,
    adapter: Adapter,
    query: Query,
    target: KeyspaceName,
    workflow: WorkflowName,
}

impl Looks {
    pub fn at(cluster: &Cluster, movement: &Movement) -> Self {
        let keyspace = |name: &str| KeyspaceName::new(name).expect("a keyspace");
        let (source, target) = (keyspace(movement.source), keyspace(movement.target));
        let workflow = WorkflowName::new(movement.workflow.clone()).expect("a workflow");
        let query = Query {
            workflows: [(target.clone(), workflow.clone()), (source.clone(), workflow.reverse())].into(),
            keyspaces: [source, target.clone()].into(),
            ..Query::default()
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let adapter = {
            let _inside = runtime.enter();
            let vtctld = Vtctld::connect(&ConnectionSettings::plaintext(cluster.vtctld())).expect("settings for a local vtctld");
            Adapter::new(vtctld, Arc::new(SystemClock))
        };
        Self { runtime, adapter, query, target, workflow }
    }

    fn look(&self) -> Facts {
        self.runtime.block_on(self.adapter.observe(&self.query)).expect("a look")
    }

    /// Every row is copied, every stream runs, and lags little.
    pub fn have_caught_up(&self) -> bool {
        let facts = self.look();
        let workflow = facts.workflow(&self.target, &self.workflow).expect("the workflow");
        workflow.streams.iter().all(Stream::copy_is_complete)
            && workflow.transaction_lag_seconds.is_some_and(|lag| lag <= LITTLE_LAG_SECONDS)
    }

    /// How many looks a second vtctld answers to so many askers at once.
    pub fn a_second(&self, askers: usize, during: Duration) -> f64 {
        let begun = Instant::now();
        let looks: usize = self.runtime.block_on(async {
            let mut all = JoinSet::new();
            for _ in 0..askers {
                let (adapter, query) = (self.adapter.clone(), self.query.clone());
                all.spawn(async move {
                    let mut looks = 0;
                    while begun.elapsed() < during {
                        adapter.observe(&query).await.expect("a look");
                        looks += 1;
                    }
                    looks
                });
            }
            all.join_all().await.into_iter().sum()
        });
        looks as f64 / begun.elapsed().as_secs_f64()
    }
}
