//! What a write to the cluster replaces, kept beside the record under its digest: `.cutover/<sha256>.json`.
//!
//! The folder holds a `.gitignore` that ignores all of it. Nothing in it is ever changed or removed by us.

use std::io;
use std::path::{Path, PathBuf};

use super::error::{RecordError, UnsafePlace};
use super::file_system::{FileKind, FileSystem, Folder, Replace, replace};
use crate::model::digest::Digest;

/// The folder's name.
pub const FOLDER: &str = ".cutover";

/// More than this is not kept: a topology server holds no bigger value by default.
const LIMIT_BYTES: usize = 64 << 20;

/// Keeps bytes under their digest.
pub struct Kept<'a> {
    file_system: &'a dyn FileSystem,
    /// The record's folder.
    parent: PathBuf,
}

impl<'a> Kept<'a> {
    /// Beside the record, which lies in `parent`.
    pub fn beside(file_system: &'a dyn FileSystem, parent: impl Into<PathBuf>) -> Self {
        Self { file_system, parent: parent.into() }
    }

    /// Keeps bytes, durably. Twice the same is once.
    ///
    /// # Errors
    /// [`RecordError::Io`]: they are not kept, and what would replace them must not be sent.
    pub fn keep(&self, bytes: &[u8]) -> Result<Digest, RecordError> {
        let digest = Digest::of_bytes(bytes);
        let folder = open(self.file_system, &self.parent)?;
        let name = file_name(&digest).ok_or_else(|| self.bad(FOLDER, "no digest".into()))?;
        if self.read(&*folder, &name).is_ok_and(|found| found.as_deref() == Some(bytes)) {
            // It may have been written by a process that was killed before the name was durable.
            folder.sync().map_err(|source| self.io(&name, "sync", source))?;
            return Ok(digest);
        }
        // Two processes that keep the same at the same time each have a name of their own.
        let temporary = format!("{name}.{}.new", std::process::id());
        replace(&*folder, &temporary, &name, 0o600, bytes).map_err(|failed| match failed {
            Replace::Before(action, source) => self.io(&name, action, source),
            Replace::After(source) => self.io(&name, "sync", source),
        })?;
        Ok(digest)
    }

    /// What was kept under a digest.
    ///
    /// # Errors
    /// [`RecordError::Kept`] if it is gone or isn't what was kept.
    pub fn fetch(&self, digest: &Digest) -> Result<Vec<u8>, RecordError> {
        let name = file_name(digest).ok_or_else(|| self.bad(FOLDER, format!("`{digest}` is no digest")))?;
        let folder = open(self.file_system, &self.parent)?;
        let bytes = self.read(&*folder, &name)?.ok_or_else(|| self.bad(&name, "is gone".into()))?;
        if Digest::of_bytes(&bytes) == *digest {
            Ok(bytes)
        } else {
            Err(self.bad(&name, "isn't what was kept: its digest differs from its name".into()))
        }
    }

    fn read(&self, folder: &dyn Folder, name: &str) -> Result<Option<Vec<u8>>, RecordError> {
        match folder.read(name, LIMIT_BYTES + 1) {
            Ok((_, bytes)) if bytes.len() > LIMIT_BYTES => Err(self.bad(name, format!("is longer than {LIMIT_BYTES} bytes"))),
            Ok((_, bytes)) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(self.io(name, "read", source)),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.parent.join(FOLDER).join(name)
    }

    fn io(&self, name: &str, action: &'static str, source: io::Error) -> RecordError {
        RecordError::Io { path: self.path(name), action, source }
    }

    fn bad(&self, name: &str, what: String) -> RecordError {
        RecordError::Kept { path: self.path(name), what }
    }
}

/// `<64 digits>.json`; none if the text of the digest isn't one, for it becomes a file's name.
fn file_name(digest: &Digest) -> Option<String> {
    let hex = digest.as_str().strip_prefix("sha256:")?;
    let is_hex = hex.len() == 64 && hex.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    is_hex.then(|| format!("{hex}.json"))
}

/// Makes `.cutover/` in `parent` as [`Kept::keep`] would, for whoever keeps something else there.
///
/// # Errors
/// When it can't be made, or others may write to it.
pub fn prepare(file_system: &dyn FileSystem, parent: &Path) -> Result<(), RecordError> {
    open(file_system, parent).map(drop)
}

/// Opens `.cutover/` in `parent`, made if there is none, with its `.gitignore`.
pub(super) fn open(file_system: &dyn FileSystem, parent: &Path) -> Result<Box<dyn Folder>, RecordError> {
    let path = parent.join(FOLDER);
    let failed = |action| {
        let path = path.clone();
        move |source| RecordError::Io { path, action, source }
    };
    let above = file_system.open_folder(parent).map_err(failed("open the folder of"))?;
    match above.status_of(FOLDER).map_err(failed("look at"))? {
        Some(found) if found.kind != FileKind::Folder => {
            return Err(RecordError::Unsafe { path, reason: UnsafePlace::NotAFile(found.kind.words()) });
        }
        _ => {}
    }
    let folder = above.subfolder(FOLDER, 0o700).map_err(failed("make"))?;
    let mode = folder.status().map_err(failed("look at"))?.mode;
    if mode & 0o002 != 0 {
        return Err(RecordError::Unsafe { path: path.join("*"), reason: UnsafePlace::OpenFolder { mode } });
    }
    if folder.status_of(".gitignore").map_err(failed("look into"))?.is_none() {
        let temporary = format!(".gitignore.{}.new", std::process::id());
        replace(&*folder, &temporary, ".gitignore", 0o600, b"*\n").map_err(|failed_at| match failed_at {
            Replace::Before(action, source) => failed(action)(source),
            Replace::After(source) => failed("sync")(source),
        })?;
    }
    Ok(folder)
}
