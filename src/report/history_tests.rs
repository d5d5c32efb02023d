use super::*;
use crate::model::digest::Digest;
use crate::report::fixtures::{HOSTILE, PLAIN, assert_harmless, night_entries};
use crate::run::phase::PhaseId;

#[test]
fn a_night_on_record() {
    insta::assert_snapshot!(History::of(&night_entries()).draw(PLAIN), @"");
}

#[test]
fn a_write_and_its_outcome_are_one_step() {
    let entries = night_entries();
    let history = History::of(&entries);
    let outcomes = entries.iter().filter(|entry| matches!(entry.what, What::Outcome { .. })).count();
    assert_eq!(history.steps.len(), entries.len() - outcomes);
    let switch = history.steps.iter().find(|step| step.phase.as_deref() == Some("switch-primary") && step.entry == "intent");
    insta::assert_snapshot!(serde_json::to_string_pretty(&switch.unwrap()).unwrap(), @"");
}

#[test]
fn a_write_without_outcome_says_so() {
    let mut entries = night_entries();
    entries.retain(|entry| !matches!(entry.what, What::Outcome { .. }));
    assert!(History::of(&entries).draw(PLAIN).contains("NO OUTCOME on record"));
}

#[test]
fn markdown_is_a_table_and_nothing_else() {
    let mut entries = night_entries();
    entries.truncate(1);
    let mut hostile = entries[0].clone();
    hostile.by.user = "@everyone|".into();
    hostile.what = What::Approval {
        gate: PhaseId::COMPLETE,
        reason: format!("{HOSTILE}</details> <script> [x](y) `a`"),
        intent: Digest::of(&1),
        forecast: Digest::of(&2),
        expires_at: None,
        end_revert_window: true,
    };
    entries.push(hostile);
    let text = History::of(&entries).markdown();
    assert_harmless(&text);
    insta::assert_snapshot!(text, @"");
}

#[test]
fn no_text_of_a_record_acts() {
    let mut entries = night_entries();
    for entry in &mut entries {
        entry.by.user = HOSTILE.into();
        entry.what = What::Remark { phase: Some(PhaseId::new(HOSTILE)), text: HOSTILE.into() };
    }
    assert_harmless(&History::of(&entries).draw(PLAIN));
}
