//! Questions that only SQL answers: a closed list of bounded SELECTs, one small file each.
//!
//! Each statement is bounded in time (`MAX_EXECUTION_TIME`) and in rows, goes to one tablet (`ExecuteFetchAsDBA`), and gives
//! numbers and names of tables: no value of a row but the largest of a column.

mod binlog_retention;
mod dependents;
mod has_null;
mod has_rows;
mod journals;
mod largest_value;
mod sequence_next;
mod statement;
mod stream_user;
mod tablet;
mod write_locks;

use std::time::Duration;

use super::ask::{Asking, NotRead};
use super::cluster::SqlReads;
use crate::cluster::port::{Answer, Question, Unread};
use tablet::Sql;

pub(super) async fn answer(asking: &Asking, question: &Question) -> Result<Answer, NotRead> {
    let limit = limit(asking.sql, question)?;
    let sql = Sql { asking: asking.clone(), limit };
    match question {
        Question::HasRows { keyspace, tables } => has_rows::answer(&sql, keyspace, tables).await,
        Question::HasNull { keyspace, columns } => has_null::answer(&sql, keyspace, columns).await,
        Question::LargestValue { keyspace, columns } => largest_value::answer(&sql, keyspace, columns).await,
        Question::SequenceNext { keyspace, sequences } => sequence_next::answer(&sql, keyspace, sequences).await,
        Question::WriteLocks { keyspace, tables } => write_locks::answer(&sql, keyspace, tables).await,
        Question::Journals { keyspace } => journals::answer(&sql, keyspace).await,
        Question::BinlogRetention { keyspace } => binlog_retention::answer(&sql, keyspace).await,
        Question::StreamUser { keyspace } => stream_user::answer(&sql, keyspace).await,
        Question::Dependents { keyspace } => dependents::answer(&sql, keyspace).await,
    }
}

/// How long a statement may take. Only what may have to read a whole table is given what `--deep` allows: the others are asked
/// just before a switch too.
fn limit(sql: SqlReads, question: &Question) -> Result<Duration, Unread> {
    let SqlReads::Within(limit) = sql else {
        return Err(Unread::new("it needs SQL, which --no-sql forbids"));
    };
    Ok(match (question, SqlReads::BOUNDED) {
        (
            Question::HasRows { .. }
            | Question::SequenceNext { .. }
            | Question::WriteLocks { .. }
            | Question::Journals { .. }
            | Question::BinlogRetention { .. }
            | Question::StreamUser { .. }
            | Question::Dependents { .. },
            SqlReads::Within(bound),
        ) => limit.min(bound),
        _ => limit,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::name::KeyspaceName;

    #[test]
    fn deep_is_for_questions_that_may_read_a_whole_table_alone() {
        let keyspace = KeyspaceName::new("commerce").unwrap();
        let deep = |question: &Question| limit(SqlReads::DEEP, question).unwrap();
        let bounded = |question: &Question| limit(SqlReads::BOUNDED, question).unwrap();
        let slow = [
            Question::HasNull { keyspace: keyspace.clone(), columns: vec![] },
            Question::LargestValue { keyspace: keyspace.clone(), columns: vec![] },
        ];
        for question in slow {
            assert!(deep(&question) > 10 * bounded(&question), "{question:?}");
        }
        let quick = [
            Question::HasRows { keyspace: keyspace.clone(), tables: vec![] },
            Question::SequenceNext { keyspace: keyspace.clone(), sequences: vec![] },
            Question::WriteLocks { keyspace: keyspace.clone(), tables: vec![] },
            Question::Dependents { keyspace },
        ];
        for question in quick {
            assert_eq!(deep(&question), bounded(&question), "{question:?}");
            assert!(limit(SqlReads::Forbidden, &question).is_err());
        }
    }
}
