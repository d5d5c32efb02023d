//! The journals of switches, on each shard's primary.

use std::collections::{BTreeMap, BTreeSet};

use super::statement::select;
use super::tablet::Sql;
use crate::cluster::port::{Answer, Unread};
use crate::cluster::vtctld::ask::{CALLS_AT_ONCE, NotRead};
use crate::cluster::vtctld::concurrently::concurrently;
use crate::model::name::KeyspaceName;

/// One a switch that ever was; nobody takes them away.
const MAX_ROWS: usize = 10_000;

/// A shard without a journal is there, with none.
pub(super) async fn answer(sql: &Sql, keyspace: &KeyspaceName) -> Result<Answer, NotRead> {
    let shards = sql.asking.primaries(keyspace)?.into_iter().map(|(shard, primary)| {
        let sql = sql.clone();
        async move {
            let statement = format!("{}id from _vt.resharding_journal order by id", select(sql.limit));
            let rows = sql.rows(&primary, statement, MAX_ROWS).await?;
            let mut ids = BTreeSet::new();
            for row in rows.iter() {
                ids.insert(row.number("id")?.ok_or_else(|| Unread::new("a journal without an id"))?);
            }
            Ok::<_, NotRead>((shard.to_string(), ids))
        }
    });
    let found: Result<BTreeMap<String, BTreeSet<i64>>, NotRead> = concurrently(CALLS_AT_ONCE, shards).await.into_iter().collect();
    Ok(Answer::Journals(found?))
}
