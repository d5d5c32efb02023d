//! Text that Vitess passes on without looking at it. Messages go through [`crate::cluster::printable`], which also cuts row data
//! out; here is what is no message.

/// One line of text: what is not UTF-8 becomes U+FFFD, control characters are escaped, so that nothing of it moves a cursor.
pub(crate) fn text(bytes: &[u8]) -> String {
    escape(&String::from_utf8_lossy(bytes), |_| false)
}

/// The same of bytes that nobody else needs: nearly all of them are such a line already.
pub(crate) fn owned_text(bytes: Vec<u8>) -> String {
    match String::from_utf8(bytes) {
        Ok(text) if !text.chars().any(moves_a_cursor) => text,
        Ok(text) => escape(&text, |_| false),
        Err(error) => text(error.as_bytes()),
    }
}

/// Text whose lines mean something, such as a table's definition: line ends and tabs stay.
pub(crate) fn lines(bytes: &[u8]) -> String {
    escape(&String::from_utf8_lossy(bytes), |c| c == '\n' || c == '\t')
}

fn escape(text: &str, keep: impl Fn(char) -> bool) -> String {
    let mut clean = String::with_capacity(text.len());
    for c in text.chars() {
        if moves_a_cursor(c) && !keep(c) {
            clean.extend(c.escape_default());
        } else {
            clean.push(c);
        }
    }
    clean
}

/// Or deceives a reader as if it did: the marks that turn the direction of writing are no control characters to Rust.
fn moves_a_cursor(c: char) -> bool {
    c.is_control() || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_that_is_not_utf8_is_shown_and_cannot_move_the_cursor() {
        assert_eq!(text(b"caf\xe9 \x1b[2J\r\n"), "caf\u{fffd} \\u{1b}[2J\\r\\n");
        for bytes in [b"caf\xe9 \x1b[2J".as_slice(), "a\u{202e}b".as_bytes(), b"select 1"] {
            assert_eq!(owned_text(bytes.to_vec()), text(bytes));
        }
        assert_eq!(text("a\u{202e}b".as_bytes()), "a\\u{202e}b");
        assert_eq!(lines(b"a (\n\tb\x07"), "a (\n\tb\\u{7}");
    }
}
