//! Maintenance windows: stretches of local time in which a write may begin.
//!
//! A time that the clock skips counts as the moment of the skip, and a time that comes twice counts the first time. So a window
//! is open exactly while a wall clock in its zone shows a time inside it, with one exception: the second pass of an hour that is
//! repeated belongs to a window only if the window had not ended in the first.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{SignedDuration, Timestamp, ToSpan};
use serde::{Deserialize, Serialize};

/// When a write may begin. Written and kept in its text form: `Tue 02:00-04:00`, `2026-12-03 23:00/2026-12-04 01:00`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Window {
    /// On these days of each week. `until` at or before `from` is on the next day, and 00:00 is the end of the day.
    Weekly { days: BTreeSet<Day>, from: Time, until: Time },
    /// Once.
    Dated { from: DateTime, until: DateTime },
}

/// A day of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Day {
    Mon,
    Tue,
    Wed,
    Thu,
    Fri,
    Sat,
    Sun,
}

const DAYS: [(Day, &str); 7] = [
    (Day::Mon, "Mon"),
    (Day::Tue, "Tue"),
    (Day::Wed, "Wed"),
    (Day::Thu, "Thu"),
    (Day::Fri, "Fri"),
    (Day::Sat, "Sat"),
    (Day::Sun, "Sun"),
];

impl Day {
    fn of(date: Date) -> Self {
        let index = usize::try_from(date.weekday().to_monday_zero_offset()).unwrap_or(0);
        DAYS[index % 7].0
    }

    fn index(self) -> usize {
        self as usize
    }
}

/// Why a text is no window; a fragment that fits after "the window `x` ".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WindowError {
    #[error("is neither `Tue 02:00-04:00` nor `2026-12-03 23:00/2026-12-04 01:00`")]
    Shape,
    #[error("names the day `{0}`, which is none of Mon, Tue, Wed, Thu, Fri, Sat, Sun")]
    Day(String),
    #[error("has `{0}`, which is not a time of the day from 00:00 to 24:00")]
    Time(String),
    #[error("has `{0}`, which is not a date with a time, such as `2026-12-03 23:00`")]
    Date(String),
    #[error("has no length: it ends when it begins")]
    Zero,
    #[error("ends before it begins")]
    Backwards,
}

impl FromStr for Window {
    type Err = WindowError;

    fn from_str(text: &str) -> Result<Self, WindowError> {
        let text = text.trim();
        match text.split_once('/') {
            Some((from, until)) => dated(from.trim(), until.trim()),
            None => weekly(text),
        }
    }
}

fn dated(from: &str, until: &str) -> Result<Window, WindowError> {
    let read = |text: &str| {
        let spaced = text.replacen('T', " ", 1);
        DateTime::strptime("%Y-%m-%d %H:%M", &spaced).map_err(|_| WindowError::Date(text.to_owned()))
    };
    let (from, until) = (read(from)?, read(until)?);
    match from.cmp(&until) {
        std::cmp::Ordering::Less => Ok(Window::Dated { from, until }),
        std::cmp::Ordering::Equal => Err(WindowError::Zero),
        std::cmp::Ordering::Greater => Err(WindowError::Backwards),
    }
}

fn weekly(text: &str) -> Result<Window, WindowError> {
    let (days, times) = text.rsplit_once(char::is_whitespace).ok_or(WindowError::Shape)?;
    let (from, until) = times.split_once('-').ok_or(WindowError::Shape)?;
    let mut chosen = BTreeSet::new();
    for item in days.split(',').map(str::trim) {
        match item.split_once('-') {
            None => {
                chosen.insert(day(item)?);
            }
            Some((first, last)) => {
                let (first, last) = (day(first.trim())?, day(last.trim())?);
                let length = (last.index() + 7 - first.index()) % 7;
                chosen.extend((0..=length).map(|step| DAYS[(first.index() + step) % 7].0));
            }
        }
    }
    if from == until {
        return Err(WindowError::Zero);
    }
    if from == "24:00" {
        return Err(WindowError::Time(from.to_owned()));
    }
    Ok(Window::Weekly { days: chosen, from: time(from)?, until: if until == "24:00" { Time::midnight() } else { time(until)? } })
}

fn day(text: &str) -> Result<Day, WindowError> {
    let found = DAYS.iter().find(|(_, name)| name.eq_ignore_ascii_case(text));
    found.map(|(day, _)| *day).ok_or_else(|| WindowError::Day(text.to_owned()))
}

fn time(text: &str) -> Result<Time, WindowError> {
    let wrong = || WindowError::Time(text.to_owned());
    if text.len() != 5 {
        return Err(wrong());
    }
    Time::strptime("%H:%M", text).map_err(|_| wrong())
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Weekly { days, from, until } => {
                let until = if *until == Time::midnight() { "24:00".to_owned() } else { until.strftime("%H:%M").to_string() };
                write!(f, "{} {}-{until}", days_text(days), from.strftime("%H:%M"))
            }
            Self::Dated { from, until } => {
                write!(f, "{}/{}", from.strftime("%Y-%m-%d %H:%M"), until.strftime("%Y-%m-%d %H:%M"))
            }
        }
    }
}

/// Three and more days in a row as a range.
fn days_text(days: &BTreeSet<Day>) -> String {
    let mut runs: Vec<(Day, Day)> = Vec::new();
    for day in days {
        match runs.last_mut() {
            Some((_, last)) if last.index() + 1 == day.index() => *last = *day,
            _ => runs.push((*day, *day)),
        }
    }
    let name = |day: Day| DAYS[day.index()].1;
    let texts: Vec<String> = runs
        .into_iter()
        .map(|(first, last)| match last.index() - first.index() {
            0 => name(first).to_owned(),
            1 => format!("{},{}", name(first), name(last)),
            _ => format!("{}-{}", name(first), name(last)),
        })
        .collect();
    texts.join(",")
}

impl TryFrom<String> for Window {
    type Error = WindowError;
    fn try_from(text: String) -> Result<Self, WindowError> {
        text.parse()
    }
}

impl From<Window> for String {
    fn from(window: Window) -> String {
        window.to_string()
    }
}

impl Window {
    /// Its length by the clock on the wall, on a day on which the clock isn't changed.
    pub fn length_seconds(&self) -> u64 {
        let seconds = match self {
            Self::Dated { from, until } => until.duration_since(*from).as_secs(),
            Self::Weekly { from, until, .. } => {
                let seconds = until.duration_since(*from).as_secs();
                if seconds <= 0 { seconds + 86_400 } else { seconds }
            }
        };
        u64::try_from(seconds).unwrap_or(0)
    }

    /// Whether it comes again after `now`.
    pub fn lies_ahead(&self, zone: &TimeZone, now: Timestamp) -> bool {
        match self {
            Self::Weekly { .. } => true,
            Self::Dated { until, .. } => instant(zone, *until).is_some_and(|end| now < end),
        }
    }

    /// Its openings that begin on the local dates around `now`: from `back` days before to `ahead` days after.
    fn openings(&self, zone: &TimeZone, now: Timestamp, back: i32, ahead: i32) -> Vec<(Timestamp, Timestamp)> {
        let whole = |from: DateTime, until: DateTime| {
            let (start, end) = (instant(zone, from)?, instant(zone, until)?);
            (start < end).then_some((start, end))
        };
        match self {
            Self::Dated { from, until } => whole(*from, *until).into_iter().collect(),
            Self::Weekly { days, from, until } => {
                let today = zone.to_datetime(now).date();
                (-back..=ahead)
                    .filter_map(|offset| today.checked_add(offset.days()).ok())
                    .filter(|date| days.contains(&Day::of(*date)))
                    .filter_map(|date| {
                        let end = if until <= from { date.tomorrow().ok()? } else { date };
                        whole(date.to_datetime(*from), end.to_datetime(*until))
                    })
                    .collect()
            }
        }
    }
}

/// The moment at which a wall clock of the zone first shows this time or a later one.
fn instant(zone: &TimeZone, local: DateTime) -> Option<Timestamp> {
    match zone.to_ambiguous_timestamp(local).offset() {
        AmbiguousOffset::Unambiguous { offset } => offset.to_timestamp(local).ok(),
        AmbiguousOffset::Fold { before, .. } => before.to_timestamp(local).ok(),
        AmbiguousOffset::Gap { after, .. } => {
            // Read with the later offset, a skipped time lies just before the skip.
            let before_skip = after.to_timestamp(local).ok()?;
            zone.following(before_skip).next().map(|skip| skip.timestamp())
        }
    }
}

/// Windows that follow each other without a break are one opening, up to this long.
const LONGEST_OPENING: SignedDuration = SignedDuration::from_hours(8 * 24);

/// Until when a write may begin, if it may begin now. Without windows it always may: [`Timestamp::MAX`].
pub fn open_until(windows: &[Window], zone: &TimeZone, now: Timestamp) -> Option<Timestamp> {
    if windows.is_empty() {
        return Some(Timestamp::MAX);
    }
    let mut end = covering(windows, zone, now)?;
    while end.duration_since(now) < LONGEST_OPENING {
        match covering(windows, zone, end) {
            Some(later) => end = later,
            None => break,
        }
    }
    Some(end)
}

/// The latest end of the windows that are open at this moment.
fn covering(windows: &[Window], zone: &TimeZone, at: Timestamp) -> Option<Timestamp> {
    windows
        .iter()
        .flat_map(|window| window.openings(zone, at, 2, 1))
        .filter(|(start, end)| *start <= at && at < *end)
        .map(|(_, end)| end)
        .max()
}

/// How much is left of the opening that `now` lies in; none when it is shut.
pub fn remaining(windows: &[Window], zone: &TimeZone, now: Timestamp) -> Option<SignedDuration> {
    open_until(windows, zone, now).map(|end| end.duration_since(now))
}

/// When a write may begin next: `now` while it is open, none when no window comes any more.
pub fn next_opening(windows: &[Window], zone: &TimeZone, now: Timestamp) -> Option<Timestamp> {
    if open_until(windows, zone, now).is_some() {
        return Some(now);
    }
    // Two weeks and a day: a weekly window may lose one opening to the clock.
    windows.iter().flat_map(|window| window.openings(zone, now, 1, 15)).map(|(start, _)| start).filter(|start| now < *start).min()
}

#[cfg(test)]
#[path = "window_tests.rs"]
mod tests;
