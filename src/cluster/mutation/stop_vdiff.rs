//! Stop a VDiff, for one that still runs when the primary is switched restarts the streams that the switch froze
//! (seen on a real Vitess 24).

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Verb, shell};
use crate::cluster::vtctld::generated::vtctldata;
use crate::model::name::{KeyspaceName, WorkflowName};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct StopVDiff {
    pub workflow: WorkflowName,
    pub target_keyspace: KeyspaceName,
    pub uuid: String,
}

impl StopVDiff {
    pub fn request(&self) -> vtctldata::VDiffStopRequest {
        vtctldata::VDiffStopRequest {
            workflow: self.workflow.to_string(),
            target_keyspace: self.target_keyspace.to_string(),
            uuid: self.uuid.clone(),
            target_shards: Vec::new(),
        }
    }
}

impl Verb for StopVDiff {
    fn call(&self) -> &'static str {
        "VDiffStop"
    }

    fn words(&self) -> String {
        let whose = if self.workflow.as_str().ends_with("_reverse") { ", whoever began it" } else { "" };
        format!("stop VDiff {} of `{}.{}`{whose}", self.uuid, self.target_keyspace, self.workflow)
    }

    fn equivalent(&self) -> String {
        format!(
            "vtctldclient VDiff --target-keyspace {} --workflow {} stop {}",
            shell(self.target_keyspace.as_str()),
            shell(self.workflow.as_str()),
            shell(&self.uuid)
        )
    }

    fn deadline(&self) -> Duration {
        Duration::from_secs(90)
    }
}
