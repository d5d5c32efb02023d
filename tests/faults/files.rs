//! The files of a host, in memory: what a process that is killed leaves behind. (What a loss of power leaves is the record's own
//! suite, `record/power.rs`.) Each call that changes something is an effect, and may be the one at which a fault strikes.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cutover::record::error::FormatError;
use cutover::record::file_system::{FileKind, FileSystem, Folder, Lock, NewFile, Status};
use cutover::record::format;
use cutover::record::store::Record;
use rustix::io::Errno;

use super::command::RECORD;
use super::script::{Life, Of, Strikes};

/// The folder of the plan file.
pub const FOLDER: &str = "/plan";

type Folders = BTreeMap<PathBuf, BTreeMap<String, Vec<u8>>>;

/// By folder and name.
#[derive(Debug, Default)]
pub struct Files {
    folders: Mutex<Folders>,
    /// Those that live processes hold.
    locked: Arc<Mutex<BTreeSet<PathBuf>>>,
}

impl Clone for Files {
    /// A host of its own, on which no process lives.
    fn clone(&self) -> Self {
        Self { folders: Mutex::new(self.lock().clone()), locked: Arc::default() }
    }
}

impl Files {
    pub fn with_folder() -> Self {
        let files = Self::default();
        files.lock().insert(FOLDER.into(), BTreeMap::new());
        files
    }

    fn lock(&self) -> MutexGuard<'_, Folders> {
        self.folders.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn read(&self, name: &str) -> Option<Vec<u8>> {
        self.lock().get(Path::new(FOLDER))?.get(name).cloned()
    }

    /// What stands in the file of the movement's record.
    pub fn record(&self) -> Option<Result<Record, FormatError>> {
        self.record_of(RECORD)
    }

    /// What stands in the file of a record.
    pub fn record_of(&self, name: &str) -> Option<Result<Record, FormatError>> {
        Some(format::read(&self.read(name)?))
    }

    /// The record's serial; 0 without one.
    pub fn serial(&self) -> u64 {
        self.record().and_then(Result::ok).map_or(0, |record| record.serial())
    }

    fn locked(&self) -> Arc<Mutex<BTreeSet<PathBuf>>> {
        self.locked.clone()
    }
}

/// These files, as one process sees them.
#[derive(Clone)]
pub struct FilesOf {
    files: Arc<Files>,
    life: Life,
}

impl FilesOf {
    pub fn new(files: Arc<Files>, life: Life) -> Self {
        Self { files, life }
    }

    /// An effect on a file: done, unless something strikes.
    fn effect<T>(&self, call: &str, name: &str, done: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        match self.life.arrive(Of::Files, format!("{} {call}", kind_of(name))) {
            Strikes::Nothing => done(),
            Strikes::Fails(errno) => Err(errno.into()),
            Strikes::After => {
                done()?;
                self.life.die();
                Err(Errno::IO.into())
            }
            // A call that is torn is a write; of others nothing stands.
            Strikes::Dead | Strikes::Before | Strikes::Torn => {
                self.life.die();
                Err(Errno::IO.into())
            }
            other => panic!("{other:?} does not befall files"),
        }
    }
}

/// What a file is, whatever its digest.
fn kind_of(name: &str) -> &'static str {
    if name.contains(".gitignore") {
        "gitignore"
    } else if name.ends_with(".sentinel") {
        "sentinel"
    } else if name.contains(".lock.last") {
        "copy of the record"
    } else if name.contains(".lock") {
        "record"
    } else if name.contains(".json") {
        "kept"
    } else {
        "folder"
    }
}

impl FileSystem for FilesOf {
    fn open_folder(&self, path: &Path) -> io::Result<Box<dyn Folder>> {
        if !self.files.lock().contains_key(path) {
            return Err(Errno::NOENT.into());
        }
        Ok(Box::new(FolderOf { of: self.clone(), path: path.to_owned() }))
    }
}

struct FolderOf {
    of: FilesOf,
    path: PathBuf,
}

impl FolderOf {
    fn within<T>(&self, change: impl FnOnce(&mut BTreeMap<String, Vec<u8>>) -> io::Result<T>) -> io::Result<T> {
        change(self.of.files.lock().get_mut(&self.path).ok_or(Errno::NOENT)?)
    }
}

fn status(kind: FileKind) -> Status {
    Status { kind, mode: 0o700, owner: 0, device: 1, inode: 1 }
}

impl Folder for FolderOf {
    fn status(&self) -> io::Result<Status> {
        Ok(status(FileKind::Folder))
    }

    fn status_of(&self, name: &str) -> io::Result<Option<Status>> {
        if self.of.files.lock().contains_key(&self.path.join(name)) {
            return Ok(Some(status(FileKind::Folder)));
        }
        self.within(|files| Ok(files.contains_key(name).then(|| status(FileKind::File))))
    }

    fn read(&self, name: &str, limit: usize) -> io::Result<(Status, Vec<u8>)> {
        self.of.effect("read", name, || {
            let bytes = self.within(|files| Ok(files.get(name).cloned().ok_or(Errno::NOENT)?))?;
            Ok((status(FileKind::File), bytes.into_iter().take(limit).collect()))
        })
    }

    fn create_new(&self, name: &str, _: u32) -> io::Result<Box<dyn NewFile>> {
        self.of.effect("create", name, || {
            self.within(|files| match files.contains_key(name) {
                true => Err(Errno::EXIST.into()),
                false => Ok(files.insert(name.to_owned(), Vec::new())),
            })
        })?;
        Ok(Box::new(NewFileOf { of: self.of.clone(), path: self.path.clone(), name: name.to_owned() }))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.of.effect("rename", to, || {
            self.within(|files| {
                let bytes = files.remove(from).ok_or(Errno::NOENT)?;
                files.insert(to.to_owned(), bytes);
                Ok(())
            })
        })
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        if self.of.life.is_dead() {
            return Err(Errno::IO.into());
        }
        self.within(|files| {
            files.remove(name);
            Ok(())
        })
    }

    fn sync(&self) -> io::Result<()> {
        let name = if self.path == Path::new(FOLDER) { "workflow.lock" } else { "folder" };
        self.of.effect("sync of folder", name, || Ok(()))
    }

    fn subfolder(&self, name: &str, _: u32) -> io::Result<Box<dyn Folder>> {
        let path = self.path.join(name);
        if !self.of.files.lock().contains_key(&path) {
            self.of.effect("make", name, || {
                self.of.files.lock().insert(path.clone(), BTreeMap::new());
                Ok(())
            })?;
        }
        Ok(Box::new(FolderOf { of: self.of.clone(), path }))
    }

    fn try_lock(&self, name: &str) -> io::Result<Option<Lock>> {
        let path = self.path.join(name);
        self.of.effect("lock", name, || {
            let locked = self.of.files.locked();
            let is_new = locked.lock().unwrap().insert(path.clone());
            Ok(is_new.then(|| Lock::new(Held { locked, path })))
        })
    }
}

struct Held {
    locked: Arc<Mutex<BTreeSet<PathBuf>>>,
    path: PathBuf,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.locked.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.path);
    }
}

struct NewFileOf {
    of: FilesOf,
    path: PathBuf,
    name: String,
}

impl NewFileOf {
    fn put(&self, bytes: &[u8]) -> io::Result<()> {
        let mut folders = self.of.files.lock();
        let file = folders.get_mut(&self.path).and_then(|files| files.get_mut(&self.name)).ok_or(Errno::NOENT)?;
        file.extend_from_slice(bytes);
        Ok(())
    }
}

impl Write for NewFileOf {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.of.life.arrive(Of::FileWrite, format!("{} write", kind_of(&self.name))) {
            Strikes::Nothing => self.put(bytes)?,
            Strikes::Fails(errno) => {
                // Half of it may stand all the same.
                self.put(&bytes[..bytes.len() / 2])?;
                return Err(errno.into());
            }
            strikes => {
                match strikes {
                    Strikes::After => self.put(bytes)?,
                    Strikes::Torn => self.put(&bytes[..bytes.len() / 2])?,
                    _ => {}
                }
                self.of.life.die();
                return Err(Errno::IO.into());
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl NewFile for NewFileOf {
    fn set_mode(&mut self, _: u32) -> io::Result<()> {
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        self.of.effect("sync", &self.name, || Ok(()))
    }
}
