//! Whether this machine's clock was set, or the machine slept: what a run counted in the time of before says nothing then.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

/// A second of difference is a clock being kept right.
const TOLERATED: SignedDuration = SignedDuration::from_secs(2);

/// Compares the clock with one that nobody sets.
#[derive(Debug, Default)]
pub struct ClockJumps {
    last: Option<(Timestamp, Duration)>,
}

impl ClockJumps {
    /// By how many seconds the clock was set since the last look, if it was.
    pub fn see(&mut self, now: Timestamp, elapsed: Duration) -> Option<i64> {
        let (then, elapsed_then) = self.last.replace((now, elapsed))?;
        let passed = SignedDuration::try_from(elapsed.saturating_sub(elapsed_then)).ok()?;
        let jump = now.duration_since(then) - passed;
        (jump.abs() > TOLERATED).then(|| jump.as_secs())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_clock_that_was_set_jumps() {
        let mut jumps = ClockJumps::default();
        let mut see = |seconds, elapsed| jumps.see(Timestamp::from_second(seconds).unwrap(), Duration::from_secs(elapsed));
        assert_eq!(see(1000, 0), None);
        assert_eq!(see(1600, 600), None);
        assert_eq!(see(1601, 600), None);
        assert_eq!(see(5200, 601), Some(3598));
        assert_eq!(see(1300, 602), Some(-3901));
    }
}
