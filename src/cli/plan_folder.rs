//! `cutover plan DIR`: which files below a folder are plan files.

use std::io;
use std::path::{Path, PathBuf};

use super::error::Error;
use super::files::{read_plan_file, unreadable};
use crate::plan::folder::SkippedFile;

/// The key of every plan file, and those of the families: a file that has one of them is meant as a plan file.
const KEYS: [&str; 2] = ["workflow", "move-tables"];

/// What is below a folder: plan files, in order, and TOML files that are none.
#[derive(Debug, Default)]
pub struct Found {
    pub plan_files: Vec<PathBuf>,
    pub skipped: Vec<SkippedFile>,
}

/// Looks through a folder and those below it. What begins with a dot is left out; links to folders are not followed.
///
/// # Errors
/// A folder that can't be read, and one without plan files.
pub fn find(folder: &Path) -> Result<Found, Error> {
    let mut found = Found::default();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries = entries(&folder).map_err(|error| unreadable(&folder, error.to_string(), ""))?;
        for (path, is_folder) in entries {
            if is_folder {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "toml") {
                sort(path, &mut found);
            }
        }
    }
    found.plan_files.sort();
    found.skipped.sort_by(|one, other| one.file.cmp(&other.file));
    if found.plan_files.is_empty() {
        return Err(unreadable(
            folder,
            "there is no plan file below it".to_owned(),
            "`cutover init` writes one from the live cluster; a plan file is a `.toml` file with `workflow` in it",
        ));
    }
    Ok(found)
}

/// With whether it is a folder, without what is hidden.
fn entries(folder: &Path) -> io::Result<Vec<(PathBuf, bool)>> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if !entry.file_name().as_encoded_bytes().starts_with(b".") {
            all.push((entry.path(), entry.file_type()?.is_dir()));
        }
    }
    Ok(all)
}

/// What can't be read as TOML counts as a plan file: a slip of the pen must not make a movement vanish from the review.
fn sort(path: PathBuf, found: &mut Found) {
    let table = read_plan_file(&path).ok().and_then(|text| text.trim_start_matches('\u{feff}').parse::<toml::Table>().ok());
    match table {
        Some(table) if !KEYS.iter().any(|key| table.contains_key(*key)) => {
            let why = format!("it has neither `{}` nor `{}`", KEYS[0], KEYS[1]);
            found.skipped.push(SkippedFile { file: path.display().to_string(), why });
        }
        _ => found.plan_files.push(path),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plan_files_are_told_from_others_and_a_broken_one_counts() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        write("b/workflow.toml", "workflow = \"w\"\n");
        write("a/other.toml", "[move-tables]\n");
        write("a/broken.toml", "workflow = \n");
        write("sandbox.toml", "version = 1\n[keyspaces.a]\n");
        write("a/notes.txt", "workflow = \"w\"\n");
        write(".hidden/workflow.toml", "workflow = \"w\"\n");
        let found = find(folder.path()).unwrap();
        let names: Vec<_> = found.plan_files.iter().map(|file| file.strip_prefix(folder.path()).unwrap().to_owned()).collect();
        assert_eq!(names, ["a/broken.toml", "a/other.toml", "b/workflow.toml"].map(PathBuf::from));
        assert_eq!(found.skipped.len(), 1);
        assert!(found.skipped[0].file.ends_with("sandbox.toml"), "{found:?}");
    }

    #[test]
    fn a_folder_without_plan_files_is_no_success() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(find(folder.path()).unwrap_err().exit().code(), 65);
        assert_eq!(find(&folder.path().join("absent")).unwrap_err().exit().code(), 65);
    }
}
