//! What needs a real Vitess. `tests/all` installs one, starts a cluster and runs these tests on it, one at a time, for
//! they share the cluster; an argument of it is a part of the names of the tests to run.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "all of this program is tests; clippy knows them by an attribute that tests of a harness of one's own lack"
)]

mod adapter;
mod adopt;
mod broken;
mod canaries;
mod checks;
mod checks_of_others;
mod checks_of_tablets;
mod checks_of_vdiff;
mod checks_of_workflows;
mod commands;
mod conformance;
#[path = "../conformance/mod.rs"]
mod conformance_suite;
mod doctor;
mod fast_path;
mod forecasts;
mod half_done;
mod hands;
mod killed;
mod log_in;
mod movement;
mod record;
mod rig_works;
mod sandbox_served;
mod signals;
mod support;
mod system_calls;
mod topology;
mod two_at_once;

use std::process::ExitCode;

fn main() -> ExitCode {
    support::harness::run([
        ("adapter", adapter::tests()),
        ("adopt", adopt::tests()),
        ("broken", broken::tests()),
        ("canaries", canaries::tests()),
        ("checks", checks::tests()),
        ("checks_of_others", checks_of_others::tests()),
        ("checks_of_tablets", checks_of_tablets::tests()),
        ("checks_of_vdiff", checks_of_vdiff::tests()),
        ("checks_of_workflows", checks_of_workflows::tests()),
        ("commands", commands::tests()),
        ("conformance", conformance::tests()),
        ("doctor", doctor::tests()),
        ("fast_path", fast_path::tests()),
        ("forecasts", forecasts::tests()),
        ("half_done", half_done::tests()),
        ("hands", hands::tests()),
        ("killed", killed::tests()),
        ("movement", movement::tests()),
        ("log_in", log_in::tests()),
        ("record", record::tests()),
        ("rig_works", rig_works::tests()),
        ("sandbox_served", sandbox_served::tests()),
        ("signals", signals::tests()),
        ("system_calls", system_calls::tests()),
        ("topology", topology::tests()),
        ("two_at_once", two_at_once::tests()),
    ])
}
