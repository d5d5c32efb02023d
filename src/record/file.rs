//! The store that keeps a record in a file: `workflow.lock`.
//!
//! An append reads, compares, and replaces the whole file while it holds a sentinel that lives for milliseconds; a reader needs no
//! lock, for a rename shows it the old file or the new one. The write is a temporary file in the same folder, fsync, rename, fsync
//! of the folder; a failed fsync voids the attempt.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use uuid::Uuid;

use super::compact::{COMPACT_ABOVE_BYTES, compact};
use super::error::{FormatError, RecordError, UnsafePlace, last_good_name};
use super::file_system::{FileKind, FileSystem, Folder, Lock, Replace, Sleeper, replace};
use super::format;
use super::kept::{self, Kept};
use super::store::{Archive, Compacted, NewEntry, Record, RecordStore};
use crate::model::digest::Digest;

/// How long an append waits for another one.
const WAIT: Duration = Duration::from_secs(5);
const WAIT_STEP: Duration = Duration::from_millis(20);

/// A record in a file.
pub struct FileStore {
    file_system: Arc<dyn FileSystem>,
    sleeper: Arc<dyn Sleeper>,
    folder: PathBuf,
    name: String,
    new_lineage: Uuid,
    /// What this store last read or wrote. A file that differs at the same serial, or goes back, was replaced behind our back. The same
    /// bytes are not parsed again: a movement that is held is looked at each second.
    seen: Mutex<Option<Seen>>,
}

#[derive(Debug)]
struct Seen {
    record: Record,
    digest: Digest,
}

impl FileStore {
    /// The record in the file `name` of `folder`. `new_lineage` becomes the record's lineage if there is none yet.
    pub fn new(
        file_system: Arc<dyn FileSystem>,
        sleeper: Arc<dyn Sleeper>,
        folder: impl Into<PathBuf>,
        name: impl Into<String>,
        new_lineage: Uuid,
    ) -> Self {
        Self { file_system, sleeper, folder: folder.into(), name: name.into(), new_lineage, seen: Mutex::new(None) }
    }

    pub fn path(&self) -> PathBuf {
        self.folder.join(&self.name)
    }

    /// Where bytes are kept that a write replaces.
    pub fn kept(&self) -> Kept<'_> {
        Kept::beside(&*self.file_system, &self.folder)
    }

    /// Every entry, with those that were moved out, as far as they are still there; the second value says how many are not.
    ///
    /// # Errors
    /// Those of [`RecordStore::load`].
    pub fn history(&self) -> Result<Option<(Vec<super::entry::Entry>, u64)>, RecordError> {
        let Some(record) = self.load()? else { return Ok(None) };
        let mut entries = record.entries;
        let mut next = record.compacted;
        let mut missing = 0;
        while let Some(Compacted { entries: count, digest }) = next {
            let archive = self.kept().fetch(&digest).ok().and_then(|bytes| serde_json::from_slice::<Archive>(&bytes).ok());
            let Some(archive) = archive else {
                missing = count;
                break;
            };
            entries.extend(archive.entries);
            next = archive.before;
        }
        entries.sort_by_key(|entry| entry.serial);
        Ok(Some((entries, missing)))
    }

    /// The record as this host last wrote it, from the copy in `.cutover/`; none if there is no copy or it can't be read. What lies in
    /// the record's place should [continue](Record::continues) it.
    pub fn last_written(&self) -> Option<Record> {
        let folder = self.file_system.open_folder(&self.folder.join(kept::FOLDER)).ok()?;
        let (_, bytes) = folder.read(&last_good_name(&self.name), format::LIMIT_BYTES + 1).ok()?;
        format::read(&bytes).ok()
    }

    /// The record, unless this host has written entries of it that are not in it: an older lockfile was brought back.
    ///
    /// # Errors
    /// [`RecordError::WentBack`], and those of [`RecordStore::load`].
    pub fn load_newest(&self) -> Result<Option<Record>, RecordError> {
        // The copy first: it is written after the record, so a record that is read after it goes on from it.
        let last = self.last_written();
        let record = self.load()?;
        if let (Some(found), Some(last)) = (&record, last)
            && found.lineage == last.lineage
            && !found.continues(&last)
        {
            return Err(RecordError::WentBack { path: self.path(), found: found.serial(), written: last.serial() });
        }
        Ok(record)
    }

    /// Keeps a copy for the day when the file is broken and git has none. Not worth failing for: the record itself stands.
    fn copy(&self, beside: &dyn Folder, text: &str) {
        let name = last_good_name(&self.name);
        if let Err(Replace::Before(action, error)) = replace(beside, &format!("{name}.new"), &name, 0o600, text.as_bytes()) {
            tracing::warn!(action, %error, name, "no copy of the record was kept");
        }
    }

    fn open(&self) -> Result<Box<dyn Folder>, RecordError> {
        self.file_system.open_folder(&self.folder).map_err(|source| self.io("open the folder of", source))
    }

    fn io(&self, action: &'static str, source: std::io::Error) -> RecordError {
        RecordError::Io { path: self.path(), action, source }
    }

    fn unsafe_place(&self, reason: UnsafePlace) -> RecordError {
        RecordError::Unsafe { path: self.path(), reason }
    }

    /// Whether there is a file, in a place and of a kind that we take.
    fn is_there(&self, folder: &dyn Folder) -> Result<bool, RecordError> {
        let place = folder.status().map_err(|source| self.io("look at the folder of", source))?;
        let shared = place.mode & 0o002 != 0;
        if shared && place.mode & 0o1000 == 0 {
            return Err(self.unsafe_place(UnsafePlace::OpenFolder { mode: place.mode }));
        }
        match folder.status_of(&self.name).map_err(|source| self.io("look at", source))? {
            None => Ok(false),
            Some(found) if found.kind != FileKind::File => Err(self.unsafe_place(UnsafePlace::NotAFile(found.kind.words()))),
            Some(found) if shared && found.owner != rustix::process::geteuid().as_raw() => {
                Err(self.unsafe_place(UnsafePlace::ForeignOwner { owner: found.owner }))
            }
            Some(_) => Ok(true),
        }
    }

    /// The file's content and mode; none if there is no file.
    fn read(&self, folder: &dyn Folder) -> Result<Option<(Record, Digest, u32)>, RecordError> {
        if !self.is_there(folder)? {
            return Ok(None);
        }
        // Since that look another append may have come; what is opened is a regular file in any case, or the reading fails.
        let (opened, bytes) = folder.read(&self.name, format::LIMIT_BYTES + 1).map_err(|source| self.io("read", source))?;
        let digest = Digest::of_bytes(&bytes);
        let known = self.seen().as_ref().filter(|seen| seen.digest == digest).map(|seen| seen.record.clone());
        let record = match known {
            Some(record) => record,
            None => format::read(&bytes).map_err(|problem| self.unreadable(problem))?,
        };
        Ok(Some((record, digest, opened.mode)))
    }

    fn unreadable(&self, problem: FormatError) -> RecordError {
        RecordError::Unreadable { path: self.path(), problem }
    }

    fn seen(&self) -> MutexGuard<'_, Option<Seen>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn see(&self, record: &Record, digest: Digest) {
        *self.seen() = Some(Seen { record: record.clone(), digest });
    }

    /// Compares what is there with what the caller decided on.
    fn compare(&self, expected: u64, found: Option<&(Record, Digest, u32)>) -> Result<(), RecordError> {
        let serial = found.map_or(0, |(record, ..)| record.serial());
        let Some((record, digest, _)) = found else {
            return if expected == 0 { Ok(()) } else { Err(RecordError::Gone { path: self.path(), expected }) };
        };
        let seen = self.seen();
        if let Some(seen) = &*seen
            && seen.record.lineage != record.lineage
        {
            return Err(RecordError::OtherLineage { expected: seen.record.lineage, found: record.lineage });
        }
        let replaced = seen.as_ref().is_some_and(|seen| seen.record.serial() == expected && seen.digest != *digest);
        if serial != expected || replaced { Err(RecordError::Conflict { expected, found: serial }) } else { Ok(()) }
    }

    /// Holds the sentinel, in `.cutover/` so that nobody commits it.
    fn exclusive(&self, beside: &dyn Folder) -> Result<Lock, RecordError> {
        let sentinel = format!("{}.sentinel", self.name);
        let path = self.folder.join(kept::FOLDER).join(&sentinel);
        let mut waited = Duration::ZERO;
        loop {
            match beside.try_lock(&sentinel) {
                Ok(Some(lock)) => return Ok(lock),
                Ok(None) if waited >= WAIT => return Err(RecordError::Busy { path, waited }),
                Ok(None) => {}
                Err(source) if is_unsupported(&source) => return Err(RecordError::NoLocks { path, source }),
                Err(source) => return Err(RecordError::Io { path, action: "lock", source }),
            }
            self.sleeper.sleep(WAIT_STEP);
            waited += WAIT_STEP;
        }
    }

    /// The text of a record that grew, with what the fold no longer needs moved out if it became too long.
    fn text(&self, record: &mut Record) -> Result<String, RecordError> {
        let unwritable = |problem: FormatError| RecordError::Unwritable { what: problem.to_string() };
        let text = format::write(record);
        match text {
            Ok(text) if text.len() <= COMPACT_ABOVE_BYTES => return Ok(text),
            Ok(_) | Err(FormatError::TooLarge { .. }) => {}
            Err(problem) => return Err(unwritable(problem)),
        }
        let dropped = compact(&mut record.entries);
        if !dropped.is_empty() {
            let entries = dropped.len() as u64 + record.compacted.as_ref().map_or(0, |before| before.entries);
            let archive = Archive { before: record.compacted.take(), entries: dropped };
            let bytes = serde_json::to_vec(&archive).map_err(|error| RecordError::Unwritable { what: error.to_string() })?;
            // Kept durably before the record loses them.
            record.compacted = Some(Compacted { entries, digest: self.kept().keep(&bytes)? });
        }
        format::write(record).map_err(unwritable)
    }
}

/// Whether an error of `flock` means that this file system has none (NFS without a lock server, some FUSE ones).
pub(super) fn is_unsupported(error: &std::io::Error) -> bool {
    use rustix::io::Errno;
    error.kind() == std::io::ErrorKind::Unsupported
        || [Errno::NOLCK, Errno::OPNOTSUPP, Errno::NOSYS].iter().any(|errno| error.raw_os_error() == Some(errno.raw_os_error()))
}

impl RecordStore for FileStore {
    fn load(&self) -> Result<Option<Record>, RecordError> {
        let found = self.read(&*self.open()?)?;
        Ok(found.map(|(record, digest, _)| {
            self.see(&record, digest);
            record
        }))
    }

    fn append(&self, expected_serial: u64, entries: Vec<NewEntry>) -> Result<Record, RecordError> {
        let folder = self.open()?;
        // Looked at before `.cutover/` is made: a place that is refused stays as it is.
        self.is_there(&*folder)?;
        let beside = kept::open(&*self.file_system, &self.folder)?;
        let _exclusive = self.exclusive(&*beside)?;

        let found = self.read(&*folder)?;
        self.compare(expected_serial, found.as_ref())?;
        let (mut record, mode) = match found {
            None => (Record::begin(self.new_lineage, entries)?, 0o600),
            Some((mut record, _, mode)) => {
                record.push(entries);
                (record, mode & 0o777)
            }
        };
        let text = self.text(&mut record)?;
        replace(&*folder, &format!(".{}.new", self.name), &self.name, mode, text.as_bytes()).map_err(|failed| match failed {
            Replace::Before(action, source) => self.io(action, source),
            Replace::After(source) => RecordError::NotDurable { path: self.path(), source },
        })?;
        self.see(&record, Digest::of_bytes(text.as_bytes()));
        self.copy(&*beside, &text);
        Ok(record)
    }
}
