//! Denied tables, set by hand.

use jiff::Timestamp;

use super::messages::kind as kind_message;
use super::topology::shard_message;
use crate::cluster::vtctld::generated::{topodata, vtctldata as data};
use crate::sandbox::operation;
use crate::sandbox::refusal::{Answer, refuse};
use crate::sandbox::state::State;
use crate::sandbox::topology::{Kind, Shard};

/// Changes the record of a shard. What its tablets know they know from their last refresh.
pub fn set(state: &mut State, request: &data::SetShardTabletControlRequest) -> Answer<()> {
    let began = state.began;
    let cell = state.topology.cells.first().cloned().unwrap_or_default();
    let (keyspace, name) = (&request.keyspace, &request.shard);
    let Some(there) = state.topology.keyspaces.get_mut(keyspace) else {
        return refuse!("node doesn't exist: /vitess/global/keyspaces/{keyspace}/");
    };
    let Some(shard) = there.shard_mut(name) else {
        return refuse!("node doesn't exist: /vitess/global/keyspaces/{keyspace}/shards/{name}/Shard");
    };
    use topodata::TabletType as Wire;
    let kind = match Wire::try_from(request.tablet_type) {
        Ok(Wire::Primary) => Kind::Primary,
        Ok(Wire::Replica) => Kind::Replica,
        Ok(Wire::Rdonly) => Kind::Rdonly,
        _ => return refuse!("the sandbox has no tablets of the type {}", request.tablet_type),
    };
    if kind == Kind::Primary && !request.cells.is_empty() {
        return refuse!("cells must be all or empty for PRIMARY denied tables");
    }
    let is_denied = shard.controls.iter().any(|control| control.kind == kind);
    match (request.remove, request.denied_tables.is_empty()) {
        // Without tables it is about the whole query service.
        (false, true) if is_denied => {
            let shard = go_shard(shard, &cell, began);
            return refuse!("cannot safely alter DisableQueryService as DeniedTables is set for shard {shard}");
        }
        (false, true) => {}
        (true, true) => shard.controls.retain(|control| control.kind != kind),
        (true, false) => shard.allow_by(kind, &request.denied_tables),
        (false, false) => shard.deny_by(kind, &request.cells, &request.denied_tables),
    }
    Ok(())
}

pub fn answer(state: &State, request: &data::SetShardTabletControlRequest) -> data::SetShardTabletControlResponse {
    let (keyspace, name) = (&request.keyspace, &request.shard);
    let shard = state.topology.keyspaces.get(keyspace).and_then(|keyspace| keyspace.shard(name));
    data::SetShardTabletControlResponse { shard: shard.and_then(|shard| shard_message(state, keyspace, shard).shard) }
}

/// The record as Go prints the message.
fn go_shard(shard: &Shard, cell: &str, began: Timestamp) -> String {
    let (seconds, nanoseconds) = (began.as_second(), began.subsec_nanosecond());
    let mut text = format!(
        "primary_alias:{{cell:\"{cell}\" uid:{}}} primary_term_start_time:{{seconds:{seconds} nanoseconds:{nanoseconds}}}",
        shard.primary
    );
    let bytes =
        |digits: &str| digits.as_bytes().chunks(2).map(|two| format!("\\x{}", String::from_utf8_lossy(two))).collect::<String>();
    if let Some((start, end)) = shard.name.split_once('-') {
        let parts = [("start", start), ("end", end)].into_iter().filter(|(_, digits)| !digits.is_empty());
        let parts: Vec<String> = parts.map(|(name, digits)| format!("{name}:\"{}\"", bytes(digits))).collect();
        text.push_str(&format!(" key_range:{{{}}}", parts.join(" ")));
    }
    for control in &shard.controls {
        let kind = kind_message(control.kind).as_str_name();
        let tables: Vec<String> = control.tables.iter().map(|table| format!("denied_tables:\"{table}\"")).collect();
        text.push_str(&format!(" tablet_controls:{{tablet_type:{kind} {}}}", tables.join(" ")));
    }
    text.push_str(" is_primary_serving:true");
    text
}

/// The tablets here know their tables at all times: there is nothing for them to look at.
pub fn reload(state: &State, request: &data::ReloadSchemaKeyspaceRequest) -> Answer<data::ReloadSchemaKeyspaceResponse> {
    let keyspace = &request.keyspace;
    if !state.topology.keyspaces.contains_key(keyspace) {
        return refuse!("GetShardNames({keyspace}) failed: node doesn't exist: keyspaces/{keyspace}");
    }
    Ok(data::ReloadSchemaKeyspaceResponse {})
}

/// Each tablet of a shard reads the topology anew; those that don't answer are named.
pub fn refresh(state: &mut State, request: &data::RefreshStateByShardRequest) -> Answer<data::RefreshStateByShardResponse> {
    let (keyspace, name) = (&request.keyspace, &request.shard);
    if state.topology.keyspaces.get(keyspace).and_then(|keyspace| keyspace.shard(name)).is_none() {
        return refuse!(
            "failed to get shard {keyspace}/{name}/: node doesn't exist: /vitess/global/keyspaces/{keyspace}/shards/{name}/Shard"
        );
    }
    let details = operation::refresh(state, keyspace, name).err().map(|refusal| refusal.0);
    Ok(data::RefreshStateByShardResponse {
        is_partial_refresh: details.is_some(),
        partial_refresh_details: details.unwrap_or_default().into(),
    })
}
