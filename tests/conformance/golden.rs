//! The text that a case writes: its calls with their answers, and pictures of the state.

use std::collections::BTreeMap;

use cutover::cluster::{ClusterError, Effect, ErrorKind};

use super::canonical::{Canonical, Names, text_of_error};
use super::stage::Stage;
use super::{picture, quiet};

#[derive(Default)]
pub struct Golden {
    text: String,
    names: Names,
    /// What was shown last, by its kind.
    shown: BTreeMap<&'static str, Vec<String>>,
}

impl Golden {
    /// Appends a call, in words, and its answer.
    pub fn call<A: Canonical>(&mut self, words: &str, answer: Result<A, ClusterError>) {
        self.heading(words);
        match answer {
            Ok(answer) => {
                let lines = answer.canonical(&mut self.names);
                self.line(if lines.is_empty() { "ok, empty" } else { "ok" });
                self.lines("  ", &lines);
            }
            Err(error) => self.error(&error),
        }
    }

    /// Appends something else that was found.
    pub fn found(&mut self, words: &str, lines: &[String]) {
        self.heading(words);
        self.lines("  ", lines);
    }

    /// Waits until nothing moves, and appends the whole state.
    pub async fn picture(&mut self, stage: &dyn Stage, words: &str) {
        quiet::until_quiet(stage).await;
        let lines = picture::picture(stage, &mut self.names).await;
        self.state("state", words, lines);
    }

    /// Appends a state of some kind: the first whole, a later one as what has changed since.
    pub fn state(&mut self, kind: &'static str, words: &str, lines: Vec<String>) {
        let Some(before) = self.shown.insert(kind, lines.clone()) else {
            self.heading(&format!("{kind}: {words}"));
            return self.lines("  ", &lines);
        };
        self.heading(&format!("{kind}: {words}; what has changed"));
        let (before, now) = (before.join("\n") + "\n", lines.join("\n") + "\n");
        let difference = similar::TextDiff::from_lines(&before, &now);
        let mut any = false;
        for change in difference.iter_all_changes().filter(|change| change.tag() != similar::ChangeTag::Equal) {
            self.line(&format!("{} {}", change.tag(), change.value().trim_end()));
            any = true;
        }
        if !any {
            self.line("nothing");
        }
    }

    pub fn names(&mut self) -> &mut Names {
        &mut self.names
    }

    pub fn into_text(self) -> String {
        self.text
    }

    fn error(&mut self, error: &ClusterError) {
        let kind = match error.kind {
            ErrorKind::Unreachable => "unreachable",
            ErrorKind::Unauthenticated => "unauthenticated",
            ErrorKind::PermissionDenied => "permission denied",
            ErrorKind::DeadlineExceeded => "deadline exceeded",
            ErrorKind::Cancelled => "cancelled",
            ErrorKind::Unimplemented => "unimplemented",
            ErrorKind::TooLarge => "too large",
            ErrorKind::NotFound => "not found",
            ErrorKind::LockHeld => "lock held",
            ErrorKind::Application => "application",
            ErrorKind::Garbled => "garbled",
        };
        let effect = match error.effect {
            Effect::None => "none",
            Effect::Unknown => "unknown",
        };
        self.line(&format!("error of {}: {kind}, effect {effect}", error.call));
        let lines = text_of_error(&error.message, &mut self.names);
        self.lines("  ", &lines);
    }

    fn heading(&mut self, words: &str) {
        if !self.text.is_empty() {
            self.text.push('\n');
        }
        self.line(&format!("# {words}"));
    }

    fn lines(&mut self, indent: &str, lines: &[String]) {
        for line in lines {
            self.line(&format!("{indent}{line}"));
        }
    }

    fn line(&mut self, line: &str) {
        self.text.push_str(line.trim_end());
        self.text.push('\n');
    }
}
