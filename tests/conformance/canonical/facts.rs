//! What our own reader observes, field by field: [`Facts`] as paths with their values.

use cutover::cluster::port::{Facts, Receipt};
use serde_json::Value;

use super::{Canonical, Names, scrubbed};

/// Moments, ages, sizes and counters of a cluster's own, or of a moment.
const OWN_FIELDS: [&str; 20] = [
    "observed_at",
    "transaction_at",
    "updated_at",
    "started_at",
    "completed_at",
    "primary_term_started_at",
    "position",
    "transaction_lag_seconds",
    "heartbeat_lag_seconds",
    "hostname",
    "host",
    "user",
    "time",
    "version",
    "connection",
    "age_milliseconds",
    "id",
    "replication_lag_seconds",
    // Digests of what is shown itself.
    "digest",
    "at",
];

/// Estimates of MySQL, counters that are written now and then, and counts of a shard's rows.
const LEFT_OUT: [&str; 11] = [
    "rows_copied",
    "data_length_bytes",
    "row_count",
    "rows_estimated",
    "rows_compared",
    "processed_rows",
    "matching_rows",
    "bytes_copied",
    "bytes_total",
    "rows_total",
    "create_statement",
];

/// One line for each value.
pub fn facts(facts: &Facts, names: &mut Names) -> Vec<String> {
    let value = serde_json::to_value(facts).expect("facts are plain data");
    let mut lines = Vec::new();
    flatten("", &value, names, &mut lines);
    lines
}

fn flatten(path: &str, value: &Value, names: &mut Names, lines: &mut Vec<String>) {
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            for (name, value) in fields {
                let path = if path.is_empty() { name.clone() } else { format!("{path} {name}") };
                match name.as_str() {
                    left_out if LEFT_OUT.contains(&left_out) => {}
                    own if OWN_FIELDS.contains(&own) && !value.is_object() => {
                        let is_set = !value.is_null() && value.as_str() != Some("");
                        lines.push(format!("{path}: {}", super::set(is_set)));
                    }
                    _ => flatten(&path, value, names, lines),
                }
            }
        }
        Value::Array(values) if values.iter().any(|value| value.is_object() || value.is_array()) => {
            for (index, value) in values.iter().enumerate() {
                flatten(&format!("{path} {}", index + 1), value, names, lines);
            }
        }
        other => lines.push(format!("{path}: {}", scrubbed(&other.to_string(), names))),
    }
}

impl Canonical for Receipt {
    fn canonical(&self, names: &mut Names) -> Vec<String> {
        if self.summary.is_empty() { Vec::new() } else { vec![format!("summary: {}", scrubbed(&self.summary, names))] }
    }
}
