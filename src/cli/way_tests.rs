use super::*;
use crate::cluster::mutation::{CancelWorkflow, CompleteMoveTables, SourceTables};
use crate::family::{Side, Traffic};
use crate::model::digest::Digest;
use crate::model::name::{KeyspaceName, WorkflowName};
use crate::record::entry::{Actor, Entry, What};

use SituationKind::{Between, Cancelled, Completed, Contradictory, Ended, Foreign, Moving, NotBegun, Switched};

const KINDS: [SituationKind; 9] = [NotBegun, Moving, Switched, Completed, Ended, Cancelled, Between, Foreign, Contradictory];

fn situation(kind: SituationKind) -> Situation {
    let traffic = Traffic { rdonly: Side::Source, replica: Side::Source, primary: Side::Source };
    Situation { kind, traffic, words: "as it is".into(), contradictions: vec!["something speaks against it".into()] }
}

fn fold(whats: Vec<What>) -> Progress {
    let by = Actor { user: "morgan".into(), host: "ops1".into(), process: 1, version: "0.1.0".into() };
    let entry = |(what, serial): (What, i64)| Entry {
        serial: serial.unsigned_abs(),
        at: jiff::Timestamp::from_second(serial).unwrap(),
        by: by.clone(),
        what,
    };
    Progress::of(&whats.into_iter().zip(1..).map(entry).collect::<Vec<_>>())
}

fn goal(goal: Goal) -> What {
    What::Goal { goal, reason: None }
}

fn reached(phase: PhaseId) -> What {
    What::Reached { phase, evidence: vec![] }
}

fn intent(phase: PhaseId) -> What {
    let (workflow, target_keyspace) = (WorkflowName::new("c2c").unwrap(), KeyspaceName::new("customer").unwrap());
    let mutation = if phase == PhaseId::COMPLETE {
        Mutation::CompleteMoveTables(CompleteMoveTables {
            workflow,
            target_keyspace,
            source_tables: SourceTables::Rename,
            table_count: 1,
        })
    } else {
        Mutation::CancelWorkflow(CancelWorkflow { workflow, target_keyspace, table_count: 1 })
    };
    What::Intent { attempt: 1, phase, mutation, forecast: Digest::of_bytes(b""), replaced: None, lag_seconds: None }
}

fn outcome(result: OutcomeResult) -> What {
    What::Outcome { attempt: 1, result, evidence: vec![], took_milliseconds: 1, found: None }
}

/// The kinds of situation in which a command goes on record.
fn allowed(way: Way, progress: &Progress) -> Vec<SituationKind> {
    KINDS.into_iter().filter(|kind| judge(way, &situation(*kind), progress).is_ok()).collect()
}

#[test]
fn a_command_goes_on_record_only_where_it_leads_somewhere() {
    let forward = || vec![goal(Goal::Forward)];
    let with = |what: What| [forward(), vec![what]].concat();
    let back = fold(vec![goal(Goal::SwitchedBack)]);
    for (way, progress, wanted) in [
        (Way::SwitchBack, fold(forward()), vec![Moving, Switched, Between]),
        (Way::Cancel, fold(forward()), vec![NotBegun, Moving, Cancelled, Between]),
        (Way::RestoreRules, fold(forward()), vec![Completed, Ended]),
        (Way::RestoreRules, fold(with(intent(PhaseId::REMOVE_RULES))), vec![Completed, Ended, Between]),
        (Way::Pause, fold(forward()), vec![Moving]),
        (Way::Pause, fold(with(intent(PhaseId::CREATE))), vec![NotBegun, Moving, Between, Contradictory]),
        (Way::Pause, back, vec![]),
        (Way::Resume, fold(forward()), vec![Moving, Between]),
        (
            Way::Resume,
            fold(with(What::Paused { reason: None })),
            vec![NotBegun, Moving, Switched, Completed, Ended, Cancelled, Between],
        ),
        (Way::Resume, fold(vec![goal(Goal::Cancelled)]), vec![]),
    ] {
        assert_eq!(allowed(way, &progress), wanted, "{way:?} {:?}", progress.open_attempt);
    }
}

#[test]
fn there_is_no_way_back_while_complete_may_have_happened() {
    let after = |outcomes: Vec<What>| fold([vec![goal(Goal::Forward), intent(PhaseId::COMPLETE)], outcomes].concat());
    for (progress, is_allowed) in [
        (after(vec![]), false),
        (after(vec![outcome(OutcomeResult::HalfDone)]), false),
        (after(vec![outcome(OutcomeResult::Differs)]), false),
        (after(vec![outcome(OutcomeResult::NotDone)]), true),
        (after(vec![outcome(OutcomeResult::RolledBack)]), true),
    ] {
        let judged = judge(Way::SwitchBack, &situation(Switched), &progress);
        assert_eq!(judged.is_ok(), is_allowed, "{:?}", progress.attempts);
        if let Err(error) = judged {
            assert!(error.exit() == Exit::NeedsHuman && error.help().contains("--finish-only"), "{error}");
        }
    }
}

#[test]
fn nothing_is_approved_on_another_way_before_its_end() {
    let verdict = |whats| judge_approval(&fold(whats)).map_err(|error| error.help());
    let refused = |whats| verdict(whats).unwrap_err();
    verdict(vec![]).unwrap();
    verdict(vec![goal(Goal::Forward)]).unwrap();
    assert!(refused(vec![goal(Goal::SwitchedBack)]).contains("`cutover switch-back` to its end first"));
    verdict(vec![goal(Goal::SwitchedBack), reached(PhaseId::SWITCH_BACK)]).unwrap();
    // A second way back after the first one's end.
    refused(vec![goal(Goal::SwitchedBack), reached(PhaseId::SWITCH_BACK), goal(Goal::SwitchedBack)]);
    assert!(refused(vec![goal(Goal::RulesRestored)]).contains("`cutover restore-rules` to its end first"));
    verdict(vec![goal(Goal::RulesRestored), reached(PhaseId::RESTORE_RULES)]).unwrap();
    refused(vec![goal(Goal::Cancelled), reached(PhaseId::CANCEL)]);
}

#[test]
fn what_was_taken_over_in_doubt_is_compared_before_its_copy_is_dropped() {
    use crate::record::entry::Accepted;
    let adopted = |name: &str| What::Adopted {
        reached: vec![PhaseId::CREATE],
        streams: Default::default(),
        evidence: vec![],
        accepted: vec![Accepted { name: name.into(), doubt: "not proven".into() }],
        reason: "CHG-7".into(),
        found: Digest::of_bytes(b""),
    };
    let may = |whats: Vec<What>| judge(Way::Cancel, &situation(Moving), &fold(whats)).is_ok();
    assert!(may(vec![adopted("who-made-it")]));
    for doubt in ["switched-before", "journals"] {
        assert!(!may(vec![adopted(doubt)]), "{doubt}");
        assert!(may(vec![adopted(doubt), reached(PhaseId::VERIFY)]), "{doubt}: compared");
        assert!(may(vec![adopted(doubt), reached(PhaseId::VERIFY), goal(Goal::Cancelled)]), "{doubt}: it goes on");
    }
}
