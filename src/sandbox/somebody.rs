//! Somebody else acts on a workflow, as with vtctldclient.

use super::calls::update::Updated;
use super::file::description::Deed;
use super::operation::{self, Switch, Work};
use super::state::State;
use crate::cluster::vtctld::generated::topodata::TabletType::{Primary, Rdonly, Replica};
use crate::cluster::vtctld::generated::{binlogdata, tabletmanagerdata, topodata, vtctldata as data};

/// Begins it. Nobody waits for its answer.
pub fn acts(state: &mut State, does: Deed, keyspace: &str, workflow: &str) {
    use binlogdata::VReplicationWorkflowState::{Running, Stopped};
    let (call, work) = match does {
        Deed::Stop => ("WorkflowUpdate", update(keyspace, workflow, Stopped)),
        Deed::Start => ("WorkflowUpdate", update(keyspace, workflow, Running)),
        Deed::Cancel => ("WorkflowDelete", Work::Cancel(cancel(keyspace, workflow))),
        Deed::SwitchReads => ("WorkflowSwitchTraffic", switch(keyspace, workflow, &[Replica, Rdonly], 0)),
        Deed::SwitchWrites => ("WorkflowSwitchTraffic", switch(keyspace, workflow, &[Primary], 0)),
        Deed::ReverseWrites => ("WorkflowSwitchTraffic", switch(keyspace, workflow, &[Primary], 1)),
        Deed::Complete => ("MoveTablesComplete", Work::Complete(complete(keyspace, workflow))),
    };
    operation::begin(state, "", call, work);
}

fn update(keyspace: &str, workflow: &str, wanted: binlogdata::VReplicationWorkflowState) -> Work {
    let tablet_request = tabletmanagerdata::UpdateVReplicationWorkflowRequest {
        workflow: workflow.to_owned(),
        // "NULL" and -1 stand for "leave it".
        cells: vec!["NULL".to_owned()],
        tablet_types: vec![-1],
        tablet_selection_preference: Some(tabletmanagerdata::TabletSelectionPreference::Unknown.into()),
        state: Some(wanted.into()),
        ..Default::default()
    };
    let request = data::WorkflowUpdateRequest { keyspace: keyspace.to_owned(), tablet_request: Some(tablet_request) };
    Work::Update(Box::new(request), Updated::default())
}

fn switch(keyspace: &str, workflow: &str, kinds: &[topodata::TabletType], direction: i32) -> Work {
    Work::Switch(Box::new(Switch::new(data::WorkflowSwitchTrafficRequest {
        keyspace: keyspace.to_owned(),
        workflow: workflow.to_owned(),
        tablet_types: kinds.iter().map(|kind| i32::from(*kind)).collect(),
        direction,
        enable_reverse_replication: true,
        initialize_target_sequences: true,
        ..Default::default()
    })))
}

fn cancel(keyspace: &str, workflow: &str) -> data::WorkflowDeleteRequest {
    data::WorkflowDeleteRequest { keyspace: keyspace.to_owned(), workflow: workflow.to_owned(), ..Default::default() }
}

fn complete(keyspace: &str, workflow: &str) -> data::MoveTablesCompleteRequest {
    data::MoveTablesCompleteRequest {
        target_keyspace: keyspace.to_owned(),
        workflow: workflow.to_owned(),
        rename_tables: true,
        ..Default::default()
    }
}
