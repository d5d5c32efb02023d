//! Takes a sandbox away, and the records of what ran in it. Only what says itself that it is the sandbox's.

use std::ffi::OsStr;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use crate::cli::error::Error;
use crate::cli::sandbox::Place;
use crate::operator::SANDBOX;
use crate::record::error::last_good;
use crate::record::progress::Begun;
use crate::record::{format, kept};

/// In words.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Forgotten {
    pub what: Vec<String>,
    /// Records that stay, and why.
    pub left: Vec<String>,
}

/// Forgets the sandbox of a folder.
pub fn sandbox(place: &Place) -> Result<Forgotten, Error> {
    let mut forgotten = Forgotten::default();
    records(place.folder(), &mut forgotten)?;
    let state = place.state_folder();
    let leases = place.lease_folder();
    let mut had_state = false;
    // The locks stay: one counts only as long as its file stands.
    for path in paths_in(&state)?.into_iter().filter(|path| *path != leases) {
        had_state = true;
        remove(&path)?;
    }
    if had_state {
        forgotten.what.push(format!("the sandbox in {}", state.display()));
    }
    Ok(forgotten)
}

/// The records of a folder that say they are the sandbox's, with the copies that are kept of them.
fn records(folder: &Path, forgotten: &mut Forgotten) -> Result<(), Error> {
    let kept_folder = folder.join(kept::FOLDER);
    let mut stays = false;
    for path in paths_in(folder)?.into_iter().filter(|path| has_extension(path, "lock")) {
        match begun(&path)? {
            Some(begun) if begun.cluster == SANDBOX => {
                remove(&path)?;
                remove(&last_good(&path))?;
                forgotten.what.push(format!("{}, the record of `{}` in it", path.display(), begun.workflow));
            }
            Some(begun) => {
                stays = true;
                forgotten.left.push(format!("{}, a record of the cluster `{}`", path.display(), begun.cluster));
            }
            // Other programs have files of that ending too.
            None if !path.with_extension("toml").exists() => {}
            None => {
                stays = true;
                forgotten.left.push(format!("{}, which can't be read: it may be a record of another cluster", path.display()));
            }
        }
    }
    // A copy whose record was deleted by hand.
    for path in paths_in(&kept_folder)?.into_iter().filter(|path| has_extension(path, "last")) {
        let record_of_it = folder.join(path.file_stem().unwrap_or_default());
        if !record_of_it.exists() && begun(&path)?.is_some_and(|begun| begun.cluster == SANDBOX) {
            remove(&path)?;
            forgotten.what.push(format!("{}, the copy of a record in it", path.display()));
        }
    }
    if stays {
        // What is kept says not whose it is.
        return Ok(());
    }
    for path in paths_in(&kept_folder)?.into_iter().filter(|path| is_kept(path)) {
        remove(&path)?;
    }
    Ok(())
}

/// What a record says of itself; none if the file is no record.
fn begun(path: &Path) -> Result<Option<Begun>, Error> {
    match fs::read(path) {
        Ok(bytes) => Ok(format::read(&bytes).ok().and_then(|record| record.begun())),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::IsADirectory) => Ok(None),
        Err(error) => Err(failed(path, error)),
    }
}

fn has_extension(path: &Path, extension: &str) -> bool {
    path.extension() == Some(OsStr::new(extension))
}

/// Whether it is a file that is named after the digest of what it holds.
fn is_kept(path: &Path) -> bool {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    has_extension(path, "json") && stem.len() == 64 && stem.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// In order; none of a folder that there is not.
fn paths_in(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(vec![]),
        Err(error) => return Err(failed(folder, error)),
    };
    let mut paths = entries
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<io::Result<Vec<_>>>()
        .map_err(|error| failed(folder, error))?;
    paths.sort();
    Ok(paths)
}

fn remove(path: &Path) -> Result<(), Error> {
    let is_folder = fs::symlink_metadata(path).is_ok_and(|found| found.is_dir());
    let removed = if is_folder { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    match removed {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(failed(path, error)),
        _ => Ok(()),
    }
}

fn failed(path: &Path, source: io::Error) -> Error {
    Error::Write { what: path.display().to_string(), source }
}
