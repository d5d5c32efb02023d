//! The conformance suite on the sandbox, in virtual time: every case and every random script has to give what a real Vitess gave.

use std::collections::BTreeSet;

use async_trait::async_trait;
use cutover::cluster::vtctld::{CALLS, Cluster, Vtctld};
use cutover::sandbox::Sandbox;
use cutover::sandbox::file::description::{Description, ForeignKeyDescription};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::conformance_suite::{self as suite, Deed, Held, Mode, Stage, random, world};

/// A sandbox in the world of the suite. A new one for each case.
struct SandboxStage {
    sandbox: Sandbox,
    vtctld: Vtctld,
    adapter: Cluster,
}

impl SandboxStage {
    fn new() -> Self {
        let sandbox = Sandbox::in_memory(&description(), Timestamp::from_second(1_796_155_200).unwrap());
        let vtctld = Vtctld::in_process(sandbox.routes(), "the sandbox");
        let adapter = Cluster::new(vtctld.clone(), sandbox.clock());
        Self { sandbox, vtctld, adapter }
    }
}

/// The world of the suite, as a `sandbox.toml` would say it.
fn description() -> Description {
    let keyspaces: serde_json::Map<String, Value> = world::KEYSPACES.iter().map(keyspace).collect();
    let description = json!({ "version": 1, "cells": world::CELLS, "keyspaces": keyspaces });
    serde_json::from_value(description).unwrap()
}

fn keyspace(keyspace: &world::Keyspace) -> (String, Value) {
    let tables: serde_json::Map<String, Value> = keyspace.tables.iter().map(table).collect();
    let shards: Vec<&str> = keyspace.shards.iter().map(|shard| shard.name).collect();
    let vschema: Value = serde_json::from_str(keyspace.vschema).unwrap();
    let first = keyspace.shards[0].primary_uid;
    let value = json!({ "shards": shards, "first-tablet-uid": first, "vschema": vschema, "tables": tables });
    (keyspace.name.to_owned(), value)
}

/// From what `SHOW CREATE TABLE` gives.
fn table(table: &world::Table) -> (String, Value) {
    let lines: Vec<&str> = table.definition.lines().map(|line| line.trim().trim_end_matches(',')).collect();
    let of = |prefix: &str| -> Vec<String> {
        let lines = lines.iter().filter_map(|line| line.strip_prefix(prefix));
        lines.filter_map(|rest| Some(rest.split_once('(')?.1.trim_matches(['`', ')']).to_owned())).collect()
    };
    let columns: Vec<&str> = lines.iter().filter(|line| line.starts_with('`')).copied().collect();
    let is_sequence = table.definition.contains("vitess_sequence");
    let nulls_in: &[&str] = if table.row.contains("null") { &["body"] } else { &[] };
    let mut value = json!({
        "rows": table.rows,
        "columns": columns,
        "primary-key": of("PRIMARY KEY "),
        "keys": of("KEY "),
        "nulls-in": nulls_in,
    });
    if is_sequence {
        value["sequence-next-id"] = json!(1);
    }
    (table.name.to_owned(), value)
}

/// Ends with the value.
struct Transaction {
    sandbox: Sandbox,
    connection: u64,
}

impl Held for Transaction {}

impl Drop for Transaction {
    fn drop(&mut self) {
        self.sandbox.end_transaction(self.connection).unwrap();
    }
}

/// Done when the value is dropped.
struct Undone(Box<dyn Fn() + Send + Sync>);

impl Held for Undone {}

impl Drop for Undone {
    fn drop(&mut self) {
        (self.0)();
    }
}

#[async_trait]
impl Stage for SandboxStage {
    fn vtctld(&self) -> &Vtctld {
        &self.vtctld
    }

    fn adapter(&self) -> &Cluster {
        &self.adapter
    }

    async fn reset(&self) {
        self.sandbox.begin_anew().unwrap();
    }

    async fn moment(&self) {
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }

    async fn rows(&self, keyspace: &str, table: &str) -> Option<u64> {
        self.sandbox.rows(keyspace, table).unwrap()
    }

    async fn put_row(&self, keyspace: &str, table: &str, number: u64) {
        self.sandbox.put_row(keyspace, table, number).unwrap();
    }

    async fn take_row(&self, keyspace: &str, table: &str, number: u64) {
        self.sandbox.take_row(keyspace, table, number).unwrap();
    }

    async fn hold_write_lock(&self, keyspace: &str, table: &str) -> Box<dyn Held> {
        let connection = self.sandbox.open_transaction(keyspace, table).unwrap();
        Box::new(Transaction { sandbox: self.sandbox.clone(), connection })
    }

    /// In the model a stream that stands still is always behind.
    async fn move_positions(&self) {}

    async fn by_hand(&self, deed: Deed) -> Box<dyn Held> {
        let sandbox = self.sandbox.clone();
        match deed {
            Deed::Dependents => {
                let key = ForeignKeyDescription {
                    column: "customer_id".into(),
                    table: "customer".into(),
                    table_column: "customer_id".into(),
                    cascades: false,
                };
                sandbox.add_foreign_key("commerce", "corder", &key).unwrap();
                sandbox.add_trigger("commerce", "note", "note_trigger").unwrap();
                sandbox.add_view("commerce", "orders", &["corder", "customer"]).unwrap();
                // Each case has a sandbox of its own.
                Box::new(Undone(Box::new(|| {})))
            }
            Deed::KeepBinlogs { seconds } => {
                let was = sandbox.keep_binlogs("commerce", seconds).unwrap().unwrap();
                Box::new(Undone(Box::new(move || assert!(sandbox.keep_binlogs("commerce", was).unwrap().is_some()))))
            }
            Deed::StreamsMayNotWrite => {
                sandbox.let_streams_write("commerce", false).unwrap();
                Box::new(Undone(Box::new(move || sandbox.let_streams_write("commerce", true).unwrap())))
            }
        }
    }

    async fn add_column(&self, keyspace: &str, table: &str, column: &str) {
        self.sandbox.add_column(keyspace, table, column).unwrap();
    }
}

/// In virtual time; a panic is a failure like another.
fn in_virtual_time<T>(run: impl AsyncFnOnce() -> Result<T, String>) -> Result<T, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| runtime.block_on(run())));
    outcome.unwrap_or_else(|_| Err("it panicked, see above".to_owned()))
}

/// A part of the names of cases, to run those alone.
fn wanted(name: &str) -> bool {
    std::env::var("CUTOVER_CONFORMANCE").map_or(true, |part| part == "all" || name.contains(&part))
}

#[test]
fn the_sandbox_gives_the_goldens_of_a_real_vitess() {
    let mut failed = Vec::new();
    let cases: Vec<suite::Case> = suite::cases::all().into_iter().filter(|case| wanted(case.name)).collect();
    let count = cases.len();
    let mut made = BTreeSet::new();
    for case in cases {
        let outcome = in_virtual_time(async || {
            let stage = SandboxStage::new();
            let outcome = suite::run(&case, &stage, Mode::Compare).await;
            made.extend(stage.sandbox.calls_made().unwrap().into_keys());
            outcome
        });
        if let Err(why) = outcome {
            failed.push(format!("{}: {why}", case.name));
        }
    }
    assert!(failed.is_empty(), "{} of {count} cases differ:\n{}", failed.len(), failed.join("\n"));
    if std::env::var_os("CUTOVER_CONFORMANCE").is_none() {
        let all: BTreeSet<String> = CALLS.iter().map(|name| (*name).to_owned()).collect();
        assert_eq!(made, all, "a call that cutover makes is in no case, or the other way round");
    }
}

#[test]
fn the_sandbox_gives_the_transcripts_of_random_scripts() {
    let mut failed = Vec::new();
    let (mut agreed, mut steps) = (0, 0);
    for seed in random::SEEDS.filter(|seed| wanted(&random::name(*seed))) {
        match in_virtual_time(async || random::run(seed, &SandboxStage::new(), Mode::Compare).await) {
            Ok(agreement) => {
                agreed += agreement.agreed;
                steps += agreement.steps;
                failed.extend(agreement.difference.map(|difference| format!("{}: {difference}", random::name(seed))));
            }
            Err(why) => failed.push(format!("{}: {why}", random::name(seed))),
        }
    }
    eprintln!("{agreed} of {steps} steps agree");
    assert!(failed.is_empty(), "{agreed} of {steps} steps agree; {} scripts differ:\n{}", failed.len(), failed.join("\n"));
}
