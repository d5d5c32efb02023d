//! The whole plan file, all problems at once.

use std::collections::BTreeSet;

use jiff::Timestamp;
use toml::de::DeTable;

use super::intent::{Movement, Spec};
use super::key::Table;
use super::problem::{self, Problem};
use super::section::{Log, Section};
use super::{complete, copy, fast_path, gates, move_tables, revert, source, switch, top, verify};

pub use super::source::MOST_BYTES;

/// Every table of the plan file, in the order in which people write them.
pub static TABLES: &[&Table] = &[
    &top::TABLE,
    &move_tables::TABLE,
    &gates::TABLE,
    &copy::TABLE,
    &verify::TABLE,
    &switch::TABLE,
    &revert::TABLE,
    &complete::TABLE,
    &fast_path::TABLE,
];

/// A plan file that can be worked with, and what it should be warned of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    pub spec: Spec,
    /// Sorted by place.
    pub warnings: Vec<Problem>,
}

/// Reads a plan file. Errors: every problem that was found, warnings included, sorted by place.
pub fn read(text: &str) -> Result<Reading, Vec<Problem>> {
    read_with(text, None)
}

/// As [`read`], and windows that have all passed at `now` are an error too. For a movement that is under way they are none: a
/// gate that was passed needs no window any more.
pub fn read_at(text: &str, now: Timestamp) -> Result<Reading, Vec<Problem>> {
    read_with(text, Some(now))
}

fn read_with(text: &str, now: Option<Timestamp>) -> Result<Reading, Vec<Problem>> {
    let (table, mut problems) = source::parse(text);
    let mut spec = None;
    if let Some(table) = &table {
        let log = Log::default();
        spec = decode(&log, table, now);
        problems.extend(log.into_parts().0);
    }
    place_what_is_missing(text, &mut problems);
    problem::sort(&mut problems);
    match spec {
        Some(spec) if !problems.iter().any(Problem::is_error) => Ok(Reading { spec, warnings: problems }),
        _ => Err(problems),
    }
}

fn decode(log: &Log, table: &DeTable<'_>, now: Option<Timestamp>) -> Option<Spec> {
    let mut root = Section::root(log, table, TABLES);
    if top::is_newer(&mut root) {
        return None;
    }
    let top = top::decode(&mut root);
    let move_tables = move_tables::decode(root.table(&move_tables::TABLE));
    let gates = gates::decode(root.table(&gates::TABLE));
    let copy = copy::decode(root.table(&copy::TABLE));
    let verify = verify::decode(root.table(&verify::TABLE));
    let switch = switch::decode(root.table(&switch::TABLE));
    let revert = revert::decode(root.table(&revert::TABLE));
    let complete = complete::decode(root.table(&complete::TABLE));
    let fast_path = fast_path::decode(root.table(&fast_path::TABLE));
    root.finish();

    if let Some(switch) = &switch {
        gates::report_short_windows(log, &gates, switch);
    }
    if let Some(now) = now {
        gates::report_past_windows(log, &gates, now);
    }
    Some(Spec {
        workflow: top.workflow?.value,
        cluster: top.cluster?,
        movement: Movement::MoveTables(move_tables?),
        gates: gates::specs(gates),
        copy: copy?,
        verify: verify?,
        switch: switch?,
        revert: revert?,
        complete: complete?,
        fast_path,
    })
}

/// Gives what is missing at the top of the file the place where it would have to stand: keys before the first line that says
/// anything, tables after the last.
fn place_what_is_missing(text: &str, problems: &mut [Problem]) {
    let mut at = 0;
    let mut said = Vec::new();
    for line in text.split_inclusive('\n') {
        let content = line.trim_start_matches('\u{feff}').trim();
        if !content.is_empty() && !content.starts_with('#') {
            let indent = line.len() - line.trim_start_matches('\u{feff}').trim_start().len();
            said.push((at + indent, at + line.trim_end().len()));
        }
        at += line.len();
    }
    let (Some(first), Some(last)) = (said.first(), said.last()) else { return };
    for problem in problems.iter_mut().filter(|problem| problem.code == "C104" && problem.span.is_none()) {
        if TABLES.iter().any(|table| table.name == problem.path) {
            problem.span = Some(last.1..last.1);
            problem.label = format!("add `[{}]` below", problem.path);
        } else {
            problem.span = Some(first.0..first.0);
            problem.label = format!("add `{} = …` above", problem.path);
        }
    }
}

/// Every key that the decoder asks for, by path: `copy.max-lag`. Tables stand in it too.
pub fn known_keys() -> BTreeSet<String> {
    let log = Log::default();
    let table = DeTable::new();
    // What comes of an empty file is of no interest here; which keys are asked for doesn't depend on what is in it.
    drop(decode(&log, &table, None));
    log.into_parts().1
}

#[cfg(test)]
#[path = "decode_tests.rs"]
mod tests;
