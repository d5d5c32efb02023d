//! Tables on each shard's primary (`GetSchema`).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::{Asking, CALLS_AT_ONCE, NotRead};
use crate::cluster::error::{ClusterError, ErrorKind};
use crate::cluster::port::Answer;
use crate::cluster::vtctld::call::Vtctld;
use crate::cluster::vtctld::concurrently::concurrently;
use crate::cluster::vtctld::convert::{schema, topology};
use crate::cluster::vtctld::generated::tabletmanagerdata::SchemaDefinition;
use crate::cluster::vtctld::generated::vtctldata::GetSchemaRequest;
use crate::model::name::{KeyspaceName, TableName};
use crate::model::schema::TableDefinition;
use crate::model::topology::TabletAlias;

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
    let names: Option<Arc<[String]>> = names.map(|names| names.iter().map(TableName::to_string).collect());
    let each = asking.primaries(keyspace)?.into_iter().map(|(shard, primary)| {
        let (vtctld, names) = (asking.vtctld.clone(), names.clone());
        async move { Ok((shard.to_string(), on_primary(&vtctld, &primary, names.as_deref()).await?)) }
    });
    let by_shard: Result<_, NotRead> = concurrently(CALLS_AT_ONCE, each).await.into_iter().collect();
    Ok(Answer::Tables(by_shard?))
}

/// The definitions on one tablet. Those that are too much for one answer are asked for by halves.
async fn on_primary(
    vtctld: &Vtctld,
    primary: &TabletAlias,
    names: Option<&[String]>,
) -> Result<BTreeMap<String, TableDefinition>, NotRead> {
    let whole = schema(vtctld, primary, names.unwrap_or_default().to_vec(), What::Definitions).await;
    let all: Vec<String> = match (whole, names) {
        (Ok(found), names) => {
            let names: Option<BTreeSet<&str>> = names.map(|names| names.iter().map(String::as_str).collect());
            return Ok(schema::tables(&found, names.as_ref()));
        }
        (Err(error), Some(names)) if error.kind == ErrorKind::TooLarge && names.len() > 1 => names.to_vec(),
        (Err(error), None) if error.kind == ErrorKind::TooLarge => {
            schema::all_names(&schema(vtctld, primary, vec![], What::NamesWithViews).await?)
        }
        (Err(error), _) => return Err(error.into()),
    };
    let (first, second) = all.split_at(all.len() / 2);
    let mut found = BTreeMap::new();
    for half in [first, second] {
        if !half.is_empty() {
            found.extend(Box::pin(on_primary(vtctld, primary, Some(half))).await?);
        }
    }
    Ok(found)
}

pub(super) async fn names(asking: &Asking, keyspace: &KeyspaceName) -> Result<Answer, NotRead> {
    let each = asking.primaries(keyspace)?.into_iter().map(|(shard, primary)| {
        let vtctld = asking.vtctld.clone();
        async move { Ok((shard.to_string(), schema::table_names(&schema(&vtctld, &primary, vec![], What::Names).await?))) }
    });
    let by_shard: Result<_, NotRead> = concurrently(CALLS_AT_ONCE, each).await.into_iter().collect();
    Ok(Answer::TableNames(by_shard?))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    /// Of tables and views.
    Definitions,
    Names,
    NamesWithViews,
}

/// What a tablet says of these tables, or of all.
async fn schema(
    vtctld: &Vtctld,
    tablet: &TabletAlias,
    tables: Vec<String>,
    what: What,
) -> Result<SchemaDefinition, ClusterError> {
    let request = GetSchemaRequest {
        tablet_alias: Some(topology::tablet_alias_message(tablet)),
        tables,
        exclude_tables: Vec::new(),
        include_views: what != What::Names,
        table_names_only: what != What::Definitions,
        table_sizes_only: false,
        table_schema_only: false,
    };
    Ok(vtctld.read_within(request, DEADLINE).await?.schema.unwrap_or_default())
}
