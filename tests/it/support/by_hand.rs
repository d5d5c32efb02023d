//! What somebody does to a sandbox with other hands than ours.

use std::time::Duration;

use cutover::cluster::mutation::{Direction, Mutation, SwitchTraffic};
use cutover::cluster::port::{Query, Reader as _, Writer as _};
use cutover::cluster::vtctld::{Cluster, Vtctld};
use cutover::model::name::{KeyspaceName, WorkflowName};
use cutover::model::topology::TabletType;
use cutover::sandbox::Sandbox;
use cutover::sandbox::file::reading;

use super::TestEnv;

/// The sandbox of an environment.
pub fn sandbox_of(env: &TestEnv) -> Sandbox {
    let description = reading::read(&std::fs::read_to_string(env.path().join("sandbox.toml")).unwrap()).unwrap();
    Sandbox::open(&env.path().join(".cutover/sandbox"), &description, jiff::Timestamp::now()).unwrap()
}

/// Its cluster, past our program.
pub fn cluster_of(env: &TestEnv) -> Cluster {
    let sandbox = sandbox_of(env);
    Cluster::new(Vtctld::in_process(sandbox.routes(), "the sandbox"), sandbox.clock())
}

/// Nobody does anything for so long, and then somebody looks.
pub fn time_passes(env: &TestEnv, time: Duration) {
    let cluster = cluster_of(env);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    runtime.block_on(async {
        tokio::time::sleep(time).await;
        cluster.observe(&Query::default()).await.unwrap();
    });
}

/// The writes of `customer.c2c` are switched, with a vtctld that dies in it as `sandbox.toml` says.
pub fn switch_by_hand(env: &TestEnv) {
    let cluster = cluster_of(env);
    let switch = Mutation::SwitchTraffic(SwitchTraffic {
        workflow: WorkflowName::new("c2c").unwrap(),
        target_keyspace: KeyspaceName::new("customer").unwrap(),
        tablet_types: vec![TabletType::Primary],
        direction: Direction::Forward,
        timeout_seconds: 5,
        max_lag_seconds: 30,
        initialize_target_sequences: false,
    });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    let answer = runtime.block_on(async { tokio::time::timeout(Duration::from_secs(60), cluster.perform(&switch)).await });
    assert!(answer.unwrap().is_err(), "it died");
}
