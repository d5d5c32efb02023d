use super::*;
use crate::family::{Side, WayBack};
use crate::report::fixtures::{
    ASCII, HOSTILE, PLAIN, WIDE, assert_harmless, at, copying, gate_hold, keyspaces, movement, night, revert_hold, traffic,
};

fn live(drawing: Drawing, rows: usize) -> Live {
    Live::new(ViewOptions { drawing, keyspaces: keyspaces(), file: None, workflow: "commerce2customer".into() }, rows)
}

fn after(live: &mut Live, events: &[(Timestamp, Event)]) -> String {
    let mut now = at(0);
    for (at, event) in events {
        live.event(*at, event);
        now = *at;
    }
    live.lines(now).join("\n")
}

fn copy_of(count: i64, done: i64) -> Vec<(Timestamp, Event)> {
    let look = |second: i64| {
        let names: Vec<String> = (0..count).map(|n| format!("order_{n:03}")).collect();
        let tables: Vec<(&str, i64, i64)> = names
            .iter()
            .zip(0..)
            .map(|(name, n)| {
                let total = 1_000_000 - n * 1_000;
                let rows = if n < done {
                    total
                } else if n < done + 3 {
                    second * 4_000 * (n - done + 1)
                } else {
                    0
                };
                (name.as_str(), rows, total)
            })
            .collect();
        (at(second), copying(second, &tables))
    };
    (0..20).map(look).collect()
}

#[test]
fn a_copy_of_two_tables() {
    let shown = after(&mut live(PLAIN, 24), &copy_of(2, 0));
    insta::assert_snapshot!(shown, @"
    copy  228,000 of about 1,999,000 rows (11%), 12,000 rows/s, about 2 min 28 s
          left, 0 of 2 tables done
      order_000  ━─────────────────   7%  76,000 of ~1,000,000  4,000/s  3 min 51 s
      order_001  ━━────────────────  15%   152,000 of ~999,000  8,000/s  1 min 46 s
    ctrl-c stops at a safe point; `cutover apply` goes on from there
    ");
}

#[test]
fn a_copy_of_four_hundred_tables_shows_those_that_move() {
    let shown = after(&mut live(WIDE, 60), &copy_of(400, 100));
    insta::assert_snapshot!(shown, @"
    copy  95,506,000 of about 320,200,000 rows (29%), 24,000 rows/s, about 2 h 36 min left, 100 of 400 tables done
      order_100  ━━━─────────────────────────────────────   8%   76,000 of ~900,000   4,000/s  3 min 26 s
      order_101  ━━━━━━──────────────────────────────────  16%  152,000 of ~899,000   8,000/s  1 min 34 s
      order_102  ━━━━━━━━━━──────────────────────────────  25%  228,000 of ~898,000  12,000/s        56 s
      297 not begun, the largest: order_103 (~897,000 rows), order_104 (~896,000 rows), order_105 (~895,000 rows)
    ctrl-c stops at a safe point; `cutover apply` goes on from there
    ");
    let low = after(&mut live(ASCII, 12), &copy_of(400, 100));
    assert!(low.lines().count() <= 11 && low.is_ascii(), "{low}");
    assert!(low.lines().all(|line| line.len() < 80), "{low}");
}

#[test]
fn a_name_too_long_for_the_screen_is_cut() {
    let name = "a".repeat(64);
    let shown = after(&mut live(PLAIN, 24), &[(at(0), copying(0, &[(&name, 10, 2_000_000_000), ("b", 0, 5)]))]);
    assert!(shown.lines().all(|line| line.chars().count() < 80), "{shown}");
    assert!(shown.contains("aaa…"), "{shown}");
}

#[test]
fn conditions_are_a_list_that_is_ticked_off() {
    let conditions = gate_hold().conditions;
    let event = Event::Await { phase: PhaseId::SWITCH_PRIMARY, conditions, since: at(0) };
    insta::assert_snapshot!(after(&mut live(PLAIN, 24), &[(at(12), event)]), @"
    switch-primary  waits until all of this holds, 12 s so far
      ✓ streams run: 2 streams run
      ✗ lag is low and stable: lag 7 s, low for 0 s so far; it must be at most 5 s
        for 10 s
      ? no old transaction: not known: customer/-80: the query took longer than 2 s
    ctrl-c stops here; this step has not begun
    ");
}

#[test]
fn a_switch_of_writes_counts_up_between_events() {
    let words = crate::family::Family::mutations(&movement(2), &PhaseId::SWITCH_PRIMARY)[0].verb().words();
    let mut live = live(PLAIN, 24);
    live.event(at(2), &Event::Calling { phase: PhaseId::SWITCH_PRIMARY, words, seconds: 2 });
    insta::assert_snapshot!(live.lines(at(5)).join("\n"), @"
    switch-primary  5 s so far: switch primary traffic of `commerce2customer` to
                    `customer`
      writes to the moved tables pause while this runs; vtgate buffers them for up
      to 10 s
    ctrl-c waits for the end of this call
    ");
}

#[test]
fn a_hold_counts_down_and_shows_the_way_back() {
    let way_back =
        WayBack { possible: false, why: "stream 3 of `commerce.commerce2customer_reverse` is Error".into(), lag_seconds: None };
    let Event::Progress(mut progress) = copying(600, &[]) else { unreachable!() };
    progress.traffic = traffic(Side::Target, Side::Target, Side::Target);
    progress.way_back = Some(way_back);
    let events = [(at(600), Event::Hold { hold: Box::new(revert_hold()), waiting: true }), (at(600), Event::Progress(progress))];
    let mut live = live(PLAIN, 24);
    insta::assert_snapshot!(after(&mut live, &events), @"
    REVERT WINDOW: the way back is open: 1 reverse stream runs, lag 0 s
    It ends 2026-11-20 02:39:00Z, in 29 min
      WAY BACK NOT OPEN: stream 3 of `commerce.commerce2customer_reverse` is Error

    What happens next
      • source tables renamed to `_<table>_old` in `commerce`

    Proved
      ✓ switch-primary done 2026-11-20 02:09:00Z

    Back, at any time: cutover switch-back

    From another terminal; this run then goes on by itself
      cutover approve complete --end-revert-window --reason TEXT
    ctrl-c leaves; the hold stays, and nothing changes on the cluster
    ");
    assert!(live.lines(at(660)).join("\n").contains("in 28 min"));
}

#[test]
fn a_hold_fits_a_low_screen_with_its_commands() {
    let mut hold = gate_hold();
    hold.proved = (0..50).map(|n| format!("fact {n}")).collect();
    let shown = after(&mut live(PLAIN, 16), &[(at(0), Event::Hold { hold: Box::new(hold), waiting: true })]);
    assert_eq!(shown.lines().count(), 15, "{shown}");
    assert!(shown.starts_with("HELD before switch-primary") && shown.contains("cutover approve switch-primary"), "{shown}");
}

#[test]
fn what_a_night_leaves_on_the_screen() {
    let mut live = live(PLAIN, 24);
    let lasting: Vec<String> = night().iter().filter_map(|(at, event)| live.event(*at, event)).collect();
    insta::assert_snapshot!(lasting.concat(), @"
    02:00:00Z                  cutover 0.1.0: apply `commerce2customer` on
                               production (vtctld.prod.example:15999)
    02:00:01Z copy             start the streams of `customer.commerce2customer`
    02:00:02Z copy             done after 812 ms: 2 streams run
    02:00:40Z copy             copy is done: 2 streams run, lag 1 s
    02:00:44Z switch-primary   switch primary traffic of `commerce2customer` to
                               `customer`
    02:00:51Z switch-primary   done after 6.1 s, writes paused no longer than that:
                               writes lead to `customer` in every cell

    REVERT WINDOW: the way back is open: 1 reverse stream runs, lag 0 s
    It ends 2026-11-20 02:39:00Z, in 37 min

    What happens next
      • source tables renamed to `_<table>_old` in `commerce`

    Proved
      ✓ switch-primary done 2026-11-20 02:09:00Z

    Back, at any time: cutover switch-back

    Next, one of
      cutover apply --wait
      cutover approve complete --end-revert-window --reason TEXT

    exit 3: held in the revert window
    ");
}

#[test]
fn no_text_of_a_server_acts_on_the_terminal() {
    let Event::Progress(mut progress) = copying(0, &[(HOSTILE, 1, 10)]) else { unreachable!() };
    assert_harmless(&after(&mut live(PLAIN, 24), &[(at(0), Event::Progress(progress.clone()))]));
    progress.tables.clear();
    progress.waiting_for = HOSTILE.into();
    progress.way_back = Some(WayBack { possible: false, why: HOSTILE.into(), lag_seconds: None });
    assert_harmless(&after(&mut live(PLAIN, 24), &[(at(0), Event::Progress(progress))]));
}
