//! Tables of a tablet (`GetSchema`).

use super::messages::{go_alias, tablet};
use crate::cluster::vtctld::generated::{query, tabletmanagerdata as wire, vtctldata as data};
use crate::sandbox::refusal::Answer;
use crate::sandbox::state::State;
use crate::sandbox::table::Table;

pub fn schema(state: &State, request: &data::GetSchemaRequest) -> Answer<data::GetSchemaResponse> {
    let tablet = tablet(state, request.tablet_alias.as_ref()).map_err(|refusal| {
        let alias = request.tablet_alias.clone().unwrap_or_default();
        refusal.within(&format!("GetTablet({}) failed", go_alias(&alias)))
    })?;
    let Some(keyspace) = state.topology.keyspaces.get(&tablet.keyspace) else { return Ok(Default::default()) };
    let Some(shard) = keyspace.shard(&tablet.shard) else { return Ok(Default::default()) };
    let share = keyspace.share(&tablet.shard);
    let listed = |names: &[String], table: &str| names.iter().any(|name| matches(name, table));
    let tables = shard.tables.iter().filter(|(name, _)| {
        (request.tables.is_empty() || listed(&request.tables, name)) && !listed(&request.exclude_tables, name)
    });
    let table_definitions = tables.map(|(name, table)| definition(request, name, table, table.count(share))).collect();
    let database = "CREATE DATABASE `{{.DatabaseName}}` /*!40100 DEFAULT CHARACTER SET utf8mb4 */".to_owned();
    let database_schema = if request.table_names_only || request.table_sizes_only { vec![] } else { database.into_bytes() };
    Ok(data::GetSchemaResponse { schema: Some(wire::SchemaDefinition { database_schema, table_definitions }) })
}

/// Whatever its case. A `/pattern/` is matched as text without its anchors and dots: nobody here asks for more.
fn matches(name: &str, table: &str) -> bool {
    match name.strip_prefix('/').and_then(|rest| rest.strip_suffix('/')) {
        Some(pattern) => {
            let begins = pattern.starts_with('^');
            let ends = pattern.ends_with('$');
            let text = pattern.trim_start_matches('^').trim_end_matches('$').replace(".*", "").replace('\\', "");
            match (begins, ends) {
                (true, true) => table == text,
                (true, false) => table.starts_with(&text),
                (false, true) => table.ends_with(&text),
                (false, false) => table.contains(&text),
            }
        }
        None => name.eq_ignore_ascii_case(table),
    }
}

fn definition(request: &data::GetSchemaRequest, name: &str, table: &Table, rows: u64) -> wire::TableDefinition {
    let mut definition = wire::TableDefinition { name: name.to_owned(), ..Default::default() };
    if request.table_names_only {
        return definition;
    }
    "BASE TABLE".clone_into(&mut definition.r#type);
    definition.row_count = rows;
    definition.data_length = 16_384 + rows * table.bytes_per_row;
    if request.table_sizes_only {
        return definition;
    }
    definition.schema = table.create_statement(name).into_bytes();
    if !request.table_schema_only {
        definition.columns = table.columns.iter().map(|column| column.name.clone()).collect();
        definition.primary_key_columns.clone_from(&table.primary_key);
        let field = |column: &crate::sandbox::table::Column| query::Field {
            name: column.name.as_bytes().to_vec(),
            r#type: column.wire_type().into(),
            column_type: column.kind.as_bytes().to_vec(),
            ..Default::default()
        };
        definition.fields = table.columns.iter().map(field).collect();
    }
    definition
}
