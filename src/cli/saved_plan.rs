//! Saved plans on disk: where the plan file of one is, and how both are told apart.

use std::path::{Path, PathBuf};

use super::error::Error;
use super::exit::Exit;
use super::files::{folder_of, not_sealed, read_text, replace};
use crate::plan::document::Plan;
use crate::plan::saved::SavedPlan;
use crate::report::command::for_file;

/// A plan of 1,000 tables is some megabytes.
const MOST_BYTES: usize = 64 * 1024 * 1024;

/// Whether a file that a command is given is a saved plan: by its name, for a plan file is TOML.
pub fn is_one(file: &Path) -> bool {
    file.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json"))
}

/// Writes one, whole or not at all.
pub fn write(file: &Path, plan: &Plan, plan_file: &Path) -> Result<(), Error> {
    let failed = |source: std::io::Error| Error::Write { what: file.display().to_string(), source };
    if !is_one(file) {
        return Err(Error::usage(
            format!("`{}` is no name for a saved plan", file.display()),
            "let it end with `.json`: by that `plan` and `apply` tell it from a plan file",
        ));
    }
    let absolute = |path: &Path| std::path::absolute(path).map_err(failed);
    let relative = pathdiff::diff_paths(absolute(plan_file)?, absolute(&folder_of(file))?);
    let relative = relative.unwrap_or_else(|| plan_file.to_owned());
    let saved = SavedPlan::new(plan.clone(), relative.display().to_string());
    replace(file, &saved.text().map_err(|error| failed(error.into()))?)
}

/// Reads one, and says where its plan file is.
pub fn read(file: &Path) -> Result<(SavedPlan, PathBuf), Error> {
    let text = read_text(file, MOST_BYTES, "`cutover plan --out FILE.json` writes one")?;
    let saved = SavedPlan::read(&text).map_err(|error| not_sealed(file, &error, "cutover plan --out FILE.json"))?;
    let plan_file = folder_of(file).join(&saved.plan_file);
    // `./workflow.toml` is the one that commands find by themselves.
    let plan_file = plan_file.strip_prefix(".").map(Path::to_path_buf).unwrap_or(plan_file);
    Ok((saved, plan_file))
}

/// The refusal to make one of what is one already.
pub fn needs_no_facts(file: &Path) -> Error {
    Error::ended(
        Exit::Usage,
        format!("`{}` is a saved plan, and is shown as it was made: no facts are read for it", file.display()),
        "give the plan file with `--facts`, or leave `--facts` out",
    )
}

pub fn is_one_already(file: &Path) -> Error {
    Error::ended(
        Exit::Usage,
        format!("`{}` is a saved plan already", file.display()),
        format!("`{}` makes one from a plan file", for_file("cutover plan --out FILE.json", None)),
    )
}
