//! What can be wrong with a record or its file, and the way out. Never a fresh start: a record that can't be read isn't one that
//! never was.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use uuid::Uuid;

/// What is wrong with the bytes of a lockfile. Fragments that fit after "`workflow.lock` ".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FormatError {
    #[error("is empty")]
    Empty,
    #[error("holds zero bytes from byte {first} on, as files do after a loss of power")]
    Zeroed { first: usize },
    #[error("ends in line {line}, before its checksum: the rest of it is missing")]
    Truncated { line: usize },
    #[error("holds the conflict marker of a merge in line {line}{}", Sides(.sides))]
    Conflicted { line: usize, sides: Vec<Side> },
    #[error("has the line endings of Windows from line {line} on")]
    LineEndings { line: usize },
    #[error("begins with a byte order mark")]
    ByteOrderMark,
    #[error("holds bytes in line {line} that are not UTF-8")]
    NotUtf8 { line: usize },
    #[error("does not match its checksum: somebody or something changed it{}", At(.at))]
    Edited { at: Option<Place> },
    #[error("has format {format}, and this version reads format {}{}", super::format::FORMAT, Written(.written_by))]
    Newer { format: u64, written_by: Option<String> },
    #[error("holds `{what}`, which this version does not know{}", Written(.written_by))]
    Unknown { what: String, written_by: Option<String> },
    #[error("is not a lockfile: its first line that is no comment is not `format = 1`")]
    NotALockfile,
    #[error("cannot be read in line {}, column {}: {message}", .at.line, .at.column)]
    Malformed { at: Place, message: String },
    #[error("contradicts itself: {what}")]
    Inconsistent { what: String },
    #[error("is {bytes} bytes long; {limit} at most")]
    TooLarge { bytes: usize, limit: usize },
}

/// Line and column, both from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    pub line: usize,
    pub column: usize,
}

/// One side of a merge conflict: its label and the highest serial seen in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Side {
    pub label: String,
    pub serial: Option<u64>,
}

struct At<'a>(&'a Option<Place>);

impl fmt::Display for At<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(place) => write!(f, " (line {}, column {} can't be read)", place.line, place.column),
            None => Ok(()),
        }
    }
}

struct Written<'a>(&'a Option<String>);

impl fmt::Display for Written<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(version) => write!(f, "; cutover {version} wrote it"),
            None => Ok(()),
        }
    }
}

struct Sides<'a>(&'a Vec<Side>);

impl fmt::Display for Sides<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, side) in self.0.iter().enumerate() {
            f.write_str(if index == 0 { ": " } else { ", " })?;
            match side.serial {
                Some(serial) => write!(f, "`{}` goes up to serial {serial}", side.label)?,
                None => write!(f, "`{}`", side.label)?,
            }
        }
        Ok(())
    }
}

impl FormatError {
    /// The exact way out, for the lockfile at `path`.
    pub fn help(&self, path: &Path) -> String {
        let file = path.display();
        let back = format!(
            "put the last good one back: `cp {} {file}`, or `git checkout -- {file}` if it is committed. If there is none, \
             end the movement by hand with vtctldclient, and move the file away before a new one begins",
            last_good(path).display()
        );
        match self {
            Self::Conflicted { .. } => format!(
                "keep one side whole, the one with the higher serial: `git checkout --ours -- {file}` or `git checkout --theirs -- \
                 {file}`. The sides can't be mixed; what the other side did shows in the cluster, and `cutover status` shows it"
            ),
            Self::LineEndings { .. } | Self::ByteOrderMark => format!(
                "let git leave it alone: put `{} -text` into .gitattributes, then `git checkout -- {file}`",
                path.file_name().map_or_else(|| file.to_string(), |name| name.to_string_lossy().into_owned())
            ),
            Self::Newer { written_by, .. } | Self::Unknown { written_by, .. } => match written_by {
                Some(version) => format!("go on with cutover {version} or newer; nothing was changed"),
                None => "go on with the version of cutover that wrote it, or a newer one; nothing was changed".to_owned(),
            },
            Self::NotALockfile => {
                format!(
                    "if {file} belongs to something else, choose another folder for the record with `record-dir`; else {back}"
                )
            }
            _ => back,
        }
    }
}

/// Where the copy of the last lockfile that this host wrote is kept.
pub fn last_good(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(super::kept::FOLDER).join(last_good_name(&name))
}

pub(super) fn last_good_name(name: &str) -> String {
    format!("{name}.last")
}

/// Why a file or its place is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnsafePlace {
    #[error("is {0}, not a regular file")]
    NotAFile(&'static str),
    #[error("lies in a folder that everybody may write to (mode {mode:04o}, no sticky bit): anybody could replace it")]
    OpenFolder { mode: u32 },
    #[error("lies in a folder that everybody may write to, and belongs to user {owner}")]
    ForeignOwner { owner: u32 },
}

/// What can go wrong with a record store.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    #[error("`{}` {problem}", .path.display())]
    Unreadable { path: PathBuf, problem: FormatError },
    /// Somebody appended since the record was read. Nothing was written; read again and decide again.
    #[error("the record changed meanwhile: it was read at serial {expected} and is at {found} now")]
    Conflict { expected: u64, found: u64 },
    #[error("the record is of {whats} `{found}`, and this is about `{wanted}`")]
    Foreign { whats: &'static str, found: String, wanted: String },
    /// This host wrote entries of it that are not in what lies there now.
    #[error(
        "`{}` is not the newest of its record: it goes up to serial {found}, and this host has written other entries, up to serial {written}",
        .path.display()
    )]
    WentBack { path: PathBuf, found: u64, written: u64 },
    #[error("another record took its place: lineage {found} now, {expected} before")]
    OtherLineage { expected: Uuid, found: Uuid },
    /// The file was there and is gone.
    #[error("`{}` is gone; it was at serial {expected}", .path.display())]
    Gone { path: PathBuf, expected: u64 },
    #[error("a record begins with the entry that says what the movement is")]
    NotBegun,
    #[error("`{}` {reason}", .path.display())]
    Unsafe { path: PathBuf, reason: UnsafePlace },
    #[error("another process has been writing the record for {} seconds (it holds `{}`)", .waited.as_secs(), .path.display())]
    Busy { path: PathBuf, waited: Duration },
    #[error("`{}` can't be locked on this file system", .path.display())]
    NoLocks { path: PathBuf, source: io::Error },
    /// Nothing changed: the old record stands.
    #[error("can't {action} `{}`; the record is as it was", .path.display())]
    Io { path: PathBuf, action: &'static str, source: io::Error },
    /// The new record stands, but the folder could not be synced: a loss of power may bring the old one back.
    #[error("`{}` was written, but may not survive a loss of power", .path.display())]
    NotDurable { path: PathBuf, source: io::Error },
    #[error("the entry can't be written: {what}")]
    Unwritable { what: String },
    #[error("`{}`: {what}", .path.display())]
    Kept { path: PathBuf, what: String },
}

impl RecordError {
    pub fn help(&self) -> String {
        match self {
            Self::Unreadable { path, problem } => problem.help(path),
            Self::Conflict { .. } => "nothing was written; run the command again, it reads what the other one wrote".to_owned(),
            Self::Foreign { .. } => "use the folder of this movement's plan file, or choose one with `record-dir`; a record is \
                never given to another movement or cluster"
                .to_owned(),
            Self::WentBack { path, found, written } => {
                let (last, file) = (last_good(path), path.display());
                let back = format!("nothing was written. Bring the newer one back: `cp {} {file}`", last.display());
                if found < written {
                    return back;
                }
                format!(
                    "{back}; or, if the cluster shows that another host went on from where they parted (`cutover history` shows what each \
                     did), keep `{file}` and move the other away: `mv {last} {last}.parted`",
                    last = last.display()
                )
            }
            Self::OtherLineage { .. } => {
                "nothing was written. Find out who replaced the lockfile (`cutover history`), then run the command again"
                    .to_owned()
            }
            Self::Gone { path, .. } => format!(
                "put it back: `cp {} {}`, or from git. If there is none, end the movement by hand with vtctldclient",
                last_good(path).display(),
                path.display()
            ),
            Self::NotBegun => "a defect of cutover; nothing was written. Please report it".to_owned(),
            Self::Unsafe { path, reason } => match reason {
                UnsafePlace::OpenFolder { .. } => {
                    format!("`chmod o-w {}`", path.parent().unwrap_or(Path::new(".")).display())
                }
                _ => format!(
                    "put a regular file of your own there, or choose another folder with `record-dir`: `ls -l {}`",
                    path.display()
                ),
            },
            Self::Busy { path, .. } => {
                format!(
                    "see who holds it: `fuser {}`. An append takes milliseconds; a process that hangs here may be ended",
                    path.display()
                )
            }
            Self::NoLocks { .. } => "keep the record on a local disk: choose one with `record-dir`".to_owned(),
            Self::Io { source, .. } | Self::NotDurable { source, .. } => match source.kind() {
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                    "make room, then run the command again: nothing is sent to the cluster unless it stands in the record"
                        .to_owned()
                }
                io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                    "the user that runs cutover must be able to write to that folder".to_owned()
                }
                _ => {
                    "look at the disk, then run the command again: nothing is sent to the cluster unless it stands in the record"
                        .to_owned()
                }
            },
            Self::Unwritable { .. } => "nothing was written. Please report it".to_owned(),
            Self::Kept { .. } => "what a write replaced is kept there; bring the folder back from a backup".to_owned(),
        }
    }

    /// 65: the file is bad; 7: it is another's; 6: somebody else is writing; 77: not allowed; 1: anything else.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Unreadable { .. } | Self::Gone { .. } | Self::Unsafe { .. } | Self::Kept { .. } => 65,
            Self::Foreign { .. } | Self::OtherLineage { .. } | Self::WentBack { .. } => 7,
            Self::Conflict { .. } | Self::Busy { .. } => 6,
            Self::Io { source, .. }
                if matches!(source.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem) =>
            {
                77
            }
            _ => 1,
        }
    }
}
