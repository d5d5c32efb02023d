//! The two streams: stdout is data, stderr is the rest.

use std::io::{ErrorKind, IsTerminal as _, Write as _};

use anstream::AutoStream;
use clap::ColorChoice;

use super::environment::Environment;
use super::error::Error;
use super::global::{Format, Global};
use crate::report::annotations;
use crate::report::escape::json_line;
use crate::report::problems::{self, Drawing, visible_line};
use crate::spec::Problem;

/// What a command says, and how.
pub struct Ui {
    out: AutoStream<std::io::Stdout>,
    err: AutoStream<std::io::Stderr>,
    format: Format,
    quiet: bool,
    /// In a workflow on GitHub.
    annotates: bool,
    /// For text that is drawn for stderr.
    pub drawing: Drawing,
    /// Somebody is there to be asked.
    pub is_interactive: bool,
    /// stderr is a terminal on which lines may change in place.
    pub is_screen: bool,
}

const ERROR: anstyle::Style = anstyle::AnsiColor::Red.on_default().bold();
const WARNING: anstyle::Style = anstyle::AnsiColor::Yellow.on_default().bold();
const HELP: anstyle::Style = anstyle::AnsiColor::Cyan.on_default();

impl Ui {
    pub fn of_process(global: &Global, environment: &Environment) -> Self {
        let choice = match global.color {
            ColorChoice::Auto => anstream::ColorChoice::Auto,
            ColorChoice::Always => anstream::ColorChoice::Always,
            ColorChoice::Never => anstream::ColorChoice::Never,
        };
        let err = AutoStream::new(std::io::stderr(), choice);
        let colour = err.current_choice() != anstream::ColorChoice::Never;
        let columns = environment.columns.or_else(|| terminal_size::terminal_size().map(|(width, _)| usize::from(width.0)));
        Self {
            out: AutoStream::new(std::io::stdout(), choice),
            err,
            format: global.format,
            quiet: global.quiet,
            annotates: environment.annotates,
            drawing: Drawing { width: columns.unwrap_or(100), colour, unicode: environment.unicode },
            is_screen: !environment.ci && environment.unicode && std::io::stderr().is_terminal(),
            is_interactive: !environment.ci && std::io::stdin().is_terminal() && std::io::stderr().is_terminal(),
        }
    }

    /// Data, as it is, on stdout. A reader that has gone away is no error: what a command does never hangs on who listens.
    pub fn data(&mut self, text: &str) -> Result<(), Error> {
        let written = self.out.write_all(text.as_bytes()).and_then(|()| self.out.flush());
        match written {
            Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(Error::Write { what: "stdout".to_owned(), source: error }),
            _ => Ok(()),
        }
    }

    /// A value on stdout, one line.
    pub fn json(&mut self, value: &serde_json::Value) -> Result<(), Error> {
        let line = json_line(value).unwrap_or_else(|_| value.to_string());
        self.data(&format!("{line}\n"))
    }

    /// Something worth knowing, on stderr; left out with `--quiet`.
    pub fn note(&mut self, text: &str) {
        if !self.quiet {
            self.message(&format!("{}\n", visible_line(text)));
        }
    }

    pub fn warn(&mut self, text: &str) {
        self.message(&format!("{WARNING}warning{WARNING:#}: {}\n", visible_line(text)));
    }

    /// The end of a command that could not do what it was asked.
    pub fn error(&mut self, error: &Error) {
        if self.format == Format::Json {
            let value = match error {
                Error::BadFile { file, text, problems } => serde_json::json!({
                    "file": file.display().to_string(),
                    "valid": false,
                    "problems": problems::json(problems, text.as_deref()),
                }),
                _ => serde_json::json!({
                    "error": { "message": error.to_string(), "help": error.help(), "exit": error.exit().code() },
                }),
            };
            if self.json(&value).is_ok() {
                return;
            }
        }
        self.tell(error, "");
    }

    /// What could not be done with one file of several, on stderr in any format.
    pub fn failure(&mut self, file: &str, error: &Error) {
        let says_it = error.to_string().contains(file);
        self.tell(error, &if says_it { String::new() } else { format!("{file}: ") });
    }

    fn tell(&mut self, error: &Error, before: &str) {
        if let Error::BadFile { file, text, problems } = error {
            self.problems(problems, &file.display().to_string(), text.as_deref());
            return;
        }
        self.message(&format!("{ERROR}error{ERROR:#}: {}\n", visible_line(&format!("{before}{error}"))));
        let help = error.help();
        if !help.is_empty() {
            self.message(&format!("{HELP}help{HELP:#}: {}\n", visible_line(&help)));
        }
    }

    /// Problems of a file, drawn on stderr.
    pub fn problems(&mut self, problems: &[Problem], file: &str, text: Option<&str>) {
        let drawn = problems::draw(problems, file, text, self.drawing);
        self.message(&drawn);
        self.annotate(|| annotations::of_problems(problems, file, text));
    }

    /// Lines for the runner of a workflow on GitHub, nothing elsewhere.
    pub fn annotate(&mut self, lines: impl FnOnce() -> Vec<String>) {
        if self.annotates {
            let lines: String = lines().iter().map(|line| format!("{line}\n")).collect();
            self.message(&lines);
        }
    }

    /// A question on stderr; yes only on `y` or `yes`.
    pub fn ask(&mut self, question: &str) -> Result<bool, Error> {
        self.message(&format!("{} [y/N] ", visible_line(question)));
        let mut answer = String::new();
        std::io::stdin().read_line(&mut answer).map_err(|source| Error::Write { what: "the terminal".to_owned(), source })?;
        Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
    }

    /// A question that wants words, on stderr.
    pub fn answer(&mut self, question: &str) -> Result<String, Error> {
        self.message(&format!("{} ", visible_line(question)));
        let mut answer = String::new();
        std::io::stdin().read_line(&mut answer).map_err(|source| Error::Write { what: "the terminal".to_owned(), source })?;
        Ok(answer.trim().to_owned())
    }

    /// A stream of one's own to stderr, coloured as this one.
    pub fn stderr(&self) -> AutoStream<std::io::Stderr> {
        AutoStream::new(std::io::stderr(), self.err.current_choice())
    }

    /// Text on stderr as it is.
    pub fn message(&mut self, text: &str) {
        // Nobody is left to be told when stderr is shut.
        self.err.write_all(text.as_bytes()).and_then(|()| self.err.flush()).ok();
    }
}
