//! Counts, lengths of time, moments and lists, as people read them: one way to say each, wherever it is said.

use jiff::Timestamp;

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

/// As [`counted`], of numbers that a cluster gives.
pub fn counted_rows(number: i64) -> String {
    if number == 1 { "1 row".to_owned() } else { format!("{} rows", count(number)) }
}

/// All of them: "a, b".
pub fn all<T: AsRef<str>>(each: impl IntoIterator<Item = T>) -> String {
    each.into_iter().map(|one| one.as_ref().to_owned()).collect::<Vec<_>>().join(", ")
}

/// The first of them, and how many more: "a, b and 3 more".
pub fn names<T: AsRef<str>>(all: &[T], most: usize) -> String {
    list(all, most, ", ")
}

/// As [`names`], for what has commas in it.
pub fn list<T: AsRef<str>>(all: &[T], most: usize, between: &str) -> String {
    let shown = if all.len() <= most.saturating_add(1) { all.len() } else { most };
    let mut text = all[..shown].iter().map(AsRef::as_ref).collect::<Vec<_>>().join(between);
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

/// Of data: "512 bytes", "1.5 KiB", "3.0 GiB", "1.2 TiB".
pub fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["bytes", "KiB", "MiB", "GiB", "TiB"];
    let steps = (0..UNITS.len() - 1).take_while(|step| bytes >> (10 * (step + 1)) > 0).count();
    if steps == 0 {
        format!("{bytes} bytes")
    } else {
        format!("{:.1} {}", bytes as f64 / 1024_f64.powi(steps as i32), UNITS[steps])
    }
}

/// "40 ms", "2.1 s", "3 s", "45 s", "5 min 10 s".
pub fn length_of_milliseconds(milliseconds: u64) -> String {
    match (milliseconds, milliseconds % 1_000 / 100) {
        (1..1_000, _) => format!("{milliseconds} ms"),
        (1_000..10_000, tenths @ 1..) => format!("{}.{tenths} s", milliseconds / 1_000),
        _ => length(milliseconds / 1_000),
    }
}

/// " after 2.1 s"; nothing for what took no time that anybody would notice.
pub fn after(milliseconds: u64) -> String {
    if milliseconds < 100 { String::new() } else { format!(" after {}", length_of_milliseconds(milliseconds)) }
}

/// `02:14:07Z`
pub fn clock(at: Timestamp) -> String {
    at.strftime("%H:%M:%SZ").to_string()
}

/// `2026-11-20`
pub fn day(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d").to_string()
}

/// `2026-11-20 02:14:07Z`: the one form in prose. JSON has RFC 3339.
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

/// For telling whether two lines say the same of another moment.
pub fn without_numbers(text: &str) -> String {
    text.chars().filter(|c| !c.is_ascii_digit()).collect()
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
    fn sizes_are_in_the_largest_unit_that_is_whole() {
        let shown = [0, 1_023, 1_536, 100 << 30, 5 << 40].map(size);
        assert_eq!(shown, ["0 bytes", "1023 bytes", "1.5 KiB", "100.0 GiB", "5.0 TiB"]);
    }

    #[test]
    fn lengths_have_two_units_at_most() {
        let shown: Vec<String> =
            [-5, 0, 59, 60, 599, 1_680, 3_600, 7_500, 86_400, 275_000].into_iter().map(|s: i64| length(s)).collect();
        assert_eq!(shown, ["0 s", "0 s", "59 s", "1 min", "9 min 59 s", "28 min", "1 h", "2 h 5 min", "1 d", "3 d 4 h"]);
        let short: Vec<String> = [0, 40, 812, 2_149, 3_000, 45_999].into_iter().map(length_of_milliseconds).collect();
        assert_eq!(short, ["0 s", "40 ms", "812 ms", "2.1 s", "3 s", "45 s"]);
        assert_eq!([after(20), after(2_149)], ["", " after 2.1 s"]);
    }
}
