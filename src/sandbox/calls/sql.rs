//! ExecuteFetchAsDBA: the statements that cutover sends (`cluster/vtctld/sql`, `cluster/mutation/rename_tables`), known by their
//! shape. A sandbox has no MySQL: what it does not know it refuses, and says so.

use std::collections::BTreeSet;

use super::messages::{result, said_by, tablet};
use crate::cluster::vtctld::generated::query::{QueryResult, Type};
use crate::cluster::vtctld::generated::vtctldata as data;
use crate::sandbox::ids::Share;
use crate::sandbox::refusal::{Answer, Refusal, refuse};
use crate::sandbox::state::{Journal, State};
use crate::sandbox::table::Table;

/// Whose MySQL it is.
struct Place {
    keyspace: String,
    shard: String,
    alias: String,
}

impl Place {
    /// What MySQL says, as it comes through vttablet and vtctld.
    fn says(&self, words: &str, statement: &str) -> Refusal {
        let words = format!("rpc error: code = Unknown desc = {words} during query: {statement}");
        Refusal(said_by("Unknown", "ExecuteFetchAsDba", &self.alias, &words))
    }
}

pub fn execute(state: &mut State, request: &data::ExecuteFetchAsDbaRequest) -> Answer<data::ExecuteFetchAsDbaResponse> {
    let tablet = tablet(state, request.tablet_alias.as_ref())?;
    let place = Place { keyspace: tablet.keyspace.clone(), shard: tablet.shard.clone(), alias: tablet.alias() };
    let statement = String::from_utf8_lossy(&request.query).into_owned();
    if let Some(renames) = statement.strip_prefix("rename table ") {
        rename(state, &place, renames)?;
        return Ok(data::ExecuteFetchAsDbaResponse { result: Some(QueryResult::default()) });
    }
    let body = without_hint(&statement);
    let body = body.as_str();
    let found = if body.contains("from information_schema.key_column_usage ") {
        dependents(state, &place)
    } else if body.contains("from information_schema.tables ") {
        existing(state, &place, body)
    } else if body.contains("from performance_schema.setup_instruments ") {
        result(&[("instruments", Type::Int64)], &[vec![Some("1".to_owned())]])
    } else if body.contains("from performance_schema.metadata_locks ") {
        write_locks(state, &place, body)
    } else if body.contains("from performance_schema.global_variables ") {
        binlog_retention(state, &place)
    } else if body.contains("from mysql.user as account ") {
        stream_user(state, &place)
    } else if body.contains("from _vt.resharding_journal ") {
        journals(state, &place)
    } else if body.starts_with("select 0 as place, ") {
        each(state, &place, body)?
    } else {
        return refuse!("the sandbox has no MySQL and does not know this statement");
    };
    let rows = i64::try_from(found.rows.len()).unwrap_or(i64::MAX);
    if request.max_rows >= 0 && rows > request.max_rows {
        return refuse!("Row count exceeded {}", request.max_rows);
    }
    Ok(data::ExecuteFetchAsDbaResponse { result: Some(found) })
}

/// `select /*+ … */ …` as `select …`.
fn without_hint(statement: &str) -> String {
    match statement.split_once("*/ ") {
        Some((head, tail)) if head.starts_with("select /*+ ") => format!("select {tail}"),
        _ => statement.to_owned(),
    }
}

/// The texts between single quotes.
fn texts(of: &str) -> Vec<String> {
    of.split('\'').skip(1).step_by(2).map(str::to_owned).collect()
}

/// The names between backticks.
fn names(of: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = of;
    while let Some((_, tail)) = rest.split_once('`') {
        let mut name = String::new();
        let mut characters = tail.char_indices().peekable();
        let mut end = tail.len();
        while let Some((at, one)) = characters.next() {
            if one != '`' {
                name.push(one);
            } else if characters.next_if(|(_, next)| *next == '`').is_some() {
                name.push('`');
            } else {
                end = at + 1;
                break;
            }
        }
        found.push(name);
        rest = &tail[end..];
    }
    found
}

fn table<'s>(state: &'s State, place: &Place, name: &str) -> Option<(&'s Table, Share)> {
    let keyspace = state.topology.keyspaces.get(&place.keyspace)?;
    Some((keyspace.shard(&place.shard)?.tables.get(name)?, keyspace.share(&place.shard)))
}

fn existing(state: &State, place: &Place, body: &str) -> QueryResult {
    let wanted = texts(body.rsplit(" in (").next().unwrap_or_default());
    let there = wanted.into_iter().filter(|name| table(state, place, name).is_some());
    let rows: Vec<Vec<Option<String>>> = there.map(|name| vec![Some(name)]).collect();
    result(&[("name", Type::Varchar)], &rows)
}

fn write_locks(state: &State, place: &Place, body: &str) -> QueryResult {
    let list = body.rsplit("held.object_name in (").next().unwrap_or_default();
    let tables = texts(list.split(')').next().unwrap_or_default());
    let row = |transaction: &crate::sandbox::state::Transaction| {
        let age = state.now.duration_since(transaction.since).as_millis();
        vec![
            Some(transaction.table.clone()),
            Some(transaction.connection.to_string()),
            Some("vt_app".to_owned()),
            Some("localhost".to_owned()),
            Some(age.to_string()),
        ]
    };
    let rows: Vec<Vec<Option<String>>> = state.write_locks(&place.keyspace, &tables).map(row).collect();
    let columns = [
        ("name", Type::Varchar),
        ("connection", Type::Int64),
        ("user", Type::Varchar),
        ("host", Type::Varchar),
        ("age", Type::Int64),
    ];
    result(&columns, &rows)
}

fn binlog_retention(state: &State, place: &Place) -> QueryResult {
    let seconds = state.topology.keyspaces.get(&place.keyspace).map(|keyspace| keyspace.mysql.binlog_expire_logs_seconds);
    let row = |seconds: u64| vec![Some("binlog_expire_logs_seconds".to_owned()), Some(seconds.to_string())];
    result(&[("name", Type::Varchar), ("value", Type::Varchar)], &seconds.into_iter().map(row).collect::<Vec<_>>())
}

fn stream_user(state: &State, place: &Place) -> QueryResult {
    let may_write = state.topology.keyspaces.get(&place.keyspace).is_some_and(|keyspace| keyspace.mysql.streams_may_write);
    let may_write = Some(u8::from(may_write).to_string());
    let columns = ["accounts", "streams", "writers", "unclear"].map(|name| (name, Type::Int64));
    result(&columns, &[vec![Some("1".to_owned()), Some("1".to_owned()), may_write, Some("0".to_owned())]])
}

fn journals(state: &State, place: &Place) -> QueryResult {
    let is_there = |journal: &&Journal| journal.keyspace == place.keyspace && journal.shard == place.shard;
    let ids: BTreeSet<i64> = state.journals.iter().filter(is_there).map(|journal| journal.id).collect();
    let rows: Vec<Vec<Option<String>>> = ids.into_iter().map(|id| vec![Some(id.to_string())]).collect();
    result(&[("id", Type::Int64)], &rows)
}

/// Foreign keys, triggers and views. What a trigger says isn't known here, so none is told to name another table.
fn dependents(state: &State, place: &Place) -> QueryResult {
    let mut found: Vec<[String; 4]> = Vec::new();
    let shard = state.topology.keyspaces.get(&place.keyspace).and_then(|keyspace| keyspace.shard(&place.shard));
    for (name, table) in shard.iter().flat_map(|shard| &shard.tables) {
        let keys = table.foreign_keys.iter().enumerate();
        found.extend(keys.map(|(index, key)| {
            ["foreign key".to_owned(), format!("{name}_ibfk_{}", index + 1), name.clone(), key.table.clone()]
        }));
    }
    if let Some(described) = state.description.keyspaces.get(&place.keyspace) {
        for (name, table) in &described.tables {
            found.extend(table.triggers.iter().map(|it| ["trigger".to_owned(), it.clone(), name.clone(), name.clone()]));
        }
        for (view, tables) in &described.views {
            found.extend(tables.iter().map(|table| ["view".to_owned(), view.clone(), view.clone(), table.clone()]));
        }
    }
    let row = |found: [String; 4]| found.into_iter().chain([String::new()]).map(Some).collect();
    let rows: Vec<Vec<Option<String>>> = found.into_iter().map(row).collect();
    let columns = ["kind", "name", "owner", "of_table", "body"].map(|name| (name, Type::Varchar));
    result(&columns, &rows)
}

/// One expression a row, numbered from 0.
fn each(state: &State, place: &Place, body: &str) -> Answer<QueryResult> {
    let mut rows = Vec::new();
    for (number, part) in body.split(" union all ").enumerate() {
        let expression = match number {
            0 => part.strip_prefix("select 0 as place, ").and_then(|part| part.strip_suffix(" as value")),
            _ => part.strip_prefix(&format!("select {number}, ")),
        };
        if let Some((column, clause)) = expression.and_then(|expression| unknown_column(state, place, expression)) {
            let words = format!("Unknown column '{column}' in '{clause}' (errno 1054) (sqlstate 42S22)");
            return Err(place.says(&words, body));
        }
        let Some(value) = expression.and_then(|expression| value(state, place, expression)) else {
            return refuse!("the sandbox has no MySQL and does not know this statement");
        };
        rows.push(vec![Some(number.to_string()), value]);
    }
    Ok(result(&[("place", Type::Int64), ("value", Type::Int64)], &rows))
}

/// A column that its table lacks, and the clause in which it stands.
fn unknown_column(state: &State, place: &Place, expression: &str) -> Option<(String, &'static str)> {
    let names = names(expression);
    let lacks = |name: &str, column: &str| {
        table(state, place, name).is_some_and(|(table, _)| table.columns.iter().all(|it| !it.name.eq_ignore_ascii_case(column)))
    };
    match names.as_slice() {
        [name] if expression.starts_with("(select next_id ") && lacks(name, "next_id") => {
            Some(("next_id".to_owned(), "field list"))
        }
        [column, name] if expression.starts_with("(select max(") && lacks(name, column) => Some((column.clone(), "field list")),
        [name, column] if expression.ends_with(" is null limit 1)") && lacks(name, column) => {
            Some((column.clone(), "where clause"))
        }
        _ => None,
    }
}

/// None for an expression that is not known, or a table that isn't there.
fn value(state: &State, place: &Place, expression: &str) -> Option<Option<String>> {
    let names = names(expression);
    let truth = |truth: bool| Some(Some(u8::from(truth).to_string()));
    match names.as_slice() {
        [name] if expression == format!("exists(select 1 from {} limit 1)", quoted(name)) => {
            let (table, share) = table(state, place, name)?;
            truth(table.count(share) > 0)
        }
        [name] if expression == format!("(select next_id from {} where id = 0)", quoted(name)) => {
            let (table, _) = table(state, place, name)?;
            Some(table.next_id.map(|next| next.to_string()))
        }
        [name, column]
            if expression == format!("exists(select 1 from {} where {} is null limit 1)", quoted(name), quoted(column)) =>
        {
            let (table, share) = table(state, place, name)?;
            truth(table.nulls_in.contains(column) && table.count(share) > 0)
        }
        [column, name] if expression == format!("(select max({}) from {})", quoted(column), quoted(name)) => {
            let (table, share) = table(state, place, name)?;
            let last = table.rows.last_of(share).max(table.strays.last().copied());
            Some(last.map(|last| last.to_string()))
        }
        _ => None,
    }
}

fn quoted(name: &str) -> String {
    crate::model::name::identifier(name)
}

/// `` `a` to `b`, … ``, one after the other, all or none.
fn rename(state: &mut State, place: &Place, renames: &str) -> Answer<()> {
    let names = names(renames);
    let pairs: Vec<(&String, &String)> = names.chunks(2).filter_map(|pair| Some((pair.first()?, pair.get(1)?))).collect();
    let (keyspace, shard) = (place.keyspace.clone(), place.shard.clone());
    let Some(shard) = state.topology.keyspaces.get_mut(&keyspace).and_then(|keyspace| keyspace.shard_mut(&shard)) else {
        return refuse!("no shard {shard} in {keyspace}");
    };
    let mut tables = shard.tables.clone();
    for (from, to) in pairs {
        let statement = format!("rename table {renames}");
        if tables.contains_key(to) {
            return Err(place.says(&format!("Table '{to}' already exists (errno 1050) (sqlstate 42S01)"), &statement));
        }
        let Some(table) = tables.remove(from) else {
            let words = format!("Table 'vt_{keyspace}.{from}' doesn't exist (errno 1146) (sqlstate 42S02)");
            return Err(place.says(&words, &statement));
        };
        tables.insert(to.clone(), table);
    }
    shard.tables = tables;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_texts_are_taken_out_of_their_quotes() {
        assert_eq!(names("`a` to `b``c`, `d e` to `f`"), ["a", "b`c", "d e", "f"]);
        assert_eq!(texts("'order', 'with space')"), ["order", "with space"]);
        assert_eq!(without_hint("select /*+ MAX_EXECUTION_TIME(2000) */ 0 as place, x"), "select 0 as place, x");
    }
}
