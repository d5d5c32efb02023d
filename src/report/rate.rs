//! How fast rows are copied, and when the copy may be done. Pure: times come with the looks.

use std::collections::{BTreeMap, VecDeque};

use jiff::{SignedDuration, Timestamp};

use super::event::TableProgress;

/// Only what happened in so long counts.
const WINDOW: SignedDuration = SignedDuration::from_secs(15);
/// Less than so long says nothing.
const LEAST: SignedDuration = SignedDuration::from_secs(3);

/// Rates by table.
#[derive(Debug, Clone, Default)]
pub struct Rates {
    samples: BTreeMap<String, VecDeque<(Timestamp, i64)>>,
}

impl Rates {
    /// A look at all tables.
    pub fn see(&mut self, at: Timestamp, tables: &BTreeMap<String, TableProgress>) {
        self.samples.retain(|table, _| tables.contains_key(table));
        for (table, progress) in tables {
            let samples = self.samples.entry(table.clone()).or_default();
            // A copy that began anew, or a clock that was set back.
            if samples.back().is_some_and(|(last, rows)| *rows > progress.rows_copied || *last > at) {
                samples.clear();
            }
            if samples.back().is_none_or(|(last, _)| *last < at) {
                samples.push_back((at, progress.rows_copied));
            }
            // One sample from before the window stays, so that slow looks still span it.
            while samples.get(1).is_some_and(|(second, _)| at.duration_since(*second) >= WINDOW) {
                samples.pop_front();
            }
        }
    }

    /// Rows a second of one table; none while that isn't known.
    pub fn rows_per_second(&self, table: &str) -> Option<f64> {
        let samples = self.samples.get(table)?;
        let (first, last) = (samples.front()?, samples.back()?);
        let span = last.0.duration_since(first.0);
        (span >= LEAST).then(|| (last.1 - first.1) as f64 / span.as_secs_f64())
    }

    /// Rows a second of all tables.
    pub fn total_rows_per_second(&self) -> Option<f64> {
        let known: Vec<f64> = self.samples.keys().filter_map(|table| self.rows_per_second(table)).collect();
        (!known.is_empty()).then(|| known.iter().sum())
    }
}

/// Seconds until `left` rows are copied at this rate; none for a copy that stands still, or that is past the estimate.
pub fn seconds_left(left: i64, rows_per_second: Option<f64>) -> Option<i64> {
    let rate = rows_per_second.filter(|rate| *rate >= 0.1)?;
    (left > 0).then(|| (left as f64 / rate).ceil() as i64)
}

/// Rows that are left by MySQL's estimate.
pub fn rows_left(progress: &TableProgress) -> i64 {
    if progress.done { 0 } else { (progress.rows_total - progress.rows_copied).max(0) }
}

/// Of 100; 100 only when it is done, for totals are estimates.
pub fn percent(copied: i64, total: i64, done: bool) -> u8 {
    if done {
        return 100;
    }
    if total <= 0 {
        return 0;
    }
    u8::try_from((i128::from(copied.max(0)) * 100 / i128::from(total)).min(99)).unwrap_or(99)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixtures::at;

    fn look(rates: &mut Rates, second: i64, rows: i64) {
        let progress = TableProgress { rows_copied: rows, rows_total: 10_000, done: false };
        rates.see(at(second), &[("a".to_owned(), progress)].into());
    }

    #[test]
    fn only_the_last_seconds_count() {
        let mut rates = Rates::default();
        look(&mut rates, 0, 0);
        assert_eq!(rates.rows_per_second("a"), None);
        look(&mut rates, 2, 2_000);
        assert_eq!(rates.rows_per_second("a"), None, "two seconds say nothing");
        look(&mut rates, 4, 4_000);
        assert_eq!(rates.rows_per_second("a"), Some(1_000.0));
        for second in 5..=30 {
            look(&mut rates, second, 4_000 + (second - 4) * 10);
        }
        assert_eq!(rates.rows_per_second("a"), Some(10.0), "the fast start is forgotten");
        assert_eq!(seconds_left(55, rates.rows_per_second("a")), Some(6));
    }

    #[test]
    fn a_copy_that_stands_still_or_starts_anew_has_no_end_in_sight() {
        let mut rates = Rates::default();
        for second in 0..20 {
            look(&mut rates, second, 500);
        }
        assert_eq!(rates.rows_per_second("a"), Some(0.0));
        assert_eq!(seconds_left(500, Some(0.0)), None);
        look(&mut rates, 20, 10);
        assert_eq!(rates.rows_per_second("a"), None, "fewer rows than before: it began anew");
        look(&mut rates, 0, 20);
        assert_eq!(rates.total_rows_per_second(), None, "a clock that was set back");
    }

    #[test]
    fn slow_looks_still_give_a_rate() {
        let mut rates = Rates::default();
        look(&mut rates, 0, 0);
        look(&mut rates, 60, 600);
        look(&mut rates, 120, 1_200);
        assert_eq!(rates.rows_per_second("a"), Some(10.0));
    }

    #[test]
    fn an_estimate_that_is_passed_is_not_done() {
        assert_eq!(percent(1_200, 1_000, false), 99);
        assert_eq!(percent(5, 0, false), 0);
        assert_eq!(percent(i64::MAX, i64::MAX, false), 99);
        assert_eq!(percent(10, 1_000, true), 100);
        assert_eq!(seconds_left(0, Some(10.0)), None);
    }
}
