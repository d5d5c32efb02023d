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
mod checks;
mod hands;
mod killed;
mod movement;
mod rig_works;
mod support;

use std::process::ExitCode;

fn main() -> ExitCode {
    support::harness::run([
        ("adapter", adapter::tests()),
        ("checks", checks::tests()),
        ("hands", hands::tests()),
        ("killed", killed::tests()),
        ("movement", movement::tests()),
        ("rig_works", rig_works::tests()),
    ])
}
