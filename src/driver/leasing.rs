//! The lease in the loop: taken before a write and before another process's write is judged, given back at every wait.

use super::{Driver, DriverError, Finish};
use crate::record::lease::LeaseError;
use crate::record::progress::Progress;
use crate::record::store::Record;
use crate::report::event::Level;

/// Whether this run may judge a write without outcome.
pub(super) enum Judge {
    May,
    Waits,
    Leaves(Finish),
}

impl Driver<'_> {
    /// A write without outcome that isn't this run's own may be another process's, still alive. Who has the lease judges it; a run
    /// that waits does so until the other has ended.
    pub(super) fn lease_of_an_open_attempt(&mut self, record: &Record, progress: &Progress) -> Result<Judge, DriverError> {
        let Some(open) = &progress.open_attempt else { return Ok(Judge::May) };
        let is_ours = open.serial > self.watch.began_at_serial
            && record.entries.iter().any(|entry| entry.serial == open.serial && self.is_by_us(entry));
        if is_ours || self.lease.is_some() {
            return Ok(Judge::May);
        }
        // What it was judged on must have been read with the lease: the other may have ended in between.
        match self.try_lease()? {
            None => Ok(Judge::Waits),
            Some(Finish::Busy(words)) if self.options.wait && self.options.time_jumps.is_none() => {
                if self.told.insert(words.clone()) {
                    self.say(Level::Info, &format!("{words}; waiting for its end"));
                }
                Ok(Judge::Waits)
            }
            Some(finish) => Ok(Judge::Leaves(finish)),
        }
    }

    /// Tries for the lease. A finish when others have had it for longer than this run is patient.
    pub(super) fn try_lease(&mut self) -> Result<Option<Finish>, DriverError> {
        match (self.ports.take_lease)() {
            Ok(lease) => {
                self.busy_since = None;
                self.lease = Some(lease);
            }
            Err(LeaseError::Held(held)) => {
                let now = self.ports.clock.now();
                let since = *self.busy_since.get_or_insert(now);
                if now.duration_since(since).unsigned_abs() >= self.options.lease_patience {
                    return Ok(Some(Finish::Busy(held.to_string())));
                }
            }
            Err(error) => return Err(error.into()),
        }
        Ok(None)
    }

    /// The lease is the right to write: given back at every wait, but not while a write of ours may be under way.
    pub(super) fn give_lease_back(&mut self, progress: &Progress) {
        if progress.open_attempt.is_none() {
            self.lease = None;
        }
    }
}
