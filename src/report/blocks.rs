//! What both views of a run show alike: events that need more than a line, each drawn once.

use jiff::Timestamp;

use super::ending;
use super::event::{Event, Level};
use super::hold::{self, HoldView};
use super::page::{Page, bad, bold, caution, dim, plain};
use super::problems::Drawing;
use super::stop::{self, StopView};
use crate::family::Traffic;
use crate::run::decision::{Hold, Stop};
use crate::words::clock;

/// How a view shows events.
#[derive(Debug, Clone)]
pub struct ViewOptions {
    pub drawing: Drawing,
    /// Source and target.
    pub keyspaces: (String, String),
    /// The plan file, for the commands that messages end with; none is the default one.
    pub file: Option<String>,
    pub workflow: String,
}

/// `02:14:07Z switch-primary   …`: an event that a line can say.
pub fn log_line(at: Timestamp, phase: &str, level: Level, text: &str, drawing: Drawing) -> String {
    let mut page = Page::new(drawing);
    let label = [dim(clock(at)), plain(" "), bold(format!("{phase:15}")), plain("  ")];
    match level {
        Level::Error => page.item(0, &label, &[bad("error:"), plain(" "), plain(text)]),
        Level::Warning => page.item(0, &label, &[caution("warning:"), plain(" "), plain(text)]),
        Level::Info => page.item(0, &label, &[plain(text)]),
    }
    page.finish()
}

/// Draws holds, stops and the end, and remembers what was said.
#[derive(Debug, Clone)]
pub struct Blocks {
    options: ViewOptions,
    traffic: Option<Traffic>,
    /// A block has ended with commands.
    has_named: bool,
    /// The block of a hold or a stop that ends the run was the last thing said: it has said how it ended.
    has_ended: bool,
}

impl Blocks {
    pub fn new(options: ViewOptions) -> Self {
        Self { options, traffic: None, has_named: false, has_ended: false }
    }

    pub fn see(&mut self, event: &Event) {
        let is_end = matches!(event, Event::End { .. });
        self.has_ended = matches!(event, Event::Hold { waiting: false, .. } | Event::Stop(_)) || (is_end && self.has_ended);
        if let Event::Progress(progress) = event {
            self.traffic = Some(progress.traffic);
        }
    }

    pub fn hold(&mut self, hold: &Hold, waiting: bool, now: Timestamp) -> String {
        let file = self.options.file.as_deref();
        self.has_named = true;
        hold::draw(hold, &HoldView { drawing: self.options.drawing, now, file, waiting })
    }

    pub fn stop(&mut self, stop: &Stop) -> String {
        let now = self.traffic.map(|traffic| traffic.words(&self.options.keyspaces.0, &self.options.keyspaces.1));
        self.has_named = true;
        let file = self.options.file.as_deref();
        let workflow = &self.options.workflow;
        stop::draw(stop, &StopView { drawing: self.options.drawing, file, workflow, cluster_now: now.as_deref() })
    }

    /// The end; without commands where a block has just named some, and none at all where a block has just said it.
    pub fn end(&self, text: &str, exit_code: u8, next: &[String]) -> Option<String> {
        if self.has_ended {
            return None;
        }
        let next = if self.has_named { &[] } else { next };
        Some(ending::draw(text, exit_code, next, self.options.file.as_deref(), self.options.drawing))
    }
}
