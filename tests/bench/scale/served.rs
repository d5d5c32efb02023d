//! A generated cluster, served in a process of its own: what it takes must not count as ours.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitCode, Stdio};

use cutover::sandbox::Sandbox;

use super::port::{Counts, Port};
use super::topology::Size;

/// Set where this program is the server: the part of the full size.
const PART: &str = "CUTOVER_BENCH_SERVES";

/// A running server; it ends with this.
pub struct Served {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
    address: String,
}

impl Served {
    /// Serves one of so many parts of the full size.
    pub fn start(part: usize) -> Self {
        let mut child = Command::new(std::env::current_exe().expect("the path of this program"))
            .env(PART, part.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("this program serves");
        let stdin = child.stdin.take();
        let stdout = BufReader::new(child.stdout.take().expect("its output"));
        let mut served = Self { child, stdin, stdout, address: String::new() };
        served.address = served.line();
        served
    }

    /// `127.0.0.1:PORT`
    pub fn address(&self) -> &str {
        &self.address
    }

    /// What has come since this was asked last.
    pub fn counts(&mut self) -> Counts {
        let stdin = self.stdin.as_mut().expect("it serves");
        writeln!(stdin, "counts").and_then(|()| stdin.flush()).expect("it listens");
        serde_json::from_str(&self.line()).expect("counts")
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.stdout.read_line(&mut line).expect("it answers");
        line.trim().to_owned()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // The end of its input is its end.
        drop(self.stdin.take());
        self.child.wait().ok();
    }
}

/// The server: prints its address, and counts for each line that it is given.
pub fn as_server() -> Option<ExitCode> {
    let part: usize = std::env::var(PART).ok()?.parse().expect("a number of parts");
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    let now = jiff::Timestamp::now();
    let port = runtime.block_on(async {
        let port = Port::before(Sandbox::in_memory_unwatched(&Size::part(part).description(), now));
        println!("{}", port.serve());
        port
    });
    for _ in std::io::stdin().lock().lines() {
        println!("{}", serde_json::to_string(&port.take()).expect("numbers"));
    }
    Some(ExitCode::SUCCESS)
}
