//! What the machine decides, case by case, on a family that says what it is told to say.

use jiff::{SignedDuration, Timestamp};

use super::decision::{Decision, Ending, HoldKind, StopKind};
use super::phase::PhaseId;
use super::watch::Watch;
use crate::cluster::mutation::{Mutation, RebuildVSchemaGraph};
use crate::cluster::port::HeldLock;
use crate::family::picture::Picture;
use crate::family::{Condition, SituationKind, Step, Waiting};
use crate::finding::{Finding, Severity};
use crate::model::digest::Digest;
use crate::record::entry::{Goal, NOT_SENT, OutcomeResult, What};
use crate::run::fixtures::{Bench, complete, intent, lock, switch_primary};
use crate::run::watch::CallEnd;

fn hold_kind(decision: &Decision) -> Option<HoldKind> {
    match decision {
        Decision::Hold(hold) => Some(hold.kind),
        _ => None,
    }
}

fn stop_codes(decision: &Decision) -> Vec<String> {
    match decision {
        Decision::Stop(stop) => stop.findings.iter().map(|finding| finding.code.clone()).collect(),
        _ => vec![],
    }
}

fn is_switch(decision: &Decision) -> bool {
    matches!(decision, Decision::Act(act) if matches!(&act.mutation, Mutation::SwitchTraffic(it) if it.moves_writes()))
}

#[test]
fn a_gate_that_holds_is_opened_by_an_approval_and_shut_by_its_expiry() {
    let mut bench = Bench::begun();
    assert_eq!(hold_kind(&bench.decide()), Some(HoldKind::Gate));
    bench.approve(PhaseId::SWITCH_PRIMARY);
    assert!(is_switch(&bench.decide_checked()));
    bench.pass(3600);
    let Decision::Hold(hold) = bench.decide() else { panic!("it has expired") };
    assert!(hold.why.contains("expired"), "{}", hold.why);
    assert_eq!(hold.price, ["the price of switch-primary"]);
}

#[test]
fn an_approval_of_another_plan_or_another_forecast_is_void() {
    let mut bench = Bench::begun();
    bench.approve(PhaseId::SWITCH_PRIMARY);
    bench.forecast.routing_rules.set("customer", "elsewhere.customer");
    assert_eq!(hold_kind(&bench.decide()), Some(HoldKind::VoidApproval), "another forecast");
    let mut bench = Bench::begun();
    bench.approve(PhaseId::SWITCH_PRIMARY);
    let gates = vec![PhaseId::SWITCH_PRIMARY];
    bench.add(What::Edited { intent: Digest::of_bytes(b"another plan"), gates, spec: None });
    assert_eq!(hold_kind(&bench.decide()), Some(HoldKind::VoidApproval), "another plan");
}

#[test]
fn one_try_to_switch_writes_a_release() {
    let mut bench = Bench::begun();
    bench.approve(PhaseId::SWITCH_PRIMARY);
    bench.attempt(PhaseId::SWITCH_PRIMARY, switch_primary(), Some(OutcomeResult::RolledBack));
    let Decision::Hold(hold) = bench.decide() else { panic!("no second try") };
    assert_eq!(hold.kind, HoldKind::AttemptFailed);
    assert!(hold.why.contains("in Vitess's words"), "{}", hold.why);
    bench.watch = Watch::new(bench.serial());
    bench.approve(PhaseId::SWITCH_PRIMARY);
    assert!(is_switch(&bench.decide_checked()), "a new release");
}

#[test]
fn stopping_a_vdiff_before_the_switch_is_no_try() {
    let mut bench = Bench::begun();
    bench.approve(PhaseId::SWITCH_PRIMARY);
    let stop = crate::cluster::mutation::StopVDiff {
        workflow: crate::model::name::WorkflowName::new("c2c").unwrap(),
        target_keyspace: crate::model::name::KeyspaceName::new("customer").unwrap(),
        uuid: uuid::Uuid::nil().to_string(),
    };
    bench.attempt(PhaseId::SWITCH_PRIMARY, Mutation::StopVDiff(stop), Some(OutcomeResult::Done));
    assert!(is_switch(&bench.decide_checked()));
}

#[test]
fn what_blocks_the_moment_is_waited_for_then_held() {
    let mut bench = Bench::begun();
    bench.approve(PhaseId::SWITCH_PRIMARY);
    bench.conditions = vec![Condition::new("no old transaction", false, "connection 7")];
    assert!(matches!(bench.decide(), Decision::Await(..)));
    bench.watch.waiting_since.insert(PhaseId::SWITCH_PRIMARY, bench.now);
    bench.pass(i64::try_from(bench.spec.switch.wait_for_quiet_seconds).unwrap());
    let Decision::Hold(hold) = bench.decide() else { panic!("it waited long enough") };
    assert_eq!(hold.kind, HoldKind::NotQuiet);
    assert!(hold.why.contains("in the way: no old transaction"), "{}", hold.why);
    assert!(hold.conditions.iter().any(|condition| condition.seen == "connection 7"), "{:?}", hold.conditions);
}

#[test]
fn a_condition_is_waived_for_what_was_seen_and_for_nothing_else() {
    let mut bench = Bench::begun();
    bench.approve(PhaseId::SWITCH_PRIMARY);
    bench.conditions = vec![Condition::new("no old transaction", false, "connection 7").waivable("C342", "7 on 0")];
    let waiver = |seen: &str| What::Waiver {
        code: "C342".into(),
        subject: "no old transaction".into(),
        reason: "a report".into(),
        intent: intent(),
        seen: seen.into(),
    };
    bench.add(waiver("8 on 0"));
    assert!(matches!(bench.decide(), Decision::Await(..)), "another transaction");
    bench.add(waiver("7 on 0"));
    assert!(is_switch(&bench.decide_checked()));
    bench.conditions.push(Condition::inconclusive("lag is low and stable", "the lag is not known"));
    assert!(matches!(bench.decide(), Decision::Await(..)), "only a pass passes");
}

#[test]
fn a_failing_check_stops_the_write_and_a_waived_one_does_not() {
    let mut bench = Bench::begun();
    bench.approve(PhaseId::SWITCH_PRIMARY);
    bench.findings = vec![Finding::fail("C209", Severity::Error, "rules", "somebody's", "mend it")];
    assert_eq!(stop_codes(&bench.decide()), ["C209"]);
    bench.findings[0].waived = Some("known".into());
    assert!(is_switch(&bench.decide_checked()));
}

#[test]
fn a_refused_write_is_tried_three_times_and_then_said() {
    let mut bench = Bench::begun();
    bench.kind = SituationKind::Switched;
    bench.steps = [(PhaseId::COMPLETE, Step::Act(complete()))].into();
    bench.approve(PhaseId::COMPLETE);
    for wait in [2, 15] {
        assert!(matches!(bench.decide_checked(), Decision::Act(_)));
        bench.attempt(PhaseId::COMPLETE, complete(), Some(OutcomeResult::NotDone));
        let Decision::Wait(_, waiting) = bench.decide_checked() else { panic!("not at once") };
        assert!(waiting.what.contains("in Vitess's words") && waiting.what.contains(&format!("in {wait} s")), "{}", waiting.what);
        bench.pass(wait);
    }
    bench.attempt(PhaseId::COMPLETE, complete(), Some(OutcomeResult::NotDone));
    bench.pass(600);
    assert_eq!(stop_codes(&bench.decide_checked()), ["C312"]);
    bench.watch = Watch::new(bench.serial());
    assert!(matches!(bench.decide_checked(), Decision::Act(_)), "a new run tries anew");
}

/// A step on the way out of half a switch.
fn rebuild() -> Mutation {
    Mutation::RebuildVSchemaGraph(RebuildVSchemaGraph { cells: vec![] })
}

/// Of a disk that is slow each time a write is to leave.
fn not_sent(bench: &mut Bench, phase: PhaseId, mutation: Mutation) {
    let attempt = bench.attempt(phase, mutation, None);
    let evidence = vec![format!("{NOT_SENT}: making the intent durable took too long")];
    bench.add(What::Outcome { attempt, result: OutcomeResult::NotDone, evidence, took_milliseconds: 0, found: None });
}

#[test]
fn what_was_never_sent_is_no_refusal() {
    let mut bench = Bench::begun();
    bench.kind = SituationKind::Switched;
    bench.steps = [(PhaseId::COMPLETE, Step::Act(complete()))].into();
    bench.approve(PhaseId::COMPLETE);
    for _ in 0..9 {
        not_sent(&mut bench, PhaseId::COMPLETE, complete());
        assert!(matches!(bench.decide_checked(), Decision::Act(_)));
    }
    not_sent(&mut bench, PhaseId::COMPLETE, complete());
    let Decision::Stop(stop) = bench.decide_checked() else { panic!("it stops") };
    assert_eq!((stop.kind, stop.findings[0].code.as_str()), (StopKind::Refused, "C407"));
}

#[test]
fn between_states_nobody_says_that_traffic_is_where_it_was() {
    let mut bench = Bench::begun();
    bench.kind = SituationKind::Between;
    bench.finish = Step::Act(rebuild());
    bench.attempt(PhaseId::SWITCH_PRIMARY, switch_primary(), Some(OutcomeResult::HalfDone));
    for _ in 0..20 {
        not_sent(&mut bench, PhaseId::SWITCH_PRIMARY, rebuild());
        assert!(matches!(bench.decide(), Decision::Act(_)), "a slow disk leaves nothing between states");
    }
    for _ in 0..3 {
        bench.attempt(PhaseId::SWITCH_PRIMARY, rebuild(), Some(OutcomeResult::NotDone));
        bench.pass(60);
    }
    let Decision::Stop(stop) = bench.decide() else { panic!("it stops: {:?}", bench.decide()) };
    assert_eq!(stop.kind, StopKind::NeedsHuman);
    assert_eq!(stop.findings.iter().map(|finding| finding.code.as_str()).collect::<Vec<_>>(), ["C404", "C312"]);
    assert!(stop.findings.iter().all(|finding| !finding.help.contains("Traffic is where it was")), "{stop:?}");
    assert!(stop.findings[1].help.contains("`cutover apply --finish-only`"), "{stop:?}");
}

#[test]
fn what_we_may_not_do_is_not_tried_again() {
    let mut bench = Bench::begun();
    bench.kind = SituationKind::Switched;
    bench.steps = [(PhaseId::COMPLETE, Step::Act(complete()))].into();
    bench.approve(PhaseId::COMPLETE);
    let attempt = bench.attempt(PhaseId::COMPLETE, complete(), Some(OutcomeResult::NotDone));
    bench.watch.call = Some(CallEnd { attempt, at: bench.now, error: Some("denied".into()), lost: false, not_allowed: true });
    let Decision::Stop(stop) = bench.decide_checked() else { panic!("it stops") };
    assert_eq!(stop.kind, StopKind::NotAllowed);
}

#[test]
fn only_what_stopped_half_way_is_finished() {
    for (result, is_finished) in [
        (OutcomeResult::HalfDone, true),
        (OutcomeResult::RolledBack, false),
        (OutcomeResult::NotDone, false),
        (OutcomeResult::Done, false),
    ] {
        let mut bench = Bench::begun();
        bench.kind = SituationKind::Between;
        bench.finish = Step::Act(switch_primary());
        bench.attempt(PhaseId::SWITCH_PRIMARY, switch_primary(), Some(result));
        if is_finished {
            assert!(matches!(bench.decide(), Decision::Wait(..)), "the same call is given a moment");
            bench.pass(2);
        }
        assert_eq!(is_switch(&bench.decide()), is_finished, "{result:?}");
        if !is_finished {
            bench.watch.see_between(true, bench.now);
            assert!(matches!(bench.decide(), Decision::Wait(..)), "{result:?}: somebody's rebuild passes");
            bench.pass(10);
            assert_eq!(stop_codes(&bench.decide()), ["C404"], "{result:?}");
        }
    }
}

#[test]
fn an_approval_on_the_way_back_does_not_turn_it_round() {
    let mut bench = Bench::begun();
    bench.add(What::Goal { goal: Goal::SwitchedBack, reason: None });
    bench.back = Step::Act(switch_primary());
    bench.approve(PhaseId::SWITCH_PRIMARY);
    assert!(matches!(bench.decide(), Decision::Act(act) if act.phase == PhaseId::SWITCH_BACK), "on with it");
    bench.back = Step::Done(vec![]);
    assert!(matches!(bench.decide(), Decision::Note(whats) if matches!(whats[..], [What::Reached { .. }])), "seen to have ended");
    bench.add(What::Reached { phase: PhaseId::SWITCH_BACK, evidence: vec![] });
    assert!(matches!(bench.decide(), Decision::Done(Ending::SwitchedBack)), "that approval is too old");
    bench.approve(PhaseId::SWITCH_REPLICAS);
    let forward = |decision: Decision| matches!(decision, Decision::Note(whats) if matches!(whats[..], [What::Goal { goal: Goal::Forward, .. }]));
    assert!(forward(bench.decide()));
    bench.options.never_forward = true;
    assert!(matches!(bench.decide(), Decision::Done(Ending::SwitchedBack)), "not by the command that went back");
}

#[test]
fn after_a_switch_back_auto_advance_needs_a_word_too() {
    let mut bench = Bench::begun();
    for gate in bench.spec.gates.values_mut() {
        gate.policy = crate::spec::GatePolicy::AutoAdvance;
    }
    assert!(is_switch(&bench.decide_checked()));
    bench.add(What::Goal { goal: Goal::SwitchedBack, reason: None });
    bench.add(What::Goal { goal: Goal::Forward, reason: None });
    bench.approve(PhaseId::COMPLETE);
    bench.steps.insert(PhaseId::SWITCH_PRIMARY, Step::Act(switch_primary()));
    for phase in [PhaseId::VERIFY, PhaseId::SWITCH_REPLICAS] {
        bench.add(What::Reached { phase, evidence: vec![] });
    }
    assert_eq!(hold_kind(&bench.decide_checked()), Some(HoldKind::Gate), "the approval of another gate is none for traffic");
    bench.approve(PhaseId::SWITCH_REPLICAS);
    assert!(is_switch(&bench.decide_checked()));
}

#[test]
fn somebodys_hands_in_what_is_ours_stop_the_way_forward_and_not_the_way_back() {
    let mut bench = Bench::begun();
    let mut baseline = Picture::default();
    baseline.routing_rules.set("customer", "commerce.customer");
    bench.baseline = Some(baseline);
    assert_eq!(stop_codes(&bench.decide()), ["C401"]);
    bench.add(What::Goal { goal: Goal::SwitchedBack, reason: None });
    bench.back = Step::Act(switch_primary());
    assert!(matches!(bench.decide(), Decision::Act(_)));
}

#[test]
fn a_difference_stops_every_run_until_it_is_explained() {
    let mut bench = Bench::begun();
    bench.attempt(PhaseId::SWITCH_REPLICAS, switch_primary(), Some(OutcomeResult::Differs));
    bench.watch = Watch::new(bench.serial());
    assert_eq!(stop_codes(&bench.decide()), ["C405"], "also a run that did not see it");
    bench.add(What::Waiver {
        code: "C405".into(),
        subject: "switch-replicas".into(),
        reason: "it was the other team".into(),
        intent: intent(),
        seen: String::new(),
    });
    assert_eq!(hold_kind(&bench.decide()), Some(HoldKind::Gate));
}

#[test]
fn a_window_counts_the_worst_case_of_every_write() {
    let mut bench = Bench::begun();
    bench.kind = SituationKind::Switched;
    bench.steps = [(PhaseId::COMPLETE, Step::Act(complete()))].into();
    bench.approve(PhaseId::COMPLETE);
    let open_until = |bench: &Bench, seconds: i64| {
        let zone = jiff::tz::TimeZone::UTC;
        let local = |at: Timestamp| at.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M").to_string();
        format!("{}/{}", local(bench.now - SignedDuration::from_hours(1)), local(bench.now + SignedDuration::from_secs(seconds)))
    };
    let mut with_window = |seconds| {
        let text = open_until(&bench, seconds);
        bench.spec.gates.get_mut(&PhaseId::COMPLETE).unwrap().windows = vec![text.parse().unwrap()];
        bench.decide_checked()
    };
    assert_eq!(hold_kind(&with_window(60)), Some(HoldKind::Window));
    assert!(matches!(with_window(3600), Decision::Act(_)));
}

#[test]
fn a_lock_of_a_vtctld_that_may_hang_is_taken_away_by_nobody() {
    let broken_off = |evidence: &str| {
        let mut bench = Bench::begun();
        let lock = HeldLock { time: bench.now.to_string(), ..lock("customer/c2c") };
        bench.attempt(PhaseId::SWITCH_PRIMARY, switch_primary(), None);
        let attempt = bench.progress().attempts.last().unwrap().attempt;
        let result = OutcomeResult::RolledBack;
        bench.add(What::Outcome { attempt, result, evidence: vec![evidence.into()], took_milliseconds: 1, found: None });
        (crate::run::forsaken::may_hang(&lock, &bench.progress()), lock, bench)
    };
    let (may_hang, lock, bench) = broken_off(&format!("WorkflowSwitchTraffic: {}", crate::run::forsaken::BROKEN_OFF));
    assert!(may_hang);
    let later = HeldLock { time: (bench.now + SignedDuration::from_secs(3600)).to_string(), ..lock };
    assert!(!crate::run::forsaken::may_hang(&later, &bench.progress()), "another call's");
    assert!(!broken_off("WorkflowSwitchTraffic: the connection broke").0);
}

#[test]
fn while_something_short_is_waited_for_the_checks_of_what_follows_are_made_once() {
    let mut bench = Bench::begun();
    bench.steps.insert(PhaseId::VERIFY, Step::Wait(Waiting::new("a short comparison")));
    bench.checks_soon = Some(PhaseId::SWITCH_REPLICAS);
    assert!(matches!(bench.decide(), Decision::Wait(..)), "only a run that acts looks ahead");
    bench.options.looks_ahead = true;
    let Decision::CheckedAhead { waiting, passed } = bench.decide() else { panic!("it looks ahead") };
    assert_eq!((&waiting, &passed), (&PhaseId::VERIFY, &bench.checks_soon));
    bench.findings = vec![Finding::fail("C999", Severity::Error, "commerce", "it stands in the way", "mend it")];
    let Decision::CheckedAhead { passed, .. } = bench.decide() else { panic!("it looks ahead") };
    assert_eq!(passed, None, "what does not pass is said when its turn has come");
    bench.watch.checked_ahead.insert(waiting);
    assert!(matches!(bench.decide(), Decision::Wait(..)), "once in a wait");
}

#[test]
fn what_is_past_and_on_record_wants_nothing_more() {
    let mut bench = Bench::begun();
    bench.steps.insert(PhaseId::CREATE, Step::Wait(Waiting::new("create wants more")));
    let waits_for = |bench: &Bench| match bench.decide() {
        Decision::Wait(phase, _) => phase.as_str().to_owned(),
        Decision::Hold(hold) => hold.gate.as_str().to_owned(),
        other => panic!("{other:?}"),
    };
    assert_eq!(waits_for(&bench), "create", "it may want more");
    bench.past = vec![PhaseId::CREATE];
    assert_eq!(waits_for(&bench), "switch-primary");
    bench.entries.retain(|entry| !matches!(&entry.what, What::Reached { phase, .. } if *phase == PhaseId::CREATE));
    assert_eq!(waits_for(&bench), "create", "that it was done is not on record");
}

#[test]
fn a_lock_is_taken_away_only_when_a_call_of_ours_has_left_it() {
    let decide = |is_ours: bool, mends: bool| {
        let mut bench = Bench::begun();
        (bench.options.may_remove_locks, bench.options.mends) = (true, mends);
        let taken_at = if is_ours { bench.now } else { bench.now - SignedDuration::from_secs(7200) };
        let lock = HeldLock { time: taken_at.to_string(), ..lock("customer/c2c") };
        bench.attempt(PhaseId::SWITCH_PRIMARY, switch_primary(), Some(OutcomeResult::RolledBack));
        bench.approve(PhaseId::SWITCH_PRIMARY);
        bench.locks = Ok(vec![lock.clone()]);
        for _ in 0..=60 {
            bench.watch.see_locks(std::slice::from_ref(&lock), bench.now);
            bench.pass(1);
        }
        bench.decide_checked()
    };
    let removes =
        |decision: &Decision| matches!(decision, Decision::Act(act) if matches!(act.mutation, Mutation::RemoveStaleLock(_)));
    assert!(removes(&decide(true, false)));
    assert_eq!(stop_codes(&decide(false, false)), ["C408"], "its vtctld may hang");
    assert!(removes(&decide(false, true)), "a person was shown it");
}
