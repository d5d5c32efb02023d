//! Every lock of a keyspace: its own, and the named one of each workflow, also of one that is gone (`GetTopologyPath`).

use super::locks::read;
use super::{Asking, CALLS_AT_ONCE, NotRead};
use crate::cluster::port::{Answer, LockNode};
use crate::cluster::vtctld::call::Vtctld;
use crate::cluster::vtctld::concurrently::concurrently;
use crate::cluster::vtctld::convert::locks;
use crate::cluster::vtctld::generated::vtctldata::TopologyCell;
use crate::model::name::KeyspaceName;

/// A path in the topology begins with the cell that it is in.
const CELL: &str = "/global/";

pub(super) async fn answer(asking: &Asking, keyspace: &KeyspaceName) -> Result<Answer, NotRead> {
    let keyspace = keyspace.as_str();
    let named = read(&asking.vtctld, locks::workflow_locks_path(keyspace)).await?;
    let workflows = named.map(|node| node.children).unwrap_or_default();
    let mut places = vec![(keyspace.to_owned(), locks::keyspace_lock_path(keyspace))];
    places.extend(workflows.iter().map(|name| (format!("{keyspace}/{name}"), locks::workflow_lock_path(keyspace, name))));
    let each = places.into_iter().map(|(of, path)| nodes(asking.vtctld.clone(), of, path));
    let found: Result<Vec<Vec<LockNode>>, NotRead> = concurrently(CALLS_AT_ONCE, each).await.into_iter().collect();
    let mut found: Vec<LockNode> = found?.into_iter().flatten().collect();
    found.sort_by(|one, other| one.lock.of.cmp(&other.lock.of));
    Ok(Answer::LockNodes(found))
}

/// The holder first and then those that wait, in the order in which they came.
async fn nodes(vtctld: Vtctld, of: String, path: String) -> Result<Vec<LockNode>, NotRead> {
    let Some(node) = read(&vtctld, path.clone()).await? else { return Ok(Vec::new()) };
    let mut found = Vec::new();
    for child in node.children {
        let path = format!("{path}/{child}");
        // One that has gone in between is held no longer.
        found.extend(read(&vtctld, path.clone()).await?.map(|cell| (path, cell)));
    }
    found.sort_by_key(|(_, cell)| cell.version);
    let node = |(place, (path, cell)): (usize, (String, TopologyCell))| LockNode {
        path: path.strip_prefix(CELL).unwrap_or(&path).to_owned(),
        holds: place == 0,
        lock: locks::held_lock(&of, &cell.data),
    };
    Ok(found.into_iter().enumerate().map(node).collect())
}
