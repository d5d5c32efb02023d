use super::*;
use crate::model::digest::Digest;
use crate::report::fixtures::{HOSTILE, PLAIN, assert_harmless, night_entries};
use crate::run::phase::PhaseId;

#[test]
fn a_night_on_record() {
    insta::assert_snapshot!(History::of(&night_entries()).draw(PLAIN), @"
    commerce2customer on production, begun 2026-11-20 02:00:00Z

    2026-11-20
      alice@ops-1
      02:00:00Z                   begin `commerce2customer` on production, 2 tables
                                  (intent 3a4c15e51a0d)
      02:00:01Z  create           create workflow `commerce2customer` for 2 tables
                                  from `commerce` to `customer`, not started: done
                                  after 2.8 s
                                  - streams on -80, 80-; 18 routing rules lead to
                                    `commerce`
      02:00:04Z  create           create is done after 4 s
                                  - 2 streams
      02:00:05Z  copy             start the streams of `customer.commerce2customer`:
                                  done after 812 ms
                                  - 2 streams run
      05:06:40Z  copy             copy is done after 3 h 6 min
                                  - 2 streams run, lag 1 s
      bob@ops-1
      23:56:40Z  switch-primary   approve switch-primary, expires 2026-11-21
                                  02:00:00Z: the window is quiet, CHG-1042

    2026-11-21
      alice@ops-1
      00:00:00Z  switch-primary   switch primary traffic of `commerce2customer` to
                                  `customer`: rolled back after 6.1 s
                                  - lock wait timeout
      00:01:40Z  switch-primary   switch primary traffic of `commerce2customer` to
                                  `customer`: done after 2.1 s
                                  - writes lead to `customer` in every cell, the
                                    source denies them
                                  - writes paused for 2.1 s at most
      00:01:42Z  switch-primary   switch-primary is done after 18 h 55 min
                                  - writes lead to `customer` in every cell
    ");
}

#[test]
fn a_write_and_its_outcome_are_one_step() {
    let entries = night_entries();
    let history = History::of(&entries);
    let outcomes = entries.iter().filter(|entry| matches!(entry.what, What::Outcome { .. })).count();
    assert_eq!(history.steps.len(), entries.len() - outcomes);
    let switch = history.steps.iter().find(|step| step.phase.as_deref() == Some("switch-primary") && step.entry == "intent");
    insta::assert_snapshot!(serde_json::to_string_pretty(&switch.unwrap()).unwrap(), @r#"
    {
      "serial": 9,
      "at": "2026-11-21T00:00:00Z",
      "user": "alice",
      "host": "ops-1",
      "entry": "intent",
      "phase": "switch-primary",
      "what": "switch primary traffic of `commerce2customer` to `customer`",
      "result": "rolled-back",
      "evidence": [
        "lock wait timeout"
      ],
      "took_milliseconds": 6104,
      "equivalent": "vtctldclient MoveTables --workflow commerce2customer --target-keyspace customer SwitchTraffic --tablet-types primary --timeout 5s --max-replication-lag-allowed 30s --enable-reverse-replication --initialize-target-sequences"
    }
    "#);
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
    insta::assert_snapshot!(text, @r"
    ### commerce2customer on production

    | when | who | phase | what | evidence |
    | --- | --- | --- | --- | --- |
    | 2026-11-20 02:00:00Z | alice |  | begin \`commerce2customer\` on production, 2 tables (intent 3a4c15e51a0d) |  |
    | 2026-11-20 02:00:00Z | &#64;everyone\| | complete | approve complete, ends the revert window: x\\u{1b}\[2J\\u{202e} ::error::y \\u{7}\\u{9b}31m&lt;/details&gt; &lt;script&gt; \[x\](y) \`a\` |  |
    ");
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
