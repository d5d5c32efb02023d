//! Why a command could not do what it was asked, with the exit code that belongs to it.

use std::path::PathBuf;

use super::exit::Exit;
use crate::operator::ResolveError;
use crate::spec::Problem;

/// The only sum of errors; each says its exit code and what to do.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{message}")]
    Usage { message: String, help: String },
    /// A plan file or the operator's file, with everything that is wrong with it.
    #[error("{}: {}", file.display(), crate::report::problems::count(problems))]
    BadFile { file: PathBuf, text: Option<String>, problems: Vec<Problem> },
    #[error("{}: {why}", file.display())]
    Unreadable { file: PathBuf, why: String, help: String },
    #[error("can't write to {what}: {source}")]
    Write { what: String, source: std::io::Error },
    #[error(transparent)]
    Resolve(#[from] ResolveError),
    /// Any other end, said by the command itself.
    #[error("{message}")]
    Ended { exit: Exit, message: String, help: String },
}

impl Error {
    pub fn usage(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self::Usage { message: message.into(), help: help.into() }
    }

    pub fn exit(&self) -> Exit {
        match self {
            Self::Usage { .. } | Self::Resolve(_) => Exit::Usage,
            Self::BadFile { .. } | Self::Unreadable { .. } => Exit::BadFile,
            Self::Write { .. } => Exit::Failed,
            Self::Ended { exit, .. } => *exit,
        }
    }

    /// What to do; may be empty.
    pub fn help(&self) -> String {
        match self {
            Self::Usage { help, .. } | Self::Unreadable { help, .. } | Self::Ended { help, .. } => help.clone(),
            Self::Resolve(error) => error.help(),
            Self::BadFile { .. } | Self::Write { .. } => String::new(),
        }
    }
}
