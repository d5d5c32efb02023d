//! Answers as lines that two clusters must have in common: field by field what our client reads, with what is a cluster's own
//! (ids, positions, times, addresses, sizes) replaced, and what has no order put in order.
//!
//! Rows of a shard are not comparable, for a sandbox puts them on shards by another hash: sums over shards are shown.

mod facts;
mod rules;
mod tablet;
mod topology;
mod vdiff;
mod workflow;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use cutover::cluster::vtctld::generated::topodata;
use regex::{Captures, Regex};

pub use facts::facts;
pub use rules::{denied, routing_rules, served_differences, vschema};
pub use vdiff::{listed, shown};
pub use workflow::{Created, workflows};

/// An answer in canonical form; nothing for one that says nothing.
pub trait Canonical {
    fn canonical(&self, names: &mut Names) -> Vec<String>;
}

/// What stands for a cluster's own ids: each is numbered when it is first seen, so that one that stays is known again and one
/// that is new is seen to be.
#[derive(Debug, Default)]
pub struct Names {
    streams: BTreeMap<(String, i64), usize>,
    uuids: BTreeMap<String, usize>,
}

impl Names {
    /// `<stream 1>`: ids count for each tablet alone.
    pub fn stream(&mut self, tablet: &str, id: i64) -> String {
        let next = self.streams.len() + 1;
        format!("<stream {}>", self.streams.entry((tablet.to_owned(), id)).or_insert(next))
    }

    fn uuid(&mut self, uuid: &str) -> String {
        // A case's own are the same on every cluster.
        if uuid.starts_with(OWN_UUIDS) {
            return uuid.to_owned();
        }
        let next = self.uuids.len() + 1;
        format!("<uuid {}>", self.uuids.entry(uuid.to_owned()).or_insert(next))
    }
}

/// The beginning of the UUIDs that cases give to their VDiffs.
pub const OWN_UUIDS: &str = "00000000-";

/// Patterns of what is a cluster's own in free text, and what stands for them.
static OWN: LazyLock<Vec<(Regex, &'static str)>> = LazyLock::new(|| {
    let uuid = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}";
    let set = format!("{uuid}(:[0-9]+(-[0-9]+)?)+");
    let pattern = |pattern: &str| Regex::new(pattern).expect("a pattern of ours");
    vec![
        (pattern(&format!(r"(MySQL56/)?{set}(,\s*{set})*")), "<position>"),
        (pattern(r"\d{2} [A-Z][a-z]{2} \d{2} \d{2}:\d{2} [A-Z]{3}"), "<time>"),
        (pattern(r"\d{4}-\d{2}-\d{2}[ T]\d{2}:\d{2}:\d{2}(\.\d+)?( ?[+-]\d{4} UTC|Z)?( m=\+[\d.]+)?"), "<time>"),
        (pattern(r"[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d{2}:\d{2}:\d{2} \d{4}"), "<time>"),
        (pattern(r"seconds:\d+ nanoseconds:\d+"), "<time>"),
        (pattern(r"replication lag \d+s"), "replication lag <lag>"),
        (pattern(r"127\.0\.0\.1:\d+"), "<address>"),
        // Where the topology keeps its nodes.
        (pattern(r"/?vitess/(global|zone1|zone2)/"), ""),
    ]
});

static UUID: LazyLock<Regex> =
    LazyLock::new(|| Regex::new("[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}").expect("a pattern of ours"));

/// Free text without what is a cluster's own.
pub fn scrubbed(text: &str, names: &mut Names) -> String {
    let mut text = text.to_owned();
    for (pattern, instead) in OWN.iter() {
        text = pattern.replace_all(&text, *instead).into_owned();
    }
    UUID.replace_all(&text, |found: &Captures<'_>| names.uuid(&found[0])).into_owned()
}

pub fn scrubbed_bytes(text: &[u8], names: &mut Names) -> String {
    scrubbed(&String::from_utf8_lossy(text), names)
}

/// An error's words. What several tablets say comes in no order, the first behind the words that are for all.
pub fn text_of_error(message: &str, names: &mut Names) -> Vec<String> {
    let mut lines: Vec<String> = message.lines().map(|line| scrubbed(&with_sorted_tables(line), names)).collect();
    if lines.len() > 1
        && let Some((heading, of_tablet)) = lines[0].clone().split_once(": rpc error: ")
    {
        lines[0] = format!("rpc error: {of_tablet}");
        sort_alike(&mut lines);
        lines.insert(0, format!("{heading}:"));
    } else {
        sort_alike(&mut lines);
    }
    lines
}

/// Tables that are not empty are named in no order.
fn with_sorted_tables(line: &str) -> String {
    match line.split_once("): ") {
        Some((before, tables)) if before.contains("non-empty tables found in target keyspace(") => {
            let mut tables: Vec<&str> = tables.split(", ").collect();
            tables.sort_unstable();
            format!("{before}): {}", tables.join(", "))
        }
        _ => line.to_owned(),
    }
}

/// Sorts lines of which each is about a tablet.
fn sort_alike(lines: &mut [String]) {
    if lines.iter().all(|line| line.contains("zone1-") || line.contains("cell:\"zone1\"")) {
        lines.sort();
    }
}

pub fn alias(alias: Option<&topodata::TabletAlias>) -> String {
    alias.map_or_else(|| "no tablet".to_owned(), |alias| format!("{}-{:010}", alias.cell, alias.uid))
}

pub fn tablet_type(number: i32) -> String {
    topodata::TabletType::try_from(number).map_or_else(|_| number.to_string(), |kind| kind.as_str_name().to_lowercase())
}

pub fn tablet_types(numbers: &[i32]) -> String {
    numbers.iter().map(|number| tablet_type(*number)).collect::<Vec<_>>().join(",")
}

/// Lines that say themselves what they are about: then two texts can be compared line by line.
pub fn of(subject: &str, lines: impl IntoIterator<Item = String>) -> Vec<String> {
    lines.into_iter().map(|line| format!("{subject}: {line}")).collect()
}

/// `set`, or `unset` for what is empty.
pub fn set(is_set: bool) -> &'static str {
    if is_set { "set" } else { "unset" }
}

/// Answers that say nothing.
macro_rules! empty {
    ($($answer:ident),* $(,)?) => { $(
        impl Canonical for cutover::cluster::vtctld::generated::vtctldata::$answer {
            fn canonical(&self, _: &mut Names) -> Vec<String> {
                Vec::new()
            }
        }
    )* };
}

empty![ApplyRoutingRulesResponse, RebuildVSchemaGraphResponse, VDiffStopResponse, VDiffResumeResponse, VDiffDeleteResponse,];
