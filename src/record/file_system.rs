//! The few calls to the file system that record and kept files need, as a trait, so that tests can let any of them fail.
//!
//! Names are relative to a folder that was opened once (`openat` and friends), so that nobody can put another folder in its place
//! between a check and its use. No call follows a symbolic link in the last place.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{AtFlags, FileType, Mode, OFlags};
use rustix::io::{Errno, retry_on_intr};

/// Opens folders.
pub trait FileSystem: Send + Sync {
    fn open_folder(&self, path: &Path) -> io::Result<Box<dyn Folder>>;
}

/// The files of one folder. `name` has no separators.
pub trait Folder: Send + Sync {
    /// The folder itself.
    fn status(&self) -> io::Result<Status>;

    /// None if there is nothing of that name. A symbolic link is not followed.
    fn status_of(&self, name: &str) -> io::Result<Option<Status>>;

    /// At most `limit` bytes of a regular file, and what it is.
    fn read(&self, name: &str, limit: usize) -> io::Result<(Status, Vec<u8>)>;

    /// A new file for writing; an error if the name is taken.
    fn create_new(&self, name: &str, mode: u32) -> io::Result<Box<dyn NewFile>>;

    /// Replaces `to`, whole.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    /// Removes a file; no error if there is none.
    fn remove(&self, name: &str) -> io::Result<()>;

    /// Makes names durable.
    fn sync(&self) -> io::Result<()>;

    /// The folder of that name, made durably if there is none.
    fn subfolder(&self, name: &str, mode: u32) -> io::Result<Box<dyn Folder>>;

    /// Locks the file of that name, made if there is none; none if another process holds it. Given back when dropped, or when the
    /// process ends in whatever way.
    fn try_lock(&self, name: &str) -> io::Result<Option<Lock>>;
}

/// A file that is being written. [`Write::write_all`] goes on after short writes and interruptions (EINTR).
pub trait NewFile: Write {
    fn set_mode(&mut self, mode: u32) -> io::Result<()>;

    /// Makes the content durable. After an error what is on disk is unknown, and a second call proves nothing: the file is given up.
    fn sync(&mut self) -> io::Result<()>;
}

/// A lock that is held while this lives.
pub struct Lock(#[expect(dead_code, reason = "held, not used")] Box<dyn Send>);

impl Lock {
    /// `held` gives the lock back when it is dropped.
    pub fn new(held: impl Send + 'static) -> Self {
        Self(Box::new(held))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Status {
    pub kind: FileKind,
    /// Permission bits, with set-id and sticky.
    pub mode: u32,
    pub owner: u32,
    pub device: u64,
    pub inode: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileKind {
    File,
    Folder,
    SymbolicLink,
    Pipe,
    Socket,
    Device,
}

impl FileKind {
    pub fn words(self) -> &'static str {
        match self {
            Self::File => "a regular file",
            Self::Folder => "a folder",
            Self::SymbolicLink => "a symbolic link",
            Self::Pipe => "a named pipe",
            Self::Socket => "a socket",
            Self::Device => "a device",
        }
    }
}

impl Status {
    pub fn same_file(&self, other: &Self) -> bool {
        (self.device, self.inode) == (other.device, other.inode)
    }
}

#[expect(clippy::unnecessary_cast, clippy::useless_conversion, reason = "the widths differ between systems")]
impl From<rustix::fs::Stat> for Status {
    fn from(stat: rustix::fs::Stat) -> Self {
        let kind = match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => FileKind::File,
            FileType::Directory => FileKind::Folder,
            FileType::Symlink => FileKind::SymbolicLink,
            FileType::Fifo => FileKind::Pipe,
            FileType::Socket => FileKind::Socket,
            _ => FileKind::Device,
        };
        Self {
            kind,
            mode: u32::from(stat.st_mode) & 0o7777,
            owner: stat.st_uid,
            device: stat.st_dev as u64,
            inode: stat.st_ino as u64,
        }
    }
}

/// The host's file system.
#[derive(Debug, Clone, Copy, Default)]
pub struct HostFileSystem;

#[derive(Debug)]
struct HostFolder {
    folder: OwnedFd,
}

const FOLDER: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);
/// Opening a pipe or a device doesn't wait, and ends in a refusal by [`HostFolder::regular`].
const CAREFUL: OFlags = OFlags::NOFOLLOW.union(OFlags::CLOEXEC).union(OFlags::NONBLOCK);

impl FileSystem for HostFileSystem {
    fn open_folder(&self, path: &Path) -> io::Result<Box<dyn Folder>> {
        let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
        Ok(Box::new(HostFolder { folder: retry_on_intr(|| rustix::fs::open(path, FOLDER, Mode::empty()))? }))
    }
}

impl HostFolder {
    fn open(&self, name: &str, flags: OFlags, mode: u32) -> io::Result<File> {
        let mode = Mode::from_raw_mode(mode as rustix::fs::RawMode);
        Ok(File::from(retry_on_intr(|| rustix::fs::openat(&self.folder, name, flags | CAREFUL, mode))?))
    }

    fn regular(file: &File) -> io::Result<Status> {
        let status = Status::from(rustix::fs::fstat(file)?);
        match status.kind {
            FileKind::File => Ok(status),
            other => Err(io::Error::new(io::ErrorKind::InvalidInput, format!("it is {}", other.words()))),
        }
    }
}

impl Folder for HostFolder {
    fn status(&self) -> io::Result<Status> {
        Ok(rustix::fs::fstat(&self.folder)?.into())
    }

    fn status_of(&self, name: &str) -> io::Result<Option<Status>> {
        match rustix::fs::statat(&self.folder, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(Some(stat.into())),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn read(&self, name: &str, limit: usize) -> io::Result<(Status, Vec<u8>)> {
        let file = self.open(name, OFlags::RDONLY, 0)?;
        let status = Self::regular(&file)?;
        // In one piece: it may be as large as all routing rules of a cluster.
        let size = file.metadata()?.len().min(limit as u64);
        let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or(0));
        file.take(limit as u64).read_to_end(&mut bytes)?;
        Ok((status, bytes))
    }

    fn create_new(&self, name: &str, mode: u32) -> io::Result<Box<dyn NewFile>> {
        Ok(Box::new(HostFile(self.open(name, OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL, mode)?)))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        Ok(rustix::fs::renameat(&self.folder, from, &self.folder, to)?)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        match rustix::fs::unlinkat(&self.folder, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    fn sync(&self) -> io::Result<()> {
        Ok(retry_on_intr(|| rustix::fs::fsync(&self.folder))?)
    }

    fn subfolder(&self, name: &str, mode: u32) -> io::Result<Box<dyn Folder>> {
        match rustix::fs::mkdirat(&self.folder, name, Mode::from_raw_mode(mode as rustix::fs::RawMode)) {
            Ok(()) => self.sync()?,
            Err(Errno::EXIST) => {}
            Err(error) => return Err(error.into()),
        }
        let flags = FOLDER | OFlags::NOFOLLOW;
        let folder = retry_on_intr(|| rustix::fs::openat(&self.folder, name, flags, Mode::empty()))?;
        Ok(Box::new(HostFolder { folder }))
    }

    fn try_lock(&self, name: &str) -> io::Result<Option<Lock>> {
        // Whoever deletes the file leaves its holder with a lock on nothing, so the name must still lead to what was locked.
        for _ in 0..8 {
            let file = self.open(name, OFlags::RDWR | OFlags::CREATE, 0o600)?;
            let held = Self::regular(&file)?;
            match file.try_lock() {
                Ok(()) => {}
                Err(std::fs::TryLockError::WouldBlock) => return Ok(None),
                Err(std::fs::TryLockError::Error(error)) => return Err(error),
            }
            if self.status_of(name)?.is_some_and(|found| found.same_file(&held)) {
                return Ok(Some(Lock::new(file)));
            }
        }
        Ok(None)
    }
}

struct HostFile(File);

impl Write for HostFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl NewFile for HostFile {
    fn set_mode(&mut self, mode: u32) -> io::Result<()> {
        Ok(rustix::fs::fchmod(&self.0, Mode::from_raw_mode(mode as rustix::fs::RawMode))?)
    }

    fn sync(&mut self) -> io::Result<()> {
        // std goes on after EINTR.
        self.0.sync_all()
    }
}

/// Writes a file whole: temporary name, content, fsync, rename, fsync of the folder. The caller sees to it that no other process
/// writes to `temporary` at the same time; what a killed one left there goes.
///
/// # Errors
/// [`Replace::Before`]: the old content stands and the temporary file is gone, as far as the disk lets us. [`Replace::After`]: the
/// new content stands, but its name may not be durable.
pub fn replace(folder: &dyn Folder, temporary: &str, name: &str, mode: u32, bytes: &[u8]) -> Result<(), Replace> {
    let written = || -> Result<(), (&'static str, io::Error)> {
        folder.remove(temporary).map_err(|error| ("remove a left-over beside", error))?;
        let mut file = folder.create_new(temporary, 0o600).map_err(|error| ("create a file beside", error))?;
        let content = (|| {
            // The umask may have taken bits, and an existing file keeps its mode.
            file.set_mode(mode).map_err(|error| ("set the mode of", error))?;
            file.write_all(bytes).map_err(|error| ("write", error))?;
            file.sync().map_err(|error| ("sync", error))
        })();
        drop(file);
        content.and_then(|()| folder.rename(temporary, name).map_err(|error| ("replace", error))).inspect_err(|_| {
            if let Err(error) = folder.remove(temporary) {
                tracing::warn!(%error, temporary, "a temporary file stays; the next write removes it");
            }
        })
    };
    written().map_err(|(action, error)| Replace::Before(action, error))?;
    folder.sync().map_err(Replace::After)
}

/// How far [`replace`] came.
#[derive(Debug)]
pub enum Replace {
    Before(&'static str, io::Error),
    After(io::Error),
}

/// Waits, for those who may not sleep themselves.
pub trait Sleeper: Send + Sync {
    fn sleep(&self, duration: std::time::Duration);
}

/// Sleeps the thread.
#[derive(Debug, Clone, Copy, Default)]
pub struct ThreadSleeper;

impl Sleeper for ThreadSleeper {
    fn sleep(&self, duration: std::time::Duration) {
        std::thread::sleep(duration);
    }
}
