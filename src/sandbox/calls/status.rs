//! WorkflowStatus: progress of the copy, streams in short, where the traffic goes.

use std::collections::BTreeMap;

use super::messages::alias;
use super::workflows::position;
use crate::cluster::vtctld::generated::vtctldata as data;
use crate::sandbox::operation::course;
use crate::sandbox::refusal::Answer;
use crate::sandbox::state::State;
use crate::sandbox::stream::{Stage, Stream};

pub fn status(state: &State, request: &data::WorkflowStatusRequest) -> Answer<data::WorkflowStatusResponse> {
    let (keyspace, workflow) = (&request.keyspace, &request.workflow);
    let mut status = of(state, keyspace, workflow)
        .map_err(|refusal| refusal.within(&format!("failed to get workflow state for {keyspace}.{workflow} workflow")))?;
    if !request.shards.is_empty() {
        status.shard_streams.retain(|key, _| request.shards.iter().any(|shard| *key == format!("{keyspace}/{shard}")));
    }
    Ok(status)
}

pub fn of(state: &State, keyspace: &str, workflow: &str) -> Answer<data::WorkflowStatusResponse> {
    let course = course(state, keyspace, workflow)?;
    let mut shard_streams: BTreeMap<String, data::workflow_status_response::ShardStreams> = BTreeMap::new();
    for stream in state.streams_of(keyspace, workflow) {
        let key = format!("{keyspace}/{}", stream.shard);
        shard_streams.entry(key).or_default().streams.push(stream_message(state, stream));
    }
    let copies = state
        .streams_of(keyspace, workflow)
        .any(|stream| matches!(&stream.stage, Stage::Copying { left, .. } if !left.is_empty()));
    let table_copy_state = if copies { copy(state, keyspace, workflow) } else { BTreeMap::new() };
    Ok(data::WorkflowStatusResponse { table_copy_state, shard_streams, traffic_state: course.state(&state.topology) })
}

fn stream_message(state: &State, stream: &Stream) -> data::workflow_status_response::ShardStreamState {
    let position = position(state, stream);
    let status = stream.reported_state();
    let info = if status == "Error" {
        stream.message.clone()
    } else if position.is_empty() {
        "VStream has not started".to_owned()
    } else {
        let time = stream.applied_until.strftime("%a %b %_d %H:%M:%S %Y");
        format!("VStream Lag: 0s; ; Tx time: {time}.")
    };
    data::workflow_status_response::ShardStreamState {
        id: i32::try_from(stream.id).unwrap_or(0),
        tablet: state.topology.primary_of(&stream.keyspace, &stream.shard).map(alias),
        source_shard: format!("{}/{}", stream.source_keyspace, stream.source_shard),
        position: position.into_bytes(),
        status: status.to_owned(),
        info: info.into_bytes(),
    }
}

/// Both sides as MySQL estimates them, summed over shards.
fn copy(state: &State, keyspace: &str, workflow: &str) -> BTreeMap<String, data::workflow_status_response::TableCopyState> {
    let Ok(course) = course(state, keyspace, workflow) else { return BTreeMap::new() };
    let left = |table: &str| -> (usize, usize) {
        let streams: Vec<&Stream> = state.streams_of(keyspace, workflow).collect();
        let waiting = streams.iter().filter(|stream| match &stream.stage {
            Stage::New => true,
            Stage::Copying { left, .. } => left.iter().any(|name| name == table),
            Stage::Replicating => false,
        });
        (waiting.count(), streams.len())
    };
    let one = |table: &String| {
        let rows = |keyspace: &str| state.topology.keyspaces.get(keyspace).and_then(|it| it.count(table)).unwrap_or(0);
        let bytes_per_row = state
            .topology
            .keyspaces
            .get(&course.source)
            .and_then(|it| Some(it.shards.first()?.tables.get(table)?.bytes_per_row))
            .unwrap_or(0);
        let (copied, total) = (rows(&course.target), rows(&course.source));
        let percent = |part: u64, whole: u64| if whole == 0 { 100.0 } else { (part as f64 * 100.0 / whole as f64) as f32 };
        let (waiting, _) = left(table);
        let phase = match (waiting, copied) {
            (0, _) => data::TableCopyPhase::Complete,
            (_, 0) => data::TableCopyPhase::NotStarted,
            _ => data::TableCopyPhase::InProgress,
        };
        let number = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        let copy = data::workflow_status_response::TableCopyState {
            rows_copied: number(copied),
            rows_total: number(total),
            rows_percentage: percent(copied, total),
            bytes_copied: number(16_384 + copied * bytes_per_row),
            bytes_total: number(16_384 + total * bytes_per_row),
            bytes_percentage: percent(copied, total),
            phase: phase.into(),
        };
        (table.clone(), copy)
    };
    course.tables.iter().map(one).collect()
}
