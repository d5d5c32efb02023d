//! Events as JSON, one object a line: `@timestamp`, `@level`, `@message` and `type`, then what the event has of its own. A reader that
//! meets a `type` it doesn't know shows `@message`.

use std::io::Write;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use super::escape::json_line;
use super::event::{Event, Level, View};
use super::event_words;
use super::rate::Rates;

/// Writes each event as a line and flushes it.
pub struct JsonLines<W> {
    out: W,
    rates: Rates,
    /// Writing failed once: nobody reads any more.
    is_gone: bool,
}

/// A line as its reader sees it; what is written borrows.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is wanted")]
struct AnyLine {
    #[schemars(rename = "@timestamp")]
    timestamp: Timestamp,
    #[schemars(rename = "@level")]
    level: Level,
    /// The event in words.
    #[schemars(rename = "@message")]
    message: String,
    #[schemars(flatten)]
    event: Event,
}

/// The JSON Schema of one line.
pub fn schema() -> serde_json::Value {
    super::schema::of::<AnyLine>("One line of `cutover apply --format json`, and of every command that acts")
}

#[derive(Serialize)]
struct Line<'a> {
    #[serde(rename = "@timestamp")]
    timestamp: Timestamp,
    #[serde(rename = "@level")]
    level: Level,
    #[serde(rename = "@message")]
    message: String,
    #[serde(flatten)]
    event: &'a Event,
}

impl<W: Write + Send> JsonLines<W> {
    pub fn new(out: W) -> Self {
        Self { out, rates: Rates::default(), is_gone: false }
    }

    pub fn into_inner(self) -> W {
        self.out
    }
}

impl<W: Write + Send> View for JsonLines<W> {
    fn event(&mut self, at: Timestamp, event: &Event) {
        if let Event::Progress(progress) = event {
            self.rates.see(progress.tables_at.unwrap_or(at), &progress.tables);
        }
        if self.is_gone {
            return;
        }
        let message = event_words::words(event, &self.rates);
        let line = Line { timestamp: at, level: event_words::level(event), message, event };
        let written = json_line(&line)
            .map_err(std::io::Error::other)
            .and_then(|line| self.out.write_all(format!("{line}\n").as_bytes()))
            .and_then(|()| self.out.flush());
        self.is_gone = written.is_err();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixtures::{HOSTILE, at, copying, night};

    fn lines(events: Vec<(Timestamp, Event)>) -> Vec<serde_json::Value> {
        let mut view = JsonLines::new(Vec::new());
        for (at, event) in &events {
            view.event(*at, event);
        }
        let text = String::from_utf8(view.into_inner()).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    #[test]
    fn every_event_is_a_line_with_the_common_keys_first() {
        let events = night();
        let lines = lines(events.clone());
        assert_eq!(lines.len(), events.len());
        for line in &lines {
            let keys: Vec<&str> = line.as_object().unwrap().keys().map(String::as_str).take(4).collect();
            assert_eq!(keys, ["@timestamp", "@level", "@message", "type"], "{line}");
        }
    }

    #[test]
    fn a_look_at_a_copy() {
        let shown = lines(vec![(at(3), copying(3, &[("corder", 10, 100)]))]);
        insta::assert_snapshot!(serde_json::to_string_pretty(&shown[0]).unwrap(), @r#"
        {
          "@timestamp": "2026-11-20T02:00:03Z",
          "@level": "info",
          "@message": "10 of about 100 rows (10%)",
          "type": "progress",
          "at": "2026-11-20T02:00:03Z",
          "phase": "copy",
          "waiting_for": "rows are being copied",
          "traffic": {
            "rdonly": "source",
            "replica": "source",
            "primary": "source"
          },
          "tables": {
            "corder": {
              "rows_copied": 10,
              "rows_total": 100,
              "done": false
            }
          },
          "tables_at": "2026-11-20T02:00:03Z",
          "lag_seconds": null,
          "way_back": null,
          "until": null
        }
        "#);
    }

    #[test]
    fn what_hides_is_written_as_an_escape() {
        let mut view = JsonLines::new(Vec::new());
        view.event(at(0), &Event::Say { level: Level::Info, text: HOSTILE.into() });
        let text = String::from_utf8(view.into_inner()).unwrap();
        assert!(text.trim_end().chars().all(|c| !crate::model::name::is_invisible(c)), "{text:?}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&text).unwrap()["text"], HOSTILE);
    }

    struct Broken;

    impl Write for Broken {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_reader_that_went_away_stops_nothing() {
        let mut view = JsonLines::new(Broken);
        for (at, event) in night() {
            view.event(at, &event);
        }
    }
}
