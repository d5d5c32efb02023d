//! `next_id` of sequence tables, which are in an unsharded keyspace: one row each.

use std::collections::BTreeMap;

use super::tablet::Sql;
use crate::cluster::port::{Answer, Unread};
use crate::cluster::vtctld::ask::NotRead;
use crate::model::name::{KeyspaceName, TableName, identifier};

/// A sequence whose table does not exist is left out.
pub(super) async fn answer(sql: &Sql, keyspace: &KeyspaceName, sequences: &[TableName]) -> Result<Answer, NotRead> {
    let subjects: Vec<(TableName, String)> = sequences.iter().map(|table| (table.clone(), expression(table))).collect();
    let mut next: BTreeMap<String, Option<i64>> = BTreeMap::new();
    for (_, values) in sql.each_table_on_primaries(keyspace, subjects).await? {
        for (table, value) in values {
            let value = value.map(i64::try_from).transpose();
            let value = value.map_err(|_| Unread::new(format!("next_id of {table} is no number of 64 bits")))?;
            let known = next.entry(table.to_string()).or_default();
            *known = (*known).max(value);
        }
    }
    Ok(Answer::SequenceNext(next))
}

/// The row that vttablet works with has the id 0 (go/vt/vttablet/tabletserver/query_executor.go).
fn expression(table: &TableName) -> String {
    format!("(select next_id from {} where id = 0)", identifier(table.as_str()))
}
