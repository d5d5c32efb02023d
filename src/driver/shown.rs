//! What is shown while something is waited for, and nothing is decided by: asked for less often than a look is taken, for each answer
//! costs the tablets more than a look does; what was seen last is shown in between.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

use crate::cluster::port::{Answer, Facts, Query};
use crate::report::event::TableProgress;
use crate::run::phase::PhaseId;

/// What lasts is asked for less and less often, between these.
const OFTEN: Duration = Duration::from_secs(1);
const SELDOM: Duration = Duration::from_secs(5);

#[derive(Debug, Default)]
pub struct Shown {
    /// Of which phase.
    seen: Option<(PhaseId, Tables)>,
    /// Of which phase it was asked, first and last, by a clock that nobody sets.
    asked_at: Option<(PhaseId, Duration, Duration)>,
    asked: Query,
}

/// How far each table of a copy was, and when.
#[derive(Debug, Clone, Default)]
pub struct Tables {
    pub by_name: BTreeMap<String, TableProgress>,
    pub at: Option<Timestamp>,
}

impl Shown {
    /// How far the tables are: as this look found it, or else the last one of the same phase that asked. No table is left to tell of
    /// once the rows are copied (`getCopyProgress`, go/vt/vtctl/workflow/server.go).
    pub fn see(&mut self, phase: &PhaseId, facts: &Facts) -> Tables {
        let has_asked = facts.answers.iter().any(|answered| matches!(answered.answer, Ok(Answer::CopyProgress(_))));
        if has_asked {
            let tables = Tables { by_name: TableProgress::of(facts), at: Some(facts.observed_at) };
            self.seen = Some((phase.clone(), tables));
        }
        let of_this_phase = self.seen.as_ref().filter(|(seen, _)| seen == phase);
        of_this_phase.map(|(_, tables)| tables.clone()).unwrap_or_default()
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
    use crate::cluster::port::Ask;
    use crate::family::move_tables::fixtures::{World, commerce_to_customer};
    use crate::model::workflow::{CopyPhase, TableCopy, WorkflowStatus};

    fn ask() -> Ask {
        let movement = commerce_to_customer();
        Ask::CopyProgress { keyspace: movement.target().clone(), workflow: movement.workflow().clone() }
    }

    /// Of a look that did not ask, or that found so many rows of a table copied, or no copy.
    fn facts(asked: Option<Option<i64>>) -> Facts {
        let mut world = World::after(&["create"]);
        if let Some(rows_copied) = asked {
            let copy = |rows_copied| TableCopy {
                rows_copied,
                rows_total: 9,
                bytes_copied: 0,
                bytes_total: 0,
                phase: CopyPhase::InProgress,
            };
            let table_copies = rows_copied.map(|rows_copied| ("corder".to_owned(), copy(rows_copied))).into_iter().collect();
            let status = WorkflowStatus { table_copies, traffic_state: String::new() };
            world.answer(ask(), Ok(Answer::CopyProgress(status)));
        }
        world.facts
    }

    #[test]
    fn what_was_seen_last_is_shown_until_another_phase_waits() {
        let mut shown = Shown::default();
        let rows = |tables: Tables| tables.by_name.get("corder").map(|table| table.rows_copied);
        assert_eq!(rows(shown.see(&PhaseId::COPY, &facts(Some(Some(3))))), Some(3));
        assert_eq!(rows(shown.see(&PhaseId::COPY, &facts(None))), Some(3), "this look did not ask");
        assert_eq!(rows(shown.see(&PhaseId::COPY, &facts(Some(Some(5))))), Some(5));
        assert_eq!(rows(shown.see(&PhaseId::VERIFY, &facts(None))), None, "it is no copy's any more");
        assert_eq!(rows(shown.see(&PhaseId::COPY, &facts(Some(None)))), None, "the rows are copied, the streams catch up");
        assert_eq!(rows(shown.see(&PhaseId::COPY, &facts(None))), None);
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
