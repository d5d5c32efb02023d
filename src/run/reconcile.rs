//! After a write, or after a death in one: did it happen, and is everything else as it was?
//!
//! An attempt without outcome is never guessed. It is looked at until the cluster shows that it happened, that it did not and
//! nobody works on it any more, or that it stopped half way.

use super::decision::{Decision, Stop, StopKind};
use super::locks::{self, Holder};
use super::machine::{Input, wait};
use super::phase::PhaseId;
use crate::cluster::mutation::Mutation;
use crate::cluster::port::{Ask, HeldLock, Query};
use crate::family::picture::Difference;
use crate::family::{Family, Happened, View};
use crate::finding::{Finding, Severity};
use crate::record::entry::{Goal, OutcomeResult, What};
use crate::record::progress::{Attempt, Progress, StandingWaiver};

/// With which the evidence of a write begins that stopped half way.
pub(super) const STOPPED_HALF_WAY: &str = "it stopped half way";
/// A write whose call we did not see end is given this long to show itself once nobody holds its lock.
const SETTLE_SECONDS: i64 = 5;
/// A half-done write that can be made whole, when nothing changes any more: a live vtctld's steps follow each other faster.
const RECOVERY_SETTLE_SECONDS: i64 = 2;
/// Locks that can't be read are taken for held, but not for longer than vtctld waits for its three.
const UNREADABLE_LOCKS_SECONDS: i64 = 180;
/// What is not as forecast is looked at again for so long before it counts.
const DIFFERENCE_SECONDS: i64 = 10;

pub fn is_done(attempt: &Attempt) -> bool {
    matches!(attempt.outcome, Some((OutcomeResult::Done | OutcomeResult::Differs, _)))
}

/// What must be read to judge an open attempt.
pub fn query(family: &dyn Family, open: &Attempt, progress: &Progress) -> Query {
    let mut query = family.query_for(&open.phase, progress);
    query.merge(family.query());
    match &open.mutation {
        Mutation::CreateVDiff(vdiff) => {
            query.asks.insert(Ask::VDiff {
                keyspace: vdiff.target_keyspace.clone(),
                workflow: vdiff.workflow.clone(),
                uuid: vdiff.uuid.to_string(),
            });
        }
        Mutation::StopVDiff(stop) => {
            query.asks.insert(Ask::VDiffs { keyspace: stop.target_keyspace.clone(), workflow: stop.workflow.clone() });
        }
        _ => {}
    }
    query.asks.insert(family.lock_ask());
    query
}

/// Judges the open attempt.
pub fn decide(input: &Input<'_>, view: &View<'_>, open: &Attempt) -> Decision {
    let call = input.watch.call_of(open.attempt);
    let since = call.map_or(open.at, |call| call.at);
    let waited_seconds = input.now.duration_since(since).as_secs();
    // A call whose end we saw is over; of any other the server may still be at work.
    let may_go_on = call.is_none_or(|call| call.lost);
    let locks = Locks::of(input, open, waited_seconds);
    match input.family.happened(&open.mutation, view) {
        Happened::Yes(evidence) => happened(input, open, evidence, waited_seconds),
        Happened::No => {
            if may_go_on && (locks.may_be_held() || input.watch.unchanged_seconds(input.now) < SETTLE_SECONDS) {
                return Decision::Wait(
                    open.phase.clone(),
                    wait(locks.words("looking whether a write that we did not see end still happens")),
                );
            }
            let error = call.and_then(|call| call.error.clone());
            let result = match (&open.mutation, &error) {
                (Mutation::SwitchTraffic(_), Some(_)) => OutcomeResult::RolledBack,
                _ => OutcomeResult::NotDone,
            };
            let evidence = vec![match error {
                Some(error) => error,
                None if call.is_some() => "vtctld answered OK, and nothing has changed".to_owned(),
                None => "the cluster is as it was before".to_owned(),
            }];
            outcome(input, open, result, evidence)
        }
        // Its mending waits for locks where it needs them, and where it doesn't, the application must not.
        Happened::Partly(why) if input.family.recovers(&open.mutation) => {
            if input.watch.unchanged_seconds(input.now) < RECOVERY_SETTLE_SECONDS {
                return Decision::Wait(open.phase.clone(), wait(format!("it is half done: {why}")));
            }
            let mut evidence = vec![format!("{STOPPED_HALF_WAY}: {why}")];
            evidence.extend(call.and_then(|call| call.error.clone()));
            outcome(input, open, OutcomeResult::HalfDone, evidence)
        }
        Happened::Partly(why) => {
            // A call that came back may still be at work on the server, but not for long; one that we did not see end holds its lock
            // until it ends, or until its leases have: a lock older than that is a dead vtctld's.
            let patience_seconds =
                if may_go_on { i64::try_from(open.mutation.verb().worst_case_seconds()).unwrap_or(i64::MAX) } else { 60 };
            if locks.may_be_held() && waited_seconds < patience_seconds {
                return Decision::Wait(open.phase.clone(), wait(locks.words(&why)));
            }
            if input.watch.unchanged_seconds(input.now) < SETTLE_SECONDS {
                return Decision::Wait(open.phase.clone(), wait(format!("it is half done: {why}")));
            }
            let mut evidence = vec![format!("{STOPPED_HALF_WAY}: {why}")];
            evidence.extend(call.and_then(|call| call.error.clone()));
            outcome(input, open, OutcomeResult::HalfDone, evidence)
        }
    }
}

/// What is known of the movement's locks.
enum Locks<'a> {
    Free,
    Held(&'a HeldLock),
    /// They can't be read; why.
    Unknown(String),
}

impl<'a> Locks<'a> {
    /// A name that a dead vtctld has left locked holds nobody up here.
    fn of(input: &Input<'a>, open: &Attempt, waited_seconds: i64) -> Self {
        if !open.mutation.takes_locks() {
            return Self::Free;
        }
        let locks = match input.facts.locks(&input.family.lock_ask()) {
            Ok(locks) => locks,
            Err(_) if waited_seconds >= UNREADABLE_LOCKS_SECONDS => return Self::Free,
            Err(unread) => return Self::Unknown(unread.why),
        };
        if let Some(lock) = locks::of_a_keyspace(locks) {
            return Self::Held(lock);
        }
        // A call that locks no name is held up by nobody's.
        let Some(name) = input.family.named_lock(&open.mutation, input.facts) else { return Self::Free };
        match locks::of_name(Ok(locks), &name, input.watch, false, input.now) {
            Holder::MayLive(lock) => Self::Held(lock),
            _ => Self::Free,
        }
    }

    /// What could not be read is not free.
    fn may_be_held(&self) -> bool {
        !matches!(self, Self::Free)
    }

    fn words(&self, what: &str) -> String {
        match self {
            Self::Free => what.to_owned(),
            Self::Held(lock) => format!("{what}; {}", locks::words(lock)),
            Self::Unknown(why) => format!("{what}; who holds its locks can't be read: {why}"),
        }
    }
}

/// It happened; is everything as forecast?
fn happened(input: &Input<'_>, open: &Attempt, evidence: Vec<String>, waited_seconds: i64) -> Decision {
    let found = input.family.picture(input.facts);
    let Some((attempt, before)) = &input.watch.before else { return outcome(input, open, OutcomeResult::Done, evidence) };
    if *attempt != open.attempt {
        return outcome(input, open, OutcomeResult::Done, evidence);
    }
    let expected = input.family.forecast(&open.mutation, before, input.facts);
    let mut differences = expected.differences(&found, &input.family.ours());
    // What is being made whole may be worked on from elsewhere too, and what is missing is looked at before each next step.
    differences.retain(|difference| !difference.ours || !open.is_mending());
    let (ours, theirs): (Vec<&Difference>, Vec<&Difference>) = differences.iter().partition(|difference| difference.ours);
    if !ours.is_empty() && waited_seconds < DIFFERENCE_SECONDS {
        return Decision::Wait(
            open.phase.clone(),
            wait(format!("{} things are not yet as forecast: {}", ours.len(), ours[0].words())),
        );
    }
    let mut notes: Vec<What> = theirs.iter().map(|difference| remark(&open.phase, difference)).collect();
    let result = if ours.is_empty() && !theirs.iter().any(|difference| difference.lost) {
        OutcomeResult::Done
    } else {
        OutcomeResult::Differs
    };
    let mut evidence = if result == OutcomeResult::Done { evidence } else { Vec::new() };
    evidence.extend(ours.iter().map(|difference| format!("not as forecast: {}", difference.words())));
    evidence.extend(theirs.iter().filter(|difference| difference.lost).map(|difference| format!("LOST: {}", difference.words())));
    notes.push(what(input, open, result, evidence));
    Decision::Note(notes)
}

fn remark(phase: &PhaseId, difference: &Difference) -> What {
    let text = if difference.lost {
        format!(
            "LOST UPDATE: somebody else's {} stood before our write and is gone after it: it was {}",
            difference.subject, difference.expected
        )
    } else {
        format!(
            "somebody else changed {} while we wrote: it was {}, it is {}",
            difference.subject, difference.expected, difference.found
        )
    };
    What::Remark { phase: Some(phase.clone()), text }
}

/// A half-done write that is seen whole: what became of it in the end. None where the whole state is neither that of before it nor
/// that of after it.
pub fn whole_again(input: &Input<'_>, view: &View<'_>, last: &Attempt) -> Option<Decision> {
    let (result, evidence) = match input.family.happened(&last.mutation, view) {
        Happened::Yes(evidence) => (OutcomeResult::Done, evidence),
        Happened::No => match &last.mutation {
            Mutation::SwitchTraffic(_) => (OutcomeResult::RolledBack, last.evidence.clone()),
            _ => (OutcomeResult::NotDone, last.evidence.clone()),
        },
        Happened::Partly(_) => return None,
    };
    let mut said = vec!["it is whole again".to_owned()];
    said.extend(evidence);
    Some(outcome(input, last, result, said))
}

fn outcome(input: &Input<'_>, open: &Attempt, result: OutcomeResult, evidence: Vec<String>) -> Decision {
    Decision::Note(vec![what(input, open, result, evidence)])
}

fn what(input: &Input<'_>, open: &Attempt, result: OutcomeResult, evidence: Vec<String>) -> What {
    // What was lost ends later than its call did: when it is seen is all that is known.
    let end = input.watch.call_of(open.attempt).filter(|call| !call.lost).map_or(input.now, |call| call.at);
    What::Outcome {
        attempt: open.attempt,
        result,
        evidence,
        took_milliseconds: end.duration_since(open.at).as_millis().unsigned_abs().try_into().unwrap_or(u64::MAX),
        found: None,
    }
}

/// The code of what was found after a write and not forecast.
pub const DIFFERS: &str = "C405";

/// What the last write left otherwise than forecast, until somebody has said why that may be so: in every run, for the run that
/// saw it may have been killed.
pub fn unexplained_differences(progress: &Progress) -> Vec<Finding> {
    let Some(last) = progress.attempts.last().filter(|last| matches!(last.outcome, Some((OutcomeResult::Differs, _)))) else {
        return vec![];
    };
    let explained = |waiver: &StandingWaiver| waiver.code == DIFFERS && waiver.serial > last.ended_at_serial;
    if progress.waivers.iter().any(explained) {
        return vec![];
    }
    let kept =
        last.replaced.as_ref().map(|digest| format!("; what stood before is kept as {}", digest.short())).unwrap_or_default();
    let help = format!(
        "the write itself is whole{kept}. Find out who else writes here and put it right; then `cutover waive {DIFFERS} --reason \
         TEXT` and `cutover apply`"
    );
    let finding = |line: &String| {
        Finding::fail(DIFFERS, Severity::Error, last.phase.as_str(), line.clone(), help.clone()).seen(line.clone())
    };
    last.evidence.iter().map(finding).collect()
}

/// What stops a run after a write that happened and left something else than was forecast: whole first, then a human. The way
/// back is never barred by it.
pub fn stop_after_difference(input: &Input<'_>) -> Option<Decision> {
    let findings = unexplained_differences(input.progress);
    if findings.is_empty() || input.progress.goal() == Goal::SwitchedBack {
        return None;
    }
    let phase = input.progress.attempts.last().map(|last| last.phase.clone());
    Some(Decision::Stop(Box::new(Stop { kind: StopKind::NeedsHuman, phase, findings })))
}
