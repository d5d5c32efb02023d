//! Lines of styled text, wrapped to a width. All text goes through [`escape`] here, so no page can show what it must not.

use anstyle::{AnsiColor, Style};
use unicode_width::UnicodeWidthStr;

use super::escape::escape;
use super::problems::Drawing;

/// A piece of text of one style.
#[derive(Debug, Clone)]
pub struct Span {
    text: String,
    style: Style,
}

fn span(text: impl AsRef<str>, style: Style) -> Span {
    Span { text: escape(text.as_ref()), style }
}

pub fn plain(text: impl AsRef<str>) -> Span {
    span(text, Style::new())
}

pub fn bold(text: impl AsRef<str>) -> Span {
    span(text, Style::new().bold())
}

pub fn dim(text: impl AsRef<str>) -> Span {
    span(text, Style::new().dimmed())
}

pub fn good(text: impl AsRef<str>) -> Span {
    span(text, AnsiColor::Green.on_default())
}

pub fn bad(text: impl AsRef<str>) -> Span {
    span(text, AnsiColor::Red.on_default().bold())
}

pub fn caution(text: impl AsRef<str>) -> Span {
    span(text, AnsiColor::Yellow.on_default())
}

pub fn command(text: impl AsRef<str>) -> Span {
    span(text, AnsiColor::Cyan.on_default())
}

impl Span {
    pub fn width(&self) -> usize {
        self.text.width()
    }
}

/// A text that grows line by line.
#[derive(Debug)]
pub struct Page {
    drawing: Drawing,
    text: String,
}

impl Page {
    pub fn new(drawing: Drawing) -> Self {
        Self { drawing, text: String::new() }
    }

    pub fn drawing(&self) -> Drawing {
        self.drawing
    }

    /// Text that wraps, each line indented.
    pub fn line(&mut self, indent: usize, spans: &[Span]) {
        self.item(indent, &[], spans);
    }

    /// A label and text that wraps beside it.
    pub fn item(&mut self, indent: usize, label: &[Span], spans: &[Span]) {
        let hang = indent + label.iter().map(Span::width).sum::<usize>();
        let mut line = Line::new(indent);
        for span in label {
            line.push(span);
        }
        let mut column = hang;
        for (at, word) in words(spans).into_iter().enumerate() {
            let width: usize = word.iter().map(Span::width).sum();
            if at > 0 && column + 1 + width > self.drawing.width {
                self.end(std::mem::replace(&mut line, Line::new(hang)));
                column = hang;
            } else if at > 0 {
                line.space();
                column += 1;
            }
            for span in &word {
                line.push(span);
            }
            column += width;
        }
        self.end(line);
    }

    /// A line that isn't wrapped, so that it can be copied whole.
    pub fn verbatim(&mut self, indent: usize, spans: &[Span]) {
        let mut line = Line::new(indent);
        for span in spans {
            line.push(span);
        }
        self.end(line);
    }

    pub fn command(&mut self, indent: usize, text: &str) {
        self.verbatim(indent, &[command(text)]);
    }

    /// An empty line, never two.
    pub fn gap(&mut self) {
        if !self.text.is_empty() && !self.text.ends_with("\n\n") {
            self.text.push('\n');
        }
    }

    pub fn finish(self) -> String {
        self.text
    }

    fn end(&mut self, line: Line) {
        let mut text = " ".repeat(line.indent);
        // A CI system acts on a line that begins so, wherever its text comes from.
        if line.runs.first().is_some_and(|first| ["::", "##["].iter().any(|mark| first.text.trim_start().starts_with(mark))) {
            text.push('\\');
        }
        let last = line.runs.len().saturating_sub(1);
        for (at, run) in line.runs.iter().enumerate() {
            let shown = if at == last { run.text.trim_end_matches(' ') } else { run.text.as_str() };
            if self.drawing.colour && run.style != Style::new() && !shown.is_empty() {
                text.push_str(&format!("{}{shown}{}", run.style.render(), run.style.render_reset()));
            } else {
                text.push_str(shown);
            }
        }
        self.text.push_str(text.trim_end_matches(' '));
        self.text.push('\n');
    }
}

/// A line that grows by runs of one style.
struct Line {
    indent: usize,
    runs: Vec<Span>,
    /// A space that belongs to the next run if that looks like the last.
    is_space_due: bool,
}

impl Line {
    fn new(indent: usize) -> Self {
        Self { indent, runs: vec![], is_space_due: false }
    }

    fn space(&mut self) {
        self.is_space_due = true;
    }

    fn push(&mut self, span: &Span) {
        let space = if std::mem::take(&mut self.is_space_due) { " " } else { "" };
        match self.runs.last_mut() {
            Some(last) if last.style == span.style => last.text.push_str(&format!("{space}{}", span.text)),
            _ => {
                if !space.is_empty() {
                    self.runs.push(Span { text: space.to_owned(), style: Style::new() });
                }
                self.runs.push(span.clone());
            }
        }
    }
}

/// The spans as words; a word may have several styles.
fn words(spans: &[Span]) -> Vec<Vec<Span>> {
    let mut words: Vec<Vec<Span>> = vec![vec![]];
    for span in spans {
        for (at, part) in span.text.split(' ').enumerate() {
            if at > 0 {
                words.push(vec![]);
            }
            if !part.is_empty()
                && let Some(word) = words.last_mut()
            {
                word.push(Span { text: part.to_owned(), style: span.style });
            }
        }
    }
    words.retain(|word| !word.is_empty());
    let mut joined: Vec<Vec<Span>> = Vec::with_capacity(words.len());
    for word in words {
        match joined.last_mut() {
            // "5 s" stays on one line.
            Some(last) if is_number(last) && is_unit(&word) => {
                let style = last[0].style;
                last.push(Span { text: " ".to_owned(), style });
                last.extend(word);
            }
            _ => joined.push(word),
        }
    }
    joined
}

fn is_number(word: &[Span]) -> bool {
    matches!(word, [only] if only.text.chars().all(|c| c.is_ascii_digit() || c == '.' || c == ','))
}

fn is_unit(word: &[Span]) -> bool {
    const UNITS: [&str; 5] = ["s", "ms", "min", "h", "d"];
    word.first().is_some_and(|first| UNITS.contains(&first.text.trim_end_matches([',', '.', ';', ':', ')', '?'])))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NARROW: Drawing = Drawing { width: 20, colour: false, unicode: true };

    #[test]
    fn text_wraps_beside_its_label() {
        let mut page = Page::new(NARROW);
        page.item(2, &[bold("C201 ")], &[plain("a table without"), plain(" a "), bold("key"), plain(", too wide表表")]);
        page.gap();
        page.gap();
        page.command(2, "cutover approve switch-primary --reason TEXT");
        assert_eq!(
            page.finish(),
            "  C201 a table\n       without a\n       key, too\n       wide表表\n\n  cutover approve switch-primary --reason TEXT\n"
        );
    }

    #[test]
    fn a_number_stays_with_its_unit() {
        let mut page = Page::new(NARROW);
        page.line(0, &[plain("its locks stay for 45 s, at most")]);
        assert_eq!(page.finish(), "its locks stay for\n45 s, at most\n");
    }

    #[test]
    fn nothing_from_outside_colours_or_ends_a_line() {
        let mut page = Page::new(Drawing { colour: true, ..NARROW });
        page.line(0, &[good("a\u{1b}[0m\nb")]);
        assert_eq!(page.finish(), "\u{1b}[32ma\\u{1b}[0m b\u{1b}[0m\n");
    }

    #[test]
    fn no_wrapped_line_begins_with_a_command_for_a_ci_system() {
        let mut page = Page::new(NARROW);
        page.line(0, &[plain("::error::a refusal of a server ::add-mask::x")]);
        page.verbatim(2, &[plain(" ##[error]x")]);
        assert!(page.finish().lines().all(|line| !line.trim_start().starts_with(['#', ':'])));
    }
}
