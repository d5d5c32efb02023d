//! The program at a terminal, and a person who reads what it asks and answers.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::process::Stdio;
use std::sync::mpsc;
use std::time::Duration;

use rustix::fs::OFlags;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use super::{Output, TestEnv};

/// The longest that a person waits for a question.
const PATIENCE: Duration = Duration::from_secs(60);

/// What the person is asked, and what they type.
pub type Answer<'a> = (&'a str, &'a str);

impl TestEnv {
    /// Runs the program with a terminal for its input and its messages; its data goes to a pipe. `answers`: in their order, each
    /// once its question is seen. `stderr` is what the terminal showed, with what was typed.
    pub fn run_at_terminal(&self, arguments: &[&str], answers: &[Answer<'_>]) -> Output {
        let (person, its_end) = terminal();
        let mut command = self.command(self.path(), arguments);
        command.env("NO_COLOR", "1");
        command.stdin(Stdio::from(its_end.try_clone().unwrap())).stderr(Stdio::from(its_end)).stdout(Stdio::piped());
        let child = command.spawn().unwrap();
        // The terminal is shut when its last user has gone, and this is one.
        drop(command);
        let typed = person.try_clone().unwrap();
        let conversation = converse(person, typed, answers);
        let output = child.wait_with_output().unwrap();
        self.output(output.stdout, conversation.replace('\r', "").into_bytes(), output.status)
    }
}

/// A pair: the side of the person, and that of the program.
fn terminal() -> (File, File) {
    let person = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&person).unwrap();
    unlockpt(&person).unwrap();
    let name = ptsname(&person, Vec::new()).unwrap();
    // It must not become the terminal that rules this process.
    let flags = i32::try_from(OFlags::NOCTTY.bits()).unwrap();
    let path = std::ffi::OsStr::from_bytes(name.as_bytes());
    let its_end = OpenOptions::new().read(true).write(true).custom_flags(flags).open(path).unwrap();
    (File::from(person), its_end)
}

fn converse(mut seen: File, mut typed: File, answers: &[Answer<'_>]) -> String {
    let (tell, told) = mpsc::channel();
    let reader = std::thread::spawn(move || {
        let mut chunk = [0; 4096];
        // Linux ends it with EIO, others with nothing.
        while let Ok(length @ 1..) = seen.read(&mut chunk) {
            if tell.send(chunk[..length].to_vec()).is_err() {
                break;
            }
        }
    });
    let mut bytes = Vec::new();
    let mut from = 0;
    let mut waiting = answers.iter();
    let mut next = waiting.next();
    loop {
        match told.recv_timeout(PATIENCE) {
            Ok(chunk) => bytes.extend(chunk),
            Err(mpsc::RecvTimeoutError::Disconnected) => break,
            Err(mpsc::RecvTimeoutError::Timeout) => {
                panic!("it waits for an answer that nobody has:\n{}", String::from_utf8_lossy(&bytes))
            }
        }
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((question, answer)) = next
            && let Some(place) = text.get(from..).and_then(|rest| rest.find(question))
        {
            from += place + question.len();
            typed.write_all(format!("{answer}\n").as_bytes()).unwrap();
            next = waiting.next();
        }
    }
    reader.join().unwrap();
    let text = String::from_utf8(bytes).unwrap();
    if let Some((question, _)) = next {
        panic!("it never asked `{question}`:\n{text}");
    }
    text
}
