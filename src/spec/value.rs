//! Values of one kind each, read from a [`Section`]: what a key's kind says is checked here, for every file of ours alike.

use std::collections::BTreeMap;
use std::ops::Range;

use jiff::tz::TimeZone;
use serde::de::DeserializeOwned;
use toml::de::DeValue;

use super::key::{Bounds, Fallback, Key, Kind, NameKind};
use super::length;
use super::problem::Problem;
use super::section::{Section, Value, clip, elements};
use super::suggest::{nearest, one_of};
use crate::model::name::{CellName, KeyspaceName, NameError, TableName, WorkflowName, first_invisible};

/// A value that was read, with its place for checks that look at several keys.
#[derive(Debug, Clone)]
pub struct Placed<T> {
    pub value: T,
    pub span: Range<usize>,
    pub path: String,
}

/// A name that can be read from a file.
pub trait Name: Sized + Clone + Ord {
    const KIND: NameKind;
    fn read(text: &str) -> Result<Self, NameError>;
    fn text(&self) -> &str;
}

macro_rules! name {
    ($name:ident, $kind:ident, $read:expr) => {
        impl Name for $name {
            const KIND: NameKind = NameKind::$kind;
            fn read(text: &str) -> Result<Self, NameError> {
                $read(text)
            }
            fn text(&self) -> &str {
                self.as_str()
            }
        }
    };
}

name!(WorkflowName, Workflow, WorkflowName::forward);
name!(KeyspaceName, Keyspace, KeyspaceName::new);
name!(TableName, Table, TableName::new);
name!(CellName, Cell, CellName::new);

impl<'d> Section<'d> {
    /// A text without control or invisible characters.
    pub fn text(&mut self, key: &Key) -> Option<Placed<String>> {
        let value = self.value(key)?;
        self.text_of(&value, key.kind)
    }

    fn text_of(&self, value: &Value<'d>, kind: Kind) -> Option<Placed<String>> {
        let DeValue::String(text) = value.value else {
            self.wrong_type(value, kind);
            return None;
        };
        if let Some(found) = first_invisible(text) {
            self.log.push(
                Problem::error(
                    "C115",
                    value.path.clone(),
                    Some(value.span.clone()),
                    format!("`{}` holds U+{:04X}, which can't be seen in a review", value.path, found as u32),
                )
                .label("in here")
                .help("write it without control and invisible characters"),
            );
            return None;
        }
        Some(Placed { value: text.to_string(), span: value.span.clone(), path: value.path.clone() })
    }

    pub fn flag(&mut self, key: &Key) -> Option<bool> {
        let fallback = match key.fallback {
            Fallback::Flag(flag) => Some(flag),
            _ => None,
        };
        let Some(value) = self.value(key) else { return fallback };
        let DeValue::Boolean(flag) = value.value else {
            self.wrong_type(&value, key.kind);
            return fallback;
        };
        Some(*flag)
    }

    /// A whole number in the bounds of its key.
    pub fn count(&mut self, key: &Key) -> Option<u32> {
        let value = self.value(key)?;
        let Kind::Count { least, most } = key.kind else { return None };
        let DeValue::Integer(number) = value.value else {
            self.wrong_type(&value, key.kind);
            return None;
        };
        match i128::from_str_radix(number.as_str(), number.radix()) {
            Ok(count) if (i128::from(least)..=i128::from(most)).contains(&count) => u32::try_from(count).ok(),
            _ => {
                self.bad(&value, "C106", format!("is {}", clip(&number.to_string())), key.kind.wanted());
                None
            }
        }
    }

    /// A length of time in milliseconds.
    pub fn milliseconds(&mut self, key: &Key) -> Option<Placed<u64>> {
        let Kind::Length(bounds) = key.kind else { return None };
        let Some(value) = self.value(key) else {
            let Fallback::Text(text) = key.fallback else { return None };
            let milliseconds = u64::try_from(length::parse(text).ok()?.as_millis()).ok()?;
            return Some(Placed { value: milliseconds, span: self.span.clone().unwrap_or(0..0), path: self.path_of(key.name) });
        };
        let text = self.text_of(&value, key.kind)?;
        match within(&text.value, bounds) {
            Ok(milliseconds) => Some(Placed { value: milliseconds, span: text.span, path: text.path }),
            Err(why) => {
                let most = length::milliseconds_words(bounds.most_milliseconds);
                let least = length::milliseconds_words(bounds.least_milliseconds);
                let unit = if bounds.whole_seconds { ", in whole seconds" } else { "" };
                let help = format!("a length of time such as \"90s\" or \"2h 30m\", from {least} to {most}{unit}");
                self.bad(&value, "C108", why, help);
                None
            }
        }
    }

    /// A length of time in seconds.
    pub fn seconds(&mut self, key: &Key) -> Option<Placed<u64>> {
        self.milliseconds(key).map(|found| Placed { value: found.value / 1000, span: found.span, path: found.path })
    }

    pub fn name<T: Name>(&mut self, key: &Key) -> Option<Placed<T>> {
        let value = self.value(key)?;
        self.name_of(&value, key.kind)
    }

    fn name_of<T: Name>(&self, value: &Value<'d>, kind: Kind) -> Option<Placed<T>> {
        let DeValue::String(text) = value.value else {
            self.wrong_type(value, kind);
            return None;
        };
        match T::read(text) {
            Ok(name) => Some(Placed { value: name, span: value.span.clone(), path: value.path.clone() }),
            Err(why) => {
                let message = match why {
                    NameError::Empty => format!("`{}` {why}", value.path),
                    _ => format!("the {} `{}` {why}", T::KIND.words(), clip(text)),
                };
                self.log.push(
                    Problem::error("C107", value.path.clone(), Some(value.span.clone()), message)
                        .label(format!("not a {}", T::KIND.words())),
                );
                None
            }
        }
    }

    /// A list of names, in the order of the file, none twice. None when the key is left out or is no list.
    pub fn list_of_names<T: Name>(&mut self, key: &Key) -> Option<Vec<Placed<T>>> {
        let value = self.value(key)?;
        let found = elements(self, &value, key.kind)?;
        let names: Vec<Placed<T>> = found.iter().filter_map(|element| self.name_of(element, Kind::Name(T::KIND))).collect();
        self.none_twice(&names, T::text, T::KIND == NameKind::Table);
        Some(names)
    }

    /// One of the words of its key, as a value of ours whose serde name it is.
    pub fn word<T: DeserializeOwned>(&mut self, key: &Key) -> Option<Placed<T>> {
        let Kind::Word(words) = key.kind else { return None };
        match self.value(key) {
            Some(value) => self.word_of(&value, words),
            None => match key.fallback {
                Fallback::Text(word) => {
                    let path = self.path_of(key.name);
                    Some(Placed { value: meaning(word)?, span: self.span.clone().unwrap_or(0..0), path })
                }
                _ => None,
            },
        }
    }

    pub fn word_of<T: DeserializeOwned>(&self, value: &Value<'d>, words: &'static [&'static str]) -> Option<Placed<T>> {
        let text = self.text_of(value, Kind::Word(words))?;
        if !words.contains(&text.value.as_str()) {
            let problem = Problem::error(
                "C106",
                value.path.clone(),
                Some(value.span.clone()),
                format!("`{}` is not a value of `{}`", clip(&text.value), value.path),
            );
            let problem = match nearest(&text.value, words.iter().copied()) {
                Some(word) => problem.label(format!("did you mean `{word}`?")),
                None => problem.label("unknown"),
            };
            self.log.push(problem.help(format!("it must be {}", one_of(words.iter().copied()))));
            return None;
        }
        Some(Placed { value: meaning(&text.value)?, span: text.span, path: text.path })
    }

    /// A list of the words of its key, in the order of the file, none twice, at least one.
    pub fn words<T: DeserializeOwned + Clone>(&mut self, key: &Key) -> Option<Vec<T>> {
        let Kind::Words(words) = key.kind else { return None };
        let Some(value) = self.value(key) else {
            let Fallback::Words(fallback) = key.fallback else { return None };
            return fallback.iter().map(|word| meaning(word)).collect();
        };
        let found = elements(self, &value, key.kind)?;
        if found.is_empty() {
            self.bad(&value, "C106", "is empty", format!("name at least one, or leave `{}` out", key.name));
        }
        let texts: Vec<Placed<String>> = found
            .iter()
            .filter_map(|element| match element.value {
                DeValue::String(text) => {
                    Some(Placed { value: text.to_string(), span: element.span.clone(), path: element.path.clone() })
                }
                _ => None,
            })
            .collect();
        self.none_twice(&texts, String::as_str, false);
        Some(found.iter().filter_map(|element| self.word_of(element, words)).map(|word| word.value).collect())
    }

    /// A list of texts; None when the key is left out.
    pub fn texts(&mut self, key: &Key) -> Option<Vec<Placed<String>>> {
        let value = self.value(key)?;
        let found = elements(self, &value, key.kind)?;
        if found.is_empty() {
            self.bad(&value, "C106", "is empty", format!("name at least one, or leave `{}` out", key.name));
        }
        Some(found.iter().filter_map(|element| self.text_of(element, Kind::Text)).collect())
    }

    /// An IANA time zone, in the spelling of the database.
    pub fn zone(&mut self, key: &Key) -> Option<Placed<String>> {
        let Some(value) = self.value(key) else {
            let Fallback::Text(text) = key.fallback else { return None };
            let span = self.span.clone().unwrap_or(0..0);
            return Some(Placed { value: text.to_owned(), span, path: self.path_of(key.name) });
        };
        let text = self.text_of(&value, key.kind)?;
        match TimeZone::get(&text.value) {
            Ok(zone) if zone.iana_name().is_some() => {
                let name = zone.iana_name().unwrap_or(&text.value).to_owned();
                Some(Placed { value: name, ..text })
            }
            _ => {
                let known: Vec<String> = jiff::tz::db().available().map(|name| name.to_string()).collect();
                let problem =
                    Problem::error("C110", text.path, Some(text.span), format!("there is no time zone `{}`", clip(&text.value)));
                let problem = match nearest(&text.value, known.iter().map(String::as_str)) {
                    Some(name) => problem.label(format!("did you mean `{name}`?")),
                    None => problem.label("unknown"),
                };
                self.log.push(problem.help("name a zone of the IANA database, such as \"UTC\" or \"America/New_York\""));
                None
            }
        }
    }

    /// Reports a value as bad: "`path` is …", with what would be good.
    pub fn bad(&self, value: &Value<'_>, code: &str, why: impl AsRef<str>, help: impl Into<String>) {
        self.log.push(
            Problem::error(code, value.path.clone(), Some(value.span.clone()), format!("`{}` {}", value.path, why.as_ref()))
                .label("this value")
                .help(help),
        );
    }

    /// Reports what stands twice in a list; of table names also those that differ only in case.
    pub fn none_twice<T>(&self, list: &[Placed<T>], text: impl Fn(&T) -> &str, ignore_case: bool) {
        let mut seen: BTreeMap<String, &Placed<T>> = BTreeMap::new();
        for found in list {
            let shown = text(&found.value);
            let compared = if ignore_case { shown.to_lowercase() } else { shown.to_owned() };
            let Some(first) = seen.get(&compared) else {
                seen.insert(compared, found);
                continue;
            };
            let earlier = text(&first.value);
            let (message, help) = if earlier == shown {
                (format!("`{}` stands twice in the list", clip(shown)), "name it once".to_owned())
            } else {
                let message = format!("`{}` and `{}` differ only in case", clip(earlier), clip(shown));
                (
                    message,
                    "Vitess looks table names up without regard to case, so they are one table here; name it once".to_owned(),
                )
            };
            self.log.push(
                Problem::error("C112", found.path.clone(), Some(found.span.clone()), message)
                    .label("again here")
                    .also(first.span.clone(), "first here")
                    .help(help),
            );
        }
    }
}

/// A word as the value of ours that serde calls so.
pub fn meaning<T: DeserializeOwned>(word: &str) -> Option<T> {
    serde_json::from_value(serde_json::Value::String(word.to_owned())).ok()
}

/// Milliseconds within bounds, or why not, to stand after the key.
fn within(text: &str, bounds: Bounds) -> Result<u64, String> {
    let shown = clip(text);
    let found = length::parse(text).map_err(|why| format!("{why}: \"{shown}\""))?;
    if found.is_negative() {
        return Err(format!("is below zero: \"{shown}\""));
    }
    let too_long = || format!("is \"{shown}\", more than {}", length::milliseconds_words(bounds.most_milliseconds));
    let milliseconds = u64::try_from(found.as_millis()).map_err(|_| too_long())?;
    if milliseconds > bounds.most_milliseconds {
        return Err(too_long());
    }
    if milliseconds < bounds.least_milliseconds {
        return Err(format!("is \"{shown}\", less than {}", length::milliseconds_words(bounds.least_milliseconds)));
    }
    let unit = if bounds.whole_seconds { 1_000_000_000 } else { 1_000_000 };
    if found.as_nanos() % unit != 0 {
        let unit = if bounds.whole_seconds { "seconds" } else { "milliseconds" };
        return Err(format!("is \"{shown}\", which is not in whole {unit}"));
    }
    Ok(milliseconds)
}
