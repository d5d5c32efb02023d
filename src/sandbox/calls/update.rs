//! WorkflowUpdate: streams started, stopped, marked.

use super::messages::alias;
use crate::cluster::vtctld::generated::{binlogdata, tabletmanagerdata, vtctldata as data};
use crate::sandbox::advance;
use crate::sandbox::operation::{no_shards, places};
use crate::sandbox::refusal::{Answer, refuse};
use crate::sandbox::state::State;

pub fn update(state: &mut State, request: &data::WorkflowUpdateRequest) -> Answer<data::WorkflowUpdateResponse> {
    let keyspace = &request.keyspace;
    let wanted = request.tablet_request.clone().unwrap_or_default();
    if !state.topology.keyspaces.contains_key(keyspace) {
        return Err(no_shards(keyspace));
    }
    let places = places(state, keyspace, &wanted.workflow);
    if places.is_empty() {
        return refuse!("the {} workflow does not exist in the {keyspace} keyspace", wanted.workflow);
    }
    use binlogdata::VReplicationWorkflowState as Wire;
    let new_state = wanted.state.and_then(|state| Wire::try_from(state).ok());
    let message = wanted.message.as_ref().map(|message| String::from_utf8_lossy(message).into_owned());
    // A new message takes the mark away.
    let frozen = places.iter().any(|place| state.streams[*place].is_frozen()) && message.is_none();
    if new_state == Some(Wire::Running) && frozen {
        return refuse!("cannot start a workflow when it is frozen");
    }
    let mut details = Vec::new();
    for place in &places {
        let shard = state.streams[*place].shard.clone();
        let info = state.topology.primary_of(keyspace, &shard).map(|tablet| {
            let tablet = Some(alias(tablet));
            data::workflow_update_response::TabletInfo { tablet, changed: true }
        });
        details.extend(info);
        let stream = &mut state.streams[*place];
        // "NULL" and -1 stand for "leave it".
        if wanted.cells != ["NULL"] {
            stream.settings.cells.clone_from(&wanted.cells);
        }
        if wanted.tablet_types != [-1] {
            stream.settings.tablet_types.clone_from(&wanted.tablet_types);
        }
        let unknown = i32::from(tabletmanagerdata::TabletSelectionPreference::Unknown);
        if wanted.tablet_selection_preference != Some(unknown) {
            stream.settings.in_order =
                wanted.tablet_selection_preference == Some(tabletmanagerdata::TabletSelectionPreference::Inorder.into());
        }
        if let Some(on_ddl) = wanted.on_ddl {
            stream.settings.on_ddl = on_ddl;
        }
        if let Some(message) = &message {
            stream.message.clone_from(message);
        }
        match new_state {
            Some(Wire::Running) => advance::start(state, *place),
            Some(Wire::Stopped) => advance::stop(state, *place),
            _ => {}
        }
    }
    details.dedup();
    let count = details.len();
    let summary = format!(
        "Successfully updated the {} workflow on ({count}) target primary tablets in the {keyspace} keyspace",
        wanted.workflow
    );
    Ok(data::WorkflowUpdateResponse { summary: summary.into_bytes(), details })
}
