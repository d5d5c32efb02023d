//! Each point at which a switch breaks off (experiments.md, "vtctld killed inside the primary switch"), and how it is made whole.

use super::super::fixtures::{World, now, stream};
use super::*;
use crate::cluster::mutation::{Direction, SwitchTraffic};
use crate::cluster::port::{Answer, Unread};
use crate::family::SituationKind;
use crate::model::name::ShardName;
use crate::record::entry::OutcomeResult;
use crate::record::progress::Progress;
use crate::run::phase::PhaseId;
use crate::run::watch::Watch;
use crate::words::clock;

const TABLES: [&str; 2] = ["corder", "customer"];

/// How far a switch got.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Point {
    HalfDenied,
    Denied,
    SomeStopped,
    AllStopped,
    ReverseMade,
    Journal,
    RulesSaved,
    OneCellServes,
    Served,
    ReverseStarted,
    HalfFrozen,
}

const POINTS: [Point; 11] = [
    Point::HalfDenied,
    Point::Denied,
    Point::SomeStopped,
    Point::AllStopped,
    Point::ReverseMade,
    Point::Journal,
    Point::RulesSaved,
    Point::OneCellServes,
    Point::Served,
    Point::ReverseStarted,
    Point::HalfFrozen,
];

fn all_tables() -> Vec<String> {
    TABLES.map(str::to_owned).into()
}

fn switch(to_target: bool) -> Mutation {
    let direction = if to_target { Direction::Forward } else { Direction::Backward };
    Mutation::SwitchTraffic(SwitchTraffic {
        workflow: WorkflowName::new("commerce2customer").unwrap(),
        target_keyspace: KeyspaceName::new("customer").unwrap(),
        direction,
        tablet_types: vec![TabletType::Primary],
        timeout_seconds: 5,
        max_lag_seconds: 30,
        initialize_target_sequences: true,
    })
}

fn shards(keyspace: &str) -> &'static [&'static str] {
    if keyspace == "commerce" { &["0"] } else { &["-80", "80-"] }
}

fn shape_of(world: &mut World, name: &str, from: &str, shapes: &[(&str, StreamShape)]) {
    let streams = shapes.iter().zip(1..).map(|((shard, shape), id)| stream(id, shard, from, *shape)).collect();
    world.workflow(name).streams = streams;
}

fn no_locks(world: &mut World) {
    world.answer(world.movement.lock_ask(), Ok(Answer::Locks(vec![])));
}

fn journals(world: &mut World, keyspace: &str, ids: &[i64]) {
    let by_shard = shards(keyspace).iter().map(|shard| ((*shard).to_owned(), ids.iter().copied().collect())).collect();
    let ask = Ask::Sql(Question::Journals { keyspace: KeyspaceName::new(keyspace).unwrap() });
    world.answer(ask, Ok(Answer::Journals(by_shard)));
}

/// A switch that broke off there, on record as half done, with nobody holding a lock.
fn broken(to_target: bool, point: Point) -> World {
    let mut world = if to_target {
        World::after(&["create", "copy", "switch-replicas"])
    } else {
        World::after(&["create", "copy", "switch-replicas", "switch-primary"])
    };
    let phase = if to_target { PhaseId::SWITCH_PRIMARY } else { PhaseId::SWITCH_BACK };
    world.attempt(phase, switch(to_target), Some(OutcomeResult::HalfDone));
    let (from, to) = if to_target { ("commerce", "customer") } else { ("customer", "commerce") };
    let (driven, other) = if to_target {
        ("commerce2customer", "commerce2customer_reverse")
    } else {
        ("commerce2customer_reverse", "commerce2customer")
    };
    for shard in shards(to) {
        world.deny(to, shard, vec![]);
    }
    for shard in shards(from) {
        let half = if point == Point::HalfDenied { vec![TABLES[0].to_owned()] } else { all_tables() };
        world.deny(from, shard, half);
    }
    let many = |shape: StreamShape, keyspace: &str| -> Vec<(&'static str, StreamShape)> {
        shards(keyspace).iter().map(|shard| (*shard, shape)).collect()
    };
    if point >= Point::SomeStopped {
        let mut shapes = many(StreamShape::StoppedForCutover, to);
        if point == Point::SomeStopped && shapes.len() > 1 {
            shapes[0].1 = StreamShape::Moving;
        }
        if point == Point::HalfFrozen {
            shapes[0].1 = StreamShape::Frozen;
        }
        shape_of(&mut world, driven, from, &shapes);
    }
    if point >= Point::ReverseMade {
        if to_target {
            let mut made = world.workflow("commerce2customer").clone();
            made.keyspace = "commerce".into();
            made.name = other.into();
            world.facts.workflows.push(made);
        }
        let shape = if point >= Point::ReverseStarted { StreamShape::Moving } else { StreamShape::Stopped };
        shape_of(&mut world, other, to, &many(shape, from));
    }
    let id = journal::id(to, shards(to).iter().zip(1..).map(|(shard, id)| (*shard, id)));
    let ids = if point >= Point::Journal { vec![4, id] } else { vec![4] };
    journals(&mut world, from, &ids);
    journals(&mut world, to, &[5]);
    if point >= Point::RulesSaved {
        world.movement.clone().route_primary(&mut world.facts.routing_rules, to_target);
    }
    if point >= Point::Served {
        world.serve();
    }
    no_locks(&mut world);
    world.progress.streams = world.movement.incarnation(&world.facts);
    world
}

/// Whether any cell sends writes to a keyspace that takes them while another cell sends them to the other, which takes them too.
fn served_twice(world: &World) -> bool {
    let takes = |side: Side| world.movement.denied(&world.facts, side == Side::Source) != Denied::All;
    let sides: BTreeSet<Option<Side>> = world
        .facts
        .served
        .values()
        .map(|served| world.movement.side(&served.routing_rules, TabletType::Primary))
        .filter(|side| side.is_some_and(|side| side != Side::Mixed && takes(side)))
        .collect();
    sides.len() > 1
}

/// Does what each step says until the state is whole; gives the calls.
fn mend(world: &mut World) -> Vec<String> {
    let mut calls = Vec::new();
    for _ in 0..30 {
        if world.situation().kind != SituationKind::Between {
            return calls;
        }
        let step = world.look(|view| world.movement.step_finish(view));
        let Step::Finish(mutation) = step else { panic!("{step:?} after {calls:?}") };
        let at = match &mutation {
            Mutation::SetDeniedTables(it) => {
                format!(" {} {}/{}", if it.denied { "deny" } else { "allow" }, it.keyspace, it.shard)
            }
            Mutation::RefreshShard(it) => format!(" {}/{}", it.keyspace, it.shard),
            Mutation::SetStreams(it) => {
                format!(" {}.{} {:?} {:?}", it.keyspace, it.workflow, it.wanted, it.message.as_deref().unwrap_or("-"))
            }
            _ => String::new(),
        };
        calls.push(format!("{}{at}", mutation.verb().call()));
        world.apply(&mutation);
        world.attempt(PhaseId::SWITCH_PRIMARY, mutation, Some(OutcomeResult::Done));
        assert!(!served_twice(world), "{calls:?}");
    }
    panic!("it never ends: {calls:?}");
}

#[test]
fn before_the_journal_it_goes_back_and_after_it_to_its_end() {
    for to_target in [true, false] {
        for point in POINTS {
            // The way back has one stream here, and one that is frozen is all.
            if !to_target && point == Point::HalfFrozen {
                continue;
            }
            let mut world = broken(to_target, point);
            assert_eq!(world.situation().kind, SituationKind::Between, "{point:?}");
            let calls = mend(&mut world);
            let switched = (point >= Point::Journal) == to_target;
            let kind = if switched { SituationKind::Switched } else { SituationKind::Moving };
            assert_eq!(world.situation().kind, kind, "{to_target} {point:?}: {calls:?}");
            let writes = if switched { Side::Target } else { Side::Source };
            assert_eq!(world.situation().traffic.primary, writes, "{to_target} {point:?}");
        }
    }
}

#[test]
fn the_way_back_lets_writes_flow_first() {
    let calls = mend(&mut broken(true, Point::ReverseMade));
    assert_eq!(
        calls,
        [
            "SetShardTabletControl allow commerce/0",
            "RefreshStateByShard commerce/0",
            "RebuildVSchemaGraph",
            "SetShardTabletControl deny customer/-80",
            "SetShardTabletControl deny customer/80-",
            "RefreshStateByShard customer/-80",
            "RefreshStateByShard customer/80-",
            "WorkflowUpdate customer.commerce2customer Running \"\"",
        ]
    );
}

#[test]
fn past_the_journal_rules_come_first_and_no_lock_is_needed() {
    let mut world = broken(true, Point::Journal);
    let lock = HeldLock {
        of: "commerce".into(),
        node: "1".into(),
        version: 1,
        waits: false,
        action: "SwitchWrites".into(),
        host: "db1".into(),
        user: "vitess".into(),
        time: "2026-11-28T19:00:00Z".into(),
    };
    world.answer(world.movement.lock_ask(), Ok(Answer::Locks(vec![lock])));
    assert_eq!(
        mend(&mut world),
        [
            "ApplyRoutingRules",
            "WorkflowUpdate commerce.commerce2customer_reverse Running \"\"",
            "WorkflowUpdate customer.commerce2customer Stopped \"FROZEN\"",
        ]
    );
    assert_eq!(mend(&mut broken(true, Point::RulesSaved))[0], "RebuildVSchemaGraph");
}

#[test]
fn the_way_back_waits_for_the_keyspaces_and_says_until_when() {
    let mut world = broken(true, Point::Denied);
    let lock = |time: String| HeldLock {
        of: "customer".into(),
        node: "1".into(),
        version: 1,
        waits: false,
        action: "SwitchWrites".into(),
        host: "db1".into(),
        user: "vitess".into(),
        time,
    };
    let wait = |world: &World| match world.look(|view| world.movement.step_finish(view)) {
        Step::Wait(waiting) => waiting.what,
        other => panic!("{other:?}"),
    };
    let ask = world.movement.lock_ask();
    world.answer(ask.clone(), Ok(Answer::Locks(vec![lock(now().to_string())])));
    let words = wait(&world);
    assert!(words.contains("REFUSED") && words.contains("`commerce`, which denies them"), "{words}");
    assert!(words.contains(&clock(now() + jiff::SignedDuration::from_secs(45))), "5 s of time-out make a lease of 45 s: {words}");
    world.answer(ask.clone(), Ok(Answer::Locks(vec![lock("2020-01-01T00:00:00Z".into())])));
    assert!(wait(&world).contains("somebody works on it"));
    world.answer(ask.clone(), Err(Unread::new("no answer")));
    assert!(wait(&world).contains("can't be read"));
    let named = HeldLock { of: "customer/commerce2customer".into(), ..lock(String::new()) };
    world.answer(ask, Ok(Answer::Locks(vec![named])));
    assert!(matches!(world.look(|view| world.movement.step_finish(view)), Step::Finish(_)), "a name bars no record of a shard");
}

#[test]
fn what_cannot_be_known_is_waited_for_and_what_is_unsafe_is_left() {
    let mut world = broken(true, Point::AllStopped);
    let ask = Ask::Sql(Question::Journals { keyspace: world.movement.source().clone() });
    world.answer(ask, Err(Unread::new("no answer")));
    assert!(matches!(world.look(|view| world.movement.step_finish(view)), Step::Wait(_)), "the journal could be there");

    let between = |world: &World| match world.look(|view| world.movement.step_finish(view)) {
        Step::Between(why) => why,
        other => panic!("{other:?}"),
    };
    let mut started = broken(true, Point::Journal);
    shape_of(
        &mut started,
        "commerce2customer",
        "commerce",
        &[("-80", StreamShape::Moving), ("80-", StreamShape::StoppedForCutover)],
    );
    assert!(between(&started).contains("somebody started them"));
    let mut allowed = broken(true, Point::Journal);
    allowed.deny("commerce", "0", vec![]);
    assert!(between(&allowed).contains("may have taken writes"));
    let mut without = broken(true, Point::Journal);
    without.facts.workflows.retain(|workflow| workflow.name == "commerce2customer");
    assert!(between(&without).contains("leads back"));
}

#[test]
fn a_switch_that_came_to_nothing_is_settled_once() {
    let mut world = World::after(&["create", "copy", "switch-replicas"]);
    let settle = |world: &World| world.look(|view| world.movement.settle(view));
    assert_eq!(settle(&world), None);
    world.attempt(PhaseId::SWITCH_PRIMARY, switch(true), Some(OutcomeResult::RolledBack));
    let mut calls = Vec::new();
    while let Some(mutation) = settle(&world) {
        calls.push(mutation.verb().call());
        world.attempt(PhaseId::SWITCH_PRIMARY, mutation, Some(OutcomeResult::Done));
    }
    assert_eq!(calls, ["RefreshStateByShard", "RebuildVSchemaGraph"]);
    world.attempt(PhaseId::SWITCH_PRIMARY, switch(true), Some(OutcomeResult::RolledBack));
    assert!(settle(&world).is_some(), "once for each");
    let last = world.progress.attempts.last_mut().unwrap();
    last.evidence = vec!["cannot switch traffic for workflow c2c at this time: lag".into()];
    assert_eq!(settle(&world), None, "it never began");
}

/// What an axis of the states that facts can show may be.
const SHAPES: [Option<StreamShape>; 5] = [
    None,
    Some(StreamShape::Moving),
    Some(StreamShape::Stopped),
    Some(StreamShape::StoppedForCutover),
    Some(StreamShape::Frozen),
];

/// The rules of writes of each of two tables: to the source, to the target, none.
fn rules_of_each_kind(base: &World) -> Vec<crate::model::routing::RoutingRules> {
    let rules = |choice: usize| {
        let mut rules = base.facts.routing_rules.clone();
        for (place, table) in base.movement.tables.iter().enumerate() {
            let one = MoveTables { tables: vec![table.clone()], ..base.movement.clone() };
            match (choice / 3_usize.pow(u32::try_from(place).unwrap())) % 3 {
                0 => one.route_primary(&mut rules, false),
                1 => one.route_primary(&mut rules, true),
                _ => one.rule_keys_of(table, TabletType::Primary).iter().for_each(|key| rules.remove(key)),
            }
        }
        rules
    };
    (0..9).map(rules).collect()
}

fn set_workflow(world: &mut World, like: &crate::model::workflow::Workflow, name: &str, shapes: &[(&str, Option<StreamShape>)]) {
    let (keyspace, from) = if name.ends_with("_reverse") { ("commerce", "customer") } else { ("customer", "commerce") };
    world.facts.workflows.retain(|workflow| workflow.name != name);
    let streams: Vec<_> =
        shapes.iter().zip(1..).filter_map(|((shard, shape), id)| Some(stream(id, shard, from, (*shape)?))).collect();
    if !streams.is_empty() {
        let workflow = crate::model::workflow::Workflow { keyspace: keyspace.into(), name: name.into(), streams, ..like.clone() };
        world.facts.workflows.push(workflow);
    }
}

/// Every state that the facts can show, over two shards, two cells and two tables: it has one meaning, and no step from it lets two
/// keyspaces take writes or leads writes to a copy that may be behind.
#[test]
fn every_state_has_one_meaning_and_no_step_from_it_is_dangerous() {
    let mut world = World::after(&["create", "copy", "switch-replicas"]);
    let like = world.forward().clone();
    let rules = rules_of_each_kind(&world);
    let old = world.facts.routing_rules.clone();
    world.facts.cells.names.push(crate::model::name::CellName::new("zone2").unwrap());
    no_locks(&mut world);
    let attempts = world.progress.attempts.clone();
    let tables = |how: usize| {
        if how == 0 {
            vec![]
        } else if how == 1 {
            vec![TABLES[0].to_owned()]
        } else {
            all_tables()
        }
    };
    let id = |to: &str, of: &[(&str, i64)]| journal::id(to, of.iter().copied());
    let journal_ids = [id("customer", &[("-80", 1), ("80-", 2)]), id("commerce", &[("0", 1)])];
    let mut counts = std::collections::BTreeMap::new();
    for forward in 0..25 {
        // Which of the two shards has which stream does not count.
        if forward % 5 > forward / 5 {
            continue;
        }
        set_workflow(&mut world, &like, "commerce2customer", &[("-80", SHAPES[forward % 5]), ("80-", SHAPES[forward / 5])]);
        for reverse in SHAPES {
            set_workflow(&mut world, &like, "commerce2customer_reverse", &[("0", reverse)]);
            for (number, rule) in rules.iter().enumerate() {
                world.facts.routing_rules = rule.clone();
                for behind in 0..3 {
                    for (place, cell) in ["zone1", "zone2"].into_iter().enumerate() {
                        let routing_rules = if place < behind { old.clone() } else { rule.clone() };
                        let served = crate::cluster::port::Served { routing_rules, vschemas: Default::default() };
                        world.facts.served.insert(cell.into(), served);
                    }
                    for denied in 0..9 {
                        world.deny("commerce", "0", tables(denied % 3));
                        world.deny("customer", "-80", tables(denied / 3));
                        world.deny("customer", "80-", tables(if denied / 3 == 1 { 2 } else { denied / 3 }));
                        world.progress.attempts.clone_from(&attempts);
                        let situation = world.situation();
                        *counts.entry(format!("{:?}", situation.kind)).or_insert(0_u64) += 1;
                        let has_reasons = !situation.contradictions.is_empty();
                        let wants_reasons = matches!(situation.kind, SituationKind::Between | SituationKind::Contradictory);
                        assert_eq!(has_reasons, wants_reasons, "{situation:?}");
                        // Where a table has no rule, no write of ours is next, whatever else there is.
                        let has_rules = ![2, 5, 6, 7, 8].contains(&number);
                        if situation.kind != SituationKind::Between || !has_rules || behind > 1 {
                            continue;
                        }
                        for record in [None, Some(true), Some(false)] {
                            world.progress.attempts.clone_from(&attempts);
                            if let Some(to_target) = record {
                                let phase = if to_target { PhaseId::SWITCH_PRIMARY } else { PhaseId::SWITCH_BACK };
                                world.attempt(phase, switch(to_target), Some(OutcomeResult::HalfDone));
                            }
                            for ids in [&[][..], &journal_ids] {
                                journals(&mut world, "commerce", ids);
                                journals(&mut world, "customer", ids);
                                harmless(&world);
                            }
                        }
                    }
                }
            }
        }
    }
    let seen: u64 = counts.values().sum();
    assert_eq!(seen, 15 * 5 * 9 * 3 * 9);
    for kind in ["Moving", "Switched", "Between"] {
        assert!(counts.get(kind).copied().unwrap_or(0) > 0, "{counts:?}");
    }
}

/// The one next step from a state does no harm.
fn harmless(world: &World) {
    if served_twice(world) {
        return;
    }
    let step = world.look(|view| world.movement.step_finish(view));
    let (Step::Finish(mutation) | Step::Act(mutation)) = step else { return };
    if let Mutation::ApplyRoutingRules(edit) = &mutation
        && let Some(to) = edit.whole.as_ref().and_then(|whole| world.movement.side(whole, TabletType::Primary))
        && world.movement.side_of_writes(&world.facts) != Some(to)
    {
        let (keyspace, driven, from) = match to {
            Side::Target => ("customer", "commerce2customer", "commerce"),
            _ => ("commerce", "commerce2customer_reverse", "customer"),
        };
        let workflow = (KeyspaceName::new(keyspace).unwrap(), WorkflowName::new(driven).unwrap());
        let shapes = world.movement.streams_of(&world.facts, &workflow.0, &workflow.1).shapes;
        let have_stopped = |shape: &StreamShape| matches!(shape, StreamShape::StoppedForCutover | StreamShape::Frozen);
        assert!(shapes.iter().all(have_stopped), "{keyspace} may be behind: {shapes:?}");
        for shard in shards(from) {
            let keyspace = &world.facts.keyspaces[&KeyspaceName::new(from).unwrap()];
            let denied = keyspace.shards[&ShardName::new(*shard).unwrap()].denied_tables();
            assert_eq!(denied.len(), TABLES.len(), "{from} may have taken writes");
        }
    }
    if !matches!(mutation, Mutation::ApplyRoutingRules(_) | Mutation::RebuildVSchemaGraph(_) | Mutation::SetDeniedTables(_)) {
        return;
    }
    let mut after = World {
        movement: world.movement.clone(),
        facts: world.facts.clone(),
        progress: Progress::default(),
        watch: Watch::default(),
    };
    after.apply(&mutation);
    assert!(!served_twice(&after), "{mutation:?}");
}
