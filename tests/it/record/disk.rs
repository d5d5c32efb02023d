//! A disk that forgets: what was not synced may be lost, torn or zeroed when the power fails, in any combination.
//!
//! Names and contents are separate, as on a real disk: fsync of a file makes its content durable and not its name, fsync of a folder
//! makes names durable and not contents.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use cutover::record::file_system::{FileKind, FileSystem, Folder, Lock, NewFile, Status};
use rustix::io::Errno;

type Inode = u64;

#[derive(Debug, Clone, PartialEq, Eq)]
enum NameChange {
    Set(String, Inode),
    Gone(String),
    Renamed(String, String),
}

#[derive(Debug, Clone, Default)]
struct Directory {
    durable: BTreeMap<String, Inode>,
    /// Since the last sync, in order.
    pending: Vec<NameChange>,
}

#[derive(Debug, Clone, Default)]
struct Content {
    durable: Vec<u8>,
    now: Vec<u8>,
}

#[derive(Debug, Clone, Default)]
pub struct State {
    directories: BTreeMap<Inode, Directory>,
    contents: BTreeMap<Inode, Content>,
    next: Inode,
}

fn apply(names: &mut BTreeMap<String, Inode>, change: &NameChange) {
    match change {
        NameChange::Set(name, inode) => {
            names.insert(name.clone(), *inode);
        }
        NameChange::Gone(name) => {
            names.remove(name);
        }
        NameChange::Renamed(from, to) => {
            if let Some(inode) = names.remove(from) {
                names.insert(to.clone(), inode);
            }
        }
    }
}

impl Directory {
    fn now(&self) -> BTreeMap<String, Inode> {
        let mut names = self.durable.clone();
        self.pending.iter().for_each(|change| apply(&mut names, change));
        names
    }
}

impl State {
    fn new() -> Self {
        Self { directories: BTreeMap::from([(0, Directory::default())]), contents: BTreeMap::new(), next: 1 }
    }

    /// Every state that a loss of power now may leave.
    pub fn after_power_loss(&self) -> Vec<State> {
        let mut states = vec![State { directories: BTreeMap::new(), contents: BTreeMap::new(), next: self.next }];
        for (inode, directory) in &self.directories {
            let count = directory.pending.len();
            assert!(count <= 8, "too many states: {:?}", directory.pending);
            // Any subset of what was not synced, in order.
            let outcomes: Vec<BTreeMap<String, Inode>> = (0..1_u32 << count)
                .map(|subset| {
                    let mut names = directory.durable.clone();
                    let kept = directory.pending.iter().enumerate().filter(|(index, _)| subset & (1 << index) != 0);
                    kept.for_each(|(_, change)| apply(&mut names, change));
                    names
                })
                .collect();
            states = product(states, &outcomes, |state, names| {
                state.directories.insert(*inode, Directory { durable: names.clone(), pending: vec![] });
            });
        }
        for (inode, content) in &self.contents {
            let mut outcomes = vec![content.durable.clone()];
            if content.now != content.durable {
                let half = content.now.len() / 2;
                let zeroes = vec![0; content.now.len()];
                let torn = [&content.now[..half], &zeroes[half..]].concat();
                outcomes.extend([content.now.clone(), content.now[..half].to_vec(), zeroes, torn]);
            }
            outcomes.dedup();
            states = product(states, &outcomes, |state, bytes| {
                state.contents.insert(*inode, Content { durable: bytes.clone(), now: bytes.clone() });
            });
        }
        states
    }
}

fn product<T>(states: Vec<State>, outcomes: &[T], put: impl Fn(&mut State, &T)) -> Vec<State> {
    let mut all = Vec::with_capacity(states.len() * outcomes.len());
    for state in states {
        for outcome in outcomes {
            let mut state = state.clone();
            put(&mut state, outcome);
            all.push(state);
        }
    }
    all
}

/// The disk, with the state after every call that changed it.
#[derive(Debug, Clone)]
pub struct Disk(Arc<Mutex<(State, Vec<State>)>>);

impl Disk {
    pub fn new() -> Self {
        Self::with(State::new())
    }

    pub fn with(state: State) -> Self {
        Self(Arc::new(Mutex::new((state, vec![]))))
    }

    pub fn now(&self) -> State {
        self.lock().0.clone()
    }

    /// The states since the last time, oldest first.
    pub fn states(&self) -> Vec<State> {
        std::mem::take(&mut self.0.lock().unwrap().1)
    }

    fn change<T>(&self, change: impl FnOnce(&mut State) -> io::Result<T>) -> io::Result<T> {
        let mut disk = self.lock();
        let answer = change(&mut disk.0)?;
        let state = disk.0.clone();
        disk.1.push(state);
        Ok(answer)
    }

    fn lock(&self) -> MutexGuard<'_, (State, Vec<State>)> {
        self.0.lock().unwrap()
    }
}

struct DiskFolder(Disk, Inode);

impl FileSystem for Disk {
    fn open_folder(&self, path: &Path) -> io::Result<Box<dyn Folder>> {
        let mut inode = 0;
        for part in path.strip_prefix("/disk").unwrap().iter() {
            let disk = self.lock();
            inode = *disk.0.directories[&inode].now().get(part.to_str().unwrap()).ok_or(Errno::NOENT)?;
        }
        Ok(Box::new(DiskFolder(self.clone(), inode)))
    }
}

/// The folder that the disk has.
pub fn root() -> PathBuf {
    PathBuf::from("/disk")
}

fn status(kind: FileKind, inode: Inode) -> Status {
    Status { kind, mode: 0o700, owner: 0, device: 1, inode }
}

impl DiskFolder {
    fn find(&self, name: &str) -> Option<Inode> {
        self.0.lock().0.directories[&self.1].now().get(name).copied()
    }

    fn name(&self, change: NameChange) -> io::Result<()> {
        self.0.change(|state| {
            state.directories.get_mut(&self.1).unwrap().pending.push(change);
            Ok(())
        })
    }
}

impl Folder for DiskFolder {
    fn status(&self) -> io::Result<Status> {
        Ok(status(FileKind::Folder, self.1))
    }

    fn status_of(&self, name: &str) -> io::Result<Option<Status>> {
        let is_folder = |inode| self.0.lock().0.directories.contains_key(&inode);
        Ok(self.find(name).map(|inode| status(if is_folder(inode) { FileKind::Folder } else { FileKind::File }, inode)))
    }

    fn read(&self, name: &str, limit: usize) -> io::Result<(Status, Vec<u8>)> {
        let inode = self.find(name).ok_or(Errno::NOENT)?;
        let bytes = self.0.lock().0.contents[&inode].now.clone();
        Ok((status(FileKind::File, inode), bytes.into_iter().take(limit).collect()))
    }

    fn create_new(&self, name: &str, _: u32) -> io::Result<Box<dyn NewFile>> {
        if self.find(name).is_some() {
            return Err(Errno::EXIST.into());
        }
        let inode = self.0.change(|state| {
            state.next += 1;
            state.contents.insert(state.next, Content::default());
            let inode = state.next;
            state.directories.get_mut(&self.1).unwrap().pending.push(NameChange::Set(name.into(), inode));
            Ok(inode)
        })?;
        Ok(Box::new(DiskFile(self.0.clone(), inode)))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.name(NameChange::Renamed(from.into(), to.into()))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        if self.find(name).is_none() { Ok(()) } else { self.name(NameChange::Gone(name.into())) }
    }

    fn sync(&self) -> io::Result<()> {
        self.0.change(|state| {
            let directory = state.directories.get_mut(&self.1).unwrap();
            directory.durable = directory.now();
            directory.pending.clear();
            Ok(())
        })
    }

    fn subfolder(&self, name: &str, _: u32) -> io::Result<Box<dyn Folder>> {
        if let Some(inode) = self.find(name) {
            return Ok(Box::new(DiskFolder(self.0.clone(), inode)));
        }
        let inode = self.0.change(|state| {
            state.next += 1;
            state.directories.insert(state.next, Directory::default());
            let inode = state.next;
            state.directories.get_mut(&self.1).unwrap().pending.push(NameChange::Set(name.into(), inode));
            Ok(inode)
        })?;
        self.sync()?;
        Ok(Box::new(DiskFolder(self.0.clone(), inode)))
    }

    fn try_lock(&self, name: &str) -> io::Result<Option<Lock>> {
        // One process at a time here; the name appears as it does on a real disk.
        if self.find(name).is_none() {
            drop(self.create_new(name, 0o600)?);
        }
        Ok(Some(Lock::new(())))
    }
}

struct DiskFile(Disk, Inode);

impl Write for DiskFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.change(|state| {
            state.contents.get_mut(&self.1).unwrap().now.extend_from_slice(bytes);
            Ok(bytes.len())
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl NewFile for DiskFile {
    fn set_mode(&mut self, _: u32) -> io::Result<()> {
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        self.0.change(|state| {
            let content = state.contents.get_mut(&self.1).unwrap();
            content.durable.clone_from(&content.now);
            Ok(())
        })
    }
}
