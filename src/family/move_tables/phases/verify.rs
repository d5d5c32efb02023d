//! Verify: a VDiff of ours has compared everything that the streams carry now, not long ago.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use super::super::MoveTables;
use crate::cluster::mutation::{CreateVDiff, Mutation};
use crate::cluster::port::{Answer, Ask, Facts, Query, Reading};
use crate::family::{Family as _, SituationKind, Step, View, Waiting};
use crate::finding::{Finding, Severity};
use crate::model::vdiff::{Mismatch, VDiffReport, VDiffState, Verdict};
use crate::record::progress::{Attempt, Progress};
use crate::words::{count, counted_rows, length, list, moment};

/// The code of a VDiff that found differing rows; it can be waived for the counts seen.
pub const MISMATCH: &str = "C310";
/// A comparison that gets no further for so long is said to be stuck.
const STUCK_SECONDS: i64 = 300;
/// So many tables and shards that differ are named; a waiver binds to all of them.
const MOST_DIFFERENCES: usize = 6;

/// Our last VDiff since the streams that run now were made.
pub fn last_vdiff(progress: &Progress) -> Option<(&Attempt, Uuid)> {
    let since = progress.last_switch_back.unwrap_or(0);
    progress.attempts.iter().rev().filter(|attempt| attempt.serial > since).find_map(|attempt| match &attempt.mutation {
        Mutation::CreateVDiff(vdiff) if !attempt.came_to_nothing() => Some((attempt, vdiff.uuid)),
        _ => None,
    })
}

pub fn ask(movement: &MoveTables, uuid: Uuid) -> Ask {
    Ask::VDiff { keyspace: movement.target().clone(), workflow: movement.workflow().clone(), uuid: uuid.to_string() }
}

pub fn query(movement: &MoveTables, progress: &Progress) -> Query {
    // Before the first one: who holds the name that its tablets need.
    let ask = last_vdiff(progress).map_or_else(|| movement.lock_ask(), |(_, uuid)| ask(movement, uuid));
    Query { asks: [ask].into(), ..Query::default() }
}

pub fn mutation(movement: &MoveTables, uuid: Uuid) -> Mutation {
    let verify = &movement.spec.verify;
    Mutation::CreateVDiff(CreateVDiff {
        workflow: movement.workflow().clone(),
        source_keyspace: Some(movement.source().clone()),
        target_keyspace: movement.target().clone(),
        uuid,
        cells: verify.cells.clone(),
        tablet_types: verify.tablet_types.clone(),
        max_duration_seconds: verify.max_duration_seconds,
        instead_of: None,
    })
}

/// What our last VDiff proves, and whether this run made it; none when there is none. What can't be read now is no verdict.
pub fn verdict(movement: &MoveTables, view: &View<'_>) -> Option<(Reading<Verdict>, bool)> {
    let (attempt, uuid) = last_vdiff(view.progress)?;
    let of_this_run = attempt.serial > view.watch.began_at_serial;
    let tables: BTreeSet<String> = movement.tables.iter().map(ToString::to_string).collect();
    let verdict = match view.facts.vdiff(&ask(movement, uuid)) {
        Ok(Some(vdiff)) => Ok(vdiff.verdict(&movement.target_shards(view.facts), &tables)),
        Ok(None) => Ok(Verdict::Inconclusive(format!("Vitess knows no VDiff {uuid}"))),
        Err(unread) => Err(unread),
    };
    Some((verdict, of_this_run))
}

/// When a comparison that ended then no longer counts.
pub fn stale_at(movement: &MoveTables, completed_at: Timestamp) -> Option<Timestamp> {
    let seconds = i64::try_from(movement.spec.verify.max_age_seconds).ok()?;
    completed_at.checked_add(SignedDuration::from_secs(seconds)).ok()
}

pub fn step(movement: &MoveTables, view: &View<'_>) -> Step {
    if view.situation.kind != SituationKind::Moving {
        return Step::Done(vec![match &view.progress.adoption {
            Some(adoption) if last_vdiff(view.progress).is_none() => format!(
                "nobody here compared rows: it was taken over after the switch, and {} accepted that: {}",
                adoption.by, adoption.reason
            ),
            _ => "traffic is past it".to_owned(),
        }]);
    }
    let Some((verdict, of_this_run)) = verdict(movement, view) else { return Step::Act(mutation(movement, view.fresh_uuid)) };
    // Said with the next one, so that nobody has to find out why there are two.
    let anew = |why: &str| {
        let of = last_vdiff(view.progress).map(|(_, uuid)| uuid.to_string()).unwrap_or_default();
        let mut next = mutation(movement, view.fresh_uuid);
        if let Mutation::CreateVDiff(next) = &mut next {
            next.instead_of = Some(format!("VDiff {of} does not count: {why}"));
        }
        Step::Act(next)
    };
    let verdict = match verdict {
        Ok(verdict) => verdict,
        // Another VDiff would not be read either, and the one that is there may still run.
        Err(unread) => return Step::Wait(Waiting::new(format!("the VDiff can't be read: {}", unread.why))),
    };
    let is_stale = |completed_at| stale_at(movement, completed_at).is_some_and(|stale_at| view.now > stale_at);
    match verdict {
        // What differs and was waived grows as old as what is equal.
        Verdict::Pass { completed_at, .. } | Verdict::Mismatch { completed_at, .. } if is_stale(completed_at) => {
            anew(&format!("it is of {}", moment(completed_at)))
        }
        Verdict::Pass { completed_at, rows_compared } => {
            Step::Done(vec![format!("VDiff compared {}, none differs, at {}", counted_rows(rows_compared), moment(completed_at))])
        }
        Verdict::Running { rows_estimated: 0, .. } => {
            Step::Wait(Waiting::new(format!("VDiff begins to compare rows{}", stuck(movement, view))))
        }
        Verdict::Running { rows_compared, rows_estimated } => Step::Wait(Waiting::new(format!(
            "VDiff has compared {} of about {}{}",
            count(rows_compared),
            counted_rows(rows_estimated),
            stuck(movement, view)
        ))),
        Verdict::Mismatch { found, .. } => {
            let finding = mismatch(movement, &found);
            if view.progress.waived(&finding.code, &finding.subject, &finding.seen).is_some() {
                return Step::Done(vec![format!("waived: {}", finding.summary)]);
            }
            // A run that finds an older run's verdict looks anew: somebody mended the rows, or says so by trying.
            if of_this_run { Step::Blocked(finding) } else { anew("rows differed, and may have been mended since") }
        }
        Verdict::Failed(why) | Verdict::Inconclusive(why) => {
            if of_this_run && view.watch.retries.get(&crate::run::phase::PhaseId::VERIFY).copied().unwrap_or(0) >= 2 {
                return Step::Blocked(Finding::fail(
                    "C311",
                    Severity::Error,
                    format!("{}.{}", movement.target(), movement.workflow()),
                    format!("VDiff proves nothing: {why}"),
                    "look at the tablets named, then `cutover apply`",
                ));
            }
            anew(&why)
        }
    }
}

/// The rows that the running comparison has got through, of the first that was looked at.
pub fn rows_compared(movement: &MoveTables, facts: &Facts) -> Option<i64> {
    let tables: BTreeSet<String> = movement.tables.iter().map(ToString::to_string).collect();
    facts.answers.iter().find_map(|answered| match &answered.answer {
        Ok(Answer::VDiff(Some(vdiff))) => match vdiff.verdict(&movement.target_shards(facts), &tables) {
            Verdict::Running { rows_compared, .. } => Some(rows_compared),
            _ => None,
        },
        _ => None,
    })
}

/// That it gets no further, and what to do, as the rest of a sentence.
fn stuck(movement: &MoveTables, view: &View<'_>) -> String {
    let seconds = view.watch.compares_nothing_seconds(view.now);
    if seconds < STUCK_SECONDS {
        return String::new();
    }
    format!(
        "; for {} it has got no further{}: `vtctldclient VDiff --target-keyspace {} --workflow {} show last --verbose` says more (a \
         tablet that is down, a throttler, a long snapshot); a failover restarts it by itself",
        length(seconds),
        at_tables(movement, view),
        movement.target(),
        movement.workflow()
    )
}

/// The tables that the running comparison is at: " than `corder` on customer/-80".
fn at_tables(movement: &MoveTables, view: &View<'_>) -> String {
    let vdiff = last_vdiff(view.progress).and_then(|(_, uuid)| view.facts.vdiff(&ask(movement, uuid)).ok()?.as_ref());
    let mut at: Vec<String> = Vec::new();
    for (shard, compared) in vdiff.into_iter().flat_map(|vdiff| &vdiff.shards) {
        let started = compared.tables.iter().filter(|(_, table)| table.state == VDiffState::Started);
        at.extend(started.map(|(table, _)| format!("`{table}` on {}/{shard}", movement.target())));
    }
    if at.is_empty() { String::new() } else { format!(" than {}", list(&at, MOST_DIFFERENCES, ", ")) }
}

/// What differs, without what does not: "3 rows differ, 1 row only in the source".
fn counts_words(counts: VDiffReport) -> String {
    let differ = if counts.mismatched_rows == 1 { "differs" } else { "differ" };
    let all = [
        (counts.mismatched_rows, differ),
        (counts.extra_rows_source, "only in the source"),
        (counts.extra_rows_target, "only in the target"),
    ];
    let differing = all.into_iter().filter(|(number, _)| *number > 0);
    let said: Vec<String> = differing.map(|(number, what)| format!("{} {what}", counted_rows(number))).collect();
    if said.is_empty() { "Vitess counts no row and says that it differs".to_owned() } else { said.join(", ") }
}

/// Names table and counts, never rows.
fn mismatch(movement: &MoveTables, found: &[Mismatch]) -> Finding {
    let lines: Vec<String> = found
        .iter()
        .map(|one| format!("`{}` on {}/{}: {}", one.table, movement.target(), one.shard, counts_words(one.counts)))
        .collect();
    let summary = |lines: &str| format!("VDiff found differences: {lines}");
    Finding::fail(
        MISMATCH,
        Severity::Error,
        format!("{}.{}", movement.target(), movement.workflow()),
        summary(&list(&lines, MOST_DIFFERENCES, "; ")),
        "mend the rows and `cutover apply` compares anew; or `cutover waive C310 --reason TEXT` accepts these counts",
    )
    .seen(summary(&lines.join("; ")))
}
