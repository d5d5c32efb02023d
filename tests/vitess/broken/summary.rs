//! The rows of a long run in a table that is short enough to read: points of one operation that end alike are one line.

use std::collections::BTreeSet;
use std::fmt::Write;

use super::row::{ByHand, Row};

/// What makes two points alike.
#[derive(PartialEq, Eq)]
struct Kind {
    flows: bool,
    /// Whether a person takes the named lock away where the program has no access to the topology.
    unlocks: bool,
    approves: bool,
    /// With vtctld started again at once, and after 10 s; none where it was not run.
    seconds: [Option<Seconds>; 2],
    by_hand: Option<String>,
    fails: bool,
}

/// As far as a reader tells lengths of time apart.
#[derive(PartialEq, Eq, Clone, Copy)]
enum Seconds {
    /// Below two: no pause that an application notices as one.
    Hardly,
    /// Up to six: a calm switch has about half of it.
    Some,
    /// Up to twenty.
    Many,
    /// The leases of a dead vtctld: 3 × timeout + 30 s.
    Leases,
}

struct Line<'a> {
    operation: &'a str,
    points: Vec<&'a str>,
    kind: Kind,
    codes: BTreeSet<String>,
    /// The longest of each column.
    seconds: [Option<f64>; 2],
}

/// `rows` in the order of the points.
pub fn table(rows: &[Row], by_hand: &[ByHand]) -> String {
    let mut lines: Vec<Line> = Vec::new();
    for point in rows.chunk_by(|one, other| (&one.operation, &one.point) == (&other.operation, &other.point)) {
        let line = of_point(point, by_hand);
        match lines.last_mut() {
            Some(last) if last.operation == line.operation && is_alike(&last.kind, &line.kind) => last.take(line),
            _ => lines.push(line),
        }
    }
    let mut text = "| vtctld dies in | there | exit codes | a person | seconds without writes: started again at once, after 10 s | by hand |\n\
                    |---|---|---|---|---|---|\n"
        .to_owned();
    for line in lines {
        writeln!(text, "{}", line.draw()).expect("a string");
    }
    text
}

/// One of a kind by hand stands for all of that kind.
fn is_alike(one: &Kind, other: &Kind) -> bool {
    let hands = one.by_hand.is_none() || other.by_hand.is_none() || one.by_hand == other.by_hand;
    let same = |index: usize| {
        one.seconds[index].is_none() || other.seconds[index].is_none() || one.seconds[index] == other.seconds[index]
    };
    hands && same(0) && same(1) && (one.flows, one.approves, one.fails) == (other.flows, other.approves, other.fails)
}

fn of_point<'a>(rows: &'a [Row], by_hand: &[ByHand]) -> Line<'a> {
    let first = &rows[0];
    let of_restart = |late: bool| {
        let seconds = rows.iter().filter(|row| row.variant.contains("after 10 s") == late).map(|row| row.seconds_without_writes);
        seconds.max_by(f64::total_cmp)
    };
    let seconds = [of_restart(false), of_restart(true)];
    let hand = by_hand.iter().find(|hand| (&hand.operation, &hand.point) == (&first.operation, &first.point));
    let kind = Kind {
        flows: rows.iter().all(|row| row.writes_flowed),
        unlocks: rows.iter().any(|row| row.human_unlocked),
        approves: rows.iter().any(|row| row.approvals > 0),
        seconds: seconds.map(|seconds| seconds.map(class)),
        by_hand: hand.map(hand_words),
        fails: rows.iter().any(|row| row.problem().is_some()),
    };
    Line { operation: &first.operation, points: vec![&first.point], kind, codes: rows.iter().map(Row::codes).collect(), seconds }
}

fn class(seconds: f64) -> Seconds {
    match seconds {
        few if few < 2.0 => Seconds::Hardly,
        some if some <= 6.0 => Seconds::Some,
        many if many <= 20.0 => Seconds::Many,
        _ => Seconds::Leases,
    }
}

fn hand_words(hand: &ByHand) -> String {
    match (hand.writes_flow, hand.is_whole) {
        (false, _) => "> 180, still refused".to_owned(),
        (true, false) => format!("{:.0}, not whole after {} calls", hand.seconds_without_writes, hand.calls),
        (true, true) => format!("{:.0}, whole after {} calls", hand.seconds_without_writes, hand.calls),
    }
}

impl<'a> Line<'a> {
    fn take(&mut self, other: Line<'a>) {
        self.points.extend(other.points);
        self.codes.extend(other.codes);
        self.kind.unlocks |= other.kind.unlocks;
        self.kind.by_hand = self.kind.by_hand.take().or(other.kind.by_hand);
        for index in 0..2 {
            self.kind.seconds[index] = self.kind.seconds[index].or(other.kind.seconds[index]);
            self.seconds[index] = match (self.seconds[index], other.seconds[index]) {
                (Some(one), Some(other)) => Some(one.max(other)),
                (one, other) => one.or(other),
            };
        }
    }

    fn draw(&self) -> String {
        let points = match self.points.as_slice() {
            [only] => (*only).to_owned(),
            [first, second] => format!("{first}; {second}"),
            all => format!("{} … {} ({} points)", all[0], all[all.len() - 1], all.len()),
        };
        let there = if self.kind.flows { "writes flow" } else { "writes wait" };
        let person: Vec<&str> = [(self.kind.unlocks, "takes the lock away"), (self.kind.approves, "approves again")]
            .into_iter()
            .filter_map(|(does, what)| does.then_some(what))
            .collect();
        let person = if person.is_empty() { "nothing".to_owned() } else { person.join(", ") };
        let seconds = self.seconds.map(|seconds| seconds.map_or("-".to_owned(), |seconds| format!("{:.0}", seconds.max(0.0))));
        format!(
            "| {}: {points} | {there} | {} | {person} | {}{} | {} |",
            self.operation,
            self.codes.iter().map(String::as_str).collect::<Vec<_>>().join(" or "),
            seconds.join(", "),
            if self.kind.fails { "; FAILED" } else { "" },
            self.kind.by_hand.as_deref().unwrap_or_default(),
        )
    }
}
