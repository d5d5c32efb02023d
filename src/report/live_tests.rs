use super::*;
use crate::family::{Side, WayBack};
use crate::report::fixtures::{
    ASCII, HOSTILE, PLAIN, WIDE, assert_harmless, at, copying, gate_hold, movement, night, revert_hold, traffic,
};

fn live(drawing: Drawing, rows: usize) -> Live {
    Live::new(ViewOptions { drawing, file: None }, rows)
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
    insta::assert_snapshot!(shown, @"");
}

#[test]
fn a_copy_of_four_hundred_tables_shows_those_that_move() {
    let shown = after(&mut live(WIDE, 60), &copy_of(400, 100));
    insta::assert_snapshot!(shown, @"");
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
    insta::assert_snapshot!(after(&mut live(PLAIN, 24), &[(at(12), event)]), @"");
}

#[test]
fn a_switch_of_writes_counts_up_between_events() {
    let words = crate::family::Family::mutations(&movement(2), &PhaseId::SWITCH_PRIMARY)[0].verb().words();
    let mut live = live(PLAIN, 24);
    live.event(at(2), &Event::Calling { phase: PhaseId::SWITCH_PRIMARY, words, seconds: 2 });
    insta::assert_snapshot!(live.lines(at(5)).join("\n"), @"");
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
    insta::assert_snapshot!(after(&mut live, &events), @"");
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
    insta::assert_snapshot!(lasting.concat(), @"");
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
