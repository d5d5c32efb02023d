//! The operator's command that is told of holds and ends (`notify` in the operator's file): the event as JSON on its standard input.
//!
//! It is never in the way: it runs beside the movement, its failure is a warning, and at the end it is waited for no longer than ten
//! seconds. Whoever runs the same command again is told again of the hold that still stands: at least once.

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use crate::report::event::{Event, Level, View};
use crate::report::event_words;
use crate::report::rate::Rates;
use crate::run::decision::StopKind;
use crate::words::without_numbers;

const LONGEST_AT_THE_END: Duration = Duration::from_secs(10);
/// What no command of others needs to know.
const SECRETS: [&str; 1] = ["CUTOVER_VTCTLD_CREDENTIALS"];

/// Shows events as another view does, and tells the operator's command of those that somebody waits for.
pub struct Notifying {
    inner: Box<dyn View>,
    command: Vec<String>,
    movement: Movement,
    last: Option<String>,
    running: Vec<Receiver<Result<(), String>>>,
}

/// Which one it is about.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Movement {
    pub workflow: String,
    pub cluster: String,
    pub address: String,
}

/// What the command reads: one object.
#[derive(Serialize, JsonSchema)]
struct Notice<'a> {
    at: Timestamp,
    /// `hold`, `done`, `needs-human`, `refused`.
    what: &'a str,
    #[serde(flatten)]
    movement: &'a Movement,
    /// One line for people.
    text: String,
    /// As `--format json` writes it.
    event: &'a Event,
}

/// The JSON Schema of what the command reads.
pub fn schema() -> serde_json::Value {
    crate::report::schema::of::<Notice<'_>>("What the operator's `notify` command reads on its standard input")
}

/// Shows as `inner`, and tells `command` as well; one that is empty tells nobody.
pub fn beside(inner: Box<dyn View>, command: &[String], movement: Movement) -> Box<dyn View> {
    if command.is_empty() {
        return inner;
    }
    Box::new(Notifying { inner, command: command.to_vec(), movement, last: None, running: Vec::new() })
}

impl View for Notifying {
    fn event(&mut self, at: Timestamp, event: &Event) {
        self.inner.event(at, event);
        let Some(what) = what(event) else { return };
        let text = event_words::words(event, &Rates::default());
        // A run that waits at a hold tells of it at each look.
        let same = format!("{what} {}", without_numbers(&text));
        if self.last.as_ref() == Some(&same) {
            return;
        }
        self.last = Some(same);
        let notice = Notice { at, what, movement: &self.movement, text, event };
        match serde_json::to_vec(&notice) {
            Ok(json) => self.running.push(tell(self.command.clone(), json)),
            Err(error) => self.warn(at, &error.to_string()),
        }
    }

    fn tick(&mut self, at: Timestamp) {
        self.inner.tick(at);
        self.collect(at, Duration::ZERO);
    }
}

impl Drop for Notifying {
    fn drop(&mut self) {
        self.collect(Timestamp::now(), LONGEST_AT_THE_END);
    }
}

impl Notifying {
    /// Hears how the commands ended, for so long at most.
    fn collect(&mut self, at: Timestamp, longest: Duration) {
        let until = Instant::now() + longest;
        for end in std::mem::take(&mut self.running) {
            match end.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(Ok(())) => {}
                Ok(Err(why)) => self.warn(at, &why),
                Err(_) if longest.is_zero() => self.running.push(end),
                Err(_) => self.warn(at, "it has not ended, and is left behind"),
            }
        }
    }

    fn warn(&mut self, at: Timestamp, why: &str) {
        let name = self.command.first().map(String::as_str).unwrap_or_default();
        let text = format!("the operator's `notify` command `{name}` was not told: {why}");
        self.inner.event(at, &Event::Say { level: Level::Warning, text });
    }
}

/// What of it somebody waits for.
fn what(event: &Event) -> Option<&'static str> {
    match event {
        // Nothing moves, and yet somebody has to: nobody could go back now.
        Event::Hold { hold, .. } if hold.way_back_shut.is_some() => Some("needs-human"),
        Event::Hold { .. } => Some("hold"),
        Event::Stop(stop) => Some(match stop.kind {
            StopKind::NeedsHuman => "needs-human",
            StopKind::Refused | StopKind::Stale | StopKind::NotAllowed => "refused",
        }),
        Event::End { exit_code: 0, .. } => Some("done"),
        _ => None,
    }
}

/// Runs the command, apart; how it ended comes through.
fn tell(command: Vec<String>, json: Vec<u8>) -> Receiver<Result<(), String>> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        // Nobody may listen any more.
        sender.send(run(&command, &json)).ok();
    });
    receiver
}

fn run(command: &[String], json: &[u8]) -> Result<(), String> {
    let (program, arguments) = command.split_first().ok_or("it is empty")?;
    let mut process = Command::new(program);
    process.args(arguments).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    for secret in SECRETS {
        process.env_remove(secret);
    }
    let mut child = process.spawn().map_err(|error| error.to_string())?;
    // One that reads nothing, or ends before it has read all, is told by its exit code.
    if let Some(mut input) = child.stdin.take() {
        input.write_all(json).ok();
    }
    let status = child.wait().map_err(|error| error.to_string())?;
    if status.success() { Ok(()) } else { Err(format!("{status}")) }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::report::fixtures::{at, gate_hold, revert_hold};
    use crate::run::decision::{Ending, Hold, Stop};

    #[derive(Clone, Default)]
    struct Seen(Arc<Mutex<Vec<String>>>);

    impl View for Seen {
        fn event(&mut self, _: Timestamp, event: &Event) {
            self.0.lock().unwrap().push(event_words::words(event, &Rates::default()));
        }
    }

    fn movement() -> Movement {
        Movement { workflow: "c2c".into(), cluster: "production".into(), address: "far:1".into() }
    }

    fn end(exit_code: u8) -> Event {
        Event::End { ending: Some(Ending::Complete), exit_code, words: "done".into(), next: vec![] }
    }

    fn told(script: &str, events: &[Event]) -> (String, Vec<String>) {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("told");
        let command = ["sh", "-c", script, out.to_str().unwrap()].map(str::to_owned);
        let seen = Seen::default();
        let mut view = beside(Box::new(seen.clone()), &command, movement());
        for event in events {
            view.event(at(0), event);
        }
        drop(view);
        let seen = seen.0.lock().unwrap().clone();
        (std::fs::read_to_string(out).unwrap_or_default(), seen)
    }

    #[test]
    fn what_is_told_fits_its_schema() {
        let validator = jsonschema::draft7::new(&schema()).unwrap();
        let hold = |hold| Event::Hold { hold: Box::new(hold), waiting: false };
        for event in [hold(gate_hold()), hold(revert_hold()), end(0)] {
            let notice =
                Notice { at: at(0), what: what(&event).unwrap(), movement: &movement(), text: "held".into(), event: &event };
            let json = serde_json::to_value(&notice).unwrap();
            assert_eq!(validator.validate(&json).map_err(|error| error.to_string()), Ok(()), "{json:#}");
        }
        assert!(!validator.is_valid(&serde_json::json!({ "what": "hold" })));
    }

    #[test]
    fn holds_and_ends_are_told_once_as_one_object_each() {
        let hold = || Event::Hold { hold: Box::new(gate_hold()), waiting: true };
        let say = Event::Say { level: Level::Info, text: "hm".into() };
        let (told, seen) = told("cat >> \"$0\"; echo >> \"$0\"", &[say, hold(), hold(), end(3)]);
        let notices: Vec<serde_json::Value> = told.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(notices.len(), 1, "{told}");
        assert_eq!((&notices[0]["what"], &notices[0]["workflow"]), (&"hold".into(), &"c2c".into()));
        assert_eq!(notices[0]["event"]["type"], "hold");
        assert_eq!(seen.len(), 4, "all is shown: {seen:?}");
    }

    #[test]
    fn a_lag_that_changes_is_no_news_and_a_way_back_that_shuts_is() {
        let hold = |lag: u64, shut: Option<&str>| {
            let why = format!("the way back is open: 1 reverse stream runs, lag {lag} s");
            Event::Hold { hold: Box::new(Hold { why, way_back_shut: shut.map(str::to_owned), ..revert_hold() }), waiting: true }
        };
        // One command after the other, for each appends to one file.
        let kinds = |events: &[Event]| {
            let (told, _) = told("cat >> \"$0\"; echo >> \"$0\"", events);
            let kind = |line: &str| serde_json::from_str::<serde_json::Value>(line).unwrap()["what"].as_str().unwrap().to_owned();
            let mut kinds: Vec<String> = told.lines().map(kind).collect();
            kinds.sort();
            kinds
        };
        assert_eq!(kinds(&[hold(0, None), hold(1, None), hold(17, None)]), ["hold"]);
        assert_eq!(kinds(&[hold(0, Some("stream 3 is Error"))]), ["needs-human"]);
    }

    #[test]
    fn what_stops_a_run_is_told_by_what_it_asks_of_people() {
        let stop = |kind| Event::Stop(Box::new(Stop { kind, phase: None, findings: vec![] }));
        assert_eq!(what(&stop(StopKind::NeedsHuman)), Some("needs-human"));
        for kind in [StopKind::Refused, StopKind::Stale, StopKind::NotAllowed] {
            assert_eq!(what(&stop(kind)), Some("refused"));
        }
        assert_eq!((what(&end(0)), what(&end(5))), (Some("done"), None));
    }

    #[test]
    fn one_that_fails_or_is_not_there_is_a_warning_and_no_more() {
        for (script, why) in [("exit 7", "7"), ("exec 0<&-; exit 9", "9")] {
            let (_, seen) = told(script, &[end(0)]);
            assert!(seen.last().is_some_and(|line| line.contains("was not told") && line.contains(why)), "{seen:?}");
        }
        let seen = Seen::default();
        let mut view = beside(Box::new(seen.clone()), &["/does/not/exist".to_owned()], movement());
        view.event(at(0), &end(0));
        drop(view);
        assert!(seen.0.lock().unwrap().last().is_some_and(|line| line.contains("/does/not/exist")));
    }

    #[test]
    fn without_a_command_nothing_is_beside() {
        let seen = Seen::default();
        let mut view = beside(Box::new(seen.clone()), &[], movement());
        view.event(at(0), &end(0));
        assert_eq!(seen.0.lock().unwrap().len(), 1);
    }
}
