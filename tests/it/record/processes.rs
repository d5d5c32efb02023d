//! Other processes: this test binary starts itself again, told by the environment what to do.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use cutover::record::error::RecordError;
use cutover::record::lease::{Held, LeaseError, Leases};
use cutover::record::store::RecordStore;

use super::lease::{info, key};
use super::sample::{begun, new_entry, remark};
use super::store::file_store;

const TASK: &str = "CUTOVER_TEST_CHILD";
const FOLDER: &str = "CUTOVER_TEST_FOLDER";

/// A child and what it says; the pipe stays open as long as this lives.
struct Spoken {
    child: Child,
    lines: Box<dyn Iterator<Item = String>>,
}

impl Spoken {
    fn next(&mut self) -> String {
        self.lines.next().expect("the child ended without a word")
    }

    /// Lets the child end by itself.
    fn finish(mut self) {
        drop(self.child.stdin.take());
        assert!(self.child.wait().unwrap().success());
    }

    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

const SAYS: &str = "the child says: ";

fn child(task: &str, folder: &Path) -> Spoken {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "record::processes::in_a_child", "--nocapture"])
        .env(TASK, task)
        .env(FOLDER, folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let stdout = BufReader::new(child.stdout.take().unwrap());
    // The test runner speaks too, on the same line.
    let said = |line: String| line.split_once(SAYS).map(|(_, text)| text.to_owned());
    Spoken { child, lines: Box::new(stdout.lines().map_while(Result::ok).filter_map(said)) }
}

/// What a child does; nothing in a run of the tests.
#[test]
fn in_a_child() {
    let Some(task) = std::env::var_os(TASK) else { return };
    let folder = std::env::var_os(FOLDER).unwrap();
    let folder = Path::new(&folder);
    let say = |text: String| writeln!(std::io::stdout(), "{SAYS}{text}").unwrap();
    match task.to_str().unwrap().split_once(' ').unwrap() {
        ("append", count) => {
            for _ in 0..count.parse::<u64>().unwrap() {
                say(append_once(folder).to_string());
            }
        }
        ("lease", operation) => {
            let leases = Leases::new(folder.join("leases"));
            let lease = leases.try_take(&key("c2c"), &info(operation));
            say(if lease.is_ok() { "holds".into() } else { "refused".into() });
            // Until the parent lets go or kills.
            std::io::stdin().read_line(&mut String::new()).unwrap();
        }
        other => panic!("{other:?}"),
    }
}

/// Appends one entry, however often others come first; the serial that it got.
fn append_once(folder: &Path) -> u64 {
    let store = file_store(folder);
    loop {
        let serial = store.load().unwrap().unwrap().serial();
        match store.append(serial, vec![new_entry(1, remark(format!("by {}", std::process::id())))]) {
            Ok(record) => return record.serial(),
            Err(RecordError::Conflict { .. }) => {}
            Err(other) => panic!("{other:?}"),
        }
    }
}

#[test]
fn many_processes_lose_no_entry() {
    let folder = super::sample::folder();
    file_store(folder.path()).append(0, vec![new_entry(0, begun())]).unwrap();
    const PROCESSES: u64 = 4;
    const APPENDS: u64 = 25;
    let children: Vec<Spoken> = (0..PROCESSES).map(|_| child(&format!("append {APPENDS}"), folder.path())).collect();
    let mut serials: Vec<u64> = Vec::new();
    for mut child in children {
        serials.extend(child.lines.by_ref().map(|line| line.parse::<u64>().unwrap()));
        child.finish();
    }
    serials.sort_unstable();
    assert_eq!(serials, (2..=PROCESSES * APPENDS + 1).collect::<Vec<u64>>(), "each serial was given once");
    let record = file_store(folder.path()).load().unwrap().unwrap();
    assert_eq!(record.entries.len() as u64, PROCESSES * APPENDS + 1);
}

#[test]
fn a_killed_process_leaves_what_it_had_acknowledged() {
    let folder = super::sample::folder();
    file_store(folder.path()).append(0, vec![new_entry(0, begun())]).unwrap();
    let mut last = 1;
    for round in 0..30 {
        let mut child = child("append 1000000", folder.path());
        let acknowledged: u64 = child.lines.nth(round % 4).unwrap().parse().unwrap();
        child.kill();
        let serial = file_store(folder.path()).load().unwrap().unwrap().serial();
        assert!(serial >= acknowledged && acknowledged > last, "{serial}, {acknowledged} acknowledged, {last} before");
        last = append_once(folder.path());
        assert_eq!(last, serial + 1);
    }
}

#[test]
fn a_lease_is_one_process_s_and_goes_with_it() {
    let folder = super::sample::folder();
    let take = || Leases::new(folder.path().join("leases")).try_take(&key("c2c"), &info("switch-back"));
    for killed in [true, false] {
        let mut holder = child("lease apply", folder.path());
        assert_eq!(holder.next(), "holds");
        match take() {
            Err(LeaseError::Held(Held { info: Some(held), .. })) => {
                assert_eq!((held.operation.as_str(), held.pid), ("apply", holder.child.id()));
            }
            other => panic!("{other:?}"),
        }
        let mut second = child("lease cancel", folder.path());
        assert_eq!(second.next(), "refused");
        second.finish();
        if killed {
            holder.kill()
        } else {
            holder.finish()
        }
        drop(take().unwrap());
    }
}

#[test]
fn of_many_that_start_at_once_one_holds() {
    let folder = super::sample::folder();
    for _ in 0..5 {
        let mut children: Vec<Spoken> = (0..6).map(|_| child("lease apply", folder.path())).collect();
        let said: Vec<String> = children.iter_mut().map(Spoken::next).collect();
        assert_eq!(said.iter().filter(|said| *said == "holds").count(), 1, "{said:?}");
        children.into_iter().for_each(Spoken::finish);
    }
}
