//! The lines that change while a run goes on, as a value: from events to text, without a terminal.

use jiff::Timestamp;

use super::blocks::{Blocks, ViewOptions, log_line};
use super::event::{Event, Progress, TableProgress};
use super::event_words;
use super::hold::one_condition;
use super::page::{Page, Span, bad, bold, dim, good, plain};
use super::problems::Drawing;
use super::rate::{self, Rates};
use crate::family::Condition;
use crate::run::decision::Hold;
use crate::run::phase::PhaseId;
use crate::words::{away, count, counted_rows, length};

/// More bars help nobody, however high the screen.
const MOST_BARS: usize = 12;
/// Of the tables that have not begun, so many are named.
const LARGEST: usize = 3;
/// Lines that other things than bars need.
const OTHER_LINES: usize = 8;
const LONGEST_NAME: usize = 32;
const SHORTEST_BAR: usize = 10;
const LONGEST_BAR: usize = 40;

/// What a run looks like now.
pub struct Live {
    options: ViewOptions,
    /// Of the screen.
    rows: usize,
    rates: Rates,
    blocks: Blocks,
    progress: Option<Progress>,
    doing: Doing,
    last_phase: String,
}

/// What the changing lines are about.
enum Doing {
    Nothing,
    Looking,
    Awaiting { phase: PhaseId, conditions: Vec<Condition>, since: Timestamp },
    Calling { phase: PhaseId, words: String, since: Timestamp },
    Holding(Box<Hold>),
}

impl Live {
    pub fn new(options: ViewOptions, rows: usize) -> Self {
        Self {
            blocks: Blocks::new(options.clone()),
            options,
            rows,
            rates: Rates::default(),
            progress: None,
            doing: Doing::Nothing,
            last_phase: String::new(),
        }
    }

    /// Takes an event; what of it stays on the screen for good.
    pub fn event(&mut self, at: Timestamp, event: &Event) -> Option<String> {
        self.blocks.see(event);
        match event {
            Event::Progress(progress) => {
                self.rates.see(progress.tables_at.unwrap_or(at), &progress.tables);
                self.progress = Some(progress.clone());
                if !matches!(self.doing, Doing::Holding(_)) {
                    self.doing = Doing::Looking;
                }
                None
            }
            Event::Await { phase, conditions, since } => {
                self.doing = Doing::Awaiting { phase: phase.clone(), conditions: conditions.clone(), since: *since };
                None
            }
            Event::Calling { phase, words, seconds } => {
                let seconds = i64::try_from(*seconds).unwrap_or(0);
                let since = at.checked_sub(jiff::SignedDuration::from_secs(seconds)).unwrap_or(at);
                self.doing = Doing::Calling { phase: phase.clone(), words: words.clone(), since };
                None
            }
            Event::Hold { hold, waiting: true } => {
                // What was seen before the hold says nothing about now.
                if !matches!(self.doing, Doing::Holding(_)) {
                    self.progress = None;
                }
                self.doing = Doing::Holding(hold.clone());
                None
            }
            Event::Hold { hold, waiting: false } => {
                self.doing = Doing::Nothing;
                Some(format!("\n{}", self.blocks.hold(hold, false, at)))
            }
            Event::Stop(stop) => {
                self.doing = Doing::Nothing;
                Some(format!("\n{}", self.blocks.stop(stop)))
            }
            Event::End { words, exit_code, next, .. } => {
                if let Doing::Holding(hold) = std::mem::replace(&mut self.doing, Doing::Nothing) {
                    let hold = self.blocks.hold(&hold, false, at);
                    let end = self.blocks.end(words, *exit_code, next).unwrap_or_default();
                    return Some(format!("\n{hold}\n{end}"));
                }
                self.blocks.end(words, *exit_code, next).map(|end| format!("\n{end}"))
            }
            Event::Entry { .. } => {
                self.doing = Doing::Nothing;
                Some(self.log(at, event))
            }
            Event::Begin { .. } | Event::Say { .. } => Some(self.log(at, event)),
        }
    }

    fn log(&mut self, at: Timestamp, event: &Event) -> String {
        let phase = event_words::phase(event).unwrap_or(&self.last_phase).to_owned();
        let text = event_words::words(event, &self.rates);
        let line = log_line(at, &phase, event_words::level(event), &text, self.options.drawing);
        self.last_phase = phase;
        line
    }

    /// The lines that change, as they are at this moment.
    pub fn lines(&mut self, now: Timestamp) -> Vec<String> {
        // A little narrower than the screen: a full line makes some terminals wrap.
        let drawing = Drawing { width: self.options.drawing.width.saturating_sub(1), ..self.options.drawing };
        let mut page = Page::new(drawing);
        let hint = match &self.doing {
            Doing::Nothing => return vec![],
            Doing::Looking => {
                if let Some(progress) = &self.progress {
                    self.looking(&mut page, progress, now);
                }
                "ctrl-c stops at a safe point; `cutover apply` goes on from there"
            }
            Doing::Awaiting { phase, conditions: all, since } => {
                let waited = length(now.duration_since(*since).as_secs());
                page.item(
                    0,
                    &[heading(phase.as_str())],
                    &[plain("waits until all of this holds, "), bold(waited), plain(" so far")],
                );
                for condition in all {
                    one_condition(&mut page, condition, None);
                }
                "ctrl-c stops here; this step has not begun"
            }
            Doing::Calling { phase, words, since } => {
                let seconds = length(now.duration_since(*since).as_secs());
                page.item(0, &[heading(phase.as_str())], &[bold(seconds), plain(" so far: "), plain(words)]);
                if *phase == PhaseId::SWITCH_PRIMARY || *phase == PhaseId::SWITCH_BACK {
                    page.line(
                        2,
                        &[plain("writes to the moved tables pause while this runs; vtgate buffers them for up to 10 s")],
                    );
                }
                "ctrl-c waits for the end of this call"
            }
            Doing::Holding(hold) => {
                let text = self.blocks.hold(hold, true, now);
                let (first, rest) = text.split_once("\n\n").unwrap_or((&text, ""));
                if let Some(progress) = &self.progress {
                    health(&mut page, progress);
                }
                let health = page.finish();
                let mut page = Page::new(drawing);
                page.line(0, &[dim("ctrl-c leaves; the hold stays, and nothing changes on the cluster")]);
                let lines = format!("{first}\n{health}\n{rest}{}", page.finish());
                let lines = lines.lines().map(str::to_owned).collect();
                return fit(lines, self.rows.saturating_sub(1));
            }
        };
        page.line(0, &[dim(hint)]);
        let text = page.finish();
        fit(text.lines().map(str::to_owned).collect(), self.rows.saturating_sub(1))
    }

    fn looking(&self, page: &mut Page, progress: &Progress, now: Timestamp) {
        match event_words::copy_words(progress, &self.rates) {
            Some(words) => {
                page.item(0, &[heading(progress.phase.as_str())], &[plain(words)]);
                self.bars(page, progress);
            }
            None => page.item(0, &[heading(progress.phase.as_str())], &[plain(&progress.waiting_for)]),
        }
        if let Some(until) = progress.until {
            page.line(2, &[plain("ends "), bold(away(until, now))]);
        }
        health(page, progress);
    }

    fn bars(&self, page: &mut Page, progress: &Progress) {
        let mut copying: Vec<(&String, &TableProgress)> = progress.tables.iter().filter(|(_, table)| !table.done).collect();
        copying.sort_by_key(|(name, table)| (table.rows_copied == 0, -table.rows_total, *name));
        let most = self.rows.saturating_sub(OTHER_LINES).clamp(1, MOST_BARS);
        let begun = copying.iter().filter(|(_, table)| table.rows_copied > 0).count();
        let shown = match copying.len() {
            all if all <= most + 1 => all,
            _ if begun == 0 => most,
            _ => begun.min(most),
        };
        let rows: Vec<Row> = copying[..shown].iter().map(|(name, table)| Row::of(name, table, &self.rates)).collect();
        let width = |of: fn(&Row) -> &Span| rows.iter().map(|row| of(row).width()).max().unwrap_or(0);
        let (name, numbers, rate, left) =
            (width(|row| &row.name), width(|row| &row.numbers), width(|row| &row.rate), width(|row| &row.left));
        // Two to indent, two between columns, five for the percentage.
        let taken = 2 + name + 2 + 2 + 5 + numbers + 2 + left;
        let has_rate = page.drawing().width >= taken + 2 + rate + SHORTEST_BAR;
        let taken = if has_rate { taken + 2 + rate } else { taken };
        let bar_width = page.drawing().width.saturating_sub(taken).clamp(SHORTEST_BAR, LONGEST_BAR);
        for row in &rows {
            let mut spans = vec![row.name.clone(), gap(name - row.name.width() + 2)];
            spans.extend(bar(row.percent, bar_width, page.drawing().unicode));
            spans.extend([plain(format!(" {:3}%", row.percent)), gap(2 + numbers - row.numbers.width()), row.numbers.clone()]);
            if has_rate {
                spans.extend([gap(2 + rate - row.rate.width()), row.rate.clone()]);
            }
            spans.extend([gap(2 + left - row.left.width()), row.left.clone()]);
            page.verbatim(2, &spans);
        }
        if shown < copying.len() {
            page.line(2, &[dim(rest_words(&copying[shown..]))]);
        }
    }
}

/// The tables that have no line of their own: how many, and the largest of those that have not begun, for they will take longest.
fn rest_words(rest: &[(&String, &TableProgress)]) -> String {
    let waiting: Vec<String> = rest
        .iter()
        .filter(|(_, table)| table.rows_copied == 0)
        .map(|(name, table)| format!("{} (~{})", short(name), counted_rows(table.rows_total)))
        .collect();
    let largest = waiting[..waiting.len().min(LARGEST)].join(", ");
    match (rest.len() - waiting.len(), waiting.len()) {
        (begun, 0) => format!("and {} more", number(begun)),
        (0, waiting) => format!("{} not begun, the largest: {largest}", number(waiting)),
        (begun, waiting) => format!("and {} more, {} not begun, the largest: {largest}", number(begun), number(waiting)),
    }
}

/// A name that leaves room for what is said of it.
fn short(name: &str) -> String {
    if name.chars().count() > LONGEST_NAME {
        name.chars().take(LONGEST_NAME - 1).chain(['…']).collect()
    } else {
        name.to_owned()
    }
}

/// A table's line.
struct Row {
    name: Span,
    percent: u8,
    numbers: Span,
    rate: Span,
    left: Span,
}

impl Row {
    fn of(name: &str, table: &TableProgress, rates: &Rates) -> Self {
        let per_second = rates.rows_per_second(name).filter(|_| table.rows_copied > 0);
        let left = rate::seconds_left(rate::rows_left(table), per_second);
        Self {
            name: plain(short(name)),
            percent: rate::percent(table.rows_copied, table.rows_total, table.done),
            numbers: plain(format!("{} of ~{}", count(table.rows_copied), count(table.rows_total))),
            rate: dim(per_second.map(|rate| format!("{}/s", count(rate as i64))).unwrap_or_default()),
            left: plain(left.map(length).unwrap_or_default()),
        }
    }
}

fn gap(width: usize) -> Span {
    plain(" ".repeat(width))
}

fn number(of: usize) -> String {
    count(i128::try_from(of).unwrap_or(i128::MAX))
}

fn bar(percent: u8, width: usize, unicode: bool) -> [Span; 2] {
    let filled = width * usize::from(percent.min(100)) / 100;
    let (full, empty) = if unicode { ("━", "─") } else { ("#", "-") };
    [good(full.repeat(filled)), dim(empty.repeat(width - filled))]
}

fn heading(phase: &str) -> Span {
    bold(format!("{phase}  "))
}

/// Lag and the way back: what tells whether it is safe to go on or back.
fn health(page: &mut Page, progress: &Progress) {
    if let Some(lag) = progress.lag_seconds {
        page.line(2, &[plain("lag "), bold(length(lag))]);
    }
    if let Some(way_back) = &progress.way_back {
        let words = event_words::way_back_words(way_back);
        page.line(2, &[if way_back.possible { good(words) } else { bad(words) }]);
    }
}

/// What fits on the screen: the first lines and the last ones, which hold the commands.
fn fit(mut lines: Vec<String>, rows: usize) -> Vec<String> {
    const LAST: usize = 6;
    let rows = rows.max(LAST + 2);
    if lines.len() > rows {
        let tail = lines.split_off(lines.len() - LAST);
        lines.truncate(rows - LAST - 1);
        lines.push("  …".to_owned());
        lines.extend(tail);
    }
    lines
}

#[cfg(test)]
#[path = "live_tests.rs"]
mod tests;
