//! Start-up, memory and size of what talks to no cluster, beside the start of vtctldclient.

use std::path::Path;

use super::context::{Context, cutover};
use super::figure::{Figure, Limit};
use super::process::{Run, Took};
use super::statistics::{largest, median};

const RUNS: usize = 50;
/// Memory is counted in MB of 1,000,000 bytes.
const MB: f64 = 1e6;

const TIME: Limit = Limit::AtMost(5.0);
const MEMORY: Limit = Limit::AtMost(12.0);
const SIZE: Limit = Limit::AtMost(15.0);

pub fn figures(context: &Context) -> Vec<Figure> {
    let folder = context.folder();
    let plan_file = include_str!("../../examples/quickstart/workflow.toml");
    std::fs::write(folder.join("workflow.toml"), plan_file).expect("a file of ours");
    // It has no `--version`; `help` is the least that it does.
    let by_hand = context.vtctldclient().map(|program| many(&program, folder, &["--help"]));
    let mut figures = Vec::new();
    for arguments in [&["--version"][..], &["validate", "workflow.toml"]] {
        let ours = many(cutover(), folder, arguments);
        let note = if by_hand.is_some() { "by hand: `vtctldclient --help`" } else { "" };
        let time = Figure::new(format!("`{}`, wall time, p50 of {RUNS}", arguments.join(" ")), "ms", milliseconds(&ours));
        figures.push(time.by_hand(by_hand.as_deref().map(milliseconds)).limit(TIME).note(note));
        let memory = Figure::new(format!("`{}`, peak resident memory", arguments.join(" ")), "MB", megabytes(&ours));
        figures.push(memory.by_hand(by_hand.as_deref().map(megabytes)).limit(MEMORY).note(note));
    }
    let size = Figure::new("size of the binary", "MB", size(cutover()));
    figures.push(size.by_hand(context.vtctldclient().map(|it| self::size(&it))).limit(SIZE));
    figures
}

fn many(program: &Path, folder: &Path, arguments: &[&str]) -> Vec<Took> {
    let run = Run::new(program, folder).args(arguments.iter().copied());
    // The first one fetches the program from the disk.
    run.run_expecting(0);
    (0..RUNS).map(|_| run.run_expecting(0).took).collect()
}

fn milliseconds(runs: &[Took]) -> f64 {
    median(runs.iter().map(|took| took.seconds * 1e3))
}

fn megabytes(runs: &[Took]) -> f64 {
    largest(runs.iter().map(|took| took.peak_bytes as f64 / MB))
}

fn size(program: &Path) -> f64 {
    std::fs::metadata(program).expect("the program").len() as f64 / MB
}
