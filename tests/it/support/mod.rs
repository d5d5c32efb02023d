//! A vtctld that does as it is told, and a wire to it that can be cut.

mod by_hand;
mod certificates;
pub mod console;
mod program;
mod terminal;
mod vtctld;
mod wire;

pub use by_hand::{cluster_of, sandbox_of, switch_by_hand, time_passes};
pub use certificates::Authority;
pub use program::{Output, TestEnv};
pub use vtctld::{FakeVtctld, Reply};
pub use wire::Wire;
