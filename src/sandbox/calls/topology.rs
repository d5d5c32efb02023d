//! Cells, keyspaces, shards, and nodes of the topology.

use std::collections::{BTreeMap, BTreeSet};

use super::messages::{alias, key_range, kind, time};
use crate::cluster::vtctld::generated::{topodata, vtctldata as data};
use crate::sandbox::operation::no_shards;
use crate::sandbox::refusal::{Answer, refuse};
use crate::sandbox::state::State;
use crate::sandbox::topology::{Control, Shard};

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
    if name.is_empty() {
        return refuse!("GetKeyspace: empty name: empty name");
    }
    if !state.topology.keyspaces.contains_key(name) {
        return refuse!("node doesn't exist: /vitess/global/keyspaces/{name}/Keyspace");
    }
    Ok(data::GetKeyspaceResponse { keyspace: Some(keyspace_message(name)) })
}

pub fn keyspaces(state: &State) -> data::GetKeyspacesResponse {
    data::GetKeyspacesResponse { keyspaces: state.topology.keyspaces.keys().map(|name| keyspace_message(name)).collect() }
}

pub fn control_message(control: &Control) -> topodata::shard::TabletControl {
    topodata::shard::TabletControl {
        tablet_type: kind(control.kind).into(),
        cells: control.cells.iter().cloned().collect(),
        denied_tables: control.tables.iter().cloned().collect(),
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
        tablet_controls: shard.controls.iter().map(control_message).collect(),
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
    if name.is_empty() {
        return refuse!("empty name");
    }
    let found = state.topology.keyspaces.get(keyspace).and_then(|keyspace| keyspace.shard(name));
    match found {
        Some(shard) => Ok(data::GetShardResponse { shard: Some(shard_message(state, keyspace, shard)) }),
        None => refuse!("node doesn't exist: /vitess/global/keyspaces/{keyspace}/shards/{name}/Shard"),
    }
}

/// A node of the topology. Of the contents that a real one holds, there are those of the locks.
pub fn path(state: &State, request: &data::GetTopologyPathRequest) -> Answer<data::GetTopologyPathResponse> {
    let whole = &request.path;
    let Some((cell, path)) = whole.strip_prefix('/').and_then(|rest| rest.split_once('/')) else {
        return refuse!("invalid path: {whole}");
    };
    if cell != "global" && !state.topology.cells.iter().any(|name| name == cell) {
        return refuse!("error fetching connection to cell {cell}: node doesn't exist: /vitess/global/cells/{cell}/CellInfo");
    }
    let path = path.trim_end_matches('/');
    let nodes = if cell == "global" { nodes(state) } else { BTreeMap::new() };
    let name = path.rsplit('/').next().unwrap_or_default().to_owned();
    let found = |data: Vec<u8>, children: Vec<String>, version: i64| {
        let cell = data::TopologyCell { name, path: whole.clone(), data, children, version };
        Ok(data::GetTopologyPathResponse { cell: Some(cell) })
    };
    if let Some((contents, version)) = nodes.get(path) {
        return found(contents.clone().into_bytes(), vec![], *version);
    }
    let below = format!("{path}/");
    let children: BTreeSet<String> =
        nodes.keys().filter_map(|node| node.strip_prefix(&below)?.split('/').next()).map(str::to_owned).collect();
    if children.is_empty() {
        return refuse!(
            "cell {cell} with path {whole} has no file contents and no children: node doesn't exist: /vitess/{cell}/{path}/"
        );
    }
    found(vec![], children.into_iter().collect(), 0)
}

/// All nodes below the global root by path, with what stands in each and its version.
fn nodes(state: &State) -> BTreeMap<String, (String, i64)> {
    let lock = |lock: &crate::sandbox::locks::Lock| {
        let version = i64::try_from(lock.revision).unwrap_or(i64::MAX);
        let contents = serde_json::json!({
            "Action": lock.action,
            "HostName": "sandbox",
            "UserName": "vitess",
            // As Go's RFC 3339, without fractions (go/vt/topo/locks.go).
            "Time": lock.since.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            "Options": {},
            "Status": "Running",
        });
        (format!("{}/locks/{version}", lock.path), (format!("{contents:#}"), version))
    };
    let mut nodes: BTreeMap<String, (String, i64)> = state.locks.standing(state.now).map(lock).collect();
    for (name, keyspace) in &state.topology.keyspaces {
        let mut add = |below: String| nodes.insert(format!("keyspaces/{name}/{below}"), (String::new(), 1));
        add("Keyspace".to_owned());
        add("VSchema".to_owned());
        for shard in &keyspace.shards {
            add(format!("shards/{}/Shard", shard.name));
        }
    }
    nodes.extend(state.topology.cells.iter().map(|cell| (format!("cells/{cell}/CellInfo"), (String::new(), 1))));
    nodes
}
