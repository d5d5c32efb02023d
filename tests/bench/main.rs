//! Figures of the release build, each beside the same done by hand: how fast, how large, how much is asked of a cluster. `tests/bench/run`
//! sets all up and runs this; see there.
//!
//! A family of figures is one file with a function that measures, and one line in [`FAMILIES`].
//!
//! | module | one reason to change |
//! |---|---|
//! | [`figure`] | what a figure is, and when it is over its limit |
//! | [`context`] | what a family is given |
//! | [`process`] | one run of a program: its time, its memory |
//! | [`statistics`] | many runs: medians |
//! | [`plot`] | a line over sizes, as a picture |
//! | [`table`] | figures as a table |
//! | [`by_hand`] | the steps of a movement with vtctldclient |
//! | [`looks`] | looks at a movement, apart from any run |
//! | [`results`] | what is published, row by row |
//! | [`start`] | start-up, memory and size |
//! | [`scale`] | large clusters, generated |
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "all of this program is measuring; it fails by a panic, and what it finds is printed"
)]

mod by_hand;
mod context;
mod figure;
mod looks;
mod movement;
mod pause;
mod plan;
mod plot;
mod process;
mod reacting;
mod results;
mod scale;
mod soak;
mod start;
mod statistics;
#[allow(unused_imports, unused_macros, reason = "the tools of the real tests, of which this needs some")]
#[path = "../vitess/support/mod.rs"]
mod support;
mod table;
mod watching;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

use context::{Context, Family, Needs};
use results::Results;

/// All that is measured, in the order of the table.
const FAMILIES: &[Family] = &[
    Family { name: "start", needs: Needs::Nothing, measure: start::figures },
    Family { name: "plan", needs: Needs::Cluster, measure: plan::figures },
    Family { name: "movement", needs: Needs::Cluster, measure: movement::figures },
    Family { name: "pause-calm", needs: Needs::Cluster, measure: pause::calm },
    Family { name: "pause-busy", needs: Needs::Cluster, measure: pause::busy },
    Family { name: "pause-transaction", needs: Needs::Cluster, measure: pause::open_transaction },
    Family { name: "pause-lag", needs: Needs::Cluster, measure: pause::lagging_stream },
    Family { name: "watching", needs: Needs::Cluster, measure: watching::figures },
    Family { name: "reacting", needs: Needs::Cluster, measure: reacting::figures },
    Family { name: "soak", needs: Needs::ClusterAndTime, measure: soak::figures },
    Family { name: "scale", needs: Needs::Nothing, measure: scale::figures },
];

fn main() -> ExitCode {
    // Two of these run as a program of their own.
    if let Some(code) = process::as_wrapper().or_else(scale::as_server) {
        return code;
    }
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let has = |flag: &str| arguments.iter().any(|argument| argument == flag);
    let parts: Vec<&String> = arguments.iter().filter(|argument| !argument.starts_with("--")).collect();
    let families =
        FAMILIES.iter().filter(|family| parts.is_empty() || parts.iter().any(|part| family.name.contains(part.as_str())));
    if has("--list") {
        for family in families {
            println!("{}{}", family.name, if family.needs == Needs::Nothing { "" } else { " (needs a cluster)" });
        }
        return ExitCode::SUCCESS;
    }

    let context = Context::of_process();
    let mut results = Results::open(&context);
    let (mut measured, mut has_failed) = (Vec::new(), false);
    for family in families {
        if family.needs != Needs::Nothing && context.cluster.is_none() {
            eprintln!("left out: {} needs a real Vitess; tests/bench/run starts one", family.name);
            continue;
        }
        eprintln!("measuring: {}", family.name);
        match catch_unwind(AssertUnwindSafe(|| (family.measure)(&context))) {
            Ok(figures) => {
                results.put(family.name, &figures);
                measured.extend(figures.into_iter().map(|figure| (family.name, figure)));
            }
            // The panic has said why; the others' figures are as good without these.
            Err(_) => has_failed = true,
        }
        if let Some(cluster) = context.cluster {
            cluster.heal();
        }
    }
    println!("{}", table::draw(measured.iter().map(|(family, figure)| (*family, figure))));
    let is_over = measured.iter().any(|(_, figure)| figure.is_over());
    if has_failed || (has("--strict") && is_over) { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
