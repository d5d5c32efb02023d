use super::super::fixtures::{World, stream};
use super::*;
use crate::cluster::mutation::{Direction, Mutation, RebuildVSchemaGraph};
use crate::cluster::port::Served;
use crate::family::Family as _;
use crate::family::{Happened, Step};
use crate::model::name::ShardName;
use crate::model::vschema::VSchema;
use crate::record::entry::OutcomeResult;
use crate::run::phase::PhaseId;

const READS: [&str; 3] = ["create", "copy", "switch-replicas"];
const SWITCHED: [&str; 4] = ["create", "copy", "switch-replicas", "switch-primary"];
const COMPLETED: [&str; 5] = ["create", "copy", "switch-replicas", "switch-primary", "complete"];

fn mutation(world: &World, phase: &str) -> Mutation {
    world.movement.mutations(&PhaseId::new(phase.to_owned())).pop().unwrap()
}

#[test]
fn each_whole_state_is_known() {
    let ended = [&COMPLETED[..], &["remove-rules"]].concat();
    let back = [&SWITCHED[..], &["switch-back"]].concat();
    let cases: [(&[&str], SituationKind); 9] = [
        (&[], SituationKind::NotBegun),
        (&["create"], SituationKind::Moving),
        (&["create", "copy"], SituationKind::Moving),
        (&READS, SituationKind::Moving),
        (&SWITCHED, SituationKind::Switched),
        (&back, SituationKind::Moving),
        (&COMPLETED, SituationKind::Completed),
        (&ended, SituationKind::Ended),
        (&["create", "cancel"], SituationKind::Cancelled),
    ];
    for (phases, kind) in cases {
        let found = World::after(phases).situation();
        assert_eq!((found.kind, found.contradictions.as_slice()), (kind, &[][..]), "{phases:?}");
    }
}

/// One thing out of place in an else whole state, and the words that must name it.
#[test]
fn each_single_contradiction_is_named() {
    type Break = fn(&mut World);
    let cases: [(&[&str], Break, &str); 13] = [
        (&READS, |world| world.deny("commerce", "0", vec!["corder".into()]), "the source denies"),
        (&READS, |world| world.deny("customer", "80-", vec!["corder".into()]), "not every target shard denies"),
        (&READS, |world| world.forward().streams.truncate(1), "has streams on"),
        (&READS, |world| world.facts.routing_rules = Default::default(), "cell zone1"),
        (&READS, |world| world.facts.served.clear(), "no SrvVSchema"),
        (&READS, |world| world.forward().streams[0] = stream(1, "-80", "commerce", StreamShape::Frozen), "are frozen"),
        (
            &READS,
            |world| world.forward().streams[0] = stream(1, "-80", "commerce", StreamShape::StoppedForCutover),
            "for cutover",
        ),
        (&SWITCHED, |world| world.facts.workflows.retain(|found| found.name == "commerce2customer"), "does not exist"),
        (&SWITCHED, |world| world.forward().streams[1] = stream(2, "80-", "commerce", StreamShape::Moving), "not frozen"),
        (
            &SWITCHED,
            |world| world.reverse().streams[0] = stream(1, "0", "customer", StreamShape::Frozen),
            "reverse streams are frozen",
        ),
        (&SWITCHED, |world| world.deny("commerce", "0", vec![]), "not every source shard denies"),
        (&SWITCHED, |world| world.deny("customer", "-80", vec!["corder".into()]), "the target denies"),
        (&COMPLETED, |world| world.deny("customer", "-80", vec!["corder".into()]), "the target still denies"),
    ];
    for (number, (phases, break_it, words)) in cases.into_iter().enumerate() {
        let mut world = World::after(phases);
        break_it(&mut world);
        let found = world.situation();
        assert_eq!(found.kind, SituationKind::Between, "case {number}: {found:?}");
        assert!(found.contradictions.iter().any(|line| line.contains(words)), "case {number}: {found:?}");
    }
}

#[test]
fn every_source_shard_must_have_its_reverse_stream_and_whether_it_runs_is_not_asked() {
    let mut world = World::after(&SWITCHED);
    world.reverse().streams[0].state = crate::model::workflow::StreamState::Error;
    assert_eq!(world.situation().kind, SituationKind::Switched, "sick is not half switched");

    let source = world.movement.source().clone();
    let shards = &mut world.facts.keyspaces.get_mut(&source).unwrap().shards;
    let record = shards.values().next().unwrap().clone();
    shards.insert(ShardName::new("1").unwrap(), record);
    let found = world.situation();
    assert_eq!(found.kind, SituationKind::Between);
    assert!(found.contradictions.iter().any(|line| line.contains("has no stream on 1")), "{found:?}");
}

#[test]
fn streams_that_a_switch_of_ours_made_after_it_was_thought_to_have_stopped_are_ours() {
    let mut world = World::after(&READS);
    let known = world.movement.incarnation(&world.facts);
    let switch = mutation(&world, "switch-primary");
    world.apply(&switch);
    world.reverse().streams[0].id = 7;
    world.progress.streams = known;
    world.progress.streams.insert("commerce.commerce2customer_reverse 0 from 0".into(), 6);
    for (outcome, kind) in [
        (None, SituationKind::Switched),
        (Some(OutcomeResult::HalfDone), SituationKind::Switched),
        (Some(OutcomeResult::Done), SituationKind::Foreign),
    ] {
        let mut world = World { progress: world.progress.clone(), ..World::after(&READS) };
        world.apply(&switch);
        world.reverse().streams[0].id = 7;
        world.attempt(PhaseId::SWITCH_PRIMARY, switch.clone(), outcome);
        assert_eq!(world.situation().kind, kind, "{outcome:?}");
    }
}

#[test]
fn a_completion_is_whole_when_no_cell_serves_what_left_the_source() {
    let mut world = World::after(&COMPLETED);
    let with = |tables: &[&str]| VSchema {
        tables: tables.iter().map(|name| ((*name).to_owned(), Default::default())).collect(),
        ..VSchema::default()
    };
    world.facts.vschemas.insert(world.movement.source().clone(), with(&["others"]));
    world.facts.served.get_mut("zone1").unwrap().vschemas.insert("commerce".into(), with(&["others", "stranger"]));
    assert_eq!(world.situation().kind, SituationKind::Completed, "what others serve is theirs");
    world.facts.served.get_mut("zone1").unwrap().vschemas.insert("commerce".into(), with(&["customer"]));
    let found = world.situation();
    assert_eq!(found.kind, SituationKind::Between);
    assert!(found.contradictions[0].contains("cell zone1 still serves customer"), "{found:?}");
    let complete = world.progress.attempts.last_mut().unwrap();
    complete.outcome = Some((OutcomeResult::HalfDone, super::super::fixtures::now()));
    let rebuild = Mutation::RebuildVSchemaGraph(RebuildVSchemaGraph { cells: vec![] });
    assert_eq!(world.happened(&rebuild), Happened::No);
    assert_eq!(world.look(|view| world.movement.step_finish(view)), Step::Finish(rebuild.clone()));
    let routing_rules = world.facts.routing_rules.clone();
    world.facts.served.insert("zone1".into(), Served { routing_rules, vschemas: Default::default() });
    assert!(matches!(world.happened(&rebuild), Happened::Yes(_)));
}

#[test]
fn one_stream_of_a_shard_that_stands_is_no_half_switch() {
    let mut world = World::after(&READS);
    let mut standing = stream(9, "-80", "commerce", StreamShape::Stopped);
    standing.source_shard = "1".into();
    world.forward().streams.push(standing);
    assert_eq!(world.situation().kind, SituationKind::Moving);
    let Step::Blocked(finding) = world.step("copy") else { panic!("{:?}", world.step("copy")) };
    assert_eq!(finding.code, "C302");
    assert!(finding.summary.contains("stream 9"), "{finding:?}");
}

/// Whatever denied tables, rules and streams say: one meaning, and a whole state only when nothing speaks against it.
#[test]
fn every_mixture_has_one_meaning() {
    let shapes = [
        None,
        Some(StreamShape::Stopped),
        Some(StreamShape::Moving),
        Some(StreamShape::StoppedForCutover),
        Some(StreamShape::Frozen),
    ];
    let mut whole = Vec::new();
    for rules in ["source", "target", "mixed", "none"] {
        for denied in 0..8_u8 {
            for (one, other, reverse) in each_of_three(&shapes) {
                let mut world = World::after(&SWITCHED);
                match rules {
                    "source" => world.movement.route_primary(&mut world.facts.routing_rules, false),
                    "mixed" => world.facts.routing_rules.set("corder", "commerce.corder"),
                    "none" => world.facts.routing_rules = Default::default(),
                    _ => {}
                }
                world.serve();
                for (bit, (keyspace, shard)) in
                    [("commerce", "0"), ("customer", "-80"), ("customer", "80-")].into_iter().enumerate()
                {
                    let tables = if denied & (1 << bit) == 0 { vec![] } else { vec!["corder".into(), "customer".into()] };
                    world.deny(keyspace, shard, tables);
                }
                let streams = |of: &[(i64, &str, &str, Option<StreamShape>)]| -> Vec<_> {
                    of.iter().filter_map(|(id, shard, from, shape)| shape.map(|shape| stream(*id, shard, from, shape))).collect()
                };
                world.forward().streams = streams(&[(1, "-80", "commerce", one), (2, "80-", "commerce", other)]);
                world.reverse().streams = streams(&[(1, "0", "customer", reverse)]);
                let found = world.situation();
                match found.kind {
                    SituationKind::Between => {
                        assert!(!found.contradictions.is_empty(), "{rules} {denied} {one:?} {other:?} {reverse:?}")
                    }
                    SituationKind::Moving | SituationKind::Switched => {
                        assert!(found.contradictions.is_empty());
                        whole.push((rules, denied, found.kind));
                    }
                    SituationKind::Contradictory => {
                        assert!(rules == "none" && denied == 0 && one.or(other).or(reverse).is_none())
                    }
                    other => panic!("{other:?} for {rules} {denied}"),
                }
            }
        }
    }
    // The source denies nothing and the target all while the source serves; the other way round when the target does.
    assert!(whole.iter().all(|(rules, denied, kind)| match kind {
        SituationKind::Moving => (*rules, *denied) == ("source", 0b110),
        _ => (*rules, *denied) == ("target", 0b001),
    }));
    let count = |kind| whole.iter().filter(|(_, _, is)| *is == kind).count();
    assert_eq!(count(SituationKind::Moving), 12, "running or stopped on either shard, the reverse frozen, stopped or absent");
    assert_eq!(count(SituationKind::Switched), 2, "frozen, and a reverse stream that runs, or that somebody stopped");
}

fn each_of_three(shapes: &[Option<StreamShape>]) -> Vec<(Option<StreamShape>, Option<StreamShape>, Option<StreamShape>)> {
    let pairs =
        |one: Option<StreamShape>| shapes.iter().flat_map(move |other| shapes.iter().map(move |third| (one, *other, *third)));
    shapes.iter().flat_map(|one| pairs(*one)).collect()
}

#[test]
fn a_workflow_is_ours_only_by_a_create_that_may_have_happened() {
    let mut world = World::after(&["create"]);
    for (outcome, kind) in [
        (Some(OutcomeResult::Done), SituationKind::Moving),
        (Some(OutcomeResult::HalfDone), SituationKind::Moving),
        (None, SituationKind::Moving),
        (Some(OutcomeResult::NotDone), SituationKind::Foreign),
        (Some(OutcomeResult::RolledBack), SituationKind::Foreign),
    ] {
        world.progress.attempts[0].outcome = outcome.map(|result| (result, crate::family::move_tables::fixtures::now()));
        assert_eq!(world.situation().kind, kind, "{outcome:?}");
    }
    // Cancelled for good by us, and there again: made by somebody else.
    let mut again = World::after(&["create"]);
    let cancel = mutation(&again, "cancel");
    again.attempt(PhaseId::CANCEL, cancel, Some(OutcomeResult::Done));
    assert_eq!(again.situation().kind, SituationKind::Foreign);
}

#[test]
fn a_workflow_of_our_name_that_carries_something_else_is_foreign_and_says_what() {
    let mut other_tables = World::after(&["create"]);
    other_tables.forward().streams[1].tables.insert("theirs".into(), String::new());
    let found = other_tables.situation();
    assert_eq!(found.kind, SituationKind::Foreign);
    assert!(found.words.contains("corder, customer, theirs"), "{}", found.words);

    let mut other_source = World::after(&["create"]);
    other_source.forward().streams[0].source_keyspace = "shop".into();
    let found = other_source.situation();
    assert_eq!(found.kind, SituationKind::Foreign);
    assert!(found.words.contains("`shop`") && found.words.contains("`commerce`"), "{}", found.words);
}

#[test]
fn absence_is_completion_only_after_a_complete_that_may_have_happened() {
    let mut refused = World::after(&COMPLETED);
    refused.progress.streams = World::after(&SWITCHED).progress.streams;
    refused.progress.attempts.last_mut().unwrap().outcome =
        Some((OutcomeResult::NotDone, crate::family::move_tables::fixtures::now()));
    assert_eq!(refused.situation().kind, SituationKind::Between, "somebody else took the streams away");

    let mut later_back = World::after(&COMPLETED);
    let back = super::super::phases::switch_back::mutations(&later_back.movement).pop().unwrap();
    later_back.attempt(PhaseId::SWITCH_BACK, back, Some(OutcomeResult::Done));
    assert_ne!(later_back.situation().kind, SituationKind::Completed);
}

#[test]
fn what_somebody_cancelled_by_hand_is_a_contradiction_whatever_ids_are_on_record() {
    for with_ids in [true, false] {
        let mut world = World::after(&["create", "copy"]);
        let cancel = mutation(&world, "cancel");
        world.apply(&cancel);
        if !with_ids {
            world.progress.streams.clear();
        }
        assert_eq!(world.situation().kind, SituationKind::Contradictory, "with ids: {with_ids}");
        // A cancel of ours that came to nothing explains nothing.
        world.attempt(PhaseId::CANCEL, cancel.clone(), Some(OutcomeResult::NotDone));
        assert_eq!(world.situation().kind, SituationKind::Contradictory);
        world.attempt(PhaseId::CANCEL, cancel, None);
        assert_eq!(world.situation().kind, SituationKind::Cancelled);
    }
}

#[test]
fn the_reverse_workflow_by_its_own_name_leads_back() {
    let world = World::at_the_start();
    let Mutation::SwitchTraffic(forward) = mutation(&world, "switch-primary") else { panic!() };
    let backward = crate::cluster::mutation::SwitchTraffic { direction: Direction::Backward, ..forward.clone() };
    let by_its_name = crate::cluster::mutation::SwitchTraffic {
        workflow: world.movement.workflow().reverse(),
        target_keyspace: world.movement.source().clone(),
        ..forward.clone()
    };
    assert!(world.movement.leads_to_target(&forward));
    assert!(!world.movement.leads_to_target(&backward));
    assert!(!world.movement.leads_to_target(&by_its_name));
}
