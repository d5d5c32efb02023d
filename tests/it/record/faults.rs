//! Every call to the file system fails once, in every way that calls fail (F16): afterwards the record is the old one or the new one,
//! whole, and the answer says which.

use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use cutover::record::error::RecordError;
use cutover::record::file::FileStore;
use cutover::record::file_system::{FileSystem, Folder, HostFileSystem, Lock, NewFile, Sleeper, Status, ThreadSleeper};
use cutover::record::format;
use cutover::record::kept::Kept;
use cutover::record::store::{NewEntry, Record, RecordStore};
use rustix::io::Errno;

use super::sample::{LINEAGE, begun, new_entry, record, remark};

/// What happens at the call that was chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    /// The call fails and does nothing.
    Error(Errno),
    /// A write takes one byte; other calls work.
    Short,
    /// A write takes one byte and the next one fails; other calls fail.
    ShortThenFull,
    /// The process dies: neither this call nor a later one happens.
    Dies,
    /// The call happens, its answer is an error, and so is every later one.
    DiesAfter,
}

const FAULTS: [Fault; 9] = [
    Fault::Error(Errno::NOSPC),
    Fault::Error(Errno::DQUOT),
    Fault::Error(Errno::IO),
    Fault::Error(Errno::ROFS),
    Fault::Error(Errno::INTR),
    Fault::Short,
    Fault::ShortThenFull,
    Fault::Dies,
    Fault::DiesAfter,
];

/// Counts calls and spoils one.
struct Plan {
    at: usize,
    fault: Fault,
    calls: AtomicUsize,
    names: Mutex<Vec<String>>,
}

enum Now {
    Works,
    Fails(io::Error),
    WorksThenFails,
    Short,
}

impl Plan {
    fn new(at: usize, fault: Fault) -> Arc<Self> {
        Arc::new(Self { at, fault, calls: AtomicUsize::new(0), names: Mutex::default() })
    }

    fn call(&self, name: &str) -> Now {
        let call = self.calls.fetch_add(1, Ordering::SeqCst) + 1;
        self.names.lock().unwrap().push(name.to_owned());
        let fails = |errno: Errno| Now::Fails(errno.into());
        match (self.fault, call.cmp(&self.at)) {
            (_, std::cmp::Ordering::Less) => Now::Works,
            (Fault::Error(errno), std::cmp::Ordering::Equal) => fails(errno),
            (Fault::Short | Fault::ShortThenFull, std::cmp::Ordering::Equal) if name == "write" => Now::Short,
            (Fault::Short, _) | (Fault::Error(_), _) => Now::Works,
            (Fault::ShortThenFull, std::cmp::Ordering::Equal) => fails(Errno::NOSPC),
            (Fault::ShortThenFull, _) if name == "write" && call == self.at + 1 => fails(Errno::NOSPC),
            (Fault::ShortThenFull, _) => Now::Works,
            (Fault::DiesAfter, std::cmp::Ordering::Equal) => Now::WorksThenFails,
            (Fault::Dies | Fault::DiesAfter, _) => fails(Errno::IO),
        }
    }

    fn run<T>(&self, name: &str, call: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        match self.call(name) {
            Now::Works | Now::Short => call(),
            Now::Fails(error) => Err(error),
            Now::WorksThenFails => call().and_then(|_| Err(Errno::IO.into())),
        }
    }

    fn fired(&self) -> bool {
        self.calls.load(Ordering::SeqCst) >= self.at
    }

    fn name(&self) -> String {
        self.names.lock().unwrap().get(self.at - 1).cloned().unwrap_or_default()
    }
}

struct Faulty(Arc<Plan>);
struct FaultyFolder(Arc<Plan>, Box<dyn Folder>);
struct FaultyFile(Arc<Plan>, Box<dyn NewFile>);

impl FileSystem for Faulty {
    fn open_folder(&self, path: &Path) -> io::Result<Box<dyn Folder>> {
        let folder = self.0.run("open_folder", || HostFileSystem.open_folder(path))?;
        Ok(Box::new(FaultyFolder(self.0.clone(), folder)))
    }
}

impl Folder for FaultyFolder {
    fn status(&self) -> io::Result<Status> {
        self.0.run("status", || self.1.status())
    }
    fn status_of(&self, name: &str) -> io::Result<Option<Status>> {
        self.0.run("status_of", || self.1.status_of(name))
    }
    fn read(&self, name: &str, limit: usize) -> io::Result<(Status, Vec<u8>)> {
        self.0.run("read", || self.1.read(name, limit))
    }
    fn create_new(&self, name: &str, mode: u32) -> io::Result<Box<dyn NewFile>> {
        let file = self.0.run("create_new", || self.1.create_new(name, mode))?;
        Ok(Box::new(FaultyFile(self.0.clone(), file)))
    }
    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.0.run("rename", || self.1.rename(from, to))
    }
    fn remove(&self, name: &str) -> io::Result<()> {
        self.0.run("remove", || self.1.remove(name))
    }
    fn sync(&self) -> io::Result<()> {
        self.0.run("sync folder", || self.1.sync())
    }
    fn subfolder(&self, name: &str, mode: u32) -> io::Result<Box<dyn Folder>> {
        let folder = self.0.run("subfolder", || self.1.subfolder(name, mode))?;
        Ok(Box::new(FaultyFolder(self.0.clone(), folder)))
    }
    fn try_lock(&self, name: &str) -> io::Result<Option<Lock>> {
        self.0.run("try_lock", || self.1.try_lock(name))
    }
}

impl Write for FaultyFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.0.call("write") {
            Now::Works => self.1.write(bytes),
            Now::Short => self.1.write(&bytes[..bytes.len().min(1)]),
            Now::Fails(error) => Err(error),
            Now::WorksThenFails => self.1.write(bytes).and_then(|_| Err(Errno::IO.into())),
        }
    }
    fn flush(&mut self) -> io::Result<()> {
        self.1.flush()
    }
}

impl NewFile for FaultyFile {
    fn set_mode(&mut self, mode: u32) -> io::Result<()> {
        let plan = self.0.clone();
        plan.run("set_mode", || self.1.set_mode(mode))
    }
    fn sync(&mut self) -> io::Result<()> {
        let plan = self.0.clone();
        plan.run("sync file", || self.1.sync())
    }
}

/// Nobody else holds the sentinel here, so nobody waits.
struct NeverSleeps;

impl Sleeper for NeverSleeps {
    fn sleep(&self, _: std::time::Duration) {
        panic!("waited for a sentinel that nobody holds");
    }
}

fn store(file_system: Arc<dyn FileSystem>, folder: &Path) -> FileStore {
    FileStore::new(file_system, Arc::new(NeverSleeps), folder, "workflow.lock", LINEAGE)
}

/// A folder with a lockfile, or without.
fn prepared(lockfile: Option<&[u8]>) -> tempfile::TempDir {
    let folder = super::sample::folder();
    if let Some(bytes) = lockfile {
        fs::write(folder.path().join("workflow.lock"), bytes).unwrap();
    }
    folder
}

/// Lets every call of one append fail in every way.
fn one_append(before: &[NewEntry], appended: &[NewEntry], faults: &[Fault]) {
    let old_serial = before.len() as u64;
    let old_bytes =
        (old_serial > 0).then(|| format::write(&Record::begin(LINEAGE, before.to_vec()).unwrap()).unwrap().into_bytes());
    let mut seen = std::collections::BTreeSet::new();
    for &fault in faults {
        for at in 1.. {
            let folder = prepared(old_bytes.as_deref());
            let lockfile = folder.path().join("workflow.lock");
            let plan = Plan::new(at, fault);
            let answer = store(Arc::new(Faulty(plan.clone())), folder.path()).append(old_serial, appended.to_vec());
            let context = format!("{fault:?} at call {at}, {}: {:?}", plan.name(), answer.as_ref().map(|record| record.serial()));

            // What is there is whole: the old bytes, or a record that holds everything.
            let bytes = fs::read(&lockfile).ok();
            let is_old = bytes == old_bytes;
            if !is_old {
                let record = format::read(&bytes.unwrap()).unwrap_or_else(|error| panic!("{context}: {error}"));
                assert_eq!(record.serial(), old_serial + appended.len() as u64, "{context}");
            }
            match &answer {
                Ok(_) => assert!(!is_old, "{context}: said to be written and isn't"),
                Err(RecordError::NotDurable { .. }) => assert!(!is_old, "{context}"),
                // Dead processes say nothing; here their last call may have been the rename.
                Err(_) if fault == Fault::DiesAfter => {}
                Err(RecordError::Io { .. }) => assert!(is_old, "{context}: said to be as it was and isn't"),
                Err(other) => panic!("{context}: {other:?}"),
            }

            // Nothing is left over that a living process could have removed.
            let left = folder.path().join(".workflow.lock.new").exists();
            let may_leave = matches!(fault, Fault::Dies | Fault::DiesAfter) || plan.name() == "remove";
            assert!(!left || may_leave, "{context}: a temporary file stayed");

            // Going on is possible, from whichever it is.
            let healthy = store(Arc::new(HostFileSystem), folder.path());
            let serial = healthy.load().unwrap().map_or(0, |record| record.serial());
            let next = if serial == 0 { vec![new_entry(0, begun())] } else { vec![new_entry(9, remark("next"))] };
            healthy.append(serial, next).unwrap_or_else(|error| panic!("{context}: {error:?}"));
            assert!(!folder.path().join(".workflow.lock.new").exists(), "{context}: a temporary file stayed for ever");
            assert_eq!(healthy.history().unwrap().unwrap().1, 0, "{context}: what was moved out is lost");

            if !plan.fired() {
                break;
            }
            seen.insert(plan.name());
        }
    }
    for call in ["create_new", "set_mode", "write", "sync file", "rename", "sync folder", "try_lock", "status_of"] {
        assert!(seen.contains(call), "{call} never failed: {seen:?}");
    }
}

#[test]
fn a_first_append_is_all_or_nothing() {
    one_append(&[], &[new_entry(0, begun())], &FAULTS);
}

#[test]
fn an_append_is_all_or_nothing() {
    let before: Vec<NewEntry> =
        record().entries.into_iter().map(|entry| NewEntry { at: entry.at, by: entry.by, what: entry.what }).take(6).collect();
    one_append(&before, &[new_entry(7, remark("one")), new_entry(8, remark("two"))], &FAULTS);
}

#[test]
fn an_append_that_compacts_is_all_or_nothing() {
    let mut before = vec![new_entry(0, begun())];
    before.extend((1..20).map(|second| new_entry(second, remark("x".repeat(4_900)))));
    one_append(&before, &[new_entry(30, remark("y".repeat(9_000)))], &[Fault::Error(Errno::NOSPC), Fault::Dies]);
}

#[test]
fn what_could_not_be_kept_is_never_said_to_be_kept() {
    for fault in FAULTS {
        for at in 1.. {
            let folder = super::sample::folder();
            let plan = Plan::new(at, fault);
            let faulty = Faulty(plan.clone());
            let kept = Kept::beside(&faulty, folder.path()).keep(b"{\"rules\":[]}");
            let healthy = Kept::beside(&HostFileSystem, folder.path());
            if let Ok(digest) = &kept {
                assert_eq!(healthy.fetch(digest).unwrap(), b"{\"rules\":[]}");
            }
            healthy.fetch(&healthy.keep(b"{\"rules\":[]}").unwrap()).unwrap();
            if !plan.fired() {
                kept.unwrap();
                break;
            }
        }
    }
}

/// Counts how long it would have slept.
#[derive(Default)]
struct Counts(Mutex<std::time::Duration>);

impl Sleeper for Counts {
    fn sleep(&self, duration: std::time::Duration) {
        *self.0.lock().unwrap() += duration;
    }
}

#[test]
fn an_append_waits_five_seconds_for_another_one_and_then_names_it() {
    let folder = super::sample::folder();
    store(Arc::new(HostFileSystem), folder.path()).append(0, vec![new_entry(0, begun())]).unwrap();
    let sentinel = folder.path().join(".cutover/workflow.lock.sentinel");
    let other = fs::File::open(&sentinel).unwrap();
    other.try_lock().unwrap();
    let slept = Arc::new(Counts::default());
    let store = FileStore::new(Arc::new(HostFileSystem), slept.clone(), folder.path(), "workflow.lock", LINEAGE);
    let error = store.append(1, vec![new_entry(1, remark("x"))]).unwrap_err();
    assert!(matches!(&error, RecordError::Busy { path, .. } if *path == sentinel), "{error:?}");
    assert_eq!((error.exit_code(), *slept.0.lock().unwrap()), (6, std::time::Duration::from_secs(5)));
    assert!(store.load().unwrap().is_some(), "reading needs no lock");
    drop(other);
    let store = FileStore::new(Arc::new(HostFileSystem), Arc::new(ThreadSleeper), folder.path(), "workflow.lock", LINEAGE);
    store.append(1, vec![new_entry(1, remark("x"))]).unwrap();
}
