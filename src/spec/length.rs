//! Lengths of time as people write them: `2h 30m`, `90s`, `1d`.

use jiff::fmt::friendly::SpanParser;
use jiff::{SignedDuration, SpanRelativeTo};

static PARSER: SpanParser = SpanParser::new();

/// A length of time from jiff's friendly format. A day is 24 hours; months and years have no fixed length and are refused.
pub fn parse(text: &str) -> Result<SignedDuration, String> {
    if text.trim().is_empty() {
        return Err("is empty".to_owned());
    }
    if text.trim().bytes().all(|byte| byte.is_ascii_digit()) {
        return Err("has no unit".to_owned());
    }
    // jiff also reads hours:minutes:seconds, which people take for minutes:seconds as often.
    if text.contains(':') {
        return Err("has colons instead of units".to_owned());
    }
    let span = PARSER.parse_span(text).map_err(|_| "is not a length of time".to_owned())?;
    if span.get_months() != 0 || span.get_years() != 0 {
        return Err("has months or years, which have no fixed length".to_owned());
    }
    span.to_duration(SpanRelativeTo::days_are_24_hours()).map_err(|_| "is too long to count".to_owned())
}

/// Seconds in the words that the plan file takes: `2h 30m`.
pub fn words(seconds: u64) -> String {
    milliseconds_words(seconds.saturating_mul(1000))
}

/// Milliseconds in the words that the plan file takes: `1s 500ms`.
pub fn milliseconds_words(milliseconds: u64) -> String {
    let mut rest = milliseconds;
    let mut parts = Vec::new();
    for (unit, size) in [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)] {
        if rest >= size {
            parts.push(format!("{}{unit}", rest / size));
            rest %= size;
        }
    }
    if parts.is_empty() { "0s".to_owned() } else { parts.join(" ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_read_and_written_alike() {
        for (text, seconds) in [("90s", 90), ("2h 30m", 9000), ("1d", 86_400), ("0s", 0), ("1w", 604_800), ("1.5h", 5400)] {
            assert_eq!(parse(text).unwrap().as_secs(), seconds, "{text}");
        }
        assert_eq!(words(9000), "2h 30m");
        assert_eq!(words(90), "1m 30s");
        assert_eq!(words(0), "0s");
        assert_eq!(milliseconds_words(1500), "1s 500ms");
        assert_eq!(parse(&words(123_456)).unwrap().as_secs(), 123_456);
    }

    #[test]
    fn what_is_no_length_is_refused_with_its_reason() {
        assert_eq!(parse("").unwrap_err(), "is empty");
        assert_eq!(parse("30").unwrap_err(), "has no unit");
        assert_eq!(parse("1:30:00").unwrap_err(), "has colons instead of units");
        assert_eq!(parse("soon").unwrap_err(), "is not a length of time");
        assert_eq!(parse("PT30S").unwrap_err(), "is not a length of time");
        assert_eq!(parse("1 month").unwrap_err(), "has months or years, which have no fixed length");
        assert!(parse("99999999999999d").is_err());
    }
}
