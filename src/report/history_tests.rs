use super::*;
use crate::model::digest::Digest;
use crate::report::fixtures::{HOSTILE, PLAIN, assert_harmless, night_entries};
use crate::run::phase::PhaseId;

#[test]
fn a_night_on_record() {
    insta::assert_snapshot!(History::of(&night_entries()).draw(PLAIN), @"
    commerce2customer on production, begun 2026-11-20 02:00:00Z

    How long each phase took, holds included
      create                   4 s
      copy               3 h 6 min
      switch-primary   18 h 55 min  writes paused 2.1 s at most; lag 1 s when it was
                                    sent

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
                                  - the streams lagged 1 s when it was sent
      00:01:40Z  switch-primary   switch primary traffic of `commerce2customer` to
                                  `customer`: done after 2.1 s
                                  - writes lead to `customer` in every cell, the
                                    source denies them
                                  - the streams lagged 1 s when it was sent
                                  - writes paused 2.1 s at most: from sending the
                                    switch to seeing it done
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
        "lock wait timeout",
        "the streams lagged 1 s when it was sent"
      ],
      "lag_seconds": 1,
      "took_milliseconds": 6104,
      "equivalent": "vtctldclient MoveTables --workflow commerce2customer --target-keyspace customer SwitchTraffic --tablet-types primary --timeout 5s --max-replication-lag-allowed 30s --enable-reverse-replication --initialize-target-sequences"
    }
    "#);
}

#[test]
fn each_phase_says_how_long_it_took_and_what_its_switch_or_its_vdiff_showed() {
    use crate::cluster::mutation::CreateVDiff;
    use crate::report::fixtures::{at, movement};
    let movement = movement(2);
    let mut entries = night_entries();
    let mutation = Mutation::CreateVDiff(CreateVDiff {
        workflow: movement.workflow().clone(),
        source_keyspace: None,
        target_keyspace: movement.target().clone(),
        uuid: uuid::Uuid::from_u128(7),
        cells: vec![],
        tablet_types: vec![],
        max_duration_seconds: None,
        instead_of: None,
    });
    let compared = "VDiff compared 1,000 rows, none differs, at 2026-11-20 05:10:00Z".to_owned();
    let mut serial = 0;
    let more = [
        (
            11_210,
            What::Intent {
                attempt: 9,
                phase: PhaseId::VERIFY,
                mutation,
                forecast: Digest::of(&1),
                replaced: None,
                lag_seconds: None,
            },
        ),
        (
            11_211,
            What::Outcome { attempt: 9, result: OutcomeResult::Done, evidence: vec![], took_milliseconds: 900, found: None },
        ),
        (11_300, What::Reached { phase: PhaseId::VERIFY, evidence: vec![compared.clone()] }),
    ];
    let by = entries[0].by.clone();
    entries.splice(7..7, more.map(|(seconds, what)| Entry { serial: 0, at: at(seconds), by: by.clone(), what }));
    for entry in &mut entries {
        serial += 1;
        entry.serial = serial;
    }
    let history = History::of(&entries);
    let of = |phase: &str| history.phases.iter().find(|found| found.phase == phase).unwrap();
    let verify = of("verify");
    assert_eq!((verify.seconds, verify.writes_milliseconds, &verify.evidence), (100, 900, &vec![compared]));
    assert_eq!(verify.vdiff, Some(uuid::Uuid::from_u128(7).to_string()));
    let switch = of("switch-primary");
    // The first try came to nothing and counts as a write, not as a pause.
    assert_eq!(switch.writes_milliseconds, 6_104 + 2_149);
    assert_eq!((switch.lag_seconds, switch.pause_at_most_milliseconds), (Some(1), Some(2_149)));
    let drawn = history.draw(crate::report::fixtures::WIDE);
    assert!(drawn.contains("writes paused 2.1 s at most; lag 1 s when it was sent"), "{drawn}");
}

#[test]
fn a_pause_lasts_until_the_switch_was_seen_done_whatever_the_call_took() {
    let mut entries = night_entries();
    let last = entries.iter_mut().rev().find(|entry| matches!(entry.what, What::Outcome { .. })).unwrap();
    last.at += jiff::SignedDuration::from_secs(7);
    let history = History::of(&entries);
    assert_eq!(history.steps.iter().filter_map(|step| step.pause_at_most_milliseconds).collect::<Vec<_>>(), [9_000]);
}

#[test]
fn what_was_taken_over_stands_there_with_all_that_was_accepted() {
    use crate::record::entry::Accepted;
    let mut entries = night_entries();
    entries[1].what = What::Adopted {
        reached: vec![PhaseId::CREATE],
        streams: Default::default(),
        evidence: vec!["every row is copied".into()],
        accepted: vec![Accepted { name: "who-made-it".into(), doubt: "who made it".into() }],
        reason: "CHG-7".into(),
        found: Digest::of(&1),
    };
    let step = &History::of(&entries).steps[1];
    assert_eq!((step.entry.as_str(), step.what.as_str()), ("adopted", "take over what somebody else made, past create: CHG-7"));
    assert_eq!(step.evidence, ["every row is copied", "accepted without proof (who-made-it): who made it"]);
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
