//! Files that no person writes, and that must be as they were written: each has its format and the digest of what it holds.

use serde::de::DeserializeOwned;

/// One of them.
pub trait Sealed: DeserializeOwned {
    /// For messages: "saved plan".
    const WHAT: &'static str;
    const FORMAT_KEY: &'static str;
    /// The newest one that is known here.
    const FORMAT: u32;

    /// Whether its digest is that of what it holds.
    fn is_whole(&self) -> bool;
}

/// Why a file is none.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    #[error("it is no {what}: line {line}, column {column}: {why}")]
    Syntax { what: &'static str, line: usize, column: usize, why: String },
    #[error("it is a {what} of format {found}, and this cutover knows {known}")]
    Format { what: &'static str, found: u64, known: u32 },
    #[error("it was edited, or cut: its digest is not that of what it holds")]
    Edited,
}

impl SealError {
    /// What to do, where `again` makes a new one.
    pub fn help(&self, again: &str) -> String {
        match self {
            Self::Format { found, known, .. } if *found > u64::from(*known) => {
                format!("a newer cutover made it: use that one, or make it anew: `{again}`")
            }
            Self::Format { .. } => format!("an older cutover made it: make it anew: `{again}`"),
            Self::Syntax { .. } | Self::Edited => format!("make it anew: `{again}`"),
        }
    }
}

/// Reads one, whole and unchanged.
///
/// # Errors
/// What is wrong with it.
pub fn read<T: Sealed>(text: &str) -> Result<T, SealError> {
    let syntax = |error: serde_json::Error| SealError::Syntax {
        what: T::WHAT,
        line: error.line(),
        column: error.column(),
        why: error.to_string().split(" at line ").next().unwrap_or_default().to_owned(),
    };
    let value: serde_json::Value = serde_json::from_str(text).map_err(syntax)?;
    match value.get(T::FORMAT_KEY).and_then(serde_json::Value::as_u64) {
        Some(found) if found != u64::from(T::FORMAT) => return Err(SealError::Format { what: T::WHAT, found, known: T::FORMAT }),
        _ => {}
    }
    let read: T = serde_json::from_str(text).map_err(syntax)?;
    if read.is_whole() { Ok(read) } else { Err(SealError::Edited) }
}
