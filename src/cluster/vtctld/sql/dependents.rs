//! What else in the database holds on to some tables: foreign keys of other tables, triggers, views. One statement a shard, of
//! MySQL's data dictionary.

use std::collections::BTreeSet;
use std::time::Duration;

use super::statement::{literals, select};
use super::tablet::Sql;
use crate::cluster::port::{Answer, Dependent, DependentKind, Unread};
use crate::cluster::vtctld::ask::{CALLS_AT_ONCE, NotRead};
use crate::cluster::vtctld::concurrently::concurrently;
use crate::cluster::vtctld::convert::rows::Rows;
use crate::model::name::{KeyspaceName, TableName};
use crate::model::sql::names_table;

/// A foreign key has a row for each of its columns, and each trigger of the database is a row.
const MAX_ROWS: usize = 10_000;

pub(super) async fn answer(sql: &Sql, keyspace: &KeyspaceName, tables: &[TableName]) -> Result<Answer, NotRead> {
    if tables.is_empty() {
        return Ok(Answer::Dependents(BTreeSet::new()));
    }
    let shards = sql.asking.primaries(keyspace)?.into_iter().map(|(_, primary)| {
        let (sql, statement, tables) = (sql.clone(), statement(sql.limit, tables), tables.to_vec());
        async move { dependents(&sql.rows(&primary, statement, MAX_ROWS).await?, &tables) }
    });
    let found: Result<Vec<BTreeSet<Dependent>>, NotRead> = concurrently(CALLS_AT_ONCE, shards).await.into_iter().collect();
    Ok(Answer::Dependents(found?.into_iter().flatten().collect()))
}

/// `VIEW_TABLE_USAGE` names the tables of a view itself, so not those of a view that it reads. Of a trigger on another table the body
/// tells which tables it names; it is judged here and goes no further.
fn statement(limit: Duration, tables: &[TableName]) -> String {
    format!(
        "{select}'foreign key' as kind, used.table_name as name, used.referenced_table_name as of_table, '' as body \
         from information_schema.key_column_usage as used \
         where used.table_schema = database() and used.referenced_table_schema = database() \
         and used.referenced_table_name in ({tables}) and used.table_name not in ({tables}) \
         union all select 'trigger', own.trigger_name, own.event_object_table, '' from information_schema.triggers as own \
         where own.event_object_schema = database() and own.event_object_table in ({tables}) \
         union all select 'trigger elsewhere', other.trigger_name, other.event_object_table, other.action_statement \
         from information_schema.triggers as other \
         where other.event_object_schema = database() and other.event_object_table not in ({tables}) \
         union all select 'view', view.view_name, view.table_name, '' from information_schema.view_table_usage as view \
         where view.view_schema = database() and view.table_schema = database() and view.table_name in ({tables})",
        select = select(limit),
        tables = literals(tables),
    )
}

fn dependents(rows: &Rows, tables: &[TableName]) -> Result<BTreeSet<Dependent>, NotRead> {
    let mut found = BTreeSet::new();
    for row in rows.iter() {
        let text = |column: &str| Ok::<_, NotRead>(row.text(column)?.unwrap_or_default());
        let (kind, name, table) = (text("kind")?, text("name")?, text("of_table")?);
        let kind = match kind.as_str() {
            "foreign key" => DependentKind::ForeignKey,
            "trigger" => DependentKind::Trigger,
            "view" => DependentKind::View,
            "trigger elsewhere" => {
                let body = text("body")?;
                let named = tables.iter().filter(|table| names_table(&body, table.as_str()));
                found.extend(named.map(|named| Dependent {
                    kind: DependentKind::TriggerElsewhere,
                    name: format!("{table}.{name}"),
                    table: named.to_string(),
                }));
                continue;
            }
            _ => return Err(Unread::new("a row of a kind that was not asked for").into()),
        };
        found.insert(Dependent { kind, name, table });
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_statement_asks_for_all_kinds() {
        let text = statement(Duration::from_secs(2), &[TableName::new("corder").unwrap(), TableName::new("customer").unwrap()]);
        assert!(text.starts_with("select /*+ MAX_EXECUTION_TIME(2000) */ 'foreign key' as kind, "), "{text}");
        assert_eq!(text.matches("in ('corder', 'customer')").count(), 5);
    }
}
