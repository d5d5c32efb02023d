//! Text from outside, made fit to print, to log and to keep.

use std::fmt::Write as _;

/// What stands in the place of what was taken out.
const CUT: &str = "…";

/// From these on Vitess quotes a statement or its values (`go/mysql/sqlerror/sql_error.go`,
/// `go/vt/vttablet/tabletserver/tabletserver.go`). A statement has no end mark, so everything after it goes.
const STATEMENT_MARKS: [&str; 3] = ["during query:", "Sql: \"", "BindVars: {"];

/// MySQL's errors that quote a value, and what follows the value.
const VALUE_MARKS: [(&str, &str); 2] = [("Duplicate entry '", "' for key"), ("value: '", "' for column")];

/// The text with everything taken out that must not reach a terminal, a log or a record: bytes that are not UTF-8 and
/// control characters are replaced, as are characters that turn or hide text; statements and values of rows are cut.
/// Line ends stay.
pub fn printable(text: &[u8]) -> String {
    escaped(&without_row_data(&String::from_utf8_lossy(text)))
}

fn without_row_data(text: &str) -> String {
    let end_of = |mark: &str| text.find(mark).map(|at| at + mark.len());
    let mut text = match STATEMENT_MARKS.iter().filter_map(|mark| end_of(mark)).min() {
        Some(end) => format!("{} {CUT}", &text[..end]),
        None => text.to_owned(),
    };
    for (before, after) in VALUE_MARKS {
        let mut from = 0;
        while let Some(start) = text[from..].find(before).map(|at| from + at + before.len()) {
            let end = text[start..].find(after).map_or(text.len(), |at| start + at);
            text.replace_range(start..end, CUT);
            from = start + CUT.len();
        }
    }
    text
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        if character != '\n' && (character.is_control() || is_invisible(character)) {
            // Writing to a String does not fail.
            if write!(out, "{}", character.escape_default()).is_err() {
                out.push(char::REPLACEMENT_CHARACTER);
            }
        } else {
            out.push(character);
        }
    }
    out
}

/// Characters without a shape that change the direction or the look of what stands around them.
fn is_invisible(character: char) -> bool {
    matches!(
        character,
        '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{2069}' | '\u{FEFF}'
    )
}

/// The text, as long as before in bytes, with a star for each byte between `://` and `@`: where a URL holds a user and a password.
pub fn without_user_info(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(begin) = rest.find("://").map(|at| at + "://".len()) {
        let (before, after) = rest.split_at(begin);
        shown.push_str(before);
        // A password may hold anything but what ends the text that the URL stands in.
        let end = after.find(['"', '\'', '\n', '\r']).unwrap_or(after.len());
        let hidden = after.get(..end).and_then(|url| url.rfind('@')).unwrap_or(0);
        shown.push_str(&"*".repeat(hidden));
        rest = &after[hidden..];
    }
    shown.push_str(rest);
    shown
}

#[cfg(test)]
mod tests {
    use super::{printable, without_user_info};

    #[test]
    fn a_user_and_a_password_in_a_url_are_hidden_and_places_stay() {
        for (text, shown) in [
            ("topo = \"etcd://root:hunter2@a:1/v\"", "topo = \"etcd://************@a:1/v\""),
            ("etcd://h/u@n@t€r@a:1/v", "etcd://***********@a:1/v"),
            ("'http://a@b' and 'http://c@d'", "'http://*@b' and 'http://*@d'"),
            ("etcd://a:1/v\n\"x@y\"", "etcd://a:1/v\n\"x@y\""),
            ("no url, a@b", "no url, a@b"),
        ] {
            assert_eq!(without_user_info(text), shown);
            assert_eq!(shown.len(), text.len());
        }
    }

    #[test]
    fn statements_are_cut_to_the_end() {
        let text = b"failed inserting rows: Deadlock found (errno 1213) (sqlstate 40001) during query: insert into \
            customer(email) values ('alice@example.com')\nsecond line of it";
        assert_eq!(printable(text), "failed inserting rows: Deadlock found (errno 1213) (sqlstate 40001) during query: …");
        assert_eq!(
            printable(b"target: customer.-80.primary: vttablet: (errno 1054) (CallerID: app): Sql: \"select 'alice'\""),
            "target: customer.-80.primary: vttablet: (errno 1054) (CallerID: app): Sql: \" …"
        );
    }

    #[test]
    fn values_of_rows_are_cut() {
        assert_eq!(
            printable(
                b"Duplicate entry 'alice@example.com' for key 'customer.email' (errno 1062)\nDuplicate entry 'bob' for key 'x'"
            ),
            "Duplicate entry '…' for key 'customer.email' (errno 1062)\nDuplicate entry '…' for key 'x'"
        );
        assert_eq!(
            printable(b"Incorrect integer value: 'alice' for column 'age' at row 1"),
            "Incorrect integer value: '…' for column 'age' at row 1"
        );
        assert_eq!(printable(b"Truncated incorrect DOUBLE value: 'alice' (errno 1292)"), "Truncated incorrect DOUBLE value: '…");
    }

    #[test]
    fn terminals_are_not_told_anything() {
        assert_eq!(
            printable(b"a\x1b[2Jb\x07\xffc\r\nd\xe2\x80\xae\xc2\x9b"),
            "a\\u{1b}[2Jb\\u{7}\u{FFFD}c\\r\nd\\u{202e}\\u{9b}"
        );
        assert_eq!(printable("größe 表".as_bytes()), "größe 表");
    }
}
