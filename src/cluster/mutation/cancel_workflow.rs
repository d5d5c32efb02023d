//! Cancel the movement: drop the target tables and the workflow. It is the button that can lose data, so the machine presses it
//! only on proof that the source is authoritative, and never believes `traffic_state`.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Verb, locked_deadline, shell};
use crate::cluster::vtctld::generated::vtctldata;
use crate::model::name::{KeyspaceName, WorkflowName};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct CancelWorkflow {
    pub workflow: WorkflowName,
    pub target_keyspace: KeyspaceName,
    pub table_count: usize,
}

impl CancelWorkflow {
    /// Without `shards`, which would narrow the last step alone (vitess-facts 2.8).
    pub fn request(&self) -> vtctldata::WorkflowDeleteRequest {
        vtctldata::WorkflowDeleteRequest {
            keyspace: self.target_keyspace.to_string(),
            workflow: self.workflow.to_string(),
            keep_data: false,
            keep_routing_rules: false,
            shards: Vec::new(),
            delete_batch_size: 1000,
            ignore_source_keyspace: false,
        }
    }
}

impl Verb for CancelWorkflow {
    fn call(&self) -> &'static str {
        "WorkflowDelete"
    }

    fn words(&self) -> String {
        format!(
            "cancel `{}.{}`: drop its {} target tables, its streams and its routing rules",
            self.target_keyspace, self.workflow, self.table_count
        )
    }

    fn equivalent(&self) -> String {
        format!(
            "vtctldclient MoveTables --workflow {} --target-keyspace {} cancel",
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
    fn the_request_leaves_nothing_behind() {
        let cancel = CancelWorkflow {
            workflow: WorkflowName::new("c2c").unwrap(),
            target_keyspace: KeyspaceName::new("customer").unwrap(),
            table_count: 1,
        };
        let request = cancel.request();
        assert!(!request.keep_data && !request.keep_routing_rules && !request.ignore_source_keyspace);
        assert!(request.shards.is_empty());
    }
}
