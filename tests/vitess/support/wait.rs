//! Waiting for what will come: by looking again and again, up to a limit.

use std::thread::sleep;
use std::time::{Duration, Instant};

/// Looks until `look` finds something, and gives it. Panics after `limit`, with what was waited for.
pub fn until<T>(limit: Duration, what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let begin = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(begin.elapsed() < limit, "waited {} s in vain: {what}", limit.as_secs());
        sleep(Duration::from_millis(50));
    }
}

/// `until` for a condition.
pub fn until_true(limit: Duration, what: &str, mut holds: impl FnMut() -> bool) {
    until(limit, what, || holds().then_some(()));
}
