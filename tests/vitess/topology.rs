//! The topology server of a real cluster: the lock that a dead vtctld leaves on a workflow is found there, and taken away.

use std::time::Duration;

use cutover::cluster::topo::{Etcd, LockKey, Removed, Topology as _};
use cutover::model::name::{KeyspaceName, WorkflowName};
use mysql::prelude::Queryable;

use super::support::{Case, Movement, Shape, World, cases, wait};

pub fn tests() -> Vec<Case> {
    cases![the_lock_of_a_dead_vtctld_is_found_and_taken_away]
}

fn the_lock_of_a_dead_vtctld_is_found_and_taken_away(world: &World) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let etcd = {
        let _inside = runtime.enter();
        let address = format!("etcd://{}/vitess/global", world.cluster.etcd()).parse().expect("an address");
        Etcd::connect(&address, None).expect("a client")
    };
    let movement = Movement::prepare(world, &Shape { rows: 10, ..Shape::default() });
    let (keyspace, workflow) =
        (KeyspaceName::new("customer").expect("a name"), WorkflowName::new(movement.workflow.clone()).expect("a name"));
    let locks = || runtime.block_on(etcd.named_lock(&keyspace, &workflow)).expect("etcd answers");
    assert_eq!(locks(), []);

    world.write("workflow.toml", &movement.quick_plan("policy = \"auto-advance\"", "1h"));
    world.cutover().args(["apply", "--yes", "--until", "switch-replicas"]).limit_seconds(200).run_expecting(0);
    // LOCK TABLES, late in the switch, waits for it.
    let mut transaction = world.cluster.connect_primary("commerce", "0");
    let statement = format!("update {} set note = 'slow' where id = 1", movement.tables[0]);
    transaction.query_drop("begin").and_then(|()| transaction.query_drop(statement)).expect("a transaction that writes");
    let run = world.cutover().args(["apply"]).limit_seconds(200).spawn();
    wait::until_true(Duration::from_secs(60), "the source keyspace is locked", || {
        world.cluster.locks().iter().any(|lock| lock.contains("keyspaces/commerce"))
    });
    world.cluster.kill("vtctld");
    drop(run.kill());
    transaction.query_drop("rollback").expect("a rollback");

    let [stale] = &locks()[..] else { panic!("one dead vtctld, one lock: {:?}", locks()) };
    let listed = format!("/{}", stale.key.trim_start_matches('/'));
    assert!(world.cluster.locks().iter().any(|lock| listed.ends_with(lock.trim_start_matches('/'))), "{stale:?}");
    assert!(stale.holder.action.contains("SwitchTraffic"), "{stale:?}");
    assert!(!stale.holder.host.is_empty() && stale.holder.time.starts_with("20"), "{stale:?}");

    let older = LockKey { mod_revision: stale.mod_revision - 1, ..stale.clone() };
    let remove = |lock: &LockKey| runtime.block_on(etcd.remove(lock)).expect("etcd answers");
    assert_eq!(remove(&older), Removed::Changed);
    assert_eq!(locks(), std::slice::from_ref(stale), "nothing was deleted");
    assert_eq!(remove(stale), Removed::Done);
    assert_eq!(remove(stale), Removed::Gone);
    assert_eq!(locks(), []);
    let left = world.cluster.locks();
    assert!(
        left.iter().any(|lock| lock.contains("keyspaces/commerce")),
        "the keyspaces' locks are nobody's business here: {left:?}"
    );

    world.cluster.restart("vtctld");
    world.cluster.unlock();
}
