//! The program under test, run as an operator runs it.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::wait;

/// A run to come: `world.cutover().args(["apply"]).run()`. Its environment is empty but for what is set here.
pub struct Program {
    folder: PathBuf,
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
    limit: Duration,
}

impl Program {
    pub fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), arguments: Vec::new(), environment: Vec::new(), limit: Duration::from_secs(120) }
    }

    pub fn args<'a>(mut self, arguments: impl IntoIterator<Item = &'a str>) -> Self {
        self.arguments.extend(arguments.into_iter().map(str::to_owned));
        self
    }

    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Longer than this (120 s), and it is killed and the test fails.
    pub fn limit_seconds(mut self, seconds: u64) -> Self {
        self.limit = Duration::from_secs(seconds);
        self
    }

    /// Runs it to its end.
    pub fn run(self) -> Output {
        self.spawn().wait()
    }

    /// Runs it and expects this exit code.
    pub fn run_expecting(self, code: i32) -> Output {
        let output = self.run();
        assert_eq!(output.code, Some(code), "another exit code than expected of\n{output}");
        output
    }

    /// Starts it in the background.
    pub fn spawn(self) -> Running {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        // Files, not pipes: nothing to drain, and what it said can be read while it runs and after it was killed.
        let path = |stream| self.folder.join(format!(".run-{count}.{stream}"));
        let file = |path: &Path| File::create(path).expect("a file in the test's folder");
        let (stdout, stderr) = (path("stdout"), path("stderr"));
        let child = Command::new(env!("CARGO_BIN_EXE_cutover"))
            .args(&self.arguments)
            .current_dir(&self.folder)
            .env_clear()
            .env("HOME", &self.folder)
            .env("PATH", "/usr/bin:/bin")
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(file(&stdout))
            .stderr(file(&stderr))
            .spawn()
            .expect("the program under test starts");
        Running { child, what: self.arguments.join(" "), limit: self.limit, stdout, stderr }
    }
}

/// A run that goes on. It is killed when the test ends before it does.
pub struct Running {
    child: Child,
    what: String,
    limit: Duration,
    stdout: PathBuf,
    stderr: PathBuf,
}

impl Running {
    /// Waits for the end, up to the limit.
    pub fn wait(mut self) -> Output {
        let begin = Instant::now();
        let status = wait::until(Duration::MAX, "the end of cutover", || {
            // What it has said by then, not what it had said when the waiting began.
            assert!(begin.elapsed() < self.limit, "it has not ended in {} s: {}", self.limit.as_secs(), self.so_far(None));
            self.child.try_wait().expect("a child can be waited for")
        });
        self.so_far(Some(status))
    }

    /// Ends it as `kill -9` does.
    pub fn kill(mut self) -> Output {
        self.child.kill().expect("a child can be killed");
        let status = self.child.wait().expect("a child can be waited for");
        self.so_far(Some(status))
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Whether it has ended by itself.
    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().expect("a child can be waited for").is_some()
    }

    /// Sends it a signal by name: `INT`, `TERM`, `STOP`, `CONT`.
    pub fn signal(&self, signal: &str) {
        let pid = self.child.id().to_string();
        let status = Command::new("kill").args(["-s", signal, &pid]).status().expect("kill is there");
        assert!(status.success(), "cutover {} is not there to be signalled", self.what);
    }

    /// What it has said up to now.
    pub fn output(&self) -> Output {
        self.so_far(None)
    }

    /// Waits until it has said something on either stream. It fails at once when the program ends without having said it.
    pub fn wait_for_text(&self, text: &str) {
        let mut has_ended = false;
        wait::until_true(self.limit, &format!("cutover {} says {text:?}", self.what), || {
            let output = self.output();
            let is_said = output.stdout.contains(text) || output.stderr.contains(text);
            assert!(is_said || !has_ended, "it ended and never said {text:?}: {output}");
            // Looked at once more after the end: it may have said it last.
            has_ended = self.is_zombie();
            is_said
        });
    }

    /// Whether it has ended and nobody has waited for it yet.
    pub fn is_zombie(&self) -> bool {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap_or_default();
        stat.rsplit_once(')').is_none_or(|(_, rest)| rest.trim_start().starts_with('Z'))
    }

    fn so_far(&self, status: Option<ExitStatus>) -> Output {
        let text = |path| String::from_utf8_lossy(&std::fs::read(path).expect("the program's output")).into_owned();
        Output {
            what: self.what.clone(),
            code: status.and_then(|status| status.code()),
            stdout: text(&self.stdout),
            stderr: text(&self.stderr),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) && self.child.kill().is_ok() {
            self.child.wait().ok();
        }
    }
}

/// What a run said, and its exit code; none when it was killed or goes on.
#[derive(Debug)]
pub struct Output {
    pub what: String,
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Output {
    /// The one JSON document on stdout.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error} in the stdout of\n{self}"))
    }

    /// The JSON documents on stdout, one a line.
    pub fn json_lines(&self) -> Vec<Value> {
        let value = |line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}, of\n{self}"));
        self.stdout.lines().map(value).collect()
    }
}

impl std::fmt::Display for Output {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { what, code, stdout, stderr } = self;
        write!(f, "cutover {what}: exit code {code:?}\n--- stdout\n{stdout}\n--- stderr\n{stderr}\n---")
    }
}
