//! The machine: pure decisions about what comes next.

pub mod decision;
pub mod gates;
pub mod machine;
pub mod pages;
pub mod phase;
pub mod reconcile;
pub mod retry;
pub mod watch;
