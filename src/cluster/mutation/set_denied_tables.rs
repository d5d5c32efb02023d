//! Deny tables of one shard to applications, or allow them again.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{LOCK_WAIT, Verb, shell};
use crate::cluster::vtctld::generated::{topodata, vtctldata};
use crate::model::name::{KeyspaceName, ShardName, TableName};
use crate::model::topology::shard_path;

/// The shard's record in the topology alone: its tablets learn of it by a refresh (`RefreshStateByShard`), which Vitess does not do
/// by itself here (experiments.md, "Ways back that worked").
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct SetDeniedTables {
    pub keyspace: KeyspaceName,
    pub shard: ShardName,
    /// Never empty: with no table, Vitess takes away everybody's (`UpdateDeniedTables`, go/vt/topo/shard.go).
    pub tables: Vec<TableName>,
    pub denied: bool,
}

impl SetDeniedTables {
    /// None without a table.
    pub fn request(&self) -> Option<vtctldata::SetShardTabletControlRequest> {
        (!self.tables.is_empty()).then(|| vtctldata::SetShardTabletControlRequest {
            keyspace: self.keyspace.to_string(),
            shard: self.shard.to_string(),
            tablet_type: topodata::TabletType::Primary.into(),
            cells: Vec::new(),
            denied_tables: self.tables.iter().map(ToString::to_string).collect(),
            disable_query_service: false,
            remove: !self.denied,
        })
    }
}

impl Verb for SetDeniedTables {
    fn call(&self) -> &'static str {
        "SetShardTabletControl"
    }

    fn words(&self) -> String {
        let names: Vec<String> = self.tables.iter().map(|table| format!("`{table}`")).collect();
        let names = crate::words::names(&names.iter().map(String::as_str).collect::<Vec<_>>(), 6);
        let path = shard_path(&self.keyspace, &self.shard);
        if self.denied { format!("deny {names} on {path}") } else { format!("allow {names} on {path} again") }
    }

    fn equivalent(&self) -> String {
        let tables: Vec<&str> = self.tables.iter().map(TableName::as_str).collect();
        let remove = if self.denied { "" } else { " --remove" };
        format!(
            "vtctldclient SetShardTabletControl --denied-tables {}{remove} {} primary",
            shell(&tables.join(",")),
            shard_path(&self.keyspace, &self.shard)
        )
    }

    /// It waits for the keyspace's lock.
    fn worst_case_seconds(&self) -> u64 {
        LOCK_WAIT.as_secs() + 10
    }

    fn deadline(&self) -> Duration {
        LOCK_WAIT + Duration::from_secs(30)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_names_its_tables_always() {
        let mut deny = SetDeniedTables {
            keyspace: KeyspaceName::new("commerce").unwrap(),
            shard: ShardName::new("0").unwrap(),
            tables: vec![TableName::new("customer").unwrap(), TableName::new("corder").unwrap()],
            denied: false,
        };
        let request = deny.request().unwrap();
        assert!(request.remove && request.denied_tables == ["customer", "corder"] && request.tablet_type == 1);
        assert_eq!(
            deny.equivalent(),
            "vtctldclient SetShardTabletControl --denied-tables customer,corder --remove commerce/0 primary"
        );
        deny.tables.clear();
        assert_eq!(deny.request(), None, "without a table Vitess would take away everybody's");
    }
}
