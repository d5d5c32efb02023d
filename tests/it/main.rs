//! Everything that needs no cluster: `cargo test --test it`.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod adapter;
mod canaries;
mod checks_on_sandbox;
mod cli_adopt;
mod cli_by_hand;
mod cli_doctor;
mod cli_explain;
mod cli_fast_path;
mod cli_plan;
mod cli_plan_checks;
mod cli_plan_folder;
mod cli_record;
mod cli_repair;
mod cli_sandbox;
mod cli_saved_plan;
mod cli_usage;
mod cli_validate;
mod client;
mod client_tls;
mod conformance;
#[path = "../conformance/mod.rs"]
mod conformance_suite;
mod examples;
mod generated;
mod hostile;
mod large_cluster;
mod pictures;
mod pipelines;
mod plan_file_fuzz;
mod readme;
mod record;
mod schemas;
mod snapshots_of_releases;
mod support;
mod topology;
