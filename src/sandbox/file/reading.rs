//! Reads `sandbox.toml`: every problem with its place, and as many at once as can be told apart.

use std::ops::Range;

use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue, ValueDeserializer};

use super::consistency;
use super::description::{Description, KeyspaceDescription, TableDescription, Trouble};
use super::places::Places;
use super::vschema::{TableFile, VSchemaFile, VindexFile};
use crate::spec::problem::{self, Problem};
use crate::spec::source;
use crate::spec::suggest::{nearest, one_of};

/// What a sandbox begins as when there is no file.
pub const BUILT_IN: &str = include_str!("default.toml");

/// Reads and judges the text of the file.
///
/// # Errors
/// Everything that is wrong with it.
pub fn read(text: &str) -> Result<Description, Vec<Problem>> {
    let (table, mut problems) = source::parse(text);
    let mut description = None;
    if let Some(table) = &table
        && problems.is_empty()
    {
        let found = Pieces::of(table).problems;
        match toml::from_str::<Description>(text) {
            Ok(read) => {
                problems.extend(consistency::problems(&read, Places(table)));
                description = Some(read);
            }
            // What the pieces don't show is wrong with the whole.
            Err(error) if found.is_empty() => problems.push(problem(&error, "", table)),
            Err(_) => problems.extend(found),
        }
    }
    problem::sort(&mut problems);
    match description {
        Some(description) if problems.is_empty() => Ok(description),
        _ => Err(problems),
    }
}

type Value<'a> = Spanned<DeValue<'a>>;

/// serde ends at the first error, so the file is decoded in pieces as well, each without those that are pieces themselves.
struct Pieces {
    problems: Vec<Problem>,
}

impl Pieces {
    fn of(table: &DeTable<'_>) -> Self {
        let mut pieces = Self { problems: vec![] };
        let whole = Spanned::new(0..0, DeValue::Table(table.clone()));
        let (top, keyspaces) = without(&whole, "keyspaces");
        let (top, troubles) = without(&top, "goes-wrong");
        pieces.decode::<Description>(&top, "");
        for (name, keyspace) in entries(keyspaces.as_ref()) {
            let path = format!("keyspaces.{name}");
            let (keyspace, tables) = without(keyspace, "tables");
            let (keyspace, vschema) = without(&keyspace, "vschema");
            pieces.decode::<KeyspaceDescription>(&keyspace, &path);
            for (table, value) in entries(tables.as_ref()) {
                pieces.decode::<TableDescription>(value, &format!("{path}.tables.{table}"));
            }
            if let Some(vschema) = vschema {
                pieces.vschema(&vschema, &format!("{path}.vschema"));
            }
        }
        if let Some(DeValue::Array(troubles)) = troubles.as_ref().map(Spanned::get_ref) {
            for trouble in troubles {
                pieces.decode::<Trouble>(trouble, "goes-wrong");
            }
        }
        pieces
    }

    fn vschema(&mut self, vschema: &Value<'_>, path: &str) {
        let (vschema, tables) = without(vschema, "tables");
        let (vschema, vindexes) = without(&vschema, "vindexes");
        self.decode::<VSchemaFile>(&vschema, path);
        for (table, value) in entries(tables.as_ref()) {
            self.decode::<TableFile>(value, &format!("{path}.tables.{table}"));
        }
        for (vindex, value) in entries(vindexes.as_ref()) {
            self.decode::<VindexFile>(value, &format!("{path}.vindexes.{vindex}"));
        }
    }

    fn decode<T: DeserializeOwned>(&mut self, value: &Value<'_>, path: &str) {
        if let Err(error) = T::deserialize(ValueDeserializer::from(value.clone())) {
            let empty = DeTable::new();
            let table = if let DeValue::Table(table) = value.get_ref() { table } else { &empty };
            let mut found = problem(&error, path, table);
            // The top has no place of its own.
            let place = Some(value.span()).filter(|span| !span.is_empty());
            found.span = found.span.filter(|span| !span.is_empty()).or(place);
            self.problems.push(found);
        }
    }
}

/// A table without one of its tables or arrays, and that one. What should be one and isn't stays, to be found wrong.
fn without<'a>(value: &Value<'a>, key: &str) -> (Value<'a>, Option<Value<'a>>) {
    let DeValue::Table(table) = value.get_ref() else { return (value.clone(), None) };
    let mut rest = table.clone();
    let taken = match rest.get_mut(key) {
        Some(found) => match found.get_mut() {
            // Emptied and not removed: a key that must be there is there.
            DeValue::Table(inner) => Some(DeValue::Table(std::mem::take(inner))),
            DeValue::Array(inner) => Some(DeValue::Array(std::mem::replace(inner, DeArray::new()))),
            _ => None,
        }
        .map(|inner| Spanned::new(found.span(), inner)),
        None => None,
    };
    (Spanned::new(value.span(), DeValue::Table(rest)), taken)
}

fn entries<'v, 'a>(value: Option<&'v Value<'a>>) -> impl Iterator<Item = (&'v str, &'v Value<'a>)> {
    let table = match value.map(Spanned::get_ref) {
        Some(DeValue::Table(table)) => Some(table),
        _ => None,
    };
    table.into_iter().flatten().map(|(key, value)| (key.get_ref().as_ref(), value))
}

/// What serde has against a table, in our words.
fn problem(error: &toml::de::Error, path: &str, table: &DeTable<'_>) -> Problem {
    let message = error.message();
    if message.ends_with("expected a timestamp string") {
        return Problem::error("C130", "start", error.span(), "a time stands in quotes here, with its zone")
            .label("here")
            .help("\"2026-12-01T02:00:00Z\"");
    }
    let quoted: Vec<&str> = message.split('`').skip(1).step_by(2).collect();
    let below = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    let (Some(word), known) = (quoted.first().copied(), quoted.get(1..).unwrap_or_default()) else {
        return Problem::error("C130", path, error.span(), message);
    };
    let help = |what: &str| match nearest(word, known.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None if known.is_empty() => String::new(),
        None => format!("{what} {}", one_of(known.iter().copied())),
    };
    if message.starts_with("unknown field") {
        let place: Option<Range<usize>> = table.get_key_value(word).map(|(key, _)| key.span()).or_else(|| error.span());
        let help = help("the keys here are");
        return Problem::error("C130", below(word), place, format!("there is no key `{word}` here")).label("unknown").help(help);
    }
    if message.starts_with("unknown variant") {
        let place = table.get("what").map(Spanned::span).or_else(|| error.span());
        return Problem::error("C130", below("what"), place, format!("nothing goes wrong by the name `{word}`"))
            .label("unknown")
            .help(help("it may be"));
    }
    if message.starts_with("missing field") {
        return Problem::error("C130", below(word), error.span(), format!("`{word}` is missing")).label("here");
    }
    Problem::error("C130", path, error.span(), message)
}

#[cfg(test)]
#[path = "reading_tests.rs"]
mod tests;
