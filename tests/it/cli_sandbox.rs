//! The sandbox's outside: what is refused and drawn, what `sandbox reset` forgets and leaves alone.

use std::fs;
use std::process::{Command, Stdio};

use cutover::model::digest::Digest;
use cutover::record::entry::{Actor, What};
use cutover::record::format;
use cutover::record::store::{NewEntry, Record};
use jiff::Timestamp;
use uuid::Uuid;

use crate::support::TestEnv;

const PLAN: &str = "version = 1\nworkflow = \"c2c\"\ncluster = \"sandbox\"\n[move-tables]\nsource-keyspace = \"commerce\"\n\
                    target-keyspace = \"customer\"\ntables = [\"corder\"]\n[complete]\nsource-tables = \"rename\"\n";
const WORLD: &str =
    "version = 1\n[keyspaces.commerce.tables.corder]\nrows = 10\n[keyspaces.customer]\nshards = [\"-80\", \"80-\"]\n";

/// Time jumps.
fn environment() -> TestEnv {
    let mut env = TestEnv::new();
    env.set("CUTOVER_SANDBOX_CLOCK", "jump");
    env.write("workflow.toml", PLAN);
    env
}

fn lockfile(cluster: &str) -> String {
    let digest = Digest::of_bytes(b"");
    let begun = What::Begun {
        workflow: "c2c".into(),
        cluster: cluster.into(),
        fingerprint: "f".into(),
        intent: digest.clone(),
        frozen: digest,
        tables: vec!["corder".into()],
        spec: None,
    };
    let by = Actor { user: "morgan".into(), host: "ops1".into(), process: 812, version: "0.1.0".into() };
    let entries = vec![NewEntry { at: Timestamp::UNIX_EPOCH, by, what: begun }];
    format::write(&Record::begin(Uuid::from_u128(1), entries).unwrap()).unwrap()
}

#[test]
fn a_bad_sandbox_file_is_drawn_with_every_place() {
    let env = environment();
    env.write("sandbox.toml", format!("{WORLD}replcas = 2\n[keyspaces.commerce.tables.other]\nrow = 5\n"));
    for arguments in [
        &["plan"][..],
        &["apply"],
        &["status"],
        &["sandbox", "show"],
        &["init", "commerce", "customer", "new.toml", "--cluster", "sandbox"],
    ] {
        let output = env.run(arguments);
        assert_eq!(output.code, Some(65), "{output}");
        for words in ["sandbox.toml:6:1", "replcas", "`replicas`", "sandbox.toml:8:1", "`rows`", "C130"] {
            assert!(output.stderr.contains(words), "{words}: {output}");
        }
    }
    assert!(!env.path().join(".cutover").exists(), "nothing begins from a file that is refused");
}

#[test]
fn a_sandbox_that_can_not_be_is_refused_as_json_too() {
    let env = environment();
    env.write("sandbox.toml", WORLD.replace("\"80-\"", "\"c0-\""));
    let output = env.run(&["plan", "--format", "json"]);
    assert_eq!(output.code, Some(65), "{output}");
    assert!(output.to_string().contains("C131") && output.to_string().contains("between `-80` and `c0-`"), "{output}");
}

#[test]
fn the_built_in_world_is_said_to_be_used_and_a_file_of_ones_own_is_not() {
    let env = environment();
    let said = "there is no `sandbox.toml`: the sandbox is the built-in one";
    assert!(env.run(&["sandbox", "show"]).stderr.contains(said));
    assert!(!env.run(&["sandbox", "show", "--quiet"]).stderr.contains(said));
    let own = TestEnv::new();
    own.write("sandbox.toml", WORLD);
    assert!(!own.run(&["sandbox", "show"]).stderr.contains(said));
}

#[test]
fn time_never_jumps_where_it_must_pass() {
    let mut env = environment();
    env.write("real.toml", PLAN.replace("\"sandbox\"", "\"production\""));
    for (arguments, words) in [
        (&["plan", "real.toml", "--vtctld", "127.0.0.1:1"][..], "`production` at 127.0.0.1:1 is a real cluster"),
        (&["status", "--watch"], "`--watch`"),
        (&["sandbox", "serve"], "a port needs time that passes"),
    ] {
        let output = env.run(arguments);
        assert_eq!(output.code, Some(64), "{output}");
        assert!(output.stderr.contains(words), "{output}");
    }
    env.set("CUTOVER_SANDBOX_CLOCK", "fast");
    let output = env.run(&["plan"]);
    assert!(output.code == Some(64) && output.stderr.contains("CUTOVER_SANDBOX_CLOCK is `fast`"), "{output}");
}

#[test]
fn nobody_is_served_beyond_this_machine_unasked() {
    let env = TestEnv::new();
    let output = env.run(&["sandbox", "serve", "--listen", "0.0.0.0:0"]);
    assert!(output.code == Some(64) && output.stderr.contains("--insecure"), "{output}");
}

#[test]
fn reset_forgets_the_sandbox_with_its_records_and_leaves_other_clusters_alone() {
    let env = environment();
    let kept = format!(".cutover/{}.json", "0".repeat(64));
    let at = |name: &str| env.path().join(name);
    env.write("workflow.lock", lockfile("sandbox"));
    env.write(".cutover/workflow.lock.last", lockfile("sandbox"));
    env.write(".cutover/gone.lock.last", lockfile("sandbox"));
    env.write("real.toml", PLAN.replace("\"sandbox\"", "\"production\""));
    env.write("real.lock", lockfile("production"));
    env.write(".cutover/real.lock.last", lockfile("production"));
    env.write("torn.toml", PLAN);
    env.write("torn.lock", "format = 1\n<<<<<<<\n");
    env.write("Cargo.lock", "version = 4\n");
    env.write(&kept, "{}");
    env.write(".cutover/sandbox/state.json", "{}");
    env.write(".cutover/sandbox/leases/x.lease", "");
    let output = env.run(&["sandbox", "reset"]);
    assert_eq!(output.code, Some(0), "{output}");
    for (name, stays) in [
        ("workflow.lock", false),
        (".cutover/workflow.lock.last", false),
        (".cutover/gone.lock.last", false),
        (".cutover/sandbox/state.json", false),
        ("workflow.toml", true),
        ("real.lock", true),
        (".cutover/real.lock.last", true),
        ("torn.lock", true),
        ("Cargo.lock", true),
        (kept.as_str(), true),
        (".cutover/sandbox/leases/x.lease", true),
    ] {
        assert_eq!(at(name).exists(), stays, "{name}: {output}");
    }
    assert!(output.stdout.contains("workflow.lock, the record of `c2c` in it"), "{output}");
    assert!(output.stderr.contains("real.lock, a record of the cluster `production`"), "{output}");
    assert!(output.stderr.contains("torn.lock, which can't be read") && !output.to_string().contains("Cargo"), "{output}");

    fs::remove_file(at("real.lock")).unwrap();
    fs::remove_file(at("torn.lock")).unwrap();
    let output = env.run(&["sandbox", "reset"]);
    assert!(output.code == Some(0) && output.stdout.contains("nothing to forget"), "{output}");
    assert!(!at(&kept).exists(), "nobody's record needs it any more");
}

#[test]
fn a_sandbox_that_is_served_is_not_forgotten() {
    let env = TestEnv::new();
    env.write("workflow.toml", PLAN);
    let mut served = Command::new(env!("CARGO_BIN_EXE_cutover"))
        .args(["sandbox", "serve", "--listen", "127.0.0.1:0"])
        .current_dir(env.path())
        .env_clear()
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut said = String::new();
    let mut out = std::io::BufReader::new(served.stdout.take().unwrap());
    std::io::BufRead::read_line(&mut out, &mut said).unwrap();
    let reset = env.run(&["sandbox", "reset"]);
    let address = said.split_whitespace().find(|word| word.starts_with("127.0.0.1:")).map(str::to_owned);
    // Something answers there that is a vtctld, as far as the sandbox is one.
    env.write("real.toml", PLAN.replace("\"sandbox\"", "\"served\""));
    let asked = env.run(&["plan", "real.toml", "--vtctld", address.as_deref().unwrap_or("?")]);
    let pid = rustix::process::Pid::from_raw(i32::try_from(served.id()).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    assert_eq!(served.wait().unwrap().code(), Some(0));
    assert!(said.starts_with("SANDBOX (built in) answers at 127.0.0.1:"), "{said}");
    assert!(reset.code == Some(6) && reset.stderr.contains("cutover sandbox serve"), "{reset}");
    assert!(!matches!(asked.code, Some(69 | 64)), "{asked}");
    assert_eq!(env.run(&["sandbox", "reset"]).code, Some(0), "its lease goes with it");
}

#[test]
fn a_movement_runs_to_its_hold_unasked_waits_out_its_window_and_begins_anew_after_a_reset() {
    let env = environment();
    env.write("workflow.toml", format!("{PLAN}[gates]\nswitch-replicas = \"auto-advance\"\n[revert]\nwindow = \"30m\"\n"));
    let first = env.run(&["apply"]);
    assert_eq!(first.code, Some(3), "{first}");
    assert!(first.stdout.starts_with("SANDBOX READY: c2c on sandbox (built in)"), "{first}");
    assert!(first.stderr.contains("SANDBOX cutover") && first.stderr.contains("held before switch-primary"), "{first}");

    let second = env.run(&["apply", "--approve", "switch-primary", "--reason", "tried", "--wait"]);
    assert_eq!(second.code, Some(3), "nobody approves while time jumps: {second}");
    assert!(second.stderr.contains("revert-window is done") && second.stderr.contains("held before complete"), "{second}");

    let reset = env.run(&["sandbox", "reset"]);
    assert!(reset.code == Some(0) && reset.stdout.contains("workflow.lock"), "{reset}");
    let anew = env.run(&["apply", "--until", "create", "--format", "json"]);
    assert_eq!(anew.code, Some(0), "{anew}");
    let begin: serde_json::Value = serde_json::from_str(anew.stdout.lines().next().unwrap()).unwrap();
    assert_eq!((&begin["sandbox"], &begin["address"]), (&true.into(), &"built in".into()), "{anew}");
}

/// What operators write for a real cluster can be tried before it counts: the command that is told, and the guards.
#[test]
fn notify_and_guards_are_tried_in_the_sandbox() {
    let mut env = environment();
    env.write("workflow.toml", PLAN);
    let config = env.write("config.toml", "[clusters.sandbox]\nnotify = [\"sh\", \"-c\", \"cat > told.json\"]\n");
    env.set("CUTOVER_CONFIG", config.to_str().unwrap());
    let output = env.run(&["apply"]);
    assert_eq!(output.code, Some(3), "{output}");
    let told = std::fs::read_to_string(env.path().join("told.json")).unwrap_or_else(|why| panic!("{why}: {output}"));
    assert!(told.contains("\"what\":\"hold\"") && told.contains("\"cluster\":\"sandbox\""), "{told}");

    env.write("config.toml", "[clusters.sandbox]\nmin-revert-window = \"7d\"\n");
    let guarded = env.run(&["plan"]);
    assert!(guarded.code == Some(4) && guarded.stdout.contains("C122"), "{guarded}");
    env.write("config.toml", "[clusters.sandbox]\nvtctld = \"localhost:1\"\n");
    let place = env.run(&["plan"]);
    assert!(place.code == Some(65) && place.stderr.contains("config.toml:2:1"), "{place}");
}
