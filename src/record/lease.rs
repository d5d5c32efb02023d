//! The lease: the right to write to the cluster for one movement, on this host.
//!
//! A lock on a file in a folder of the host, so it goes with its process, however that ends. What stands in the file is for the
//! message to others only. It is taken just before acting and given back at every wait. It doesn't reach beyond the host: between
//! hosts the record's compare-and-swap and the cluster's own locks stand.

use std::fmt;
use std::fs::{File, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rustix::fs::{AtFlags, Mode, OFlags};
use rustix::io::retry_on_intr;
use serde::{Deserialize, Serialize};

use super::file::is_unsupported;
use super::file_system::{FileKind, Status};
use crate::model::digest::Digest;

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
                write!(f, "{who} is acting on this movement: `cutover {operation}`, process {pid} on {host}, since {since}")
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
            Self::Folder { path, .. } => {
                format!("remove `{}`, or set XDG_RUNTIME_DIR or TMPDIR to a folder of your own on a local disk", path.display())
            }
            Self::NoLocks { .. } | Self::Io { .. } => {
                "set XDG_RUNTIME_DIR or TMPDIR to a folder of your own on a local disk".to_owned()
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

/// Where the leases of this user lie: `$XDG_RUNTIME_DIR/cutover/leases`, else `<temporary>/cutover-leases-<uid>`.
pub fn lease_folder(runtime: Option<&Path>, temporary: &Path, uid: u32) -> PathBuf {
    match runtime.filter(|path| path.is_absolute()) {
        Some(runtime) => runtime.join("cutover").join("leases"),
        None => temporary.join(format!("cutover-leases-{uid}")),
    }
}

/// The folder of leases.
#[derive(Debug, Clone)]
pub struct Leases {
    path: PathBuf,
}

impl Leases {
    /// The leases in the folder at `path`, see [`lease_folder`].
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// Opens the folder, made if there is none. Each time anew: a long wait may see it cleaned away.
    ///
    /// # Errors
    /// [`LeaseError::Folder`] unless it is a folder of ours that nobody else may enter.
    fn open(&self) -> Result<OwnedFd, LeaseError> {
        let path = self.path.clone();
        let failed = |action| {
            let path = path.clone();
            move |source| LeaseError::Io { path, action, source }
        };
        if let Some(above) = path.parent() {
            std::fs::create_dir_all(above).map_err(failed("make the folder above"))?;
        }
        match rustix::fs::mkdir(&path, Mode::RWXU) {
            Ok(()) | Err(rustix::io::Errno::EXIST) => {}
            Err(error) => return Err(failed("make")(error.into())),
        }
        let refused = |reason: String| LeaseError::Folder { path: path.clone(), reason };
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        let folder = match retry_on_intr(|| rustix::fs::open(&path, flags, Mode::empty())) {
            Ok(folder) => folder,
            Err(rustix::io::Errno::LOOP | rustix::io::Errno::NOTDIR) => return Err(refused("it is no folder".into())),
            Err(error) => return Err(failed("open")(error.into())),
        };
        let status = Status::from(rustix::fs::fstat(&folder).map_err(|error| failed("look at")(error.into()))?);
        if status.owner != rustix::process::geteuid().as_raw() {
            return Err(refused(format!("it belongs to user {}", status.owner)));
        }
        if status.mode & 0o077 != 0 {
            return Err(refused(format!("others may enter it (mode {:04o})", status.mode)));
        }
        Ok(folder)
    }

    /// Who seems to hold a lease, without touching it: the process that wrote its name there last, if it lives on this host. For
    /// people; the lock alone decides.
    pub fn holder(&self, key: &LeaseKey) -> Option<LeaseInfo> {
        let mut file = File::open(self.path.join(key.file_name())).ok()?;
        let info = read_info(&mut file)?;
        let process = i32::try_from(info.pid).ok().and_then(rustix::process::Pid::from_raw)?;
        rustix::process::test_kill_process(process).is_ok().then_some(info)
    }

    /// Takes the lease, or says who holds it. Doesn't wait.
    ///
    /// # Errors
    /// [`LeaseError::Held`] and the failures of the file system.
    pub fn try_take(&self, key: &LeaseKey, info: &LeaseInfo) -> Result<Lease, LeaseError> {
        let name = key.file_name();
        let path = self.path.join(&name);
        let folder = self.open()?;
        // Whoever deletes the file between our opening and locking it leaves us a lock on nothing: then once more.
        for _ in 0..8 {
            let mut file = open_file(&folder, &name, &path)?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Err(LeaseError::Held(Held { info: read_info(&mut file), path })),
                Err(TryLockError::Error(source)) if is_unsupported(&source) => return Err(LeaseError::NoLocks { path, source }),
                Err(TryLockError::Error(source)) => return Err(LeaseError::Io { path, action: "lock", source }),
            }
            let lease = Lease { file, path: path.clone() };
            match lease.check() {
                Ok(()) => {
                    lease.write_info(info).map_err(|source| LeaseError::Io { path: path.clone(), action: "write", source })?;
                    return Ok(lease);
                }
                Err(LeaseError::Lost(_)) => {}
                Err(other) => return Err(other),
            }
        }
        Err(LeaseError::Lost(path))
    }
}

fn open_file(folder: &OwnedFd, name: &str, path: &Path) -> Result<File, LeaseError> {
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let opened = retry_on_intr(|| rustix::fs::openat(folder, name, flags, Mode::RUSR | Mode::WUSR));
    let file =
        File::from(opened.map_err(|error| LeaseError::Io { path: path.to_owned(), action: "open", source: error.into() })?);
    let status = rustix::fs::fstat(&file).map(Status::from);
    match status {
        Ok(status) if status.kind == FileKind::File => Ok(file),
        Ok(status) => Err(LeaseError::Folder { path: path.to_owned(), reason: format!("it is {}", status.kind.words()) }),
        Err(error) => Err(LeaseError::Io { path: path.to_owned(), action: "look at", source: error.into() }),
    }
}

/// What the holder wrote; none if it is empty, too long or no JSON.
fn read_info(file: &mut File) -> Option<LeaseInfo> {
    let mut text = String::new();
    file.take(4096).read_to_string(&mut text).ok()?;
    serde_json::from_str(&text).ok()
}

/// A lease that is held. Dropping it gives it back.
#[derive(Debug)]
pub struct Lease {
    file: File,
    path: PathBuf,
}

impl Lease {
    /// Whether we still hold what others would try to take.
    ///
    /// # Errors
    /// [`LeaseError::Lost`]; then nothing more may be written to the cluster under this lease.
    pub fn check(&self) -> Result<(), LeaseError> {
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

impl Drop for Lease {
    fn drop(&mut self) {
        // So that the next holder isn't taken for this one before it has written its own. The lock goes with the file.
        if let Err(error) = self.file.set_len(0) {
            tracing::debug!(%error, path = %self.path.display(), "the lease's file still names its last holder");
        }
    }
}
