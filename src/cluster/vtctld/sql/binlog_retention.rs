//! How long each shard's primary keeps its binlogs. How old the oldest one is no statement tells.

use std::collections::BTreeMap;

use super::statement::select;
use super::tablet::Sql;
use crate::cluster::port::{Answer, Unread};
use crate::cluster::vtctld::ask::{CALLS_AT_ONCE, NotRead};
use crate::cluster::vtctld::concurrently::concurrently;
use crate::model::name::KeyspaceName;

const SECONDS: &str = "binlog_expire_logs_seconds";
/// From MySQL 8.0.29 on; `OFF` keeps them for ever.
const PURGES: &str = "binlog_expire_logs_auto_purge";

pub(super) async fn answer(sql: &Sql, keyspace: &KeyspaceName) -> Result<Answer, NotRead> {
    let shards = sql.asking.primaries(keyspace)?.into_iter().map(|(shard, primary)| {
        let sql = sql.clone();
        async move {
            let statement = format!(
                "{}variable_name as name, variable_value as value from performance_schema.global_variables \
                 where variable_name in ('{SECONDS}', '{PURGES}')",
                select(sql.limit)
            );
            let (mut seconds, mut is_purged) = (None, true);
            for row in sql.rows(&primary, statement, 2).await?.iter() {
                match row.text("name")?.unwrap_or_default().to_ascii_lowercase().as_str() {
                    SECONDS => seconds = row.number::<u64>("value")?,
                    PURGES => is_purged = row.text("value")?.is_none_or(|value| !value.eq_ignore_ascii_case("OFF")),
                    _ => {}
                }
            }
            let seconds = seconds.ok_or_else(|| Unread::new(format!("{primary} has no variable {SECONDS}")))?;
            // 0 is for ever, too.
            Ok::<_, NotRead>((shard.to_string(), Some(seconds).filter(|seconds| is_purged && *seconds > 0)))
        }
    });
    let found: Result<BTreeMap<_, _>, NotRead> = concurrently(CALLS_AT_ONCE, shards).await.into_iter().collect();
    Ok(Answer::BinlogRetention(found?))
}
