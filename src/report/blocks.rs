//! What both views of a run show alike: events that need more than a line, each drawn once.

use jiff::Timestamp;

use super::event::Event;
use super::hold::{self, HoldView};
use super::problems::Drawing;
use super::stop::{self, StopView};
use super::{ending, words};
use crate::family::Traffic;
use crate::run::decision::{Hold, Stop};

/// How a view shows events.
#[derive(Debug, Clone)]
pub struct ViewOptions {
    pub drawing: Drawing,
    /// The plan file, for the commands that messages end with; none is the default one.
    pub file: Option<String>,
}

/// Draws holds, stops and the end, and remembers what was said.
#[derive(Debug, Clone)]
pub struct Blocks {
    options: ViewOptions,
    traffic: Option<Traffic>,
    /// The commands that the last block ended with.
    named: Vec<String>,
    /// The state that the last block began with.
    said: String,
}

impl Blocks {
    pub fn new(options: ViewOptions) -> Self {
        Self { options, traffic: None, named: vec![], said: String::new() }
    }

    pub fn see(&mut self, event: &Event) {
        if let Event::Progress(progress) = event {
            self.traffic = Some(progress.traffic);
        }
    }

    pub fn hold(&mut self, hold: &Hold, waiting: bool, now: Timestamp) -> String {
        let file = self.options.file.as_deref();
        self.named = hold.release.clone();
        self.said = hold::state(hold);
        hold::draw(hold, &HoldView { drawing: self.options.drawing, now, file, waiting })
    }

    pub fn stop(&mut self, stop: &Stop) -> String {
        let now = self.traffic.map(|traffic| words::traffic(&traffic, "source", "target"));
        self.named = stop::next(stop);
        self.said = stop::state(stop);
        let file = self.options.file.as_deref();
        stop::draw(stop, &StopView { drawing: self.options.drawing, file, cluster_now: now.as_deref() })
    }

    /// The end, without the commands that a block has just named.
    pub fn end(&self, text: &str, exit_code: u8, next: &[String]) -> String {
        let new: Vec<String> = next.iter().filter(|command| !self.named.contains(command)).cloned().collect();
        ending::draw(text, exit_code, &new, self.options.file.as_deref(), self.options.drawing)
    }
}
