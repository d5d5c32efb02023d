//! Denied tables, set by hand.

use super::topology::shard_message;
use crate::cluster::vtctld::generated::{topodata, vtctldata as data};
use crate::sandbox::refusal::{Answer, refuse};
use crate::sandbox::state::State;

pub fn set(state: &mut State, request: &data::SetShardTabletControlRequest) -> Answer<data::SetShardTabletControlResponse> {
    let (keyspace, name) = (&request.keyspace, &request.shard);
    let shard = state.topology.keyspaces.get_mut(keyspace).and_then(|keyspace| keyspace.shard_mut(name));
    let Some(shard) = shard else {
        return refuse!("node doesn't exist: /vitess/global/keyspaces/{keyspace}/shards/{name}/Shard");
    };
    if request.tablet_type == i32::from(topodata::TabletType::Primary) {
        if !request.cells.is_empty() {
            return refuse!("cells must be all or empty for PRIMARY denied tables");
        }
        match (request.remove, request.denied_tables.is_empty()) {
            (true, true) => shard.denied = None,
            (true, false) => shard.allow(&request.denied_tables),
            (false, _) => shard.deny(&request.denied_tables),
        }
    }
    let shard = state.topology.keyspaces.get(keyspace).and_then(|keyspace| keyspace.shard(name));
    Ok(data::SetShardTabletControlResponse { shard: shard.and_then(|shard| shard_message(state, keyspace, shard).shard) })
}

/// A sandbox's tablets know what the topology knows.
pub fn refresh(state: &State, request: &data::RefreshStateByShardRequest) -> Answer<data::RefreshStateByShardResponse> {
    let (keyspace, name) = (&request.keyspace, &request.shard);
    match state.topology.keyspaces.get(keyspace).and_then(|keyspace| keyspace.shard(name)) {
        Some(_) => Ok(data::RefreshStateByShardResponse::default()),
        None => refuse!("node doesn't exist: /vitess/global/keyspaces/{keyspace}/shards/{name}/Shard"),
    }
}
