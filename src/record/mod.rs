//! The record of a movement: entries, the fold over them, and where they are kept; and the lease, the right to act.
//!
//! The record says what was tried; the cluster says what is. A record is appended to with compare-and-swap on its serial, by
//! whoever acts, approves or turns back; the lease is held by the one process that writes to the cluster.

mod compact;
mod diagnosis;
pub mod entry;
pub mod error;
pub mod file;
pub mod file_system;
pub mod format;
pub mod kept;
pub mod lease;
pub mod memory;
pub mod progress;
pub mod store;
pub mod who;
