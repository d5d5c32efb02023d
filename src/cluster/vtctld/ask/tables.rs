//! Tables on each shard's primary (`GetSchema`).

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::{Asking, CALLS_AT_ONCE, NotRead};
use crate::cluster::port::Answer;
use crate::cluster::vtctld::concurrently::concurrently;
use crate::cluster::vtctld::convert::{schema, topology};
use crate::cluster::vtctld::generated::tabletmanagerdata::SchemaDefinition;
use crate::cluster::vtctld::generated::vtctldata::GetSchemaRequest;
use crate::model::name::{KeyspaceName, TableName};

/// A tablet makes several statements for each table, so thousands of them take a while.
const DEADLINE: Duration = Duration::from_secs(30);

pub(super) async fn definitions(
    asking: &Asking,
    keyspace: &KeyspaceName,
    names: Option<&[TableName]>,
) -> Result<Answer, NotRead> {
    if names.is_some_and(<[TableName]>::is_empty) {
        // To Vitess no name means every table.
        let shards = asking.primaries(keyspace)?.into_iter().map(|(shard, _)| (shard.to_string(), BTreeMap::new()));
        return Ok(Answer::Tables(shards.collect()));
    }
    let request = GetSchemaRequest {
        tablet_alias: None,
        tables: names.unwrap_or_default().iter().map(TableName::to_string).collect(),
        exclude_tables: Vec::new(),
        include_views: true,
        table_names_only: false,
        table_sizes_only: false,
        table_schema_only: false,
    };
    let names: Option<BTreeSet<&str>> = names.map(|names| names.iter().map(TableName::as_str).collect());
    let schemas = schemas(asking, keyspace, request).await?;
    Ok(Answer::Tables(schemas.iter().map(|(shard, found)| (shard.clone(), schema::tables(found, names.as_ref()))).collect()))
}

pub(super) async fn names(asking: &Asking, keyspace: &KeyspaceName) -> Result<Answer, NotRead> {
    let request = GetSchemaRequest {
        tablet_alias: None,
        tables: Vec::new(),
        exclude_tables: Vec::new(),
        include_views: false,
        table_names_only: true,
        table_sizes_only: false,
        table_schema_only: false,
    };
    let schemas = schemas(asking, keyspace, request).await?;
    Ok(Answer::TableNames(schemas.iter().map(|(shard, found)| (shard.clone(), schema::table_names(found))).collect()))
}

async fn schemas(
    asking: &Asking,
    keyspace: &KeyspaceName,
    request: GetSchemaRequest,
) -> Result<Vec<(String, SchemaDefinition)>, NotRead> {
    let each = asking.primaries(keyspace)?.into_iter().map(|(shard, primary)| {
        let vtctld = asking.vtctld.clone();
        let request = GetSchemaRequest { tablet_alias: Some(topology::tablet_alias_message(&primary)), ..request.clone() };
        async move {
            let answer = vtctld.read_within(request, DEADLINE).await?;
            Ok((shard.to_string(), answer.schema.unwrap_or_default()))
        }
    });
    concurrently(CALLS_AT_ONCE, each).await.into_iter().collect()
}
