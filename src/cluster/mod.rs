//! The Vitess cluster as the rest of the program meets it.

pub mod vtctld;
