//! A whole movement with every gate open, beside a script of vtctldclient that asks for the same: create, copy, VDiff, both switches,
//! complete. Neither keeps a revert window, nor waits for the lag to stay low.

use std::sync::Arc;
use std::time::Instant;

use cutover::cluster::mutation::Mutation;
use cutover::record::entry::{Entry, What};
use cutover::record::file::FileStore;
use cutover::record::file_system::{HostFileSystem, ThreadSleeper};
use cutover::record::store::RecordStore as _;
use cutover::run::phase::PhaseId;
use uuid::Uuid;

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
    let (mut ours, mut by_hand, mut vitess_seconds) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..RUNS {
        by_hand.push(with_vtctldclient(cluster, &shape));
        let (parts, of_vitess) = with_cutover(cluster, &shape);
        ours.push(parts);
        vitess_seconds.push(of_vitess);
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
                "{:.1} s of ours is Vitess's own: the calls that write, the copy and the VDiff until their end is seen; seconds to the end of each part, by hand in \
                 brackets: {}",
                median(vitess_seconds.iter().copied()),
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

/// The parts, and how many seconds of all of it Vitess took for itself.
fn with_cutover(cluster: &'static Cluster, shape: &Shape) -> (Vec<(&'static str, f64)>, f64) {
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
    (parts, of_vitess_seconds(&world))
}

/// By the record: the calls that write, and what goes on between the call that began it and the look that found its end.
fn of_vitess_seconds(world: &World) -> f64 {
    let folder = world.folder().to_owned();
    let store = FileStore::new(Arc::new(HostFileSystem), Arc::new(ThreadSleeper), folder, "workflow.lock", Uuid::new_v4());
    let record = store.load().expect("a record that can be read").expect("a record");
    let entries = &record.entries;
    let took = |entry: &Entry| match entry.what {
        What::Outcome { took_milliseconds, .. } => took_milliseconds as f64 / 1000.0,
        _ => 0.0,
    };
    let calls: f64 = entries.iter().map(took).sum();
    let goes_on = |begins: fn(&Mutation) -> bool, phase: PhaseId| {
        let begun = entries.iter().position(|entry| matches!(&entry.what, What::Intent { mutation, .. } if begins(mutation)));
        let begun = entries[begun.expect("it was begun")..].iter().find(|entry| matches!(entry.what, What::Outcome { .. }));
        let ended = entries.iter().find(|entry| matches!(&entry.what, What::Reached { phase: ended, .. } if *ended == phase));
        let (begun, ended) = (begun.expect("it has begun").at, ended.expect("it has ended").at);
        ended.duration_since(begun).as_secs_f64()
    };
    let copy = goes_on(|mutation| matches!(mutation, Mutation::SetStreams(_)), PhaseId::COPY);
    calls + copy + goes_on(|mutation| matches!(mutation, Mutation::CreateVDiff(_)), PhaseId::VERIFY)
}
