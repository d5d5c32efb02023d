//! The Vitess cluster as the rest of the program meets it.

pub mod error;
mod text;
pub mod vtctld;

pub use error::{ClusterError, Effect, ErrorKind};
pub use text::printable;
