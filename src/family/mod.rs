//! Workflow families. The machine knows none of them.

pub mod move_tables;
