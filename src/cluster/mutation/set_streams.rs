//! Start or stop a workflow's streams.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Verb, shell};
use crate::model::name::{KeyspaceName, WorkflowName};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetStreams {
    pub keyspace: KeyspaceName,
    pub workflow: WorkflowName,
    pub wanted: StreamsWanted,
    /// A message to put on the streams; `FROZEN` is how Vitess marks streams that must never start again.
    pub message: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StreamsWanted {
    Running,
    Stopped,
}

impl Verb for SetStreams {
    fn call(&self) -> &'static str {
        "WorkflowUpdate"
    }

    fn words(&self) -> String {
        let verb = match self.wanted {
            StreamsWanted::Running => "start",
            StreamsWanted::Stopped => "stop",
        };
        let message = self.message.as_ref().map(|text| format!(", marked `{text}`")).unwrap_or_default();
        format!("{verb} the streams of `{}.{}`{message}", self.keyspace, self.workflow)
    }

    fn equivalent(&self) -> String {
        let verb = match self.wanted {
            StreamsWanted::Running => "start",
            StreamsWanted::Stopped => "stop",
        };
        format!(
            "vtctldclient Workflow --keyspace {} {verb} --workflow {}",
            shell(self.keyspace.as_str()),
            shell(self.workflow.as_str())
        )
    }

    fn deadline(&self) -> Duration {
        Duration::from_secs(90)
    }
}
