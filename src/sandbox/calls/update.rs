//! WorkflowUpdate: streams started, stopped, marked.

use serde::{Deserialize, Serialize};

use super::messages::said_by;
use crate::cluster::vtctld::generated::{binlogdata, tabletmanagerdata, topodata, vtctldata as data};
use crate::sandbox::advance;
use crate::sandbox::operation::places;
use crate::sandbox::refusal::{Answer, Refusal, refuse};
use crate::sandbox::state::State;
use crate::sandbox::stream::Stream;

/// What the shards that were asked so far did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Updated {
    /// Cell and uid of each primary, and whether that changed anything: a stream each.
    done: Vec<(String, u32, bool)>,
    refused: Vec<String>,
}

/// The shards that have streams to be updated.
pub fn shards(state: &State, request: &data::WorkflowUpdateRequest) -> Answer<Vec<String>> {
    let keyspace = &request.keyspace;
    let wanted = request.tablet_request.clone().unwrap_or_default();
    let Some(there) = state.topology.keyspaces.get(keyspace) else {
        return refuse!("{keyspace} keyspace does not exist: node doesn't exist: /vitess/global/keyspaces/{keyspace}/shards/");
    };
    if let Some(unknown) = wanted.shards.iter().find(|shard| there.shard(shard).is_none()) {
        return refuse!("shard {unknown} not found in keyspace {keyspace}");
    }
    let mut shards: Vec<String> = state.streams_of(keyspace, &wanted.workflow).map(|stream| stream.shard.clone()).collect();
    shards.dedup();
    shards.retain(|shard| wanted.shards.is_empty() || wanted.shards.contains(shard));
    if shards.is_empty() {
        return refuse!("the {} workflow does not exist in the {keyspace} keyspace", wanted.workflow);
    }
    Ok(shards)
}

pub fn update_shard(state: &mut State, request: &data::WorkflowUpdateRequest, shard: &str, updated: &mut Updated) {
    let keyspace = &request.keyspace;
    let wanted = request.tablet_request.clone().unwrap_or_default();
    let alias = state.topology.primary_alias(keyspace, shard);
    let mut refuse = |code: &str, words: &str| {
        updated.refused.push(said_by(code, "UpdateVReplicationWorkflow", &alias, words));
    };
    if state.topology.primary_of(keyspace, shard).is_some_and(|tablet| tablet.is_down) {
        return refuse("Unavailable", "connection refused");
    }
    let mut places = places(state, keyspace, &wanted.workflow);
    places.retain(|place| state.streams[*place].shard == shard);
    use binlogdata::VReplicationWorkflowState as Wire;
    let new_state = wanted.state.and_then(|state| Wire::try_from(state).ok());
    if new_state == Some(Wire::Running) && places.iter().any(|place| state.streams[*place].is_frozen()) {
        return refuse("FailedPrecondition", "cannot start a workflow when it is frozen");
    }
    for place in places {
        let before = state.streams[place].clone();
        change(&mut state.streams[place], &wanted);
        match new_state {
            Some(Wire::Running) => {
                if wanted.message.is_none() {
                    state.streams[place].message.clear();
                }
                advance::start(state, place);
            }
            Some(Wire::Stopped) => advance::stop(state, place),
            _ => {}
        }
        let after = &state.streams[place];
        let changed = (before.state, &before.message, &before.settings) != (after.state, &after.message, &after.settings);
        let tablet = state.topology.primary_of(keyspace, shard);
        updated.done.extend(tablet.map(|tablet| (tablet.cell.clone(), tablet.uid, changed)));
    }
}

/// All but its state.
fn change(stream: &mut Stream, wanted: &tabletmanagerdata::UpdateVReplicationWorkflowRequest) {
    stream.settings.is_respelled = true;
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
    if !wanted.config_overrides.is_empty() {
        stream.settings.config = wanted.config_overrides.clone();
        stream.settings.config.retain(|_, value| !value.is_empty());
    }
    if let Some(on_ddl) = wanted.on_ddl {
        stream.settings.on_ddl = on_ddl;
    }
    if let Some(message) = &wanted.message {
        stream.message = String::from_utf8_lossy(message).into_owned();
    }
}

/// # Errors
/// What any shard refused; the others have done it.
pub fn answer(request: &data::WorkflowUpdateRequest, updated: &Updated) -> Answer<data::WorkflowUpdateResponse> {
    if !updated.refused.is_empty() {
        return Err(Refusal(updated.refused.join("\n")));
    }
    let info = |(cell, uid, changed): &(String, u32, bool)| data::workflow_update_response::TabletInfo {
        tablet: Some(topodata::TabletAlias { cell: cell.clone(), uid: *uid }),
        changed: *changed,
    };
    let mut details: Vec<_> = updated.done.iter().map(info).collect();
    details.dedup();
    let count = details.len();
    let workflow = request.tablet_request.as_ref().map(|wanted| wanted.workflow.clone()).unwrap_or_default();
    let summary = format!(
        "Successfully updated the {workflow} workflow on ({count}) target primary tablets in the {} keyspace",
        request.keyspace
    );
    Ok(data::WorkflowUpdateResponse { summary: summary.into_bytes(), details })
}
