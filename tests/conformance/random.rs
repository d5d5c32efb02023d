//! Scripts of random steps.

use super::stage::Stage;
use super::{Mode, settle};

pub const SEEDS: [u64; 0] = [];

pub fn name(seed: u64) -> String {
    format!("random/{seed}")
}

pub async fn run(seed: u64, stage: &dyn Stage, mode: Mode) -> Result<(), String> {
    stage.reset().await;
    settle(&name(seed), "", mode)
}
