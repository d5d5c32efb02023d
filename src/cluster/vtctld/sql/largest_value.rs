//! The largest value of a column, over all shards. With an index that begins with the column it reads one row of each.

use std::collections::BTreeMap;

use super::tablet::Sql;
use crate::cluster::port::Answer;
use crate::cluster::vtctld::ask::NotRead;
use crate::model::name::{KeyspaceName, TableName, identifier};

/// From the primaries: an older value is a wrong one. A table that does not exist on any shard is left out.
pub(super) async fn answer(sql: &Sql, keyspace: &KeyspaceName, columns: &[(TableName, String)]) -> Result<Answer, NotRead> {
    let subjects: Vec<(TableName, String)> =
        columns.iter().map(|(table, column)| (table.clone(), expression(table, column))).collect();
    let mut largest: BTreeMap<String, Option<i128>> = BTreeMap::new();
    for (_, values) in sql.each_table_on_primaries(keyspace, subjects).await? {
        for (table, value) in values {
            let known = largest.entry(table.to_string()).or_default();
            *known = (*known).max(value);
        }
    }
    Ok(Answer::LargestValue(largest))
}

fn expression(table: &TableName, column: &str) -> String {
    format!("(select max({}) from {})", identifier(column), identifier(table.as_str()))
}
