use async_trait::async_trait;

use super::*;
use crate::cluster::port::Query;
use crate::driver::{Replaced, bytes_of};
use crate::family::picture::Picture;
use crate::model::digest::Digest;
use crate::record::entry::{Goal, OutcomeResult, What};
use crate::record::file_system::HostFileSystem;
use crate::report::fixtures::{actor, at, entries, facts, facts_after, movement};
use crate::run::decision::StopKind;
use crate::run::phase::PhaseId;

/// A cluster that stands still.
struct Still(Facts);

#[async_trait]
impl Reader for Still {
    async fn observe(&self, _: &Query) -> Result<Facts, ClusterError> {
        Ok(self.0.clone())
    }
}

/// A movement at its end, our rules removed, with `restore-rules` asked for; its last write left `found`.
fn ended(replaced: &Digest, found: Option<Digest>) -> Progress {
    let movement = movement(2);
    let write = |attempt: u64, phase: PhaseId, replaced: Option<Digest>, found: Option<Digest>| {
        let mutation = movement.mutations(&phase).pop().unwrap();
        [
            (1, What::Intent { attempt, phase, mutation, forecast: Digest::of(&"forecast"), replaced, lag_seconds: None }),
            (1, What::Outcome { attempt, result: OutcomeResult::Done, evidence: vec![], took_milliseconds: 1, found }),
        ]
    };
    let mut whats = vec![];
    whats.extend(write(1, PhaseId::COMPLETE, None, None));
    whats.extend(write(2, PhaseId::REMOVE_RULES, Some(replaced.clone()), found));
    whats.push((2, What::Goal { goal: Goal::RulesRestored, reason: None }));
    Progress::of(&entries(whats))
}

async fn foreseen(folder: &std::path::Path, progress: &Progress) -> Option<Decision> {
    let (movement, facts) = (movement(2), facts(&["-80", "80-"]));
    let foresight = Foresight {
        family: &movement,
        reader: &Still(facts.clone()),
        kept: Kept::beside(&HostFileSystem, folder),
        progress,
        actor: &actor(),
        now: at(10),
    };
    foresight.decision(&facts).await.unwrap().0
}

fn code(decision: Option<Decision>) -> (Option<StopKind>, String) {
    match decision {
        Some(Decision::Stop(stop)) => (Some(stop.kind), stop.findings[0].code.clone()),
        Some(Decision::Act(act)) => (None, act.phase.to_string()),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn rules_to_restore_are_looked_for_where_they_were_kept() {
    let (here, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let files = HostFileSystem;
    let before = facts_after(&movement(2), &["create", "copy", "switch-replicas", "switch-primary"]);
    let replaced = Kept::beside(&files, here.path()).keep(&bytes_of(&Replaced::of(&before, &Picture::default()))).unwrap();
    let progress = ended(&replaced, None);
    assert_eq!(code(foreseen(here.path(), &progress).await), (None, "restore-rules".to_owned()));
    assert_eq!(code(foreseen(elsewhere.path(), &progress).await), (Some(StopKind::Refused), "C320".to_owned()));
}

#[tokio::test]
async fn what_somebody_changed_since_our_last_write_is_foreseen() {
    let folder = tempfile::tempdir().unwrap();
    let files = HostFileSystem;
    let with_rules = movement(2).picture(&facts_after(&movement(2), &["create"]));
    let kept = Kept::beside(&files, folder.path());
    let (replaced, found) = (kept.keep(b"{}").unwrap(), kept.keep(&bytes_of(&with_rules)).unwrap());
    let decision = foreseen(folder.path(), &ended(&replaced, Some(found))).await;
    assert_eq!(code(decision), (Some(StopKind::NeedsHuman), "C401".to_owned()));
}
