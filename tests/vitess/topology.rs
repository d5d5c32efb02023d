//! The topology server of a real cluster: the lock that a dead vtctld leaves on a workflow is found there, and taken away.

use cutover::cluster::topo::{Etcd, LockKey, Removed, Topology as _};
use cutover::model::name::{KeyspaceName, WorkflowName};

use super::support::{Case, World, cases, dead_lock};

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
    let movement = dead_lock::of_a_switch(world);
    let (keyspace, workflow) =
        (KeyspaceName::new("customer").expect("a name"), WorkflowName::new(movement.workflow.clone()).expect("a name"));
    let locks = || runtime.block_on(etcd.named_lock(&keyspace, &workflow)).expect("etcd answers");

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
