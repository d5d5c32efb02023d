//! What is shown while something is waited for, and nothing is decided by: asked for less often than a look is taken, for each answer
//! costs the tablets more than a look does; what was seen last is shown in between.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::cluster::port::{Facts, Query};
use crate::report::event::TableProgress;
use crate::run::phase::PhaseId;

/// What lasts is asked for less and less often, between these.
const OFTEN: Duration = Duration::from_secs(1);
const SELDOM: Duration = Duration::from_secs(5);

#[derive(Debug, Default)]
pub struct Shown {
    /// Of which phase, and how far each table was.
    seen: Option<(PhaseId, BTreeMap<String, TableProgress>)>,
    /// Of which phase it was asked, first and last, by a clock that nobody sets.
    asked_at: Option<(PhaseId, Duration, Duration)>,
    asked: Query,
}

impl Shown {
    /// How far the tables are: as this look found it, or else the last one of the same phase that asked.
    pub fn see(&mut self, phase: &PhaseId, facts: &Facts) -> BTreeMap<String, TableProgress> {
        let found = TableProgress::of(facts);
        if !found.is_empty() || self.seen.as_ref().is_some_and(|(seen, _)| seen != phase) {
            self.seen = Some((phase.clone(), found));
        }
        self.seen.as_ref().map(|(_, tables)| tables.clone()).unwrap_or_default()
    }

    /// What the next look shall ask for as well, if it is time to.
    pub fn ask(&mut self, phase: &PhaseId, query: Query, elapsed: Duration) {
        let (first, last) = match &self.asked_at {
            Some((known, first, last)) if known == phase => (*first, Some(*last)),
            _ => (elapsed, None),
        };
        let every = (elapsed.saturating_sub(first) / 8).clamp(OFTEN, SELDOM);
        if last.is_none_or(|last| elapsed.saturating_sub(last) >= every) {
            self.asked_at = Some((phase.clone(), first, elapsed));
            self.asked = query;
        }
    }

    pub fn take_asked(&mut self) -> Query {
        std::mem::take(&mut self.asked)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::port::{Answer, Ask};
    use crate::family::move_tables::fixtures::{World, commerce_to_customer};
    use crate::model::workflow::{CopyPhase, TableCopy, WorkflowStatus};

    fn ask() -> Ask {
        let movement = commerce_to_customer();
        Ask::CopyProgress { keyspace: movement.target().clone(), workflow: movement.workflow().clone() }
    }

    fn facts(rows_copied: Option<i64>) -> Facts {
        let mut world = World::after(&["create"]);
        if let Some(rows_copied) = rows_copied {
            let phase = CopyPhase::InProgress;
            let copy = TableCopy { rows_copied, rows_total: 9, bytes_copied: 0, bytes_total: 0, phase };
            let status = WorkflowStatus { table_copies: [("corder".to_owned(), copy)].into(), traffic_state: String::new() };
            world.answer(ask(), Ok(Answer::CopyProgress(status)));
        }
        world.facts
    }

    #[test]
    fn what_was_seen_last_is_shown_until_another_phase_waits() {
        let mut shown = Shown::default();
        let rows = |tables: BTreeMap<String, TableProgress>| tables.get("corder").map(|table| table.rows_copied);
        assert_eq!(rows(shown.see(&PhaseId::COPY, &facts(Some(3)))), Some(3));
        assert_eq!(rows(shown.see(&PhaseId::COPY, &facts(None))), Some(3), "this look did not ask");
        assert_eq!(rows(shown.see(&PhaseId::COPY, &facts(Some(5)))), Some(5));
        assert_eq!(rows(shown.see(&PhaseId::VERIFY, &facts(None))), None, "it is no copy's any more");
    }

    #[test]
    fn what_lasts_is_asked_for_less_and_less_often() {
        let mut shown = Shown::default();
        let query = || Query { asks: [ask()].into(), ..Query::default() };
        let mut asked_at = |seconds: std::ops::Range<u64>| -> Vec<u64> {
            let is_asked = |second: &u64| {
                shown.ask(&PhaseId::COPY, query(), Duration::from_secs(*second));
                !shown.take_asked().asks.is_empty()
            };
            seconds.filter(is_asked).collect()
        };
        assert_eq!(asked_at(0..6), [0, 1, 2, 3, 4, 5]);
        assert_eq!(asked_at(100..118), [100, 105, 110, 115]);
    }
}
