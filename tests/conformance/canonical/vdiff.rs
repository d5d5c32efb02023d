//! VDiffs: tables with their sums over shards, for a shard's own counts are not comparable.

use std::collections::{BTreeMap, BTreeSet};

use cutover::cluster::vtctld::generated::query::QueryResult;
use cutover::cluster::vtctld::generated::vtctldata as data;

use super::{Canonical, Names, scrubbed};

type Row = BTreeMap<String, Option<String>>;

fn rows(result: &QueryResult) -> Vec<Row> {
    let row = |row: &cutover::cluster::vtctld::generated::query::Row| {
        let mut rest = row.values.as_slice();
        let mut values = Row::new();
        for (field, length) in result.fields.iter().zip(&row.lengths) {
            let name = String::from_utf8_lossy(&field.name).into_owned();
            // -1 is NULL, which takes nothing of the values.
            let value = usize::try_from(*length).ok().and_then(|length| rest.split_at_checked(length)).map(|(value, tail)| {
                rest = tail;
                String::from_utf8_lossy(value).into_owned()
            });
            values.insert(name, value);
        }
        values
    };
    result.rows.iter().map(row).collect()
}

fn text<'a>(row: &'a Row, column: &str) -> &'a str {
    row.get(column).and_then(Option::as_deref).unwrap_or_default()
}

/// Each VDiff of the list `all` with its state on each shard, by UUID.
pub fn listed(answer: &data::VDiffShowResponse) -> BTreeMap<String, Vec<(String, String)>> {
    let mut found: BTreeMap<String, Vec<(String, String)>> = BTreeMap::new();
    for (shard, response) in &answer.tablet_responses {
        for row in response.output.iter().flat_map(rows) {
            found.entry(text(&row, "vdiff_uuid").to_owned()).or_default().push((shard.clone(), text(&row, "state").to_owned()));
        }
    }
    found
}

#[derive(Default)]
struct Table {
    states: BTreeSet<String>,
    rows_compared: i64,
    has_mismatch: bool,
    counts: BTreeMap<String, i64>,
}

/// One VDiff: its state on each shard, and its tables.
pub fn shown(answer: &data::VDiffShowResponse, names: &mut Names) -> Vec<String> {
    let mut lines = Vec::new();
    let mut tables: BTreeMap<String, Table> = BTreeMap::new();
    for (shard, response) in &answer.tablet_responses {
        let Some(output) = &response.output else {
            lines.push(format!("shard {shard}: none"));
            continue;
        };
        let rows = rows(output);
        let states: BTreeSet<&str> = rows.iter().map(|row| text(row, "vdiff_state")).collect();
        let errors: BTreeSet<&str> = rows.iter().map(|row| text(row, "last_error")).collect();
        let join = |texts: BTreeSet<&str>| texts.into_iter().collect::<Vec<_>>().join("|");
        let uuid = scrubbed(&response.vdiff_uuid, names);
        let error = scrubbed(&join(errors), names);
        lines.push(format!("shard {shard}: {uuid} {}, error {error:?}", join(states)));
        for row in &rows {
            let Some(Some(name)) = row.get("table_name") else { continue };
            let table = tables.entry(name.clone()).or_default();
            table.states.insert(text(row, "table_state").to_owned());
            table.rows_compared += text(row, "rows_compared").parse::<i64>().unwrap_or_default();
            table.has_mismatch |= text(row, "has_mismatch") == "1";
            let report: serde_json::Value = serde_json::from_str(text(row, "report")).unwrap_or_default();
            for key in ["ProcessedRows", "MatchingRows", "MismatchedRows", "ExtraRowsSource", "ExtraRowsTarget"] {
                if let Some(count) = report[key].as_i64() {
                    *table.counts.entry(key.to_owned()).or_default() += count;
                }
            }
        }
    }
    for (name, table) in tables {
        let states: Vec<String> = table.states.into_iter().collect();
        let counts: Vec<String> = table.counts.iter().map(|(key, count)| format!("{key} {count}")).collect();
        lines.push(format!(
            "table {name}: {}, {} rows compared, mismatch {}, {}",
            states.join("|"),
            table.rows_compared,
            table.has_mismatch,
            counts.join(", ")
        ));
    }
    lines
}

impl Canonical for data::VDiffShowResponse {
    fn canonical(&self, names: &mut Names) -> Vec<String> {
        let is_list = self
            .tablet_responses
            .values()
            .flat_map(|response| &response.output)
            .any(|output| output.fields.iter().any(|field| field.name == b"created_at"));
        if !is_list {
            return shown(self, names);
        }
        let each = listed(self).into_iter().map(|(uuid, shards)| {
            let shards: Vec<String> = shards.into_iter().map(|(shard, state)| format!("{shard} {state}")).collect();
            format!("{}: {}", scrubbed(&uuid, names), shards.join(", "))
        });
        let mut lines: Vec<String> = each.collect();
        if lines.is_empty() {
            lines.push("an empty list".to_owned());
        }
        lines
    }
}

impl Canonical for data::VDiffCreateResponse {
    fn canonical(&self, names: &mut Names) -> Vec<String> {
        vec![format!("uuid {}", scrubbed(&self.uuid, names))]
    }
}
