//! The base of an observation: what is read each time. All at once, and an error of any is an error of the observation.

use std::collections::{BTreeMap, BTreeSet};

use super::call::Vtctld;
use super::concurrently::concurrently;
use super::convert::{Malformed, routing, topology, vschema, workflow};
use super::generated::vtctldata as data;
use crate::cluster::error::{ClusterError, Effect, ErrorKind};
use crate::cluster::port::{OtherRules, Served};
use crate::model::name::{KeyspaceName, WorkflowName};
use crate::model::routing::RoutingRules;
use crate::model::topology::{Cells, Keyspace};
use crate::model::vschema::VSchema;
use crate::model::workflow::Workflow;

/// Calls at once; vtctld serves them from one topology server.
const AT_ONCE: usize = 8;

pub(super) struct Base {
    pub cells: Cells,
    /// Also those that are needed for the asks alone.
    pub keyspaces: BTreeMap<KeyspaceName, Keyspace>,
    pub vschemas: BTreeMap<KeyspaceName, VSchema>,
    pub routing_rules: RoutingRules,
    pub served: BTreeMap<String, Served>,
    pub other_rules: OtherRules,
    pub workflows: Vec<Workflow>,
}

pub(super) async fn read(
    vtctld: &Vtctld,
    keyspaces: BTreeSet<KeyspaceName>,
    workflows: BTreeSet<(KeyspaceName, WorkflowName)>,
) -> Result<Base, ClusterError> {
    let of_keyspaces = concurrently(AT_ONCE, keyspaces.into_iter().map(|name| keyspace(vtctld.clone(), name)));
    let of_workflows =
        concurrently(AT_ONCE, workflows.into_iter().map(|(keyspace, name)| one_workflow(vtctld.clone(), keyspace, name)));
    let (cells, routing_rules, served, other_rules, of_keyspaces, of_workflows) = tokio::try_join!(
        cells(vtctld),
        routing_rules(vtctld),
        served(vtctld),
        other_rules(vtctld),
        async { of_keyspaces.await.into_iter().collect::<Result<Vec<_>, _>>() },
        async { of_workflows.await.into_iter().collect::<Result<Vec<_>, _>>() },
    )?;
    let mut keyspaces = BTreeMap::new();
    let mut vschemas = BTreeMap::new();
    for (name, keyspace, vschema) in of_keyspaces.into_iter().flatten() {
        vschemas.extend(vschema.map(|vschema| (name.clone(), vschema)));
        keyspaces.insert(name, keyspace);
    }
    let workflows = of_workflows.into_iter().flatten().collect();
    Ok(Base { cells, keyspaces, vschemas, routing_rules, served, other_rules, workflows })
}

async fn cells(vtctld: &Vtctld) -> Result<Cells, ClusterError> {
    let (names, aliases) =
        tokio::try_join!(vtctld.read(data::GetCellInfoNamesRequest {}), vtctld.read(data::GetCellsAliasesRequest {}))?;
    topology::cells(&names.names, &aliases.aliases).map_err(|malformed| garbled("GetCellInfoNames", &malformed))
}

async fn routing_rules(vtctld: &Vtctld) -> Result<RoutingRules, ClusterError> {
    let answer = vtctld.read(data::GetRoutingRulesRequest {}).await?;
    Ok(routing::routing_rules(answer.routing_rules.as_ref()))
}

async fn served(vtctld: &Vtctld) -> Result<BTreeMap<String, Served>, ClusterError> {
    let answer = vtctld.read(data::GetSrvVSchemasRequest { cells: Vec::new() }).await?;
    // A cell without a SrvVSchema comes as an empty one.
    let cells = answer.srv_v_schemas.iter().filter(|(_, served)| **served != Default::default());
    Ok(cells.map(|(cell, served)| (cell.clone(), routing::served(served))).collect())
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
async fn one_workflow(vtctld: Vtctld, keyspace: KeyspaceName, name: WorkflowName) -> Result<Option<Workflow>, ClusterError> {
    let request = data::GetWorkflowsRequest {
        keyspace: keyspace.to_string(),
        active_only: false,
        workflow: name.to_string(),
        include_logs: false,
        shards: Vec::new(),
    };
    let answer = present(vtctld.read(request)).await?.unwrap_or_default();
    let found = answer.workflows.iter().find(|workflow| workflow.name == name.as_str());
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
