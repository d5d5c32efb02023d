use super::*;
use crate::cluster::port::Answered;
use crate::family::{Condition, Waiting};
use crate::finding::{Finding, Severity};
use crate::model::workflow::{CopyPhase, TableCopy, WorkflowStatus};
use crate::report::fixtures::{
    HOSTILE, PLAIN, assert_harmless, at, cluster, facts, facts_after, gate_hold, movement, night_entries, revert_hold,
};
use crate::report::status_human::{StatusView, draw};
use crate::run::decision::{Hold, Stop};

fn acting() -> Acting {
    Acting { who: "alice".into(), host: "ops-1".into(), process: 4711, command: "apply".into(), since: at(79_000) }
}

/// A status after these phases, with the record of the night.
fn status(phases: &[&str], decision: Option<&Decision>, acting: Option<Acting>) -> Status {
    let movement = movement(2);
    let facts = facts_after(&movement, phases);
    let entries = night_entries();
    let progress = Progress::of(&entries);
    let input = StatusInput {
        family: &movement,
        cluster: cluster("production"),
        facts: &facts,
        progress: &progress,
        entries: &entries,
        decision,
        acting,
        now: at(79_400),
    };
    Status::of(&input)
}

const BEFORE: [&str; 3] = ["create", "copy", "switch-replicas"];
const SWITCHED: [&str; 4] = ["create", "copy", "switch-replicas", "switch-primary"];

fn view() -> StatusView<'static> {
    StatusView { drawing: PLAIN, now: at(79_400), file: None, full: false }
}

fn hold(kind: HoldKind) -> Decision {
    Decision::Hold(Box::new(Hold { kind, ..gate_hold() }))
}

fn stop(kind: StopKind) -> Decision {
    let finding = Finding::fail("C404", Severity::Error, "cluster", "the cluster is between states", "look");
    Decision::Stop(Box::new(Stop { kind, phase: Some(PhaseId::SWITCH_PRIMARY), findings: vec![finding] }))
}

#[test]
fn each_decision_has_its_state() {
    let waiting = || Waiting::new("rows are being copied");
    let cases = [
        (hold(HoldKind::Gate), State::Held),
        (hold(HoldKind::VoidApproval), State::Held),
        (hold(HoldKind::AttemptFailed), State::Held),
        (hold(HoldKind::Paused), State::Held),
        (hold(HoldKind::Window), State::Waiting),
        (hold(HoldKind::NotQuiet), State::Waiting),
        (hold(HoldKind::RevertWindow), State::Waiting),
        (hold(HoldKind::SwitchedBack), State::SwitchedBack),
        (stop(StopKind::NeedsHuman), State::NeedsHuman),
        (stop(StopKind::Refused), State::Failed),
        (stop(StopKind::Stale), State::Failed),
        (Decision::Done(Ending::Complete), State::Complete),
        (Decision::Done(Ending::Cancelled), State::Cancelled),
        (Decision::Done(Ending::SwitchedBack), State::SwitchedBack),
        (Decision::Wait(PhaseId::COPY, waiting()), State::Waiting),
        (Decision::Await(PhaseId::SWITCH_PRIMARY, vec![Condition::new("lag", false, "7 s")]), State::Waiting),
    ];
    for (decision, expected) in cases {
        let found = status(&BEFORE, Some(&decision), None);
        assert_eq!(found.state, expected, "{decision:?}");
        assert!(!found.next.is_empty() && !found.why.is_empty(), "{decision:?}");
    }
}

#[test]
fn whoever_holds_the_lease_runs() {
    let found = status(&BEFORE, Some(&stop(StopKind::NeedsHuman)), Some(acting()));
    assert_eq!(found.state, State::Running, "between states is what a switch under way looks like");
    assert_eq!(found.next, ["cutover status --watch"]);
}

#[test]
fn an_apply_that_waits_at_a_hold_is_held_and_says_how_it_is_released() {
    let found = status(&BEFORE, Some(&hold(HoldKind::Gate)), Some(acting()));
    assert_eq!((found.state, found.why.as_str()), (State::Held, "the plan file holds here for an operator"));
    let release = found.held.unwrap().release;
    assert_eq!(release, ["cutover approve switch-primary --reason TEXT", "cutover apply"]);
    assert_eq!(found.next, release[..1], "the apply that waits goes on by itself");
    assert!(found.acting.is_some());

    let window =
        Decision::Hold(Box::new(Hold { kind: HoldKind::Window, release: vec!["cutover apply --wait".into()], ..gate_hold() }));
    let found = status(&BEFORE, Some(&window), Some(acting()));
    assert_eq!((found.state, &found.next[..]), (State::Waiting, &["cutover status --watch".to_owned()][..]));
}

#[test]
fn a_movement_without_record_has_not_started() {
    let movement = movement(2);
    let progress = Progress::default();
    let facts = facts(&["-80", "80-"]);
    let input = StatusInput {
        family: &movement,
        cluster: cluster("sandbox"),
        facts: &facts,
        progress: &progress,
        entries: &[],
        decision: None,
        acting: None,
        now: at(0),
    };
    let found = Status::of(&input);
    assert_eq!(
        (found.state, found.phase.as_str(), &found.next[..]),
        (State::NotStarted, "pre-check", &["cutover plan".to_owned()][..])
    );
    insta::assert_snapshot!(draw(&found, &view()), @"
    SANDBOX NOT STARTED: commerce2customer on sandbox (vtctld.prod.example:15999)

      traffic  reads and writes at `commerce`

    With vtctldclient
      vtctldclient GetRoutingRules

    Next
      cutover plan
    ");
}

#[test]
fn held_before_the_primary_switch() {
    let mut found = status(&BEFORE, Some(&hold(HoldKind::Gate)), None);
    found.vdiff = Some(VDiffStatus {
        uuid: "u".into(),
        result: VDiffResult::Pass,
        words: "1,204,331 rows compared, none differs".into(),
        completed_at: Some(at(72_000)),
        rows_compared: Some(1_204_331),
    });
    insta::assert_snapshot!(draw(&found, &view()), @"
    HELD before switch-primary: commerce2customer on production
    (vtctld.prod.example:15999)
      the plan file holds here for an operator

      traffic  reads at `customer`, writes at `commerce`; not begun
      VDiff    passed: 1,204,331 rows compared, none differs, 2 h 3 min ago

    Not yet as it must be
      ✗ lag is low and stable: lag 7 s, low for 0 s so far; it must be at most 5 s
        for 10 s
      ? no old transaction: not known: customer/-80: the query took longer than 2 s

    What it costs
      • writes pause for about 2 s when calm, at worst 5 s; vtgate holds them back
        for 10 s

    Last on record
      2026-11-20 05:06:40Z  copy             copy is done (alice)
      2026-11-20 23:56:40Z  switch-primary   approve switch-primary, expires
                                             2026-11-21 02:00:00Z: the window is
                                             quiet, CHG-1042 (bob)
      2026-11-21 00:00:00Z  switch-primary   switch primary traffic of
                                             `commerce2customer` to `customer`:
                                             rolled back (alice)
      2026-11-21 00:01:40Z  switch-primary   switch primary traffic of
                                             `commerce2customer` to `customer`: done
                                             (alice)
      2026-11-21 00:01:42Z  switch-primary   switch-primary is done (alice)

    With vtctldclient
      vtctldclient GetRoutingRules
      vtctldclient MoveTables --workflow commerce2customer --target-keyspace customer SwitchTraffic --tablet-types primary --timeout 5s --max-replication-lag-allowed 30s --enable-reverse-replication --initialize-target-sequences

    Next
      cutover approve switch-primary --reason TEXT
      cutover apply
    ");
}

#[test]
fn in_the_revert_window() {
    let decision = Decision::Hold(Box::new(Hold { until: Some(at(81_102)), ..revert_hold() }));
    let found = status(&SWITCHED, Some(&decision), Some(acting()));
    insta::assert_snapshot!(draw(&found, &view()), @"
    WAITING at revert-window: commerce2customer on production
    (vtctld.prod.example:15999)
      the way back is open: 1 reverse stream runs, lag 0 s
      until 2026-11-21 00:31:42Z, in 28 min

      traffic  reads and writes at `customer`; not begun
      acting   alice on ops-1: `cutover apply`, process 4711, since 2026-11-20
               23:56:40Z (6 min 40 s ago)

    Last on record
      2026-11-20 05:06:40Z  copy             copy is done (alice)
      2026-11-20 23:56:40Z  switch-primary   approve switch-primary, expires
                                             2026-11-21 02:00:00Z: the window is
                                             quiet, CHG-1042 (bob)
      2026-11-21 00:00:00Z  switch-primary   switch primary traffic of
                                             `commerce2customer` to `customer`:
                                             rolled back (alice)
      2026-11-21 00:01:40Z  switch-primary   switch primary traffic of
                                             `commerce2customer` to `customer`: done
                                             (alice)
      2026-11-21 00:01:42Z  switch-primary   switch-primary is done (alice)

    With vtctldclient
      vtctldclient GetRoutingRules

    Next
      cutover approve complete --end-revert-window --reason TEXT
    ");
}

#[test]
fn the_copy_in_json() {
    let movement = movement(2);
    let mut facts = facts_after(&movement, &["create", "copy"]);
    let ask = Ask::CopyProgress { keyspace: movement.target().clone(), workflow: movement.workflow().clone() };
    let copy = |rows_copied, phase| TableCopy { rows_copied, rows_total: 1_000, bytes_copied: 0, bytes_total: 0, phase };
    let table_copies =
        [("corder".to_owned(), copy(1_000, CopyPhase::Complete)), ("customer".to_owned(), copy(250, CopyPhase::InProgress))]
            .into();
    let answer = Answer::CopyProgress(WorkflowStatus { table_copies, traffic_state: String::new() });
    facts.answers.push(Answered { ask, answer: Ok(answer) });
    let decision = Decision::Wait(PhaseId::COPY, Waiting::new("rows are being copied"));
    let entries = night_entries()[..6].to_vec();
    let progress = Progress::of(&entries);
    let input = StatusInput {
        family: &movement,
        cluster: cluster("production"),
        facts: &facts,
        progress: &progress,
        entries: &entries[5..],
        decision: Some(&decision),
        acting: None,
        now: at(60),
    };
    let found = Status::of(&input);
    let text = serde_json::to_string_pretty(&found).unwrap();
    assert_eq!(serde_json::from_str::<Status>(&text).unwrap(), found, "it can be read back");
    insta::assert_snapshot!(text, @r#"
    {
      "format_version": 1,
      "observed_at": "2026-11-20T02:00:00Z",
      "workflow": "commerce2customer",
      "cluster": {
        "alias": "production",
        "address": "vtctld.prod.example:15999",
        "fingerprint": "f"
      },
      "source_keyspace": "commerce",
      "target_keyspace": "customer",
      "phase": "copy",
      "state": "waiting",
      "why": "rows are being copied; nobody runs `cutover apply`",
      "situation": "not begun",
      "contradictions": [],
      "traffic": {
        "rdonly": "source",
        "replica": "source",
        "primary": "source"
      },
      "copy": {
        "tables": [
          {
            "table": "corder",
            "rows_copied": 1000,
            "rows_total": 1000,
            "done": true
          },
          {
            "table": "customer",
            "rows_copied": 250,
            "rows_total": 1000,
            "done": false
          }
        ]
      },
      "lag_seconds": null,
      "last": [
        {
          "serial": 6,
          "at": "2026-11-20T02:00:06Z",
          "user": "alice",
          "host": "ops-1",
          "entry": "outcome",
          "what": "done after 812 ms: 2 streams run"
        }
      ],
      "equivalent": [
        "vtctldclient GetRoutingRules",
        "vtctldclient Workflow --keyspace customer start --workflow commerce2customer"
      ],
      "next": [
        "cutover apply"
      ]
    }
    "#);
    let drawn = draw(&found, &StatusView { full: true, now: at(60), ..view() });
    assert!(drawn.contains("1,250 of about 2,000 rows (62%), 1 of 2 tables done"), "{drawn}");
    assert!(drawn.contains("customer   25%  250 of ~1,000"), "{drawn}");
}

#[test]
fn no_text_of_a_server_acts_on_the_terminal() {
    let mut found = status(&SWITCHED, Some(&hold(HoldKind::Gate)), Some(acting()));
    found.why = HOSTILE.into();
    found.contradictions = vec![HOSTILE.into()];
    found.equivalent = vec![HOSTILE.into()];
    found.next = vec![HOSTILE.into()];
    found.copy.tables = vec![TableCopied { table: HOSTILE.into(), rows_copied: 0, rows_total: 0, done: false }];
    if let Some(acting) = &mut found.acting {
        acting.who = HOSTILE.into();
    }
    assert_harmless(&draw(&found, &StatusView { full: true, ..view() }));
}
