//! Counts, lengths of time and lists, as people read them.

use jiff::Timestamp;

use crate::family::{Side, Traffic};

/// "1,204,331".
pub fn count(number: impl Into<i128>) -> String {
    let number: i128 = number.into();
    let digits = number.unsigned_abs().to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3 + 1);
    if number < 0 {
        grouped.push('-');
    }
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// "1 table", "400 tables".
pub fn counted(number: usize, word: &str) -> String {
    let grouped = count(i128::try_from(number).unwrap_or(i128::MAX));
    if number == 1 { format!("{grouped} {word}") } else { format!("{grouped} {word}s") }
}

/// The first of them, and how many more: "a, b and 3 more".
pub fn names<T: AsRef<str>>(all: &[T], most: usize) -> String {
    let shown = if all.len() <= most + 1 { all.len() } else { most };
    let mut text = all[..shown].iter().map(AsRef::as_ref).collect::<Vec<_>>().join(", ");
    if shown < all.len() {
        text.push_str(&format!(" and {} more", count(i128::try_from(all.len() - shown).unwrap_or(i128::MAX))));
    }
    text
}

/// A length of time, as coarse as its size allows: "45 s", "5 min 10 s", "28 min", "2 h 5 min", "3 d 4 h".
pub fn length(seconds: impl Into<i128>) -> String {
    let seconds: i128 = Into::<i128>::into(seconds).max(0);
    let two = |big: i128, big_unit: &str, small: i128, small_unit: &str| match small {
        0 => format!("{big} {big_unit}"),
        _ => format!("{big} {big_unit} {small} {small_unit}"),
    };
    match seconds {
        0..60 => format!("{seconds} s"),
        60..600 => two(seconds / 60, "min", seconds % 60, "s"),
        600..3_600 => format!("{} min", seconds / 60),
        3_600..86_400 => two(seconds / 3_600, "h", seconds % 3_600 / 60, "min"),
        _ => two(seconds / 86_400, "d", seconds % 86_400 / 3_600, "h"),
    }
}

/// "2.1 s", "45 s", "5 min 10 s".
pub fn length_of_milliseconds(milliseconds: u64) -> String {
    if milliseconds < 10_000 {
        format!("{}.{} s", milliseconds / 1_000, milliseconds % 1_000 / 100)
    } else {
        length(milliseconds / 1_000)
    }
}

/// `02:14:07Z`
pub fn clock(at: Timestamp) -> String {
    at.strftime("%H:%M:%SZ").to_string()
}

/// `2026-11-20`
pub fn day(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d").to_string()
}

/// `2026-11-20 02:14:07Z`
pub fn moment(at: Timestamp) -> String {
    format!("{} {}", day(at), clock(at))
}

/// "in 28 min", "3 s ago", "now".
pub fn away(at: Timestamp, now: Timestamp) -> String {
    match at.duration_since(now).as_secs() {
        0 => "now".into(),
        ahead @ 1.. => format!("in {}", length(ahead)),
        behind => format!("{} ago", length(i128::from(behind).abs())),
    }
}

/// Who serves what: "reads and writes at `commerce`".
pub fn traffic(traffic: &Traffic, source: &str, target: &str) -> String {
    let at = |side| match side {
        Side::Source => format!("at `{source}`"),
        Side::Target => format!("at `{target}`"),
        Side::Mixed => "MIXED: not every table and cell agrees".to_owned(),
    };
    let Traffic { rdonly, replica, primary } = *traffic;
    match (rdonly == replica, replica == primary) {
        (true, true) => format!("reads and writes {}", at(primary)),
        (true, false) => format!("reads {}, writes {}", at(replica), at(primary)),
        (false, true) => format!("rdonly reads {}, replica reads and writes {}", at(rdonly), at(primary)),
        (false, false) => format!("rdonly reads {}, replica reads {}, writes {}", at(rdonly), at(replica), at(primary)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_by_three() {
        let shown: Vec<String> = [0, 7, 999, 1_000, 1_204_331, -1_000].into_iter().map(|n: i64| count(n)).collect();
        assert_eq!(shown, ["0", "7", "999", "1,000", "1,204,331", "-1,000"]);
    }

    #[test]
    fn a_long_list_says_how_much_it_leaves_out() {
        assert_eq!(names(&["a", "b", "c"], 2), "a, b, c", "leaving out one saves nothing");
        assert_eq!(names(&["a", "b", "c", "d"], 2), "a, b and 2 more");
    }

    #[test]
    fn lengths_have_two_units_at_most() {
        let shown: Vec<String> =
            [-5, 0, 59, 60, 599, 1_680, 3_600, 7_500, 86_400, 275_000].into_iter().map(|s: i64| length(s)).collect();
        assert_eq!(shown, ["0 s", "0 s", "59 s", "1 min", "9 min 59 s", "28 min", "1 h", "2 h 5 min", "1 d", "3 d 4 h"]);
        assert_eq!(length_of_milliseconds(2_149), "2.1 s");
    }

    #[test]
    fn traffic_is_said_once_where_it_is_the_same() {
        let of = |rdonly, replica, primary| traffic(&Traffic { rdonly, replica, primary }, "a", "b");
        use Side::{Mixed, Source, Target};
        assert_eq!(of(Source, Source, Source), "reads and writes at `a`");
        assert_eq!(of(Target, Target, Source), "reads at `b`, writes at `a`");
        assert_eq!(of(Target, Source, Source), "rdonly reads at `b`, replica reads and writes at `a`");
        assert_eq!(
            of(Target, Mixed, Source),
            "rdonly reads at `b`, replica reads MIXED: not every table and cell agrees, writes at `a`"
        );
    }
}
