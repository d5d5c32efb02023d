//! Files that people or disks have broken: reading them ends in what they say or in what is wrong with them, and never in anything else.

use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use cutover::operator;
use cutover::plan::saved::SavedPlan;
use cutover::plan::snapshot::Snapshot;
use cutover::record::format;
use cutover::report::problems::{self, Drawing};
use cutover::sandbox::Sandbox;
use cutover::sandbox::file::{self, description::Description};
use cutover::spec::Problem;
use jiff::Timestamp;
use proptest::prelude::*;

use super::runs::CLUSTER;
use crate::record::sample as record_sample;
use crate::support::TestEnv;

const DRAWING: Drawing = Drawing { width: 100, colour: false, unicode: true };

const OPERATOR: &str = r#"
[clusters.production]
vtctld = "vtctld.example.com:15999"
tls-ca = "ca.pem"
tls-cert = "c.pem"
tls-key = "k.pem"
require-hold = ["switch-primary", "complete"]
allow-drop = true
min-revert-window = "30m"
record-dir = "/var/lib/cutover"
fingerprint = "sha256:abc"
notify = ["/usr/bin/tell", "--channel", "db"]
topo = "etcds://etcd-1:2379,etcd-2:2379/vitess/global"
topo-tls-ca = "etcd-ca.pem"
"#;

/// A piece of a text is replaced by another piece of it, or by anything.
fn wounded(text: &'static str) -> impl Strategy<Value = String> {
    let anything = "\\PC{0,6}|[\"'\\[\\]{}=.,#\n\r\t\u{0}\u{feff}\u{202e}\u{1b}\\\\0-9-]{0,6}";
    (0..=text.len(), 0..40usize, 0..text.len(), anything, any::<bool>()).prop_map(move |(from, length, source, anything, own)| {
        let whole = |place: usize| (0..=place.min(text.len())).rev().find(|place| text.is_char_boundary(*place)).unwrap_or(0);
        let piece = if own { text[whole(source)..whole(source + length)].to_owned() } else { anything };
        format!("{}{piece}{}", &text[..whole(from)], &text[whole(from + length)..])
    })
}

fn drawn(found: &[Problem], text: &str) -> Result<(), TestCaseError> {
    prop_assert!(found.iter().any(Problem::is_error), "refused without a reason");
    for problem in found {
        let spans = problem.span.iter().chain(problem.also.iter().map(|(span, _)| span));
        for span in spans {
            prop_assert!(text.get(span.clone()).is_some(), "{span:?} of {problem:?} is not in {text:?}");
        }
    }
    let drawn = problems::draw(found, "file.toml", Some(text), DRAWING);
    super::assert_harmless(&drawn, text);
    Ok(())
}

fn check_operator(text: &str) -> Result<(), TestCaseError> {
    match operator::read(text, Path::new("/etc/cutover")) {
        Ok(_) => Ok(()),
        Err(found) => drawn(&found, text),
    }
}

fn check_sandbox(text: &str) -> Result<(), TestCaseError> {
    match file::reading::read(text) {
        Ok(description) => {
            // What is accepted can be begun.
            if description.keyspaces.values().all(|keyspace| keyspace.shards.len() < 10) {
                drop(Sandbox::in_memory(&description, Timestamp::UNIX_EPOCH));
            }
            Ok(())
        }
        Err(found) => drawn(&found, text),
    }
}

fn check_lockfile(whole: &str, bytes: &[u8]) -> Result<(), TestCaseError> {
    match format::read(bytes) {
        Ok(record) => {
            prop_assert_eq!(format::write(&record).unwrap(), whole, "another record than was written");
        }
        Err(problem) => {
            let said = format!("{problem}\n{}", problem.help(Path::new("workflow.lock")));
            prop_assert!(!said.contains(char::is_control) || said.matches('\n').count() == 1, "{said:?}");
            prop_assert!(said.len() < 2000, "{} bytes", said.len());
        }
    }
    Ok(())
}

/// A saved plan and a snapshot of a sandbox, as the program writes them.
static SEALED: LazyLock<[String; 2]> = LazyLock::new(|| {
    let mut env = TestEnv::new();
    env.set("CUTOVER_SANDBOX_CLOCK", "jump");
    env.write("workflow.toml", super::runs::PLAN);
    env.write("sandbox.toml", CLUSTER);
    assert_eq!(env.run(&["plan", "--out", "plan.json"]).code, Some(0));
    assert_eq!(env.run(&["snapshot", "--out", "facts.json"]).code, Some(0));
    ["plan.json", "facts.json"].map(|name| fs::read_to_string(env.path().join(name)).unwrap())
});

/// Whole and unchanged, or refused.
fn check_saved_plan(text: &str) -> Result<(), TestCaseError> {
    let Ok(read) = SavedPlan::read(text) else { return Ok(()) };
    let whole = SavedPlan::read(&SEALED[0]).unwrap();
    prop_assert_eq!(serde_json::to_value(&read.plan).unwrap(), serde_json::to_value(&whole.plan).unwrap());
    Ok(())
}

fn check_snapshot(text: &str) -> Result<(), TestCaseError> {
    let Ok(read) = Snapshot::read(text) else { return Ok(()) };
    let whole = Snapshot::read(&SEALED[1]).unwrap();
    prop_assert_eq!(serde_json::to_value(&read.facts).unwrap(), serde_json::to_value(&whole.facts).unwrap());
    Ok(())
}

proptest! {
    #![proptest_config(super::config(150))]

    #[test]
    fn any_saved_plan_or_snapshot(text in any::<String>()) {
        check_saved_plan(&text)?;
        check_snapshot(&text)?;
    }

    #[test]
    fn a_saved_plan_with_a_wound(text in wounded(&SEALED[0])) {
        check_saved_plan(&text)?;
    }

    #[test]
    fn a_snapshot_with_a_wound(text in wounded(&SEALED[1])) {
        check_snapshot(&text)?;
    }

    #[test]
    fn any_operator_file(text in any::<String>()) {
        check_operator(&text)?;
    }

    #[test]
    fn an_operator_file_with_a_wound(text in wounded(OPERATOR)) {
        check_operator(&text)?;
    }

    #[test]
    fn any_sandbox_file(text in any::<String>()) {
        check_sandbox(&text)?;
    }

    #[test]
    fn a_sandbox_file_with_a_wound(text in wounded(CLUSTER)) {
        check_sandbox(&text)?;
    }

    #[test]
    fn any_lockfile(bytes in any::<Vec<u8>>()) {
        let whole = format::write(&record_sample::small_record()).unwrap();
        check_lockfile(&whole, &bytes)?;
    }

    /// Bytes put in, taken out, exchanged; also over a checksum that is made right again.
    #[test]
    fn a_lockfile_with_a_wound(from: prop::sample::Index, length in 0..30usize, put in any::<Vec<u8>>(), is_sealed: bool) {
        let whole = format::write(&record_sample::small_record()).unwrap();
        let mut bytes = whole.clone().into_bytes();
        let from = from.index(bytes.len());
        let to = (from + length).min(bytes.len());
        bytes.splice(from..to, put);
        check_lockfile(&whole, &bytes)?;
        if is_sealed
            && let Ok(text) = std::str::from_utf8(&bytes)
            && let Some((body, _)) = text.rsplit_once("checksum = ")
        {
            let digest = cutover::model::digest::Digest::of_bytes(body.as_bytes());
            let sealed = format!("{body}checksum = \"{digest}\"\n");
            // Somebody who can make the checksum right can write what he likes; it must not be a way to end the program.
            if let Err(problem) = format::read(sealed.as_bytes()) {
                prop_assert!(problem.help(Path::new("workflow.lock")).len() < 2000);
            }
        }
    }
}

/// The sandbox's own file, cut and with a byte turned everywhere: it says what is wrong, or stands.
#[test]
fn a_state_of_the_sandbox_that_is_broken_is_said_to_be() {
    let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
    let description: Description = toml::from_str(CLUSTER).unwrap();
    drop(Sandbox::open(folder.path(), &description, Timestamp::UNIX_EPOCH).unwrap());
    let path = folder.path().join("state.json");
    let whole = fs::read(&path).unwrap();
    let step = (whole.len() / super::cases(120) as usize).max(1);
    for at in (0..whole.len()).step_by(step) {
        let mut turned = whole.clone();
        turned[at] ^= 0x11;
        for (what, bytes) in [("cut", whole[..at].to_vec()), ("turned", turned)] {
            fs::write(&path, &bytes).unwrap();
            if let Err(error) = Sandbox::open(folder.path(), &description, Timestamp::UNIX_EPOCH) {
                let text = error.to_string();
                assert!(text.contains("state.json") || text.contains("sandbox"), "{what} at {at}: {text}");
                // As it is said.
                super::assert_harmless(&problems::visible_line(&text), what);
            }
        }
    }
}
