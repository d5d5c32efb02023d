//! Refuses what only TOML 1.1 knows. The `toml` crate reads 1.1; editors, linters and other readers of a plan file often don't,
//! and a file that two readers understand differently can't be reviewed.

use std::ops::Range;

use toml_parser::decoder::Encoding;
use toml_parser::parser::{Event, EventKind, RecursionGuard, parse_document};
use toml_parser::{ParseError, Source};

use super::problem::Problem;

/// Deeper nesting is an error of the reader that does the work.
const MOST_NESTED: u32 = 80;

/// The places of a text that TOML 1.0 doesn't allow and 1.1 does: line breaks, comments and a last comma in inline tables, and
/// the escapes `\e` and `\x`.
pub fn newer_forms(text: &str) -> Vec<Problem> {
    let source = Source::new(text);
    let tokens = source.lex().into_vec();
    let mut events: Vec<Event> = Vec::with_capacity(tokens.len());
    let mut receiver = |event: Event| events.push(event);
    let mut receiver = RecursionGuard::new(&mut receiver, MOST_NESTED);
    // Errors are reported by the reader that does the work.
    let mut ignored: Vec<ParseError> = Vec::new();
    parse_document(&tokens, &mut receiver, &mut ignored);

    let mut problems = Vec::new();
    let mut report = |span: Range<usize>, message: &str, help: &str| {
        problems.push(Problem::error("C101", "", Some(span), message).label("TOML 1.1").help(help));
    };
    // What is open: true for an inline table.
    let mut open: Vec<bool> = Vec::new();
    let mut last_comma: Option<Range<usize>> = None;
    let mut reported_break = false;
    for event in &events {
        let span = event.span().start()..event.span().end();
        let inline = open.last().copied().unwrap_or(false);
        match event.kind() {
            EventKind::InlineTableOpen => {
                open.push(true);
                reported_break = false;
            }
            EventKind::ArrayOpen => open.push(false),
            EventKind::ArrayClose => {
                open.pop();
            }
            EventKind::InlineTableClose => {
                if let Some(comma) = last_comma.take() {
                    report(comma, "an inline table may not end in a comma", "remove the comma");
                }
                open.pop();
            }
            EventKind::Newline if inline && !reported_break => {
                reported_break = true;
                report(span.clone(), "an inline table must stand on one line", "write it as a table of its own: `[name]`");
            }
            EventKind::SimpleKey | EventKind::Scalar => {
                if matches!(event.encoding(), Some(Encoding::BasicString | Encoding::MlBasicString))
                    && let Some(at) = newer_escape(text.get(span.clone()).unwrap_or_default())
                {
                    let at = span.start + at;
                    report(at..at + 2, "this escape is not of TOML 1.0", "write `\\u` and four hexadecimal digits");
                }
            }
            _ => {}
        }
        match event.kind() {
            EventKind::ValueSep if inline => last_comma = Some(span),
            EventKind::Whitespace | EventKind::Newline | EventKind::Comment => {}
            _ => last_comma = None,
        }
    }
    problems
}

/// Where a quoted text has `\e` or `\x`.
fn newer_escape(quoted: &str) -> Option<usize> {
    let bytes = quoted.as_bytes();
    let mut at = 0;
    while at + 1 < bytes.len() {
        if bytes[at] == b'\\' {
            if matches!(bytes[at + 1], b'e' | b'x') {
                return Some(at);
            }
            at += 1;
        }
        at += 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<String> {
        newer_forms(text).into_iter().map(|problem| problem.message).collect()
    }

    #[test]
    fn forms_of_toml_1_1_are_found() {
        assert_eq!(found("a = { b = 1, }"), ["an inline table may not end in a comma"]);
        assert_eq!(found("a = { b = 1,\n c = 2 }"), ["an inline table must stand on one line"]);
        assert_eq!(found("a = \"\\e[0m\""), ["this escape is not of TOML 1.0"]);
        assert_eq!(found("a = [\"\\x41\"]"), ["this escape is not of TOML 1.0"]);
    }

    #[test]
    fn forms_of_toml_1_0_are_not() {
        let text = "a = { b = [\n 1,\n], c = 2 }\nd = \"\\\\e \\u0041\"\ne = '\\x'\n[f] # comment\ng = [1, 2,]\n";
        assert_eq!(found(text), Vec::<String>::new());
    }
}
