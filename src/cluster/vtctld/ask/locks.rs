//! Who holds the locks that a movement needs (`GetTopologyPath`).

use super::{Asking, CALLS_AT_ONCE, NotRead};
use crate::cluster::error::ErrorKind;
use crate::cluster::port::{Answer, HeldLock};
use crate::cluster::vtctld::call::Vtctld;
use crate::cluster::vtctld::concurrently::concurrently;
use crate::cluster::vtctld::convert::locks;
use crate::cluster::vtctld::generated::vtctldata::{GetTopologyPathRequest, TopologyCell};
use crate::model::name::{KeyspaceName, WorkflowName};

/// The workflows' locks first, then the keyspaces'. Of each the holder first and then those that wait for it: to etcd they are
/// nodes in the order of their making.
pub(super) async fn answer(
    asking: &Asking,
    workflows: &[(KeyspaceName, WorkflowName)],
    keyspaces: &[KeyspaceName],
) -> Result<Answer, NotRead> {
    let named = |(keyspace, workflow): &(KeyspaceName, WorkflowName)| {
        (format!("{keyspace}/{workflow}"), locks::workflow_lock_path(keyspace.as_str(), workflow.as_str()))
    };
    let mut places: Vec<(String, String)> = workflows.iter().map(named).collect();
    places.extend(keyspaces.iter().map(|name| (name.to_string(), locks::keyspace_lock_path(name.as_str()))));
    at(asking, places).await
}

/// The lock of a keyspace and the named lock of each of its workflows, also of one that is gone.
pub(super) async fn all(asking: &Asking, keyspace: &KeyspaceName) -> Result<Answer, NotRead> {
    let keyspace = keyspace.as_str();
    let named = read(&asking.vtctld, locks::workflow_locks_path(keyspace)).await?;
    let workflows = named.map(|node| node.children).unwrap_or_default();
    let mut places: Vec<(String, String)> =
        workflows.iter().map(|name| (format!("{keyspace}/{name}"), locks::workflow_lock_path(keyspace, name))).collect();
    places.push((keyspace.to_owned(), locks::keyspace_lock_path(keyspace)));
    at(asking, places).await
}

async fn at(asking: &Asking, places: Vec<(String, String)>) -> Result<Answer, NotRead> {
    let each = places.into_iter().map(|(of, path)| held(asking.vtctld.clone(), of, path));
    let found: Result<Vec<Vec<HeldLock>>, NotRead> = concurrently(CALLS_AT_ONCE, each).await.into_iter().collect();
    Ok(Answer::Locks(found?.into_iter().flatten().collect()))
}

async fn held(vtctld: Vtctld, of: String, path: String) -> Result<Vec<HeldLock>, NotRead> {
    let Some(node) = read(&vtctld, path.clone()).await? else { return Ok(Vec::new()) };
    let mut found = Vec::new();
    for child in node.children {
        // One that has gone in between is held no longer.
        found.extend(read(&vtctld, format!("{path}/{child}")).await?.map(|cell| (child, cell)));
    }
    found.sort_by_key(|(_, cell)| cell.version);
    Ok(found
        .iter()
        .enumerate()
        .map(|(place, (node, cell))| locks::held_lock(&of, node, cell.version, place > 0, &cell.data))
        .collect())
}

/// None when there is no such node: nobody has taken that lock.
async fn read(vtctld: &Vtctld, path: String) -> Result<Option<TopologyCell>, NotRead> {
    // As text: Vitess knows no JSON of a lock's node, whose contents are JSON by themselves.
    match vtctld.read(GetTopologyPathRequest { path, version: 0, as_json: false }).await {
        Ok(answer) => Ok(answer.cell),
        Err(error) if error.kind == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error.into()),
    }
}
