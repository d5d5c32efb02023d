//! How soon a run acts on what it waits for: rows copied, a lag that is back, an approval. What the cluster shows is looked at from here
//! as often as can be, so that what is measured is the run's own delay.

use std::thread::{sleep, spawn};
use std::time::{Duration, Instant};

use mysql::prelude::Queryable as _;

use super::context::Context;
use super::figure::{Figure, Limit};
use super::looks::Looks;
use super::statistics::{largest, median};
use super::support::program::Running;
use super::support::{Cluster, Movement, Shape, World};

/// How often each change is made.
const CHANGES: usize = 3;
/// From then on looks are as far apart as they get.
const LONG: Duration = Duration::from_secs(20);
/// How far a stream is behind when its lag comes back.
const LAG: Duration = Duration::from_secs(12);
const LIMIT: Duration = Duration::from_secs(120);

pub fn figures(context: &Context) -> Vec<Figure> {
    let cluster = context.cluster.expect("this family needs one");
    let kinds: [(&str, fn(&'static Cluster) -> f64); 3] = [
        ("from rows that are copied and little lag to the next phase", copied),
        ("from a lag that is back to the call", lag_is_back),
        ("from an approval to the call", approved),
    ];
    kinds
        .into_iter()
        .map(|(name, change)| {
            let seconds: Vec<f64> = (0..CHANGES).map(|_| change(cluster)).collect();
            Figure::new(format!("{name}, p50 of {CHANGES}"), "s", median(seconds.iter().copied()))
                .limit(Limit::AtMost(1.0))
                .note(format!("longest {:.1}", largest(seconds)))
        })
        .collect()
}

fn copied(cluster: &'static Cluster) -> f64 {
    let world = World::on(cluster);
    let movement = Movement::prepare(&world, &Shape { rows: 50_000, ..Shape::default() });
    world.write("workflow.toml", &movement.quick_plan("policy = \"operator-hold\"", "1h"));
    cluster.vtctl().slow_copying_down("customer", 1.0);
    let run = world.cutover().args(["apply", "--yes", "--until", "copy"]).limit_seconds(300).spawn();
    run.wait_for_text("create is done");
    sleep(LONG);
    assert!(!movement.has_caught_up(), "the rows were copied before it was looked at");
    cluster.vtctl().let_copying_run("customer").expect("it runs on");
    let seconds = reaction(cluster, &movement, &run, "copy is done", true);
    assert_eq!(run.wait().code, Some(0));
    world.cutover().args(["cancel", "--confirm", &movement.workflow]).run_expecting(0);
    seconds
}

fn lag_is_back(cluster: &'static Cluster) -> f64 {
    let world = World::on(cluster);
    let movement = Movement::prepare(&world, &Shape::default());
    let plan = movement.quick_plan("policy = \"auto-advance\"", "1h").replace("stable-for = \"1s\"", "stable-for = \"0s\"");
    world.write("workflow.toml", &plan);
    world.cutover().args(["apply", "--yes", "--until", "verify"]).limit_seconds(300).run_expecting(0);
    let mut connection = cluster.connect_primary(movement.target, "-80");
    connection.query_drop("begin").expect("a transaction");
    let row = format!("select id from _vt.vreplication where workflow = '{}' for update", movement.workflow);
    connection.query_drop(row).expect("the row of the stream");
    sleep(LAG);
    let run = world.cutover().args(["apply", "--wait", "--until", "switch-replicas"]).limit_seconds(300).spawn();
    run.wait_for_text("waits until");
    let freed = spawn(move || {
        sleep(LONG);
        connection.query_drop("rollback").expect("the stream goes on");
    });
    let seconds = reaction(cluster, &movement, &run, "switch rdonly", true);
    freed.join().expect("the stream goes on");
    assert_eq!(run.wait().code, Some(0));
    world.cutover().args(["cancel", "--confirm", &movement.workflow]).run_expecting(0);
    seconds
}

fn approved(cluster: &'static Cluster) -> f64 {
    let world = World::on(cluster);
    let movement = Movement::prepare(&world, &Shape::default());
    world.write("workflow.toml", &movement.quick_plan("policy = \"operator-hold\"", "1h"));
    let run = world.cutover().args(["apply", "--yes", "--wait", "--until", "switch-replicas"]).limit_seconds(300).spawn();
    run.wait_for_text("cutover approve switch-replicas");
    world.cutover().args(["approve", "switch-replicas", "--reason", "measured"]).run_expecting(0);
    let seconds = reaction(cluster, &movement, &run, "switch rdonly", false);
    assert_eq!(run.wait().code, Some(0));
    world.cutover().args(["cancel", "--confirm", &movement.workflow]).run_expecting(0);
    seconds
}

/// From the moment on from which the streams are as the run waits for them (where it does) until it says so.
fn reaction(cluster: &Cluster, movement: &Movement, run: &Running, says: &str, waits_for_streams: bool) -> f64 {
    let looks = Looks::at(cluster, movement);
    let begun = Instant::now();
    while waits_for_streams && !looks.have_caught_up() {
        assert!(begun.elapsed() < LIMIT, "the streams never catch up");
    }
    let there = Instant::now();
    run.wait_for_text(says);
    there.elapsed().as_secs_f64()
}
