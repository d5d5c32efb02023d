//! Generated messages to the model and back: the only place that knows both. One file per noun.
//!
//! What Vitess sends is not believed: numbers that stand for "unknown" become none, text that is not UTF-8 is shown with
//! replacement characters, control characters are escaped, row data is cut out of error messages. What can't be understood is
//! [`Malformed`], never a default.

pub(crate) mod locks;
pub(crate) mod replication;
pub(crate) mod routing;
pub(crate) mod rows;
pub(crate) mod schema;
pub(crate) mod schema_changes;
pub(crate) mod text;
pub(crate) mod throttler;
pub(crate) mod time;
pub(crate) mod topology;
pub(crate) mod vdiff;
pub(crate) mod vschema;
pub(crate) mod workflow;

/// An answer that cannot be understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("vtctld's answer is not understood: {what}")]
pub(crate) struct Malformed {
    pub what: String,
}

impl Malformed {
    /// `what` may quote the answer: it is made fit to print.
    pub fn new(what: impl AsRef<str>) -> Self {
        Self { what: crate::cluster::printable(what.as_ref().as_bytes()) }
    }
}
