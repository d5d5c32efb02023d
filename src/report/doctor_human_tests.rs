use super::super::doctor::Asked;
use super::*;
use crate::leftovers::find;
use crate::leftovers::fixtures::Case;
use crate::model::workflow::{STOPPED_FOR_CUTOVER, StreamState};
use crate::report::fixtures::{ASCII, COLOUR, PLAIN, WIDE, assert_harmless, cluster};

fn drawn(case: &Case, drawing: Drawing) -> String {
    let survey = case.survey();
    let asked = Asked { file: Some("workflow.toml"), movement: Some(("customer", "commerce2customer")) };
    let diagnosis = Diagnosis::of(&survey, find(&survey), cluster("production"), None, asked);
    draw(&diagnosis, &DoctorView { drawing, now: survey.now(), full: false })
}

/// vtctld was killed after `stopSourceWrites` and the catch-up.
fn half_a_switch() -> Case {
    let mut case = Case::after(&["create", "copy", "switch-replicas"]);
    case.deny("commerce", "0", &["corder", "customer"]);
    for stream in case.streams("commerce2customer") {
        (stream.state, stream.message) = (StreamState::Stopped, STOPPED_FOR_CUTOVER.into());
    }
    let at = (case.world.facts.observed_at - jiff::SignedDuration::from_secs(20)).to_string();
    case.lock("customer/commerce2customer", "SwitchWrites", &at);
    case.lock("commerce", "SwitchWrites", &at);
    case
}

#[test]
fn half_a_switch_at_80_columns() {
    insta::assert_snapshot!("doctor_half_a_switch", drawn(&half_a_switch(), PLAIN));
}

#[test]
fn nothing_wrong() {
    insta::assert_snapshot!("doctor_nothing_wrong", drawn(&Case::after(&["create", "copy"]), WIDE));
}

#[test]
fn colours_and_ascii_change_no_word() {
    let case = half_a_switch();
    let coloured = anstream::adapter::strip_str(&drawn(&case, Drawing { unicode: true, ..COLOUR })).to_string();
    assert_eq!(coloured, drawn(&case, Drawing { colour: false, unicode: true, ..COLOUR }));
    assert!(drawn(&case, ASCII).is_ascii());
}

#[test]
fn what_a_cluster_says_moves_no_cursor() {
    let mut case = Case::after(&["create", "copy"]);
    let stream = &mut case.streams("commerce2customer")[0];
    (stream.state, stream.message) = (StreamState::Error, "\n::error::x \u{1b}[31m".into());
    assert_harmless(&drawn(&case, PLAIN));
}
