//! Start or stop a workflow's streams.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Verb, shell};
use crate::cluster::vtctld::generated::{binlogdata, tabletmanagerdata, vtctldata};
use crate::model::name::{KeyspaceName, WorkflowName};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct SetStreams {
    pub keyspace: KeyspaceName,
    pub workflow: WorkflowName,
    pub wanted: StreamsWanted,
    /// A message to put on the streams; `FROZEN` is how Vitess marks streams that must never start again.
    pub message: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum StreamsWanted {
    Running,
    Stopped,
}

impl SetStreams {
    /// What is not to be changed goes as Vitess's simulated NULL: left out, the stored cells and tablet types are blanked
    /// (vitess-facts T15).
    pub fn request(&self) -> vtctldata::WorkflowUpdateRequest {
        use binlogdata::VReplicationWorkflowState as State;
        let state = match self.wanted {
            StreamsWanted::Running => State::Running,
            StreamsWanted::Stopped => State::Stopped,
        };
        vtctldata::WorkflowUpdateRequest {
            keyspace: self.keyspace.to_string(),
            tablet_request: Some(tabletmanagerdata::UpdateVReplicationWorkflowRequest {
                workflow: self.workflow.to_string(),
                cells: vec!["NULL".to_owned()],
                tablet_types: vec![-1],
                tablet_selection_preference: Some(tabletmanagerdata::TabletSelectionPreference::Unknown.into()),
                on_ddl: None,
                state: Some(state.into()),
                shards: Vec::new(),
                config_overrides: BTreeMap::new(),
                message: self.message.as_ref().map(|message| message.clone().into_bytes()),
            }),
        }
    }
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
        let message = match self.message.as_deref() {
            None => String::new(),
            Some("") => ", their mark taken away".to_owned(),
            Some(text) => format!(", marked `{text}`"),
        };
        format!("{verb} the streams of `{}.{}`{message}", self.keyspace, self.workflow)
    }

    fn equivalent(&self) -> String {
        // `vtctldclient Workflow` can set no message.
        if let Some(text) = self.message.as_deref().filter(|text| !text.is_empty()) {
            let state = match self.wanted {
                StreamsWanted::Running => "Running",
                StreamsWanted::Stopped => "Stopped",
            };
            return format!(
                "vtctldclient ExecuteFetchAsDBA ALIAS \"UPDATE _vt.vreplication SET state = '{state}', message = '{text}' WHERE workflow = \
                 '{}'\"   # ALIAS: the primary of each shard of `{}`, one after the other",
                self.workflow, self.keyspace
            );
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_changed_is_sent_as_null() {
        let stop = SetStreams {
            keyspace: KeyspaceName::new("customer").unwrap(),
            workflow: WorkflowName::new("c2c").unwrap(),
            wanted: StreamsWanted::Stopped,
            message: None,
        };
        let request = stop.request().tablet_request.unwrap();
        assert_eq!((request.cells, request.tablet_types), (vec!["NULL".to_owned()], vec![-1]));
        assert_eq!((request.tablet_selection_preference, request.on_ddl), (Some(3), None));
        assert_eq!((request.state, request.message), (Some(2), None));

        let freeze = SetStreams { message: Some("FROZEN".into()), wanted: StreamsWanted::Running, ..stop };
        let request = freeze.request().tablet_request.unwrap();
        assert_eq!((request.state, request.message), (Some(4), Some(b"FROZEN".to_vec())));
        let by_hand = freeze.equivalent();
        assert!(by_hand.contains("message = 'FROZEN' WHERE workflow = 'c2c'"), "{by_hand}");
    }
}
