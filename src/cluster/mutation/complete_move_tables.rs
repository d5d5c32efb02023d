//! Complete the movement: streams go, source tables are renamed, dropped or kept, routing rules stay for the next phase.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Verb, locked_deadline, shell};
use crate::cluster::vtctld::generated::vtctldata;
use crate::model::name::{KeyspaceName, WorkflowName};

/// What becomes of the source tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SourceTables {
    /// Renamed to `_<first 59 characters>_old`.
    Rename,
    /// Dropped.
    Drop,
    /// Kept, and denied, so that no stale copy takes writes.
    Keep,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct CompleteMoveTables {
    pub workflow: WorkflowName,
    pub target_keyspace: KeyspaceName,
    pub source_tables: SourceTables,
    pub table_count: usize,
}

impl CompleteMoveTables {
    pub fn request(&self) -> vtctldata::MoveTablesCompleteRequest {
        vtctldata::MoveTablesCompleteRequest {
            workflow: self.workflow.to_string(),
            target_keyspace: self.target_keyspace.to_string(),
            keep_data: self.source_tables == SourceTables::Keep,
            keep_routing_rules: true,
            rename_tables: self.source_tables == SourceTables::Rename,
            dry_run: false,
            shards: Vec::new(),
            ignore_source_keyspace: false,
        }
    }
}

impl Verb for CompleteMoveTables {
    fn call(&self) -> &'static str {
        "MoveTablesComplete"
    }

    fn words(&self) -> String {
        let what = match self.source_tables {
            SourceTables::Rename => "rename the source tables",
            SourceTables::Drop => "drop the source tables",
            SourceTables::Keep => "keep the source tables, denied",
        };
        format!("complete `{}.{}`: {what}, delete both workflows, keep the routing rules", self.target_keyspace, self.workflow)
    }

    fn equivalent(&self) -> String {
        let flag = match self.source_tables {
            SourceTables::Rename => " --rename-tables",
            SourceTables::Drop => "",
            SourceTables::Keep => " --keep-data",
        };
        format!(
            "vtctldclient MoveTables --workflow {} --target-keyspace {} complete --keep-routing-rules{flag}",
            shell(self.workflow.as_str()),
            shell(self.target_keyspace.as_str())
        )
    }

    fn deadline(&self) -> Duration {
        locked_deadline(Duration::from_secs(300 + 10 * self.table_count as u64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_request_keeps_the_rules_and_does_with_the_tables_as_told() {
        for (source_tables, keep, rename) in
            [(SourceTables::Keep, true, false), (SourceTables::Rename, false, true), (SourceTables::Drop, false, false)]
        {
            let complete = CompleteMoveTables {
                workflow: WorkflowName::new("c2c").unwrap(),
                target_keyspace: KeyspaceName::new("customer").unwrap(),
                source_tables,
                table_count: 1,
            };
            let request = complete.request();
            assert_eq!((request.keep_data, request.rename_tables), (keep, rename), "{source_tables:?}");
            assert!(request.keep_routing_rules && !request.dry_run && !request.ignore_source_keyspace);
        }
    }
}
