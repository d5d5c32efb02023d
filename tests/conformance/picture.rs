//! The whole state at a quiet point, as lines.

use std::collections::BTreeMap;

use cutover::cluster::vtctld::generated::{topodata, vtctldata as data};
use cutover::cluster::{ErrorKind, vtctld::Vtctld};

use super::canonical::{Names, denied, listed, of, routing_rules, scrubbed, served_differences, shown, vschema, workflows};
use super::stage::Stage;
use super::world;

/// Everything that a call of ours can change.
pub async fn picture(stage: &dyn Stage, names: &mut Names) -> Vec<String> {
    let vtctld = stage.vtctld();
    let mut lines = Vec::new();
    let mut found = Vec::new();
    for keyspace in &world::KEYSPACES {
        let answer = workflows_of(vtctld, keyspace.name).await;
        lines.extend(workflows(keyspace.name, &answer, names));
        found.extend(answer.into_iter().map(|workflow| (keyspace.name, workflow.name)));
    }
    found.sort();
    for (keyspace, workflow) in &found {
        lines.extend(vdiffs(vtctld, keyspace, workflow, names).await);
    }
    lines.extend(rules(vtctld).await);
    for keyspace in &world::KEYSPACES {
        lines.extend(self::keyspace(stage, keyspace).await);
    }
    lines.extend(locks(vtctld, &found).await);
    lines
}

pub async fn workflows_of(vtctld: &Vtctld, keyspace: &str) -> Vec<data::Workflow> {
    let request = data::GetWorkflowsRequest { keyspace: keyspace.to_owned(), ..Default::default() };
    vtctld.read(request).await.expect("the workflows of a keyspace that exists").workflows
}

/// Each VDiff of a workflow, in the order of its UUID.
async fn vdiffs(vtctld: &Vtctld, keyspace: &str, workflow: &str, names: &mut Names) -> Vec<String> {
    let show = async |arg: &str| {
        let request =
            data::VDiffShowRequest { workflow: workflow.to_owned(), target_keyspace: keyspace.to_owned(), arg: arg.to_owned() };
        vtctld.read(request).await
    };
    // Without streams on a shard Vitess shows none.
    let Ok(all) = show("all").await else { return Vec::new() };
    let mut lines = Vec::new();
    for uuid in listed(&all).into_keys() {
        let found = match show(&uuid).await {
            Ok(answer) => shown(&answer, names),
            Err(error) => error.message.lines().map(|line| scrubbed(line, names)).collect(),
        };
        lines.extend(of(&format!("vdiff {} of {keyspace}.{workflow}", scrubbed(&uuid, names)), found));
    }
    lines
}

async fn rules(vtctld: &Vtctld) -> Vec<String> {
    let global = vtctld.read(data::GetRoutingRulesRequest {}).await.expect("routing rules").routing_rules;
    let mut lines = of("rule", routing_rules(global.as_ref()));
    let served = vtctld.read(data::GetSrvVSchemasRequest::default()).await.expect("what cells serve").srv_v_schemas;
    for (cell, served) in &served {
        let differences = served_differences(global.as_ref(), served);
        if differences.is_empty() {
            lines.push(format!("{cell} serves these rules"));
        }
        lines.extend(of(cell, differences));
    }
    lines
}

/// Denied tables, VSchema, tables with their rows.
async fn keyspace(stage: &dyn Stage, keyspace: &world::Keyspace) -> Vec<String> {
    let vtctld = stage.vtctld();
    let name = keyspace.name.to_owned();
    let mut lines = Vec::new();
    let shards = vtctld.read(data::FindAllShardsInKeyspaceRequest { keyspace: name.clone() }).await.expect("shards").shards;
    for (shard, found) in &shards {
        let controls = found.shard.clone().unwrap_or_default().tablet_controls;
        lines.extend(of(&format!("shard {shard}"), denied(&controls)));
    }
    match vtctld.read(data::GetVSchemaRequest { keyspace: name.clone() }).await {
        Ok(answer) => lines.extend(answer.v_schema.as_ref().map(vschema).unwrap_or_default()),
        Err(error) if error.kind == ErrorKind::NotFound => lines.push("no VSchema".to_owned()),
        Err(error) => panic!("{error}"),
    }
    let mut counts = Vec::new();
    for (table, places) in tables(vtctld, keyspace).await {
        let rows = stage.rows(keyspace.name, &table).await.unwrap_or_default();
        let everywhere = if places == keyspace.shards.len() { String::new() } else { format!(" on {places} shards") };
        counts.push(format!("{table} {rows}{everywhere}"));
    }
    lines.push(format!("rows {}", if counts.is_empty() { "no tables".to_owned() } else { counts.join(", ") }));
    of(&format!("keyspace {name}"), lines)
}

/// Tables with the number of shards that have them.
pub async fn tables(vtctld: &Vtctld, keyspace: &world::Keyspace) -> BTreeMap<String, usize> {
    let mut tables = BTreeMap::new();
    for shard in keyspace.shards {
        let request = data::GetSchemaRequest {
            tablet_alias: Some(topodata::TabletAlias { cell: world::CELLS[0].to_owned(), uid: shard.primary_uid }),
            table_names_only: true,
            ..Default::default()
        };
        let schema = vtctld.read(request).await.expect("names of tables").schema.unwrap_or_default();
        for table in schema.table_definitions {
            *tables.entry(table.name).or_default() += 1;
        }
    }
    tables
}

/// Locks that are held: at a quiet point none is.
async fn locks(vtctld: &Vtctld, workflows: &[(&str, String)]) -> Vec<String> {
    let mut paths: Vec<String> = world::KEYSPACES.iter().map(|one| format!("/global/keyspaces/{}/locks", one.name)).collect();
    paths.extend(workflows.iter().map(|(keyspace, name)| format!("/global/internal/named_locks/{keyspace}/{name}/locks")));
    let mut lines = Vec::new();
    for path in paths {
        let request = data::GetTopologyPathRequest { path: path.clone(), version: 0, as_json: false };
        if vtctld.read(request).await.is_ok_and(|answer| answer.cell.is_some_and(|cell| !cell.children.is_empty())) {
            lines.push(format!("locked: {path}"));
        }
    }
    lines
}
