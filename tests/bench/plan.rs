//! `plan` on a small cluster, beside the slowest of the reads that it needs.

use super::context::{Context, cutover};
use super::figure::{Figure, Limit};
use super::process::Run;
use super::statistics::median;
use super::support::{Movement, Shape, World};

const RUNS: usize = 20;

pub fn figures(context: &Context) -> Vec<Figure> {
    let cluster = context.cluster.expect("this family needs one");
    let world = World::on(cluster);
    let movement = Movement::prepare(&world, &Shape::default());
    world.write("workflow.toml", &movement.quick_plan("", "1h"));
    let run = |log: Option<&str>| {
        let run = Run::new(cutover(), world.folder()).args(["plan"]).env("CUTOVER_VTCTLD", cluster.vtctld());
        log.into_iter().fold(run, |run, filter| run.env("CUTOVER_LOG", filter)).run_expecting(0)
    };
    let plan = median((0..RUNS).map(|_| run(None).took.seconds));
    let logs: Vec<String> = (0..RUNS).map(|_| run(Some("cutover=debug")).stderr).collect();
    let slowest = median(logs.iter().map(|log| calls(log).map(|(_, milliseconds)| milliseconds).fold(0.0, f64::max)));
    let slowest_name = calls(&logs[0]).max_by(|one, other| one.1.total_cmp(&other.1)).map_or("none", |(name, _)| name);
    vec![Figure::new(format!("plan, p50 of {RUNS}"), "ms", plan * 1000.0).by_hand(slowest).limit(Limit::TimesByHand(1.5)).note(
        format!("beside it the slowest single read of the same plan, `{slowest_name}`; {} calls in all", calls(&logs[0]).count()),
    )]
}

/// The calls that a log tells of, with their milliseconds.
fn calls(log: &str) -> impl Iterator<Item = (&str, f64)> {
    log.lines().filter_map(|line| {
        let after = |key: &str| line.split_once(key)?.1.split([' ', '"']).find(|word| !word.is_empty());
        Some((after("call=")?, after("milliseconds=")?.parse().ok()?))
    })
}
