//! `doctor`: what stands in a cluster, with and without a plan file, whoever left it.

use cutover::clock::Clock as _;
use cutover::cluster::mutation::{Mutation, SetStreams, StreamsWanted};
use cutover::cluster::port::Writer as _;
use cutover::cluster::vtctld::{Cluster, Vtctld};
use cutover::model::name::{KeyspaceName, WorkflowName};
use cutover::sandbox::Sandbox;
use cutover::sandbox::file::reading;
use serde_json::Value;

use crate::support::{Output, TestEnv};

const PLAN: &str = "version = 1\nworkflow = \"c2c\"\ncluster = \"sandbox\"\n[move-tables]\nsource-keyspace = \"commerce\"\n\
                    target-keyspace = \"customer\"\ntables = [\"corder\"]\n[complete]\nsource-tables = \"rename\"\n\
                    [gates]\npolicy = \"auto-advance\"\n";
const WORLD: &str = "version = 1\nstart = \"2026-11-20T02:00:00Z\"\n[keyspaces.commerce.tables.corder]\nrows = 10\n\
                     columns = [\"id bigint not null\", \"data varbinary(100)\"]\n\
                     [keyspaces.customer]\nshards = [\"-80\", \"80-\"]\n\
                     vschema = { sharded = true, vindexes = { hash = { type = \"hash\" } }, \
                     tables = { corder = { column_vindexes = [{ column = \"id\", name = \"hash\" }] } } }\n";

/// Time jumps.
fn environment(more: &str) -> TestEnv {
    let mut env = TestEnv::new();
    env.set("CUTOVER_SANDBOX_CLOCK", "jump");
    env.write("workflow.toml", PLAN);
    env.write("sandbox.toml", format!("{WORLD}{more}"));
    env
}

/// The sandbox of an environment, in this process: for what somebody does by hand.
fn sandbox(env: &TestEnv) -> Sandbox {
    let description = reading::read(&std::fs::read_to_string(env.path().join("sandbox.toml")).unwrap()).unwrap();
    Sandbox::open(&env.path().join(".cutover/sandbox"), &description, jiff::Timestamp::now()).unwrap()
}

fn by_hand(env: &TestEnv, mutation: Mutation) {
    let sandbox = sandbox(env);
    let cluster = Cluster::new(Vtctld::in_process(sandbox.routes(), "the sandbox"), sandbox.clock());
    assert!(sandbox.clock().now() > jiff::Timestamp::UNIX_EPOCH);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(cluster.perform(&mutation)).unwrap();
}

fn json(output: &Output) -> Value {
    let value: Value = serde_json::from_str(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output}"));
    let schemas = cutover::cli::schemas();
    let (_, schema) = schemas.iter().find(|(name, _)| *name == "doctor").unwrap();
    let validator = jsonschema::draft7::new(schema).unwrap();
    let against = validator.iter_errors(&value).next().map(|error| format!("{error} at {}", error.instance_path()));
    assert_eq!(against, None, "{output}");
    value
}

fn codes(output: &Output) -> Vec<String> {
    let value = json(output);
    value["leftovers"].as_array().unwrap().iter().map(|it| it["code"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn nothing_wrong_says_what_was_looked_at() {
    let env = environment("");
    let output = env.run(&["doctor"]);
    assert_eq!(output.code, Some(0), "{output}");
    insta::assert_snapshot!("nothing_wrong", output);
    let apply = env.run(&["apply", "--until", "copy"]);
    assert_eq!(apply.code, Some(0), "{apply}");
    let output = env.run(&["doctor"]);
    assert_eq!(output.code, Some(0), "{output}");
    assert!(output.stdout.starts_with("SANDBOX NOTHING WRONG: writes and reads of `corder` go to `commerce`"), "{output}");
}

#[test]
fn what_nobody_has_a_plan_file_for_is_found_by_the_name_of_the_cluster() {
    let env = environment(
        "[keyspaces.stock]\ndenied-tables = [\"item\"]\n[keyspaces.stock.tables.item]\nrows = 3\n\
         [keyspaces.stock.tables._bin_old]\n[keyspaces.stock.tables.bin]\n\
         [routing-rules]\n\"invoice\" = \"commerce.invoice\"\n\"commerce.invoice@replica\" = \"commerce.invoice\"\n",
    );
    let output = env.run(&["doctor", "--cluster", "sandbox"]);
    assert_eq!(output.code, Some(5), "{output}");
    insta::assert_snapshot!("leftovers_without_a_plan_file", output);
    let json = env.run(&["doctor", "--cluster", "sandbox", "--format", "json"]);
    assert_eq!(codes(&json), ["C502", "C505", "C540"]);
    let one = env.run(&["doctor", "--cluster", "sandbox", "--keyspace", "customer", "--format", "json"]);
    assert_eq!((one.code, codes(&one)), (Some(0), vec![]), "{one}");
}

#[test]
fn a_movement_that_was_never_ours_is_found_by_its_streams() {
    let env = environment("");
    let apply = env.run(&["apply", "--until", "copy"]);
    assert_eq!(apply.code, Some(0), "{apply}");
    std::fs::remove_file(env.path().join("workflow.lock")).unwrap();
    std::fs::remove_file(env.path().join("workflow.toml")).unwrap();
    let whole = env.run(&["doctor", "--cluster", "sandbox"]);
    assert_eq!(whole.code, Some(0), "{whole}");
    assert!(whole.stdout.contains("1 workflow (`customer.c2c`)"), "{whole}");

    let frozen = SetStreams {
        keyspace: KeyspaceName::new("customer").unwrap(),
        workflow: WorkflowName::new("c2c").unwrap(),
        wanted: StreamsWanted::Stopped,
        message: Some("FROZEN".into()),
    };
    by_hand(&env, Mutation::SetStreams(frozen));
    let output = env.run(&["doctor", "--cluster", "sandbox", "--keyspace", "customer", "--format", "json"]);
    assert_eq!((output.code, codes(&output)), (Some(5), vec!["C511".to_owned()]), "{output}");
    let value = json(&output);
    assert_eq!(value["leftovers"][0]["next"][0], "cutover repair --cluster sandbox --workflow customer.c2c");
    assert_eq!(value["looked_at"]["keyspaces"], serde_json::json!(["commerce", "customer"]), "the other end was looked at too");
}

#[test]
fn a_record_that_the_cluster_contradicts_is_told() {
    let env = environment("");
    assert_eq!(env.run(&["apply", "--until", "copy"]).code, Some(0));
    std::fs::remove_dir_all(env.path().join(".cutover/sandbox")).unwrap();
    let output = env.run(&["doctor"]);
    assert_eq!(output.code, Some(5), "{output}");
    assert!(output.stdout.contains("the record says that the workflow was created, and it is not there"), "{output}");
}

#[test]
fn a_record_that_cannot_be_read_is_not_fine() {
    let env = environment("");
    assert_eq!(env.run(&["apply", "--until", "copy"]).code, Some(0));
    let record = env.path().join("workflow.lock");
    let text = std::fs::read(&record).unwrap();
    std::fs::write(&record, &text[..text.len() / 2]).unwrap();
    let output = env.run(&["doctor", "--format", "json"]);
    assert_eq!((output.code, json(&output)["verdict"].as_str()), (Some(4), Some("not-known")), "{output}");
    assert!(json(&output)["unread"][0]["what"].as_str().unwrap().contains("workflow.lock"), "{output}");
}

#[test]
fn a_write_that_nobody_has_seen_the_end_of_is_not_fine() {
    let kill = "[[goes-wrong]]\nwhat = \"kill-cutover\"\ncall = \"WorkflowSwitchTraffic\"\n";
    let env = environment(kill);
    assert_eq!(env.run(&["apply"]).code, None, "it is killed");
    let output = env.run(&["doctor", "--format", "json"]);
    assert_eq!((output.code, json(&output)["verdict"].as_str()), (Some(5), Some("between-states")), "{output}");
    let words = json(&output)["record"]["contradictions"].to_string();
    assert!(words.contains("nobody has seen what became of it") && words.contains("apply --finish-only"), "{words}");
}

/// Nothing is concluded from what could not be seen: no movement is taken for cancelled, and nothing is mended on it.
#[test]
fn a_primary_that_gives_no_answer_hides_a_movement_and_does_not_end_it() {
    let env = environment("");
    assert_eq!(env.run(&["apply", "--until", "copy"]).code, Some(0));
    sandbox(&env).tablet_down("customer", "-80", cutover::sandbox::topology::Kind::Primary).unwrap();
    let output = env.run(&["doctor", "--format", "json"]);
    assert_eq!((output.code, json(&output)["verdict"].as_str()), (Some(4), Some("not-known")), "{output}");
    assert_eq!(codes(&output), Vec::<String>::new());
    assert!(json(&output)["record"]["situation"].as_str().unwrap().starts_with("not known"), "{output}");
    for what in [&["--workflow", "customer.c2c"][..], &["--keyspace", "commerce", "--tables", "corder"]] {
        let repair = env.run(&[&["repair", "--cluster", "sandbox", "--yes"], what].concat());
        assert_eq!(repair.code, Some(4), "{repair}");
        assert!(repair.stderr.contains("could not be read, and nothing is mended on that"), "{repair}");
    }
}

#[test]
fn a_cancel_that_stopped_between_two_tables_is_half_done() {
    let kill = "[[goes-wrong]]\nwhat = \"kill-vtctld\"\ncall = \"WorkflowDelete\"\nstep = \"drop-table\"\n";
    let env = environment(kill);
    assert_eq!(env.run(&["apply", "--until", "copy"]).code, Some(0));
    let cancel = env.run(&["cancel", "--confirm", "c2c"]);
    assert!(!cancel.stderr.contains("did not happen"), "{cancel}");
    assert!(cancel.stderr.contains("target tables are dropped"), "{cancel}");
    if cancel.code != Some(0) {
        let output = env.run(&["doctor", "--format", "json"]);
        assert_eq!(output.code, Some(5), "{output}");
        assert!(json(&output)["record"]["contradictions"].to_string().contains("STOPPED HALF WAY"), "{output}");
    }
}

#[test]
fn a_keyspace_that_does_not_exist_is_not_fine() {
    let env = environment("");
    let output = env.run(&["doctor", "--cluster", "sandbox", "--keyspace", "custmer"]);
    assert_eq!(output.code, Some(4), "{output}");
    assert!(output.stdout.contains("keyspace `custmer`: it does not exist"), "{output}");
    let usage = env.run(&["doctor", "workflow.toml", "--cluster", "sandbox"]);
    assert_eq!(usage.code, Some(64), "{usage}");
}
