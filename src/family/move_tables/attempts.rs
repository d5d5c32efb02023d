//! What our own attempts say about a movement: whether it was begun, cancelled, is being completed. Never what the cluster is.

use jiff::Timestamp;

use super::MoveTables;
use crate::cluster::mutation::Mutation;
use crate::record::entry::OutcomeResult;
use crate::record::progress::{Attempt, Progress};

/// How far our own creating and cancelling went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lifetime {
    NeverCreated,
    /// A create was sent, and was not seen done.
    MayBeCreated,
    /// By us, or by somebody else and taken over.
    Created,
    /// A cancel was sent after that; seen done or not.
    Cancelled {
        seen_done: bool,
    },
}

/// Whether an attempt's write may have happened: it is open, or its outcome doesn't say that nothing has changed.
pub fn may_have_happened(attempt: &Attempt) -> bool {
    !attempt.came_to_nothing()
}

pub fn was_seen_done(attempt: &Attempt) -> bool {
    matches!(attempt.outcome, Some((OutcomeResult::Done | OutcomeResult::Differs, _)))
}

/// The last attempt of a kind of write that may have happened.
pub fn last_of(progress: &Progress, is_wanted: impl Fn(&Mutation) -> bool) -> Option<&Attempt> {
    progress.attempts.iter().rev().find(|attempt| is_wanted(&attempt.mutation) && may_have_happened(attempt))
}

fn last_create(progress: &Progress) -> Option<&Attempt> {
    last_of(progress, |mutation| matches!(mutation, Mutation::CreateMoveTables(_)))
}

fn last_cancel(progress: &Progress) -> Option<&Attempt> {
    last_of(progress, |mutation| matches!(mutation, Mutation::CancelWorkflow(_)))
}

fn serial(attempt: Option<&Attempt>) -> u64 {
    attempt.map_or(0, |attempt| attempt.serial)
}

fn adopted_at_serial(progress: &Progress) -> u64 {
    progress.adoption.as_ref().map_or(0, |adoption| adoption.serial)
}

pub fn lifetime(progress: &Progress) -> Lifetime {
    let (create, adopted) = (last_create(progress), adopted_at_serial(progress));
    if create.is_none() && adopted == 0 {
        return Lifetime::NeverCreated;
    }
    if let Some(cancel) = last_cancel(progress).filter(|cancel| cancel.serial > serial(create).max(adopted)) {
        return Lifetime::Cancelled { seen_done: was_seen_done(cancel) };
    }
    // Half done and its streams on record: they were there. The ids alone prove nothing, for a look after they had gone notes none.
    let is_seen = |create: &Attempt| was_seen_done(create) || (create.outcome.is_some() && !progress.streams.is_empty());
    match create.filter(|create| create.serial > adopted) {
        Some(create) if !is_seen(create) => Lifetime::MayBeCreated,
        _ => Lifetime::Created,
    }
}

/// Whether a workflow that is there may be of our making: a create of ours may have happened, and no cancel since was seen done.
pub fn may_have_created(progress: &Progress) -> bool {
    !matches!(lifetime(progress), Lifetime::NeverCreated | Lifetime::Cancelled { seen_done: true })
}

/// Whether our complete has begun, and nothing since has led back before it.
pub fn is_completing(movement: &MoveTables, progress: &Progress) -> bool {
    let complete = last_of(progress, |mutation| matches!(mutation, Mutation::CompleteMoveTables(_)));
    let leads_back = last_of(progress, |mutation| match mutation {
        Mutation::CreateMoveTables(_) | Mutation::CancelWorkflow(_) => true,
        Mutation::SwitchTraffic(switch) => !movement.leads_to_target(switch),
        _ => false,
    });
    complete.is_some_and(|complete| complete.serial > serial(leads_back).max(adopted_at_serial(progress)))
}

/// The serial at which the last primary switch to the target was seen ended; that of the adoption where somebody else had made it,
/// or 0 when none is on record.
pub fn switched_at_serial(movement: &MoveTables, progress: &Progress) -> u64 {
    let forward = last_of(
        progress,
        |mutation| matches!(mutation, Mutation::SwitchTraffic(switch) if switch.moves_writes() && movement.leads_to_target(switch)),
    );
    forward.map_or(0, |attempt| attempt.serial.max(attempt.ended_at_serial)).max(adopted_at_serial(progress))
}

/// When the streams that are there were asked for or taken over, as a place in the record.
pub fn created_at_serial(progress: &Progress) -> u64 {
    serial(last_create(progress)).max(adopted_at_serial(progress))
}

/// When the streams that are there were asked for or taken over.
pub fn created_at(progress: &Progress) -> Option<Timestamp> {
    let adopted = progress.adoption.as_ref().map(|adoption| adoption.at);
    last_create(progress).map(|attempt| attempt.at).max(adopted)
}
