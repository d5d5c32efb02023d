//! Every way in which a real lockfile can be cut or have one bit turned: the store refuses it with a way out, leaves it as it is, and
//! never begins anew.

use std::fs;
use std::path::Path;

use cutover::record::error::RecordError;
use cutover::record::store::RecordStore;

use super::sample::{begun, new_entry};
use super::store::file_store;
use crate::support::TestEnv;

/// As the program wrote it.
fn real() -> Vec<u8> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/lockfiles/0.1.0/paused.toml");
    fs::read(path).unwrap()
}

fn is_refused(folder: &Path, bytes: &[u8], what: &str) {
    let path = folder.join("workflow.lock");
    fs::write(&path, bytes).unwrap();
    let store = file_store(folder);
    let errors = [store.load().map(|_| ()), store.append(0, vec![new_entry(0, begun())]).map(|_| ())];
    for error in errors.map(|outcome| outcome.expect_err(what)) {
        let RecordError::Unreadable { .. } = &error else { panic!("{what}: {error:?}") };
        assert_eq!(error.exit_code(), 65, "{what}");
        let help = error.help();
        let way_out = ["`cp ", "`git checkout", "cutover 0.", "go on with the version", "end the movement by hand"];
        assert!(way_out.iter().any(|words| help.contains(words)), "{what}: {help}");
    }
    assert!(fs::read(&path).unwrap() == bytes, "{what}: the file was changed");
}

#[test]
fn every_beginning_is_refused_and_left_alone() {
    let (folder, real) = (super::sample::folder(), real());
    for length in 0..real.len() {
        is_refused(folder.path(), &real[..length], &format!("the first {length} bytes"));
    }
}

/// Each bit of each byte; a byte of the middle stands for its neighbours, unless `CUTOVER_EVERY_BIT=1`.
#[test]
fn every_flipped_bit_is_refused_and_left_alone() {
    let (folder, real) = (super::sample::folder(), real());
    let stride = if std::env::var_os("CUTOVER_EVERY_BIT").is_some() { 1 } else { 61 };
    let (head, tail) = (500, real.len() - 120);
    for index in (0..real.len()).filter(|index| *index < head || *index > tail || index % stride == 0) {
        for bit in 0..8 {
            let mut bytes = real.clone();
            bytes[index] ^= 1 << bit;
            is_refused(folder.path(), &bytes, &format!("byte {index}, bit {bit}"));
        }
    }
}

/// The program itself: 65, the way out, and neither the file nor the cluster is touched.
#[test]
fn no_command_begins_anew_over_a_broken_record() {
    let mut env = TestEnv::new();
    env.set("CUTOVER_SANDBOX_CLOCK", "jump");
    env.write(
        "workflow.toml",
        "version = 1\nworkflow = \"c2c\"\ncluster = \"sandbox\"\n[move-tables]\nsource-keyspace = \"commerce\"\ntarget-keyspace = \
         \"customer\"\ntables = [\"corder\"]\n[complete]\nsource-tables = \"rename\"\n",
    );
    env.write(
        "sandbox.toml",
        "version = 1\n[keyspaces.commerce.tables.corder]\nrows = 10\n[keyspaces.customer]\nshards = [\"0\"]\n",
    );
    let real = real();
    let mut flipped = real.clone();
    flipped[real.len() / 2] ^= 1;
    let broken: [(&str, Vec<u8>); 5] = [
        ("empty", Vec::new()),
        ("cut", real[..real.len() / 2].to_vec()),
        ("flipped", flipped),
        ("zeroed", vec![0; real.len()]),
        ("not a lockfile", b"hello\n".to_vec()),
    ];
    for (what, bytes) in broken {
        env.write("workflow.lock", &bytes);
        let commands: [&[&str]; 6] = [
            &["apply", "--yes"],
            &["status"],
            &["approve", "copy", "--reason", "x"],
            &["switch-back"],
            &["cancel", "--confirm", "c2c"],
            &["history"],
        ];
        for command in commands {
            let output = env.run(command);
            assert_eq!(output.code, Some(65), "{what}: {command:?}\n{output}");
            assert!(output.stderr.contains("workflow.lock"), "{what}: {output}");
            assert!(fs::read(env.path().join("workflow.lock")).unwrap() == bytes, "{what}: {command:?} changed the file");
        }
    }
    fs::remove_file(env.path().join("workflow.lock")).unwrap();
    let show = env.run(&["plan", "--format", "json"]);
    let plan: serde_json::Value = serde_json::from_str(&show.stdout).unwrap();
    assert_eq!(plan["verdict"], "ready", "nothing was begun: {show}");
}
