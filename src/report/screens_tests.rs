//! The screens that people read most, with few tables and with many, on a narrow screen and on a wide one: what is on them, and that
//! nothing of them runs over the edge.

use super::blocks::ViewOptions;
use super::event::{Event, TableProgress, View as _};
use super::events_lines::Lines;
use super::fixtures::{
    COLOUR, PLAIN, WIDE, at, begin, cluster, copying, facts_after, gate_hold, keyspaces, movement, night_entries, passes, plan_of,
};
use super::hold::{self, HoldView};
use super::plan_human::{self, PlanView};
use super::problems::Drawing;
use super::status::{Status, StatusInput};
use super::status_human::{self, StatusView};
use super::stop::{self, StopView};
use crate::cluster::port::{Answer, Answered, Ask};
use crate::family::Waiting;
use crate::finding::{Finding, Severity};
use crate::model::workflow::{CopyPhase, TableCopy, WorkflowStatus};
use crate::record::progress::Progress;
use crate::run::decision::{Decision, Stop, StopKind};
use crate::run::phase::PhaseId;

/// A copy of so many tables, every second one done.
fn status(count: usize) -> Status {
    let movement = movement(count);
    let mut facts = facts_after(&movement, &["create", "copy"]);
    let ask = Ask::CopyProgress { keyspace: movement.target().clone(), workflow: movement.workflow().clone() };
    let of = |(number, table): (usize, &crate::model::name::TableName)| {
        let (rows_copied, phase) = if number % 2 == 0 { (1_000, CopyPhase::Complete) } else { (250, CopyPhase::InProgress) };
        (table.to_string(), TableCopy { rows_copied, rows_total: 1_000, bytes_copied: 0, bytes_total: 0, phase })
    };
    let table_copies = movement.tables.iter().enumerate().map(of).collect();
    let answer = Answer::CopyProgress(WorkflowStatus { table_copies, traffic_state: String::new() });
    facts.answers.push(Answered { ask, answer: Ok(answer) });
    let decision = Decision::Wait(PhaseId::COPY, Waiting::new("2 of 2 streams still copy rows"));
    let progress = Progress::of(&night_entries()[..6]);
    Status::of(&StatusInput {
        family: &movement,
        cluster: cluster("sandbox"),
        facts: &facts,
        progress: &progress,
        entries: &[],
        decision: Some(&decision),
        acting: None,
        now: at(60),
    })
}

fn status_screen(count: usize, drawing: Drawing) -> String {
    status_human::draw(&status(count), &StatusView { drawing, now: at(60), file: None, full: false })
}

fn plan_screen(count: usize, drawing: Drawing) -> String {
    let view = PlanView { drawing, begins: false, full: false, file: None };
    plan_human::draw(&plan_of(count, "sandbox", passes(14)), &view)
}

/// What a check finds in every table.
fn refusal(count: usize) -> Stop {
    let of = |table: &crate::model::name::TableName| {
        Finding::fail("C201", Severity::Error, format!("commerce.{table}"), "the table has no primary key", "give it one")
    };
    let findings = movement(count).tables.iter().map(of).collect();
    Stop { kind: StopKind::Refused, phase: Some(PhaseId::PRE_CHECK), findings }
}

fn stop_screen(count: usize, drawing: Drawing) -> String {
    stop::draw(
        &refusal(count),
        &StopView { drawing, file: None, workflow: "commerce2customer", cluster_now: Some("reads and writes at `commerce`") },
    )
}

fn hold_screen(drawing: Drawing) -> String {
    hold::draw(&gate_hold(), &HoldView { drawing, now: at(0), file: None, waiting: false })
}

#[test]
fn no_screen_runs_over_the_edge() {
    for drawing in [PLAIN, WIDE] {
        let mut screens = vec![hold_screen(drawing)];
        for count in [2, 400] {
            screens.extend([status_screen(count, drawing), plan_screen(count, drawing), stop_screen(count, drawing)]);
        }
        for screen in &screens {
            for line in screen.lines() {
                // A command is there to be copied whole.
                let is_command = ["cutover ", "vtctldclient "].iter().any(|program| line.trim_start().starts_with(program));
                assert!(is_command || line.chars().count() <= drawing.width, "{line}\n\n{screen}");
            }
        }
    }
}

#[test]
fn many_tables_are_counted_and_not_listed() {
    for screen in [status_screen(400, PLAIN), plan_screen(400, PLAIN), stop_screen(400, PLAIN)] {
        let named = (1..=400).filter(|number| screen.contains(&format!("order_{number:03}"))).count();
        assert!(named <= 12, "{named} names:\n{screen}");
        assert!(screen.contains("400 tables") || screen.contains("395 more"), "{screen}");
    }
}

#[test]
fn a_copy_in_the_status() {
    insta::assert_snapshot!(status_screen(2, PLAIN), @"
    SANDBOX WAITING at copy: commerce2customer on sandbox
    (vtctld.prod.example:15999)
      2 of 2 streams still copy rows; nobody runs `cutover apply`

      traffic  reads and writes at `commerce`; not begun
      copy     1,250 of about 2,000 rows (62%), 1 of 2 tables done

    With vtctldclient
      vtctldclient GetRoutingRules
      vtctldclient Workflow --keyspace customer start --workflow commerce2customer

    Next
      cutover apply
    ");
    insta::assert_snapshot!(status_screen(400, WIDE), @"
    SANDBOX WAITING at copy: commerce2customer on sandbox (vtctld.prod.example:15999)
      2 of 2 streams still copy rows; nobody runs `cutover apply`

      traffic  reads and writes at `commerce`; not begun
      copy     250,000 of about 400,000 rows (62%), 200 of 400 tables done

    With vtctldclient
      vtctldclient GetRoutingRules
      vtctldclient Workflow --keyspace customer start --workflow commerce2customer

    Next
      cutover apply
    ");
}

#[test]
fn a_hold_on_a_wide_screen() {
    insta::assert_snapshot!(hold_screen(WIDE), @"
    HELD before switch-primary: the plan file holds here for an operator

    Not yet as it must be when switch-primary begins
      ✗ lag is low and stable: lag 7 s, low for 0 s so far; it must be at most 5 s for 10 s
      ? no old transaction: not known: customer/-80: the query took longer than 2 s

    What it costs
      • writes pause for about 2 s when calm, at worst 5 s; vtgate holds them back for 10 s

    What happens next
      • writes go to `customer`; they pause while it happens: about 2 s when calm, 5 s of catch-up at most
      • if vtctld dies in it, its locks stay for 45 s

    Proved
      ✓ verify done 2026-11-20 02:08:00Z
      ✓ rows were compared: VDiff compared 1,204,331 rows, none differs

    Next
      cutover approve switch-primary --reason TEXT
      cutover apply
    ");
}

#[test]
fn a_refusal_of_many_tables() {
    insta::assert_snapshot!(stop_screen(400, PLAIN), @"
    REFUSED AT PRE-CHECK: traffic is where it was

      C201 commerce.order_001, commerce.order_002, commerce.order_003,
           commerce.order_004, commerce.order_005 and 395 more: the table has no
           primary key
           give it one

    Now  reads and writes at `commerce`

    Next, when it has been dealt with
      cutover explain C201
      cutover apply
    ");
    insta::assert_snapshot!(stop_screen(2, WIDE), @"
    REFUSED AT PRE-CHECK: traffic is where it was

      C201 commerce.corder, commerce.customer: the table has no primary key
           give it one

    Now  reads and writes at `commerce`

    Next, when it has been dealt with
      cutover explain C201
      cutover apply
    ");
}

#[test]
fn a_hold_in_colour() {
    let coloured = hold_screen(COLOUR);
    assert_eq!(anstream::adapter::strip_str(&coloured).to_string(), hold_screen(PLAIN));
    let shown = coloured.replace('\u{1b}', "^");
    insta::assert_snapshot!(shown, @"
    ^[33mHELD^[0m ^[1mbefore switch-primary^[0m: the plan file holds here for an operator

    ^[1mNot yet as it must be^[0m when switch-primary begins
      ^[1m^[31m✗ ^[0m^[1mlag is low and stable^[0m: lag 7 s, low for 0 s so far; it must be at most 5 s
        for 10 s
      ^[33m? ^[0m^[1mno old transaction^[0m: ^[2mnot known:^[0m customer/-80: the query took longer than 2 s

    ^[1mWhat it costs^[0m
      • writes pause for about 2 s when calm, at worst 5 s; vtgate holds them back
        for 10 s

    ^[1mWhat happens next^[0m
      • writes go to `customer`; they pause while it happens: about 2 s when calm,
        5 s of catch-up at most
      • if vtctld dies in it, its locks stay for 45 s

    ^[1mProved^[0m
      ^[32m✓ ^[0mverify done 2026-11-20 02:08:00Z
      ^[32m✓ ^[0mrows were compared: VDiff compared 1,204,331 rows, none differs

    ^[1mNext^[0m
      ^[36mcutover approve switch-primary --reason TEXT^[0m
      ^[36mcutover apply^[0m
    ");
}

/// A plan whose reader goes on to do it says nothing of a next command; all else is the same.
#[test]
fn a_plan_that_begins_ends_without_a_command() {
    let plan = plan_of(2, "sandbox", passes(14));
    let of = |begins| plan_human::draw(&plan, &PlanView { drawing: PLAIN, begins, full: false, file: None });
    let (alone, begun) = (of(false), of(true));
    assert!(alone.ends_with("Next\n  cutover apply\n") && alone.contains("Nothing was written to the cluster."), "{alone}");
    assert!(begun.ends_with("14 checks passed.\n\n"), "{begun}");
    let phases = |screen: &str| screen.split("14 checks").next().unwrap_or_default().to_owned();
    assert_eq!(phases(&alone), phases(&begun));
}

#[test]
fn a_refusal_is_said_once_and_names_the_keyspace_where_traffic_is() {
    let options = ViewOptions { drawing: PLAIN, keyspaces: keyspaces(), file: None, workflow: "commerce2customer".into() };
    let mut view = Lines::new(Vec::new(), options);
    let end = Event::End { ending: None, exit_code: 4, words: "stopped".into(), next: vec!["cutover status".into()] };
    let events = [begin("sandbox"), copying(1, &[("order_001", 5, 10)]), Event::Stop(Box::new(refusal(400))), end];
    for (second, event) in (0..).zip(&events) {
        view.event(at(second), event);
    }
    let shown = String::from_utf8(view.into_inner()).unwrap();
    assert!(shown.contains("Now  reads and writes at `commerce`"), "{shown}");
    assert_eq!(shown.matches("refused at pre-check").count(), 1, "{shown}");
    assert!(shown.ends_with("cutover apply\n"), "the next command is last: {shown}");
}

/// One of four hundred tables is done at any moment: no line for each.
#[test]
fn a_copy_of_many_tables_does_not_fill_the_log() {
    let options = ViewOptions { drawing: PLAIN, keyspaces: keyspaces(), file: None, workflow: "commerce2customer".into() };
    let mut view = Lines::new(Vec::new(), options);
    for second in 0..100 {
        let Event::Progress(mut progress) = copying(second, &[]) else { unreachable!() };
        progress.tables = (0..400)
            .map(|number| {
                let done = number < second * 4;
                let rows_copied = if done { 10 } else { 0 };
                (format!("order_{number:03}"), TableProgress { rows_copied, rows_total: 10, done })
            })
            .collect();
        view.event(at(second), &Event::Progress(progress));
    }
    let shown = String::from_utf8(view.into_inner()).unwrap();
    assert!((3..=8).contains(&shown.lines().count()), "{shown}");
}
