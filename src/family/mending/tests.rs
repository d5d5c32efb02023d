use super::rehearsal::{Rehearsal, rehearse};
use super::*;
use crate::cluster::port::{Answer, Question};
use crate::family::move_tables::fixtures::{World, now};
use crate::model::journal;
use crate::model::name::TableName;
use crate::model::workflow::{STOPPED_FOR_CUTOVER, StreamState};

/// A movement that was never ours, with no record at all.
fn foreign(world: &World) -> Mending {
    Mending {
        movement: world.movement.clone(),
        scope: Scope::Movement,
        is_ours: false,
        may_remove_locks: false,
        dead_rules: BTreeSet::new(),
    }
}

fn answer(world: &mut World, ask: Ask, answer: Answer) {
    world.answer(ask, Ok(answer));
}

/// Asked and found: no journal, no lock, the tables of both sides.
fn seen(world: &mut World) {
    for keyspace in [world.movement.source().clone(), world.movement.target().clone()] {
        answer(world, Ask::Sql(Question::Journals { keyspace: keyspace.clone() }), Answer::Journals(Default::default()));
        answer(world, Ask::AllLocks(keyspace), Answer::Locks(vec![]));
    }
    let ask = world.movement.lock_ask();
    answer(world, ask, Answer::Locks(vec![]));
}

fn stop_for_cutover(world: &mut World) {
    for stream in &mut world.forward().streams {
        (stream.state, stream.message) = (StreamState::Stopped, STOPPED_FOR_CUTOVER.into());
    }
}

fn words(rehearsal: &Rehearsal) -> Vec<String> {
    rehearsal.steps.iter().map(|step| step.mutation.verb().words()).collect()
}

#[test]
fn a_foreign_switch_before_its_journal_is_led_back() {
    let mut world = World::after(&["create", "copy", "switch-replicas"]);
    seen(&mut world);
    world.deny("commerce", "0", vec!["corder".into(), "customer".into()]);
    stop_for_cutover(&mut world);
    let mending = foreign(&world);
    assert_eq!(mending.situation(&world.facts, &Progress::default()).kind, SituationKind::Between);
    let rehearsal = rehearse(&mending, &world.facts, &Progress::default(), now());
    assert_eq!(rehearsal.stuck, None, "{:?}", words(&rehearsal));
    let words = words(&rehearsal);
    assert_eq!(words[0], "allow `corder`, `customer` on commerce/0 again");
    assert!(words.iter().any(|words| words.starts_with("start the streams of `customer.commerce2customer`")), "{words:?}");
    let last = &rehearsal.steps.last().unwrap().after;
    assert!(last.denied_tables["commerce/0"].is_empty() && last.routing_rules == world.facts.routing_rules);
}

#[test]
fn a_foreign_switch_after_its_journal_is_led_forward_and_nothing_is_allowed_at_the_source() {
    let mut world = World::after(&["create", "copy", "switch-replicas", "switch-primary"]);
    seen(&mut world);
    // As it stood before the rules were saved.
    world.facts.routing_rules = World::after(&["create", "copy", "switch-replicas"]).facts.routing_rules;
    world.serve();
    stop_for_cutover(&mut world);
    world.reverse().streams[0].state = StreamState::Stopped;
    let streams: Vec<(String, i64)> = world.forward().stream_ids();
    let id = journal::id("customer", streams.iter().map(|(shard, id)| (shard.as_str(), *id)));
    let ask = Ask::Sql(Question::Journals { keyspace: world.movement.source().clone() });
    answer(&mut world, ask, Answer::Journals([("0".to_owned(), [id].into())].into()));
    let rehearsal = rehearse(&foreign(&world), &world.facts, &Progress::default(), now());
    assert_eq!(rehearsal.stuck, None, "{:?}", words(&rehearsal));
    let words = words(&rehearsal);
    assert!(words[0].contains("routing rules") && !words.iter().any(|words| words.starts_with("allow")), "{words:?}");
}

#[test]
fn a_whole_foreign_movement_is_left_alone_and_its_way_back_is_opened() {
    let mut world = World::after(&["create", "copy", "switch-replicas", "switch-primary"]);
    seen(&mut world);
    assert!(rehearse(&foreign(&world), &world.facts, &Progress::default(), now()).steps.is_empty());
    world.reverse().streams[0].state = StreamState::Stopped;
    let rehearsal = rehearse(&foreign(&world), &world.facts, &Progress::default(), now());
    assert_eq!(words(&rehearsal), ["start the streams of `commerce.commerce2customer_reverse`"]);
}

#[test]
fn a_lock_is_waited_for_and_said() {
    let mut world = World::after(&["create", "copy", "switch-replicas"]);
    seen(&mut world);
    world.deny("commerce", "0", vec!["corder".into(), "customer".into()]);
    let ask = world.movement.lock_ask();
    let lock = crate::cluster::port::HeldLock {
        of: "commerce".into(),
        node: "7".into(),
        version: 7,
        waits: false,
        action: "SwitchWrites".into(),
        host: "db1".into(),
        user: "vitess".into(),
        time: now().to_string(),
    };
    answer(&mut world, ask, Answer::Locks(vec![lock]));
    let rehearsal = rehearse(&foreign(&world), &world.facts, &Progress::default(), now());
    assert!(rehearsal.waits[0].contains("lock of `commerce`"), "{:?}", rehearsal.waits);
    assert_eq!(rehearsal.stuck, None);
}

#[test]
fn a_dead_vtctlds_lock_is_taken_away_only_once_its_holder_has_been_watched() {
    let mut world = World::after(&["create", "copy"]);
    seen(&mut world);
    let held = |world: &mut World, age_seconds: i64| {
        let lock = crate::cluster::port::HeldLock {
            of: "customer/commerce2customer".into(),
            node: "9".into(),
            version: 9,
            waits: false,
            action: "SwitchTraffic".into(),
            host: "db1".into(),
            user: "vitess".into(),
            time: (now() - jiff::SignedDuration::from_secs(age_seconds)).to_string(),
        };
        for ask in [Ask::AllLocks(world.movement.target().clone()), world.movement.lock_ask()] {
            answer(world, ask, Answer::Locks(vec![lock.clone()]));
        }
    };
    held(&mut world, 400);
    let without = foreign(&world);
    assert!(rehearse(&without, &world.facts, &Progress::default(), now()).steps.is_empty(), "without access to the topology");
    let mending = Mending { may_remove_locks: true, ..without };
    let rehearsal = rehearse(&mending, &world.facts, &Progress::default(), now());
    assert_eq!((words(&rehearsal).len(), &rehearsal.stuck), (1, &None), "{:?}", words(&rehearsal));
    assert!(matches!(&rehearsal.steps[0].mutation, Mutation::RemoveStaleLock(lock) if lock.node == "9"));

    let situation = mending.situation(&world.facts, &Progress::default());
    let mut watch = crate::run::watch::Watch::new(0);
    let step = |watch: &crate::run::watch::Watch, seconds: i64| {
        mending.step_finish(&View {
            facts: &world.facts,
            progress: &Progress::default(),
            watch,
            situation: &situation,
            now: now() + jiff::SignedDuration::from_secs(seconds),
            fresh_uuid: uuid::Uuid::nil(),
            kept_rules: None,
        })
    };
    let first = (0..120).find(|second| {
        watch.see_locks(&[], now() + jiff::SignedDuration::from_secs(*second));
        matches!(step(&watch, *second), Step::Finish(_))
    });
    assert_eq!(first, Some(60), "its clock may be slow, and its holder on the way to the keyspaces");

    // A call of ours that was broken off has left it: its vtctld may hang, and act later.
    let mut progress = Progress::default();
    world.attempt(PhaseId::SWITCH_PRIMARY, switch_of(&world), Some(OutcomeResult::RolledBack));
    let mut attempt = world.progress.attempts.last().unwrap().clone();
    attempt.at = now() - jiff::SignedDuration::from_secs(410);
    attempt.outcome = Some((OutcomeResult::RolledBack, now() - jiff::SignedDuration::from_secs(300)));
    progress.attempts.push(attempt.clone());
    assert_eq!(rehearse(&mending, &world.facts, &progress, now()).steps.len(), 1);
    progress.attempts[0].evidence = vec![crate::run::forsaken::BROKEN_OFF.to_owned()];
    assert!(rehearse(&mending, &world.facts, &progress, now()).steps.is_empty(), "its holder may hang");

    held(&mut world, 200);
    assert!(rehearse(&mending, &world.facts, &Progress::default(), now()).steps.is_empty(), "it is young");
}

fn switch_of(world: &World) -> Mutation {
    world.movement.mutations(&PhaseId::SWITCH_PRIMARY).pop().unwrap()
}

/// Tables of `commerce` that no workflow carries.
fn of_tables(world: &World, tables: &[&str], dead_rules: &[&str]) -> Mending {
    let mut mending = foreign(world);
    mending.scope = Scope::Tables;
    mending.movement.options.target_keyspace = mending.movement.options.source_keyspace.clone();
    mending.movement.tables = tables.iter().map(|name| TableName::new(*name).unwrap()).collect();
    mending.dead_rules = dead_rules.iter().map(|key| (*key).to_owned()).collect();
    mending
}

#[test]
fn denied_tables_are_allowed_and_only_those_that_are_named() {
    let mut world = World::at_the_start();
    world.source_tables(&["corder", "customer"]);
    world.deny("commerce", "0", vec!["corder".into(), "customer".into()]);
    let rehearsal = rehearse(&of_tables(&world, &["corder"], &[]), &world.facts, &Progress::default(), now());
    assert_eq!(
        words(&rehearsal),
        [
            "allow `corder` on commerce/0 again",
            "have the tablets of commerce/0 read what they deny",
            "publish the routing rules and VSchemas to every cell"
        ]
    );
    assert_eq!(rehearsal.steps[0].after.denied_tables["commerce/0"], ["customer".to_owned()].into());
}

#[test]
fn dead_rules_go_and_all_others_stay() {
    let mut world = World::at_the_start();
    world.source_tables(&["corder"]);
    for (from, to) in [("invoice", "commerce.invoice"), ("customer.invoice", "commerce.invoice"), ("x", "commerce.corder")] {
        world.facts.routing_rules.set(from, to);
    }
    world.serve();
    let mending = of_tables(&world, &["invoice"], &["invoice", "customer.invoice"]);
    let rehearsal = rehearse(&mending, &world.facts, &Progress::default(), now());
    assert_eq!(rehearsal.steps.len(), 1, "{:?}", words(&rehearsal));
    let left: Vec<&String> = rehearsal.steps[0].after.routing_rules.iter().map(|(key, _)| key).collect();
    assert_eq!(left, ["x"]);
    // It has come since.
    world.source_tables(&["corder", "invoice"]);
    assert!(rehearse(&mending, &world.facts, &Progress::default(), now()).steps.is_empty());
}

#[test]
fn cells_that_are_behind_are_published_once() {
    let mut world = World::at_the_start();
    world.facts.routing_rules.set("x", "commerce.corder");
    let mut mending = foreign(&world);
    mending.scope = Scope::Publish;
    let rehearsal = rehearse(&mending, &world.facts, &Progress::default(), now());
    assert_eq!(words(&rehearsal), ["publish the routing rules and VSchemas to every cell"]);
}
