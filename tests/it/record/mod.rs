//! The record and the lease: what stands in the file, what happens when a call to the file system fails, and what other processes do.

mod faults;
mod format;
mod kept;
mod lease;
mod places;
mod processes;
mod sample;
mod store;
