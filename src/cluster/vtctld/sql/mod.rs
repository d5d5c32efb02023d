//! Questions that only SQL answers: a closed list of bounded SELECTs, one small file each.
//!
//! Each statement is bounded in time (`MAX_EXECUTION_TIME`) and in rows, goes to one tablet (`ExecuteFetchAsDBA`), and gives
//! numbers and names of tables: no value of a row but the largest of a column.

mod has_null;
mod has_rows;
mod largest_value;
mod sequence_next;
mod statement;
mod tablet;
mod write_locks;

use super::ask::{Asking, NotRead};
use super::cluster::SqlReads;
use crate::cluster::port::{Answer, Question, Unread};
use tablet::Sql;

pub(super) async fn answer(asking: &Asking, question: &Question) -> Result<Answer, NotRead> {
    let limit = match asking.sql {
        SqlReads::Forbidden => return Err(Unread::new("it needs SQL, which --no-sql forbids").into()),
        SqlReads::Within(limit) => limit,
    };
    let sql = Sql { asking: asking.clone(), limit };
    match question {
        Question::HasRows { keyspace, tables } => has_rows::answer(&sql, keyspace, tables).await,
        Question::HasNull { keyspace, columns } => has_null::answer(&sql, keyspace, columns).await,
        Question::LargestValue { keyspace, columns } => largest_value::answer(&sql, keyspace, columns).await,
        Question::SequenceNext { keyspace, sequences } => sequence_next::answer(&sql, keyspace, sequences).await,
        Question::WriteLocks { keyspace, tables } => write_locks::answer(&sql, keyspace, tables).await,
    }
}
