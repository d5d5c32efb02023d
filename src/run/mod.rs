//! The machine: pure decisions about what comes next.

pub mod again;
pub mod decision;
pub mod drift;
#[cfg(test)]
pub mod fixtures;
pub mod forsaken;
pub mod gates;
mod holding;
pub mod locks;
pub mod machine;
#[cfg(test)]
mod machine_tests;
pub mod pages;
pub mod phase;
pub mod reconcile;
#[cfg(test)]
mod reconcile_tests;
pub mod refusal;
pub mod retry;
mod stops;
pub mod watch;
