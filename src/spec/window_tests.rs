use super::*;

fn zone(name: &str) -> TimeZone {
    TimeZone::get(name).unwrap()
}

fn windows(texts: &[&str]) -> Vec<Window> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// The stretches in which the windows are open between two moments, found by asking minute by minute.
fn openings(texts: &[&str], zone_name: &str, from: &str, until: &str) -> Vec<String> {
    let (windows, zone) = (windows(texts), zone(zone_name));
    let (mut now, until) = (at(from), at(until));
    let mut found = Vec::new();
    let mut start = None;
    while now <= until {
        match (open_until(&windows, &zone, now), start) {
            (Some(_), None) => start = Some(now),
            (None, Some(began)) => {
                // What was promised at the start is what was found minute by minute.
                assert_eq!(open_until(&windows, &zone, began), Some(now));
                found.push(format!("{began} {now}"));
                start = None;
            }
            _ => {}
        }
        now = now.checked_add(SignedDuration::from_mins(1)).unwrap();
    }
    assert_eq!(start, None, "still open at the end");
    found
}

#[test]
fn windows_are_written_as_they_are_read() {
    for (text, written) in [
        ("Tue 02:00-04:00", "Tue 02:00-04:00"),
        ("tue,MON 02:00-04:00", "Mon,Tue 02:00-04:00"),
        ("Mon, Wed 02:00-04:00", "Mon,Wed 02:00-04:00"),
        ("Mon-Fri 22:00-23:30", "Mon-Fri 22:00-23:30"),
        ("Fri-Mon 22:00-23:30", "Mon,Fri-Sun 22:00-23:30"),
        ("Sat 23:00-02:00", "Sat 23:00-02:00"),
        ("Sun 00:00-24:00", "Sun 00:00-24:00"),
        ("2026-12-03 23:00/2026-12-04 01:00", "2026-12-03 23:00/2026-12-04 01:00"),
        ("2026-12-03T23:00 / 2026-12-04T01:00", "2026-12-03 23:00/2026-12-04 01:00"),
    ] {
        let window: Window = text.parse().unwrap();
        assert_eq!(window.to_string(), written);
        assert_eq!(written.parse::<Window>().unwrap(), window);
    }
}

#[test]
fn what_is_no_window_is_refused_with_its_reason() {
    let why = |text: &str| text.parse::<Window>().unwrap_err();
    assert_eq!(why(""), WindowError::Shape);
    assert_eq!(why("Tue"), WindowError::Shape);
    assert_eq!(why("02:00-04:00"), WindowError::Shape);
    assert_eq!(why("Tue 02:00"), WindowError::Shape);
    assert_eq!(why("Tus 02:00-04:00"), WindowError::Day("Tus".into()));
    assert_eq!(why("Tue 2:00-04:00"), WindowError::Time("2:00".into()));
    assert_eq!(why("Tue 02:00-24:30"), WindowError::Time("24:30".into()));
    assert_eq!(why("Tue 24:00-02:00"), WindowError::Time("24:00".into()));
    assert_eq!(why("Tue 02:60-04:00"), WindowError::Time("02:60".into()));
    assert_eq!(why("Tue 02:00-02:00"), WindowError::Zero);
    assert_eq!(why("2026-12-03 23:00/2026-12-03 23:00"), WindowError::Zero);
    assert_eq!(why("2026-12-04 23:00/2026-12-03 23:00"), WindowError::Backwards);
    assert_eq!(why("2026-02-30 23:00/2026-03-01 23:00"), WindowError::Date("2026-02-30 23:00".into()));
    assert_eq!(why("2026-12-03/2026-12-04"), WindowError::Date("2026-12-03".into()));
}

#[test]
fn an_ordinary_night_in_the_zone_of_the_gate() {
    // Tuesday 24 November 2026; New York is 5 hours behind UTC.
    assert_eq!(
        openings(&["Tue 02:00-04:00"], "America/New_York", "2026-11-23T00:00:00Z", "2026-11-29T00:00:00Z"),
        ["2026-11-24T07:00:00Z 2026-11-24T09:00:00Z"]
    );
}

#[test]
fn a_window_over_midnight_belongs_to_the_day_on_which_it_begins() {
    assert_eq!(
        openings(&["Sat 23:00-02:00"], "Europe/Stockholm", "2026-11-20T00:00:00Z", "2026-11-24T00:00:00Z"),
        ["2026-11-21T22:00:00Z 2026-11-22T01:00:00Z"]
    );
}

#[test]
fn windows_that_touch_or_overlap_are_one_opening() {
    let texts = ["Mon 22:00-24:00", "Tue 00:00-02:00", "Tue 01:00-03:00"];
    assert_eq!(
        openings(&texts, "UTC", "2026-11-23T00:00:00Z", "2026-11-25T00:00:00Z"),
        ["2026-11-23T22:00:00Z 2026-11-24T03:00:00Z"]
    );
    let always = windows(&["Mon-Sun 00:00-24:00"]);
    let now = at("2026-11-24T12:00:00Z");
    let end = open_until(&always, &zone("UTC"), now).unwrap();
    assert!(end.duration_since(now) >= SignedDuration::from_hours(7 * 24));
}

#[test]
fn the_night_in_which_new_york_skips_an_hour() {
    // 14 March 2027: 02:00 becomes 03:00, at 07:00Z.
    let night = |text: &str| openings(&[text], "America/New_York", "2027-03-14T00:00:00Z", "2027-03-14T20:00:00Z");
    assert_eq!(night("Sun 01:00-04:00"), ["2027-03-14T06:00:00Z 2027-03-14T08:00:00Z"]);
    // It begins in the hour that doesn't exist: open from the skip on.
    assert_eq!(night("Sun 02:30-04:00"), ["2027-03-14T07:00:00Z 2027-03-14T08:00:00Z"]);
    // It ends there: shut at the skip.
    assert_eq!(night("Sun 01:00-02:30"), ["2027-03-14T06:00:00Z 2027-03-14T07:00:00Z"]);
    // It lies wholly in it: that week it doesn't come.
    assert_eq!(night("Sun 02:00-03:00"), Vec::<String>::new());
}

#[test]
fn a_window_that_the_clock_swallows_comes_a_week_later() {
    let windows = windows(&["Sun 02:00-03:00"]);
    let next = next_opening(&windows, &zone("America/New_York"), at("2027-03-13T12:00:00Z"));
    assert_eq!(next, Some(at("2027-03-21T06:00:00Z")));
}

#[test]
fn the_night_in_which_new_york_repeats_an_hour() {
    // 1 November 2026: 02:00 EDT becomes 01:00 EST, at 06:00Z.
    let night = |text: &str| openings(&[text], "America/New_York", "2026-11-01T00:00:00Z", "2026-11-01T20:00:00Z");
    assert_eq!(night("Sun 00:00-04:00"), ["2026-11-01T04:00:00Z 2026-11-01T09:00:00Z"]);
    // Its end comes twice: the first one shuts it.
    assert_eq!(night("Sun 00:30-01:30"), ["2026-11-01T04:30:00Z 2026-11-01T05:30:00Z"]);
    // Its beginning comes twice: the first one opens it.
    assert_eq!(night("Sun 01:30-03:00"), ["2026-11-01T05:30:00Z 2026-11-01T08:00:00Z"]);
    assert_eq!(night("Sun 01:15-01:45"), ["2026-11-01T05:15:00Z 2026-11-01T05:45:00Z"]);
}

#[test]
fn the_two_nights_of_stockholm() {
    // 28 March 2027: 02:00 becomes 03:00, at 01:00Z.
    assert_eq!(
        openings(&["Sun 02:30-04:00"], "Europe/Stockholm", "2027-03-28T00:00:00Z", "2027-03-28T12:00:00Z"),
        ["2027-03-28T01:00:00Z 2027-03-28T02:00:00Z"]
    );
    // 25 October 2026: 03:00 becomes 02:00, at 01:00Z. A window from Saturday on is an hour longer.
    assert_eq!(
        openings(&["Sat 23:00-04:00"], "Europe/Stockholm", "2026-10-24T12:00:00Z", "2026-10-25T12:00:00Z"),
        ["2026-10-24T21:00:00Z 2026-10-25T03:00:00Z"]
    );
}

#[test]
fn dates_are_local_and_come_once() {
    let texts = ["2026-12-03 23:00/2026-12-04 01:00"];
    assert_eq!(
        openings(&texts, "America/New_York", "2026-12-03T00:00:00Z", "2026-12-05T00:00:00Z"),
        ["2026-12-04T04:00:00Z 2026-12-04T06:00:00Z"]
    );
    let (windows, zone) = (windows(&texts), zone("America/New_York"));
    assert_eq!(next_opening(&windows, &zone, at("2026-11-20T00:00:00Z")), Some(at("2026-12-04T04:00:00Z")));
    assert_eq!(next_opening(&windows, &zone, at("2026-12-04T06:00:00Z")), None);
    assert!(windows[0].lies_ahead(&zone, at("2026-12-04T05:59:59Z")));
    assert!(!windows[0].lies_ahead(&zone, at("2026-12-04T06:00:00Z")));
}

#[test]
fn edges_belong_to_the_beginning_and_not_to_the_end() {
    let (windows, zone) = (windows(&["Tue 02:00-04:00"]), zone("UTC"));
    assert_eq!(open_until(&windows, &zone, at("2026-11-24T01:59:59Z")), None);
    assert_eq!(open_until(&windows, &zone, at("2026-11-24T02:00:00Z")), Some(at("2026-11-24T04:00:00Z")));
    assert_eq!(remaining(&windows, &zone, at("2026-11-24T03:59:00Z")), Some(SignedDuration::from_secs(60)));
    assert_eq!(open_until(&windows, &zone, at("2026-11-24T04:00:00Z")), None);
    assert_eq!(next_opening(&windows, &zone, at("2026-11-24T04:00:00Z")), Some(at("2026-12-01T02:00:00Z")));
}

#[test]
fn without_windows_it_is_always_open() {
    assert_eq!(open_until(&[], &zone("UTC"), at("2026-11-24T04:00:00Z")), Some(Timestamp::MAX));
    assert_eq!(next_opening(&[], &zone("UTC"), at("2026-11-24T04:00:00Z")), Some(at("2026-11-24T04:00:00Z")));
}

#[test]
fn lengths_are_by_the_clock_on_the_wall() {
    let length = |text: &str| text.parse::<Window>().unwrap().length_seconds();
    assert_eq!(length("Tue 02:00-04:00"), 7200);
    assert_eq!(length("Sat 23:00-02:00"), 3 * 3600);
    assert_eq!(length("Sun 00:00-24:00"), 86_400);
    assert_eq!(length("2026-12-03 23:00/2026-12-04 01:00"), 7200);
}
