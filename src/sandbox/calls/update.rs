//! WorkflowUpdate: streams started, stopped, marked.

use super::messages::{alias, said_by};
use crate::cluster::vtctld::generated::{binlogdata, tabletmanagerdata, vtctldata as data};
use crate::sandbox::advance;
use crate::sandbox::operation::places;
use crate::sandbox::refusal::{Answer, Refusal, refuse};
use crate::sandbox::state::State;

pub fn update(state: &mut State, request: &data::WorkflowUpdateRequest) -> Answer<data::WorkflowUpdateResponse> {
    let keyspace = &request.keyspace;
    let wanted = request.tablet_request.clone().unwrap_or_default();
    let Some(there) = state.topology.keyspaces.get(keyspace) else {
        return refuse!("{keyspace} keyspace does not exist: node doesn't exist: /vitess/global/keyspaces/{keyspace}/shards/");
    };
    if let Some(unknown) = wanted.shards.iter().find(|shard| there.shard(shard).is_none()) {
        return refuse!("shard {unknown} not found in keyspace {keyspace}");
    }
    let mut places = places(state, keyspace, &wanted.workflow);
    if !wanted.shards.is_empty() {
        places.retain(|place| wanted.shards.contains(&state.streams[*place].shard));
    }
    if places.is_empty() {
        return refuse!("the {} workflow does not exist in the {keyspace} keyspace", wanted.workflow);
    }
    use binlogdata::VReplicationWorkflowState as Wire;
    let new_state = wanted.state.and_then(|state| Wire::try_from(state).ok());
    let message = wanted.message.as_ref().map(|message| String::from_utf8_lossy(message).into_owned());
    let frozen = places.iter().any(|place| state.streams[*place].is_frozen());
    if new_state == Some(Wire::Running) && frozen {
        let mut shards: Vec<&str> = places.iter().map(|place| state.streams[*place].shard.as_str()).collect();
        shards.dedup();
        let line = |shard: &str| {
            let alias = state.topology.primary_alias(keyspace, shard);
            let words = "cannot start a workflow when it is frozen";
            said_by("FailedPrecondition", "UpdateVReplicationWorkflow", &alias, words)
        };
        let lines: Vec<String> = shards.into_iter().map(line).collect();
        return Err(Refusal(lines.join("\n")));
    }
    let mut details = Vec::new();
    for place in &places {
        let before = state.streams[*place].clone();
        let stream = &mut state.streams[*place];
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
        if let Some(message) = &message {
            stream.message.clone_from(message);
        }
        match new_state {
            Some(Wire::Running) => {
                if message.is_none() {
                    state.streams[*place].message.clear();
                }
                advance::start(state, *place);
            }
            Some(Wire::Stopped) => advance::stop(state, *place),
            _ => {}
        }
        let after = &state.streams[*place];
        let changed = (before.state, &before.message, &before.settings) != (after.state, &after.message, &after.settings);
        let info = state.topology.primary_of(keyspace, &before.shard).map(|tablet| {
            let tablet = Some(alias(tablet));
            data::workflow_update_response::TabletInfo { tablet, changed }
        });
        details.extend(info);
    }
    details.dedup();
    let count = details.len();
    let summary = format!(
        "Successfully updated the {} workflow on ({count}) target primary tablets in the {keyspace} keyspace",
        wanted.workflow
    );
    Ok(data::WorkflowUpdateResponse { summary: summary.into_bytes(), details })
}
