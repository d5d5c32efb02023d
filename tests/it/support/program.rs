//! The built program in a place of its own: an empty folder, an empty environment, a fixed width.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};

/// A folder, and how to run the program in it.
pub struct TestEnv {
    folder: tempfile::TempDir,
    variables: Vec<(String, String)>,
}

/// All that a run has said. Its text is stdout, stderr and exit code, for one snapshot.
#[must_use = "snapshot it or look at its exit code"]
#[derive(Debug, Clone)]
pub struct Output {
    pub stdout: String,
    pub stderr: String,
    /// None: ended by a signal.
    pub code: Option<i32>,
}

impl TestEnv {
    pub fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), variables: Vec::new() }
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Sets a variable for all further runs.
    pub fn set(&mut self, name: &str, value: &str) {
        self.variables.push((name.to_owned(), value.to_owned()));
    }

    /// Writes a file below the folder.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, content).unwrap();
        path
    }

    /// Runs the program in the folder.
    pub fn run(&self, arguments: &[&str]) -> Output {
        self.run_in(self.path(), arguments)
    }

    /// The same in a folder below it.
    pub fn run_in(&self, folder: &Path, arguments: &[&str]) -> Output {
        let output = self.command(folder, arguments).stdin(Stdio::null()).output().unwrap();
        self.output(output.stdout, output.stderr, output.status)
    }

    pub(super) fn command(&self, folder: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cutover"));
        command
            .args(arguments)
            .current_dir(folder)
            .env_clear()
            .env("HOME", self.path().join("home"))
            .env("COLUMNS", "100")
            .envs(self.variables.iter().cloned());
        command
    }

    pub(super) fn output(&self, stdout: Vec<u8>, stderr: Vec<u8>, status: ExitStatus) -> Output {
        let folder = self.path().to_str().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap().replace(folder, "$TEST_ENV");
        Output { stdout: text(stdout), stderr: text(stderr), code: status.code() }
    }
}

impl fmt::Display for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.stdout)?;
        if !self.stderr.is_empty() {
            writeln!(f, "------- stderr -------")?;
            f.write_str(&self.stderr)?;
        }
        match self.code {
            Some(code) => writeln!(f, "[exit: {code}]"),
            None => writeln!(f, "[ended by a signal]"),
        }
    }
}
