//! The lease: the right to write to the cluster for one movement, on this host.
//!
//! A lock on a file in a folder of the host, the same for every user and session, and one beside the record, for those who share the
//! record and not the host's folders (containers). So it goes with its process, however that ends. What stands in the file is for
//! the message to others only. It is taken just before acting and given back at every wait. It doesn't reach beyond the host:
//! between hosts the record's compare-and-swap and the cluster's own locks stand.

use std::fmt;
use std::fs::{File, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use rustix::fs::{AtFlags, Mode, OFlags};
use rustix::io::retry_on_intr;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::file::is_unsupported;
use super::file_system::{FileKind, Status};
use crate::model::digest::Digest;
use crate::words::moment;

/// What a lease is for. Two plan files of the same movement have the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LeaseKey {
    pub cluster_fingerprint: String,
    pub target_keyspace: String,
    pub workflow: String,
}

impl LeaseKey {
    fn file_name(&self) -> String {
        format!("{}.lease", Digest::of(self).as_str().trim_start_matches("sha256:"))
    }
}

/// Who holds a lease, for the message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaseInfo {
    pub who: String,
    pub host: String,
    pub pid: u32,
    /// The command: `apply`, `switch-back`.
    pub operation: String,
    pub since: Timestamp,
}

/// Somebody else holds the lease. Without info: it can't be read, or is just being written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    pub info: Option<LeaseInfo>,
    pub path: PathBuf,
}

impl fmt::Display for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.info {
            Some(LeaseInfo { who, host, pid, operation, since }) => {
                write!(
                    f,
                    "{who} is acting on this movement: `cutover {operation}`, process {pid} on {host}, since {}",
                    moment(*since)
                )
            }
            None => write!(f, "somebody else is acting on this movement; who it is can't be read from `{}`", self.path.display()),
        }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum LeaseError {
    #[error("{0}")]
    Held(Held),
    /// The file was deleted or replaced while we held it: another process may hold a lease of its own by now.
    #[error("the lease is lost: `{}` was removed or replaced while it was held", .0.display())]
    Lost(PathBuf),
    #[error("`{}` can't hold leases: {reason}", .path.display())]
    Folder { path: PathBuf, reason: String },
    #[error("`{}` can't be locked on this file system", .path.display())]
    NoLocks { path: PathBuf, source: io::Error },
    #[error("can't {action} `{}`", .path.display())]
    Io { path: PathBuf, action: &'static str, source: io::Error },
}

impl LeaseError {
    pub fn help(&self) -> String {
        match self {
            Self::Held(Held { path, .. }) => format!(
                "wait until it has ended; `cutover status` shows where it is. `fuser {}` names the process. A dead process holds nothing",
                path.display()
            ),
            Self::Lost(_) => "nothing was sent since. Run the command again".to_owned(),
            Self::Folder { path, .. } => format!(
                "look who made it: `ls -ld {0}`. It is a folder that all users share: `mkdir -m 1777 {0}` as its owner or root, once \
                 nothing is under way",
                path.display()
            ),
            Self::Io { path, source, .. } if source.kind() == io::ErrorKind::PermissionDenied => format!(
                "every user that runs cutover must be able to write there: `chmod 1777` for the folder, `chmod 0666 {}`",
                path.display()
            ),
            Self::NoLocks { path, .. } | Self::Io { path, .. } => {
                format!("`{}` must be on a local disk that can be written to; nothing was sent", path.display())
            }
        }
    }

    /// 6: somebody else is acting; 77: not allowed; 1: anything else.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Held(_) | Self::Lost(_) => 6,
            Self::Io { source, .. } if source.kind() == io::ErrorKind::PermissionDenied => 77,
            _ => 1,
        }
    }
}

/// The mode of a folder that all users share: everybody may add files, nobody may take away those of others.
const FOR_ALL: u32 = 0o1777;

/// How often, and after what pause, a lease is looked at that is held and names nobody: its holder is just writing its name, or going.
const NAMELESS_LOOKS: u32 = 10;
const NAMELESS_PAUSE: Duration = Duration::from_millis(30);

/// Where the leases of this host lie. It must not depend on the environment: a session of ssh, a job of cron and another user have
/// other variables, and must meet here. Beside `/tmp` it outlives a restart, which does no harm.
pub fn lease_folder() -> PathBuf {
    let lasting = Path::new("/var/tmp");
    let parent = if lasting.is_dir() { lasting } else { Path::new("/tmp") };
    parent.join("cutover-leases")
}

/// The folders of leases.
#[derive(Debug, Clone)]
pub struct Leases {
    path: PathBuf,
    beside: Option<PathBuf>,
}

impl Leases {
    /// The leases in the folder at `path`, see [`lease_folder`].
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), beside: None }
    }

    /// And in `folder` too, which lies beside the record.
    pub fn beside(self, folder: impl Into<PathBuf>) -> Self {
        Self { beside: Some(folder.into()), ..self }
    }

    /// Who seems to hold a lease, without touching it: the process that wrote its name there last, if it lives on this host. For
    /// people; the lock alone decides.
    pub fn holder(&self, key: &LeaseKey) -> Option<LeaseInfo> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let mut file = File::from(rustix::fs::open(self.path.join(key.file_name()), flags, Mode::empty()).ok()?);
        let info = read_info(&mut file)?;
        let process = i32::try_from(info.pid).ok().and_then(rustix::process::Pid::from_raw)?;
        // Another user's process may not be signalled, and lives.
        let lives = matches!(rustix::process::test_kill_process(process), Ok(()) | Err(rustix::io::Errno::PERM));
        lives.then_some(info)
    }

    /// Who holds any lease of this folder. For what concerns all movements at once.
    ///
    /// # Errors
    /// [`LeaseError::Held`] when somebody does, and the failures of the file system.
    pub fn none_is_held(&self) -> Result<(), LeaseError> {
        let failed = |action| move |source| LeaseError::Io { path: self.path.clone(), action, source };
        let files = match std::fs::read_dir(&self.path) {
            Ok(files) => files,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(failed("look into")(error)),
        };
        for file in files {
            let path = file.map_err(failed("look into"))?.path();
            if path.extension().is_none_or(|ending| ending != "lease") {
                continue;
            }
            let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
            let opened = rustix::fs::open(&path, flags, Mode::empty());
            let mut file = File::from(opened.map_err(|error| failed("open a lease in")(error.into()))?);
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Err(LeaseError::Held(Held { info: read_info(&mut file), path })),
                Err(TryLockError::Error(source)) => return Err(failed("lock a lease in")(source)),
            }
        }
        Ok(())
    }

    /// Takes the lease, or says who holds it. Waits some hundred milliseconds at most, for a name.
    ///
    /// # Errors
    /// [`LeaseError::Held`] and the failures of the file system.
    pub fn try_take(&self, key: &LeaseKey, info: &LeaseInfo) -> Result<Lease, LeaseError> {
        self.try_take_with(key, info, &mut std::thread::sleep)
    }

    /// The same, with a pause of the caller's.
    ///
    /// # Errors
    /// Those of [`Leases::try_take`].
    pub fn try_take_with(&self, key: &LeaseKey, info: &LeaseInfo, pause: &mut dyn FnMut(Duration)) -> Result<Lease, LeaseError> {
        let name = key.file_name();
        let mut locks = vec![take(&self.path, Mode::from_raw_mode(FOR_ALL), &name, info, pause)?];
        if let Some(beside) = &self.beside {
            locks.push(take(beside, Mode::RWXU, &name, info, pause)?);
        }
        Ok(Lease { locks })
    }
}

/// Takes the lock `name` in `folder`, which gets `mode` if it must be made.
fn take(
    folder: &Path,
    mode: Mode,
    name: &str,
    info: &LeaseInfo,
    pause: &mut dyn FnMut(Duration),
) -> Result<LeaseLock, LeaseError> {
    let path = folder.join(name);
    let opened = open_folder(folder, mode)?;
    let mut nameless = 0;
    // Whoever deletes the file between our opening and locking it leaves us a lock on nothing: then once more.
    let mut lost = 0;
    while lost < 8 {
        let mut file = open_file(&opened, name, &path)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => match read_info(&mut file) {
                None if nameless < NAMELESS_LOOKS => {
                    nameless += 1;
                    pause(NAMELESS_PAUSE);
                    continue;
                }
                info => return Err(LeaseError::Held(Held { info, path })),
            },
            Err(TryLockError::Error(source)) if is_unsupported(&source) => return Err(LeaseError::NoLocks { path, source }),
            Err(TryLockError::Error(source)) => return Err(LeaseError::Io { path, action: "lock", source }),
        }
        let lock = LeaseLock { file, path: path.clone() };
        match lock.check() {
            Ok(()) => {
                lock.write_info(info).map_err(|source| LeaseError::Io { path: path.clone(), action: "write", source })?;
                return Ok(lock);
            }
            Err(LeaseError::Lost(_)) => lost += 1,
            Err(other) => return Err(other),
        }
    }
    Err(LeaseError::Lost(path))
}

/// Opens a folder of leases, made if there is none. Each time anew: a long wait may see it cleaned away.
///
/// # Errors
/// [`LeaseError::Folder`] unless it is a folder in which nobody can take away the files of others.
fn open_folder(path: &Path, mode: Mode) -> Result<OwnedFd, LeaseError> {
    let failed = |action| move |source| LeaseError::Io { path: path.to_owned(), action, source };
    if let Some(above) = path.parent() {
        std::fs::create_dir_all(above).map_err(failed("make the folder above"))?;
    }
    let made = match rustix::fs::mkdir(path, mode) {
        Ok(()) => true,
        Err(rustix::io::Errno::EXIST) => false,
        Err(error) => return Err(failed("make")(error.into())),
    };
    let refused = |reason: String| LeaseError::Folder { path: path.to_owned(), reason };
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    let folder = match retry_on_intr(|| rustix::fs::open(path, flags, Mode::empty())) {
        Ok(folder) => folder,
        Err(rustix::io::Errno::LOOP | rustix::io::Errno::NOTDIR) => return Err(refused("it is no folder".into())),
        Err(error) => return Err(failed("open")(error.into())),
    };
    if made {
        // The umask took away what others need.
        rustix::fs::fchmod(&folder, mode).map_err(|error| failed("open up")(error.into()))?;
    }
    let status = Status::from(rustix::fs::fstat(&folder).map_err(|error| failed("look at")(error.into()))?);
    if status.mode & 0o022 != 0 && status.mode & 0o1000 == 0 {
        return Err(refused(format!("others may take away what lies in it (mode {:04o}, no sticky bit)", status.mode)));
    }
    Ok(folder)
}

/// Opens the file of a lease, made if there is none. Never with `O_CREAT` on one that is there: the kernel denies that for files of
/// others in shared folders.
fn open_file(folder: &OwnedFd, name: &str, path: &Path) -> Result<File, LeaseError> {
    let failed = |action, error: rustix::io::Errno| LeaseError::Io { path: path.to_owned(), action, source: error.into() };
    let flags = OFlags::RDWR | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let open = || retry_on_intr(|| rustix::fs::openat(folder, name, flags, Mode::empty()));
    let opened = match open() {
        Err(rustix::io::Errno::NOENT) => {
            make_file(folder, name).map_err(|error| failed("make", error))?;
            open()
        }
        opened => opened,
    };
    let file = File::from(opened.map_err(|error| failed("open", error))?);
    let status = rustix::fs::fstat(&file).map(Status::from).map_err(|error| failed("look at", error))?;
    match status.kind {
        FileKind::File => Ok(file),
        kind => Err(LeaseError::Folder { path: path.to_owned(), reason: format!("it is {}", kind.words()) }),
    }
}

/// Makes an empty file that every user may lock and write, in one step: nobody meets it before its mode is right. One that is there
/// by then is as good.
fn make_file(folder: &OwnedFd, name: &str) -> rustix::io::Result<()> {
    let temporary = format!(".{}.new", Uuid::new_v4());
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let all = Mode::RUSR | Mode::WUSR | Mode::RGRP | Mode::WGRP | Mode::ROTH | Mode::WOTH;
    let file = rustix::fs::openat(folder, &temporary, flags, all)?;
    let linked =
        rustix::fs::fchmod(&file, all).and_then(|()| rustix::fs::linkat(folder, &temporary, folder, name, AtFlags::empty()));
    let removed = rustix::fs::unlinkat(folder, &temporary, AtFlags::empty());
    match linked {
        Ok(()) | Err(rustix::io::Errno::EXIST) => removed,
        Err(error) => Err(error),
    }
}

/// What the holder wrote, on one line; none if it is empty, too long or no JSON. Any user may write there.
fn read_info(file: &mut File) -> Option<LeaseInfo> {
    let mut text = String::new();
    file.take(4096).read_to_string(&mut text).ok()?;
    let info: LeaseInfo = serde_json::from_str(&text).ok()?;
    let plain = |text: String| text.chars().filter(|c| !c.is_control()).take(64).collect();
    Some(LeaseInfo { who: plain(info.who), host: plain(info.host), operation: plain(info.operation), ..info })
}

/// The right to write, while this lives: given back when it is dropped.
pub trait HeldLease {
    /// Whether we still hold what others would try to take.
    ///
    /// # Errors
    /// [`LeaseError::Lost`]; then nothing more may be written to the cluster under this lease.
    fn check(&self) -> Result<(), LeaseError>;
}

/// A lease that is held. Dropping it gives it back.
#[derive(Debug)]
pub struct Lease {
    locks: Vec<LeaseLock>,
}

impl HeldLease for Lease {
    fn check(&self) -> Result<(), LeaseError> {
        self.check()
    }
}

impl Lease {
    /// Whether we still hold what others would try to take.
    ///
    /// # Errors
    /// [`LeaseError::Lost`]; then nothing more may be written to the cluster under this lease.
    pub fn check(&self) -> Result<(), LeaseError> {
        self.locks.iter().try_for_each(LeaseLock::check)
    }
}

/// One locked file of a lease.
#[derive(Debug)]
struct LeaseLock {
    file: File,
    path: PathBuf,
}

impl LeaseLock {
    fn check(&self) -> Result<(), LeaseError> {
        let io = |error: rustix::io::Errno| LeaseError::Io { path: self.path.clone(), action: "look at", source: error.into() };
        let held = Status::from(rustix::fs::fstat(&self.file).map_err(io)?);
        // By its path and not by the folder that we opened: the folder may have been replaced as well.
        match rustix::fs::statat(rustix::fs::CWD, &self.path, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(found) if Status::from(found).same_file(&held) => Ok(()),
            Ok(_) | Err(rustix::io::Errno::NOENT | rustix::io::Errno::NOTDIR) => Err(LeaseError::Lost(self.path.clone())),
            Err(error) => Err(io(error)),
        }
    }

    fn write_info(&self, info: &LeaseInfo) -> io::Result<()> {
        let mut file = &self.file;
        file.set_len(0)?;
        file.rewind()?;
        serde_json::to_writer(file, info)?;
        file.flush()
    }
}

impl Drop for LeaseLock {
    fn drop(&mut self) {
        // So that the next holder isn't taken for this one before it has written its own. The lock goes with the file.
        if let Err(error) = self.file.set_len(0) {
            tracing::debug!(%error, path = %self.path.display(), "the lease's file still names its last holder");
        }
    }
}
