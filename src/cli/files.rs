//! The files of people: plan file, operator's file, `sandbox.toml`; and how files that no person writes are read and replaced.

use std::fs::File;
use std::io::{ErrorKind, Read as _, Write as _};
use std::path::{Path, PathBuf};

use super::environment::Environment;
use super::error::Error;
use super::global::Global;
use crate::operator::{self, OperatorConfig};
use crate::plan::sealed::SealError;
use crate::spec::{self, source};

/// The text of a plan file; `-` is standard input. Not yet judged.
pub fn read_plan_file(path: &Path) -> Result<String, Error> {
    read(path, "`cutover init` writes one from the live cluster")
}

/// The operator's file. One that is named must exist; without one there are no clusters but the sandbox.
pub fn read_operator_config(global: &Global, environment: &Environment) -> Result<OperatorConfig, Error> {
    let named = global.config.as_ref().or(environment.config.as_ref());
    let path = match (named, &environment.default_config) {
        (Some(path), _) => path,
        (None, Some(path)) if path.exists() => path,
        _ => return Ok(OperatorConfig::default()),
    };
    let text = read(path, "it was named by --config or $CUTOVER_CONFIG")?;
    let folder = path.parent().unwrap_or(Path::new(""));
    operator::read(&text, folder).map_err(|problems| Error::BadFile { file: path.clone(), text: Some(text), problems })
}

/// The text of `sandbox.toml`, if there is one.
pub fn read_sandbox_file(path: &Path) -> Result<Option<String>, Error> {
    if std::fs::symlink_metadata(path).is_err_and(|error| error.kind() == ErrorKind::NotFound) {
        return Ok(None);
    }
    read(path, "it is a link that leads nowhere").map(Some)
}

/// A file as text, whole and bounded.
fn read(path: &Path, help_when_missing: &str) -> Result<String, Error> {
    let bytes = bytes(path, spec::MOST_BYTES, help_when_missing)?;
    match source::text(&bytes) {
        Ok(text) => Ok(text.to_owned()),
        Err(problem) => Err(Error::BadFile { file: path.to_owned(), text: None, problems: vec![*problem] }),
    }
}

/// A file that no person writes, as text.
pub fn read_text(path: &Path, most_bytes: usize, help_when_missing: &str) -> Result<String, Error> {
    let bytes = bytes(path, most_bytes, help_when_missing)?;
    let refused = |why: String| Error::Unreadable { file: path.to_owned(), why, help: String::new() };
    if bytes.len() > most_bytes {
        return Err(refused(format!("it is longer than {most_bytes} bytes")));
    }
    String::from_utf8(bytes)
        .map_err(|error| refused(format!("it is not UTF-8, from byte {} on", error.utf8_error().valid_up_to())))
}

/// The first bytes of a file, one more than the most when it is longer.
fn bytes(path: &Path, most_bytes: usize, help_when_missing: &str) -> Result<Vec<u8>, Error> {
    let unreadable = |why: String, help: &str| unreadable(path, why, help);
    let mut bytes = Vec::new();
    let limit = most_bytes as u64 + 1;
    let done = if path == Path::new("-") {
        std::io::stdin().lock().take(limit).read_to_end(&mut bytes)
    } else {
        File::open(path).and_then(|file| {
            // A pipe or a device may never end and a folder can't be read.
            if file.metadata()?.is_dir() {
                return Err(ErrorKind::IsADirectory.into());
            }
            file.take(limit).read_to_end(&mut bytes)
        })
    };
    match done {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            Err(unreadable("there is no such file".to_owned(), help_when_missing))
        }
        Err(error) => Err(unreadable(error.to_string(), "")),
        Ok(_) => Ok(bytes),
    }
}

/// Puts a text into a file, whole or not at all.
pub fn replace(file: &Path, text: &str) -> Result<(), Error> {
    let failed = |source: std::io::Error| Error::Write { what: file.display().to_string(), source };
    let mut new = tempfile::NamedTempFile::new_in(folder_of(file)).map_err(failed)?;
    new.write_all(text.as_bytes()).and_then(|()| new.as_file().sync_all()).map_err(failed)?;
    new.persist(file).map_err(|error| failed(error.error))?;
    Ok(())
}

/// Why a file is none of those that must be as they were written.
pub fn not_sealed(file: &Path, error: &SealError, again: &str) -> Error {
    Error::Unreadable { file: file.to_owned(), why: error.to_string(), help: error.help(again) }
}

/// The end of a command that can't read what it was given.
pub fn unreadable(path: &Path, why: String, help: &str) -> Error {
    Error::Unreadable { file: path.to_owned(), why, help: help.to_owned() }
}

/// The folder that a file is in.
pub fn folder_of(file: &Path) -> PathBuf {
    let folder = file.parent().filter(|parent| !parent.as_os_str().is_empty());
    folder.map_or_else(|| PathBuf::from("."), Path::to_path_buf)
}
