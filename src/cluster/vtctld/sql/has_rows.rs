//! Which tables hold a row. It reads one row of each.

use super::tablet::Sql;
use crate::cluster::port::Answer;
use crate::cluster::vtctld::ask::NotRead;
use crate::model::name::{KeyspaceName, TableName, identifier};

/// A table that does not exist holds none.
pub(super) async fn answer(sql: &Sql, keyspace: &KeyspaceName, tables: &[TableName]) -> Result<Answer, NotRead> {
    let subjects: Vec<(TableName, String)> = tables.iter().map(|table| (table.clone(), expression(table))).collect();
    let shards = sql.each_table_on_primaries(keyspace, subjects).await?;
    let with_rows = shards.into_iter().map(|(shard, values)| {
        let tables = values.into_iter().filter(|(_, value)| *value == Some(1)).map(|(table, _)| table.to_string());
        (shard.to_string(), tables.collect())
    });
    Ok(Answer::HasRows(with_rows.collect()))
}

fn expression(table: &TableName) -> String {
    format!("exists(select 1 from {} limit 1)", identifier(table.as_str()))
}
