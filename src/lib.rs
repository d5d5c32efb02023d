//! Cutover.

pub mod cluster;
