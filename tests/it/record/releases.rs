//! Records that each released version wrote are read for ever, and mean what they meant.
//!
//! `tests/fixtures/lockfiles/VERSION` holds them: `everything.toml`, with one entry of each kind and an intent of each verb, and whole
//! histories as the program wrote them in the sandbox. The folder of a version that is released never changes. That of the version
//! in the making is written anew with `CUTOVER_UPDATE=1 cargo test --test it releases`, and grows with each kind and each verb.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use cutover::record::format::{read, write};
use cutover::record::progress::Progress;
use cutover::record::store::Record;
use serde_json::Value;

use super::sample::record;
use crate::support::TestEnv;

const IN_THE_MAKING: &str = env!("CARGO_PKG_VERSION");

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/lockfiles")
}

/// `0.1.0/forward` and its bytes, in order.
fn fixtures() -> Vec<(String, Vec<u8>)> {
    let below = |folder: &Path| {
        let mut paths: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        paths
    };
    let name = |path: &Path| path.file_stem().unwrap().to_str().unwrap().to_owned();
    let mut found = Vec::new();
    for version in below(&folder()) {
        let version_name = version.file_name().unwrap().to_str().unwrap().to_owned();
        found.extend(below(&version).iter().map(|path| (format!("{version_name}/{}", name(path)), fs::read(path).unwrap())));
    }
    found
}

fn is_update() -> bool {
    std::env::var_os("CUTOVER_UPDATE").is_some()
}

/// What the fold makes of a record, without what is only long.
fn meaning(record: &Record) -> String {
    let Progress { begun, intent, serial, goal, open_attempt, attempts, reached, approvals, waivers, streams, .. } =
        record.progress();
    let progress = record.progress();
    let begun = begun.unwrap();
    let mut lines = vec![
        format!("{} on {} ({}), tables {:?}", begun.workflow, begun.cluster, begun.fingerprint, begun.tables),
        format!("intent {}, frozen {}, serial {serial}", intent.unwrap(), begun.frozen),
        format!("goal {:?}", goal.map(|goal| (goal.goal, goal.serial))),
        format!("open attempt {:?}", open_attempt.map(|attempt| attempt.attempt)),
        format!(
            "paused {}, resumed at {}, last switch back {:?}",
            progress.paused, progress.resumed_at_serial, progress.last_switch_back
        ),
        format!("baseline {:?}, spec {:?}", progress.baseline, progress.spec),
    ];
    lines.extend(attempts.iter().map(|attempt| {
        let result = attempt.outcome.as_ref().map(|(result, _)| result);
        format!("attempt {} of {}: {}: {result:?}", attempt.attempt, attempt.phase, attempt.mutation.verb().words())
    }));
    lines.extend(reached.iter().map(|(phase, at)| format!("reached {phase} at {at}")));
    lines.extend(approvals.iter().map(|approval| format!("approval {approval:?}")));
    lines.extend(waivers.iter().map(|waiver| format!("waiver {waiver:?}")));
    lines.extend(streams.iter().map(|(stream, id)| format!("{stream} is {id}")));
    lines.join("\n")
}

#[test]
fn the_lockfiles_of_every_release_are_read_for_ever() {
    let everything = folder().join(IN_THE_MAKING).join("everything.toml");
    if is_update() {
        fs::create_dir_all(everything.parent().unwrap()).unwrap();
        fs::write(&everything, write(&record()).unwrap()).unwrap();
    }
    let found = fixtures();
    for (name, bytes) in &found {
        let record = read(bytes).unwrap_or_else(|error| panic!("{name} {error}"));
        insta::assert_snapshot!(name.replace('/', "-"), meaning(&record));
    }
    let of_now = found.iter().find(|(name, _)| *name == format!("{IN_THE_MAKING}/everything"));
    let (_, bytes) = of_now.expect("the version in the making has a folder; CUTOVER_UPDATE=1 makes it");
    assert_eq!(read(bytes), Ok(record()), "everything.toml is not the sample any more; CUTOVER_UPDATE=1 writes it anew");
}

/// Every value that the property `tag` may have, anywhere in the schema of lockfiles.
fn kinds(schema: &Value, tag: &str, found: &mut BTreeSet<String>) {
    match schema {
        Value::Object(fields) => {
            if let Some(kind) = schema.pointer(&format!("/properties/{tag}/const")).and_then(Value::as_str) {
                found.insert(kind.to_owned());
            }
            fields.values().for_each(|value| kinds(value, tag, found));
        }
        Value::Array(values) => values.iter().for_each(|value| kinds(value, tag, found)),
        _ => {}
    }
}

/// Every value that a key has in a TOML value.
fn values(value: &toml::Value, key: &str, found: &mut BTreeSet<String>) {
    match value {
        toml::Value::Table(table) => {
            found.extend(table.get(key).and_then(toml::Value::as_str).map(str::to_owned));
            table.values().for_each(|value| values(value, key, found));
        }
        toml::Value::Array(list) => list.iter().for_each(|value| values(value, key, found)),
        _ => {}
    }
}

#[test]
fn every_kind_of_entry_and_every_verb_is_in_a_lockfile_of_the_past() {
    let schema = cutover::record::format::schema();
    for (tag, known) in [("entry", "begun"), ("verb", "create-move-tables")] {
        let mut wanted = BTreeSet::new();
        kinds(&schema, tag, &mut wanted);
        assert!(wanted.contains(known) && wanted.len() > 5, "the schema shows its kinds in another way: {wanted:?}");
        let mut there = BTreeSet::new();
        for (_, bytes) in fixtures() {
            values(&toml::Value::Table(std::str::from_utf8(&bytes).unwrap().parse().unwrap()), tag, &mut there);
        }
        let missing: Vec<&String> = wanted.difference(&there).collect();
        assert!(missing.is_empty(), "no lockfile in tests/fixtures has the {tag} {missing:?}: add it to `sample.rs`");
    }
}

const SANDBOX: &str = "version = 1\nstart = \"2026-12-01T14:00:00Z\"\n[keyspaces.commerce.tables.corder]\nrows = 1000\n\
                       [keyspaces.customer]\nshards = [\"0\"]\n";
const PLAN: &str = "version = 1\nworkflow = \"c2c\"\ncluster = \"sandbox\"\n[move-tables]\nsource-keyspace = \"commerce\"\n\
                    target-keyspace = \"customer\"\ntables = [\"corder\"]\n[gates]\npolicy = \"auto-advance\"\n[revert]\n\
                    window = \"1m\"\n[complete]\nsource-tables = \"rename\"\n";

/// What an operator did, command by command, each with the exit code that it ended with.
type Story = &'static [(&'static [&'static str], i32)];

const STORIES: [(&str, Story); 3] = [
    (
        "forward",
        &[
            (&["apply", "--yes", "--wait", "--until", "revert-window"], 0),
            (&["approve", "complete", "--reason", "the shop is quiet"], 0),
            (&["apply"], 3),
            (&["apply", "--approve", "remove-rules", "--reason", "nobody asks for the old names"], 0),
        ],
    ),
    (
        "switched-back",
        &[
            (&["apply", "--yes", "--until", "switch-primary"], 0),
            (&["switch-back", "--reason", "errors in the checkout"], 0),
            (&["cancel", "--confirm", "c2c"], 0),
        ],
    ),
    (
        "paused",
        &[
            (&["apply", "--yes", "--until", "create"], 0),
            (&["apply", "--until", "copy"], 0),
            (&["pause", "--reason", "a backup runs"], 0),
            (&["resume"], 0),
            (&["apply", "--until", "switch-replicas"], 0),
        ],
    ),
];

/// Writes the histories of the version in the making that are not there yet.
#[test]
fn whole_histories_are_kept() {
    for (name, story) in STORIES {
        let path = folder().join(IN_THE_MAKING).join(format!("{name}.toml"));
        if path.exists() || !is_update() {
            assert!(path.exists(), "{}: CUTOVER_UPDATE=1 makes it", path.display());
            continue;
        }
        let mut env = TestEnv::new();
        env.set("CUTOVER_SANDBOX_CLOCK", "jump");
        env.write("workflow.toml", PLAN);
        env.write("sandbox.toml", SANDBOX);
        for (command, code) in story {
            let output = env.run(command);
            assert_eq!(output.code, Some(*code), "{name}: {command:?}\n{output}");
        }
        fs::copy(env.path().join("workflow.lock"), path).unwrap();
    }
}
