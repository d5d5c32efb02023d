//! Large clusters: a generated topology behind the sandbox's gRPC port, at the full size and at parts of it, with vtctld's own limit of
//! 16 MiB a message. The cluster is served by this program in a process of its own.

mod port;
mod served;
mod topology;

use super::context::{Context, cutover};
use super::figure::{Figure, Limit};
use super::plot::{self, Plot};
use super::process::{Run, Took};
use super::statistics::{largest, median};
use port::Counts;
use served::Served;
pub use served::as_server;
use topology::{FULL, Size};

/// The sizes: one of so many parts, the smallest first.
const PARTS: [usize; 5] = [16, 8, 4, 2, 1];
const RUNS: usize = 3;
const MB: f64 = 1e6;

const TIME: Limit = Limit::AtMost(2.0);
const MEMORY: Limit = Limit::AtMost(200.0);
/// Twice the size is twice the time and the memory, and a little for a machine that does something else as well.
const DOUBLED: Limit = Limit::AtMost(2.3);
const MESSAGE: Limit = Limit::AtMost(16.0 * 1024.0 * 1024.0 / MB);

/// What one command took at one size.
struct Measured {
    part: usize,
    seconds: f64,
    processor_seconds: f64,
    megabytes: f64,
    counts: Counts,
}

pub fn figures(context: &Context) -> Vec<Figure> {
    let mut plans = Vec::new();
    let mut others = Vec::new();
    for part in PARTS {
        let size = Size::part(part);
        let folder = context.folder().join(format!("scale-{part}"));
        std::fs::create_dir_all(&folder).expect("a folder to work in");
        std::fs::write(folder.join("workflow.toml"), size.plan_file()).expect("a plan file");
        let mut served = Served::start(part);
        let cutover = |arguments: &[&str]| {
            Run::new(cutover(), &folder).env("CUTOVER_VTCTLD", served.address()).args(arguments.iter().copied())
        };
        let (plan, status) = (cutover(&["plan"]), cutover(&["status"]));
        let apply = cutover(&["apply", "--yes", "--until", "create"]);
        plans.push(measure(part, &plan, &mut served));
        if part == 1 {
            others.push(("status, before it begins", measure(part, &status, &mut served)));
            served.counts();
            let took = apply.run_expecting(0).took;
            others.push(("apply --until create", measured(part, &[took], served.counts())));
            others.push(("status, while it copies", measure(part, &status, &mut served)));
        }
    }
    draw(context, &plans);
    let mut figures = of_the_full_size(&plans);
    figures.extend(plans.iter().flat_map(of_a_part));
    figures.extend(others.iter().flat_map(|(name, measured)| of_another(name, measured)));
    figures
}

fn measure(part: usize, run: &Run, served: &mut Served) -> Measured {
    // The first one is not counted: the server makes its answers for the first time.
    run.run_expecting(0);
    served.counts();
    let first = run.run_expecting(0).took;
    let counts = served.counts();
    let took: Vec<Took> = std::iter::once(first).chain((1..RUNS).map(|_| run.run_expecting(0).took)).collect();
    measured(part, &took, counts)
}

fn measured(part: usize, took: &[Took], counts: Counts) -> Measured {
    Measured {
        part,
        seconds: median(took.iter().map(|took| took.seconds)),
        processor_seconds: median(took.iter().map(|took| took.processor_seconds)),
        megabytes: largest(took.iter().map(|took| took.peak_bytes as f64 / MB)),
        counts,
    }
}

fn of_the_full_size(plans: &[Measured]) -> Vec<Figure> {
    let [.., half, full] = plans else { return vec![] };
    let words = format!(
        "{} tables of which {} move, {} shards, {} tablets, {} rules, 3 cells",
        FULL.tables,
        FULL.moved,
        FULL.shards + 1,
        FULL.tablets(),
        FULL.rules
    );
    let again = full.counts.calls.values().map(|calls| calls.again).sum::<u64>();
    let largest = full.counts.calls.values().map(|calls| calls.largest_bytes).max().unwrap_or(0);
    vec![
        Figure::new("`plan` of the full size, wall time", "s", full.seconds)
            .limit(TIME)
            .note(format!("{words}; {:.2} s of it is our own processor time", full.processor_seconds)),
        Figure::new("`plan` of the full size, peak resident memory", "MB", full.megabytes).limit(MEMORY),
        Figure::new("`plan`, time of the full size to that of half of it", "×", full.seconds / half.seconds).limit(DOUBLED),
        Figure::new("`plan`, memory of the full size to that of half of it", "×", full.megabytes / half.megabytes).limit(DOUBLED),
        Figure::new("`plan` of the full size, calls", "calls", full.counts.number() as f64).note(calls(&full.counts)),
        Figure::new("`plan` of the full size, calls that were made before", "calls", again as f64).limit(Limit::AtMost(0.0)),
        Figure::new("`plan` of the full size, all answers", "MB", full.counts.bytes() as f64 / MB),
        Figure::new("`plan` of the full size, largest answer", "MB", largest as f64 / MB)
            .limit(MESSAGE)
            .note("vtctld sends no larger message; what all cells serve is asked for cell by cell"),
    ]
}

/// The calls by name, those that come most often first.
fn calls(counts: &Counts) -> String {
    let mut calls: Vec<(u64, &str)> = counts.calls.iter().map(|(name, calls)| (calls.number, name.as_str())).collect();
    calls.sort_by(|one, other| other.cmp(one));
    calls.iter().map(|(number, name)| format!("{number} {name}")).collect::<Vec<_>>().join(", ")
}

fn of_a_part(measured: &Measured) -> Vec<Figure> {
    let name = |what: &str| format!("`plan` of 1/{} of it, {what}", measured.part);
    vec![
        Figure::new(name("wall time"), "s", measured.seconds),
        Figure::new(name("peak resident memory"), "MB", measured.megabytes),
        Figure::new(name("calls"), "calls", measured.counts.number() as f64),
    ]
}

fn of_another(name: &str, measured: &Measured) -> Vec<Figure> {
    let note = calls(&measured.counts);
    vec![
        Figure::new(format!("`{name}`, wall time"), "s", measured.seconds)
            .note(format!("{:.2} s of it is our own processor time", measured.processor_seconds)),
        Figure::new(format!("`{name}`, peak resident memory"), "MB", measured.megabytes),
        Figure::new(format!("`{name}`, calls"), "calls", measured.counts.number() as f64).note(note),
    ]
}

fn draw(context: &Context, plans: &[Measured]) {
    let points = |value: fn(&Measured) -> f64| -> Vec<(f64, f64)> {
        plans.iter().map(|plan| (1.0 / plan.part as f64, value(plan))).collect()
    };
    let (time, memory) = (points(|plan| plan.seconds), points(|plan| plan.megabytes));
    let sizes = "of 10,000 tables, 256 shards, 100,000 rules";
    let picture = plot::svg(&[
        Plot { title: "Wall time of `plan`", unit: "s", sizes, points: &time, limit: Some(2.0) },
        Plot { title: "Peak resident memory of `plan`", unit: "MB", sizes, points: &memory, limit: Some(200.0) },
    ]);
    context.publish("scale.svg", &picture);
}
