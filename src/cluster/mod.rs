//! The port to a cluster, and what plugs into it.
//!
//! [`port`] says what can be asked ([`port::Reader`]) and done ([`port::Writer`]); every write is a value in [`mutation`].

pub mod error;
pub mod fingerprint;
pub mod mutation;
pub mod port;
mod text;
pub mod vtctld;

pub use error::{ClusterError, Effect, ErrorKind};
pub use text::printable;
