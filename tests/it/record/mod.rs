//! The record and the lease: what stands in the file, what happens when a call to the file system fails, and what other processes do.

mod damage;
mod disk;
mod faults;
mod format;
mod kept;
mod lease;
mod places;
mod power;
mod processes;
mod releases;
pub mod sample;
mod store;
