//! GetWorkflows: workflows with their streams, as reported.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::messages::{alias, primaries_answer, whole_seconds};
use super::tablets::server_uuid;
use super::topology::control_message;
use crate::cluster::vtctld::generated::{binlogdata, tabletmanagerdata, vtctldata as data};
use crate::sandbox::refusal::{Answer, refuse};
use crate::sandbox::state::State;
use crate::sandbox::stream::{Stage, State as StreamState, Stream};
use crate::sandbox::trouble;

pub fn workflows(state: &State, request: &data::GetWorkflowsRequest) -> Answer<data::GetWorkflowsResponse> {
    let keyspace = &request.keyspace;
    let Some(there) = state.topology.keyspaces.get(keyspace) else {
        return refuse!("node doesn't exist: /vitess/global/keyspaces/{keyspace}/shards/");
    };
    if let Some(unknown) = request.shards.iter().find(|shard| there.shard(shard).is_none()) {
        return refuse!("shard {unknown} not found in keyspace {keyspace}");
    }
    primaries_answer(state, keyspace)?;
    let wanted = |stream: &&Stream| {
        stream.keyspace == *keyspace
            && (request.workflow.is_empty() || request.workflow == stream.workflow)
            && (request.shards.is_empty() || request.shards.contains(&stream.shard))
            && !(request.active_only && stream.state == StreamState::Stopped)
    };
    let mut by_name: BTreeMap<&str, Vec<&Stream>> = BTreeMap::new();
    for stream in state.streams.iter().filter(wanted) {
        by_name.entry(&stream.workflow).or_default().push(stream);
    }
    let workflows = by_name.iter().map(|(name, streams)| workflow(state, keyspace, name, streams)).collect();
    Ok(data::GetWorkflowsResponse { workflows })
}

fn workflow(state: &State, keyspace: &str, name: &str, streams: &[&Stream]) -> data::Workflow {
    let mut shard_streams: BTreeMap<String, data::workflow::ShardStream> = BTreeMap::new();
    for stream in streams {
        let key = format!("{}/{}", stream.shard, state.topology.primary_alias(keyspace, &stream.shard));
        let entry = shard_streams.entry(key).or_insert_with(|| {
            let shard = state.topology.keyspaces.get(keyspace).and_then(|keyspace| keyspace.shard(&stream.shard));
            data::workflow::ShardStream {
                streams: vec![],
                tablet_controls: shard.map(|shard| shard.controls.iter().map(control_message).collect()).unwrap_or_default(),
                is_primary_serving: true,
            }
        });
        entry.streams.push(message(state, stream));
    }
    let names = |of: fn(&&&Stream) -> String| -> Vec<String> {
        streams.iter().map(|stream| of(&stream)).collect::<BTreeSet<String>>().into_iter().collect()
    };
    let first = streams.first();
    let location =
        |keyspace: &str, shards: Vec<String>| Some(data::workflow::ReplicationLocation { keyspace: keyspace.to_owned(), shards });
    let settings = first.map(|stream| stream.settings.clone()).unwrap_or_default();
    data::Workflow {
        name: name.to_owned(),
        source: location(first.map_or("", |stream| &stream.source_keyspace), names(|stream| stream.source_shard.clone())),
        target: location(keyspace, names(|stream| stream.shard.clone())),
        max_v_replication_lag: streams.iter().map(|stream| seconds_since(state, updated_at(state, stream))).max().unwrap_or(0),
        shard_streams,
        workflow_type: "MoveTables".to_owned(),
        workflow_sub_type: "None".to_owned(),
        max_v_replication_transaction_lag: transaction_lag(state, streams),
        defer_secondary_keys: settings.defer_secondary_keys,
        options: Some(data::WorkflowOptions {
            sharded_auto_increment_handling: settings.auto_increment,
            config: settings.config,
            global_keyspace: settings.global_keyspace,
            ..data::WorkflowOptions::default()
        }),
    }
}

fn seconds_since(state: &State, moment: Timestamp) -> i64 {
    state.now.duration_since(moment).as_secs().max(0)
}

fn updated_at(state: &State, stream: &Stream) -> Timestamp {
    if stream.is_running() && stream.error.is_none() { state.now } else { stream.updated_at }
}

/// The least number of 64 bits while any stream copies.
fn transaction_lag(state: &State, streams: &[&Stream]) -> i64 {
    if streams.iter().any(|stream| stream.reported_state() == "Copying") {
        return i64::MIN;
    }
    // Its last update reads as a time far ahead.
    let old = streams.iter().filter(|stream| stream.stage != Stage::New).map(|stream| seconds_since(state, stream.applied_until));
    old.max().unwrap_or(0)
}

fn message(state: &State, stream: &Stream) -> data::workflow::Stream {
    let tablet = state.topology.primary_of(&stream.keyspace, &stream.shard);
    let left: &[String] = if let Stage::Copying { left, .. } = &stream.stage { left } else { &[] };
    let rules = stream
        .tables
        .iter()
        .map(|(table, filter)| binlogdata::Rule { r#match: table.clone(), filter: filter.clone().into_bytes() });
    let preference = if stream.settings.in_order {
        tabletmanagerdata::TabletSelectionPreference::Inorder
    } else {
        tabletmanagerdata::TabletSelectionPreference::Any
    };
    // The number that NOW() is in a column of seconds.
    let new = || {
        let digits = state.began.strftime("%Y%m%d%H%M%S").to_string();
        Some(crate::cluster::vtctld::generated::vttime::Time { seconds: digits.parse().unwrap_or(0), nanoseconds: 0 })
    };
    let tables = state.application.last_write(&stream.source_keyspace, stream.names());
    data::workflow::Stream {
        id: i64::try_from(stream.id).unwrap_or(0),
        shard: stream.shard.clone(),
        tablet: tablet.map(alias),
        binlog_source: Some(binlogdata::BinlogSource {
            keyspace: stream.source_keyspace.clone(),
            shard: stream.source_shard.clone(),
            filter: Some(binlogdata::Filter { rules: rules.collect(), ..Default::default() }),
            on_ddl: stream.settings.on_ddl,
            stop_after_copy: stream.settings.stop_after_copy,
            source_time_zone: stream.settings.source_time_zone.clone(),
            target_time_zone: stream.settings.target_time_zone.clone(),
            ..Default::default()
        }),
        position: position(state, stream).into_bytes(),
        stop_position: vec![],
        state: stream.reported_state().to_owned(),
        db_name: format!("vt_{}", stream.keyspace),
        transaction_timestamp: tables.map(|at| at.min(stream.applied_until)).and_then(whole_seconds),
        time_updated: if stream.stage == Stage::New { new() } else { whole_seconds(updated_at(state, stream)) },
        message: stream.message.clone().into_bytes(),
        copy_states: left
            .iter()
            .map(|table| data::workflow::stream::CopyState {
                table: table.clone(),
                last_pk: vec![],
                stream_id: i64::try_from(stream.id).unwrap_or(0),
            })
            .collect(),
        tags: vec![],
        rows_copied: i64::try_from(stream.rows_copied).unwrap_or(i64::MAX),
        throttler_status: Some(throttler_status(state, stream)),
        tablet_types: stream.settings.tablet_types.clone(),
        tablet_selection_preference: preference.into(),
        cells: stream.settings.cells.clone(),
        ..Default::default()
    }
}

fn throttler_status(state: &State, stream: &Stream) -> data::workflow::stream::ThrottlerStatus {
    if !trouble::is_throttled(state, &stream.keyspace) {
        return Default::default();
    }
    data::workflow::stream::ThrottlerStatus {
        component_throttled: "vplayer".to_owned(),
        time_throttled: whole_seconds(state.now),
    }
}

/// The source's transactions that are applied: its initial ones, and one for each row since.
pub fn position(state: &State, stream: &Stream) -> String {
    if stream.stage == Stage::New { String::new() } else { position_at(state, stream, stream.applied_until) }
}

/// The source's position as it was at a moment.
pub fn position_at(state: &State, stream: &Stream, moment: Timestamp) -> String {
    let uid = state.topology.primary_of(&stream.source_keyspace, &stream.source_shard).map_or(0, |tablet| tablet.uid);
    let writers = state.application.writers.values();
    let of_source = writers.flat_map(|writer| &writer.segments).filter(|segment| segment.keyspace == stream.source_keyspace);
    let taken: u64 = of_source.filter(|segment| segment.from <= moment).map(|segment| segment.last + 1 - segment.first).sum();
    format!("MySQL56/{}:1-{}", server_uuid(uid), 100 + taken)
}
