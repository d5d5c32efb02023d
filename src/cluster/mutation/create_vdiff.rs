//! Compare source and target with VDiff, after every vttablet of both has looked at its tables anew.
//!
//! What a vttablet has not seen it does not deny: of a table that was made past it, writes are lost in a switch that says it went well
//! (seen on Vitess 22 and 24). And what it takes for altered when a switch makes it look costs each waiting query one of vtgate's three
//! tries (`go/vt/vtgate/plan_execute.go`). A comparison comes before every switch of writes, and long enough before it.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Verb, shell};
use crate::cluster::vtctld::convert::time::duration;
use crate::cluster::vtctld::convert::topology::tablet_type_numbers;
use crate::cluster::vtctld::generated::{tabletmanagerdata, vtctldata};
use crate::model::name::{CellName, KeyspaceName, WorkflowName};
use crate::model::topology::TabletType;

/// The id is ours and recorded before it is used, so that a lost answer leaves no VDiff that nobody knows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct CreateVDiff {
    pub workflow: WorkflowName,
    /// None in records of before this was known; its tablets then don't look anew.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_keyspace: Option<KeyspaceName>,
    pub target_keyspace: KeyspaceName,
    pub uuid: Uuid,
    /// Both ends; empty lets Vitess choose.
    pub cells: Vec<CellName>,
    pub tablet_types: Vec<TabletType>,
    pub max_duration_seconds: Option<u64>,
    /// Why the one before it does not count, where there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instead_of: Option<String>,
}

/// Tablets that look at their tables at once.
const LOOKING_AT_ONCE: i32 = 32;

impl CreateVDiff {
    /// What makes the tablets of both keyspaces look at their tables anew.
    pub fn reloads(&self) -> impl Iterator<Item = vtctldata::ReloadSchemaKeyspaceRequest> {
        self.keyspaces().map(|keyspace| vtctldata::ReloadSchemaKeyspaceRequest {
            keyspace: keyspace.to_string(),
            wait_position: String::new(),
            include_primary: true,
            concurrency: LOOKING_AT_ONCE,
        })
    }

    fn keyspaces(&self) -> impl Iterator<Item = &KeyspaceName> {
        self.source_keyspace.iter().chain([&self.target_keyspace])
    }

    /// One sample of a row, of its primary key alone: zero samples would mean all of them (vitess-facts T17).
    pub fn request(&self) -> vtctldata::VDiffCreateRequest {
        let cells: Vec<String> = self.cells.iter().map(CellName::to_string).collect();
        vtctldata::VDiffCreateRequest {
            workflow: self.workflow.to_string(),
            target_keyspace: self.target_keyspace.to_string(),
            uuid: self.uuid.to_string(),
            source_cells: cells.clone(),
            target_cells: cells,
            tablet_types: tablet_type_numbers(&self.tablet_types),
            tablet_selection_preference: tabletmanagerdata::TabletSelectionPreference::Inorder.into(),
            tables: Vec::new(),
            limit: i64::MAX,
            filtered_replication_wait_time: Some(duration(Duration::from_secs(30))),
            debug_query: false,
            only_p_ks: true,
            update_table_stats: false,
            max_extra_rows_to_compare: 1000,
            auto_retry: true,
            max_report_sample_rows: 1,
            max_diff_duration: self.max_duration_seconds.map(|seconds| duration(Duration::from_secs(seconds))),
            row_diff_column_truncate_at: 128,
            auto_start: Some(true),
        }
    }
}

impl Verb for CreateVDiff {
    fn call(&self) -> &'static str {
        "VDiffCreate"
    }

    fn words(&self) -> String {
        let which = if self.uuid.is_nil() { "a new VDiff".to_owned() } else { format!("VDiff {}", self.uuid) };
        let instead = self.instead_of.as_ref().map(|why| format!("; {why}")).unwrap_or_default();
        format!("compare every row of `{}.{}` with {which}{instead}", self.target_keyspace, self.workflow)
    }

    fn equivalent(&self) -> String {
        let types: Vec<&str> = self.tablet_types.iter().map(|kind| kind.as_str()).collect();
        // A plan knows no id yet, and by hand Vitess gives one.
        let uuid = if self.uuid.is_nil() { String::new() } else { format!(" {}", self.uuid) };
        let mut text = String::new();
        for keyspace in self.keyspaces() {
            text += &format!("vtctldclient ReloadSchemaKeyspace --include-primary {} && ", shell(keyspace.as_str()));
        }
        text += &format!(
            "vtctldclient VDiff --target-keyspace {} --workflow {} create{uuid} --tablet-types {} --max-report-sample-rows 1",
            shell(self.target_keyspace.as_str()),
            shell(self.workflow.as_str()),
            types.join(",")
        );
        if !self.cells.is_empty() {
            let cells: Vec<&str> = self.cells.iter().map(CellName::as_str).collect();
            let cells = shell(&cells.join(","));
            text.push_str(&format!(" --source-cells {cells} --target-cells {cells}"));
        }
        if let Some(seconds) = self.max_duration_seconds {
            text.push_str(&format!(" --max-diff-duration {seconds}s"));
        }
        text
    }

    fn deadline(&self) -> Duration {
        Duration::from_secs(90)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_request_bounds_what_leaves_the_cluster_and_reconciles() {
        let vdiff = CreateVDiff {
            workflow: WorkflowName::new("c2c").unwrap(),
            source_keyspace: Some(KeyspaceName::new("commerce").unwrap()),
            target_keyspace: KeyspaceName::new("customer").unwrap(),
            uuid: Uuid::nil(),
            cells: vec![CellName::new("zone1").unwrap()],
            tablet_types: vec![TabletType::Rdonly, TabletType::Replica],
            max_duration_seconds: Some(90),
            instead_of: None,
        };
        let request = vdiff.request();
        assert_eq!((request.max_report_sample_rows, request.only_p_ks), (1, true));
        assert_eq!((request.max_extra_rows_to_compare, request.limit), (1000, i64::MAX));
        assert_eq!(request.filtered_replication_wait_time.unwrap().seconds, 30);
        assert_eq!(request.max_diff_duration.unwrap().seconds, 90);
        assert_eq!((request.auto_retry, request.auto_start), (true, Some(true)));
        assert_eq!((request.tablet_types, request.tablet_selection_preference), (vec![3, 2], 1));
        assert_eq!((request.source_cells, request.target_cells), (vec!["zone1".to_owned()], vec!["zone1".to_owned()]));
        let looks: Vec<_> = vdiff.reloads().map(|reload| (reload.keyspace, reload.include_primary)).collect();
        assert_eq!(looks, [("commerce".to_owned(), true), ("customer".to_owned(), true)]);
        let unbounded = CreateVDiff { max_duration_seconds: None, ..vdiff };
        assert_eq!(unbounded.request().max_diff_duration, None);
    }
}
