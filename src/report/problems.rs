//! Draws what is wrong with a file: all of it, in the order of the file, each with line, column and the line itself.

use std::fmt;

use miette::{
    Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteError, MietteSpanContents, SourceCode, SourceSpan,
    SpanContents,
};
use serde_json::{Value, json};

use super::place;
use crate::finding::Severity;
use crate::spec::Problem;

/// How to draw.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Drawing {
    pub width: usize,
    pub colour: bool,
    /// Lines of box characters; without it plain ASCII.
    pub unicode: bool,
}

/// More of them help nobody, and a hostile file may have a hundred thousand.
const MOST_DRAWN: usize = 50;
/// Longer lines are named and not drawn.
const LONGEST_LINE_BYTES: usize = 400;

/// The problems of one file, drawn, with a line that counts them. `text` is none where the file couldn't be read as text.
pub fn draw(problems: &[Problem], file: &str, text: Option<&str>, drawing: Drawing) -> String {
    let theme = match (drawing.unicode, drawing.colour) {
        (true, true) => GraphicalTheme { styles: miette::ThemeStyles::ansi(), ..GraphicalTheme::unicode() },
        (true, false) => GraphicalTheme::unicode_nocolor(),
        (false, true) => GraphicalTheme { styles: miette::ThemeStyles::ansi(), ..GraphicalTheme::ascii() },
        (false, false) => GraphicalTheme::none(),
    };
    let handler = GraphicalReportHandler::new_themed(theme)
        .with_width(drawing.width.clamp(40, 200))
        .with_links(false)
        .with_context_lines(1)
        .tab_width(4);
    let file = visible_line(file);
    let shown = text.map(visible);
    let mut drawn = String::new();
    for problem in problems.iter().take(MOST_DRAWN) {
        let drawable = Drawable { problem, source: shown.as_deref().map(|text| Shown { name: &file, text }) };
        if let (Some(text), Some(span)) = (text, &problem.span)
            && place::longest_line(text, span) > LONGEST_LINE_BYTES
        {
            let drawable = Drawable { problem, source: None };
            let at = place::of(text, span.start);
            render(&handler, &mut drawn, &drawable);
            drawn.push_str(&format!("  at {file}:{}:{}, on a line too long to draw\n\n", at.line, at.column));
            continue;
        }
        render(&handler, &mut drawn, &drawable);
        if problem.span.is_none() {
            drawn.push_str(&format!("  in {file}\n"));
        }
        drawn.push('\n');
    }
    if problems.len() > MOST_DRAWN {
        drawn.push_str(&format!("and {} more\n\n", problems.len() - MOST_DRAWN));
    }
    drawn.push_str(&format!("{file}: {}\n", count(problems)));
    drawn
}

fn render(handler: &GraphicalReportHandler, drawn: &mut String, drawable: &Drawable<'_>) {
    // Writing to a text can't fail; should drawing do so, the message is what must not be lost.
    if handler.render_report(drawn, drawable).is_err() {
        drawn.push_str(&format!("{}: {}\n", drawable.problem.code, drawable));
    }
}

/// "2 errors, 1 warning".
pub fn count(problems: &[Problem]) -> String {
    let errors = problems.iter().filter(|problem| problem.is_error()).count();
    let warnings = problems.len() - errors;
    let words = |count: usize, word: &str| format!("{count} {word}{}", if count == 1 { "" } else { "s" });
    match (errors, warnings) {
        (errors, 0) => words(errors, "error"),
        (0, warnings) => words(warnings, "warning"),
        (errors, warnings) => format!("{}, {}", words(errors, "error"), words(warnings, "warning")),
    }
}

/// The problems as JSON: code, severity, path, message, help, and line and column where there is a place.
pub fn json(problems: &[Problem], text: Option<&str>) -> Value {
    let of = |problem: &Problem| {
        let advice: Vec<&str> =
            [problem.label.as_str(), problem.help.as_str()].into_iter().filter(|text| !text.is_empty()).collect();
        let mut value = json!({
            "code": problem.code,
            "severity": problem.severity,
            "path": problem.path,
            "message": problem.message,
            "help": advice.join("; "),
        });
        if let (Some(text), Some(span)) = (text, &problem.span) {
            let (start, end) = (place::of(text, span.start), place::of(text, span.end));
            value["start"] = json!({ "line": start.line, "column": start.column, "byte": span.start });
            value["end"] = json!({ "line": end.line, "column": end.column, "byte": span.end });
        }
        value
    };
    Value::Array(problems.iter().map(of).collect())
}

/// The text with everything that a terminal would act on, or that can't be seen, replaced by characters of the same length in
/// bytes, so that places stay what they are. Line ends become plain ones, and what logs in by a URL is starred out.
pub fn visible(text: &str) -> String {
    let text = &crate::cluster::without_user_info(text);
    let mut shown = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    if characters.next_if_eq(&'\u{feff}').is_some() {
        // A byte order mark is no part of the first line; this space is as long.
        shown.push('\u{2002}');
    }
    while let Some(c) = characters.next() {
        match c {
            '\n' | '\t' => shown.push(c),
            '\r' if characters.peek() == Some(&'\n') => shown.push(' '),
            c if crate::model::name::is_invisible(c) => shown.push(match c.len_utf8() {
                1 => '?',
                2 => '¿',
                _ => '\u{fffd}',
            }),
            c => shown.push(c),
        }
    }
    shown
}

/// As [`visible`], for what has to stay on one line.
pub fn visible_line(text: &str) -> String {
    visible(text).replace(['\n', '\t'], "?")
}

struct Drawable<'a> {
    problem: &'a Problem,
    source: Option<Shown<'a>>,
}

/// A text with its name. miette counts columns in bytes; people, and our JSON, in characters.
#[derive(Debug)]
struct Shown<'a> {
    name: &'a str,
    text: &'a str,
}

impl SourceCode for Shown<'_> {
    fn read_span<'b>(
        &'b self,
        span: &SourceSpan,
        lines_before: usize,
        lines_after: usize,
    ) -> Result<Box<dyn SpanContents<'b> + 'b>, MietteError> {
        let read = self.text.read_span(span, lines_before, lines_after)?;
        let column = if lines_before == 0 { place::of(self.text, span.offset()).column - 1 } else { read.column() };
        let name = self.name.to_owned();
        Ok(Box::new(MietteSpanContents::new_named(name, read.data(), *read.span(), read.line(), column, read.line_count())))
    }
}

impl fmt::Debug for Drawable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.problem, f)
    }
}

impl fmt::Display for Drawable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&visible_line(&self.problem.message))
    }
}

impl std::error::Error for Drawable<'_> {}

impl Diagnostic for Drawable<'_> {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        let word = if self.problem.is_error() { "error" } else { "warning" };
        Some(Box::new(format!("{word}[{}]", self.problem.code)))
    }

    fn severity(&self) -> Option<miette::Severity> {
        Some(match self.problem.severity {
            Severity::Error => miette::Severity::Error,
            Severity::Warning => miette::Severity::Warning,
            Severity::Note => miette::Severity::Advice,
        })
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        (!self.problem.help.is_empty()).then(|| Box::new(visible_line(&self.problem.help)) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.source.as_ref().map(|source| source as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        self.source.as_ref()?;
        let span = self.problem.span.clone()?;
        let text = |label: &str| (!label.is_empty()).then(|| visible_line(label));
        let mut labels = vec![LabeledSpan::new_primary_with_span(text(&self.problem.label), span)];
        if let Some((span, label)) = &self.problem.also {
            labels.push(LabeledSpan::new_with_span(text(label), span.clone()));
        }
        Some(Box::new(labels.into_iter()))
    }
}

#[cfg(test)]
#[path = "problems_tests.rs"]
mod tests;
