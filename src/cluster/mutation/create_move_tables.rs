//! Create a MoveTables workflow: target tables, streams that stand still, routing rules that lead back to the source.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Verb, locked_deadline, shell};
use crate::cluster::vtctld::convert::topology::tablet_type_numbers;
use crate::cluster::vtctld::generated::{tabletmanagerdata, vtctldata};
use crate::model::name::{CellName, KeyspaceName, TableName, WorkflowName};
use crate::model::topology::TabletType;

/// Sent with `auto_start` false: streams begin only after everything that create made was found as forecast.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct CreateMoveTables {
    pub workflow: WorkflowName,
    pub source_keyspace: KeyspaceName,
    pub target_keyspace: KeyspaceName,
    /// Always a list, also for `all-tables`: what was reviewed is what is moved.
    pub tables: Vec<TableName>,
    pub cells: Vec<CellName>,
    /// In order of preference.
    pub tablet_types: Vec<TabletType>,
    pub on_ddl: OnDdl,
    pub defer_secondary_keys: bool,
    pub source_time_zone: Option<String>,
    pub global_keyspace: Option<KeyspaceName>,
    pub auto_increment: AutoIncrementHandling,
}

/// `binlogdata.OnDDLAction`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OnDdl {
    Ignore,
    #[default]
    Stop,
    Exec,
    ExecIgnore,
}

impl OnDdl {
    /// Vitess looks the name up in upper case and takes anything else for IGNORE, silently.
    pub fn as_vitess(self) -> &'static str {
        match self {
            Self::Ignore => "IGNORE",
            Self::Stop => "STOP",
            Self::Exec => "EXEC",
            Self::ExecIgnore => "EXEC_IGNORE",
        }
    }
}

/// `vtctldata.ShardedAutoIncrementHandling`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum AutoIncrementHandling {
    Leave,
    #[default]
    Remove,
    Replace,
}

impl AutoIncrementHandling {
    pub fn as_vitess(self) -> &'static str {
        match self {
            Self::Leave => "LEAVE",
            Self::Remove => "REMOVE",
            Self::Replace => "REPLACE",
        }
    }
}

impl CreateMoveTables {
    pub fn request(&self) -> vtctldata::MoveTablesCreateRequest {
        use vtctldata::ShardedAutoIncrementHandling as Handling;
        let handling = match self.auto_increment {
            AutoIncrementHandling::Leave => Handling::Leave,
            AutoIncrementHandling::Remove => Handling::Remove,
            AutoIncrementHandling::Replace => Handling::Replace,
        };
        vtctldata::MoveTablesCreateRequest {
            workflow: self.workflow.to_string(),
            source_keyspace: self.source_keyspace.to_string(),
            target_keyspace: self.target_keyspace.to_string(),
            cells: self.cells.iter().map(CellName::to_string).collect(),
            tablet_types: tablet_type_numbers(&self.tablet_types),
            tablet_selection_preference: tabletmanagerdata::TabletSelectionPreference::Inorder.into(),
            source_shards: Vec::new(),
            all_tables: false,
            include_tables: self.tables.iter().map(TableName::to_string).collect(),
            exclude_tables: Vec::new(),
            external_cluster_name: String::new(),
            source_time_zone: self.source_time_zone.clone().unwrap_or_default(),
            on_ddl: self.on_ddl.as_vitess().to_owned(),
            stop_after_copy: false,
            drop_foreign_keys: false,
            defer_secondary_keys: self.defer_secondary_keys,
            auto_start: false,
            no_routing_rules: false,
            atomic_copy: false,
            workflow_options: Some(vtctldata::WorkflowOptions {
                tenant_id: String::new(),
                sharded_auto_increment_handling: handling.into(),
                shards: Vec::new(),
                config: BTreeMap::new(),
                global_keyspace: self.global_keyspace.as_ref().map(KeyspaceName::to_string).unwrap_or_default(),
                lookup_vindexes: Vec::new(),
            }),
        }
    }
}

impl Verb for CreateMoveTables {
    fn call(&self) -> &'static str {
        "MoveTablesCreate"
    }

    fn words(&self) -> String {
        let count = self.tables.len();
        format!(
            "create workflow `{}` for {count} table{} from `{}` to `{}`, not started",
            self.workflow,
            if count == 1 { "" } else { "s" },
            self.source_keyspace,
            self.target_keyspace
        )
    }

    fn equivalent(&self) -> String {
        let tables: Vec<&str> = self.tables.iter().map(TableName::as_str).collect();
        let types: Vec<&str> = self.tablet_types.iter().map(|kind| kind.as_str()).collect();
        let mut text = format!(
            "vtctldclient MoveTables --workflow {} --target-keyspace {} create --source-keyspace {} --tables {} --tablet-types {} --on-ddl {} --defer-secondary-keys={} --sharded-auto-increment-handling {} --auto-start=false",
            shell(self.workflow.as_str()),
            shell(self.target_keyspace.as_str()),
            shell(self.source_keyspace.as_str()),
            shell(&tables.join(",")),
            types.join(","),
            self.on_ddl.as_vitess(),
            self.defer_secondary_keys,
            self.auto_increment.as_vitess(),
        );
        if !self.cells.is_empty() {
            let cells: Vec<&str> = self.cells.iter().map(CellName::as_str).collect();
            text.push_str(&format!(" --cells {}", shell(&cells.join(","))));
        }
        if let Some(zone) = &self.source_time_zone {
            text.push_str(&format!(" --source-time-zone {}", shell(zone)));
        }
        if let Some(keyspace) = &self.global_keyspace {
            text.push_str(&format!(" --global-keyspace {}", shell(keyspace.as_str())));
        }
        text
    }

    fn deadline(&self) -> Duration {
        locked_deadline(Duration::from_secs(120 + 5 * self.tables.len() as u64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_request_starts_nothing_and_leaves_nothing_to_defaults() {
        let create = CreateMoveTables {
            workflow: WorkflowName::new("c2c").unwrap(),
            source_keyspace: KeyspaceName::new("commerce").unwrap(),
            target_keyspace: KeyspaceName::new("customer").unwrap(),
            tables: vec![TableName::new("corder").unwrap()],
            cells: vec![CellName::new("zone1").unwrap()],
            tablet_types: vec![TabletType::Replica, TabletType::Primary],
            on_ddl: OnDdl::ExecIgnore,
            defer_secondary_keys: true,
            source_time_zone: Some("US/Pacific".into()),
            global_keyspace: Some(KeyspaceName::new("commerce").unwrap()),
            auto_increment: AutoIncrementHandling::Replace,
        };
        let request = create.request();
        assert!(!request.auto_start && !request.all_tables && !request.no_routing_rules && !request.atomic_copy);
        assert_eq!((request.tablet_types, request.tablet_selection_preference), (vec![2, 1], 1));
        assert_eq!(request.include_tables, ["corder"]);
        assert_eq!(request.cells, ["zone1"]);
        assert_eq!((request.on_ddl.as_str(), request.source_time_zone.as_str()), ("EXEC_IGNORE", "US/Pacific"));
        let options = request.workflow_options.unwrap();
        assert_eq!((options.sharded_auto_increment_handling, options.global_keyspace.as_str()), (2, "commerce"));
        assert!(request.defer_secondary_keys);
    }
}
