//! The machine: pure decisions about what comes next.

pub mod phase;
