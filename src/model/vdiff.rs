//! A VDiff and the one question that matters: did it compare everything, and was everything equal?
//!
//! Vitess's own summary reports `completed` without mismatch for an answer that holds nothing (0 tables × 0 shards;
//! go/vt/vtctl/workflow/vdiff.go `BuildSummary`), so a pass here wants an exact cover of what was expected.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::words;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum VDiffState {
    Unknown,
    Pending,
    Started,
    Stopped,
    Completed,
    Error,
}

impl VDiffState {
    pub fn parse(text: &str) -> Self {
        match text {
            "pending" => Self::Pending,
            "started" => Self::Started,
            "stopped" => Self::Stopped,
            "completed" => Self::Completed,
            "error" => Self::Error,
            _ => Self::Unknown,
        }
    }

    /// Whether it may still touch the streams. An errored VDiff may be retried by Vitess, so only an end is an end.
    pub fn may_run(self) -> bool {
        !matches!(self, Self::Completed | Self::Stopped)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VDiff {
    pub uuid: String,
    pub shards: BTreeMap<String, VDiffShard>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VDiffShard {
    pub state: VDiffState,
    pub last_error: String,
    pub tables: BTreeMap<String, VDiffTable>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VDiffTable {
    pub state: VDiffState,
    pub rows_compared: i64,
    /// The target's estimate.
    pub rows_estimated: i64,
    pub started_at: Option<Timestamp>,
    pub completed_at: Option<Timestamp>,
    pub has_mismatch: bool,
    /// Counts alone; rows never leave the cluster.
    pub report: Option<VDiffReport>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct VDiffReport {
    pub processed_rows: i64,
    pub matching_rows: i64,
    pub mismatched_rows: i64,
    pub extra_rows_source: i64,
    pub extra_rows_target: i64,
}

/// One VDiff of a workflow on one shard, as `VDiffShow all` lists it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VDiffListed {
    pub shard: String,
    pub uuid: String,
    pub state: VDiffState,
}

/// What a VDiff proves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Every expected table on every expected shard was compared whole and is equal; the time of the last comparison's end.
    Pass {
        completed_at: Timestamp,
        rows_compared: i64,
    },
    Running {
        rows_compared: i64,
        rows_estimated: i64,
    },
    /// Everything expected was compared, and rows differ: shard, table, counts.
    Mismatch {
        completed_at: Timestamp,
        found: Vec<Mismatch>,
    },
    Failed(String),
    /// Something that must be there is not: never a pass.
    Inconclusive(String),
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mismatch {
    pub shard: String,
    pub table: String,
    pub counts: VDiffReport,
}

impl VDiff {
    /// Judges the VDiff against the shards and tables that the movement has.
    pub fn verdict(&self, expected_shards: &BTreeSet<String>, expected_tables: &BTreeSet<String>) -> Verdict {
        let states: Vec<VDiffState> = self.shards.values().map(|shard| shard.state).collect();
        if states.contains(&VDiffState::Error) {
            let (name, shard) = match self.shards.iter().find(|(_, shard)| shard.state == VDiffState::Error) {
                Some(found) => found,
                None => return Verdict::Inconclusive("no shard answered".into()),
            };
            return Verdict::Failed(format!("shard {name}: {}", shard.last_error));
        }
        if states.contains(&VDiffState::Stopped) {
            return Verdict::Failed("it was stopped before its end".into());
        }
        let found: BTreeSet<String> = self.shards.keys().cloned().collect();
        if states.iter().any(|state| *state != VDiffState::Completed) || states.is_empty() {
            // Known mismatches end nothing yet: Vitess still reconciles extra rows until the table's end.
            let tables = || self.shards.values().flat_map(|shard| shard.tables.values());
            return Verdict::Running {
                rows_compared: tables().map(|table| table.rows_compared).sum(),
                rows_estimated: tables().map(|table| table.rows_estimated).sum(),
            };
        }
        if &found != expected_shards {
            let (covers, has) = (words::all(&found), words::all(expected_shards));
            return Verdict::Inconclusive(format!("it covers the shards {covers}, and the movement has {has}"));
        }
        // The cover comes first: a VDiff that left something out proves nothing, and what it found can't be waived either.
        let completed_at = match self.completed_whole(expected_tables) {
            Ok(Some(completed_at)) => completed_at,
            Ok(None) => return Verdict::Inconclusive("it compared no table".into()),
            Err(why) => return Verdict::Inconclusive(why),
        };
        let mismatches = self.mismatches();
        if !mismatches.is_empty() {
            return Verdict::Mismatch { completed_at, found: mismatches };
        }
        self.all_rows_matched(completed_at)
    }

    /// When the last table ended; an error says which part of the comparison is missing.
    fn completed_whole(&self, expected_tables: &BTreeSet<String>) -> Result<Option<Timestamp>, String> {
        let mut completed_at: Option<Timestamp> = None;
        for (name, shard) in &self.shards {
            let tables: BTreeSet<String> = shard.tables.keys().cloned().collect();
            if &tables != expected_tables {
                return Err(format!("shard {name} compared {tables:?}, and the movement has {expected_tables:?}"));
            }
            if !shard.last_error.is_empty() {
                return Err(format!("shard {name} completed with an error on record: {}", shard.last_error));
            }
            for (table, compared) in &shard.tables {
                let Some(at) = compared.completed_at.filter(|_| compared.state == VDiffState::Completed) else {
                    return Err(format!("shard {name}: table `{table}` has no end"));
                };
                if compared.report.is_none() {
                    return Err(format!("shard {name}: table `{table}` has no report"));
                }
                completed_at = completed_at.max(Some(at));
            }
        }
        Ok(completed_at)
    }

    fn all_rows_matched(&self, completed_at: Timestamp) -> Verdict {
        let mut rows_compared = 0;
        for (name, shard) in &self.shards {
            for (table, compared) in &shard.tables {
                let report = compared.report.unwrap_or_default();
                if report.processed_rows != report.matching_rows {
                    return Verdict::Inconclusive(format!(
                        "shard {name}: table `{table}` read {} rows and matched {}",
                        report.processed_rows, report.matching_rows
                    ));
                }
                rows_compared += report.processed_rows;
            }
        }
        Verdict::Pass { completed_at, rows_compared }
    }

    fn mismatches(&self) -> Vec<Mismatch> {
        let mut found = Vec::new();
        for (shard_name, shard) in &self.shards {
            for (table_name, table) in &shard.tables {
                let counts = table.report.unwrap_or_default();
                let differs = counts.mismatched_rows > 0 || counts.extra_rows_source > 0 || counts.extra_rows_target > 0;
                if table.has_mismatch || differs {
                    found.push(Mismatch { shard: shard_name.clone(), table: table_name.clone(), counts });
                }
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    fn table() -> VDiffTable {
        VDiffTable {
            state: VDiffState::Completed,
            rows_compared: 5,
            rows_estimated: 5,
            started_at: Some("2026-11-20T01:00:00Z".parse().unwrap()),
            completed_at: Some("2026-11-20T01:00:01Z".parse().unwrap()),
            has_mismatch: false,
            report: Some(VDiffReport { processed_rows: 5, matching_rows: 5, ..Default::default() }),
        }
    }

    fn passed() -> VDiff {
        let shard = VDiffShard {
            state: VDiffState::Completed,
            last_error: String::new(),
            tables: [("a".to_owned(), table()), ("b".to_owned(), table())].into(),
        };
        VDiff { uuid: "u".into(), shards: [("-80".to_owned(), shard.clone()), ("80-".to_owned(), shard)].into() }
    }

    #[test]
    fn only_an_exact_cover_passes() {
        let verdict = |vdiff: &VDiff| vdiff.verdict(&set(&["-80", "80-"]), &set(&["a", "b"]));
        assert!(matches!(verdict(&passed()), Verdict::Pass { rows_compared: 20, .. }));

        let mut one_shard = passed();
        one_shard.shards.remove("80-");
        assert!(matches!(verdict(&one_shard), Verdict::Inconclusive(_)));

        let mut one_table = passed();
        one_table.shards.get_mut("-80").unwrap().tables.remove("b");
        assert!(matches!(verdict(&one_table), Verdict::Inconclusive(_)));

        let nothing = VDiff { uuid: "u".into(), shards: BTreeMap::new() };
        assert!(!matches!(verdict(&nothing), Verdict::Pass { .. }));

        let mut no_report = passed();
        no_report.shards.get_mut("-80").unwrap().tables.get_mut("a").unwrap().report = None;
        assert!(matches!(verdict(&no_report), Verdict::Inconclusive(_)));
    }

    #[test]
    fn a_mismatch_names_table_and_shard() {
        let mut vdiff = passed();
        let table = vdiff.shards.get_mut("80-").unwrap().tables.get_mut("b").unwrap();
        table.has_mismatch = true;
        table.report = Some(VDiffReport { processed_rows: 5, matching_rows: 4, mismatched_rows: 1, ..Default::default() });
        match vdiff.verdict(&set(&["-80", "80-"]), &set(&["a", "b"])) {
            Verdict::Mismatch { found, .. } => assert_eq!((found[0].shard.as_str(), found[0].table.as_str()), ("80-", "b")),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_partial_vdiff_with_a_mismatch_proves_nothing_that_could_be_waived() {
        let mut differs = passed();
        let table = differs.shards.get_mut("80-").unwrap().tables.get_mut("b").unwrap();
        table.report = Some(VDiffReport { processed_rows: 5, matching_rows: 4, mismatched_rows: 1, ..Default::default() });
        let verdict = |vdiff: &VDiff| vdiff.verdict(&set(&["-80", "80-"]), &set(&["a", "b"]));
        assert!(matches!(verdict(&differs), Verdict::Mismatch { .. }));

        let mut one_shard = differs.clone();
        one_shard.shards.remove("-80");
        assert!(matches!(verdict(&one_shard), Verdict::Inconclusive(_)));
        let mut one_table = differs.clone();
        one_table.shards.get_mut("80-").unwrap().tables.remove("a");
        assert!(matches!(verdict(&one_table), Verdict::Inconclusive(_)));
        let mut no_report = differs.clone();
        no_report.shards.get_mut("80-").unwrap().tables.get_mut("a").unwrap().report = None;
        assert!(matches!(verdict(&no_report), Verdict::Inconclusive(_)));
        let mut no_end = differs;
        no_end.shards.get_mut("80-").unwrap().tables.get_mut("a").unwrap().completed_at = None;
        assert!(matches!(verdict(&no_end), Verdict::Inconclusive(_)));
    }

    #[test]
    fn a_pending_shard_is_still_running() {
        let mut vdiff = passed();
        vdiff.shards.get_mut("80-").unwrap().state = VDiffState::Pending;
        assert!(matches!(vdiff.verdict(&set(&["-80", "80-"]), &set(&["a", "b"])), Verdict::Running { .. }));
    }
}
