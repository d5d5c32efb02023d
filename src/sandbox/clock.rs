//! The sandbox's time: as fast as this process's while a command runs, and still while none does.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

use crate::clock::Clock;

/// Goes on from the time of the last call to the sandbox. It follows tokio's clock, which a test can pause: then it jumps to the
/// next thing that anybody waits for as soon as nothing else is to do.
#[derive(Debug)]
pub struct SandboxClock {
    began: Instant,
    anchor: Mutex<(Instant, Timestamp)>,
}

impl SandboxClock {
    pub fn from(time: Timestamp) -> Self {
        let now = Instant::now();
        Self { began: now, anchor: Mutex::new((now, time)) }
    }

    /// Another process has taken the sandbox's time further than this one: goes on from there. Never backwards.
    pub fn catch_up_with(&self, time: Timestamp) {
        if time > self.now() {
            *self.anchor.lock().unwrap_or_else(PoisonError::into_inner) = (Instant::now(), time);
        }
    }
}

impl Clock for SandboxClock {
    fn now(&self) -> Timestamp {
        let (instant, time) = *self.anchor.lock().unwrap_or_else(PoisonError::into_inner);
        time.saturating_add(SignedDuration::try_from(instant.elapsed()).unwrap_or(SignedDuration::MAX)).unwrap_or(Timestamp::MAX)
    }

    fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }
}
