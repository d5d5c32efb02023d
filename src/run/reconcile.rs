//! After a write, or after a death in one: did it happen, and is everything else as it was?
//!
//! An attempt without outcome is never guessed. It is looked at until the cluster shows that it happened, that it did not and
//! nobody works on it any more, or that it stopped half way.

use super::decision::{Decision, Stop, StopKind};
use super::machine::{Input, wait};
use super::phase::PhaseId;
use crate::cluster::mutation::Mutation;
use crate::cluster::port::{Ask, Query};
use crate::family::picture::Difference;
use crate::family::{Family, Happened, View};
use crate::finding::{Finding, Severity};
use crate::record::entry::{OutcomeResult, What};
use crate::record::progress::{Attempt, Progress};

/// A write whose call we did not see end is given this long to show itself once nobody holds its lock.
const SETTLE_SECONDS: i64 = 5;
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
    let held = input.facts.locks(&input.family.lock_ask()).ok().and_then(|locks| locks.first());
    match input.family.happened(&open.mutation, view) {
        Happened::Yes(evidence) => happened(input, open, evidence, waited_seconds),
        Happened::No => {
            if call.is_none() && (held.is_some() || input.watch.unchanged_seconds(input.now) < SETTLE_SECONDS) {
                return Decision::Wait(
                    open.phase.clone(),
                    wait(lock_words(held, "whether a write that we did not see end still happens")),
                );
            }
            let error = call.and_then(|call| call.error.clone());
            let result = match (&open.mutation, &error) {
                (Mutation::SwitchTraffic(_), Some(_)) => OutcomeResult::RolledBack,
                _ => OutcomeResult::NotDone,
            };
            let evidence = vec![match error {
                Some(error) => format!("it did not happen: {error}"),
                None if call.is_some() => "vtctld answered OK, and nothing has changed".to_owned(),
                None => "it did not happen".to_owned(),
            }];
            outcome(input, open, result, evidence)
        }
        Happened::Partly(why) => {
            // A call that came back may still be at work on the server, but not for long; one that we did not see end holds its lock.
            if held.is_some() && waited_seconds < 60 {
                return Decision::Wait(open.phase.clone(), wait(lock_words(held, &why)));
            }
            if input.watch.unchanged_seconds(input.now) < SETTLE_SECONDS {
                return Decision::Wait(open.phase.clone(), wait(format!("it is half done: {why}")));
            }
            let mut evidence = vec![format!("it stopped half way: {why}")];
            evidence.extend(call.and_then(|call| call.error.clone()));
            outcome(input, open, OutcomeResult::HalfDone, evidence)
        }
    }
}

fn lock_words(held: Option<&crate::cluster::port::HeldLock>, what: &str) -> String {
    match held {
        Some(lock) => {
            format!("{what}; `{}` is locked by {} on {} since {} ({})", lock.of, lock.user, lock.host, lock.time, lock.action)
        }
        None => what.to_owned(),
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
    let differences = expected.differences(&found, &input.family.ours());
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

fn outcome(input: &Input<'_>, open: &Attempt, result: OutcomeResult, evidence: Vec<String>) -> Decision {
    Decision::Note(vec![what(input, open, result, evidence)])
}

fn what(input: &Input<'_>, open: &Attempt, result: OutcomeResult, evidence: Vec<String>) -> What {
    let end = input.watch.call_of(open.attempt).map_or(input.now, |call| call.at);
    What::Outcome {
        attempt: open.attempt,
        result,
        evidence,
        took_milliseconds: end.duration_since(open.at).as_millis().unsigned_abs().try_into().unwrap_or(u64::MAX),
        found: None,
    }
}

/// What stops a run after a write that happened and left something else than was forecast: whole first, then a human.
pub fn stop_after_difference(input: &Input<'_>) -> Option<Decision> {
    let last = input.progress.attempts.last()?;
    let of_this_run = last.ended_at_serial > input.watch.began_at_serial;
    if !of_this_run || !matches!(last.outcome, Some((OutcomeResult::Differs, _))) {
        return None;
    }
    let kept =
        last.replaced.as_ref().map(|digest| format!("; what stood before is kept as {}", digest.short())).unwrap_or_default();
    let findings = last
        .evidence
        .iter()
        .map(|line| {
            let help =
                format!("the write itself is whole{kept}. Find out who else writes here, put it right, then `cutover apply`");
            Finding::fail("C405", Severity::Error, last.phase.as_str(), line.clone(), help)
        })
        .collect();
    Some(Decision::Stop(Box::new(Stop { kind: StopKind::NeedsHuman, phase: Some(last.phase.clone()), findings })))
}
