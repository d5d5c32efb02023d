//! Whether a command can do from here what it is for. Judged before its goal goes on record: a goal that was put by mistake would
//! stand, and turn the movement round or bar its way.

use super::error::Error;
use super::exit::Exit;
use crate::cluster::mutation::Mutation;
use crate::family::move_tables::adoption::TARGET_MAY_HAVE_TAKEN_WRITES;
use crate::family::{Situation, SituationKind};
use crate::record::entry::{Goal, OutcomeResult};
use crate::record::progress::Progress;
use crate::run::phase::PhaseId;

/// What a command wants of the movement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    SwitchBack,
    Cancel,
    RestoreRules,
    Pause,
    Resume,
}

const STATUS: &str = "`cutover status` says where the movement stands";

/// Refuses a command that can't do from here what it is for.
pub fn judge(way: Way, situation: &Situation, progress: &Progress) -> Result<(), Error> {
    use SituationKind::{Between, Cancelled, Completed, Contradictory, Ended, Foreign, Moving, NotBegun, Switched};
    let refused = |what: &str, help: &str| {
        Err(Error::ended(Exit::Refused, format!("{what}: {}; nothing was put on record", situation.words), help))
    };
    let between = |help: &str| {
        let against = situation.contradictions.join("; ");
        let words = format!("{}: {against}; nothing was put on record", situation.words);
        Err(Error::ended(Exit::NeedsHuman, words, help))
    };
    let open = progress.open_attempt.as_ref();
    match situation.kind {
        Foreign => return refused("the workflow is not ours", STATUS),
        // A write under way explains it, and the run looks at that first.
        Contradictory if open.is_none() => return between(STATUS),
        _ => {}
    }
    let completing = open.or(progress.attempts.last()).is_some_and(|last| {
        matches!(last.mutation, Mutation::CompleteMoveTables(_))
            && !matches!(last.outcome, Some((OutcomeResult::Done | OutcomeResult::NotDone | OutcomeResult::RolledBack, _)))
    });
    if completing && matches!(way, Way::SwitchBack | Way::Cancel) {
        return Err(Error::ended(
            Exit::NeedsHuman,
            "`complete` was sent, and it is not known to have failed; nothing was put on record",
            "`cutover apply --finish-only` looks what became of it; if it did not happen, run this again",
        ));
    }
    match (way, situation.kind) {
        (Way::SwitchBack, Completed | Ended) => refused(
            "there is no way back from here",
            "after `complete` the rows live in the target alone; a way back is a new movement from there",
        ),
        (Way::SwitchBack, NotBegun | Cancelled) if open.is_none() => refused("there is nothing to switch back", STATUS),
        (Way::Cancel, Switched) => refused("it can't be cancelled while the target takes writes", "`cutover switch-back` first"),
        (Way::Cancel, Completed | Ended) => refused("it can't be cancelled", STATUS),
        (Way::Cancel, Moving) if may_drop_the_only_copy(progress) => refused(
            "it was taken over without proof that only the source took writes, and cancelling would drop rows that only the target has",
            "`cutover apply --until verify` compares every row; when none differs, cancel",
        ),
        (Way::RestoreRules, Ended | Completed) => Ok(()),
        // Its own write or that of `remove-rules` stopped half way.
        (Way::RestoreRules, Between) if progress.attempts.last().is_some_and(|last| is_of_rules(&last.phase)) => Ok(()),
        (Way::RestoreRules, _) => refused("there is nothing to restore", STATUS),
        (Way::Pause, _) if progress.goal() != Goal::Forward => {
            refused("it is not on its way forward, and only that is paused", STATUS)
        }
        (Way::Pause, Moving) => Ok(()),
        (Way::Pause, Switched | Completed | Ended | Cancelled) => refused("there is no stream to pause", STATUS),
        (Way::Pause, _) if open.is_some() => Ok(()),
        (Way::Pause, NotBegun) => refused("there is no stream to pause", STATUS),
        (Way::Pause, _) => between("`cutover apply --finish-only` makes it whole first"),
        (Way::Resume, _) if progress.goal() == Goal::Cancelled => {
            refused("it is being cancelled", "`cutover cancel --confirm WORKFLOW` goes on with that")
        }
        (Way::Resume, Switched | Completed | Ended | Cancelled) if !progress.paused => {
            refused("there is no stream to start", STATUS)
        }
        (Way::Resume, NotBegun) if open.is_none() && !progress.paused => refused("there is no stream to start", STATUS),
        _ => Ok(()),
    }
}

/// Whether it was taken over in a doubt that only a comparison of ours settles, and none has.
fn may_drop_the_only_copy(progress: &Progress) -> bool {
    let Some(adoption) = &progress.adoption else { return false };
    let in_doubt = adoption.accepted.iter().any(|name| TARGET_MAY_HAVE_TAKEN_WRITES.contains(&name.as_str()));
    // Once it is on its way to the end, what was proven before counts.
    in_doubt && progress.goal() != Goal::Cancelled && !progress.reached.contains_key(&PhaseId::VERIFY)
}

fn is_of_rules(phase: &PhaseId) -> bool {
    [PhaseId::REMOVE_RULES, PhaseId::RESTORE_RULES].contains(phase)
}

/// Refuses an approval while the movement is on another way than forward: it would turn that round in the middle.
pub fn judge_approval(progress: &Progress) -> Result<(), Error> {
    let (phase, command) = match progress.goal() {
        Goal::Forward => return Ok(()),
        Goal::SwitchedBack => (PhaseId::SWITCH_BACK, "cutover switch-back"),
        Goal::RulesRestored => (PhaseId::RESTORE_RULES, "cutover restore-rules"),
        Goal::Cancelled => {
            return Err(Error::ended(
                Exit::Refused,
                "the movement is cancelled, or on its way there: nothing can be approved",
                "`cutover cancel --confirm WORKFLOW` brings it to its end, and says how to begin anew",
            ));
        }
    };
    if is_reached(progress, &phase) {
        return Ok(());
    }
    let give_up = match may_be_given_up(progress) {
        true => "; the writes are where they were: `cutover approve GATE --give-up-way-back --reason TEXT` gives it up instead",
        false => "",
    };
    Err(Error::ended(
        Exit::Refused,
        "the way back is not at its end: an approval now would turn it round in the middle",
        format!("run `{command}` to its end first, then approve{give_up}"),
    ))
}

/// Whether a way back was asked for that is not at its end and has not touched the writes: it was refused, or waits.
pub fn may_be_given_up(progress: &Progress) -> bool {
    progress.goal() == Goal::SwitchedBack
        && !is_reached(progress, &PhaseId::SWITCH_BACK)
        && progress.has_left_the_writes_alone_since_its_goal()
}

/// Whether a cancel was seen to be done.
pub fn is_cancelled(progress: &Progress) -> bool {
    progress.goal() == Goal::Cancelled && is_reached(progress, &PhaseId::CANCEL)
}

/// Whether a phase was reached under the goal that stands.
fn is_reached(progress: &Progress, phase: &PhaseId) -> bool {
    let since = progress.goal.as_ref().map(|goal| goal.at);
    progress.reached.get(phase).is_some_and(|at| Some(*at) >= since)
}

#[cfg(test)]
#[path = "way_tests.rs"]
mod tests;
