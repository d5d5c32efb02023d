//! Each example does what its README says: its commands run in a copy, and all that they say is a snapshot.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::support::console::Console;

const EXAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples");
/// It starts a cluster of its own, which no test without one can.
const ON_A_REAL_CLUSTER: &str = "real-vitess";

macro_rules! examples {
    ($($test:ident: $folder:literal,)*) => {
        const TESTED: &[&str] = &[$($folder),*];
        $(
            #[test]
            fn $test() {
                let said = typed($folder);
                assert_nothing_lost($folder, &said);
                insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true }, {
                    insta::assert_snapshot!($folder, said);
                });
            }
        )*
    };
}

examples! {
    blocked_plan: "blocked-plan",
    forty_tables: "forty-tables",
    held_for_a_window: "held-for-a-window",
    quickstart: "quickstart",
    resume_after_a_kill: "resume-after-a-kill",
    switch_back: "switch-back",
    vdiff_finds_rows: "vdiff-finds-rows",
    vtctld_dies_in_a_switch: "vtctld-dies-in-a-switch",
}

/// Nobody is left there to mend it, and vtgate holds writes back for 10 s only: those that came later got an error.
const WITH_FAILED_WRITES: &str = "vtctld-dies-in-a-switch";

/// In each account of `sandbox show`. A snapshot of a loss would be taken for right by the next one who renews it.
fn assert_nothing_lost(folder: &str, said: &str) {
    for account in said.lines().filter(|line| line.contains(" acknowledged, ")) {
        assert!(account.contains(" 0 lost, 0 written twice, "), "{account}");
        assert!(folder == WITH_FAILED_WRITES || account.contains(" 0 failed"), "{account}");
    }
}

fn readme(folder: &str) -> String {
    let path = Path::new(EXAMPLES).join(folder).join("README.md");
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn typed(folder: &str) -> String {
    Console::new().type_page(&readme(folder))
}

#[test]
fn every_example_is_tested() {
    let found: BTreeSet<String> = fs::read_dir(EXAMPLES)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name != ON_A_REAL_CLUSTER && !name.starts_with('.'))
        .collect();
    assert_eq!(found, TESTED.iter().map(|&name| name.to_owned()).collect());
    for folder in TESTED {
        for file in ["workflow.toml", "sandbox.toml"] {
            assert!(Path::new(EXAMPLES).join(folder).join(file).is_file(), "{folder} has no {file}");
        }
        assert!(readme(folder).lines().count() <= 30, "the README of {folder} is too long for a glance");
    }
}

/// One beside the other, or nobody could trust the snapshots.
#[test]
fn an_example_says_the_same_each_time() {
    for folder in ["quickstart", "resume-after-a-kill"] {
        let beside = std::thread::spawn(move || typed(folder));
        let first = typed(folder);
        let second = beside.join().unwrap();
        for (one, other) in first.lines().zip(second.lines()) {
            assert_eq!(one, other, "{folder}");
        }
        assert_eq!(first.len(), second.len(), "{folder}");
    }
}
