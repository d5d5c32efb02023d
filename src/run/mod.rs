//! The machine: pure decisions about what comes next.

pub mod phase;
pub mod watch;
