//! What a throttler says, of `GetThrottlerStatus` and `CheckThrottler`.

use super::Malformed;
use super::text::text;
use super::time::timestamp;
use crate::cluster::printable;
use crate::cluster::vtctld::generated::tabletmanagerdata as wire;
use crate::cluster::vtctld::generated::topodata::ThrottledAppRule;
use crate::model::throttler::{Throttler, ThrottlerRule};

/// `go/vt/vttablet/tabletserver/throttle/base`, of the tablet itself.
const DATA_DIRECTORY: &str = "self/mysqld-datadir-used-ratio";

/// `check` is what it answered to a stream; none when it was not asked, for it is off.
pub(crate) fn throttler(
    status: &wire::GetThrottlerStatusResponse,
    check: Option<&wire::CheckThrottlerResponse>,
) -> Result<Throttler, Malformed> {
    let refuses = match (status.is_enabled, check) {
        (false, _) => None,
        (true, Some(check)) => refusal(check)?,
        (true, None) => return Err(Malformed::new("a throttler gave no answer to a check")),
    };
    let measured = status.aggregated_metrics.get(DATA_DIRECTORY).filter(|metric| metric.error.is_empty());
    Ok(Throttler {
        is_enabled: status.is_enabled,
        refuses,
        rules: status.throttled_apps.iter().map(|(name, rule)| of_application(name, rule)).collect(),
        data_directory_used_percent: measured.and_then(|metric| percent(metric.value)),
    })
}

fn refusal(check: &wire::CheckThrottlerResponse) -> Result<Option<String>, Malformed> {
    use wire::CheckThrottlerResponseCode as Code;
    let of_metric = |metric: &wire::check_throttler_response::Metric| match Code::try_from(metric.response_code) {
        Ok(Code::ThresholdExceeded) => {
            Some(format!("{} is {:.2}, over its threshold {:.2}", text(metric.name.as_bytes()), metric.value, metric.threshold))
        }
        Ok(Code::Ok) => None,
        // Right after it was turned on nothing has been measured yet, and it says no more than that it refuses.
        _ => Some(format!("{}: {}", text(metric.name.as_bytes()), reason([&metric.error, &metric.message]))),
    };
    let mut metrics: Vec<String> = check.metrics.values().filter_map(of_metric).collect();
    metrics.sort();
    match Code::try_from(check.response_code) {
        Ok(Code::Ok) => Ok(None),
        Ok(Code::AppDenied) => Ok(Some("somebody told it to refuse them".to_owned())),
        Ok(Code::ThresholdExceeded | Code::UnknownMetric | Code::InternalError) => {
            Ok(Some(if metrics.is_empty() { reason([&check.summary, &check.message, &check.error]) } else { metrics.join(", ") }))
        }
        // Before Vitess 22 the code is another field.
        Ok(Code::Undefined) | Err(_) => Err(Malformed::new("a throttler's check has no code")),
    }
}

/// The first of these texts that says something.
fn reason<'a>(texts: impl IntoIterator<Item = &'a Vec<u8>>) -> String {
    let said = texts.into_iter().find(|text| !text.is_empty());
    said.map_or_else(|| "it gives no reason".to_owned(), |said| printable(said))
}

fn of_application(name: &str, rule: &ThrottledAppRule) -> ThrottlerRule {
    ThrottlerRule {
        application: text(name.as_bytes()),
        refused_percent: percent(rule.ratio).unwrap_or(0),
        expires_at: timestamp(rule.expires_at.as_ref()),
        is_exempt: rule.exempt,
    }
}

/// Of a part between 0 and 1; none for what is none.
fn percent(part: f64) -> Option<u32> {
    (0.0..=1.0).contains(&part).then(|| (part * 100.0).round() as u32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use wire::CheckThrottlerResponseCode as Code;
    use wire::check_throttler_response::Metric;

    fn on() -> wire::GetThrottlerStatusResponse {
        wire::GetThrottlerStatusResponse { is_enabled: true, ..Default::default() }
    }

    fn check(code: Code) -> wire::CheckThrottlerResponse {
        wire::CheckThrottlerResponse { response_code: code.into(), ..Default::default() }
    }

    fn metric(code: Code) -> Metric {
        Metric { name: "lag".into(), value: 12.34, threshold: 5.0, response_code: code.into(), ..Default::default() }
    }

    #[test]
    fn a_throttler_that_is_off_refuses_nobody_and_one_that_is_on_says_why() {
        let off = throttler(&wire::GetThrottlerStatusResponse::default(), None).unwrap();
        assert_eq!((off.is_enabled, off.refuses), (false, None));
        assert_eq!(throttler(&on(), Some(&check(Code::Ok))).unwrap().refuses, None);
        let mut busy = check(Code::ThresholdExceeded);
        busy.metrics = [("lag".into(), metric(Code::ThresholdExceeded)), ("threads".into(), metric(Code::Ok))].into();
        assert_eq!(throttler(&on(), Some(&busy)).unwrap().refuses.unwrap(), "lag is 12.34, over its threshold 5.00");
        busy.metrics.clear();
        busy.summary = b"lag is high".to_vec();
        assert_eq!(throttler(&on(), Some(&busy)).unwrap().refuses.unwrap(), "lag is high");
        busy.metrics = [("lag".into(), metric(Code::InternalError))].into();
        assert_eq!(throttler(&on(), Some(&busy)).unwrap().refuses.unwrap(), "lag: it gives no reason");
        let told = throttler(&on(), Some(&check(Code::AppDenied))).unwrap().refuses.unwrap();
        assert_eq!(told, "somebody told it to refuse them");
    }

    #[test]
    fn no_answer_is_not_a_yes() {
        assert!(throttler(&on(), None).is_err());
        assert!(throttler(&on(), Some(&check(Code::Undefined))).is_err());
    }

    #[test]
    fn a_part_of_a_disk_is_a_percentage_or_nothing() {
        let with = |value: f64, error: &[u8]| {
            let mut status = on();
            let metric = wire::get_throttler_status_response::MetricResult { value, error: error.to_vec() };
            status.aggregated_metrics = [(DATA_DIRECTORY.to_owned(), metric)].into();
            throttler(&status, Some(&check(Code::Ok))).unwrap().data_directory_used_percent
        };
        assert_eq!(with(0.614, b""), Some(61));
        assert_eq!(with(0.0, b"no mysqlctld"), None);
        assert_eq!((with(f64::NAN, b""), with(17.0, b"")), (None, None));
    }
}
