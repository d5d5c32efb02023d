//! What the cluster shows of each write: done, not done, or something between.

use super::super::fixtures::{World, now, stream};
use super::*;
use crate::cluster::port::Answer;
use crate::model::vdiff::VDiffListed;
use crate::model::vschema::VSchema;
use crate::record::entry::OutcomeResult;
use crate::run::phase::PhaseId;
use crate::run::watch::CallEnd;

fn ended(attempt: u64, error: Option<&str>) -> CallEnd {
    CallEnd { attempt, at: now(), error: error.map(str::to_owned), lost: false, not_allowed: false }
}

#[test]
fn each_write_of_the_way_is_seen_before_and_after() {
    let way: [&[&str]; 7] = [
        &[],
        &["create"],
        &["create", "copy"],
        &["create", "copy", "switch-replicas"],
        &["create", "copy", "switch-replicas", "switch-primary"],
        &["create", "copy", "switch-replicas", "switch-primary", "complete"],
        &["create", "copy", "switch-replicas", "switch-primary", "complete", "remove-rules"],
    ];
    for pair in way.windows(2) {
        let phase = PhaseId::new(pair[1].last().copied().unwrap_or_default().to_owned());
        let (before, after) = (World::after(pair[0]), World::after(pair[1]));
        for attempt in after.progress.attempts.iter().filter(|attempt| attempt.phase == phase) {
            assert!(matches!(after.happened(&attempt.mutation), Happened::Yes(_)), "{phase}");
            // The record knows of it before it can happen.
            let mut asked = World::after(pair[0]);
            asked.attempt(phase.clone(), attempt.mutation.clone(), None);
            asked.progress.streams = before.progress.streams.clone();
            asked.source_tables(&["corder", "customer"]);
            assert_eq!(asked.happened(&attempt.mutation), Happened::No, "{phase}");
        }
    }
}

#[test]
fn a_completion_that_stopped_between_two_renames_is_half_done() {
    let mut world = World::after(&["create", "copy", "switch-replicas", "switch-primary"]);
    let complete = world.movement.mutations(&PhaseId::COMPLETE).remove(0);
    world.attempt(PhaseId::COMPLETE, complete.clone(), None);
    assert!(matches!(world.happened(&complete), Happened::Partly(_)), "unread is not untouched");
    world.source_tables(&["_corder_old", "customer"]);
    let Happened::Partly(words) = world.happened(&complete) else { panic!("one has its new name") };
    assert_eq!(words, "1 of 2 source tables no longer have their names: `corder` on commerce/0");
}

#[test]
fn a_completion_that_has_saved_the_sources_vschema_is_half_done_whatever_its_tables_are_called() {
    let mut world = World::after(&["create", "copy", "switch-replicas", "switch-primary"]);
    let complete = world.movement.mutations(&PhaseId::COMPLETE).remove(0);
    world.attempt(PhaseId::COMPLETE, complete.clone(), Some(OutcomeResult::HalfDone));
    world.source_tables(&["corder", "customer"]);
    assert_eq!(world.happened(&complete), Happened::No);
    let before = VSchema { tables: [("customer".to_owned(), Default::default())].into(), ..VSchema::default() };
    world.facts.served.get_mut("zone1").unwrap().vschemas.insert("commerce".into(), before);
    world.facts.vschemas.insert(world.movement.source().clone(), VSchema::default());
    assert!(matches!(world.happened(&complete), Happened::Partly(_)));
}

#[test]
fn a_switch_of_reads_is_done_when_the_rules_say_so_whatever_else_stands() {
    let mut world = World::after(&["create", "copy", "switch-replicas"]);
    let reads = world.progress.attempts.last().unwrap().mutation.clone();
    world.deny("commerce", "0", vec!["customer".into()]);
    assert_eq!(world.situation().kind, SituationKind::Between);
    assert!(matches!(world.happened(&reads), Happened::Yes(_)), "sent again it would never end");
    world.facts.served.get_mut("zone1").unwrap().routing_rules = Default::default();
    assert!(matches!(world.happened(&reads), Happened::Partly(_)), "the cell has not followed");
}

#[test]
fn a_creation_refused_as_there_already_never_happened_however_alike() {
    let mut world = World::after(&["create"]);
    let create = world.progress.attempts[0].mutation.clone();
    world.progress.attempts.clear();
    world.attempt(PhaseId::CREATE, create.clone(), None);
    assert!(matches!(world.happened(&create), Happened::Yes(_)));
    let refused = "workflow commerce2customer already exists in keyspace customer on tablet zone1-200";
    world.watch.call = Some(ended(1, Some(refused)));
    assert_eq!(world.happened(&create), Happened::No);
    world.watch.call = Some(ended(1, Some("deadline exceeded")));
    assert!(matches!(world.happened(&create), Happened::Yes(_)), "any other error says nothing");
}

#[test]
fn streams_of_one_shard_that_differ_are_half_done() {
    let mut world = World::after(&["create", "copy"]);
    let start = world.progress.attempts[1].mutation.clone();
    let mut standing = stream(9, "-80", "commerce", StreamShape::Stopped);
    standing.source_shard = "1".into();
    world.forward().streams.push(standing);
    assert!(matches!(world.happened(&start), Happened::Partly(_)));
}

#[test]
fn a_vdiff_is_stopped_when_it_stands_or_was_asked_to_and_has_no_worker() {
    let mut world = World::after(&["create", "copy"]);
    let stop = StopVDiff {
        workflow: world.movement.workflow().reverse(),
        target_keyspace: world.movement.source().clone(),
        uuid: "u".into(),
    };
    let ask = Ask::VDiffs { keyspace: stop.target_keyspace.clone(), workflow: stop.workflow.clone() };
    let mutation = Mutation::StopVDiff(stop);
    world.attempt(PhaseId::SWITCH_BACK, mutation.clone(), None);
    let attempt = world.progress.attempts.last().unwrap().attempt;
    let ok = Some(ended(attempt, None));
    for (state, call, is_stopped) in [
        (VDiffState::Stopped, None, true),
        (VDiffState::Completed, None, true),
        (VDiffState::Started, ok.clone(), false),
        (VDiffState::Pending, ok.clone(), false),
        (VDiffState::Error, None, false),
        (VDiffState::Error, Some(ended(attempt, Some("unavailable"))), false),
        (VDiffState::Error, ok, true),
    ] {
        let listed = VDiffListed { shard: "0".into(), uuid: "u".into(), state };
        world.answer(ask.clone(), Ok(Answer::VDiffs(vec![listed])));
        world.watch.call = call;
        assert_eq!(matches!(world.happened(&mutation), Happened::Yes(_)), is_stopped, "{state:?}");
    }
}

#[test]
fn cancel_and_the_way_back_are_seen() {
    let cancelled = World::after(&["create", "cancel"]);
    assert!(matches!(cancelled.happened(&cancelled.progress.attempts[1].mutation), Happened::Yes(_)));
    let mut asked = World::after(&["create"]);
    asked.attempt(PhaseId::CANCEL, cancelled.progress.attempts[1].mutation.clone(), None);
    let cancel = &cancelled.progress.attempts[1].mutation;
    assert!(matches!(asked.happened(cancel), Happened::Partly(_)), "unread is not untouched");
    let mut copies = |first: &[&str]| {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let by_shard = [("-80".to_owned(), names(first)), ("80-".to_owned(), names(&["corder", "customer"]))];
        asked.answer(Ask::TableNames(asked.movement.target().clone()), Ok(Answer::TableNames(by_shard.into())));
        asked.happened(cancel)
    };
    assert_eq!(copies(&["corder", "customer"]), Happened::No);
    let Happened::Partly(words) = copies(&["customer"]) else { panic!("one of them is dropped") };
    assert_eq!(words, "1 of 4 target tables are dropped: `corder` on customer/-80");

    let mut switched = World::after(&["create", "copy", "switch-replicas", "switch-primary"]);
    for back in switched.movement.mutations(&PhaseId::SWITCH_BACK) {
        assert_eq!(switched.happened(&back), Happened::No);
        switched.apply(&back);
        switched.attempt(PhaseId::SWITCH_BACK, back.clone(), Some(OutcomeResult::Done));
        assert!(matches!(switched.happened(&back), Happened::Yes(_)));
    }
}
