//! `cutover plan` and `cutover status` against a vtctld that this test serves.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use cutover::cluster::vtctld::generated::vtctlservice::vtctld_server::VtctldServer;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;

use crate::adapter::Small;
use crate::support::{Output, TestEnv};

const PLAN_FILE: &str = "version = 1\nworkflow = \"w\"\ncluster = \"test\"\n[move-tables]\nsource-keyspace = \"commerce\"\n\
                         target-keyspace = \"customer\"\ntables = [\"corder\"]\n[complete]\nsource-tables = \"keep\"\n";

/// Runs it where the plan file lies, while the test's runtime goes on serving.
async fn run(arguments: Vec<String>) -> Output {
    let run = move || {
        let env = TestEnv::new();
        env.write("workflow.toml", PLAN_FILE);
        env.run(&arguments.iter().map(String::as_str).collect::<Vec<_>>())
    };
    tokio::task::spawn_blocking(run).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_blocks_exits_4_and_stands_in_the_json() {
    let incoming = TcpIncoming::bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = incoming.local_addr().unwrap().to_string();
    let router = Server::builder().add_service(VtctldServer::new(Small::new()));
    tokio::spawn(async move { router.serve_with_incoming(incoming).await.unwrap() });

    let plan = ["plan", "--format", "json", "--vtctld", &address].map(str::to_owned).to_vec();
    let output = run(plan).await;
    assert_eq!(output.code, Some(4), "{output}");
    let plan: serde_json::Value = serde_json::from_str(&output.stdout).unwrap();
    assert_eq!(plan["verdict"], "blocked");
    let blocks = |check: &serde_json::Value| check["severity"] == "error" && check["result"] != "pass";
    assert!(plan["checks"].as_array().unwrap().iter().any(blocks), "{plan:#}");
    let schema = cutover::report::schema::plan();
    let found = jsonschema::draft7::new(&schema).unwrap().iter_errors(&plan).next().map(|error| error.to_string());
    assert_eq!(found, None);

    let people = run(["plan", "--vtctld", &address].map(str::to_owned).to_vec()).await;
    assert_eq!(people.code, Some(4), "{people}");
    assert!(people.stdout.starts_with("BLOCKED by "), "{people}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vtctld_that_is_not_there_is_c201_and_exits_69() {
    let incoming = TcpIncoming::bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = incoming.local_addr().unwrap().to_string();
    drop(incoming);
    let output = run(["plan", "--vtctld", &address].map(str::to_owned).to_vec()).await;
    assert_eq!((output.code, output.stdout.as_str()), (Some(69), ""), "{output}");
    assert!(output.stderr.contains(&format!("C201 {address}: the cluster could not be read")), "{output}");
}

/// A lockfile that can't be read for a moment is told, and watched past.
#[tokio::test(flavor = "multi_thread")]
async fn a_watch_outlives_a_look_that_fails() {
    let incoming = TcpIncoming::bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = incoming.local_addr().unwrap().to_string();
    let router = Server::builder().add_service(VtctldServer::new(Small::new()));
    tokio::spawn(async move { router.serve_with_incoming(incoming).await.unwrap() });
    let watch = move || {
        let env = TestEnv::new();
        env.write("workflow.toml", PLAN_FILE);
        let mut child = Command::new(env!("CARGO_BIN_EXE_cutover"))
            .args(["status", "--watch", "--vtctld", &address])
            .current_dir(env.path())
            .env_clear()
            .env("HOME", env.path().join("home"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut stderr = BufReader::new(child.stderr.take().unwrap()).lines();
        let shown = |line: std::io::Result<String>| line.unwrap().starts_with("NOT STARTED");
        assert!(stdout.by_ref().any(shown), "a first status");
        let lockfile = env.write("workflow.lock", "torn");
        assert!(stderr.by_ref().any(|line| line.unwrap().contains("workflow.lock")), "the failure is told");
        std::fs::remove_file(lockfile).unwrap();
        assert!(stdout.by_ref().any(shown), "and a further status");
        let id = rustix::process::Pid::from_child(&child);
        rustix::process::kill_process(id, rustix::process::Signal::INT).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(0));
    };
    tokio::task::spawn_blocking(watch).await.unwrap();
}

/// What the log of a command says that it called.
fn called(env: &TestEnv, arguments: &[&str]) -> std::collections::BTreeSet<String> {
    let output = env.run(&[arguments, &["-vv"]].concat());
    let calls = output.stderr.split("called call=\"").skip(1).filter_map(|rest| rest.split_once('"'));
    calls.map(|(name, _)| name.to_owned()).collect()
}

/// A throttler that is on is asked for more than one that is off.
fn throttled() -> TestEnv {
    let env = TestEnv::new();
    env.write("workflow.toml", PLAN_FILE.replace("\"test\"", "\"sandbox\""));
    env.write(
        "sandbox.toml",
        "version = 1\n[keyspaces.commerce.tables.corder]\nrows = 10\n[keyspaces.customer]\n\
         [[goes-wrong]]\nwhat = \"throttled\"\nkeyspace = \"customer\"\nlasts-seconds = 600\n",
    );
    env
}

/// A proxy that lets only the listed calls through bars no plan, and lets none through that no plan needs.
#[test]
fn a_plan_makes_the_calls_that_are_listed_and_no_other() {
    let env = TestEnv::new();
    env.write(
        "workflow.toml",
        "version = 1\nworkflow = \"c2c\"\ncluster = \"sandbox\"\n[move-tables]\nsource-keyspace = \"commerce\"\n\
         target-keyspace = \"customer\"\ntables = [\"corder\"]\n[complete]\nsource-tables = \"rename\"\n",
    );
    let listed = env.run(&["calls", "--format", "json"]);
    let listed: Vec<serde_json::Value> = serde_json::from_str(&listed.stdout).unwrap();
    let listed: std::collections::BTreeSet<String> =
        listed.iter().map(|call| call["call"].as_str().unwrap().to_owned()).collect();
    let mut seen = called(&env, &["plan", "--deep"]);
    seen.extend(called(&env, &["snapshot"]));
    assert_eq!(env.run(&["apply", "--yes", "--until", "verify"]).code, Some(0));
    seen.extend(called(&env, &["plan"]));
    seen.extend(called(&env, &["status"]));
    seen.extend(called(&throttled(), &["plan"]));
    assert_eq!(seen, listed);
    assert!(!called(&env, &["plan", "--no-sql"]).contains("ExecuteFetchAsDBA"));
}
