//! VDiffs, which come as rows of `_vt.vdiff` and `_vt.vdiff_table`, one result a shard, keyed by the shard's bare name
//! (vitess-facts T6).

use std::collections::BTreeMap;

use serde::Deserialize;

use super::Malformed;
use super::rows::{Row, Rows};
use super::time::sql_timestamp;
use crate::cluster::vtctld::generated::vtctldata::VDiffShowResponse;
use crate::model::vdiff::{VDiff, VDiffListed, VDiffReport, VDiffShard, VDiffState, VDiffTable};

/// One VDiff, of `VDiffShow` by its id. A shard that answers without a row is there with the state unknown.
pub(crate) fn vdiff(uuid: &str, shown: &VDiffShowResponse) -> Result<VDiff, Malformed> {
    let mut shards = BTreeMap::new();
    for (name, response) in &shown.tablet_responses {
        let mut shard = VDiffShard { state: VDiffState::Unknown, last_error: String::new(), tables: BTreeMap::new() };
        if let Some(output) = &response.output {
            for row in Rows::new(output)?.iter() {
                shard.state = state(&row, "vdiff_state")?;
                shard.last_error = row.message("last_error")?;
                // Before its tables are known, a VDiff is one row whose columns of the table are NULL.
                if let Some(name) = row.text("table_name")? {
                    shard.tables.insert(name, table(&row)?);
                }
            }
        }
        shards.insert(name.clone(), shard);
    }
    Ok(VDiff { uuid: uuid.to_owned(), shards })
}

/// Of `VDiffShow all`: up to 100 a shard. Sorted by shard, the newest first.
pub(crate) fn vdiffs(shown: &VDiffShowResponse) -> Result<Vec<VDiffListed>, Malformed> {
    let mut found = Vec::new();
    for (shard, response) in &shown.tablet_responses {
        let Some(output) = &response.output else { continue };
        let mut listed: Vec<(i64, VDiffListed)> = Vec::new();
        for row in Rows::new(output)?.iter() {
            let uuid = row.text("vdiff_uuid")?.unwrap_or_default();
            let id = row.number("id")?.unwrap_or_default();
            listed.push((id, VDiffListed { shard: shard.clone(), uuid, state: state(&row, "state")? }));
        }
        listed.sort_by_key(|(id, _)| std::cmp::Reverse(*id));
        found.extend(listed.into_iter().map(|(_, listed)| listed));
    }
    Ok(found)
}

/// A VDiff that only some shards know, from the list: no shard says what it compared.
pub(crate) fn vdiff_of_some_shards(uuid: &str, listed: &[VDiffListed]) -> Option<VDiff> {
    let shard = |listed: &VDiffListed| {
        let shard = VDiffShard { state: listed.state, last_error: String::new(), tables: BTreeMap::new() };
        (listed.shard.clone(), shard)
    };
    let shards: BTreeMap<String, VDiffShard> = listed.iter().filter(|listed| listed.uuid == uuid).map(shard).collect();
    (!shards.is_empty()).then(|| VDiff { uuid: uuid.to_owned(), shards })
}

fn state(row: &Row<'_>, column: &str) -> Result<VDiffState, Malformed> {
    Ok(row.text(column)?.map_or(VDiffState::Unknown, |state| VDiffState::parse(&state)))
}

fn table(row: &Row<'_>) -> Result<VDiffTable, Malformed> {
    let time = |column| Ok(row.text(column)?.and_then(|text| sql_timestamp(&text)));
    Ok(VDiffTable {
        state: state(row, "table_state")?,
        rows_compared: row.number("rows_compared")?.unwrap_or(0),
        rows_estimated: row.number("table_rows")?.unwrap_or(0),
        started_at: time("started_at")?,
        completed_at: time("completed_at")?,
        has_mismatch: row.truth("has_mismatch")?.unwrap_or(false),
        report: row.text("report")?.and_then(|text| report(&text)),
    })
}

/// The counts of a report; the samples of rows beside them are left where they are. A report that lacks a count (`{}` at
/// first) is none, for a missing count is not a zero.
fn report(text: &str) -> Option<VDiffReport> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Counts {
        processed_rows: i64,
        matching_rows: i64,
        mismatched_rows: i64,
        extra_rows_source: i64,
        extra_rows_target: i64,
    }
    let counts: Counts = serde_json::from_str(text).ok()?;
    Some(VDiffReport {
        processed_rows: counts.processed_rows,
        matching_rows: counts.matching_rows,
        mismatched_rows: counts.mismatched_rows,
        extra_rows_source: counts.extra_rows_source,
        extra_rows_target: counts.extra_rows_target,
    })
}

#[cfg(test)]
mod tests {
    use super::super::rows::tests::result;
    use super::*;
    use crate::cluster::vtctld::generated::query::QueryResult;
    use crate::cluster::vtctld::generated::tabletmanagerdata::VDiffResponse;

    const COLUMNS: [&str; 11] = [
        "vdiff_state",
        "last_error",
        "table_name",
        "uuid",
        "table_state",
        "table_rows",
        "started_at",
        "rows_compared",
        "completed_at",
        "has_mismatch",
        "report",
    ];

    fn shown(shard: &str, output: Option<QueryResult>) -> VDiffShowResponse {
        let response = VDiffResponse { id: 0, output, vdiff_uuid: "u".into() };
        VDiffShowResponse { tablet_responses: [(shard.to_owned(), response)].into() }
    }

    #[test]
    fn before_its_tables_are_known_a_vdiff_has_none() {
        let row = [Some("pending"), Some(""), None, Some("u"), None, None, None, None, None, None, None];
        let found = vdiff("u", &shown("-80", Some(result(&COLUMNS, &[&row])))).unwrap();
        assert_eq!(found.shards["-80"].state, VDiffState::Pending);
        assert!(found.shards["-80"].tables.is_empty());
    }

    #[test]
    fn a_completed_table_has_its_counts_and_no_rows() {
        let report = r#"{"TableName":"customer","ProcessedRows":5,"MatchingRows":4,"MismatchedRows":1,"ExtraRowsSource":0,"ExtraRowsTarget":0,"MismatchedRowsSample":[{"Source":{"Row":{"email":"ann@example.com"}}}]}"#;
        let row = [
            Some("completed"),
            Some(""),
            Some("customer"),
            Some("u"),
            Some("completed"),
            Some("6"),
            Some("2026-11-20 01:00:00"),
            Some("5"),
            Some("2026-11-20 01:00:02"),
            Some("1"),
            Some(report),
        ];
        let found = vdiff("u", &shown("-80", Some(result(&COLUMNS, &[&row])))).unwrap();
        let table = &found.shards["-80"].tables["customer"];
        assert!(table.has_mismatch);
        assert_eq!((table.rows_compared, table.rows_estimated), (5, 6));
        assert_eq!(table.completed_at.unwrap().to_string(), "2026-11-20T01:00:02Z");
        assert_eq!(table.report.unwrap().mismatched_rows, 1);
        assert!(!format!("{found:?}").contains("ann"));
    }

    #[test]
    fn a_report_without_counts_is_none() {
        for text in ["{}", "null", "", "[]", r#"{"ProcessedRows":5}"#] {
            assert_eq!(report(text), None, "{text}");
        }
    }

    #[test]
    fn an_empty_answer_is_of_an_unknown_state() {
        let found = vdiff("u", &shown("-80", None)).unwrap();
        assert_eq!(found.shards["-80"].state, VDiffState::Unknown);
        let found = vdiff("u", &shown("-80", Some(result(&COLUMNS, &[])))).unwrap();
        assert_eq!(found.shards["-80"].state, VDiffState::Unknown);
    }

    #[test]
    fn the_list_names_state_and_shard_newest_first() {
        let rows: [&[Option<&str>]; 2] = [&[Some("1"), Some("a"), Some("completed")], &[Some("2"), Some("b"), Some("started")]];
        let found = vdiffs(&shown("80-", Some(result(&["id", "vdiff_uuid", "state"], &rows)))).unwrap();
        assert_eq!(found.iter().map(|one| one.uuid.as_str()).collect::<Vec<_>>(), ["b", "a"]);
        assert_eq!((found[0].shard.as_str(), found[0].state), ("80-", VDiffState::Started));
        assert_eq!(vdiff_of_some_shards("c", &found), None);
        assert_eq!(vdiff_of_some_shards("b", &found).unwrap().shards.len(), 1);
    }
}
