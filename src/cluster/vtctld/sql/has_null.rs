//! Which columns hold a NULL. Without an index it reads a table up to its first NULL, on a replica where there is one: a NULL of
//! the last seconds may be missed.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::tablet::Sql;
use crate::cluster::port::Answer;
use crate::cluster::vtctld::ask::{CALLS_AT_ONCE, Cause, NotRead, tablets};
use crate::cluster::vtctld::concurrently::concurrently;
use crate::model::name::{KeyspaceName, TableName, identifier};
use crate::model::topology::{TabletAlias, TabletType};

/// A table that does not exist holds none; a column that doesn't is an error.
pub(super) async fn answer(sql: &Sql, keyspace: &KeyspaceName, columns: &[(TableName, String)]) -> Result<Answer, NotRead> {
    let subjects: Vec<(TableName, String)> =
        columns.iter().map(|(table, column)| (table.clone(), expression(table, column))).collect();
    let subjects = Arc::new(subjects);
    let tablets = tablets::tablets(&sql.asking, keyspace).await?;
    let shards = sql.asking.primaries(keyspace)?.into_iter().map(|(shard, primary)| {
        let replicas = tablets.iter().filter(|tablet| {
            tablet.shard == shard.as_str() && matches!(tablet.tablet_type, TabletType::Replica | TabletType::Rdonly)
        });
        // Tablets for batch reads before those that serve an application.
        let replica = replicas.max_by_key(|tablet| tablet.tablet_type == TabletType::Rdonly).map(|tablet| tablet.alias.clone());
        let (sql, subjects) = (sql.clone(), Arc::clone(&subjects));
        async move { on_shard(&sql, replica, &primary, &subjects).await }
    });
    let mut found = BTreeSet::new();
    for values in concurrently(CALLS_AT_ONCE, shards).await {
        found.extend(values?.into_iter().filter(|(_, value)| *value == Some(1)).map(|(table, _)| table.to_string()));
    }
    Ok(Answer::HasNull(found))
}

/// On the replica; when that does not answer, on the primary.
async fn on_shard(
    sql: &Sql,
    replica: Option<TabletAlias>,
    primary: &TabletAlias,
    subjects: &[(TableName, String)],
) -> Result<Vec<(TableName, Option<i128>)>, NotRead> {
    if let Some(replica) = replica {
        match sql.each_table(&replica, subjects).await {
            Ok(values) => return Ok(values),
            // Too slow there is too slow on the primary, where it would be in an application's way.
            Err(error) if error.cause == Cause::TooSlow => return Err(error),
            Err(error) => tracing::debug!(%replica, error = %error.unread, "asking the primary instead"),
        }
    }
    sql.each_table(primary, subjects).await
}

fn expression(table: &TableName, column: &str) -> String {
    format!("exists(select 1 from {} where {} is null limit 1)", identifier(table.as_str()), identifier(column))
}
