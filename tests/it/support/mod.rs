//! A vtctld that does as it is told, and a wire to it that can be cut.

mod certificates;
pub mod console;
mod program;
mod vtctld;
mod wire;

pub use certificates::Authority;
pub use program::{Output, TestEnv};
pub use vtctld::{FakeVtctld, Reply};
pub use wire::Wire;
