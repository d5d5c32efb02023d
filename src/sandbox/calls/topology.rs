//! Cells, keyspaces, shards, and nodes of the topology.

use std::collections::{BTreeMap, BTreeSet};

use super::messages::{alias, key_range, time};
use crate::cluster::vtctld::generated::{topodata, vtctldata as data};
use crate::sandbox::operation::no_shards;
use crate::sandbox::refusal::{Answer, Refusal, refuse};
use crate::sandbox::state::State;
use crate::sandbox::topology::{Denied, Shard};

pub fn cell_names(state: &State) -> data::GetCellInfoNamesResponse {
    data::GetCellInfoNamesResponse { names: state.topology.cells.clone() }
}

fn keyspace_message(name: &str) -> data::Keyspace {
    let record = topodata::Keyspace {
        keyspace_type: topodata::KeyspaceType::Normal.into(),
        durability_policy: "none".to_owned(),
        sidecar_db_name: "_vt".to_owned(),
        ..topodata::Keyspace::default()
    };
    data::Keyspace { name: name.to_owned(), keyspace: Some(record) }
}

pub fn keyspace(state: &State, request: &data::GetKeyspaceRequest) -> Answer<data::GetKeyspaceResponse> {
    let name = &request.keyspace;
    if !state.topology.keyspaces.contains_key(name) {
        return refuse!("node doesn't exist: /vitess/global/keyspaces/{name}/Keyspace");
    }
    Ok(data::GetKeyspaceResponse { keyspace: Some(keyspace_message(name)) })
}

pub fn keyspaces(state: &State) -> data::GetKeyspacesResponse {
    data::GetKeyspacesResponse { keyspaces: state.topology.keyspaces.keys().map(|name| keyspace_message(name)).collect() }
}

pub fn denied_message(denied: &Denied) -> topodata::shard::TabletControl {
    topodata::shard::TabletControl {
        tablet_type: topodata::TabletType::Primary.into(),
        cells: vec![],
        denied_tables: denied.tables.iter().cloned().collect(),
        frozen: false,
        allow_reads: false,
    }
}

pub fn shard_message(state: &State, keyspace: &str, shard: &Shard) -> data::Shard {
    let primary = state.topology.tablet(shard.primary);
    let record = topodata::Shard {
        primary_alias: primary.map(alias),
        key_range: key_range(&shard.name),
        source_shards: vec![],
        tablet_controls: shard.denied.iter().map(denied_message).collect(),
        is_primary_serving: true,
        primary_term_start_time: time(state.began),
        vtorc_state: None,
    };
    data::Shard { keyspace: keyspace.to_owned(), name: shard.name.clone(), shard: Some(record) }
}

pub fn shards(state: &State, request: &data::FindAllShardsInKeyspaceRequest) -> Answer<data::FindAllShardsInKeyspaceResponse> {
    let name = &request.keyspace;
    let Some(keyspace) = state.topology.keyspaces.get(name) else { return Err(no_shards(name)) };
    let shards = keyspace.shards.iter().map(|shard| (shard.name.clone(), shard_message(state, name, shard)));
    Ok(data::FindAllShardsInKeyspaceResponse { shards: shards.collect() })
}

pub fn shard(state: &State, request: &data::GetShardRequest) -> Answer<data::GetShardResponse> {
    let (keyspace, name) = (&request.keyspace, &request.shard_name);
    let found = state.topology.keyspaces.get(keyspace).and_then(|keyspace| keyspace.shard(name));
    match found {
        Some(shard) => Ok(data::GetShardResponse { shard: Some(shard_message(state, keyspace, shard)) }),
        None => refuse!("node doesn't exist: /vitess/global/keyspaces/{keyspace}/shards/{name}/Shard"),
    }
}

/// A node of the topology. Of all that a real one holds, there are the locks.
pub fn path(state: &State, request: &data::GetTopologyPathRequest) -> Answer<data::GetTopologyPathResponse> {
    let nodes = lock_nodes(state);
    let Some(path) = request.path.strip_prefix("/global/").map(|path| path.trim_end_matches('/')) else {
        return refuse!("node doesn't exist: {}", request.path);
    };
    let name = path.rsplit('/').next().unwrap_or_default().to_owned();
    if let Some((contents, version)) = nodes.get(path) {
        let cell = data::TopologyCell {
            name,
            path: request.path.clone(),
            data: contents.clone().into_bytes(),
            children: vec![],
            version: *version,
        };
        return Ok(data::GetTopologyPathResponse { cell: Some(cell) });
    }
    let below = format!("{path}/");
    let children: BTreeSet<String> =
        nodes.keys().filter_map(|node| node.strip_prefix(&below)?.split('/').next()).map(str::to_owned).collect();
    if children.is_empty() {
        return refuse!("node doesn't exist: /vitess/global/{path}");
    }
    let cell = data::TopologyCell {
        name,
        path: request.path.clone(),
        data: vec![],
        children: children.into_iter().collect(),
        version: 0,
    };
    Ok(data::GetTopologyPathResponse { cell: Some(cell) })
}

/// The nodes of held locks by path, with what stands in each and its version.
fn lock_nodes(state: &State) -> BTreeMap<String, (String, i64)> {
    let node = |lock: &crate::sandbox::locks::Lock| {
        let version = lock.since.as_millisecond();
        let contents = serde_json::json!({
            "Action": lock.action,
            "HostName": "sandbox",
            "UserName": "vitess",
            "Time": lock.since.to_string(),
            "Options": {},
            "Status": "Running",
        });
        (format!("{}/locks/{version}", lock.path), (format!("{contents:#}"), version))
    };
    state.locks.held(state.now).map(node).collect()
}

/// A keyspace that a call needs.
pub fn known<'s>(state: &'s State, keyspace: &str) -> Answer<&'s crate::sandbox::topology::Keyspace> {
    let found = state.topology.keyspaces.get(keyspace);
    found.ok_or_else(|| Refusal(format!("node doesn't exist: /vitess/global/keyspaces/{keyspace}/Keyspace")))
}
