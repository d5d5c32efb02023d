use super::*;
use crate::cluster::port::{Answer, HeldLock, Unread};
use crate::family::picture::StreamShape;
use crate::model::journal;
use crate::model::topology::TabletType;
use crate::model::vschema::{AutoIncrement, VSchemaTable};
use crate::model::workflow::{FROZEN, StreamState};
use crate::run::phase::PhaseId;

use super::super::fixtures::{World, stream};

/// A movement as somebody's hands have brought it so far, with all that is asked answered.
fn by_hand(phases: &[&str]) -> World {
    let mut world = World::after(phases);
    world.progress = Progress::default();
    world.answer(world.movement.lock_ask(), Ok(Answer::Locks(vec![])));
    world.answer(world.movement.journals_of_source(), Ok(Answer::Journals([("0".to_owned(), BTreeSet::new())].into())));
    world.answer(switch_primary::vdiffs(&world.movement), Ok(Answer::VDiffs(vec![])));
    world
}

const SWITCHED: [&str; 5] = ["create", "copy", "verify", "switch-replicas", "switch-primary"];

fn names(adoption: &Adoption) -> Vec<&str> {
    adoption.doubts.iter().map(|doubt| doubt.name.as_str()).collect()
}

fn blocking(world: &World) -> Vec<(String, String)> {
    let adoption = world.movement.adoption(&world.facts);
    adoption.blocking.into_iter().map(|finding| (finding.code, finding.at.unwrap_or_default())).collect()
}

#[test]
fn at_each_phase_it_says_what_is_behind_and_asks_what_no_look_proves() {
    let always = ["who-made-it", "only-writer", "rules-before"];
    let of = |phases: &[&str]| {
        let world = by_hand(phases);
        let adoption = world.movement.adoption(&world.facts);
        assert_eq!(adoption.blocking, [], "{phases:?}");
        adoption
    };
    let created = of(&["create", "copy"]);
    assert_eq!(created.reached, [PhaseId::CREATE, PhaseId::COPY]);
    assert_eq!(names(&created), always);

    let reads = of(&["create", "copy", "verify", "switch-replicas"]);
    assert_eq!(reads.reached, [PhaseId::CREATE, PhaseId::COPY, PhaseId::SWITCH_REPLICAS], "verify is nobody else's to do");

    let switched = of(&SWITCHED);
    assert_eq!(switched.reached.last(), Some(&PhaseId::SWITCH_PRIMARY));
    assert_eq!(names(&switched), ["who-made-it", "only-writer", "rows-compared", "switch-time", "rules-before"]);
    assert!(switched.evidence.iter().any(|line| line.contains("commerce2customer_reverse")), "{:?}", switched.evidence);
}

#[test]
fn every_doubt_has_a_name_that_can_be_accepted() {
    let mut worlds = vec![by_hand(&["create", "copy"]), by_hand(&SWITCHED)];
    let mut odd = by_hand(&["create", "copy"]);
    odd.forward().streams[0].state = StreamState::Stopped;
    odd.answer(odd.movement.journals_of_source(), Err(Unread::new("SQL is forbidden")));
    let lock = HeldLock {
        of: "customer/commerce2customer".into(),
        node: "7".into(),
        version: 1,
        waits: false,
        action: "SwitchWrites".into(),
        host: "vtctld-1".into(),
        user: "vitess".into(),
        time: "2026-11-20T02:00:00Z".into(),
    };
    odd.answer(odd.movement.lock_ask(), Ok(Answer::Locks(vec![lock])));
    let mut back = by_hand(&["create", "copy"]);
    let mut reverse = back.facts.workflows[0].clone();
    reverse.keyspace = "commerce".into();
    reverse.name = "commerce2customer_reverse".into();
    reverse.streams = vec![stream(9, "0", "customer", StreamShape::Frozen)];
    back.facts.workflows.push(reverse);
    let mut sequenced = by_hand(&SWITCHED);
    let auto_increment = AutoIncrement { column: "id".into(), sequence: "commerce.customer_seq".into() };
    let entry = VSchemaTable { auto_increment: Some(auto_increment), ..VSchemaTable::default() };
    let target = sequenced.movement.target().clone();
    sequenced.facts.vschemas.get_mut(&target).unwrap().tables.insert("customer".into(), entry);
    worlds.extend([odd, back, sequenced]);
    let mut found: BTreeSet<String> = BTreeSet::new();
    for world in &worlds {
        let adoption = world.movement.adoption(&world.facts);
        assert_eq!(adoption.blocking, []);
        found.extend(adoption.doubts.into_iter().map(|doubt| doubt.name));
    }
    assert_eq!(found, DOUBTS.iter().map(|name| (*name).to_owned()).collect());
}

#[test]
fn rows_that_are_still_copied_are_no_copy_behind_it() {
    let mut world = by_hand(&["create", "copy"]);
    world.forward().streams[0].copying_tables = vec!["customer".into()];
    assert_eq!(world.movement.adoption(&world.facts).reached, [PhaseId::CREATE]);
    let mut world = by_hand(&["create", "copy"]);
    world.forward().transaction_lag_seconds = None;
    assert_eq!(world.movement.adoption(&world.facts).reached, [PhaseId::CREATE], "a lag that is not known is not low");
}

#[test]
fn what_the_streams_do_must_be_what_the_plan_file_says() {
    type Change = fn(&mut World);
    let changes: [(&str, Change); 9] = [
        ("move-tables.on-ddl", |world| world.forward().streams[1].options.on_ddl = "IGNORE".into()),
        ("move-tables.tablet-types", |world| world.forward().streams[0].options.tablet_types = vec![TabletType::Rdonly]),
        ("move-tables.cells", |world| world.forward().streams[0].options.cells = vec!["zone2".into()]),
        ("move-tables.source-time-zone", |world| world.forward().streams[0].options.source_time_zone = "US/Pacific".into()),
        ("move-tables.tables", |world| {
            world.forward().streams[0].tables.insert("customer".into(), "select * from customer where id < 7".into());
        }),
        ("move-tables.tables", |world| {
            world.forward().streams[0].tables.remove("corder");
        }),
        ("move-tables.source-keyspace", |world| world.forward().streams[0].source_keyspace = "elsewhere".into()),
        ("move-tables.sharded-auto-increment-handling", |world| world.forward().options.auto_increment = "LEAVE".into()),
        ("move-tables.global-keyspace", |world| world.forward().options.global_keyspace = "global".into()),
    ];
    for (at, change) in changes {
        let mut world = by_hand(&["create", "copy"]);
        change(&mut world);
        let found = blocking(&world);
        assert!(found.contains(&("C410".to_owned(), at.to_owned())), "{at}: {found:?}");
    }
    let mut copying = by_hand(&["create", "copy"]);
    copying.forward().options.defer_secondary_keys = false;
    assert_eq!(blocking(&copying), [], "after the copy it has no effect");
    copying.forward().streams[0].position.clear();
    assert_eq!(blocking(&copying), [("C410".to_owned(), "move-tables.defer-secondary-keys".to_owned())]);
}

#[test]
fn the_order_of_tablet_types_and_a_filter_by_key_range_are_no_difference() {
    let mut world = by_hand(&["create", "copy"]);
    let streams = &mut world.forward().streams;
    streams[0].options.tablet_types = vec![TabletType::Primary, TabletType::Replica];
    let by_range = "select * from `customer` where in_keyrange(id, 'customer.xxhash', '-80')";
    streams[0].tables.insert("customer".into(), by_range.into());
    assert_eq!(blocking(&world), []);
    world.forward().streams[0].options = Default::default();
    assert_eq!(blocking(&world), [], "what Vitess does not show is not compared");
}

#[test]
fn from_what_is_not_whole_nobody_goes_on() {
    type Change = fn(&mut World);
    let changes: [(&str, Change); 6] = [
        ("one shard has no stream", |world| {
            world.forward().streams.pop();
        }),
        ("a part of the movement", |world| world.forward().workflow_sub_type = "Partial".into()),
        ("one tenant", |world| world.forward().options.tenant = "42".into()),
        ("it stops after the copy", |world| world.forward().streams[0].options.stop_after_copy = true),
        ("locks that can't be read", |world| {
            world.answer(world.movement.lock_ask(), Err(Unread::new("no topology")));
        }),
        ("a journal of these streams", |world| {
            let id = journal::id("customer", world.forward().streams.iter().map(|stream| (stream.shard.as_str(), stream.id)));
            world.answer(world.movement.journals_of_source(), Ok(Answer::Journals([("0".to_owned(), [id].into())].into())));
        }),
    ];
    for (what, change) in changes {
        let mut world = by_hand(&["create", "copy"]);
        change(&mut world);
        let adoption = world.movement.adoption(&world.facts);
        assert!(adoption.blocking.iter().any(|finding| finding.code == "C411"), "{what}: {:?}", adoption.blocking);
        assert!(adoption.doubts.is_empty() && adoption.reached.is_empty(), "{what}");
    }
    let mut half = by_hand(&["create", "copy"]);
    half.forward().streams.iter_mut().for_each(|stream| {
        stream.state = StreamState::Stopped;
        stream.message = FROZEN.into();
    });
    let adoption = half.movement.adoption(&half.facts);
    assert!(
        adoption.blocking[0].help.contains("cutover repair --cluster test --workflow customer.commerce2customer"),
        "{adoption:?}"
    );
}

#[test]
fn once_taken_over_it_is_ours_and_goes_on_from_where_it_stands() {
    let mut world = by_hand(&["create", "copy"]);
    assert_eq!(world.situation().kind, SituationKind::Foreign);
    world.progress = world.movement.as_adopted(&world.facts);
    assert_eq!(world.situation().kind, SituationKind::Moving);
    let verify = world.step("verify");
    assert!(matches!(verify, crate::family::Step::Act(_)), "a VDiff of ours: {verify:?}");
    world.forward().streams[0].id = 77;
    assert_eq!(world.situation().kind, SituationKind::Foreign, "made anew by somebody since");
    world.facts.workflows.clear();
    assert_ne!(world.situation().kind, SituationKind::NotBegun, "gone by somebody's hands is not done");
}

#[test]
fn after_a_switch_of_somebody_else_the_record_says_that_nobody_compared() {
    let mut world = by_hand(&SWITCHED);
    world.progress = world.movement.as_adopted(&world.facts);
    assert_eq!(world.situation().kind, SituationKind::Switched);
    let crate::family::Step::Done(evidence) = world.step("verify") else { panic!() };
    assert!(evidence[0].contains("nobody here compared rows"), "{evidence:?}");
}
