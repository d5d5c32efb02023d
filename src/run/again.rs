//! The command that tries again what a run stopped at.

use super::phase::PhaseId;
use crate::cluster::mutation::shell;

/// The command that goes on with a phase. None for a repair: only whoever typed it knows what it was of.
pub fn command(phase: Option<&PhaseId>, workflow: &str) -> Option<String> {
    match phase.map_or("", PhaseId::as_str) {
        "repair" => None,
        "switch-back" => Some("cutover switch-back".to_owned()),
        "cancel" => Some(format!("cutover cancel --confirm {}", shell(workflow))),
        "restore-rules" => Some("cutover restore-rules".to_owned()),
        _ => Some("cutover apply".to_owned()),
    }
}

/// The same within a sentence: after "then".
pub fn words(phase: &PhaseId, workflow: &str) -> String {
    command(Some(phase), workflow).map_or_else(|| "run the same command again".to_owned(), |command| format!("`{command}`"))
}
