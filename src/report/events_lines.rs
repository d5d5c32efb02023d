//! Events as plain lines with their time, for a CI system or a log: no line twice, and of what moves all the time one in ten seconds
//! at most, then fewer.

use std::collections::BTreeMap;
use std::io::Write;

use jiff::{SignedDuration, Timestamp};

use super::blocks::{Blocks, ViewOptions, log_line};
use super::event::{Event, View};
use super::event_words;
use super::problems::Drawing;
use super::rate::Rates;
use super::stop;
use crate::words::{day, without_numbers};

const FIRST_PAUSE: SignedDuration = SignedDuration::from_secs(10);
const LONGEST_PAUSE: SignedDuration = SignedDuration::from_secs(60);
/// A call that takes so long gets a line of its own.
const LONG_CALL_SECONDS: u64 = 5;

/// Of so many, each that is done is worth a line.
const FEW_TABLES: usize = 10;

/// Writes events as lines.
pub struct Lines<W> {
    out: W,
    options: ViewOptions,
    rates: Rates,
    blocks: Blocks,
    /// What kind of line was last said when, and how long it is kept quiet.
    said: BTreeMap<String, (Timestamp, SignedDuration)>,
    last: String,
    last_day: String,
    last_phase: String,
    /// Writing failed once: nobody reads any more.
    is_gone: bool,
}

impl<W: Write + Send> Lines<W> {
    pub fn new(out: W, options: ViewOptions) -> Self {
        Self {
            out,
            blocks: Blocks::new(options.clone()),
            options,
            rates: Rates::default(),
            said: BTreeMap::new(),
            last: String::new(),
            last_day: String::new(),
            last_phase: String::new(),
            is_gone: false,
        }
    }

    pub fn into_inner(self) -> W {
        self.out
    }

    /// Whether a line of this kind may be said again; kinds are texts without their numbers.
    fn may_say(&mut self, at: Timestamp, kind: String) -> bool {
        match self.said.get_mut(&kind) {
            None => {
                self.said.insert(kind, (at, FIRST_PAUSE));
                true
            }
            Some((last, pause)) if at.duration_since(*last) >= *pause => {
                *last = at;
                *pause = (*pause * 2).min(LONGEST_PAUSE);
                true
            }
            Some(_) => false,
        }
    }

    fn write(&mut self, text: &str) {
        if !self.is_gone {
            self.is_gone = self.out.write_all(text.as_bytes()).and_then(|()| self.out.flush()).is_err();
        }
    }

    fn line(&mut self, at: Timestamp, event: &Event) {
        self.line_of(at, event, event_words::words(event, &self.rates));
    }

    fn line_of(&mut self, at: Timestamp, event: &Event, text: String) {
        let phase = event_words::phase(event).unwrap_or(&self.last_phase).to_owned();
        let said = format!("{phase} {text}");
        if said == self.last {
            return;
        }
        let drawing = Drawing { width: usize::MAX, ..self.options.drawing };
        let today = day(at);
        if today != self.last_day {
            self.write(&format!("{today}\n"));
            self.last_day = today;
        }
        self.write(&log_line(at, &phase, event_words::level(event), &text, drawing));
        self.last = said;
        self.last_phase = phase;
    }

    /// A block under the line that says what its first paragraph says.
    fn block(&mut self, text: &str) {
        let text = text.split_once("\n\n").map_or("", |(_, rest)| rest);
        let indented: String =
            text.lines().map(|line| if line.is_empty() { "\n".into() } else { format!("  {line}\n") }).collect();
        self.write(&indented);
    }
}

impl<W: Write + Send> View for Lines<W> {
    fn event(&mut self, at: Timestamp, event: &Event) {
        self.blocks.see(event);
        match event {
            Event::Progress(progress) => {
                self.rates.see(progress.tables_at.unwrap_or(at), &progress.tables);
                // Of many tables one is done at any moment: that is no news.
                let is_few = progress.tables.len() <= FEW_TABLES;
                let done = if is_few { progress.tables.values().filter(|table| table.done).count() } else { 0 };
                let way_back = progress.way_back.as_ref().map(|way_back| way_back.possible);
                let what = without_numbers(&progress.waiting_for);
                let kind = format!("{} {:?} {done} {way_back:?} {what}", progress.phase, progress.traffic);
                if self.may_say(at, kind) {
                    self.line(at, event);
                }
            }
            Event::Await { phase, conditions, .. } => {
                let names: Vec<&str> =
                    conditions.iter().filter(|condition| !condition.passes()).map(|condition| condition.name.as_str()).collect();
                if self.may_say(at, format!("await {phase} {names:?}")) {
                    self.line(at, event);
                }
            }
            Event::Hold { hold, waiting } => {
                let kind = format!("hold {} {:?} {}", hold.gate, hold.kind, without_numbers(&hold.why));
                let is_new = !self.said.contains_key(&kind);
                if is_new {
                    self.said.retain(|kind, _| !kind.starts_with("hold "));
                }
                if self.may_say(at, kind) {
                    self.line(at, event);
                    if is_new {
                        let block = self.blocks.hold(hold, *waiting, at);
                        self.block(&block);
                    }
                }
            }
            Event::Calling { phase, words, seconds } => {
                if *seconds >= LONG_CALL_SECONDS && self.may_say(at, format!("call {phase} {words}")) {
                    self.line(at, event);
                }
            }
            Event::Stop(stop) => {
                self.line_of(at, event, format!("{}: {}", stop::state(stop), stop::meaning(stop)));
                let block = self.blocks.stop(stop);
                self.block(&block);
            }
            Event::End { words, exit_code, next, .. } => {
                if let Some(block) = self.blocks.end(words, *exit_code, next) {
                    self.line(at, event);
                    self.block(&block.replacen('\n', "\n\n", 1));
                }
            }
            Event::Entry { .. } => {
                // Something happened: what is said next is news.
                self.said.clear();
                self.line(at, event);
            }
            Event::Begin { .. } | Event::Say { .. } => self.line(at, event),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::event::Level;
    use crate::report::fixtures::{HOSTILE, PLAIN, assert_harmless, at, begin, keyspaces, night};

    fn shown(events: Vec<(Timestamp, Event)>) -> String {
        let mut view = Lines::new(
            Vec::new(),
            ViewOptions { drawing: PLAIN, keyspaces: keyspaces(), file: None, workflow: "commerce2customer".into() },
        );
        for (at, event) in &events {
            view.event(*at, event);
        }
        String::from_utf8(view.into_inner()).unwrap()
    }

    #[test]
    fn a_night_in_lines() {
        insta::assert_snapshot!(shown(night()), @"
        2026-11-20
        02:00:00Z                  cutover 0.1.0: apply `commerce2customer` on production (vtctld.prod.example:15999)
        02:00:01Z copy             start the streams of `customer.commerce2customer`
        02:00:02Z copy             done after 812 ms: 2 streams run
        02:00:03Z copy             0 of about 1,204,331 rows (0%), 0 of 2 tables done
        02:00:13Z copy             240,000 of about 1,204,331 rows (19%), 24,000 rows/s, about 41 s left, 0 of 2 tables done
        02:00:20Z copy             404,000 of about 1,204,331 rows (33%), 23,733 rows/s, about 34 s left, 1 of 2 tables done
        02:00:30Z copy             524,000 of about 1,204,331 rows (43%), 15,733 rows/s, about 44 s left, 1 of 2 tables done
        02:00:40Z copy             copy is done: 2 streams run, lag 1 s
        02:00:41Z switch-primary   waits until: lag is low and stable (lag 7 s, low for 0 s so far; it must be at most 5 s for 10 s), no old transaction (not known: customer/-80: the query took longer than 2 s)
        02:00:44Z switch-primary   switch primary traffic of `commerce2customer` to `customer`
        02:00:49Z switch-primary   under way for 5 s: switch primary traffic of `commerce2customer` to `customer`
        02:00:51Z switch-primary   done after 6.1 s, writes paused no longer than that: writes lead to `customer` in every cell
        02:00:52Z revert-window    revert window: the way back is open: 1 reverse stream runs, lag 0 s (until 2026-11-20 02:39:00Z)
          What happens next
            • source tables renamed to `_<table>_old` in `commerce`

          Proved
            ✓ switch-primary done 2026-11-20 02:09:00Z

          Back, at any time: cutover switch-back

          From another terminal; this run then goes on by itself
            cutover approve complete --end-revert-window --reason TEXT
        02:01:32Z revert-window    exit 3: held in the revert window
        ");
    }

    #[test]
    fn what_flaps_is_not_said_each_time() {
        let say = |n: i64| Event::Await {
            phase: crate::run::phase::PhaseId::SWITCH_PRIMARY,
            conditions: vec![crate::family::Condition::new(if n % 2 == 0 { "lag" } else { "quiet" }, false, format!("{n}"))],
            since: at(0),
        };
        let lines = shown((0..9).map(|n| (at(n), say(n))).collect()).lines().count();
        assert_eq!(lines, 1 + 2, "the day, and each of the two once");
    }

    #[test]
    fn a_sandbox_is_named_first_and_nothing_acts() {
        let say = Event::Say { level: Level::Warning, text: HOSTILE.into() };
        let text = shown(vec![(at(0), begin("sandbox")), (at(1), say.clone()), (at(2), say)]);
        assert!(text.lines().nth(1).unwrap().contains("SANDBOX cutover"), "{text}");
        assert_eq!(text.lines().count(), 3, "the same line is not said twice");
        assert_harmless(&text);
    }
}
