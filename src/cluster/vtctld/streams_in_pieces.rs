//! Workflows with their streams (`GetWorkflows`). Each stream comes with a rule for each of its tables, so those of a thousand tables on
//! hundreds of shards are too much for one answer, and are asked for by shards.

use std::collections::BTreeMap;

use super::call::Vtctld;
use super::generated::vtctldata as data;
use super::pieces::Pieces;
use crate::cluster::error::{ClusterError, ErrorKind};
use crate::model::name::KeyspaceName;

/// Those of a keyspace, or the one of this name. None where vtctld says that there is no such workflow or keyspace.
pub(super) async fn read(
    vtctld: &Vtctld,
    pieces: &Pieces,
    keyspace: &KeyspaceName,
    name: &str,
) -> Result<Vec<data::Workflow>, ClusterError> {
    if let Some(whole) = pieces.whole(of_shards(vtctld, keyspace, name, vec![])).await? {
        return Ok(whole);
    }
    let found = vtctld.read(data::FindAllShardsInKeyspaceRequest { keyspace: keyspace.to_string() }).await?;
    let shards: Vec<String> = found.shards.into_keys().collect();
    let (first, second) = shards.split_at(shards.len() / 2);
    let mut open = vec![second.to_vec(), first.to_vec()];
    let mut all: BTreeMap<String, data::Workflow> = BTreeMap::new();
    while let Some(some) = open.pop() {
        // To Vitess none named means all.
        if some.is_empty() {
            continue;
        }
        match of_shards(vtctld, keyspace, name, some.clone()).await {
            Ok(piece) => piece.into_iter().for_each(|workflow| add(&mut all, workflow)),
            Err(error) if error.kind == ErrorKind::TooLarge && some.len() > 1 => {
                let (first, second) = some.split_at(some.len() / 2);
                open.extend([second.to_vec(), first.to_vec()]);
            }
            Err(error) => return Err(error),
        }
    }
    Ok(all.into_values().collect())
}

async fn of_shards(
    vtctld: &Vtctld,
    keyspace: &KeyspaceName,
    name: &str,
    shards: Vec<String>,
) -> Result<Vec<data::Workflow>, ClusterError> {
    let request = data::GetWorkflowsRequest {
        keyspace: keyspace.to_string(),
        active_only: false,
        workflow: name.to_owned(),
        include_logs: false,
        shards,
    };
    match vtctld.read(request).await {
        Ok(answer) => Ok(answer.workflows),
        Err(error) if error.kind == ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

/// Puts a workflow's part of some shards to what is known of it. A lag is that of the stream that is most behind.
fn add(all: &mut BTreeMap<String, data::Workflow>, piece: data::Workflow) {
    let Some(known) = all.get_mut(&piece.name) else {
        all.insert(piece.name.clone(), piece);
        return;
    };
    // Unknown of one is unknown of the whole.
    let worst = |one: i64, other: i64| if one == i64::MIN || other == i64::MIN { i64::MIN } else { one.max(other) };
    known.max_v_replication_lag = worst(known.max_v_replication_lag, piece.max_v_replication_lag);
    known.max_v_replication_transaction_lag =
        worst(known.max_v_replication_transaction_lag, piece.max_v_replication_transaction_lag);
    for (known, piece) in [(&mut known.source, piece.source), (&mut known.target, piece.target)] {
        match (known, piece) {
            (Some(known), Some(piece)) => {
                known.shards.extend(piece.shards);
                known.shards.sort();
                known.shards.dedup();
            }
            (known, piece) => *known = piece.or_else(|| known.take()),
        }
    }
    known.shard_streams.extend(piece.shard_streams);
}
