//! An event in one line: its level, its phase, its words. The lines of a log and the `@message` of JSON are these.

use super::entry_words;
use super::event::{Event, Level, Progress};
use super::hold;
use super::rate::{self, Rates};
use super::stop;
use crate::family::{Condition, ConditionResult};
use crate::words::{away, count, counted, length, moment};

pub fn level(event: &Event) -> Level {
    match event {
        Event::Entry { entry, .. } => entry_words::level(&entry.what),
        Event::Progress(progress) if progress.way_back.as_ref().is_some_and(|way_back| !way_back.possible) => Level::Warning,
        Event::Hold { hold, .. } if hold.way_back_shut.is_some() => Level::Warning,
        Event::Stop(_) => Level::Error,
        Event::Say { level, .. } => *level,
        Event::End { exit_code: 0 | 2 | 3, .. } => Level::Info,
        Event::End { exit_code: 130 | 143, .. } => Level::Warning,
        Event::End { .. } => Level::Error,
        _ => Level::Info,
    }
}

/// The phase that an event is of.
pub fn phase(event: &Event) -> Option<&str> {
    match event {
        Event::Entry { entry, .. } => entry_words::phase(&entry.what).map(|phase| phase.as_str()),
        Event::Progress(Progress { phase, .. }) | Event::Await { phase, .. } | Event::Calling { phase, .. } => {
            Some(phase.as_str())
        }
        Event::Hold { hold, .. } => Some(hold.gate.as_str()),
        Event::Stop(stop) => stop.phase.as_ref().map(|phase| phase.as_str()),
        _ => None,
    }
}

/// The words, without time and phase.
pub fn words(event: &Event, rates: &Rates) -> String {
    match event {
        Event::Begin { version, command, workflow, cluster, address, sandbox, .. } => {
            let sandbox = if *sandbox { "SANDBOX " } else { "" };
            format!("{sandbox}cutover {version}: {command} `{workflow}` on {cluster} ({address})")
        }
        Event::Entry { words, .. } => words.clone(),
        Event::Progress(progress) => progress_words(progress, rates),
        Event::Await { conditions, .. } => format!("waits until: {}", conditions_words(conditions)),
        Event::Hold { hold, .. } => {
            let until = hold.until.map(|until| format!(" (until {})", moment(until))).unwrap_or_default();
            format!("{}{until}", hold::headline(hold))
        }
        Event::Calling { words, seconds, .. } => format!("under way for {}: {words}", length(*seconds)),
        Event::Stop(stop) => stop::headline(stop),
        Event::Say { text, .. } => text.clone(),
        Event::End { words, exit_code, .. } => format!("exit {exit_code}: {words}"),
    }
}

/// Conditions that don't hold: "lag is low and stable (lag 7 s, low for 0 s so far; …)".
pub fn conditions_words(conditions: &[Condition]) -> String {
    let shown: Vec<String> = conditions
        .iter()
        .filter(|condition| !condition.passes())
        .map(|condition| {
            let doubt = if condition.result == ConditionResult::Fail { "" } else { "not known: " };
            format!("{} ({doubt}{})", condition.name, condition.seen)
        })
        .collect();
    if shown.is_empty() { "the next look at the cluster".into() } else { shown.join(", ") }
}

/// What a look saw: the copy in numbers, or what is waited for; the lag; the way back; the time left.
pub fn progress_words(progress: &Progress, rates: &Rates) -> String {
    let mut parts = vec![match copy_words(progress, rates) {
        Some(copy) => copy,
        None => progress.waiting_for.clone(),
    }];
    if let Some(lag) = progress.lag_seconds {
        parts.push(format!("lag {}", length(lag)));
    }
    if let Some(way_back) = &progress.way_back {
        parts.push(way_back_words(way_back));
    }
    if let Some(until) = progress.until {
        parts.push(format!("ends {}", away(until, progress.at)));
    }
    parts.join("; ")
}

pub fn way_back_words(way_back: &crate::family::WayBack) -> String {
    let state = if way_back.possible { "way back open" } else { "WAY BACK NOT OPEN" };
    format!("{state}: {}", way_back.why)
}

/// "412,000 of about 1,204,331 rows (34%), 12,345 rows/s, about 1 min left, 3 of 12 tables done".
pub fn copy_words(progress: &Progress, rates: &Rates) -> Option<String> {
    if progress.tables.is_empty() || progress.tables.values().all(|table| table.done) {
        return None;
    }
    let sum = |of: fn(&super::event::TableProgress) -> i64| progress.tables.values().map(of).fold(0_i64, i64::saturating_add);
    let (copied, total, left) = (sum(|table| table.rows_copied), sum(|table| table.rows_total), sum(rate::rows_left));
    let rate = rates.total_rows_per_second();
    let mut text = format!("{} of about {} rows ({}%)", count(copied), count(total), rate::percent(copied, total, false));
    if let Some(rate) = rate {
        text.push_str(&format!(", {} rows/s", count(rate as i64)));
    }
    if let Some(seconds) = rate::seconds_left(left, rate) {
        text.push_str(&format!(", about {} left", length(seconds)));
    }
    let done = progress.tables.values().filter(|table| table.done).count();
    if progress.tables.len() > 1 {
        text.push_str(&format!(", {done} of {} done", counted(progress.tables.len(), "table")));
    }
    Some(text)
}
