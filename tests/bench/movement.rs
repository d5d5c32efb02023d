//! A whole movement with every gate open, beside a script of vtctldclient that asks for the same: create, copy, VDiff, both switches,
//! complete. Neither keeps a revert window, nor waits for the lag to stay low.

use std::time::Instant;

use super::by_hand::ByHand;
use super::context::Context;
use super::figure::{Figure, Limit};
use super::statistics::median;
use super::support::{Cluster, Movement, Shape, World};

const ROWS_OF_EACH_TABLE: u64 = 125_000;
const RUNS: usize = 3;

pub fn figures(context: &Context) -> Vec<Figure> {
    let cluster = context.cluster.expect("this family needs one");
    let shape = Shape { rows: ROWS_OF_EACH_TABLE, ..Shape::default() };
    // One after the other, so that both see the same machine.
    let (mut ours, mut by_hand) = (Vec::new(), Vec::new());
    for _ in 0..RUNS {
        by_hand.push(with_vtctldclient(cluster, &shape));
        ours.push(with_cutover(cluster, &shape));
    }
    let part = |of: &[Vec<(&'static str, f64)>], name: &str| {
        median(of.iter().map(|run| run.iter().filter(|(part, _)| *part == name).map(|(_, seconds)| seconds).sum::<f64>()))
    };
    let whole =
        |of: &[Vec<(&'static str, f64)>]| median(of.iter().map(|run| run.iter().map(|(_, seconds)| seconds).sum::<f64>()));
    let parts: Vec<String> =
        PARTS.iter().map(|name| format!("{name} {:.1} ({:.1})", part(&ours, name), part(&by_hand, name))).collect();
    vec![
        Figure::new(format!("a movement of 250,000 rows, all of it, p50 of {RUNS}"), "s", whole(&ours))
            .by_hand(whole(&by_hand))
            .limit(Limit::TimesByHand(1.0))
            .note(format!(
                "seconds to the end of each part, by hand in brackets: {}; by hand nearly all of it is Vitess's own: the calls, the copy, \
                 the VDiff",
                parts.join(", ")
            )),
    ]
}

const PARTS: [&str; 6] = ["create", "copy", "verify", "switch-replicas", "switch-primary", "complete"];

fn with_vtctldclient(cluster: &'static Cluster, shape: &Shape) -> Vec<(&'static str, f64)> {
    let world = World::on(cluster);
    let movement = Movement::prepare(&world, shape);
    let hand = ByHand { cluster, movement: &movement };
    let steps: [(&'static str, &dyn Fn()); 6] = [
        ("create", &|| hand.create()),
        ("copy", &|| hand.wait_until_copied()),
        ("verify", &|| hand.compare()),
        ("switch-replicas", &|| hand.switch_reads()),
        ("switch-primary", &|| hand.switch_writes()),
        ("complete", &|| hand.complete()),
    ];
    let timed = |(name, step): (&'static str, &dyn Fn())| {
        let begun = Instant::now();
        step();
        (name, begun.elapsed().as_secs_f64())
    };
    steps.into_iter().map(timed).collect()
}

fn with_cutover(cluster: &'static Cluster, shape: &Shape) -> Vec<(&'static str, f64)> {
    let world = World::on(cluster);
    let movement = Movement::prepare(&world, shape);
    movement.write_plan(
        &world,
        "[gates]\npolicy = \"auto-advance\"\ncomplete = \"auto-advance\"\nremove-rules = \"auto-advance\"\n\n[switch]\nstable-for = \
         \"0s\"\n\n[revert]\nwindow = \"0s\"\n\n[complete]\nsource-tables = \"drop\"\n",
    );
    let run = world.cutover().args(["apply", "--yes", "--wait"]).limit_seconds(600).spawn();
    let begun = Instant::now();
    let mut last = 0.0;
    let mut parts: Vec<(&'static str, f64)> = Vec::new();
    for (name, said) in [
        ("create", "create is done"),
        ("copy", "copy is done"),
        ("verify", "verify is done"),
        ("switch-replicas", "switch-replicas is done"),
        ("switch-primary", "switch-primary is done"),
    ] {
        run.wait_for_text(said);
        let now = begun.elapsed().as_secs_f64();
        parts.push((name, now - last));
        last = now;
    }
    let ended = run.wait();
    assert_eq!(ended.code, Some(0), "{ended}");
    parts.push(("complete", begun.elapsed().as_secs_f64() - last));
    parts
}
