//! What the process says when it ends. Scripts rest on these numbers: they never change their meaning.

use std::process::ExitCode;

use crate::run::decision::StopKind;

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Done, or nothing to do. `status`: whenever it can read.
    Done,
    /// Failed.
    Failed,
    /// `plan --detailed-exitcode`: there are changes.
    Changes,
    /// Held by a gate, a window, the revert window, or for want of a quiet moment. Nothing is wrong.
    Held,
    /// Refused by a check, a condition or the cluster; traffic is where it was. Also `plan` when it is blocked.
    Refused,
    /// The cluster is between states or contradicts the record. `doctor` says what; `apply --finish-only` or `repair` mends it.
    NeedsHuman,
    /// Somebody else is acting on this movement.
    Busy,
    /// A stale plan, a void approval, an edit of a frozen part, another cluster or lineage.
    Stale,
    /// The command line asks for something that there is not.
    Usage,
    /// A bad plan file, lockfile or operator's file.
    BadFile,
    /// vtctld cannot be reached.
    Unreachable,
    /// vtctld does not allow it.
    NotAllowed,
    /// Stopped by SIGINT at a safe point.
    Interrupted,
    /// Stopped by SIGTERM at a safe point.
    Terminated,
}

impl Exit {
    /// Every exit, for tables of them.
    pub const ALL: [Exit; 14] = [
        Exit::Done,
        Exit::Failed,
        Exit::Changes,
        Exit::Held,
        Exit::Refused,
        Exit::NeedsHuman,
        Exit::Busy,
        Exit::Stale,
        Exit::Usage,
        Exit::BadFile,
        Exit::Unreachable,
        Exit::NotAllowed,
        Exit::Interrupted,
        Exit::Terminated,
    ];

    /// Of a run that something stopped.
    pub fn of_stop(kind: StopKind) -> Self {
        match kind {
            StopKind::Refused => Self::Refused,
            StopKind::NeedsHuman => Self::NeedsHuman,
            StopKind::Stale => Self::Stale,
            StopKind::NotAllowed => Self::NotAllowed,
        }
    }

    pub fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Changes => 2,
            Self::Held => 3,
            Self::Refused => 4,
            Self::NeedsHuman => 5,
            Self::Busy => 6,
            Self::Stale => 7,
            Self::Usage => 64,
            Self::BadFile => 65,
            Self::Unreachable => 69,
            Self::NotAllowed => 77,
            Self::Interrupted => 130,
            Self::Terminated => 143,
        }
    }

    /// One line for the manual.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Done => "done, or nothing to do (`status`: whenever it can read)",
            Self::Failed => "failed",
            Self::Changes => "`plan --detailed-exitcode`: there are changes",
            Self::Held => "held: gate, window, revert window, no quiet moment. Nothing is wrong",
            Self::Refused => "refused by a check, a condition or the cluster; traffic is where it was. Also `plan` when blocked",
            Self::NeedsHuman => {
                "the cluster is between states or contradicts the record: `doctor` says what, `apply --finish-only` or \
                 `repair` mends it"
            }
            Self::Busy => "somebody else is acting on this movement",
            Self::Stale => "stale plan, void approval, frozen part edited, another cluster or lineage",
            Self::Usage => "usage",
            Self::BadFile => "a bad plan file, lockfile or operator's file",
            Self::Unreachable => "vtctld cannot be reached",
            Self::NotAllowed => "vtctld does not allow it",
            Self::Interrupted => "stopped by SIGINT at a safe point",
            Self::Terminated => "stopped by SIGTERM at a safe point",
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit.code())
    }
}
