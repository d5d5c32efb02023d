//! Each read in the world as it begins, and with what does not exist.

use cutover::cluster::vtctld::generated::{topodata, vtctldata as data};

use super::super::{Golden, Stage};
use super::calls::{alias, create, read, running, show, uuid, write};

super::cases!["reads":
    cells, keyspaces, shards, vschemas, tablets, routing_rules, topology_paths, table_names, table_definitions,
    full_status, versions, throttlers, schema_migrations, no_workflow, a_workflow_that_waits, a_workflow_that_runs,
];

async fn cells(stage: &dyn Stage, golden: &mut Golden) {
    golden.call("GetCellInfoNames", read(stage, data::GetCellInfoNamesRequest {}).await);
    golden.call("GetCellsAliases", read(stage, data::GetCellsAliasesRequest {}).await);
}

async fn keyspaces(stage: &dyn Stage, golden: &mut Golden) {
    golden.call("GetKeyspaces", read(stage, data::GetKeyspacesRequest {}).await);
    for keyspace in ["commerce", "nowhere", ""] {
        let request = data::GetKeyspaceRequest { keyspace: keyspace.into() };
        golden.call(&format!("GetKeyspace {keyspace:?}"), read(stage, request).await);
    }
}

async fn shards(stage: &dyn Stage, golden: &mut Golden) {
    for keyspace in ["commerce", "customer", "nowhere", ""] {
        let request = data::FindAllShardsInKeyspaceRequest { keyspace: keyspace.into() };
        golden.call(&format!("FindAllShardsInKeyspace {keyspace:?}"), read(stage, request).await);
    }
    for (keyspace, shard) in [("customer", "80-"), ("customer", "0"), ("nowhere", "0"), ("customer", "")] {
        let request = data::GetShardRequest { keyspace: keyspace.into(), shard_name: shard.into() };
        golden.call(&format!("GetShard {keyspace}/{shard}"), read(stage, request).await);
    }
}

async fn vschemas(stage: &dyn Stage, golden: &mut Golden) {
    for keyspace in ["commerce", "customer", "archive", "nowhere", ""] {
        let request = data::GetVSchemaRequest { keyspace: keyspace.into() };
        golden.call(&format!("GetVSchema {keyspace:?}"), read(stage, request).await);
    }
    for cells in [vec![], vec!["zone2"], vec!["zone1", "zone3"]] {
        let request = data::GetSrvVSchemasRequest { cells: cells.iter().map(|cell| (*cell).to_owned()).collect() };
        golden.call(&format!("GetSrvVSchemas {cells:?}"), read(stage, request).await);
    }
}

async fn tablets(stage: &dyn Stage, golden: &mut Golden) {
    let request = data::GetTabletsRequest::default();
    golden.call("GetTablets", read(stage, request.clone()).await);
    let of = |keyspace: &str, shard: &str| data::GetTabletsRequest {
        keyspace: keyspace.into(),
        shard: shard.into(),
        ..request.clone()
    };
    golden.call("GetTablets customer", read(stage, of("customer", "")).await);
    golden.call("GetTablets customer/80-", read(stage, of("customer", "80-")).await);
    golden.call("GetTablets nowhere", read(stage, of("nowhere", "")).await);
    golden.call("GetTablets customer/0", read(stage, of("customer", "0")).await);
    golden.call("GetTablets of a shard without keyspace", read(stage, of("", "0")).await);
    let primaries = data::GetTabletsRequest { tablet_type: topodata::TabletType::Primary.into(), ..request.clone() };
    golden.call("GetTablets primaries", read(stage, primaries).await);
    let zone2 = data::GetTabletsRequest { cells: vec!["zone2".into()], ..request.clone() };
    golden.call("GetTablets zone2", read(stage, zone2).await);
    let zone3 = data::GetTabletsRequest { cells: vec!["zone3".into()], strict: true, ..request.clone() };
    golden.call("GetTablets zone3, strict", read(stage, zone3.clone()).await);
    golden.call("GetTablets zone3", read(stage, data::GetTabletsRequest { strict: false, ..zone3 }).await);
    let one = data::GetTabletsRequest { tablet_aliases: vec![alias(201).unwrap_or_default()], ..request.clone() };
    golden.call("GetTablets 201", read(stage, one).await);
    let unknown = data::GetTabletsRequest { tablet_aliases: vec![alias(999).unwrap_or_default()], strict: true, ..request };
    golden.call("GetTablets 999, strict", read(stage, unknown).await);
}

async fn routing_rules(stage: &dyn Stage, golden: &mut Golden) {
    golden.call("GetRoutingRules", read(stage, data::GetRoutingRulesRequest {}).await);
    golden.call("GetShardRoutingRules", read(stage, data::GetShardRoutingRulesRequest {}).await);
    golden.call("GetKeyspaceRoutingRules", read(stage, data::GetKeyspaceRoutingRulesRequest {}).await);
    golden.call("GetMirrorRules", read(stage, data::GetMirrorRulesRequest {}).await);
}

async fn topology_paths(stage: &dyn Stage, golden: &mut Golden) {
    let paths = [
        "/global/keyspaces",
        "/global/keyspaces/customer",
        "/global/keyspaces/customer/shards/-80",
        "/global/keyspaces/customer/locks",
        "/global/internal/named_locks/customer/c2c/locks",
        "/global/nowhere",
        "/zone3/tablets",
        "global",
        "",
    ];
    for path in paths {
        let request = data::GetTopologyPathRequest { path: path.into(), version: 0, as_json: false };
        golden.call(&format!("GetTopologyPath {path:?}"), read(stage, request).await);
    }
}

async fn table_names(stage: &dyn Stage, golden: &mut Golden) {
    for uid in [100, 101, 200, 999] {
        let request = data::GetSchemaRequest { tablet_alias: alias(uid), table_names_only: true, ..Default::default() };
        golden.call(&format!("GetSchema {uid}, names"), read(stage, request).await);
    }
}

async fn table_definitions(stage: &dyn Stage, golden: &mut Golden) {
    let request = data::GetSchemaRequest { tablet_alias: alias(100), include_views: true, ..Default::default() };
    golden.call("GetSchema 100", read(stage, request.clone()).await);
    for names in [vec!["corder"], vec!["CORDER", "absent"], vec!["/c.*/"], vec!["absent"]] {
        let names: Vec<String> = names.into_iter().map(str::to_owned).collect();
        let words = format!("GetSchema 100 {}", names.join(" "));
        golden.call(&words, read(stage, data::GetSchemaRequest { tables: names, ..request.clone() }).await);
    }
    let without = data::GetSchemaRequest { exclude_tables: vec!["/c.*/".into()], table_names_only: true, ..request.clone() };
    golden.call("GetSchema 100, names, without /c.*/", read(stage, without).await);
    let schemas = data::GetSchemaRequest { tables: vec!["note".into()], table_schema_only: true, ..request };
    golden.call("GetSchema 100 note, schema", read(stage, schemas).await);
}

async fn full_status(stage: &dyn Stage, golden: &mut Golden) {
    for uid in [100, 101, 201, 999] {
        golden.call(&format!("GetFullStatus {uid}"), read(stage, data::GetFullStatusRequest { tablet_alias: alias(uid) }).await);
    }
}

async fn versions(stage: &dyn Stage, golden: &mut Golden) {
    for uid in [100, 999] {
        golden.call(&format!("GetVersion {uid}"), read(stage, data::GetVersionRequest { tablet_alias: alias(uid) }).await);
    }
}

async fn throttlers(stage: &dyn Stage, golden: &mut Golden) {
    for uid in [100, 101, 999] {
        let request = data::GetThrottlerStatusRequest { tablet_alias: alias(uid) };
        golden.call(&format!("GetThrottlerStatus {uid}"), read(stage, request).await);
        let request = data::CheckThrottlerRequest {
            tablet_alias: alias(uid),
            app_name: "vreplication".into(),
            scope: "self".into(),
            ..Default::default()
        };
        golden.call(&format!("CheckThrottler {uid}"), read(stage, request).await);
    }
}

async fn schema_migrations(stage: &dyn Stage, golden: &mut Golden) {
    for keyspace in ["commerce", "customer", "nowhere"] {
        let request = data::GetSchemaMigrationsRequest { keyspace: keyspace.into(), ..Default::default() };
        golden.call(&format!("GetSchemaMigrations {keyspace}"), read(stage, request).await);
    }
}

async fn of_a_workflow(stage: &dyn Stage, golden: &mut Golden, name: &str) {
    let request = data::WorkflowStatusRequest { keyspace: "customer".into(), workflow: name.into(), shards: vec![] };
    golden.call(&format!("WorkflowStatus {name}"), read(stage, request.clone()).await);
    let shards = data::WorkflowStatusRequest { shards: vec!["-80".into()], ..request.clone() };
    golden.call(&format!("WorkflowStatus {name} on -80"), read(stage, shards).await);
    let nowhere = data::WorkflowStatusRequest { keyspace: "nowhere".into(), ..request };
    golden.call(&format!("WorkflowStatus {name} in nowhere"), read(stage, nowhere).await);
    let request = data::GetWorkflowsRequest { keyspace: "customer".into(), workflow: name.into(), ..Default::default() };
    golden.call(&format!("GetWorkflows {name}"), read(stage, request.clone()).await);
    let active = data::GetWorkflowsRequest { active_only: true, ..request.clone() };
    golden.call(&format!("GetWorkflows {name}, active only"), read(stage, active).await);
    let shards = data::GetWorkflowsRequest { shards: vec!["80-".into()], ..request.clone() };
    golden.call(&format!("GetWorkflows {name} on 80-"), read(stage, shards).await);
    let shards = data::GetWorkflowsRequest { shards: vec!["0".into()], ..request.clone() };
    golden.call(&format!("GetWorkflows {name} on 0"), read(stage, shards).await);
    let nowhere = data::GetWorkflowsRequest { keyspace: "nowhere".into(), ..request.clone() };
    golden.call(&format!("GetWorkflows {name} in nowhere"), read(stage, nowhere).await);
    let source = data::GetWorkflowsRequest { keyspace: "commerce".into(), ..request };
    golden.call(&format!("GetWorkflows {name} in the source"), read(stage, source).await);
}

async fn no_workflow(stage: &dyn Stage, golden: &mut Golden) {
    of_a_workflow(stage, golden, "c2c").await;
    for arg in ["all", "last", &uuid(1), "some"] {
        golden.call(&format!("VDiffShow {arg}"), read(stage, show(arg)).await);
    }
}

async fn a_workflow_that_waits(stage: &dyn Stage, golden: &mut Golden) {
    golden.call("create", write(stage, create()).await);
    of_a_workflow(stage, golden, "c2c").await;
}

async fn a_workflow_that_runs(stage: &dyn Stage, golden: &mut Golden) {
    running(stage).await;
    of_a_workflow(stage, golden, "c2c").await;
    for arg in ["all", "last", &uuid(1), "some"] {
        golden.call(&format!("VDiffShow {arg}"), read(stage, show(arg)).await);
    }
}
