//! The results that are published: a JSON file and a table, which each run brings up to date row by row, so that one that is broken off
//! leaves what it had.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use super::course::Variant;
use super::points::{self, Point};
use super::row::{ByHand, Row};
use super::summary;
use crate::support::Cluster;

#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Results {
    vitess: String,
    /// MySQL and etcd.
    beside: String,
    cores: usize,
    /// A fault each.
    rows: Vec<Row>,
    /// The same faults by hand: one a point.
    by_hand: Vec<ByHand>,
    /// Tests that are no table of faults, by name: what they said.
    others: Vec<Other>,
    #[serde(skip)]
    file: PathBuf,
}

#[derive(Serialize, Deserialize)]
struct Other {
    date: String,
    name: String,
    said: String,
}

impl Results {
    /// Those of this Vitess in the folder of `CUTOVER_BROKEN_RESULTS`; none when it is not set.
    pub fn open(cluster: &Cluster) -> Option<Self> {
        let folder = PathBuf::from(std::env::var_os("CUTOVER_BROKEN_RESULTS")?);
        // The Go module v0.24.1 is Vitess 24.0.1.
        let module = cluster.version().trim_start_matches("v0.");
        let vitess = module.split_once('.').map_or_else(|| module.to_owned(), |(major, patch)| format!("{major}.0.{patch}"));
        let file = folder.join(format!("vitess-{vitess}.json"));
        let known = std::fs::read_to_string(&file).ok();
        let known = known.map(|text| serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display())));
        let cores = std::thread::available_parallelism().map_or(0, usize::from);
        Some(Self { vitess, beside: cluster.beside(), cores, file, ..known.unwrap_or_default() })
    }

    /// Whether this fault was run and has ended well.
    pub fn has(&self, point: &Point, variant: Variant) -> bool {
        let it = Row::of(point, variant);
        let is_it = |row: &Row| (&row.operation, &row.point, &row.variant) == (&it.operation, &it.point, &it.variant);
        self.rows.iter().any(|row| is_it(row) && row.problem().is_none())
    }

    /// Whether this point was reached by hand.
    pub fn has_by_hand(&self, point: &Point) -> bool {
        let is_it = |hand: &ByHand| hand.operation == point.operation.name() && hand.point == point.name;
        self.by_hand.iter().any(|hand| is_it(hand) && hand.calls > 0)
    }

    /// Whether another test was run and has ended well.
    pub fn has_noted(&self, name: &str) -> bool {
        self.others.iter().any(|other| other.name == name && !other.said.starts_with("FAILED"))
    }

    /// The row takes the place of an earlier one of the same fault.
    pub fn put(&mut self, mut row: Row) {
        row.date = today();
        let is_it = |known: &Row| (&known.operation, &known.point, &known.variant) == (&row.operation, &row.point, &row.variant);
        match self.rows.iter().position(is_it) {
            Some(index) => self.rows[index] = row,
            None => self.rows.push(row),
        }
        // In the order of the table of points, whatever the order of the runs.
        let points = points::all();
        let place = |row: &Row| points.iter().position(|it| it.operation.name() == row.operation && it.name == row.point);
        self.rows.sort_by_cached_key(|row| (place(row), row.variant.clone()));
        self.write();
    }

    /// `put` for what was done by hand.
    pub fn put_by_hand(&mut self, mut hand: ByHand) {
        hand.date = today();
        self.by_hand.retain(|known| (&known.operation, &known.point) != (&hand.operation, &hand.point));
        self.by_hand.push(hand);
        self.write();
    }

    /// What another test has said.
    pub fn note(&mut self, name: &str, said: String) {
        self.others.retain(|other| other.name != name);
        self.others.push(Other { date: today(), name: name.to_owned(), said });
        self.write();
    }

    pub fn write(&self) {
        let json = serde_json::to_string_pretty(self).expect("results are JSON");
        put_file(&self.file, &(json + "\n"));
        put_file(&self.file.with_extension("md"), &self.markdown());
    }

    fn markdown(&self) -> String {
        let mut text = format!(
            "# What breaks in the middle, on Vitess {}\n\nBeside it {}, on a machine with {} cores; the table is written by \
             `tests/long/run`. At each point vtctld is killed with -9. Seconds are those without any acknowledged write through vtgate. No \
             row was lost or written twice where it does not say so. A person takes the dead vtctld's named lock away only where `topo` is not \
             configured. By hand: the same call of vtctldclient again, three times; 180 s \
             is the end of patience.\n\n",
            self.vitess, self.beside, self.cores
        );
        text += &summary::table(&self.rows, &self.by_hand);
        text += "\n## Each run\n\n| operation | vtctld dies | beside | writes there | exit codes | human | seconds without writes | by hand |\n";
        text += "|---|---|---|---|---|---|---|---|\n";
        for row in &self.rows {
            let result = match row.problem() {
                Some(problem) => format!("FAILED: {}", cell(&problem)),
                None => format!("{:.1}", row.seconds_without_writes),
            };
            let human = match (row.human_unlocked, row.approvals) {
                (false, 0) => "nothing".to_owned(),
                (false, _) => "approves again".to_owned(),
                (true, 0) => "takes the named lock away".to_owned(),
                (true, _) => "takes the named lock away, approves again".to_owned(),
            };
            let by_hand = self.by_hand.iter().find(|hand| (&hand.operation, &hand.point) == (&row.operation, &row.point));
            let by_hand = by_hand.map_or_else(String::new, hand_words);
            let flows = if row.writes_flowed { "flow" } else { "wait" };
            let Row { operation, point, variant, .. } = row;
            writeln!(text, "| {operation} | {point} | {variant} | {flows} | {} | {human} | {result} | {by_hand} |", row.codes())
                .expect("a string");
        }
        if !self.others.is_empty() {
            text += "\n| test | result |\n|---|---|\n";
            for Other { name, said, .. } in &self.others {
                writeln!(text, "| {name} | {} |", cell(said)).expect("a string");
            }
        }
        let mut dates: Vec<&str> =
            self.rows.iter().map(|row| row.date.as_str()).chain(self.others.iter().map(|it| it.date.as_str())).collect();
        dates.sort_unstable();
        if let (Some(first), Some(last)) = (dates.first(), dates.last()) {
            writeln!(text, "\nRun from {first} to {last}.").expect("a string");
        }
        text
    }
}

fn hand_words(hand: &ByHand) -> String {
    let end = match (hand.writes_flow, hand.is_whole) {
        (false, _) => "writes still refused",
        (true, false) => "not whole",
        (true, true) => "whole",
    };
    let seconds = if hand.writes_flow { format!("{:.1}", hand.seconds_without_writes) } else { "more than 180".to_owned() };
    format!("{seconds}; {end}; {}", cell(&hand.said))
}

/// Text of anybody's in a cell of a table: one line, not long.
fn cell(text: &str) -> String {
    let line = text.replace('|', "\\|").split_whitespace().collect::<Vec<_>>().join(" ");
    let mut short: String = line.chars().take(240).collect();
    if short.len() < line.len() {
        short.push('…');
    }
    short
}

fn today() -> String {
    let now = jiff::Timestamp::try_from(SystemTime::now()).expect("a moment of this age");
    now.strftime("%Y-%m-%d").to_string()
}

fn put_file(path: &Path, text: &str) {
    std::fs::write(path, text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
}
