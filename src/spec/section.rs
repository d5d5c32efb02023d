//! One table of a file, read key by key. Every key that is asked for is known; what is left over at the end is reported.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::key::{Fallback, Key, Kind, Table};
use super::problem::Problem;
use super::suggest::nearest;

/// What was found while reading: problems, and every path that was asked for.
#[derive(Default)]
pub struct Log {
    problems: RefCell<Vec<Problem>>,
    asked: RefCell<BTreeSet<String>>,
}

impl Log {
    pub fn push(&self, problem: Problem) {
        self.problems.borrow_mut().push(problem);
    }

    pub fn into_parts(self) -> (Vec<Problem>, BTreeSet<String>) {
        (self.problems.into_inner(), self.asked.into_inner())
    }
}

/// A value with its place.
#[derive(Clone)]
pub struct Value<'d> {
    pub path: String,
    pub span: Range<usize>,
    pub value: &'d DeValue<'d>,
}

/// A table with its place; absent tables read as empty ones whose keys all have their fallback.
pub struct Section<'d> {
    pub log: &'d Log,
    pub path: String,
    /// None when the file has no such table.
    pub span: Option<Range<usize>>,
    table: Option<&'d DeTable<'d>>,
    asked: BTreeSet<String>,
    /// Tables of the same file, for "it belongs in".
    tables: &'static [&'static Table],
}

impl<'d> Section<'d> {
    /// The top of a file.
    pub fn root(log: &'d Log, table: &'d DeTable<'d>, tables: &'static [&'static Table]) -> Self {
        Self { log, path: String::new(), span: None, table: Some(table), asked: BTreeSet::new(), tables }
    }

    /// The table `table.name` of this one.
    pub fn table(&mut self, table: &Table) -> Section<'d> {
        let path = self.path_of(table.name);
        let found = self.find(table.name);
        if found.is_none() && table.required {
            self.log.push(
                Problem::error("C104", path.clone(), None, format!("the table `[{path}]` is missing")).help(table.doc.to_owned()),
            );
        }
        self.inner(path, found)
    }

    /// A table under a name that only the file knows, such as `clusters.production`.
    pub fn named(&mut self, name: &str) -> Section<'d> {
        let found = self.find(name);
        self.inner(self.path_of(name), found)
    }

    /// A table that isn't there.
    pub fn absent(&mut self, name: &str) -> Section<'d> {
        self.inner(self.path_of(name), None)
    }

    /// The names that stand in this table, in order.
    pub fn names(&self) -> Vec<(String, Range<usize>)> {
        let mut names: Vec<(String, Range<usize>)> = match self.table {
            Some(table) => table.iter().map(|(key, _)| (key.get_ref().to_string(), key.span())).collect(),
            None => Vec::new(),
        };
        names.sort_by_key(|(_, span)| span.start);
        names
    }

    fn inner(&self, path: String, found: Option<Value<'d>>) -> Section<'d> {
        let span = found.as_ref().map(|found| found.span.clone());
        let table = match found {
            Some(Value { value: DeValue::Table(table), .. }) => Some(table),
            Some(found) => {
                let kind = kind_of(found.value);
                self.log.push(
                    Problem::error("C105", path.clone(), span.clone(), format!("`{path}` must be a table, not {kind}"))
                        .label(kind)
                        .help(format!("write it as `[{path}]` with its keys below")),
                );
                None
            }
            None => None,
        };
        Section { log: self.log, path, span, table, asked: BTreeSet::new(), tables: self.tables }
    }

    pub fn is_present(&self) -> bool {
        self.table.is_some()
    }

    pub fn path_of(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    /// Marks a key as known and gives its value, without a word about one that is missing.
    pub fn find(&mut self, name: &str) -> Option<Value<'d>> {
        let path = self.path_of(name);
        self.log.asked.borrow_mut().insert(path.clone());
        self.asked.insert(name.to_owned());
        let (_, value) = self.table?.get_key_value(name)?;
        Some(Value { path, span: value.span(), value: value.get_ref() })
    }

    /// The value of a key; a required one that is missing is reported, unless its whole table is.
    pub fn value(&mut self, key: &Key) -> Option<Value<'d>> {
        let found = self.find(key.name);
        if found.is_none() && key.fallback == Fallback::Required && self.table.is_some() {
            self.missing(key);
        }
        found
    }

    /// Reports a key as missing.
    pub fn missing(&self, key: &Key) {
        let path = self.path_of(key.name);
        let place = if self.path.is_empty() { String::new() } else { format!(" in `[{}]`", self.path) };
        self.log.push(
            Problem::error("C104", path, self.span.clone(), format!("the key `{}` is missing{place}", key.name)).help(format!(
                "{} It must be {}",
                key.doc,
                key.kind.wanted()
            )),
        );
    }

    /// Reports a value of the wrong type.
    pub fn wrong_type(&self, value: &Value<'_>, kind: Kind) {
        let found = kind_of(value.value);
        let problem = Problem::error(
            "C105",
            value.path.clone(),
            Some(value.span.clone()),
            format!("`{}` must be {}, not {found}", value.path, kind.wanted()),
        )
        .label(found);
        self.log.push(match (kind, value.value) {
            (Kind::Length(_), DeValue::Integer(number)) => problem.help(format!("write it with its unit: \"{number}s\"")),
            (Kind::Names(_) | Kind::Words(_) | Kind::Windows | Kind::Texts, DeValue::String(text)) => {
                problem.help(format!("write it as a list: [\"{}\"]", clip(text)))
            }
            (Kind::Flag, DeValue::String(text)) if matches!(text.as_ref(), "true" | "false") => {
                problem.help(format!("write it without quotes: {text}"))
            }
            _ => problem,
        });
    }

    /// Reports every key that nobody asked for.
    pub fn finish(self) {
        let Some(table) = self.table else { return };
        for (key, _) in table {
            let name = key.get_ref().as_ref();
            if self.asked.contains(name) {
                continue;
            }
            let path = self.path_of(name);
            let place = if self.path.is_empty() { "at the top of the file".to_owned() } else { format!("in `[{}]`", self.path) };
            let shown = clip(name);
            let problem = Problem::error("C103", path, Some(key.span()), format!("there is no key `{shown}` {place}"));
            self.log.push(self.advise(problem, name));
        }
    }

    /// Did you mean: a key of this table, a table, or a key that belongs elsewhere.
    fn advise(&self, problem: Problem, name: &str) -> Problem {
        if let Some(word) = nearest(name, self.asked.iter().map(String::as_str)) {
            return problem.label(format!("did you mean `{word}`?"));
        }
        let elsewhere: Vec<String> = self
            .tables
            .iter()
            .filter(|table| !table.name.is_empty() && table.keys.iter().any(|key| key.name == name))
            .map(|table| format!("`[{}]`", table.name))
            .collect();
        if !elsewhere.is_empty() {
            return problem.label("not here").help(format!("`{name}` belongs in {}", elsewhere.join(" or ")));
        }
        let known: Vec<&str> = self.asked.iter().map(String::as_str).collect();
        problem.label("unknown").help(format!("known here: {}", known.join(", ")))
    }
}

/// The elements of a list, or a report that it isn't one.
pub fn elements<'d>(section: &Section<'d>, value: &Value<'d>, kind: Kind) -> Option<Vec<Value<'d>>> {
    let DeValue::Array(array) = value.value else {
        section.wrong_type(value, kind);
        return None;
    };
    let element = |(index, found): (usize, &'d Spanned<DeValue<'d>>)| Value {
        path: format!("{}[{index}]", value.path),
        span: found.span(),
        value: found.get_ref(),
    };
    Some(array.iter().enumerate().map(element).collect())
}

/// What a value is, with its article.
pub fn kind_of(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "text",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date or time",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

/// A text of the file, short enough for a line of a message.
pub fn clip(text: &str) -> String {
    const MOST: usize = 80;
    let mut shown: String = text.chars().take(MOST).collect();
    if text.chars().count() > MOST {
        shown.push('…');
    }
    shown
}
