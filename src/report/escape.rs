//! The one door for text from servers, files and people on its way to a screen, a log or a line of JSON.

use std::fmt::Write as _;

use serde::Serialize;

use crate::cluster::printable;
use crate::model::name::is_invisible;

/// Longer texts are cut on a screen. vtctld's errors can hold one line for each of a hundred tablets.
const MOST_CHARACTERS: usize = 1_000;

/// The text as one line of visible characters: what a terminal would act on, or what turns or hides text, is written as an escape;
/// line ends and tabs become spaces; statements and row data are cut, as is what is too long.
pub fn escape(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let line: String = text.chars().map(|c| if matches!(c, '\n' | '\r' | '\t') { ' ' } else { c }).collect();
    for (count, c) in printable(line.as_bytes()).chars().enumerate() {
        if count == MOST_CHARACTERS {
            shown.push('…');
            break;
        }
        if hides(c) {
            // Writing to a text does not fail.
            if write!(shown, "{}", c.escape_unicode()).is_err() {
                shown.push(char::REPLACEMENT_CHARACTER);
            }
        } else {
            shown.push(c);
        }
    }
    shown
}

/// A value as one line of JSON. Characters that hide or turn text are written as JSON escapes, so nothing is lost and nothing acts.
pub fn json_line<T: Serialize>(value: &T) -> serde_json::Result<String> {
    let line = serde_json::to_string(value)?;
    let mut shown = String::with_capacity(line.len());
    for c in line.chars() {
        if hides(c) {
            let mut units = [0; 2];
            for unit in c.encode_utf16(&mut units) {
                shown.push_str(&format!("\\u{unit:04x}"));
            }
        } else {
            shown.push(c);
        }
    }
    Ok(shown)
}

/// Everything that a reader could not see, or would see elsewhere than it stands.
fn hides(c: char) -> bool {
    is_invisible(c)
        || matches!(
            c,
            '\u{ad}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{180e}' | '\u{2028}' | '\u{2029}' | '\u{3164}' | '\u{ffa0}'
        )
        || matches!(c, '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOSTILE: &str =
        "a\u{1b}[2Jb\u{1b}]0;title\u{7}c\r\nREADY\td\u{202e}txet\u{202c}e\u{9b}31mf\u{200b}g\u{e0041}h\u{61c}i\u{2028}j";

    #[test]
    fn hostile_text_stays_one_line_of_visible_characters() {
        assert_eq!(
            escape(HOSTILE),
            r"a\u{1b}[2Jb\u{1b}]0;title\u{7}c  READY d\u{202e}txet\u{202c}e\u{9b}31mf\u{200b}g\u{e0041}h\u{61c}i\u{2028}j"
        );
        assert_eq!(escape("größe 表 é"), "größe 表 é");
    }

    #[test]
    fn row_data_is_cut_and_so_is_what_is_too_long() {
        assert_eq!(escape("Deadlock during query: insert into t values ('alice')"), "Deadlock during query: …");
        let long = escape(&"x".repeat(5_000));
        assert_eq!((long.chars().count(), long.chars().last()), (MOST_CHARACTERS + 1, Some('…')));
    }

    #[test]
    fn json_keeps_every_character_and_shows_none_that_acts() {
        let line = json_line(&HOSTILE).unwrap();
        assert!(!line.chars().any(hides), "{line}");
        assert_eq!(serde_json::from_str::<String>(&line).unwrap(), HOSTILE);
    }
}
