//! Where the sandbox of a plan file is, and how it is opened: what it begins as stands in `sandbox.toml` beside the plan file, and its
//! state in `.cutover/sandbox/`.

use std::path::{Path, PathBuf};

use super::context::Context;
use super::error::Error;
use super::exit::Exit;
use super::files::read_sandbox_file;
use crate::clock::{Clock as _, SystemClock};
use crate::cluster::mutation::shell;
use crate::record::file_system::HostFileSystem;
use crate::record::kept;
use crate::sandbox::file::description::Description;
use crate::sandbox::file::reading;
use crate::sandbox::{Sandbox, SandboxError};

/// What it begins as.
const FILE: &str = "sandbox.toml";
/// In the folder of what is kept beside a record.
const STATE: &str = "sandbox";
/// In the folder of the state; stays when the rest is forgotten, for a lock counts only as long as its file stands.
const LEASES: &str = "leases";

/// The sandbox of all plan files of one folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    folder: PathBuf,
    /// The plan file whose command it is.
    plan_file: PathBuf,
}

impl Place {
    pub fn beside(plan_file: &Path) -> Self {
        let folder = plan_file.parent().filter(|parent| !parent.as_os_str().is_empty());
        Self { folder: folder.map_or_else(|| PathBuf::from("."), Path::to_path_buf), plan_file: plan_file.to_owned() }
    }

    /// Where the plan files lie.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    pub fn state_folder(&self) -> PathBuf {
        self.folder.join(kept::FOLDER).join(STATE)
    }

    pub fn lease_folder(&self) -> PathBuf {
        self.state_folder().join(LEASES)
    }

    fn file(&self) -> PathBuf {
        self.plan_file.with_file_name(FILE)
    }

    /// The command of this sandbox, as it must be typed.
    pub fn command(&self, verb: &str) -> String {
        let file = if self.plan_file == Path::new("workflow.toml") {
            String::new()
        } else {
            format!(" {}", shell(&self.plan_file.display().to_string()))
        };
        format!("cutover sandbox {verb}{file}")
    }

    /// The sandbox as it stands, begun if it wasn't yet, and what stands in messages for its address.
    pub fn open(&self, context: &mut Context) -> Result<(Sandbox, String), Error> {
        let (description, address) = self.describe(context)?;
        // As the record makes it: closed to others and ignored by git.
        kept::prepare(&HostFileSystem, &self.folder).map_err(Error::record)?;
        let sandbox = Sandbox::open(&self.state_folder(), &description, SystemClock.now());
        Ok((sandbox.map_err(|error| self.failed(&error))?, address))
    }

    fn describe(&self, context: &mut Context) -> Result<(Description, String), Error> {
        let file = self.file();
        let (text, file, address) = match read_sandbox_file(&file)? {
            Some(text) => (text, file.clone(), file.display().to_string()),
            None => {
                if !self.state_folder().exists() {
                    context.ui.note(&format!("there is no `{}`: the sandbox is the built-in one", file.display()));
                }
                (reading::BUILT_IN.to_owned(), PathBuf::from("the built-in sandbox.toml"), "built in".to_owned())
            }
        };
        match reading::read(&text) {
            Ok(description) => Ok((description, address)),
            Err(problems) => Err(Error::BadFile { file, text: Some(text), problems }),
        }
    }

    /// Why the sandbox can't be used, with its exit code and what to do.
    pub fn failed(&self, error: &SandboxError) -> Error {
        let reset = self.command("reset");
        match error {
            SandboxError::AnotherDescription { .. } => {
                Error::ended(Exit::Stale, error, format!("`{reset}` begins anew; what ran in it is forgotten"))
            }
            SandboxError::State { .. } => Error::ended(Exit::BadFile, error, format!("`{reset}` begins anew")),
            SandboxError::File { .. } => Error::ended(Exit::Failed, error, "its state stands beside the plan file"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_plan_files_of_a_folder_share_a_sandbox_and_no_others() {
        let of = |file: &str| Place::beside(Path::new(file)).state_folder();
        assert_eq!(of("workflow.toml"), Path::new("./.cutover/sandbox"));
        assert_eq!(of("moves/a.toml"), of("moves/b.toml"));
        assert_ne!(of("moves/a.toml"), of("others/a.toml"));
        assert_eq!(Place::beside(Path::new("workflow.toml")).command("reset"), "cutover sandbox reset");
        assert_eq!(Place::beside(Path::new("my moves/a.toml")).command("reset"), "cutover sandbox reset 'my moves/a.toml'");
    }

    #[test]
    fn each_failure_has_its_exit() {
        let place = Place::beside(Path::new("workflow.toml"));
        let path = String::from("p");
        let exit = |error: SandboxError| place.failed(&error).exit();
        assert_eq!(exit(SandboxError::AnotherDescription { folder: path.clone() }), Exit::Stale);
        assert_eq!(exit(SandboxError::State { path: path.clone(), why: String::new() }), Exit::BadFile);
        let source = std::io::ErrorKind::PermissionDenied.into();
        assert_eq!(exit(SandboxError::File { doing: "write", path, source }), Exit::Failed);
    }
}
