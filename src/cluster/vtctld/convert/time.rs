//! Points in time and lengths of time.

use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use crate::cluster::vtctld::generated::vttime;

/// None for no time, for zero, and for what is no time at all: right after create, `time_updated` holds NOW() as a number of the
/// form YYYYMMDDHHMMSS in a column of seconds (vitess-facts 2.5), which lies some 600,000 years ahead.
pub(crate) fn timestamp(time: Option<&vttime::Time>) -> Option<Timestamp> {
    let time = time.filter(|time| time.seconds > 0)?;
    Timestamp::new(time.seconds, time.nanoseconds).ok()
}

/// `YYYY-MM-DD HH:MM:SS` in UTC, as VDiff's tables have it; a fraction may follow.
pub(crate) fn sql_timestamp(text: &str) -> Option<Timestamp> {
    let civil: DateTime = text.parse().ok()?;
    Some(civil.to_zoned(TimeZone::UTC).ok()?.timestamp())
}

pub(crate) fn duration(duration: Duration) -> vttime::Duration {
    vttime::Duration {
        seconds: i64::try_from(duration.as_secs()).unwrap_or(i64::MAX),
        // Below 10^9, so it always fits.
        nanos: i32::try_from(duration.subsec_nanos()).unwrap_or(0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_time_is_none() {
        let at = |seconds| timestamp(Some(&vttime::Time { seconds, nanoseconds: 0 }));
        assert_eq!(timestamp(None), None);
        assert_eq!(at(0), None);
        assert_eq!(at(20_261_120_013_000), None, "YYYYMMDDHHMMSS of a workflow just created");
        assert_eq!(at(1_795_138_200).unwrap().to_string(), "2026-11-20T01:30:00Z");
    }

    #[test]
    fn times_of_vdiff_are_utc() {
        assert_eq!(sql_timestamp("2026-11-20 01:30:00").unwrap().to_string(), "2026-11-20T01:30:00Z");
        assert_eq!(sql_timestamp("0000-00-00 00:00:00"), None);
        assert_eq!(sql_timestamp(""), None);
    }
}
