//! What became of a write without outcome, case by case.

use super::decision::Decision;
use super::fixtures::{Bench, lock, switch_primary};
use super::phase::PhaseId;
use super::watch::CallEnd;
use crate::cluster::port::Unread;
use crate::family::Happened;
use crate::record::entry::{OutcomeResult, What};

/// A switch under way in this run; its call has ended as said, or not at all.
fn switching(happened: Happened, call: Option<(Option<&str>, bool)>) -> Bench {
    let mut bench = Bench::begun();
    bench.happened = happened;
    let attempt = bench.attempt(PhaseId::SWITCH_PRIMARY, switch_primary(), None);
    bench.watch.before = Some((attempt, bench.picture.clone()));
    bench.watch.call =
        call.map(|(error, lost)| CallEnd { attempt, at: bench.now, error: error.map(str::to_owned), lost, not_allowed: false });
    bench
}

fn partly() -> Happened {
    Happened::Partly("the source denies moved tables".into())
}

fn result(decision: &Decision) -> Option<OutcomeResult> {
    let Decision::Note(whats) = decision else { return None };
    whats.iter().find_map(|what| if let What::Outcome { result, .. } = what { Some(*result) } else { None })
}

fn settle(bench: &mut Bench, seconds: i64) {
    bench.watch.see(crate::run::fixtures::intent(), bench.now);
    bench.pass(seconds);
}

#[test]
fn an_answer_is_a_hint_and_a_look_is_evidence() {
    let refused = Some((Some("lag is too high"), false));
    assert_eq!(result(&switching(Happened::Yes(vec![]), Some((None, false))).decide()), Some(OutcomeResult::Done));
    assert_eq!(
        result(&switching(Happened::Yes(vec![]), refused).decide()),
        Some(OutcomeResult::Done),
        "an error, and it happened"
    );
    assert_eq!(
        result(&switching(Happened::No, Some((None, false))).decide()),
        Some(OutcomeResult::NotDone),
        "OK, and nothing happened"
    );
    assert_eq!(result(&switching(Happened::No, refused).decide()), Some(OutcomeResult::RolledBack));
}

#[test]
fn a_call_whose_end_was_not_seen_may_still_happen() {
    for call in [None, Some((Some("the connection broke"), true))] {
        let mut bench = switching(Happened::No, call);
        settle(&mut bench, 4);
        assert!(matches!(bench.decide(), Decision::Wait(..)), "{call:?}: it has not settled");
        bench.pass(1);
        assert!(result(&bench.decide()).is_some(), "{call:?}: nothing moves, nobody holds a lock");
        bench.locks = Ok(vec![lock("customer/c2c")]);
        let Decision::Wait(_, waiting) = bench.decide() else { panic!("{call:?}: somebody works on it") };
        assert!(waiting.what.contains("vtctld1"), "{}", waiting.what);
    }
}

#[test]
fn a_call_that_locks_no_name_is_held_up_by_a_keyspace_alone() {
    use crate::cluster::mutation::{Mutation, SetDeniedTables};
    use crate::model::name::{KeyspaceName, ShardName};
    let (keyspace, shard) = (KeyspaceName::new("commerce").unwrap(), ShardName::new("0").unwrap());
    let mut bench = Bench::begun();
    bench.happened = Happened::No;
    let allow = Mutation::SetDeniedTables(SetDeniedTables { keyspace, shard, tables: vec![], denied: false });
    bench.attempt(PhaseId::SWITCH_PRIMARY, allow, None);
    bench.locks = Ok(vec![lock("customer/c2c")]);
    settle(&mut bench, 5);
    assert_eq!(result(&bench.decide()), Some(OutcomeResult::NotDone), "a dead one's name would hold it up for a day");
    bench.locks = Ok(vec![lock("commerce")]);
    assert!(matches!(bench.decide(), Decision::Wait(..)));
}

#[test]
fn a_call_that_takes_no_lock_is_held_up_by_nobody() {
    use crate::cluster::mutation::{ApplyRoutingRules, Mutation};
    let mut bench = Bench::begun();
    bench.happened = Happened::No;
    let edit = ApplyRoutingRules::edit(&Default::default(), vec![], vec![]);
    bench.attempt(PhaseId::SWITCH_PRIMARY, Mutation::ApplyRoutingRules(edit), None);
    bench.locks = Ok(vec![lock("commerce")]);
    settle(&mut bench, 5);
    assert_eq!(result(&bench.decide()), Some(OutcomeResult::NotDone), "the application would wait for a dead one's lease");
}

#[test]
fn locks_that_cannot_be_read_are_not_free() {
    let mut bench = switching(Happened::No, None);
    settle(&mut bench, 10);
    bench.locks = Err(Unread::new("GetTopologyPath: no answer"));
    let Decision::Wait(_, waiting) = bench.decide() else { panic!("not known is not free") };
    assert!(waiting.what.contains("no answer"), "{}", waiting.what);
    bench.pass(180);
    assert!(result(&bench.decide()).is_some(), "longer than any call waits for a lock");
}

#[test]
fn half_done_counts_once_it_stands_still() {
    let mut bench = switching(partly(), Some((Some("locks were lost"), false)));
    settle(&mut bench, 4);
    assert!(matches!(bench.decide(), Decision::Wait(..)));
    bench.pass(1);
    assert_eq!(result(&bench.decide()), Some(OutcomeResult::HalfDone));
}

#[test]
fn a_switch_that_waits_in_lock_tables_is_not_half_done() {
    let mut bench = switching(partly(), None);
    bench.locks = Ok(vec![lock("customer/c2c")]);
    settle(&mut bench, 120);
    assert!(matches!(bench.decide(), Decision::Wait(..)), "its locks are held, and its time is not over");
    bench.pass(120);
    assert_eq!(result(&bench.decide()), Some(OutcomeResult::HalfDone), "a lock that outlives every lease is a dead one's");
}

#[test]
fn what_happened_is_compared_with_the_forecast() {
    let mut bench = switching(Happened::Yes(vec![]), Some((None, false)));
    bench.forecast.routing_rules.set("customer", "customer.customer");
    assert!(matches!(bench.decide(), Decision::Wait(..)), "it may need a moment to show");
    bench.pass(10);
    assert_eq!(result(&bench.decide()), Some(OutcomeResult::Differs));
}

#[test]
fn somebody_elses_entry_that_is_gone_is_a_lost_update() {
    let mut bench = switching(Happened::Yes(vec![]), Some((None, false)));
    bench.forecast.routing_rules.set("theirs", "a.theirs");
    let decision = bench.decide();
    assert_eq!(result(&decision), Some(OutcomeResult::Differs));
    let Decision::Note(whats) = decision else { panic!("it is noted") };
    assert!(whats.iter().any(|what| matches!(what, What::Remark { text, .. } if text.contains("LOST UPDATE"))), "{whats:?}");
}
