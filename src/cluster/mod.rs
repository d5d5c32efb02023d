//! The port to a cluster, and what plugs into it.
//!
//! [`port`] says what can be asked ([`port::Reader`]) and done ([`port::Writer`]); every write is a value in [`mutation`]. [`vtctld`]
//! is the adapter to vtctld, [`topo`] the one to the topology server behind it, for the one thing that vtctld has no call for.

pub mod error;
pub mod fingerprint;
pub mod mutation;
pub mod port;
mod text;
pub mod topo;
pub mod vtctld;

pub use error::{ClusterError, Effect, ErrorKind};
pub use text::{printable, without_user_info};
