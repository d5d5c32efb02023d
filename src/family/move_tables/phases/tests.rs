//! Each phase's step, and what bars it.

use super::super::fixtures::{World, now, stream};
use super::*;
use crate::cluster::mutation::{CompleteMoveTables, Direction, RenameTables, SourceTables, StreamsWanted, Verb as _};
use crate::cluster::port::{Answer, Ask, Question, Unread, WriteLock};
use crate::family::picture::StreamShape;
use crate::family::{ConditionResult, Happened};
use crate::model::digest::Digest;
use crate::model::journal;
use crate::model::name::ShardName;
use crate::model::topology::{TabletAlias, TabletType};
use crate::model::vdiff::{VDiff, VDiffListed, VDiffReport, VDiffShard, VDiffState, VDiffTable};
use crate::model::workflow::{StreamState, Throttled};
use crate::record::entry::{Goal, OutcomeResult};
use crate::record::progress::{StandingApproval, StandingGoal, StandingWaiver};
use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

const READS: [&str; 3] = ["create", "copy", "switch-replicas"];
const SWITCHED: [&str; 4] = ["create", "copy", "switch-replicas", "switch-primary"];
const COMPLETED: [&str; 5] = ["create", "copy", "switch-replicas", "switch-primary", "complete"];

fn blocked(step: Step) -> String {
    match step {
        Step::Blocked(finding) => finding.code,
        other => panic!("{other:?}"),
    }
}

fn acts(step: Step) -> Mutation {
    match step {
        Step::Act(mutation) => mutation,
        other => panic!("{other:?}"),
    }
}

fn named<'a>(conditions: &'a [Condition], name: &str) -> Option<&'a Condition> {
    conditions.iter().find(|condition| condition.name == name)
}

fn vdiff(mismatched_rows: i64, completed_at: Timestamp) -> VDiff {
    let table = VDiffTable {
        state: VDiffState::Completed,
        rows_compared: 5,
        rows_estimated: 5,
        started_at: None,
        completed_at: Some(completed_at),
        has_mismatch: mismatched_rows > 0,
        report: Some(VDiffReport {
            processed_rows: 5,
            matching_rows: 5 - mismatched_rows,
            mismatched_rows,
            ..VDiffReport::default()
        }),
    };
    let shard = VDiffShard {
        state: VDiffState::Completed,
        last_error: String::new(),
        tables: ["corder", "customer"].map(|name| (name.to_owned(), table.clone())).into(),
    };
    VDiff { uuid: Uuid::nil().to_string(), shards: ["-80", "80-"].map(|name| (name.to_owned(), shard.clone())).into() }
}

/// Reads switched, and a VDiff of ours that passed a minute ago.
fn verified() -> World {
    let mut world = World::after(&["create", "copy", "verify", "switch-replicas"]);
    let found = vdiff(0, now() - SignedDuration::from_secs(60));
    world.answer(verify::ask(&world.movement, Uuid::nil()), Ok(Answer::VDiff(Some(found))));
    world.answer(switch_primary::vdiffs(&world.movement), Ok(Answer::VDiffs(vec![])));
    world
}

fn list(world: &mut World, ask: Ask, uuid: &str, state: VDiffState) {
    let listed = VDiffListed { shard: "-80".into(), uuid: uuid.into(), state };
    world.answer(ask, Ok(Answer::VDiffs(vec![listed])));
}

#[test]
fn create_begins_anew_after_a_cancel_unless_the_goal_is_to_cancel() {
    assert!(matches!(acts(World::at_the_start().step("create")), Mutation::CreateMoveTables(_)));
    let mut world = World::after(&["create", "cancel"]);
    assert!(matches!(acts(world.step("create")), Mutation::CreateMoveTables(_)));
    assert_eq!(ahead(&world.situation()).first(), Some(&PhaseId::PRE_CHECK));
    world.progress.goal = Some(StandingGoal { goal: Goal::Cancelled, serial: 9, at: now() });
    assert!(matches!(world.step("create"), Step::Done(_)));
    assert!(matches!(World::after(&["create"]).step("create"), Step::Done(_)));
}

#[test]
fn verify_waits_for_what_it_cannot_read_and_compares_anew_what_is_old() {
    let mut world = verified();
    assert!(matches!(world.step("verify"), Step::Done(_)));
    world.answer(verify::ask(&world.movement, Uuid::nil()), Err(Unread::new("no answer")));
    assert!(matches!(world.step("verify"), Step::Wait(_)), "never a second VDiff beside one that may run");

    let old = now() - SignedDuration::from_secs(86_401);
    for mismatched_rows in [0, 1] {
        let mut world = verified();
        let fresh = vdiff(mismatched_rows, now());
        world.answer(verify::ask(&world.movement, Uuid::nil()), Ok(Answer::VDiff(Some(fresh))));
        if let Step::Blocked(finding) = world.step("verify") {
            world.progress.waivers.push(StandingWaiver {
                serial: 99,
                code: finding.code,
                subject: finding.subject,
                reason: "a collation".into(),
                intent: Digest::of(&"intent"),
                seen: finding.seen,
            });
        }
        assert!(matches!(world.step("verify"), Step::Done(_)), "{:?}", world.step("verify"));
        world.answer(verify::ask(&world.movement, Uuid::nil()), Ok(Answer::VDiff(Some(vdiff(mismatched_rows, old)))));
        assert!(matches!(acts(world.step("verify")), Mutation::CreateVDiff(_)), "{mismatched_rows}");
    }
}

#[test]
fn a_vdiff_is_not_asked_for_under_a_dead_ones_lock_for_it_would_wait_and_say_nothing() {
    let world = World::after(&["create", "copy"]);
    let name = world.movement.named_lock(&acts(world.step("verify")), &world.facts);
    assert_eq!(name, Some((world.movement.target().clone(), world.movement.workflow().clone())));
}

#[test]
fn no_vdiff_may_run_when_writes_are_switched_ours_neither() {
    const NAME: &str = "no VDiff runs";
    let mut world = verified();
    let (ours, theirs) = (Uuid::nil().to_string(), "theirs");
    let ask = switch_primary::vdiffs(&world.movement);
    assert!(named(&world.conditions("switch-primary"), NAME).unwrap().passes());
    assert!(matches!(acts(world.step("switch-primary")), Mutation::SwitchTraffic(_)));

    list(&mut world, ask.clone(), theirs, VDiffState::Started);
    assert!(!named(&world.conditions("switch-primary"), NAME).unwrap().passes());
    assert!(named(&world.conditions("switch-primary"), NAME).unwrap().code.is_none(), "never waivable");

    list(&mut world, ask.clone(), &ours, VDiffState::Started);
    let stop = acts(world.step("switch-primary"));
    assert!(matches!(&stop, Mutation::StopVDiff(stop) if stop.uuid == ours));
    assert!(named(&world.conditions("switch-primary"), NAME).is_none(), "the stop can't wait for its own effect");
    // A stop that came to nothing, or one after which it runs all the same, is no stop.
    world.attempt(PhaseId::SWITCH_PRIMARY, stop.clone(), Some(OutcomeResult::NotDone));
    list(&mut world, ask.clone(), &ours, VDiffState::Error);
    assert!(matches!(acts(world.step("switch-primary")), Mutation::StopVDiff(_)));
    world.attempt(PhaseId::SWITCH_PRIMARY, stop, Some(OutcomeResult::Done));
    assert!(matches!(acts(world.step("switch-primary")), Mutation::SwitchTraffic(_)));
    assert!(named(&world.conditions("switch-primary"), NAME).unwrap().passes());
    list(&mut world, ask.clone(), &ours, VDiffState::Pending);
    assert!(matches!(acts(world.step("switch-primary")), Mutation::StopVDiff(_)));

    world.answer(ask, Err(Unread::new("no answer")));
    assert_eq!(named(&world.conditions("switch-primary"), NAME).unwrap().result, ConditionResult::Inconclusive);
}

#[test]
fn old_transactions_and_unseen_ones_are_waived_apart() {
    let mut world = verified();
    let ask =
        switch_primary::query(&world.movement, &world.progress).asks.into_iter().find(|ask| matches!(ask, Ask::Sql(_))).unwrap();
    let quiet = |world: &World| named(&world.conditions("switch-primary"), "no old transaction").unwrap().clone();
    assert_eq!((quiet(&world).code.as_deref(), quiet(&world).counts.as_str()), (Some("C341"), ""));
    let lock = |shard: &str, connection| WriteLock {
        shard: shard.into(),
        table: "corder".into(),
        connection,
        user: "app".into(),
        host: "h".into(),
        age_milliseconds: 5000,
    };
    let locks = vec![lock("0", 9), lock("0", 7), lock("0", 9)];
    world.answer(ask, Ok(Answer::WriteLocks(locks)));
    assert_eq!((quiet(&world).code.as_deref(), quiet(&world).counts.as_str()), (Some("C342"), "0/7, 0/9"));
}

fn approval(serial: u64) -> StandingApproval {
    StandingApproval {
        serial,
        at: now(),
        by: "morgan".into(),
        gate: PhaseId::COMPLETE,
        reason: "seen".into(),
        intent: Digest::of(&"intent"),
        forecast: Digest::of(&"forecast"),
        expires_at: None,
        end_revert_window: true,
    }
}

#[test]
fn only_an_approval_that_binds_now_ends_the_revert_window() {
    let mut world = World::after(&SWITCHED);
    assert!(matches!(world.step("revert-window"), Step::Until(..)));
    let young = world.progress.serial + 1;
    let mut ends = |approval: StandingApproval| {
        world.progress.approvals = vec![approval];
        matches!(world.step("revert-window"), Step::Done(_))
    };
    assert!(ends(approval(young)));
    assert!(!ends(approval(young - 1)), "given before the switch was seen done");
    assert!(!ends(StandingApproval { expires_at: Some(now()), ..approval(young) }));
    assert!(!ends(StandingApproval { intent: Digest::of(&"older"), ..approval(young) }));
    assert!(!ends(StandingApproval { end_revert_window: false, ..approval(young) }));

    world.progress.approvals = vec![approval(young)];
    world.reverse().streams[0].state = StreamState::Error;
    let Step::Done(evidence) = world.step("revert-window") else { panic!() };
    assert!(evidence.iter().any(|line| line.contains("THE WAY BACK IS NOT OPEN")), "{evidence:?}");
}

#[test]
fn a_clock_that_is_ahead_does_not_end_the_revert_window() {
    let mut world = World::after(&SWITCHED);
    let long_ago = now() - SignedDuration::from_secs(3600);
    world.progress.reached.insert(PhaseId::SWITCH_PRIMARY, long_ago);
    let mut at = |sign_of_life: Timestamp| {
        world.reverse().streams.iter_mut().for_each(|stream| stream.updated_at = Some(sign_of_life));
        world.step("revert-window")
    };
    assert!(matches!(at(now()), Step::Done(_)));
    // The tablets live half an hour after the switch, when the window of half an hour is over by two seconds at most.
    assert!(matches!(at(long_ago + SignedDuration::from_secs(1800 - 120)), Step::Done(_)));
    assert_eq!(blocked(at(long_ago + SignedDuration::from_secs(1800 - 121))), "C335");
    world.reverse().streams.iter_mut().for_each(|stream| stream.state = StreamState::Error);
    assert!(
        matches!(world.step("revert-window"), Step::Done(_)),
        "what does not run has no clock; `complete` has its own word on it"
    );
}

#[test]
fn a_lag_that_is_not_low_is_told_with_what_holds_it_up() {
    let mut world = World::after(&["create", "copy"]);
    let lag = |world: &mut World| world.conditions("switch-replicas").remove(1).seen;
    world.forward().streams[0].throttled = Some(Throttled { component: "vplayer".into(), at: Some(now()) });
    assert!(lag(&mut world).contains("is throttled (`vplayer`, C515)"), "{}", lag(&mut world));
}

#[test]
fn complete_holds_on_a_dead_way_back_and_names_what_is_sick() {
    let mut world = World::after(&SWITCHED);
    assert!(world.conditions("complete").iter().all(Condition::passes));
    world.reverse().transaction_lag_seconds = Some(31);
    let lagging = world.conditions("complete").remove(0);
    assert_eq!((lagging.passes(), lagging.code.as_deref(), lagging.counts.as_str()), (false, Some("C340"), "lag too high"));
    world.reverse().transaction_lag_seconds = None;
    assert_eq!(world.conditions("complete").remove(0).counts, "lag not known");
    world.reverse().streams[0].state = StreamState::Error;
    let sick = world.conditions("complete").remove(0);
    assert_eq!((sick.passes(), sick.counts.as_str()), (false, "0 stream 1"));
    assert!(sick.seen.contains("THE WAY BACK IS NOT OPEN"));
    assert!(World::after(&COMPLETED).conditions("complete").is_empty(), "not judged when it is done");
}

#[test]
fn completed_is_what_was_seen_of_tables_and_denied_tables() {
    let renamed = ["_corder_old", "_customer_old"];
    let kept = ["corder", "customer"];
    let cases: [(SourceTables, &[&str], bool, bool); 9] = [
        (SourceTables::Rename, &renamed, false, true),
        (SourceTables::Rename, &kept, false, false),
        (SourceTables::Rename, &[], false, false),
        (SourceTables::Rename, &renamed, true, false),
        (SourceTables::Drop, &[], false, true),
        (SourceTables::Drop, &kept, false, false),
        (SourceTables::Keep, &[], true, false),
        (SourceTables::Keep, &kept, true, true),
        (SourceTables::Keep, &kept, false, false),
    ];
    for (source_tables, names, denied, is_done) in cases {
        let mut world = World::after(&SWITCHED);
        world.movement.spec.complete.source_tables = source_tables;
        let complete = complete::mutation(&world.movement);
        world.apply(&complete);
        world.attempt(PhaseId::COMPLETE, complete, Some(OutcomeResult::Done));
        assert!(matches!(world.step("complete"), Step::Wait(_)), "unread is not done");
        world.source_tables(names);
        let tables = if denied { vec!["corder".into(), "customer".into()] } else { vec![] };
        world.deny("commerce", "0", tables);
        let step = world.step("complete");
        assert_eq!(matches!(step, Step::Done(_)), is_done, "{source_tables:?} {names:?}: {step:?}");
        assert_eq!(matches!(step, Step::Between(_)), !is_done);
        world.progress.reached.insert(PhaseId::COMPLETE, now());
        assert!(matches!(world.step("complete"), Step::Done(_)), "seen once, later cleaning up is nobody's fault");
    }
}

#[test]
fn a_completion_that_stopped_in_its_renames_begins_anew_with_every_name_back() {
    let mut world = World::after(&SWITCHED);
    let complete = complete::mutation(&world.movement);
    world.source_tables(&["corder", "customer"]);
    assert_eq!(acts(world.step("complete")), complete);
    world.source_tables(&["_corder_old", "customer"]);
    assert!(matches!(world.step("complete"), Step::Between(_)), "somebody else renamed it");

    world.attempt(PhaseId::COMPLETE, complete.clone(), Some(OutcomeResult::HalfDone));
    assert!(matches!(world.step("complete"), Step::Wait(_)), "no primary, no renaming");
    let shard = world.facts.keyspaces.get_mut("commerce").unwrap().shards.values_mut().next().unwrap();
    shard.primary_alias = Some(crate::model::topology::TabletAlias { cell: "zone1".into(), uid: 100 });
    world.reverse().streams[0].state = StreamState::Error;
    assert!(world.conditions("complete").is_empty(), "what has begun is finished, with whatever the renames did to the way back");
    let Step::Finish(Mutation::RenameTables(back)) = world.step("complete") else { panic!("{:?}", world.step("complete")) };
    assert_eq!(back.words(), "give tables of `commerce/0` their names back: `_corder_old` to `corder`");
    assert_eq!(world.happened(&Mutation::RenameTables(back.clone())), Happened::No);
    world.attempt(PhaseId::COMPLETE, Mutation::RenameTables(back.clone()), Some(OutcomeResult::Done));
    world.source_tables(&["corder", "customer"]);
    assert!(matches!(world.happened(&Mutation::RenameTables(back)), Happened::Yes(_)));
    assert_eq!(world.step("complete"), Step::Finish(complete.clone()));

    // A name that is taken twice is nobody's to give back.
    world.source_tables(&["_corder_old", "corder", "customer"]);
    assert_eq!(world.step("complete"), Step::Finish(complete));
    let Mutation::CompleteMoveTables(drop) = complete::mutation(&world.movement) else { panic!() };
    let drop = CompleteMoveTables { source_tables: SourceTables::Drop, ..drop };
    world.attempt(PhaseId::COMPLETE, Mutation::CompleteMoveTables(drop.clone()), Some(OutcomeResult::HalfDone));
    world.source_tables(&["customer"]);
    assert_eq!(world.step("complete"), Step::Finish(Mutation::CompleteMoveTables(drop)), "Vitess passes over what is gone");
}

#[test]
fn traffic_goes_back_only_over_streams_that_live_and_past_no_vdiff() {
    let mut world = World::after(&SWITCHED);
    let back = |world: &World| world.look(|view| world.movement.step_back(view));
    let ask = switch_back::vdiffs(&world.movement);
    assert!(query(&world.movement, &PhaseId::SWITCH_BACK, &world.progress).asks.contains(&ask));
    assert!(matches!(back(&world), Step::Wait(_)), "whether a VDiff runs is not known");
    list(&mut world, ask.clone(), "theirs", VDiffState::Started);
    let stop = acts(back(&world));
    assert!(matches!(&stop, Mutation::StopVDiff(stop) if stop.target_keyspace == *world.movement.source()));
    assert!(stop.verb().words().contains("whoever began it"), "{}", stop.verb().words());
    list(&mut world, ask, "theirs", VDiffState::Stopped);
    assert!(matches!(acts(back(&world)), Mutation::SwitchTraffic(switch) if switch.tablet_types == [TabletType::Rdonly]));

    let streams: Vec<(String, i64)> = world.reverse().streams.iter().map(|stream| (stream.shard.clone(), stream.id)).collect();
    let id = journal::id("commerce", streams.iter().map(|(shard, id)| (shard.as_str(), *id)));
    let journals = Ask::Sql(Question::Journals { keyspace: world.movement.target().clone() });
    assert!(query(&world.movement, &PhaseId::SWITCH_BACK, &world.progress).asks.contains(&journals));
    world.answer(journals.clone(), Ok(Answer::Journals([("80-".to_owned(), [id].into())].into())));
    assert!(matches!(back(&world), Step::Blocked(finding) if finding.code == "C336" && finding.help.contains(&id.to_string())));
    world.answer(journals, Ok(Answer::Journals([("80-".to_owned(), [id + 1].into())].into())));

    world.reverse().transaction_lag_seconds = Some(31);
    assert!(matches!(back(&world), Step::Wait(_)), "it catches up by itself");
    world.reverse().streams[0].state = StreamState::Error;
    assert!(matches!(back(&world), Step::Wait(_)), "a reparent passes");
    world.reverse().streams[0].message = "terminal error: Duplicate entry".into();
    assert_eq!(blocked(back(&world)), "C333");
    world.reverse().streams[0] = stream(1, "0", "customer", StreamShape::Stopped);
    assert_eq!(blocked(back(&world)), "C333");
    // With writes at the source the reverse streams carry nothing.
    let reads = World::after(&READS);
    assert!(matches!(acts(back(&reads)), Mutation::SwitchTraffic(_)));
}

#[test]
fn pause_and_resume_look_at_single_streams() {
    let pause = |world: &World| world.look(|view| world.movement.step_pause(view));
    let resume = |world: &World| world.look(|view| world.movement.step_resume(view));
    assert_eq!(blocked(pause(&World::after(&SWITCHED))), "C334");
    let mut world = World::after(&["create", "copy"]);
    assert!(matches!(resume(&world), Step::Done(_)));
    let mut standing = stream(9, "-80", "commerce", StreamShape::Stopped);
    standing.source_shard = "1".into();
    world.forward().streams.push(standing);
    assert!(matches!(acts(pause(&world)), Mutation::SetStreams(_)), "one of two still runs");
    assert!(matches!(acts(resume(&world)), Mutation::SetStreams(_)), "one of two stands");
    assert!(matches!(pause(&World::after(&["create"])), Step::Done(_)));
}

#[test]
fn a_half_made_creation_is_cancelled_only_if_it_was_our_own() {
    let finish = |world: &World| world.look(|view| world.movement.step_finish(view));
    let mut world = World::after(&["create"]);
    world.forward().streams.pop();
    world.progress.attempts[0].outcome = Some((OutcomeResult::HalfDone, now()));
    assert!(matches!(acts(finish(&world)), Mutation::CancelWorkflow(_)));
    world.progress.attempts[0].evidence = vec!["workflow commerce2customer already exists in keyspace customer".into()];
    assert!(matches!(finish(&world), Step::Between(_)));
    world.progress.attempts[0].evidence.clear();
    world.progress.attempts[0].outcome = Some((OutcomeResult::Done, now()));
    assert!(matches!(finish(&world), Step::Between(_)), "it was whole: somebody took a stream away");
}

#[test]
fn what_comes_to_nothing_again_and_again_is_said_with_its_reason_and_tried_anew_by_the_next_run() {
    let finish = |world: &World| world.look(|view| world.movement.step_finish(view));
    let mut world = World::after(&SWITCHED);
    world.source_tables(&["corder", "customer"]);
    let complete = complete::mutation(&world.movement);
    for tries in 0..4 {
        assert!(tries == 0 || matches!(finish(&world), Step::Finish(_)), "{:?}", finish(&world));
        world.attempt(PhaseId::COMPLETE, complete.clone(), Some(OutcomeResult::HalfDone));
        let said = "failed to refresh tablet zone1-0000000100: rpc error: code = DeadlineExceeded";
        world.progress.attempts.last_mut().unwrap().evidence = vec![said.into()];
    }
    let Step::Between(why) = finish(&world) else { panic!("{:?}", finish(&world)) };
    assert!(why.contains("4 tries to") && why.contains("changed nothing: failed to refresh tablet zone1-0000000100"), "{why}");
    assert!(why.contains("C313: start zone1-0000000100 again"), "{why}");
    world.watch.began_at_serial = world.progress.serial;
    assert_eq!(finish(&world), Step::Finish(complete), "somebody has started the tablet, and runs it again");
}

#[test]
fn a_reverse_that_deleted_the_forward_workflow_goes_on_by_its_own_name() {
    // What may be left in tablets and vtgates is settled first.
    let finish = |world: &mut World| {
        loop {
            let step = world.look(|view| world.movement.step_finish(view));
            let Step::Finish(mutation) = step else { return step };
            assert!(!matches!(mutation, Mutation::SwitchTraffic(_)));
            world.apply(&mutation);
            world.attempt(PhaseId::SWITCH_BACK, mutation, Some(OutcomeResult::Done));
        }
    };
    let mut world = World::after(&SWITCHED);
    for keyspace in [world.movement.source().clone(), world.movement.target().clone()] {
        world.answer(Ask::Sql(Question::Journals { keyspace }), Ok(Answer::Journals(Default::default())));
    }
    world.answer(world.movement.lock_ask(), Ok(Answer::Locks(vec![])));
    let back = switch_back::mutations(&world.movement).pop().unwrap();
    world.attempt(PhaseId::SWITCH_BACK, back, Some(OutcomeResult::HalfDone));
    // Vitess takes the forward streams away one shard after the other.
    world.forward().streams.retain(|stream| stream.shard == "-80");
    assert_eq!(world.situation().kind, SituationKind::Between);
    assert!(matches!(finish(&mut world), Step::Wait(_)), "whether a VDiff runs is not known");
    let ask = switch_back::vdiffs(&world.movement);
    list(&mut world, ask.clone(), "theirs", VDiffState::Started);
    assert!(matches!(finish(&mut world), Step::Wait(_)));
    world.answer(ask, Ok(Answer::VDiffs(vec![])));
    let Mutation::SwitchTraffic(switch) = acts(finish(&mut world)) else { panic!() };
    assert_eq!((switch.workflow.as_str(), switch.target_keyspace.as_str()), ("commerce2customer_reverse", "commerce"));
    assert_eq!((switch.direction, switch.max_lag_seconds), (Direction::Forward, 30));
    let by_hand = Mutation::SwitchTraffic(switch.clone()).verb().equivalent();
    assert!(by_hand.contains("--workflow commerce2customer_reverse --target-keyspace commerce SwitchTraffic"), "{by_hand}");
    assert!(!switch.request().initialize_target_sequences && switch.request().enable_reverse_replication);
    let mut stopped = stream(1, "0", "customer", StreamShape::StoppedForCutover);
    stopped.message = "Stopped at position MySQL56/1".into();
    world.reverse().streams[0] = stopped;
    let Mutation::SwitchTraffic(switch) = acts(finish(&mut world)) else { panic!() };
    assert_eq!(switch.max_lag_seconds, 30, "a stream that stands for a moment follows");
}

#[test]
fn reverse_streams_that_died_of_a_broken_renaming_are_started_once() {
    let mut world = World::after(&SWITCHED);
    let settle = |world: &World| world.look(|view| world.movement.settle(view));
    world.attempt(PhaseId::COMPLETE, complete::mutation(&world.movement), Some(OutcomeResult::NotDone));
    world.reverse().streams[0].state = StreamState::Error;
    assert_eq!(settle(&world), None, "it died of something else");
    let renames = RenameTables {
        keyspace: world.movement.source().clone(),
        shard: ShardName::new("0").unwrap(),
        tablet: TabletAlias { cell: "zone1".to_owned(), uid: 100 },
        renames: vec![],
    };
    world.attempt(PhaseId::COMPLETE, Mutation::RenameTables(renames), Some(OutcomeResult::Done));
    let Some(Mutation::SetStreams(set)) = settle(&world) else { panic!("they are started") };
    assert_eq!((set.workflow.as_str(), set.wanted), ("commerce2customer_reverse", StreamsWanted::Running));
    world.attempt(PhaseId::COMPLETE, Mutation::SetStreams(set), Some(OutcomeResult::Done));
    assert_eq!(settle(&world), None, "once");
}

#[test]
fn a_copy_that_was_seen_done_is_not_undone_by_a_stream_that_a_vdiff_holds() {
    let mut world = World::after(&["create", "copy"]);
    world.progress.reached.insert(PhaseId::COPY, now());
    let held = &mut world.forward().streams[0];
    (held.state, held.message) = (StreamState::Stopped, "for vdiff".into());
    assert!(matches!(world.step("copy"), Step::Done(_)));
    world.forward().streams[0].copying_tables = vec!["customer".into()];
    let Step::Wait(waiting) = world.step("copy") else { panic!("it copies again") };
    assert!(waiting.what.contains("stand still for a VDiff"), "{}", waiting.what);
}

#[test]
fn a_hold_says_what_it_costs_from_what_was_read() {
    let price =
        |world: &World, phase: &str| world.look(|view| world.movement.price(&PhaseId::new(phase.to_owned()), view)).join("\n");
    let of_switch = price(&verified(), "switch-primary");
    for words in ["keep up (lag 1 s)", "counts until", "at worst 5 s", "10 s by default"] {
        assert!(of_switch.contains(words), "{words}: {of_switch}");
    }
    let mut waited = verified();
    let long_ago = now() - SignedDuration::from_secs(7_500);
    waited.progress.attempts.iter_mut().for_each(|attempt| attempt.at = long_ago);
    waited.progress.reached = [(PhaseId::SWITCH_REPLICAS, long_ago)].into();
    assert!(price(&waited, "switch-primary").contains("2 h 5 min so far: switch-replicas was done"));
    let mut standing = World::after(&["create", "copy"]);
    standing.forward().streams[0] = stream(1, "-80", "commerce", StreamShape::Stopped);
    assert!(price(&standing, "verify").contains("binlog_expire_logs_seconds"));
    let mut switched = World::after(&SWITCHED);
    assert!(price(&switched, "complete").contains("the way back ends"));
    assert!(price(&switched, "revert-window").contains("write each change to `commerce` too"));
    switched.movement.spec.complete.source_tables = SourceTables::Drop;
    assert!(price(&switched, "complete").contains("ARE DROPPED"));
    for phase in ["create", "copy", "verify", "switch-replicas", "remove-rules"] {
        assert!(!price(&World::after(&[]), phase).is_empty() || phase == "copy", "{phase}");
    }
}

/// What may be past though it wants more again would be passed by in silence.
#[test]
fn no_phase_that_is_past_has_a_step_left() {
    let words = |phases: &[PhaseId]| phases.iter().map(|phase| phase.as_str().to_owned()).collect::<Vec<_>>();
    let past = |after: &[&str]| {
        let mut world = World::after(after);
        for phase in all() {
            world.progress.reached.insert(phase.id, now());
        }
        let situation = world.situation();
        let past: Vec<PhaseId> = all().into_iter().map(|phase| phase.id).filter(|id| is_past(id, &situation)).collect();
        for phase in &past {
            assert!(matches!(world.step(phase.as_str()), Step::Done(_)), "{phase} after {after:?}");
        }
        words(&past)
    };
    assert_eq!(past(&[]), [""; 0]);
    assert_eq!(past(&["create", "copy"]), ["create"], "its streams can stop again");
    assert_eq!(past(&READS), ["create"]);
    assert_eq!(past(&SWITCHED), ["pre-check", "create", "copy", "verify", "switch-replicas", "switch-primary"]);
    assert_eq!(past(&COMPLETED).len(), 8, "all but the removal of the rules");
}

#[test]
fn the_checks_of_the_first_switch_are_made_in_a_short_comparison_that_nobody_is_asked_after() {
    let soon = |copy_seconds: i64, held: &[PhaseId]| {
        let mut world = World::after(&["create", "copy"]);
        for (gate, spec) in &mut world.movement.spec.gates {
            spec.policy = if held.contains(gate) { GatePolicy::OperatorHold } else { GatePolicy::AutoAdvance };
        }
        let created_at = attempts::created_at(&world.progress).unwrap();
        world.progress.reached.insert(PhaseId::COPY, created_at + SignedDuration::from_secs(copy_seconds));
        world.look(|view| checks_soon(&world.movement, &PhaseId::VERIFY, view))
    };
    assert_eq!(soon(5, &[PhaseId::SWITCH_PRIMARY]), Some(PhaseId::SWITCH_REPLICAS));
    assert_eq!(soon(5, &[PhaseId::SWITCH_REPLICAS]), None);
    assert_eq!(soon(60, &[]), None, "they would be too old by then");
}
