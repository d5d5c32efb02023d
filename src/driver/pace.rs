//! How often a run looks while it waits. What has just begun is over soon, or lasts: looks come close together at first and nearly a
//! second apart in the end, so that the end of a wait is seen within a thirtieth of its length, and, with the look itself, within a
//! second.

use std::time::Duration;

use crate::run::phase::PhaseId;

const SHORTEST: Duration = Duration::from_millis(50);
pub const LONGEST: Duration = Duration::from_millis(900);

/// What is waited for, and since when by a clock that nobody sets. A write or an entry of the record begins another wait.
#[derive(Debug, Default)]
pub struct Pace {
    since: Option<(PhaseId, Duration)>,
}

impl Pace {
    /// How long to wait now for what this phase waits for.
    pub fn pause(&mut self, phase: &PhaseId, elapsed: Duration) -> Duration {
        let since = match &self.since {
            Some((known, since)) if known == phase => *since,
            _ => {
                self.since = Some((phase.clone(), elapsed));
                elapsed
            }
        };
        (elapsed.saturating_sub(since) / 32).clamp(SHORTEST, LONGEST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn looks_grow_apart_and_never_a_second() {
        let mut pace = Pace::default();
        let mut elapsed = Duration::from_secs(7);
        let mut looks = Vec::new();
        while elapsed < Duration::from_secs(67) {
            let pause = pace.pause(&PhaseId::COPY, elapsed);
            looks.push(pause);
            elapsed += pause;
        }
        assert_eq!(looks.first(), Some(&SHORTEST));
        assert_eq!(looks.last(), Some(&LONGEST));
        assert!(looks.is_sorted());
        assert!(looks.len() < 190, "{} looks in a minute", looks.len());
    }

    #[test]
    fn another_phase_begins_anew() {
        let mut pace = Pace::default();
        pace.pause(&PhaseId::COPY, Duration::ZERO);
        assert_eq!(pace.pause(&PhaseId::COPY, Duration::from_secs(60)), LONGEST);
        assert_eq!(pace.pause(&PhaseId::VERIFY, Duration::from_secs(60)), SHORTEST);
    }
}
