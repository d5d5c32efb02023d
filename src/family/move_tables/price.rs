//! What standing still before a gate costs, and what passing it will: what an operator weighs at a hold.

use super::MoveTables;
use crate::family::View;
use crate::run::phase::PhaseId;

/// How long vtgate keeps an application's writes waiting before it refuses them (`--buffer-window`, its default).
const BUFFER_SECONDS: u64 = 10;

pub fn of(movement: &MoveTables, phase: &PhaseId, _view: &View<'_>) -> Vec<String> {
    let switch = &movement.spec.switch;
    match phase {
        phase if *phase == PhaseId::SWITCH_PRIMARY => vec![format!(
            "writes pause for about 2 s when calm, at worst {} s of catch-up; vtgate holds them back for {BUFFER_SECONDS} s by default",
            switch.timeout_seconds
        )],
        _ => vec![],
    }
}
