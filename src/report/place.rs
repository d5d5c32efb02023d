//! Lines and columns of a text.

use std::ops::Range;

/// A place for people: both count from 1, columns in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    pub line: usize,
    pub column: usize,
}

/// The place of a byte of the text; past its end is its end.
pub fn of(text: &str, offset: usize) -> Place {
    let offset = at_boundary(text, offset);
    let before = &text[..offset];
    let start = before.rfind('\n').map_or(0, |at| at + 1);
    let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
    Place { line, column: before[start..].trim_start_matches(['\u{feff}', '\u{2002}']).chars().count() + 1 }
}

/// The last boundary of a character at or before an offset.
fn at_boundary(text: &str, offset: usize) -> usize {
    let mut offset = offset.min(text.len());
    while !text.is_char_boundary(offset) {
        offset -= 1;
    }
    offset
}

/// The longest line that a span touches, in bytes.
pub fn longest_line(text: &str, span: &Range<usize>) -> usize {
    let start = text[..at_boundary(text, span.start)].rfind('\n').map_or(0, |at| at + 1);
    let end = at_boundary(text, span.end);
    let end = text[end..].find('\n').map_or(text.len(), |at| end + at);
    text[start..end].lines().map(str::len).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_count_characters_from_one() {
        let text = "\u{feff}a = 1\nï = 2\n";
        assert_eq!(of(text, 0), Place { line: 1, column: 1 });
        assert_eq!(of(text, 3), Place { line: 1, column: 1 });
        assert_eq!(of(text, text.find('2').unwrap()), Place { line: 2, column: 5 });
        assert_eq!(of(text, 999), Place { line: 3, column: 1 });
    }
}
