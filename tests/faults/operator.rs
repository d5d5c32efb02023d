//! An operator who follows a script of commands: runs one again until it has done what it is for, approves where it holds, waits
//! where it says wait, and raises nothing.

use std::time::Duration;

use cutover::run::decision::{HoldKind, StopKind};

use super::adversary;
use super::command::Command;
use super::life::{End, World};

/// A named lock whose owner is proven dead.
const STALE_LOCK: &str = "C408";
/// How often one command is run, at the most.
const ROUNDS: usize = 12;
/// A stop that comes so often is the end.
const SAME_STOPS: usize = 3;

/// How one command of the script came to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    Done,
    /// It stands there, and says why.
    Stands(End),
    /// It goes round.
    Endless(End),
}

/// Runs a command until it is done or stands.
pub async fn carry_out(world: &World, command: &Command) -> Outcome {
    if *command == Command::Deploy {
        world.sandbox.connect_application("customer").unwrap();
        return Outcome::Done;
    }
    if *command == Command::ComparesBack {
        adversary::compares_back(&world.sandbox).await;
        return Outcome::Done;
    }
    let mut stops = 0;
    let mut last = End::Killed;
    for _ in 0..ROUNDS {
        let end = world.live(command).await;
        let wait_seconds = match &end {
            End::Done => return Outcome::Done,
            End::Killed => 1,
            End::Held(gate, HoldKind::Gate | HoldKind::VoidApproval | HoldKind::AttemptFailed) => {
                world.live(&Command::Approve(gate.clone())).await;
                0
            }
            // The ways that hold when they are at their end.
            End::Held(_, HoldKind::SwitchedBack | HoldKind::Paused) => return Outcome::Done,
            End::Held(..) => 30,
            // The message names the key, and so he takes it away.
            End::Stopped(_, words) if words.contains(STALE_LOCK) => {
                world.sandbox.take_away_named_lock("customer", "c2c").unwrap();
                world.sandbox.take_away_named_lock("commerce", "c2c_reverse").unwrap();
                0
            }
            // Looked at often enough.
            End::Idle(_) => return Outcome::Stands(end),
            End::Stopped(StopKind::Refused | StopKind::NeedsHuman, _) | End::Refused(..) => {
                stops += 1;
                if stops == SAME_STOPS {
                    return Outcome::Stands(end);
                }
                60
            }
            End::Stopped(..) => return Outcome::Stands(end),
            // vtctld is away for two minutes at a time, and by chance several times.
            End::Unreachable => 60,
            End::Busy | End::Overtaken | End::Files(_) => 10,
        };
        tokio::time::sleep(Duration::from_secs(wait_seconds)).await;
        last = end;
    }
    Outcome::Endless(last)
}
