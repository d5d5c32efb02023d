//! MoveTables: tables go from one keyspace to another.

use serde::{Deserialize, Serialize};

use crate::model::name::{KeyspaceName, TableName, WorkflowName};
use crate::spec::{MoveTablesSpec, Spec};

/// One movement of tables, with the tables resolved to names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MoveTables {
    pub spec: Spec,
    pub options: MoveTablesSpec,
    /// Sorted. For `all-tables` those that the source had when the movement began (from the record), or has now.
    pub tables: Vec<TableName>,
}

impl MoveTables {
    pub fn workflow(&self) -> &WorkflowName {
        &self.spec.workflow
    }

    pub fn source(&self) -> &KeyspaceName {
        &self.options.source_keyspace
    }

    pub fn target(&self) -> &KeyspaceName {
        &self.options.target_keyspace
    }
}
