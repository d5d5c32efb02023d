//! From where nobody can go on as if the movement were ours.

use std::collections::BTreeSet;

use super::Judged;
use crate::cluster::mutation::shell;
use crate::family::Family as _;
use crate::family::SituationKind;
use crate::family::adoption::NOT_AS_IT_IS;
use crate::finding::{Finding, Severity};
use crate::model::journal;
use crate::model::workflow::MOVE_TABLES;
use crate::words::{list, names};

const MOST_SHARDS: usize = 6;

pub fn of(judged: &Judged<'_>) -> Vec<Finding> {
    [kind(judged), whole(judged), source_shards(judged), stops_after_copy(judged), journal(judged), in_a_call(judged)]
        .into_iter()
        .flatten()
        .collect()
}

fn finding(judged: &Judged<'_>, summary: impl Into<String>, help: impl Into<String>) -> Finding {
    let name = format!("{}.{}", judged.movement.target(), judged.movement.workflow());
    Finding::fail(NOT_AS_IT_IS, Severity::Error, name, summary, help)
}

/// Of another type or a part of one: what the phases here do is not what it needs.
fn kind(judged: &Judged<'_>) -> Option<Finding> {
    let movement = judged.movement;
    let found = judged
        .facts
        .workflow(movement.target(), movement.workflow())
        .or_else(|| judged.facts.workflow(movement.source(), &movement.workflow().reverse()))?;
    let by_hand = "finish it by hand with vtctldclient: only a whole MoveTables of single tables is taken over";
    let (kind, sub) = (&found.workflow_type, &found.workflow_sub_type);
    if kind != MOVE_TABLES || !["", "None"].contains(&sub.as_str()) {
        return Some(finding(judged, format!("it is a workflow of type {kind}, sub-type {sub}"), by_hand));
    }
    let tenant = &found.options.tenant;
    (!tenant.is_empty()).then(|| finding(judged, format!("it moves one tenant (`{tenant}`), and not whole tables"), by_hand))
}

/// What stands between states is mended first, by what shows each write before it sends it.
fn whole(judged: &Judged<'_>) -> Option<Finding> {
    let situation = judged.situation;
    let seen = situation.contradictions.join("; ");
    let repair = || {
        let movement = judged.movement;
        format!(
            "make it whole first: `cutover repair --cluster {} --workflow {}` shows each write before it sends it; then adopt",
            shell(&movement.spec.cluster),
            shell(&format!("{}.{}", movement.target(), movement.workflow()))
        )
    };
    match situation.kind {
        SituationKind::Moving | SituationKind::Switched => None,
        // What it carries instead is told beside the plan file.
        SituationKind::Foreign => None,
        SituationKind::Between => Some(finding(judged, format!("{}: {seen}", situation.words), repair())),
        _ => Some(finding(judged, format!("{}: {seen}", situation.words), "`cutover doctor` says what stands there")),
    }
}

/// Shard by shard is another family of movement.
fn source_shards(judged: &Judged<'_>) -> Option<Finding> {
    let read: BTreeSet<String> = judged.forward.iter().map(|stream| stream.source_shard.clone()).collect();
    let all = judged.movement.shard_names(judged.facts, true);
    if judged.forward.is_empty() || read == all {
        return None;
    }
    let said = |shards: &BTreeSet<String>| names(&shards.iter().collect::<Vec<_>>(), MOST_SHARDS);
    Some(finding(
        judged,
        format!("its streams read from the source shards {}, and the source has {}", said(&read), said(&all)),
        "finish it by hand with vtctldclient: a movement of some shards is not taken over",
    ))
}

fn stops_after_copy(judged: &Judged<'_>) -> Option<Finding> {
    let any = judged.forward.iter().any(|stream| stream.options.stop_after_copy);
    any.then(|| {
        finding(
            judged,
            "its streams were made to stop after the copy: they never follow the source",
            "cancel it by hand and make it without `--stop-after-copy`",
        )
    })
}

/// A switch of these very streams is past its journal, and the rules lead writes to the source all the same: each side may have rows
/// that the other lacks.
fn journal(judged: &Judged<'_>) -> Option<Finding> {
    if judged.situation.kind != SituationKind::Moving {
        return None;
    }
    let by_shard = judged.facts.journals(&judged.movement.journals_of_source()).ok()?;
    let streams = judged.forward.iter().map(|stream| (stream.shard.as_str(), stream.id));
    let id = journal::id(judged.movement.target().as_str(), streams);
    by_shard.values().any(|ids| ids.contains(&id)).then(|| {
        finding(
            judged,
            "the source holds the journal of a switch of these very streams, and the routing rules lead writes to the source: \
             somebody undid the rules alone, and each side may have rows that the other lacks",
            "compare the rows by hand, and decide which side is right; nothing here can be proven",
        )
    })
}

/// A vtctld that holds a keyspace is in the middle of something.
fn in_a_call(judged: &Judged<'_>) -> Option<Finding> {
    let locks = match judged.facts.locks(&judged.movement.lock_ask()) {
        Ok(locks) => locks,
        Err(unread) => {
            let why = format!("who holds its locks could not be read: {}", unread.why);
            return Some(finding(judged, why, "mend that, then run the same command again"));
        }
    };
    let held: Vec<String> = locks
        .iter()
        .filter(|lock| !lock.is_named())
        .map(|lock| format!("`{}` is locked by {}@{} since {}: {}", lock.of, lock.user, lock.host, lock.time, lock.action))
        .collect();
    (!held.is_empty()).then(|| {
        finding(
            judged,
            list(&held, MOST_SHARDS, "; "),
            "somebody's call is under way: run the same command again when it has ended",
        )
    })
}
