//! The streams against the plan file: what they do must be what the file says, for it is frozen from then on.

use std::collections::BTreeSet;

use super::Judged;
use crate::cluster::mutation::AutoIncrementHandling;
use crate::family::SituationKind;
use crate::family::adoption::ANOTHER;
use crate::finding::{Finding, Severity};
use crate::model::topology::TabletType;
use crate::model::workflow::Stream;
use crate::words::names;

const MOST_NAMES: usize = 8;

pub fn of(judged: &Judged<'_>) -> Vec<Finding> {
    let carried = carried(judged);
    if !carried.is_empty() {
        return carried;
    }
    // After a switch back the forward streams are made anew, and only what every stream goes by is as it was.
    let mut found: Vec<Finding> =
        [on_ddl(judged), time_zone(judged), tablet_types(judged), cells(judged), filters(judged)].into_iter().flatten().collect();
    found.extend(of_workflow(judged));
    found
}

fn finding(judged: &Judged<'_>, key: &str, summary: String, help: String) -> Finding {
    let name = format!("{}.{}", judged.movement.target(), judged.movement.workflow());
    Finding::fail(ANOTHER, Severity::Error, name, summary, help).at(format!("move-tables.{key}"))
}

/// The line of the plan file that would say what the streams do.
fn write(key: &str, value: &str) -> String {
    format!("if that is meant, write `{key} = {value}` in `[move-tables]`, and adopt again")
}

/// `["a", "b"]`
fn list_of<T: AsRef<str>>(all: &[T]) -> String {
    let quoted: Vec<String> = all.iter().map(|one| format!("\"{}\"", one.as_ref())).collect();
    format!("[{}]", quoted.join(", "))
}

fn carried(judged: &Judged<'_>) -> Vec<Finding> {
    let movement = judged.movement;
    let (source, target) = (movement.source(), movement.target());
    let mut found = Vec::new();
    let ours: BTreeSet<&str> = movement.tables.iter().map(|table| table.as_str()).collect();
    for (streams, from) in [(judged.forward, source), (judged.reverse, target)] {
        if let Some(stream) = streams.iter().find(|stream| stream.source_keyspace != from.as_str()) {
            let is = &stream.source_keyspace;
            let summary = format!(
                "stream {} on {} reads from keyspace `{is}`, and by the plan file from `{from}`",
                stream.id, stream.shard
            );
            found.push(finding(judged, "source-keyspace", summary, write("source-keyspace", &format!("\"{is}\""))));
        }
        if let Some(stream) = streams.iter().find(|stream| stream.tables.keys().map(String::as_str).ne(ours.iter().copied())) {
            let tables: Vec<&String> = stream.tables.keys().collect();
            let ours: Vec<&&str> = ours.iter().collect();
            let summary = format!(
                "stream {} on {} carries the tables {}, and the plan file moves {}",
                stream.id,
                stream.shard,
                names(&tables, MOST_NAMES),
                names(&ours, MOST_NAMES)
            );
            found.push(finding(judged, "tables", summary, write("tables", &list_of(&tables))));
        }
    }
    if found.is_empty() && judged.situation.kind == SituationKind::Foreign {
        found.push(finding(judged, "tables", judged.situation.words.clone(), "choose another `workflow`".to_owned()));
    }
    found
}

/// The first stream whose option is shown and isn't as wanted, with what it is.
fn first<'a>(judged: &Judged<'a>, is: impl Fn(&Stream) -> &str, wanted: &str) -> Option<(&'a Stream, String)> {
    let other = |stream: &&Stream| !is(stream).is_empty() && is(stream) != wanted;
    judged.forward.iter().find(other).map(|stream| (stream, is(stream).to_owned()))
}

fn on_ddl(judged: &Judged<'_>) -> Option<Finding> {
    let wanted = judged.movement.options.on_ddl.as_vitess();
    let (stream, is) = first(judged, |stream| &stream.options.on_ddl, wanted)?;
    let value = is.to_lowercase().replace('_', "-");
    let said = wanted.to_lowercase().replace('_', "-");
    let summary =
        format!("stream {} on {} was made with on-ddl `{value}`, and the plan file says `{said}`", stream.id, stream.shard);
    Some(finding(judged, "on-ddl", summary, write("on-ddl", &format!("\"{value}\""))))
}

/// That of the streams is shown where they have one, and so none is a difference too.
fn time_zone(judged: &Judged<'_>) -> Option<Finding> {
    let wanted = judged.movement.options.source_time_zone.as_deref().unwrap_or_default();
    let stream = judged.forward.iter().find(|stream| stream.options.source_time_zone != wanted)?;
    let is = &stream.options.source_time_zone;
    let none = |zone: &str| if zone.is_empty() { "none".to_owned() } else { format!("`{zone}`") };
    let summary = format!(
        "stream {} on {} has the source time zone {}, and the plan file {}",
        stream.id,
        stream.shard,
        none(is),
        none(wanted)
    );
    let help = if is.is_empty() {
        "if that is meant, take `source-time-zone` out of `[move-tables]`, and adopt again".to_owned()
    } else {
        write("source-time-zone", &format!("\"{is}\""))
    };
    Some(finding(judged, "source-time-zone", summary, help))
}

/// The order is not compared: starting a workflow makes Vitess forget that there was one (vitess-facts, on `in_order`).
fn tablet_types(judged: &Judged<'_>) -> Option<Finding> {
    let set = |types: &[TabletType]| types.iter().copied().collect::<BTreeSet<_>>();
    let wanted = &judged.movement.options.tablet_types;
    let other = |stream: &&Stream| {
        let is = &stream.options.tablet_types;
        !is.is_empty() && set(is) != set(wanted)
    };
    let stream = judged.forward.iter().find(other)?;
    let words = |types: &[TabletType]| types.iter().map(|kind| kind.as_str()).collect::<Vec<_>>();
    let (is, said) = (words(&stream.options.tablet_types), words(wanted));
    let summary = format!(
        "stream {} on {} reads from tablets of type {}, and by the plan file from {}",
        stream.id,
        stream.shard,
        is.join(", "),
        said.join(", ")
    );
    Some(finding(judged, "tablet-types", summary, write("tablet-types", &list_of(&is))))
}

/// None in the plan file is the cell of each target primary, which Vitess writes into the row.
fn cells(judged: &Judged<'_>) -> Option<Finding> {
    let wanted: Vec<String> = judged.movement.options.cells.iter().map(ToString::to_string).collect();
    let other = |stream: &&Stream| {
        let is = &stream.options.cells;
        let own = stream.tablet.rsplit_once('-').map_or("", |(cell, _)| cell);
        let is_default = wanted.is_empty() && is.iter().all(|cell| cell == own);
        !is.is_empty() && *is != wanted && !is_default
    };
    let stream = judged.forward.iter().find(other)?;
    let said = if wanted.is_empty() { "its own primary's".to_owned() } else { wanted.join(", ") };
    let is = &stream.options.cells;
    let summary = format!(
        "stream {} on {} reads from the cells {}, and by the plan file from {said}",
        stream.id,
        stream.shard,
        is.join(", ")
    );
    Some(finding(judged, "cells", summary, write("cells", &list_of(is))))
}

/// Create makes streams of whole rows, by key range where the target is sharded. Any other filter hides rows from VDiff too.
fn filters(judged: &Judged<'_>) -> Option<Finding> {
    for stream in judged.forward.iter().chain(judged.reverse) {
        if let Some((table, filter)) = stream.tables.iter().find(|(table, filter)| !is_whole(table, filter)) {
            let summary = format!(
                "stream {} on {} carries `{table}` by a filter that is not of whole rows: {filter}",
                stream.id, stream.shard
            );
            let help = "finish it by hand with vtctldclient: rows that the filter leaves out are not compared either".to_owned();
            return Some(finding(judged, "tables", summary, help));
        }
    }
    None
}

fn is_whole(table: &str, filter: &str) -> bool {
    let Some(rest) = filter.strip_prefix("select * from ") else { return filter.is_empty() };
    let quoted = format!("`{table}`");
    let Some(rest) = rest.strip_prefix(table).or_else(|| rest.strip_prefix(quoted.as_str())) else { return false };
    rest.is_empty() || (rest.starts_with(" where in_keyrange(") && rest.ends_with(')') && rest.matches('(').count() == 1)
}

/// What create did once and for all is only compared while the streams of the create are there.
fn of_workflow(judged: &Judged<'_>) -> Vec<Finding> {
    let movement = judged.movement;
    let Some(workflow) = judged.facts.workflow(movement.target(), movement.workflow()) else { return vec![] };
    let (is, wanted) = (&workflow.options, &movement.options);
    let mut found = Vec::new();
    let is_of_create = judged.reverse.is_empty();
    let copies = judged.forward.iter().any(Stream::copies_rows);
    if is_of_create && copies && is.defer_secondary_keys != wanted.defer_secondary_keys {
        let (is, said) = (is.defer_secondary_keys, wanted.defer_secondary_keys);
        let summary = format!("it was made with defer-secondary-keys {is}, and the plan file says {said}");
        found.push(finding(judged, "defer-secondary-keys", summary, write("defer-secondary-keys", &is.to_string())));
    }
    let handling = wanted.sharded_auto_increment_handling.as_vitess();
    if is_of_create && !is.auto_increment.is_empty() && is.auto_increment != handling && is_sharded(judged) {
        let (is, said) = (is.auto_increment.to_lowercase(), word(wanted.sharded_auto_increment_handling));
        let summary = format!("it was made with sharded-auto-increment-handling `{is}`, and the plan file says `{said}`");
        let help = write("sharded-auto-increment-handling", &format!("\"{is}\""));
        found.push(finding(judged, "sharded-auto-increment-handling", summary, help));
    }
    let global = wanted.global_keyspace.as_ref().map(ToString::to_string).unwrap_or_default();
    if is_of_create && !is.global_keyspace.is_empty() && is.global_keyspace != global {
        let summary =
            format!("it was made with the global keyspace `{}`, and the plan file says another or none", is.global_keyspace);
        found.push(finding(judged, "global-keyspace", summary, write("global-keyspace", &format!("\"{}\"", is.global_keyspace))));
    }
    found
}

fn word(handling: AutoIncrementHandling) -> String {
    handling.as_vitess().to_lowercase()
}

/// In an unsharded target AUTO_INCREMENT stays, whatever was asked for.
fn is_sharded(judged: &Judged<'_>) -> bool {
    judged.facts.vschemas.get(judged.movement.target()).is_some_and(|vschema| vschema.sharded)
}
