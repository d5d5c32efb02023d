//! Transactions that hold a write lock on one of the tables, on each shard's primary: what `LOCK TABLES … READ` of a primary
//! switch would wait for.

use std::collections::BTreeSet;
use std::time::Duration;

use super::statement::{literals, select};
use super::tablet::Sql;
use crate::cluster::port::{Answer, WriteLock};
use crate::cluster::vtctld::ask::{CALLS_AT_ONCE, Cause, NotRead};
use crate::cluster::vtctld::concurrently::concurrently;
use crate::cluster::vtctld::convert::rows::Rows;
use crate::model::name::{KeyspaceName, TableName};
use crate::model::topology::TabletAlias;

/// More than these at once is no quiet moment anyway; the oldest come first.
const MAX_ROWS: usize = 1000;

/// Sorted by shard, the oldest first.
pub(super) async fn answer(sql: &Sql, keyspace: &KeyspaceName, tables: &[TableName]) -> Result<Answer, NotRead> {
    if tables.is_empty() {
        return Ok(Answer::WriteLocks(Vec::new()));
    }
    let shards = sql.asking.primaries(keyspace)?.into_iter().map(|(shard, primary)| {
        let (sql, tables) = (sql.clone(), tables.to_vec());
        async move { on_shard(&sql, shard.as_str(), &primary, &tables).await }
    });
    let found: Result<Vec<Vec<WriteLock>>, NotRead> = concurrently(CALLS_AT_ONCE, shards).await.into_iter().collect();
    Ok(Answer::WriteLocks(found?.into_iter().flatten().collect()))
}

/// Without metadata locks MySQL doesn't say on which table: then every transaction that has written is named, of table `?`.
async fn on_shard(sql: &Sql, shard: &str, primary: &TabletAlias, tables: &[TableName]) -> Result<Vec<WriteLock>, NotRead> {
    if shows_metadata_locks(sql, primary).await? {
        let wanted: BTreeSet<&str> = tables.iter().map(TableName::as_str).collect();
        let rows = sql.rows(primary, metadata_locks(sql.limit, tables), MAX_ROWS).await?;
        let mut found = locks(shard, &rows)?;
        // MySQL compares names by its own rules.
        found.retain(|lock| wanted.contains(lock.table.as_str()));
        Ok(found)
    } else {
        let rows = sql.rows(primary, transactions(sql.limit), MAX_ROWS).await?;
        locks(shard, &rows)
    }
}

/// Whether MySQL records them, and has recorded each: it drops those that its memory for them does not hold.
async fn shows_metadata_locks(sql: &Sql, primary: &TabletAlias) -> Result<bool, NotRead> {
    let statement = format!(
        "{}count(*) as instruments from performance_schema.setup_instruments as instrument, \
         performance_schema.setup_consumers as consumer, performance_schema.global_status as status \
         where instrument.name = 'wait/lock/metadata/sql/mdl' and instrument.enabled = 'YES' \
         and consumer.name = 'global_instrumentation' and consumer.enabled = 'YES' \
         and status.variable_name = 'Performance_schema_metadata_lock_lost' and status.variable_value = '0'",
        select(sql.limit)
    );
    match sql.rows(primary, statement, 1).await {
        Ok(rows) => {
            let counts: Result<Vec<Option<i64>>, _> = rows.iter().map(|row| row.number("instruments")).collect();
            Ok(counts?.iter().any(|count| count.is_some_and(|count| count > 0)))
        }
        // A table that may not be read, or is not there.
        Err(error) if error.cause == Cause::Other => Ok(false),
        Err(error) => Err(error),
    }
}

/// The locks that a read lock of the table is not compatible with (MySQL, "The metadata_locks Table"): a transaction has one from
/// its first write or locking read on.
///
/// Streams, replication and schema changes of Vitess have their users, named as in Vitess's own settings. `vt_app` is the
/// application, through vttablet; `vt_dba` is nobody of Vitess's that writes to tables in a transaction, but a person.
fn metadata_locks(limit: Duration, tables: &[TableName]) -> String {
    format!(
        "{select}held.object_name as name, coalesce(owner.processlist_id, 0) as connection, \
         coalesce(owner.processlist_user, '') as user, coalesce(owner.processlist_host, '') as host, \
         coalesce(max(work.timer_wait) div 1000000000, \
         max(timestampdiff(microsecond, row_work.trx_started, now(6))) div 1000, \
         max(owner.processlist_time) * 1000, 0) as age \
         from performance_schema.metadata_locks as held \
         left join performance_schema.threads as owner on owner.thread_id = held.owner_thread_id \
         left join performance_schema.events_transactions_current as work \
         on work.thread_id = held.owner_thread_id and work.state = 'ACTIVE' \
         left join information_schema.innodb_trx as row_work on row_work.trx_mysql_thread_id = owner.processlist_id \
         where held.object_type = 'TABLE' and held.object_schema = database() and held.lock_status = 'GRANTED' \
         and held.lock_type in ('SHARED_WRITE', 'SHARED_WRITE_LOW_PRIO', 'SHARED_NO_READ_WRITE', 'EXCLUSIVE') \
         and coalesce(owner.processlist_user, '') not in ('vt_filtered', 'vt_repl', 'vt_allprivs') \
         and held.object_name in ({tables}) \
         group by held.object_name, owner.processlist_id, owner.processlist_user, owner.processlist_host \
         order by age desc limit {MAX_ROWS}",
        select = select(limit),
        tables = literals(tables),
    )
}

/// InnoDB makes this list anew only when nobody has read it for 0.1 s, so a look soon after another shows the same.
fn transactions(limit: Duration) -> String {
    format!(
        "{select}'?' as name, work.trx_mysql_thread_id as connection, coalesce(owner.user, '') as user, \
         coalesce(owner.host, '') as host, timestampdiff(microsecond, work.trx_started, now(6)) div 1000 as age \
         from information_schema.innodb_trx as work \
         left join information_schema.processlist as owner on owner.id = work.trx_mysql_thread_id \
         where (work.trx_rows_modified > 0 or work.trx_rows_locked > 0) \
         and coalesce(owner.user, '') not in ('vt_filtered', 'vt_repl', 'vt_allprivs') \
         order by age desc limit {MAX_ROWS}",
        select = select(limit),
    )
}

fn locks(shard: &str, rows: &Rows) -> Result<Vec<WriteLock>, NotRead> {
    let mut found = Vec::new();
    for row in rows.iter() {
        found.push(WriteLock {
            shard: shard.to_owned(),
            table: row.text("name")?.unwrap_or_default(),
            connection: row.number("connection")?.unwrap_or_default(),
            user: row.text("user")?.unwrap_or_default(),
            host: row.text("host")?.unwrap_or_default(),
            // A clock that was set back makes it negative.
            age_milliseconds: u64::try_from(row.number::<i64>("age")?.unwrap_or_default()).unwrap_or(0),
        });
    }
    Ok(found)
}
