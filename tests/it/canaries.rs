//! What nobody may find again in anything that is written or said: passwords, keys, and what stands in rows. Each is a word of its own
//! here, and everything is searched for it.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use cutover::cluster::vtctld::generated::vtctldata as data;
use cutover::record::format;
use cutover::record::store::RecordStore as _;
use cutover::run::phase::PhaseId;
use prost::Message as _;
use tonic::Status;

use crate::hostile::liar::{Liar, Told};
use crate::hostile::runs::{Stage, in_no_time, sandbox};
use crate::support::{FakeVtctld, Output, Reply, TestEnv};

/// Begins every secret here; it stands nowhere else.
const CANARY: &str = "kanarienvogel";

const PLAN: &str = "version = 1\nworkflow = \"c2c\"\ncluster = \"production\"\n[move-tables]\nsource-keyspace = \"commerce\"\n\
                    target-keyspace = \"customer\"\ntables = [\"corder\"]\n[complete]\nsource-tables = \"rename\"\n";

fn assert_unsung(text: &str, what: &str) {
    if let Some(at) = text.find(CANARY) {
        let from = text[..at].char_indices().rev().nth(200).map_or(0, |(at, _)| at);
        panic!("{what}: a secret got out: …{}", &text[from..(at + 60).min(text.len())]);
    }
}

fn assert_output_unsung(output: &Output, what: &str) {
    assert_unsung(&output.stdout, what);
    assert_unsung(&output.stderr, what);
}

/// Every file below a folder but those that hold the secret by intent.
fn assert_files_unsung(folder: &Path, but: &[&str]) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            assert_files_unsung(&path, but);
        } else if !but.iter().any(|name| path.ends_with(name)) {
            assert_unsung(&String::from_utf8_lossy(&fs::read(&path).unwrap()), &path.display().to_string());
        }
    }
}

const COMMANDS: [&[&str]; 15] = [
    &["plan"],
    &["plan", "--out", "plan.json"],
    &["snapshot", "--out", "facts.json"],
    &["doctor"],
    &["doctor", "--cluster", "production"],
    &["repair", "--dry-run"],
    &["adopt", "--yes", "--reason", "x"],
    &["apply", "--yes"],
    &["status"],
    &["history"],
    &["switch-back"],
    &["cancel", "--confirm", "c2c"],
    &["approve", "complete", "--reason", "x"],
    &["validate"],
    &["init", "commerce", "customer", "new.toml", "--cluster", "production"],
];

/// Every command in every format, with all the log that there is.
fn assert_all_unsung(env: &TestEnv, what: &str, but: &[&str]) {
    for command in COMMANDS {
        for format in ["human", "json"] {
            let output = env.run(&[command, &["--format", format, "-vv"]].concat());
            assert_output_unsung(&output, &format!("{what}: {command:?} {format}"));
        }
    }
    for command in ["plan", "history"] {
        assert_output_unsung(&env.run(&[command, "--format", "markdown", "-vv"]), &format!("{what}: {command} markdown"));
    }
    assert_files_unsung(env.path(), but);
}

fn environment(config: &str) -> TestEnv {
    let mut env = TestEnv::new();
    env.write("workflow.toml", PLAN);
    let path = env.write("config.toml", config);
    env.set("CUTOVER_CONFIG", path.to_str().unwrap());
    env.set("CUTOVER_LOG", "trace");
    // Where a workflow of GitHub is told things, in files that are looked into as well.
    env.set("GITHUB_ACTIONS", "true");
    let summary = env.write("summary.md", "");
    env.set("GITHUB_STEP_SUMMARY", summary.to_str().unwrap());
    env
}

#[test]
fn a_user_and_a_password_in_an_address_are_never_shown() {
    let secret = format!("root:{CANARY}");
    for config in [
        format!("[clusters.production]\nvtctld = \"127.0.0.1:1\"\ntopo = \"etcd://{secret}@127.0.0.1:1/vitess/global\"\n"),
        // The line beside it is what is wrong.
        format!("[clusters.production]\nvtctl = \"127.0.0.1:1\"\ntopo = \"etcd://{secret}@127.0.0.1:1/vitess/global\"\nx = 1\n"),
        format!("[clusters.production]\nvtctld = \"http://{secret}@127.0.0.1:1\"\n"),
        format!("[clusters.production]\nvtctld = \"127.0.0.1:1\"\ntopo = \"etcd://{secret}@127.0.0.1:1/vitess/global\"\n["),
    ] {
        assert_all_unsung(&environment(&config), &config.replace(CANARY, "…"), &["config.toml"]);
    }
    let env = environment("");
    let address = format!("http://{secret}@127.0.0.1:1");
    for command in COMMANDS.iter().filter(|command| command[0] != "validate") {
        let output = env.run(&[command, &["--vtctld", &address][..]].concat());
        assert_output_unsung(&output, &format!("{command:?}"));
    }
}

/// A vtctld that lets nobody in, and one that is not there.
#[tokio::test(flavor = "multi_thread")]
async fn credentials_are_never_shown() {
    let server = FakeVtctld::new(|_| Reply::Error(Status::unauthenticated("username and password must be provided")));
    let there = server.serve().to_string();
    for address in [there.as_str(), "127.0.0.1:1"] {
        let json = format!("{{\"Username\": \"{CANARY}-user\", \"Password\": \"{CANARY}-password\"}}");
        let from_a_file = environment(&format!("[clusters.production]\nvtctld = \"{address}\"\ncredentials-file = \"c.json\"\n"));
        from_a_file.write("c.json", &json);
        let mut from_a_variable = environment(&format!("[clusters.production]\nvtctld = \"{address}\"\n"));
        from_a_variable.set("CUTOVER_VTCTLD_CREDENTIALS", &json);
        let mut broken = environment(&format!("[clusters.production]\nvtctld = \"{address}\"\n"));
        broken.set("CUTOVER_VTCTLD_CREDENTIALS", &format!("{{\"Username\": \"{CANARY}\", \"Password\": {CANARY}}}"));
        let key = environment(&format!(
            "[clusters.production]\nvtctld = \"{address}\"\ntls-ca = \"k.pem\"\ntls-cert = \"k.pem\"\ntls-key = \"k.pem\"\n"
        ));
        key.write("k.pem", format!("-----BEGIN CERTIFICATE-----\n{CANARY}\n-----END CERTIFICATE-----\n-----BEGIN PRIVATE KEY-----\n{CANARY}\n-----END PRIVATE KEY-----\n"));
        tokio::task::spawn_blocking(move || {
            assert_all_unsung(&from_a_file, "file", &["c.json"]);
            assert_all_unsung(&from_a_variable, "variable", &[]);
            assert_all_unsung(&broken, "broken", &[]);
            assert_all_unsung(&key, "key", &["k.pem"]);
        })
        .await
        .unwrap();
    }
}

/// As vreplication words it (go/mysql/sqlerror/sql_error.go): the failing statement stands behind `during query:`.
fn with_a_row() -> String {
    format!(
        "Duplicate entry '{CANARY}@example.com' for key 'customer.email' (errno 1062) (sqlstate 23000) during query: insert into \
         customer(customer_id,email) values (1,'{CANARY}@example.com')"
    )
}

/// The streams fail at a row, and say which: no run, screen or record says it again.
#[test]
fn what_stands_in_rows_stays_in_the_database() {
    in_no_time(async {
        for until in [PhaseId::CREATE, PhaseId::COPY, PhaseId::SWITCH_PRIMARY] {
            let stage = Stage::new(sandbox(""));
            let truth = Liar::new(&stage.sandbox, |_, _, _| None);
            let (finish, said) = stage.run(&truth, Some(until.clone())).await;
            assert!(finish.is_ok(), "{finish:?} {said}");
            let sung = Arc::new(AtomicUsize::new(0));
            let count = sung.clone();
            let liar = Liar::new(&stage.sandbox, move |call, number, message| {
                let answer = match call {
                    "GetWorkflows" => {
                        let mut answer = data::GetWorkflowsResponse::decode(message).ok()?;
                        let streams = answer.workflows.iter_mut().flat_map(|workflow| workflow.shard_streams.values_mut());
                        for stream in streams.flat_map(|shard| &mut shard.streams) {
                            stream.state = "Error".into();
                            stream.message = with_a_row().into_bytes();
                        }
                        Told::Message(answer.encode_to_vec())
                    }
                    "WorkflowSwitchTraffic" | "VDiffCreate" | "WorkflowUpdate" => Told::Error(Status::unknown(with_a_row())),
                    // Each look again and again, so that its error comes on the screen, too.
                    "VDiffShow" | "WorkflowStatus" if number % 2 == 1 => Told::Error(Status::unknown(with_a_row())),
                    _ => return None,
                };
                count.fetch_add(1, Ordering::Relaxed);
                Some(answer)
            });
            let (finish, said) = stage.run(&liar, None).await;
            assert!(sung.load(Ordering::Relaxed) > 0, "nobody was told of the row");
            let what = format!("after {until}");
            assert_unsung(&said, &what);
            assert_unsung(&format!("{finish:?}"), &what);
            let record = stage.store.load().unwrap().unwrap();
            assert_unsung(&format::write(&record).unwrap(), &what);
            assert_files_unsung(stage.folder(), &[]);
        }
    });
}
