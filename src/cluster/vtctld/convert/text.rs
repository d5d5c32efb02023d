//! Text that Vitess passes on without looking at it. Messages go through [`crate::cluster::printable`], which also cuts row data
//! out; here is what is no message.

/// One line of text: what is not UTF-8 becomes U+FFFD, control characters are escaped, so that nothing of it moves a cursor.
pub(crate) fn text(bytes: &[u8]) -> String {
    escape(&String::from_utf8_lossy(bytes), |_| false)
}

/// Text whose lines mean something, such as a table's definition: line ends and tabs stay.
pub(crate) fn lines(bytes: &[u8]) -> String {
    escape(&String::from_utf8_lossy(bytes), |c| c == '\n' || c == '\t')
}

fn escape(text: &str, keep: impl Fn(char) -> bool) -> String {
    let mut clean = String::with_capacity(text.len());
    for c in text.chars() {
        // The marks that turn the direction of writing are no control characters to Rust, but they deceive a reader.
        let deceives = matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        if (c.is_control() || deceives) && !keep(c) {
            clean.extend(c.escape_default());
        } else {
            clean.push(c);
        }
    }
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_that_is_not_utf8_is_shown_and_cannot_move_the_cursor() {
        assert_eq!(text(b"caf\xe9 \x1b[2J\r\n"), "caf\u{fffd} \\u{1b}[2J\\r\\n");
        assert_eq!(text("a\u{202e}b".as_bytes()), "a\\u{202e}b");
        assert_eq!(lines(b"a (\n\tb\x07"), "a (\n\tb\\u{7}");
    }
}
