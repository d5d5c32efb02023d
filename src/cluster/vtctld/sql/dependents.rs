//! What in a keyspace's database holds on to tables: foreign keys, triggers, views. One statement a shard, of MySQL's data dictionary;
//! it doesn't grow with the tables that are moved.

use std::collections::BTreeSet;
use std::time::Duration;

use super::statement::select;
use super::tablet::Sql;
use crate::cluster::port::{Answer, Dependent, DependentKind, Unread};
use crate::cluster::vtctld::ask::{CALLS_AT_ONCE, NotRead};
use crate::cluster::vtctld::concurrently::concurrently;
use crate::cluster::vtctld::convert::rows::Rows;
use crate::model::name::KeyspaceName;
use crate::model::sql::names_table;

/// A row for each column of a foreign key, each trigger, each table of a view; and each table, by which triggers are judged.
const MAX_ROWS: usize = 20_000;

pub(super) async fn answer(sql: &Sql, keyspace: &KeyspaceName) -> Result<Answer, NotRead> {
    let shards = sql.asking.primaries(keyspace)?.into_iter().map(|(_, primary)| {
        let sql = sql.clone();
        async move { dependents(&sql.rows(&primary, statement(sql.limit), MAX_ROWS).await?) }
    });
    let found: Result<Vec<BTreeSet<Dependent>>, NotRead> = concurrently(CALLS_AT_ONCE, shards).await.into_iter().collect();
    Ok(Answer::Dependents(found?.into_iter().flatten().collect()))
}

/// `VIEW_TABLE_USAGE` names the tables of a view itself, so not those of a view that it reads. The body of a trigger tells which tables
/// it names; it is judged here and goes no further.
fn statement(limit: Duration) -> String {
    format!(
        "{select}'foreign key' as kind, used.constraint_name as name, used.table_name as owner, \
         used.referenced_table_name as of_table, '' as body from information_schema.key_column_usage as used \
         where used.table_schema = database() and used.referenced_table_schema = database() \
         union all select 'trigger', own.trigger_name, own.event_object_table, own.event_object_table, own.action_statement \
         from information_schema.triggers as own where own.event_object_schema = database() \
         union all select 'view', view.view_name, view.view_name, view.table_name, '' \
         from information_schema.view_table_usage as view where view.view_schema = database() and view.table_schema = database() \
         union all select 'table', base.table_name, '', '', '' from information_schema.tables as base \
         where base.table_schema = database() and base.table_type = 'BASE TABLE' and exists \
         (select 1 from information_schema.triggers as any_one where any_one.event_object_schema = database())",
        select = select(limit),
    )
}

fn dependents(rows: &Rows) -> Result<BTreeSet<Dependent>, NotRead> {
    let (mut found, mut bodies, mut tables) = (BTreeSet::new(), Vec::new(), Vec::new());
    for row in rows.iter() {
        let text = |column: &str| Ok::<_, NotRead>(row.text(column)?.unwrap_or_default());
        let (name, owner, table) = (text("name")?, text("owner")?, text("of_table")?);
        let kind = match text("kind")?.as_str() {
            "foreign key" => DependentKind::ForeignKey,
            "view" => DependentKind::View,
            "trigger" => {
                bodies.push((name.clone(), owner.clone(), text("body")?));
                DependentKind::Trigger
            }
            "table" => {
                tables.push(name);
                continue;
            }
            _ => return Err(Unread::new("a row of a kind that was not asked for").into()),
        };
        found.insert(Dependent { kind, owner, name, table });
    }
    for (name, owner, body) in bodies {
        let named = tables.iter().filter(|table| **table != owner && names_table(&body, table));
        found.extend(named.map(|table| Dependent {
            kind: DependentKind::TriggerElsewhere,
            owner: owner.clone(),
            name: name.clone(),
            table: table.clone(),
        }));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_statement_asks_for_all_kinds() {
        let text = statement(Duration::from_secs(2));
        assert!(text.starts_with("select /*+ MAX_EXECUTION_TIME(2000) */ 'foreign key' as kind, "), "{text}");
        assert_eq!(text.matches("union all select").count(), 3);
    }
}
