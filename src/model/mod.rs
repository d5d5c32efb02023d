//! The words: plain data about a Vitess cluster, in Vitess's own terms. No I/O, no clock, no decisions.
//!
//! Collections are ordered (`BTreeMap`, sorted `Vec`), because Vitess answers in random order and everything here is compared,
//! digested and printed.

pub mod digest;
pub mod journal;
pub mod keys;
pub mod name;
pub mod routing;
pub mod schema;
pub mod schema_change;
pub mod shared;
pub mod sql;
pub mod stream_user;
pub mod throttler;
pub mod topology;
pub mod vdiff;
pub mod vschema;
pub mod workflow;
