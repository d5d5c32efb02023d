//! What came of one fault.

use serde::{Deserialize, Serialize};

use super::course::Variant;
use super::points::Point;

/// With the program under test.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Row {
    /// When it was run: a day.
    pub date: String,
    pub operation: String,
    pub point: String,
    pub variant: String,
    /// What the cluster showed at the point: see `observe`.
    pub seen: String,
    /// Whether writes were acknowledged at the point.
    pub writes_flowed: bool,
    /// State and situation of `status --format json`, after the death.
    pub status: String,
    /// Of each run after the fault, until the operation had ended.
    pub exit_codes: Vec<Option<i32>>,
    /// The named lock was taken away by the test, after the program had ended.
    pub human_unlocked: bool,
    /// How often a gate had to be opened again.
    pub approvals: usize,
    /// From the kill until vtctld serves again: its own start takes a second or two.
    pub seconds_to_the_restart: f64,
    /// From the kill on; how long the point itself was held is the test's doing.
    pub seconds_without_writes: f64,
    pub seconds_to_the_end: f64,
    pub writes_acknowledged: usize,
    pub writes_failed: usize,
    /// Rows lost, twice, or nobody's; counters that are wrong.
    pub wrong_rows: Vec<String>,
    pub end: String,
    pub is_whole: bool,
    /// What one more `apply --finish-only` said.
    pub again: String,
    /// The last lines of each run.
    pub said: Vec<String>,
    /// Why there is no result.
    pub failed: Option<String>,
    pub took_seconds: u64,
}

/// By an operator with vtctldclient.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ByHand {
    pub date: String,
    pub operation: String,
    pub point: String,
    pub calls: usize,
    pub succeeded: bool,
    pub writes_flow: bool,
    /// 180 when they did not come back.
    pub seconds_without_writes: f64,
    pub is_whole: bool,
    pub end: String,
    /// The last line of the last answer.
    pub said: String,
}

impl Row {
    pub fn of(point: &Point, variant: Variant) -> Self {
        Self {
            operation: point.operation.name().to_owned(),
            point: point.name.to_owned(),
            variant: variant.words(),
            ..Self::default()
        }
    }

    pub fn failed(point: &Point, variant: Variant, why: String) -> Self {
        Self { failed: Some(why), ..Self::of(point, variant) }
    }

    /// What is wrong with it, in words; none when all is well. A human who has to take a lock away is not wrong: without access to
    /// the topology nobody else can.
    pub fn problem(&self) -> Option<String> {
        let name = format!("{}, {} ({})", self.operation, self.point, self.variant);
        let why = if let Some(why) = &self.failed {
            why.clone()
        } else if !self.wrong_rows.is_empty() {
            format!("rows are wrong: {:?}", self.wrong_rows)
        } else if !self.is_whole {
            format!("not whole: {}\n  {}", self.end, self.said.join("\n  "))
        } else if self.again != "nothing to do" {
            format!("`apply --finish-only` once more: {}", self.again)
        } else {
            return None;
        };
        Some(format!("{name}: {why}"))
    }

    /// The exit codes of all runs: `3, 4, 0`.
    pub fn codes(&self) -> String {
        let codes: Vec<String> =
            self.exit_codes.iter().map(|code| code.map_or("-".to_owned(), |code| code.to_string())).collect();
        codes.join(", ")
    }

    /// One line for the log of the test.
    pub fn line(&self) -> String {
        format!(
            "{}, {} ({}): status {:?}, exit {}, {:.1} s without writes, whole after {:.0} s{}{}",
            self.operation,
            self.point,
            self.variant,
            self.status,
            self.codes(),
            self.seconds_without_writes,
            self.seconds_to_the_end,
            if self.human_unlocked { ", a human took the named lock away" } else { "" },
            if self.problem().is_some() { " FAILED" } else { "" },
        )
    }
}
