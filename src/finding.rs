//! Findings: what a check, a condition or a reading of the plan file has to say. Data; `report` draws them.

use serde::{Deserialize, Serialize};

/// One result of one check on one subject.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Finding {
    /// `C201`; `cutover explain C201` prints its page.
    pub code: String,
    pub severity: Severity,
    pub result: CheckResult,
    /// What it is about: `commerce.customer`, `zone1-0000000100`.
    pub subject: String,
    /// One line, no full stop.
    pub summary: String,
    /// What to do next, with a command where there is one. Empty for a pass.
    pub help: String,
    /// The place in the plan file: `move-tables.tables`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub at: Option<String>,
    /// The counts that it saw; a waiver holds only as long as they are the same.
    #[serde(skip_serializing_if = "String::is_empty", default)]
    pub seen: String,
    /// The reason of the waiver that covers it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub waived: Option<String>,
    /// Nobody can let it pass: what it found can't be moved, or Vitess refuses it whatever anybody says.
    #[serde(skip)]
    pub is_final: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    Error,
    Warning,
    Note,
}

/// Only a pass passes. An error is a check that broke, inconclusive one that could not see enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum CheckResult {
    Pass,
    Fail,
    Error,
    Inconclusive,
}

impl Finding {
    /// Whether it stands in the way: of severity error, not passed, not waived.
    pub fn blocks(&self) -> bool {
        self.severity == Severity::Error && self.result != CheckResult::Pass && self.waived.is_none()
    }

    pub fn pass(code: &str, subject: impl Into<String>, summary: impl Into<String>) -> Self {
        Self::new(code, Severity::Note, CheckResult::Pass, subject, summary, "")
    }

    pub fn fail(
        code: &str,
        severity: Severity,
        subject: impl Into<String>,
        summary: impl Into<String>,
        help: impl Into<String>,
    ) -> Self {
        Self::new(code, severity, CheckResult::Fail, subject, summary, help)
    }

    pub fn inconclusive(code: &str, subject: impl Into<String>, summary: impl Into<String>, help: impl Into<String>) -> Self {
        Self::new(code, Severity::Error, CheckResult::Inconclusive, subject, summary, help)
    }

    fn new(
        code: &str,
        severity: Severity,
        result: CheckResult,
        subject: impl Into<String>,
        summary: impl Into<String>,
        help: impl Into<String>,
    ) -> Self {
        Self {
            code: code.to_owned(),
            severity,
            result,
            subject: subject.into(),
            summary: summary.into(),
            help: help.into(),
            at: None,
            seen: String::new(),
            waived: None,
            is_final: false,
        }
    }

    pub fn not_waivable(mut self) -> Self {
        self.is_final = true;
        self
    }

    pub fn at(mut self, path: impl Into<String>) -> Self {
        self.at = Some(path.into());
        self
    }

    pub fn seen(mut self, counts: impl Into<String>) -> Self {
        self.seen = counts.into();
        self
    }
}
