//! From bytes to a spanned table: what must hold for any file of ours before a single key is looked at.

use std::ops::Range;

use toml::de::{DeTable, DeValue};

use super::problem::Problem;
use super::toml_1_0;

/// Larger files are refused unread.
pub const MOST_BYTES: usize = 1024 * 1024;
/// More problems of one kind say nothing new.
const MOST_INVISIBLE: usize = 10;

/// The text of a file, or why it can't be one.
pub fn text(bytes: &[u8]) -> Result<&str, Box<Problem>> {
    if bytes.len() > MOST_BYTES {
        let message = format!("the file is {} bytes long; {MOST_BYTES} at most", bytes.len());
        let problem = Problem::error("C100", "", None, message);
        return Err(Box::new(problem.help("a plan file describes one movement; is this the right file?")));
    }
    std::str::from_utf8(bytes).map_err(|error| {
        let offset = error.valid_up_to();
        let line = bytes[..offset].iter().filter(|byte| **byte == b'\n').count() + 1;
        let found = bytes.get(offset).copied().unwrap_or_default();
        let message = format!("the file is not UTF-8: byte {offset} (line {line}) is 0x{found:02x}");
        let utf16 = bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]);
        let help = if utf16 { "it looks like UTF-16; save it as UTF-8" } else { "save it as UTF-8" };
        Box::new(Problem::error("C100", "", None, message).help(help))
    })
}

/// The spanned table of a text, with what is wrong so far. No table: nothing more can be said about the file.
pub fn parse(text: &str) -> (Option<DeTable<'_>>, Vec<Problem>) {
    if text.len() > MOST_BYTES {
        let message = format!("the file is {} bytes long; {MOST_BYTES} at most", text.len());
        return (None, vec![Problem::error("C100", "", None, message)]);
    }
    let mut problems = invisible(text);
    let (table, errors) = DeTable::parse_recoverable(text);
    let table = table.into_inner();
    let mut is_readable = true;
    for error in errors {
        let span = error.span().map(|span| on_boundaries(text, span));
        if error.message() == "duplicate key" {
            problems.push(duplicate(text, &table, span));
        } else {
            is_readable = false;
            let message = format!("this is not TOML: {}", error.message());
            problems.push(Problem::error("C101", "", span, message).label("here"));
        }
    }
    if !is_readable && let Some(conflict) = conflict(text) {
        return (None, vec![conflict]);
    }
    problems.extend(toml_1_0::newer_forms(text));
    (is_readable.then_some(table), problems)
}

/// The marks that a merge leaves, in a text that is no TOML: what else is wrong with it follows from them.
fn conflict(text: &str) -> Option<Problem> {
    let mut lines = text.split_inclusive('\n').scan(0, |next, line| {
        let at = *next;
        *next += line.len();
        Some(at..at + line.trim_end().len())
    });
    let begins = |place: &Range<usize>, mark: &str| text[place.clone()].starts_with(mark);
    let first = lines.find(|place| begins(place, "<<<<<<<") || begins(place, ">>>>>>>"))?;
    let problem =
        Problem::error("C101", "", Some(first), "a merge has left its marks here: two versions of the file stand in it")
            .label("of a merge")
            .help("keep what is meant of the two and remove the lines of `<`, `=` and `>`");
    Some(match lines.find(|place| begins(place, ">>>>>>>")) {
        Some(last) => problem.also(last, "and here"),
        None => problem,
    })
}

/// Characters that turn the direction of writing or can't stand in a text file: what a reviewer sees would not be what is read.
fn invisible(text: &str) -> Vec<Problem> {
    let hidden = |c: char| {
        matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}') || (c.is_control() && !matches!(c, '\t' | '\n' | '\r'))
    };
    text.char_indices()
        .filter(|(_, c)| hidden(*c))
        .take(MOST_INVISIBLE)
        .map(|(at, c)| {
            let message = format!("the file holds U+{:04X}, which can't be seen in a review", c as u32);
            Problem::error("C115", "", Some(at..at + c.len_utf8()), message).label("here").help("remove it")
        })
        .collect()
}

/// A key or table that stands twice, with the place where it stands first if that is sure.
fn duplicate(text: &str, table: &DeTable<'_>, span: Option<Range<usize>>) -> Problem {
    let Some(span) = span else { return Problem::error("C102", "", None, "a key stands twice") };
    let key = text.get(span.clone()).unwrap_or_default();
    let name = key.trim_matches(['"', '\'']);
    let line_of = |at: usize| text[text[..at].rfind('\n').map_or(0, |newline| newline + 1)..].lines().next().unwrap_or_default();
    let is_header = |at: usize| line_of(at).trim_start().starts_with('[');
    let first = if is_header(span.start) {
        // The reader has put both tables together and forgotten the first header.
        let header = line_of(span.start).trim();
        text.lines()
            .find(|line| line.trim() == header)
            .map(|line| line.as_ptr() as usize - text.as_ptr() as usize)
            .map(|at| at + line_of(at).find(key).unwrap_or(0))
            .map(|at| at..at + key.len())
    } else {
        let mut places = Vec::new();
        places_of(table, name, &mut places);
        places.into_iter().filter(|place| place.start < span.start && !is_header(place.start)).max_by_key(|place| place.start)
    };
    let first = first.filter(|place| place.start < span.start);
    let what = if is_header(span.start) { "table" } else { "key" };
    let problem = Problem::error("C102", name, Some(span), format!("the {what} `{}` stands twice", super::section::clip(name)))
        .label("again here")
        .help(format!("TOML allows each {what} once; put them together"));
    match first {
        Some(place) => problem.also(place, "first here"),
        None => problem,
    }
}

/// Where a key stands, by its dotted path (`move-tables.tables`); where the path ends sooner, the table that is there. None for a text
/// that is no TOML, or has nothing of it.
pub fn span_of_key(text: &str, path: &str) -> Option<Range<usize>> {
    let (table, _) = parse(text);
    let table = table?;
    let (mut place, mut inside) = (None, Some(&table));
    for name in path.split('.') {
        let Some((key, value)) = inside.and_then(|table| table.iter().find(|(key, _)| key.get_ref() == name)) else { break };
        place = Some(key.span());
        inside = match value.get_ref() {
            DeValue::Table(inner) => Some(inner),
            _ => None,
        };
    }
    place
}

fn places_of(table: &DeTable<'_>, name: &str, places: &mut Vec<Range<usize>>) {
    for (key, value) in table {
        if key.get_ref() == name {
            places.push(key.span());
        }
        if let DeValue::Table(inner) = value.get_ref() {
            places_of(inner, name, places);
        }
    }
}

/// The span, widened to whole characters and kept inside the text.
fn on_boundaries(text: &str, span: Range<usize>) -> Range<usize> {
    let mut start = span.start.min(text.len());
    while !text.is_char_boundary(start) {
        start -= 1;
    }
    let mut end = span.end.clamp(start, text.len());
    while !text.is_char_boundary(end) {
        end += 1;
    }
    start..end
}
