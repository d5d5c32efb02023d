//! The lock that a vtctld leaves on a workflow's name when it dies in a switch.

use std::time::Duration;

use mysql::prelude::Queryable;

use super::{Movement, Shape, World, wait};

/// A movement whose switch of writes died with its vtctld, before any write was stopped for good. vtctld is down; the name is locked
/// for 24 hours, the keyspaces until their leases end.
pub fn of_a_switch(world: &World) -> Movement {
    let movement = Movement::prepare(world, &Shape { rows: 10, ..Shape::default() });
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
    movement
}
