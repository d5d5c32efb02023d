//! Events on a terminal: what happened scrolls by, what goes on is drawn below it and changes in place.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use jiff::Timestamp;

use super::blocks::ViewOptions;
use super::event::{Event, View};
use super::live::Live;

/// Draws on a terminal through indicatif, which knows how to draw over what it has drawn.
pub struct Terminal {
    live: Live,
    /// All changing lines are one message of one bar.
    area: ProgressBar,
}

impl Terminal {
    /// `rows` is the height of the screen.
    pub fn new(options: ViewOptions, rows: usize, target: ProgressDrawTarget) -> Self {
        let area = ProgressBar::with_draw_target(None, target);
        // A template without placeholders that could be wrong; were it so, indicatif's own shows the message too.
        area.set_style(ProgressStyle::with_template("{msg}").unwrap_or_else(|_| ProgressStyle::default_spinner()));
        Self { live: Live::new(options, rows), area }
    }

    fn draw(&mut self, at: Timestamp) {
        self.area.set_message(self.live.lines(at).join("\n"));
        self.area.tick();
    }
}

impl View for Terminal {
    fn event(&mut self, at: Timestamp, event: &Event) {
        if let Some(lasting) = self.live.event(at, event) {
            self.area.println(lasting.trim_end_matches('\n'));
        }
        if matches!(event, Event::End { .. }) {
            self.area.finish_and_clear();
        } else {
            self.draw(at);
        }
    }

    fn tick(&mut self, at: Timestamp) {
        self.draw(at);
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.area.finish_and_clear();
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use indicatif::TermLike;

    use super::*;
    use crate::report::fixtures::{PLAIN, keyspaces, night};

    /// A terminal that keeps what is written to it.
    #[derive(Debug, Clone, Default)]
    struct Kept(Arc<Mutex<String>>);

    impl Kept {
        fn add(&self, text: &str) -> io::Result<()> {
            self.0.lock().unwrap().push_str(text);
            Ok(())
        }
    }

    impl TermLike for Kept {
        fn width(&self) -> u16 {
            80
        }
        fn height(&self) -> u16 {
            30
        }
        fn move_cursor_up(&self, n: usize) -> io::Result<()> {
            self.add(&format!("<up {n}>"))
        }
        fn move_cursor_down(&self, n: usize) -> io::Result<()> {
            self.add(&format!("<down {n}>"))
        }
        fn move_cursor_right(&self, _: usize) -> io::Result<()> {
            Ok(())
        }
        fn move_cursor_left(&self, _: usize) -> io::Result<()> {
            Ok(())
        }
        fn write_line(&self, text: &str) -> io::Result<()> {
            self.add(&format!("{text}\n"))
        }
        fn write_str(&self, text: &str) -> io::Result<()> {
            self.add(text)
        }
        fn clear_line(&self) -> io::Result<()> {
            self.add("<clear>")
        }
        fn flush(&self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn what_happened_stays_and_what_goes_on_is_cleared() {
        let kept = Kept::default();
        let target = ProgressDrawTarget::term_like(Box::new(kept.clone()));
        let mut view = Terminal::new(
            ViewOptions { drawing: PLAIN, keyspaces: keyspaces(), file: None, workflow: "commerce2customer".into() },
            30,
            target,
        );
        for (at, event) in night() {
            view.event(at, &event);
            view.tick(at);
        }
        drop(view);
        let text = kept.0.lock().unwrap().clone();
        assert!(text.contains("start the streams of `customer.commerce2customer`"), "{text}");
        assert!(text.contains("━━━"), "a bar was drawn: {text}");
        let last = text.rsplit("<clear>").next().unwrap();
        assert!(!last.contains("ctrl-c"), "the changing lines are gone: {last}");
        assert!(text.contains("held in the revert window"), "{last}");
    }

    #[test]
    fn a_hidden_terminal_takes_every_event() {
        let mut view = Terminal::new(
            ViewOptions { drawing: PLAIN, keyspaces: keyspaces(), file: None, workflow: "commerce2customer".into() },
            30,
            ProgressDrawTarget::hidden(),
        );
        for (at, event) in night() {
            view.event(at, &event);
        }
    }
}
