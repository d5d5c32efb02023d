//! A statement on a tablet, and what comes back.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use super::statement::{EXPRESSIONS, each, existing};
use crate::cluster::error::ErrorKind;
use crate::cluster::port::Unread;
use crate::cluster::vtctld::ask::{Asking, CALLS_AT_ONCE, Cause, NotRead};
use crate::cluster::vtctld::concurrently::concurrently;
use crate::cluster::vtctld::convert::rows::Rows;
use crate::cluster::vtctld::convert::topology::tablet_alias_message;
use crate::cluster::vtctld::generated::vtctldata::ExecuteFetchAsDbaRequest;
use crate::model::name::{KeyspaceName, ShardName, TableName};
use crate::model::topology::TabletAlias;

/// `ER_QUERY_TIMEOUT`.
const QUERY_TIMEOUT: &str = "errno 3024";

/// How much longer than the statement the call may take: vtctld waits for a tablet that is down as long as it is let.
const GRACE: Duration = Duration::from_secs(3);

#[derive(Clone)]
pub(super) struct Sql {
    pub asking: Asking,
    /// Of each statement.
    pub limit: Duration,
}

impl Sql {
    /// Runs one statement on one tablet. More rows than `max_rows` are an error, not a part of an answer.
    pub async fn rows(&self, tablet: &TabletAlias, statement: String, max_rows: usize) -> Result<Rows, NotRead> {
        let request = ExecuteFetchAsDbaRequest {
            tablet_alias: Some(tablet_alias_message(tablet)),
            query: statement.into_bytes(),
            // 0 fails with the first row.
            max_rows: i64::try_from(max_rows.max(1)).unwrap_or(i64::MAX),
            disable_binlogs: false,
            reload_schema: false,
        };
        match self.asking.vtctld.read_within(request, self.limit + GRACE).await {
            Ok(answer) => Ok(Rows::new(&answer.result.unwrap_or_default())?),
            Err(error) if error.message.contains(QUERY_TIMEOUT) => {
                let seconds = self.limit.as_secs_f64();
                let why = format!("it could not be read within {seconds} s on {tablet}; --deep allows more time");
                Err(NotRead { unread: Unread::new(why), cause: Cause::TooSlow })
            }
            Err(error) if error.kind == ErrorKind::DeadlineExceeded => {
                let seconds = (self.limit + GRACE).as_secs_f64();
                Err(Unread::new(format!("{tablet} gave no answer within {seconds} s")).into())
            }
            Err(error) => Err(error.into()),
        }
    }

    /// The value of an expression over each table that exists there; a table that doesn't exist is left out.
    pub async fn each_table(
        &self,
        tablet: &TabletAlias,
        subjects: &[(TableName, String)],
    ) -> Result<Vec<(TableName, Option<i128>)>, NotRead> {
        let mut found = Vec::new();
        let tables: BTreeSet<&TableName> = subjects.iter().map(|(table, _)| table).collect();
        let tables: Vec<&TableName> = tables.into_iter().collect();
        if tables.is_empty() {
            return Ok(found);
        }
        let mut there = BTreeSet::new();
        for row in self.rows(tablet, existing(self.limit, &tables), tables.len() * 2).await?.iter() {
            there.extend(row.text("name")?);
        }
        let subjects: Vec<&(TableName, String)> = subjects.iter().filter(|(table, _)| there.contains(table.as_str())).collect();
        for some in subjects.chunks(EXPRESSIONS) {
            let expressions: Vec<String> = some.iter().map(|(_, expression)| expression.clone()).collect();
            for row in self.rows(tablet, each(self.limit, &expressions), some.len()).await?.iter() {
                let place: Option<usize> = row.number("place")?;
                let subject =
                    place.and_then(|place| some.get(place)).ok_or_else(|| Unread::new("a row that was not asked for"))?;
                found.push((subject.0.clone(), row.number("value")?));
            }
        }
        Ok(found)
    }

    /// [`each_table`](Self::each_table) on each shard's primary.
    pub async fn each_table_on_primaries(
        &self,
        keyspace: &KeyspaceName,
        subjects: Vec<(TableName, String)>,
    ) -> Result<Vec<(ShardName, Vec<(TableName, Option<i128>)>)>, NotRead> {
        let subjects = Arc::new(subjects);
        let shards = self.asking.primaries(keyspace)?.into_iter().map(|(shard, primary)| {
            let (sql, subjects) = (self.clone(), Arc::clone(&subjects));
            async move { Ok((shard, sql.each_table(&primary, &subjects).await?)) }
        });
        concurrently(CALLS_AT_ONCE, shards).await.into_iter().collect()
    }
}
