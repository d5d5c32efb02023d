//! What is wrong with a plan file or the operator's file, as data. `report::problems` draws it.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::finding::Severity;

/// One thing that is wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// `C103`; `cutover explain C103` prints its page.
    pub code: String,
    /// Never `Note`.
    pub severity: Severity,
    /// The place by name: `gates.switch-primary.windows`. Empty for the file as a whole.
    pub path: String,
    /// The place in the text, in bytes. None where the whole file is meant.
    pub span: Option<Range<usize>>,
    /// One line, no full stop.
    pub message: String,
    /// Stands under the place that is drawn; may be empty.
    pub label: String,
    /// A second place that belongs to it, with what stands under it.
    pub also: Option<(Range<usize>, String)>,
    /// What to do. May be empty.
    pub help: String,
}

impl Problem {
    pub fn error(code: &str, path: impl Into<String>, span: Option<Range<usize>>, message: impl Into<String>) -> Self {
        Self {
            code: code.to_owned(),
            severity: Severity::Error,
            path: path.into(),
            span,
            message: message.into(),
            label: String::new(),
            also: None,
            help: String::new(),
        }
    }

    pub fn warning(code: &str, path: impl Into<String>, span: Option<Range<usize>>, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(code, path, span, message) }
    }

    pub fn label(mut self, text: impl Into<String>) -> Self {
        self.label = text.into();
        self
    }

    pub fn also(mut self, span: Range<usize>, text: impl Into<String>) -> Self {
        self.also = Some((span, text.into()));
        self
    }

    pub fn help(mut self, text: impl Into<String>) -> Self {
        self.help = text.into();
        self
    }

    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

/// By place, then by code, so that what is shown comes out the same each time.
pub fn sort(problems: &mut [Problem]) {
    problems.sort_by(|a, b| {
        let key = |problem: &Problem| {
            let start = problem.span.as_ref().map_or(0, |span| span.start);
            (start, problem.code.clone(), problem.path.clone(), problem.message.clone())
        };
        key(a).cmp(&key(b))
    });
}
