//! What a run asks of vtctld while it only watches, what that costs vtctld, and what vtctld can bear.

use std::thread::sleep;
use std::time::Duration;

use super::context::Context;
use super::figure::{Figure, Limit};
use super::looks::Looks;
use super::support::relay::Relay;
use super::support::{Cluster, Movement, Shape, World};

/// What waits for so long looks as often as it will for the rest of the day.
const SETTLED: Duration = Duration::from_secs(35);
/// Watched for so long, and said for an hour.
const WATCHED: Duration = Duration::from_secs(30);
const HOUR: Duration = Duration::from_secs(3600);

pub fn figures(context: &Context) -> Vec<Figure> {
    let cluster = context.cluster.expect("this family needs one");
    let mut figures = while_rows_are_copied(cluster);
    figures.extend(while_held(cluster));
    figures
}

fn while_rows_are_copied(cluster: &'static Cluster) -> Vec<Figure> {
    let world = World::on(cluster);
    let movement = Movement::prepare(&world, &Shape { rows: 50_000, ..Shape::default() });
    world.write("workflow.toml", &movement.quick_plan("policy = \"operator-hold\"", "1h"));
    let vtctl = cluster.vtctl();
    vtctl.slow_copying_down("customer", 1.0);
    let relay = Relay::to(cluster.vtctld());
    let run = world
        .cutover()
        .env("CUTOVER_VTCTLD", &relay.address())
        .args(["apply", "--yes", "--until", "copy"])
        .limit_seconds(300)
        .spawn();
    run.wait_for_text("create is done");
    sleep(SETTLED);
    let figures = watched(cluster, &relay, "while rows are copied");
    assert!(!movement.has_caught_up(), "the rows were copied before it was watched");
    vtctl.let_copying_run("customer").expect("it runs on");
    assert_eq!(run.wait().code, Some(0));
    figures
}

fn while_held(cluster: &'static Cluster) -> Vec<Figure> {
    let relay = Relay::to(cluster.vtctld());
    let world = World::on(cluster);
    let movement = Movement::prepare(&world, &Shape::default());
    world.write("workflow.toml", &movement.quick_plan("policy = \"operator-hold\"", "1h"));
    let cutover = world.cutover().env("CUTOVER_VTCTLD", &relay.address());
    let run = cutover.args(["apply", "--yes", "--wait", "--until", "switch-replicas"]).limit_seconds(300).spawn();
    run.wait_for_text("cutover approve switch-replicas");
    let mut figures = watched(cluster, &relay, "at a hold");
    figures.push(share_of_what_it_bears(cluster, &movement));
    world.cutover().args(["approve", "switch-replicas", "--reason", "measured"]).run_expecting(0);
    assert_eq!(run.wait().code, Some(0));
    world.cutover().args(["cancel", "--confirm", &movement.workflow]).run_expecting(0);
    figures
}

/// What came by, and what vtctld's processor had to do, in a while of nothing but watching.
fn watched(cluster: &Cluster, relay: &Relay, when: &str) -> Vec<Figure> {
    let (calls, bytes) = relay.traffic();
    let busy = processor_seconds(cluster);
    sleep(WATCHED);
    let (calls, bytes) = (relay.traffic().0 - calls, relay.traffic().1 - bytes);
    let busy = processor_seconds(cluster) - busy;
    let an_hour = |value: u64| value as f64 * HOUR.as_secs_f64() / WATCHED.as_secs_f64();
    vec![
        Figure::new(format!("calls an hour {when}"), "calls", an_hour(calls)),
        Figure::new(format!("messages an hour {when}"), "MB", an_hour(bytes) / 1e6),
        Figure::new(format!("vtctld's share of one core {when}"), "%", busy / WATCHED.as_secs_f64() * 100.0),
    ]
}

/// Looks as fast as vtctld answers them, from many at once, for so long.
const HURRIED: Duration = Duration::from_secs(10);
const AT_ONCE: usize = 8;

/// A run that watches looks about once a second. What that is of the looks that vtctld can answer in a second.
fn share_of_what_it_bears(cluster: &Cluster, movement: &Movement) -> Figure {
    let busy = processor_seconds(cluster);
    let looks_a_second = Looks::at(cluster, movement).a_second(AT_ONCE, HURRIED);
    let cores = (processor_seconds(cluster) - busy) / HURRIED.as_secs_f64();
    Figure::new("a look each second, of what vtctld can bear", "%", 100.0 / looks_a_second).limit(Limit::AtMost(5.0)).note(format!(
        "it answers {looks_a_second:.0} looks a second to {AT_ONCE} askers at once, and uses {cores:.1} cores for that, on a machine whose \
         2 it shares with six tablets and the askers"
    ))
}

/// What vtctld has used of the processor until now.
fn processor_seconds(cluster: &Cluster) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", cluster.pid("vtctld"))).expect("vtctld runs");
    let (_, fields) = stat.rsplit_once(')').expect("its name in brackets");
    // utime and stime, in ticks of which Linux has 100 a second.
    fields.split_whitespace().skip(11).take(2).map(|ticks| ticks.parse::<f64>().expect("a number")).sum::<f64>() / 100.0
}
