//! Large clusters: what is asked of one, counted at its port. How long it takes is measured elsewhere (`tests/bench/run`).

#[path = "../bench/scale/port.rs"]
mod port;
#[allow(dead_code, reason = "measured at its full size elsewhere")]
#[path = "../bench/scale/topology.rs"]
mod topology;

use cutover::sandbox::Sandbox;
use serde_json::Value;
use tokio::runtime::Runtime;

use crate::support::TestEnv;
use port::{Counts, Port};
use topology::Size;

/// A served cluster, with a plan file for it in a folder.
struct Cluster {
    sandbox: Sandbox,
    port: Port,
    folder: TestEnv,
    _runtime: Runtime,
}

impl Cluster {
    fn of(size: Size) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let sandbox = Sandbox::in_memory_unwatched(&size.description(), jiff::Timestamp::now());
        let port = Port::before(sandbox.clone());
        let address = runtime.block_on(async { port.serve() });
        let mut folder = TestEnv::new();
        folder.set("CUTOVER_VTCTLD", &address.to_string());
        folder.write("workflow.toml", size.plan_file());
        Self { sandbox, port, folder, _runtime: runtime }
    }

    /// What a command prints as JSON, and what it asked for.
    fn run(&self, arguments: &[&str]) -> (Value, Counts) {
        let arguments = [arguments, &["--format", "json"]].concat();
        let output = self.folder.run(&arguments);
        assert_eq!(output.code, Some(0), "{}{}", output.stderr, output.stdout);
        (serde_json::from_str(&output.stdout).unwrap_or_default(), self.port.take())
    }
}

/// By the names of the calls.
fn numbers(counts: &Counts) -> Vec<(&str, u64)> {
    counts.calls.iter().map(|(name, calls)| (name.as_str(), calls.number)).collect()
}

#[test]
fn a_plan_of_more_tables_makes_no_more_calls_and_none_of_them_twice() {
    let shards = 4;
    let plan = |part: usize| Cluster::of(Size { shards, ..Size::part(part) }).run(&["plan"]);
    let ((small, of_small), (large, of_large)) = (plan(64), plan(16));
    assert_eq!((&small["verdict"], &large["verdict"]), (&Value::from("ready"), &Value::from("ready")));
    assert_eq!(large["tables"].as_array().unwrap().len(), 62);
    assert_eq!(numbers(&of_small), numbers(&of_large));
    assert_eq!(of_large.of("GetSrvVSchemas").number, 1);
    let again: Vec<&String> = of_large.calls.iter().filter(|(_, calls)| calls.again > 0).map(|(name, _)| name).collect();
    assert!(again.is_empty(), "asked twice, word for word: {again:?}");
}

#[test]
fn what_is_too_large_for_one_answer_is_asked_for_in_pieces_and_the_plan_is_the_same() {
    let cluster = Cluster::of(Size { tables: 100, moved: 60, shards: 2, rules: 300 });
    let (whole, at_once) = cluster.run(&["plan"]);
    cluster.sandbox.limit_answers(50_000);
    let (in_pieces, pieces) = cluster.run(&["plan"]);
    for part in ["verdict", "tables", "digests", "phases", "costs"] {
        assert_eq!(whole[part], in_pieces[part], "{part}");
    }
    assert_eq!(whole["verdict"], "ready");
    let served = |counts: &Counts| counts.of("GetSrvVSchemas").number;
    assert_eq!((served(&at_once), served(&pieces)), (1, 1 + topology::CELLS.len() as u64), "refused once, then by cell");
    assert!(pieces.of("GetSchema").number > at_once.of("GetSchema").number, "{pieces:?}");
    assert!(pieces.calls.values().all(|calls| calls.largest_bytes < 50_100), "{pieces:?}");
}

#[test]
fn streams_that_are_too_large_for_one_answer_are_read_shard_by_shard() {
    let cluster = Cluster::of(Size { tables: 40, moved: 40, shards: 16, rules: 0 });
    cluster.run(&["apply", "--yes", "--until", "create"]);
    let (whole, at_once) = cluster.run(&["status"]);
    cluster.sandbox.limit_answers(60_000);
    let (in_pieces, pieces) = cluster.run(&["status"]);
    for part in ["phase", "state", "situation", "contradictions", "traffic"] {
        assert_eq!(whole[part], in_pieces[part], "{part}");
    }
    assert_eq!((&whole["phase"], &whole["contradictions"]), (&Value::from("copy"), &serde_json::json!([])));
    assert!(pieces.of("GetWorkflows").number > at_once.of("GetWorkflows").number, "{pieces:?}");
}
