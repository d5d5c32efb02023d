//! `apply` dies, or is refused, at a system call that touches its files: at each of them. The sandbox is the cluster, so that each
//! time is the same as the last; strace does the killing.
//!
//! Phase by phase: an undisturbed run of the phase says which calls there are and what the record holds after it. Then the phase is
//! begun anew for each of the calls, spoilt there, and begun once more.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use cutover::cluster::mutation::Mutation;
use cutover::record::entry::{Entry, OutcomeResult, What};
use cutover::record::format;
use cutover::record::progress::Attempt;

use super::support::{Case, World};

/// Only with `CUTOVER_SYSTEM_CALLS` or `CUTOVER_EVERY_CALL` set: each call costs a run of the program, and all of them many minutes.
pub fn tests() -> Vec<Case> {
    if !["CUTOVER_SYSTEM_CALLS", "CUTOVER_EVERY_CALL"].iter().any(|name| std::env::var_os(name).is_some()) {
        return vec![];
    }
    let limit_seconds = if std::env::var_os("CUTOVER_EVERY_CALL").is_some() { 7_200 } else { 1_500 };
    vec![
        Case::new("killed_at_each_call", killed_at_each_call).limit_seconds(limit_seconds),
        Case::new("refused_at_each_call", refused_at_each_call).limit_seconds(limit_seconds),
    ]
}

/// Everything that makes, changes, locks or removes a file. What only reads changes nothing, and the call after it is spoilt.
const CALLS: &str = "openat,write,pwrite64,fsync,fdatasync,rename,renameat,renameat2,unlink,unlinkat,mkdir,mkdirat,link,linkat,\
                     fchmod,ftruncate,flock";

const PHASES: [&str; 7] = ["create", "copy", "verify", "switch-replicas", "switch-primary", "complete", "remove-rules"];

const PLAN: &str = r#"version = 1
workflow = "c2c"
cluster = "sandbox"
[move-tables]
source-keyspace = "commerce"
target-keyspace = "customer"
tables = ["corder"]
[gates]
policy = "auto-advance"
complete = "auto-advance"
remove-rules = "auto-advance"
[revert]
window = "0s"
[complete]
source-tables = "rename"
"#;

const SANDBOX: &str = "version = 1\n[keyspaces.commerce.tables.corder]\nrows = 10\n[keyspaces.customer]\nshards = [\"0\"]\n";

/// One in so many calls is spoilt. `CUTOVER_EVERY_CALL=1`: all of them.
fn stride(usual: usize) -> usize {
    if std::env::var_os("CUTOVER_EVERY_CALL").is_some() { 1 } else { usual }
}

fn killed_at_each_call(world: &World) {
    spoil(world, stride(5), &["signal=SIGKILL"]);
}

fn refused_at_each_call(world: &World) {
    spoil(world, stride(13), &["error=ENOSPC", "error=EIO", "error=EINTR"]);
}

/// A call of the undisturbed run: the `number`th of its kind.
#[derive(Debug, Clone)]
struct Site {
    call: String,
    number: usize,
}

/// A phase, undisturbed.
struct Calm {
    phase: &'static str,
    /// The folder as it is when the phase begins.
    before: PathBuf,
    sites: Vec<Site>,
    /// What the record says, entry by entry, from its beginning to the end of the phase.
    entries: Vec<String>,
    end: String,
}

fn spoil(world: &World, stride: usize, faults: &[&str]) {
    let strace = strace();
    let calm = calm(world, &strace);
    let jobs: Vec<(&Calm, &Site, &str)> = calm
        .iter()
        .flat_map(|calm| calm.sites.iter().map(move |site| (calm, site)))
        .flat_map(|(calm, site)| faults.iter().map(move |fault| (calm, site, *fault)))
        .step_by(stride)
        .collect();
    let (next, counts) = (AtomicUsize::new(0), Mutex::new(BTreeMap::<String, usize>::new()));
    std::thread::scope(|scope| {
        for worker in 0..2 {
            let (strace, next, counts, jobs) = (&strace, &next, &counts, &jobs);
            let folder = in_memory(world, &format!("worker-{worker}"));
            scope.spawn(move || {
                while let Some((calm, site, fault)) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
                    one(strace, &folder, calm, site, fault);
                    *counts.lock().expect("no test has failed").entry(site.call.clone()).or_default() += 1;
                }
                fs::remove_dir_all(&folder).ok();
            });
        }
    });
    for calm in &calm {
        fs::remove_dir_all(&calm.before).ok();
    }
    let counts = counts.into_inner().expect("no test has failed");
    for call in ["openat", "write", "fsync", "renameat", "unlinkat", "fchmod", "flock"] {
        assert!(counts.get(call).is_some_and(|count| *count > 0), "{call} was never spoilt: {counts:?}");
    }
    let all: usize = calm.iter().map(|calm| calm.sites.len()).sum();
    eprint!("({} runs spoilt of {} calls in {} phases: {counts:?}) ", jobs.len(), all, calm.len());
}

fn one(strace: &Path, folder: &Path, calm: &Calm, site: &Site, fault: &str) {
    let context = || format!("{} at {} {} of {}", fault, site.call, site.number, calm.phase);
    copy(&calm.before, folder);
    let inject = format!("inject={}:{fault}:when={}", site.call, site.number);
    let spoilt = apply(calm.phase, folder, Some((strace, &[&format!("trace={}", site.call), &inject], Path::new("/dev/null"))));
    if fault.starts_with("error") {
        assert!(spoilt.status.code().is_some(), "{}: it ends by itself: {}", context(), said(&spoilt));
        assert!(!said(&spoilt).contains("panicked"), "{}: {}", context(), said(&spoilt));
    }
    // Whole, and nothing in it that an undisturbed run does not say; what could not be done may be remarked. Processes share the
    // numbers of their calls with the sandbox inside them, and so now and then its call is spoilt: an attempt that came to nothing.
    let left = entries(folder);
    let (told, wanted) = (what_counts(&left), what_counts(&calm.entries));
    assert!(wanted.starts_with(&told), "{}: {left:#?} is no beginning of {:#?}", context(), calm.entries);

    let again = apply(calm.phase, folder, None);
    assert_eq!(again.status.code(), Some(0), "{}: first {}then {}", context(), said(&spoilt), said(&again));
    assert_eq!(end(folder), calm.end, "{}: another end than undisturbed", context());
    let serial = entries(folder).len();
    let once_more = apply(calm.phase, folder, None);
    assert_eq!(once_more.status.code(), Some(0), "{}: {}", context(), said(&once_more));
    assert_eq!(entries(folder).len(), serial, "{}: once more writes nothing: {}", context(), said(&once_more));
}

/// Runs each phase once, undisturbed, and keeps the folder as it was before it.
fn calm(world: &World, strace: &Path) -> Vec<Calm> {
    let folder = in_memory(world, "calm");
    fs::write(folder.join("workflow.toml"), PLAN).expect("a plan");
    fs::write(folder.join("sandbox.toml"), SANDBOX).expect("a sandbox");
    let log = world.folder().join("strace.log");
    let calm = PHASES.map(|phase| {
        let before = in_memory(world, phase);
        copy(&folder, &before);
        let ran = apply(phase, &folder, Some((strace, &[&format!("trace={CALLS}")], &log)));
        assert_eq!(ran.status.code(), Some(0), "{phase}: {}", said(&ran));
        let log = fs::read_to_string(&log).expect("strace's log");
        let sites = sites(&log, &folder);
        assert!(sites.len() > 20, "{phase} has {} calls: {log}", sites.len());
        Calm { phase, before, sites, entries: entries(&folder), end: end(&folder) }
    });
    fs::remove_dir_all(&folder).ok();
    calm.into()
}

/// The calls that touch the record, what is kept beside it, or a lease. What is the sandbox's own is the cluster's.
fn sites(log: &str, folder: &Path) -> Vec<Site> {
    let folder = folder.to_str().expect("a path of ours");
    let mut numbers: BTreeMap<(String, String), usize> = BTreeMap::new();
    let mut sites = Vec::new();
    for line in log.lines() {
        // `4711 fsync(5</dev/shm/…/workflow.lock>) = 0`
        let Some((process, rest)) = line.split_once(' ') else { continue };
        let Some((call, arguments)) = rest.trim_start().split_once('(') else { continue };
        if !call.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()) {
            continue;
        }
        let number = numbers.entry((process.to_owned(), call.to_owned())).or_default();
        *number += 1;
        // A path from the root has nothing to do with the working folder that stands before it.
        let arguments = match arguments.strip_prefix("AT_FDCWD<").and_then(|rest| rest.split_once(">, \"/")) {
            Some((_, path)) => path,
            None => arguments,
        };
        if call == "openat" && !arguments.contains("O_CREAT") {
            continue;
        }
        let is_clusters =
            arguments.contains("/sandbox>") || arguments.contains("/sandbox/state") || arguments.contains("/clients");
        if arguments.contains(folder.trim_start_matches('/')) && !is_clusters && !line.contains("sandbox.toml") {
            sites.push(Site { call: call.to_owned(), number: *number });
        }
    }
    sites
}

type Tracing<'a> = (&'a Path, &'a [&'a str], &'a Path);

fn apply(phase: &str, folder: &Path, tracing: Option<Tracing<'_>>) -> Output {
    let program = env!("CARGO_BIN_EXE_cutover");
    let mut command = match tracing {
        None => Command::new(program),
        Some((strace, expressions, log)) => {
            let mut command = Command::new(strace);
            command.args(["-f", "-y", "-qq", "-o"]).arg(log);
            command.args(expressions.iter().flat_map(|expression| ["-e", expression])).arg(program);
            command
        }
    };
    command
        .args(["apply", "--yes", "--wait", "--until", phase])
        .current_dir(folder)
        .env_clear()
        .env("HOME", folder)
        .env("CUTOVER_SANDBOX_CLOCK", "jump")
        .stdin(Stdio::null())
        .output()
        .expect("the program under test starts")
}

fn said(output: &Output) -> String {
    format!("{:?}\n{}{}", output.status, String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// What each entry of the record says, without what differs from run to run. Empty when there is no record.
fn entries(folder: &Path) -> Vec<String> {
    let path = folder.join("workflow.lock");
    let Ok(bytes) = fs::read(&path) else {
        assert!(!path.exists(), "it is there and can't be read");
        return Vec::new();
    };
    let record = format::read(&bytes).unwrap_or_else(|error| panic!("the record {error}:\n{}", String::from_utf8_lossy(&bytes)));
    record.entries.iter().map(words).collect()
}

/// Without remarks, and without attempts that came to nothing.
fn what_counts(entries: &[String]) -> Vec<&String> {
    let mut counts: Vec<&String> = Vec::new();
    for entry in entries.iter().filter(|entry| !entry.starts_with("remark")) {
        if entry == "outcome NotDone" {
            counts.pop();
        } else {
            counts.push(entry);
        }
    }
    counts
}

fn words(entry: &Entry) -> String {
    match &entry.what {
        What::Begun { .. } => "begun".to_owned(),
        What::Goal { goal, .. } => format!("goal {goal:?}"),
        What::Intent { phase, mutation, .. } => format!("intent {phase} {}", verb(mutation)),
        What::Outcome { result, .. } => format!("outcome {result:?}"),
        What::Reached { phase, .. } => format!("reached {phase}"),
        What::Incarnation { streams } => format!("incarnation {streams:?}"),
        What::Remark { text, .. } => format!("remark {text}"),
        other => format!("{other:?}"),
    }
}

/// Where the movement stands: what was reached, how often what can be done only once was done, and the whole cluster. How it was mended
/// after the spoilt run is not a part of it.
fn end(folder: &Path) -> String {
    let path = folder.join("workflow.lock");
    let record = format::read(&fs::read(path).expect("a record")).expect("a record that can be read");
    let progress = record.progress();
    let is_done = |attempt: &&Attempt| attempt.outcome.as_ref().is_some_and(|(result, _)| *result == OutcomeResult::Done);
    let is_once = |attempt: &&Attempt| {
        matches!(attempt.mutation, Mutation::CreateMoveTables(_) | Mutation::CompleteMoveTables(_) | Mutation::CancelWorkflow(_))
    };
    let once: Vec<String> =
        progress.attempts.iter().filter(is_done).filter(is_once).map(|attempt| verb(&attempt.mutation)).collect();
    let reached: BTreeSet<String> = record.entries.iter().map(words).filter(|words| words.starts_with("reached")).collect();
    let cluster = fs::read_to_string(folder.join(".cutover/sandbox/state.json")).expect("the sandbox's state");
    let mut cluster: serde_json::Value = serde_json::from_str(&cluster).expect("the sandbox's state is JSON");
    // How often what is served was built anew: a switch that was mended has done it once more.
    for served in cluster["topology"]["served"].as_object_mut().into_iter().flat_map(|by_cell| by_cell.values_mut()) {
        served["version"].take();
    }
    format!("{reached:?}\n{once:?}\n{}", cluster["topology"])
}

fn verb(mutation: &Mutation) -> String {
    let value = serde_json::to_value(mutation).expect("a mutation is data");
    value["verb"].as_str().expect("it names its verb").to_owned()
}

/// A folder in memory where the system has such: each run syncs some hundred times.
fn in_memory(world: &World, name: &str) -> PathBuf {
    let memory = Path::new("/dev/shm");
    let parent = if memory.is_dir() { memory.to_owned() } else { world.folder().to_owned() };
    let path = parent.join(format!("cutover-{}-{name}", world.name));
    fs::create_dir_all(&path).expect("a folder in memory");
    path
}

/// Makes `to` what `from` is.
fn copy(from: &Path, to: &Path) {
    fs::remove_dir_all(to).ok();
    let status = Command::new("cp").arg("-a").arg(from).arg(to).status().expect("cp");
    assert!(status.success());
}

/// The rig's, or the machine's.
pub fn strace() -> PathBuf {
    let of_the_rig = std::env::var_os("CUTOVER_RIG").map(|rig| Path::new(&rig).join("strace/bin/strace"));
    let on_the_path = std::env::var_os("PATH").into_iter().flat_map(|path| std::env::split_paths(&path).collect::<Vec<_>>());
    let found = of_the_rig.into_iter().chain(on_the_path.map(|folder| folder.join("strace"))).find(|path| path.is_file());
    found.expect("strace: tests/vitess/rig/install puts one into the rig")
}
