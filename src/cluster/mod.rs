//! The port to a cluster, and what plugs into it.
//!
//! [`port`] says what can be asked ([`port::Reader`]) and done ([`port::Writer`]); every write is a value in [`mutation`].

pub mod error;
pub mod mutation;
pub mod port;
pub mod vtctld;
