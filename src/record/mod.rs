//! The record of a movement: entries, the fold over them, and where they are kept.

pub mod entry;
pub mod progress;
