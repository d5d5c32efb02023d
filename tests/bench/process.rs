//! One run of a program: how long it took, and the most memory that it had.
//!
//! Linux counts a child's peak from before it becomes the program, when it still is a copy of its parent (`exec_mmap` in fs/exec.c keeps
//! the high-water mark). So this program runs once more, small, between the two, and measures there.

use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

use nix::sys::resource::{UsageWho, getrusage};
use serde::{Deserialize, Serialize};

/// Set where this program is the one in between.
const WRAPPED: &str = "CUTOVER_BENCH_WRAPPED";

/// What a run took.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Took {
    /// From before it was started until it was gone.
    pub seconds: f64,
    /// The peak of its resident memory. No less than that of the program in between, about 3 MB.
    pub peak_bytes: u64,
    /// Of the processor, its own and the kernel's for it.
    pub processor_seconds: f64,
    pub exit_code: i32,
}

/// A run to come.
pub struct Run {
    program: PathBuf,
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
    folder: PathBuf,
}

/// What it took, and what it had to say.
pub struct Done {
    pub took: Took,
    pub stderr: String,
}

impl Run {
    /// In `folder`, with an environment that is empty but for what is added.
    pub fn new(program: &Path, folder: &Path) -> Self {
        Self { program: program.to_owned(), arguments: vec![], environment: vec![], folder: folder.to_owned() }
    }

    pub fn args<'a>(mut self, arguments: impl IntoIterator<Item = &'a str>) -> Self {
        self.arguments.extend(arguments.into_iter().map(str::to_owned));
        self
    }

    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Runs it to its end.
    pub fn run(&self) -> Done {
        let took = self.folder.join(".took.json");
        let this = std::env::current_exe().expect("the path of this program");
        let output = Command::new(this)
            .arg(&self.program)
            .args(&self.arguments)
            .current_dir(&self.folder)
            .env_clear()
            .env("HOME", &self.folder)
            .env("PATH", "/usr/bin:/bin")
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .env(WRAPPED, &took)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .output()
            .expect("this program runs once more");
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        let text = std::fs::read(&took).unwrap_or_else(|error| panic!("{}: {error}: {stderr}", self.program.display()));
        Done { took: serde_json::from_slice(&text).expect("what the program in between writes"), stderr }
    }

    /// Runs it to its end, which must be with this exit code.
    pub fn run_expecting(&self, code: i32) -> Done {
        let done = self.run();
        assert_eq!(done.took.exit_code, code, "{} {:?}: {}", self.program.display(), self.arguments, done.stderr);
        done
    }
}

/// The program in between: runs what its arguments say, and writes what that took.
pub fn as_wrapper() -> Option<ExitCode> {
    let file = std::env::var_os(WRAPPED)?;
    let mut arguments = std::env::args_os().skip(1);
    let program = arguments.next().expect("a program to run");
    let begun = Instant::now();
    let status = Command::new(program).args(arguments).env_remove(WRAPPED).status().expect("a program that runs");
    let seconds = begun.elapsed().as_secs_f64();
    let used = getrusage(UsageWho::RUSAGE_CHILDREN).expect("what children used");
    let time = |value: nix::sys::time::TimeVal| value.tv_sec() as f64 + value.tv_usec() as f64 / 1e6;
    let took = Took {
        seconds,
        // Linux counts it in KiB.
        peak_bytes: u64::try_from(used.max_rss()).expect("a size") * 1024,
        processor_seconds: time(used.user_time()) + time(used.system_time()),
        exit_code: status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0)),
    };
    std::fs::write(file, serde_json::to_vec(&took).expect("numbers")).expect("a file for what it took");
    Some(ExitCode::SUCCESS)
}
