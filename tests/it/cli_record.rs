//! What commands do with the record before they ask the cluster, and what they leave alone when it doesn't answer.

use cutover::model::digest::Digest;
use cutover::record::entry::{Actor, Goal, What};
use cutover::record::format;
use cutover::record::store::{NewEntry, Record};
use jiff::Timestamp;
use uuid::Uuid;

use crate::support::TestEnv;

const PLAN: &str = "version = 1\nworkflow = \"c2c\"\ncluster = \"production\"\n[move-tables]\nsource-keyspace = \"commerce\"\n\
                    target-keyspace = \"customer\"\ntables = [\"corder\"]\n[complete]\nsource-tables = \"rename\"\n";
/// Nobody listens there.
const NOWHERE: &str = "127.0.0.1:1";

fn lockfile(more: &[What]) -> String {
    let digest = Digest::of_bytes(b"");
    let begun = What::Begun {
        workflow: "c2c".into(),
        cluster: "production".into(),
        fingerprint: "f".into(),
        intent: digest.clone(),
        frozen: digest,
        tables: vec!["corder".into()],
        spec: None,
    };
    let by = Actor { user: "morgan".into(), host: "ops1".into(), process: 812, version: "0.1.0".into() };
    let whats = std::iter::once(begun).chain(more.iter().cloned());
    let entries = whats.map(|what| NewEntry { at: Timestamp::UNIX_EPOCH, by: by.clone(), what }).collect();
    format::write(&Record::begin(Uuid::from_u128(1), entries).unwrap()).unwrap()
}

fn environment() -> TestEnv {
    let env = TestEnv::new();
    env.write("workflow.toml", PLAN);
    env
}

#[test]
fn an_older_lockfile_that_was_brought_back_is_refused_with_the_way_out() {
    let env = environment();
    let back = What::Goal { goal: Goal::SwitchedBack, reason: None };
    env.write("workflow.lock", lockfile(&[]));
    env.write(".cutover/workflow.lock.last", lockfile(&[back]));
    for command in ["apply", "status", "switch-back"] {
        let output = env.run(&[command, "--vtctld", NOWHERE]);
        assert_eq!(output.code, Some(7), "{output}");
        assert!(output.stderr.contains("up to serial 1") && output.stderr.contains("up to serial 2"), "{output}");
        assert!(output.stderr.contains("`cp ./.cutover/workflow.lock.last ./workflow.lock`"), "{output}");
    }
    std::fs::copy(env.path().join(".cutover/workflow.lock.last"), env.path().join("workflow.lock")).unwrap();
    assert_eq!(env.run(&["status", "--vtctld", NOWHERE]).code, Some(69), "the way out is one");
}

#[test]
fn nothing_goes_on_record_while_the_cluster_does_not_answer() {
    let env = environment();
    let before = lockfile(&[]);
    env.write("workflow.lock", &before);
    for arguments in [
        &["switch-back"][..],
        &["cancel", "--confirm", "c2c"],
        &["pause"],
        &["resume"],
        &["restore-rules"],
        &["approve", "create", "--reason", "x"],
        &["waive", "C310", "--reason", "x"],
    ] {
        let output = env.run(&[arguments, &["--vtctld", NOWHERE]].concat());
        assert_eq!(output.code, Some(69), "{output}");
        assert_eq!(std::fs::read_to_string(env.path().join("workflow.lock")).unwrap(), before, "{arguments:?}");
    }
}

#[test]
fn an_edit_of_the_alias_takes_no_guard_away() {
    let mut env = environment();
    env.set("CUTOVER_CONFIG", "config.toml");
    env.set("CUTOVER_VTCTLD", NOWHERE);
    env.write("config.toml", "[clusters.staging]\nvtctld = \"staging:15999\"\n");
    let output = env.run(&["plan"]);
    assert_eq!(output.code, Some(64), "{output}");
    assert!(output.stderr.contains("does not know the cluster `production`"), "{output}");

    env.write("config.toml", format!("[clusters.live]\nvtctld = \"{NOWHERE}\"\nrecord-dir = \"records\"\n"));
    std::fs::create_dir(env.path().join("records")).unwrap();
    env.write("records/production.customer.c2c.lock", "the record of the cluster that is there");
    let output = env.run(&["plan"]);
    assert_eq!(output.code, Some(65), "what the file says of that address counts: {output}");
    assert_eq!(env.run(&["history"]).code, Some(65));
}

#[test]
fn a_connection_file_that_can_not_be_read_is_an_error_of_usage() {
    let env = environment();
    let output = env.run(&["plan", "--vtctld", "far.example:15999", "--tls-ca", "missing.pem"]);
    assert_eq!(output.code, Some(64), "{output}");
    assert!(output.stderr.contains("missing.pem"), "{output}");
}
