//! The base of an observation: what is read each time. All at once, and an error of any is an error of the observation.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::call::Vtctld;
use super::cluster::Cluster;
use super::concurrently::concurrently;
use super::convert::{Malformed, routing, topology, vschema, workflow};
use super::generated::{vschema as wire, vtctldata as data};
use super::last_rules::LastRules;
use super::pieces::{Pieces, Sizes};
use super::streams_in_pieces;
use crate::cluster::error::{ClusterError, Effect, ErrorKind};
use crate::cluster::port::{OtherRules, Served};
use crate::model::name::{KeyspaceName, WorkflowName};
use crate::model::routing::RoutingRules;
use crate::model::topology::{Cells, Keyspace};
use crate::model::vschema::VSchema;
use crate::model::workflow::Workflow;

/// Calls at once; vtctld serves them from one topology server.
const AT_ONCE: usize = 8;

/// What asks go by: which shards and tables there are. It comes first, and fast.
pub(super) struct Ground {
    pub keyspaces: BTreeMap<KeyspaceName, Keyspace>,
    pub vschemas: BTreeMap<KeyspaceName, VSchema>,
}

/// What nothing else of a look waits for.
pub(super) struct Rest {
    pub routing_rules: RoutingRules,
    pub served: BTreeMap<String, Served>,
    pub other_rules: OtherRules,
    pub workflows: Vec<Workflow>,
}

pub(super) async fn ground(vtctld: &Vtctld, keyspaces: BTreeSet<KeyspaceName>) -> Result<Ground, ClusterError> {
    let found = concurrently(AT_ONCE, keyspaces.into_iter().map(|name| keyspace(vtctld.clone(), name))).await;
    let found = found.into_iter().collect::<Result<Vec<_>, _>>()?;
    let mut ground = Ground { keyspaces: BTreeMap::new(), vschemas: BTreeMap::new() };
    for (name, keyspace, vschema) in found.into_iter().flatten() {
        ground.vschemas.extend(vschema.map(|vschema| (name.clone(), vschema)));
        ground.keyspaces.insert(name, keyspace);
    }
    Ok(ground)
}

pub(super) async fn rest(
    Cluster { vtctld, sizes, last_rules, .. }: &Cluster,
    cells: &Cells,
    named: BTreeSet<(KeyspaceName, WorkflowName)>,
) -> Result<Rest, ClusterError> {
    let ((routing_rules, served), other_rules, workflows) = tokio::try_join!(
        rules(vtctld, (&sizes.served, last_rules), cells),
        other_rules(vtctld),
        workflows(vtctld, sizes, named)
    )?;
    Ok(Rest { routing_rules, served, other_rules, workflows })
}

/// Those of these workflows that there are.
pub(super) async fn workflows(
    vtctld: &Vtctld,
    sizes: &Arc<Sizes>,
    named: BTreeSet<(KeyspaceName, WorkflowName)>,
) -> Result<Vec<Workflow>, ClusterError> {
    let one = |(keyspace, name)| one_workflow(vtctld.clone(), sizes.clone(), keyspace, name);
    let found = concurrently(AT_ONCE, named.into_iter().map(one)).await.into_iter().collect::<Result<Vec<_>, _>>()?;
    Ok(found.into_iter().flatten().collect())
}

pub(super) async fn cells(vtctld: &Vtctld) -> Result<Cells, ClusterError> {
    let (names, aliases) =
        tokio::try_join!(vtctld.read(data::GetCellInfoNamesRequest {}), vtctld.read(data::GetCellsAliasesRequest {}))?;
    topology::cells(&names.names, &aliases.aliases).map_err(|malformed| garbled("GetCellInfoNames", &malformed))
}

async fn routing_rules(vtctld: &Vtctld) -> Result<RoutingRules, ClusterError> {
    let answer = vtctld.read(data::GetRoutingRulesRequest {}).await?;
    Ok(routing::routing_rules(answer.routing_rules))
}

/// The rules of the topology, and what each cell serves of them.
async fn rules(
    vtctld: &Vtctld,
    (pieces, last_rules): (&Pieces, &LastRules),
    cells: &Cells,
) -> Result<(RoutingRules, BTreeMap<String, Served>), ClusterError> {
    let at_once = pieces.whole(served_by(vtctld, Vec::new()));
    let (rules, at_once) = tokio::try_join!(routing_rules(vtctld), at_once)?;
    let rules = last_rules.or_the_same(rules);
    let mut served = BTreeMap::new();
    // A cell without a SrvVSchema comes as an empty one.
    let mut add = |found: BTreeMap<String, wire::SrvVSchema>| {
        let found = found.into_iter().filter(|(_, served)| *served != wire::SrvVSchema::default());
        served.extend(found.map(|(cell, served)| (cell, routing::served(served, &rules))));
    };
    match at_once {
        Some(all) => add(all),
        // One after the other: each is large, and what it has in common with the topology is held once as soon as it is read.
        None => {
            for cell in &cells.names {
                add(served_by(vtctld, vec![cell.to_string()]).await?);
            }
        }
    }
    Ok((rules, served))
}

/// None named means all.
async fn served_by(vtctld: &Vtctld, cells: Vec<String>) -> Result<BTreeMap<String, wire::SrvVSchema>, ClusterError> {
    Ok(vtctld.read(data::GetSrvVSchemasRequest { cells }).await?.srv_v_schemas)
}

async fn other_rules(vtctld: &Vtctld) -> Result<OtherRules, ClusterError> {
    let (shard, keyspace, mirror) = tokio::try_join!(
        vtctld.read(data::GetShardRoutingRulesRequest {}),
        vtctld.read(data::GetKeyspaceRoutingRulesRequest {}),
        vtctld.read(data::GetMirrorRulesRequest {}),
    )?;
    Ok(routing::other_rules(
        shard.shard_routing_rules.as_ref(),
        keyspace.keyspace_routing_rules.as_ref(),
        mirror.mirror_rules.as_ref(),
    ))
}

/// None when there is no such keyspace.
async fn keyspace(vtctld: Vtctld, name: KeyspaceName) -> Result<Option<(KeyspaceName, Keyspace, Option<VSchema>)>, ClusterError> {
    let keyspace = name.to_string();
    let (record, shards, vschema) = tokio::try_join!(
        present(vtctld.read(data::GetKeyspaceRequest { keyspace: keyspace.clone() })),
        present(vtctld.read(data::FindAllShardsInKeyspaceRequest { keyspace: keyspace.clone() })),
        present(vtctld.read(data::GetVSchemaRequest { keyspace })),
    )?;
    let Some(record) = record.and_then(|answer| answer.keyspace).and_then(|named| named.keyspace) else { return Ok(None) };
    let shards = shards.map(|answer| answer.shards).unwrap_or_default();
    let keyspace = topology::keyspace(&record, &shards).map_err(|malformed| garbled("FindAllShardsInKeyspace", &malformed))?;
    let vschema = vschema.and_then(|answer| answer.v_schema);
    Ok(Some((name, keyspace, vschema.as_ref().map(vschema::vschema))))
}

/// None when there is no such workflow, or no such keyspace.
async fn one_workflow(
    vtctld: Vtctld,
    sizes: Arc<Sizes>,
    keyspace: KeyspaceName,
    name: WorkflowName,
) -> Result<Option<Workflow>, ClusterError> {
    let found = streams_in_pieces::read(&vtctld, &sizes.streams, &keyspace, name.as_str()).await?;
    let found = found.into_iter().find(|workflow| workflow.name == name.as_str());
    Ok(found.map(|found| workflow::workflow(keyspace.as_str(), found)))
}

/// None for what vtctld says is not there.
async fn present<T>(answer: impl Future<Output = Result<T, ClusterError>>) -> Result<Option<T>, ClusterError> {
    match answer.await {
        Ok(answer) => Ok(Some(answer)),
        Err(error) if error.kind == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn garbled(call: &'static str, malformed: &Malformed) -> ClusterError {
    ClusterError { call, kind: ErrorKind::Garbled, effect: Effect::None, message: malformed.to_string(), code: tonic::Code::Ok }
}
