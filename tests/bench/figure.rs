//! One figure, and when it is over its limit.

use serde::{Deserialize, Serialize};

/// Less is better in all of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Figure {
    /// What was done: `validate: wall time, p50 of 50`.
    pub name: String,
    /// `ms`, `s`, `MB`, `calls`.
    pub unit: String,
    pub ours: f64,
    /// The same with vtctldclient, on the same cluster in the same run; or what else the note names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by_hand: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<Limit>,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
}

/// What a figure must not be over.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Limit {
    /// In the figure's unit.
    AtMost(f64),
    /// So many times what it takes by hand.
    TimesByHand(f64),
    /// So much more than by hand, in the figure's unit.
    MoreThanByHand(f64),
}

impl Figure {
    pub fn new(name: impl Into<String>, unit: &str, ours: f64) -> Self {
        Self { name: name.into(), unit: unit.to_owned(), ours, by_hand: None, limit: None, note: String::new() }
    }

    pub fn by_hand(mut self, by_hand: impl Into<Option<f64>>) -> Self {
        self.by_hand = by_hand.into();
        self
    }

    pub fn limit(mut self, limit: Limit) -> Self {
        self.limit = Some(limit);
        self
    }

    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.note = note.into();
        self
    }

    /// Ours to by hand.
    pub fn ratio(&self) -> Option<f64> {
        self.by_hand.filter(|by_hand| *by_hand > 0.0).map(|by_hand| self.ours / by_hand)
    }

    /// The most that it may be, in its unit; none where there is no limit, or nothing to compare with.
    pub fn most(&self) -> Option<f64> {
        match (self.limit?, self.by_hand) {
            (Limit::AtMost(most), _) => Some(most),
            (Limit::TimesByHand(times), Some(by_hand)) => Some(times * by_hand),
            (Limit::MoreThanByHand(more), Some(by_hand)) => Some(by_hand + more),
            (Limit::TimesByHand(_) | Limit::MoreThanByHand(_), None) => None,
        }
    }

    pub fn is_over(&self) -> bool {
        self.most().is_some_and(|most| self.ours > most)
    }

    /// `at most 5 ms`
    pub fn limit_words(&self) -> Option<String> {
        Some(match self.limit? {
            Limit::AtMost(most) => format!("at most {} {}", number(most), self.unit),
            Limit::TimesByHand(times) => format!("at most {} × by hand", number(times)),
            Limit::MoreThanByHand(more) => format!("at most {} {} more than by hand", number(more), self.unit),
        })
    }
}

/// With three digits that count, and no more.
pub fn number(value: f64) -> String {
    let text = match value.abs() {
        size if size >= 100.0 => return format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        size if size >= 1.0 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    };
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
