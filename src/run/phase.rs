//! Phases by name. The machine knows no family; a phase is what the plan file, the record and people call a stretch of the way.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

/// A phase's name, as it stands in plan file and record: `switch-primary`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(transparent)]
pub struct PhaseId(Cow<'static, str>);

impl PhaseId {
    /// Not of the way forward: mending what a movement has left, whoever made it.
    pub const REPAIR: PhaseId = PhaseId(Cow::Borrowed("repair"));
    pub const PRE_CHECK: PhaseId = PhaseId(Cow::Borrowed("pre-check"));
    pub const CREATE: PhaseId = PhaseId(Cow::Borrowed("create"));
    pub const COPY: PhaseId = PhaseId(Cow::Borrowed("copy"));
    pub const VERIFY: PhaseId = PhaseId(Cow::Borrowed("verify"));
    pub const SWITCH_REPLICAS: PhaseId = PhaseId(Cow::Borrowed("switch-replicas"));
    pub const SWITCH_PRIMARY: PhaseId = PhaseId(Cow::Borrowed("switch-primary"));
    pub const REVERT_WINDOW: PhaseId = PhaseId(Cow::Borrowed("revert-window"));
    pub const COMPLETE: PhaseId = PhaseId(Cow::Borrowed("complete"));
    pub const REMOVE_RULES: PhaseId = PhaseId(Cow::Borrowed("remove-rules"));
    /// The way back of traffic, as a phase that can be recorded and held by nothing.
    pub const SWITCH_BACK: PhaseId = PhaseId(Cow::Borrowed("switch-back"));
    /// The end without a movement.
    pub const CANCEL: PhaseId = PhaseId(Cow::Borrowed("cancel"));
    /// Putting the routing rules back after `remove-rules`.
    pub const RESTORE_RULES: PhaseId = PhaseId(Cow::Borrowed("restore-rules"));

    pub fn new(text: impl Into<String>) -> Self {
        Self(Cow::Owned(text.into()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PhaseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
