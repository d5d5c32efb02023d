//! What our own reader observes, field by field: [`Facts`] as paths with their values.

use cutover::cluster::port::{Facts, Receipt};
use serde_json::Value;

use super::{Canonical, Names, scrubbed};

/// Moments, ages, sizes and counters of a cluster's own, or of a moment.
const OWN_FIELDS: [&str; 19] = [
    "observed_at",
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
const LEFT_OUT: [&str; 12] = [
    // Whether a stream has seen a transaction depends on what else its source does.
    "transaction_at",
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
    let mut value = serde_json::to_value(facts).expect("facts are plain data");
    let answers = value["answers"].take();
    shorten_served(&mut value);
    let mut lines = Vec::new();
    flatten("", &value, names, &mut lines);
    for answered in answers.as_array().into_iter().flatten() {
        let (subject, answer) = (subject(&answered["ask"]), &answered["answer"]);
        // The kind of the answer is that of the ask.
        match answer["Ok"].as_object().and_then(|kinds| kinds.values().next()) {
            Some(value) => flatten(&format!("{subject}:"), value, names, &mut lines),
            None => flatten(&format!("{subject}: unread:"), answer, names, &mut lines),
        }
    }
    lines
}

/// What a cell serves is the same as what is meant to be served, but for a moment.
fn shorten_served(facts: &mut Value) {
    let (rules, vschemas) = (facts["routing_rules"].clone(), facts["vschemas"].clone());
    for served in facts["served"].as_object_mut().into_iter().flat_map(|cells| cells.values_mut()) {
        if served["routing_rules"] == rules {
            served["routing_rules"] = "the global ones".into();
        }
        for (keyspace, vschema) in served["vschemas"].as_object_mut().into_iter().flatten() {
            if vschemas.get(keyspace) == Some(vschema) {
                *vschema = "the global one".into();
            }
        }
    }
}

/// `tables of customer`.
fn subject(ask: &Value) -> String {
    let (kind, of) = match ask {
        Value::String(kind) => (kind.clone(), &Value::Null),
        ask => match ask.as_object().and_then(|kinds| kinds.iter().next()) {
            // A question of SQL is one of these itself.
            Some((kind, question)) if kind == "sql" => return format!("sql {}", subject(question)),
            Some((kind, of)) => (kind.clone(), of),
            None => (String::new(), &Value::Null),
        },
    };
    match of.as_str().or_else(|| of["keyspace"].as_str()).or_else(|| of["workflows"][0][0].as_str()) {
        Some(keyspace) => format!("{kind} of {keyspace}"),
        None => kind,
    }
}

fn flatten(path: &str, value: &Value, names: &mut Names, lines: &mut Vec<String>) {
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            let shown: Vec<_> = fields.iter().filter(|(name, value)| is_shown(path, name, value)).collect();
            if shown.is_empty() {
                lines.push(format!("{path}: {{}}"));
            }
            for (name, value) in shown {
                let path = if path.is_empty() { name.clone() } else { format!("{path} {name}") };
                if OWN_FIELDS.contains(&name.as_str()) && !value.is_object() {
                    let is_set = !value.is_null() && value.as_str() != Some("");
                    lines.push(format!("{path}: {}", super::set(is_set)));
                } else {
                    flatten(&path, value, names, lines);
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

/// Of a VSchema only what it says: nearly all of it is empty.
fn is_shown(path: &str, name: &str, value: &Value) -> bool {
    let is_empty = match value {
        Value::Null => true,
        Value::Bool(is) => !is,
        Value::Number(number) => number.as_i64() == Some(0),
        Value::String(text) => text.is_empty(),
        Value::Array(values) => values.is_empty(),
        Value::Object(_) => false,
    };
    !LEFT_OUT.contains(&name) && !(is_empty && (path.contains("vschemas ") || path.contains("all-v-schemas")))
}

impl Canonical for Receipt {
    fn canonical(&self, names: &mut Names) -> Vec<String> {
        if self.summary.is_empty() { Vec::new() } else { vec![format!("summary: {}", scrubbed(&self.summary, names))] }
    }
}
