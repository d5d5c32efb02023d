//! The machine: pure decisions about what comes next.

pub mod decision;
pub mod gates;
pub mod machine;
#[cfg(test)]
mod machine_tests;
pub mod pages;
#[cfg(test)]
pub mod fixtures;
pub mod phase;
pub mod reconcile;
#[cfg(test)]
mod reconcile_tests;
pub mod retry;
pub mod watch;
