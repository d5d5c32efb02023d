//! A write that did not happen: when it is tried again, and when no longer.
//!
//! A lock that somebody held, a tablet that was restarting: a second try a little later often does. A refusal that stays is the
//! cluster's answer, and is passed on.

use jiff::Timestamp;

use super::phase::PhaseId;
use super::watch::Watch;
use crate::cluster::mutation::Mutation;
use crate::record::progress::{Attempt, Progress};

/// How long to wait after the first try that came to nothing, and after the second. A third is the last.
const WAITS_SECONDS: [i64; 2] = [2, 15];

/// Tries in a row that were never sent, for nothing fresh could be seen. They tell of this machine and not of the cluster.
const MOST_NOT_SENT: usize = 10;

/// Whether a write is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Retry {
    Now,
    /// It came to nothing a moment ago; in so many seconds again.
    In(i64, String),
    /// The cluster has said no often enough; its words.
    NoMore(String),
    /// The connection to vtctld broke in it often enough; the last words of the transport.
    Lost(String),
    /// We may not do it; the server's words.
    NotAllowed(String),
}

/// Judges a write by what became of the same write in this run. `is_between`: the cluster is between whole states, and leaving it so is
/// worse than going on with a slow disk.
pub fn judge(
    progress: &Progress,
    watch: &Watch,
    phase: &PhaseId,
    mutation: &Mutation,
    now: Timestamp,
    is_between: bool,
) -> Retry {
    let (mut undone, mut not_sent) = (0, 0);
    let mut last: Option<&Attempt> = None;
    let mine = |attempt: &&Attempt| attempt.serial > watch.began_at_serial && &attempt.phase == phase;
    for attempt in progress.attempts.iter().rev().filter(mine).filter(|attempt| is_the_same(&attempt.mutation, mutation)) {
        if !attempt.came_to_nothing() && !attempt.is_half_done() {
            break;
        }
        if attempt.was_not_sent() {
            not_sent += 1;
        } else {
            undone += 1;
        }
        last = last.or(Some(attempt));
    }
    let Some(attempt) = last else { return Retry::Now };
    let words = attempt.evidence.join("; ");
    if attempt.was_not_sent() {
        return if not_sent < MOST_NOT_SENT || is_between { Retry::Now } else { Retry::NoMore(words) };
    }
    let call = watch.call_of(attempt.attempt);
    if call.is_some_and(|call| call.not_allowed) {
        return Retry::NotAllowed(words);
    }
    // What stopped half way is made whole by other rules, which end it; here it is given time: a failover takes some seconds.
    let last_wait = attempt.is_half_done().then_some(&WAITS_SECONDS[1]);
    let Some(wait) = WAITS_SECONDS.get(undone - 1).or(last_wait) else {
        return if call.is_some_and(|call| call.lost) { Retry::Lost(words) } else { Retry::NoMore(words) };
    };
    let since = attempt.outcome.map_or(0, |(_, at)| now.duration_since(at).as_secs());
    if since >= *wait { Retry::Now } else { Retry::In(wait - since, words) }
}

/// The same verb to the same end. The set of routing rules, the id of a VDiff differ from try to try.
fn is_the_same(one: &Mutation, other: &Mutation) -> bool {
    match (one, other) {
        (Mutation::SwitchTraffic(one), Mutation::SwitchTraffic(other)) => {
            (&one.tablet_types, one.direction) == (&other.tablet_types, other.direction)
        }
        (Mutation::SetStreams(one), Mutation::SetStreams(other)) => one.wanted == other.wanted,
        _ => std::mem::discriminant(one) == std::mem::discriminant(other),
    }
}
