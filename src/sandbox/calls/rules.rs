//! Routing rules, VSchemas, and what each cell serves.

use std::collections::BTreeMap;

use crate::cluster::vtctld::generated::{vschema as wire, vtctldata as data};
use crate::model::vschema::{VSchema, VSchemaTable};
use crate::sandbox::refusal::{Answer, refuse};
use crate::sandbox::state::State;
use crate::sandbox::topology::{Rules, Served};

/// In no order that means anything: Vitess sends a map of Go's.
fn rules_message(rules: &Rules) -> wire::RoutingRules {
    let rule = |(from, to): (&String, &Vec<String>)| wire::RoutingRule { from_table: from.clone(), to_tables: to.clone() };
    wire::RoutingRules { rules: rules.iter().rev().map(rule).collect() }
}

pub fn routing_rules(state: &State) -> data::GetRoutingRulesResponse {
    data::GetRoutingRulesResponse { routing_rules: Some(rules_message(&state.topology.rules)) }
}

/// Those of the description: nobody changes them here.
pub fn shard_routing_rules(state: &State) -> data::GetShardRoutingRulesResponse {
    let rules = state.description.shard_routing_rules.iter().map(|(from, to)| {
        let (keyspace, shard) = from.split_once('.').unwrap_or((from, "0"));
        wire::ShardRoutingRule { from_keyspace: keyspace.to_owned(), to_keyspace: to.clone(), shard: shard.to_owned() }
    });
    data::GetShardRoutingRulesResponse { shard_routing_rules: Some(wire::ShardRoutingRules { rules: rules.collect() }) }
}

pub fn keyspace_routing_rules(state: &State) -> data::GetKeyspaceRoutingRulesResponse {
    let rules: Vec<wire::KeyspaceRoutingRule> = state
        .description
        .keyspace_routing_rules
        .iter()
        .map(|(from, to)| wire::KeyspaceRoutingRule { from_keyspace: from.clone(), to_keyspace: to.clone() })
        .collect();
    // Vitess leaves it out where there never was one.
    let keyspace_routing_rules = (!rules.is_empty()).then_some(wire::KeyspaceRoutingRules { rules });
    data::GetKeyspaceRoutingRulesResponse { keyspace_routing_rules }
}

pub fn mirror_rules(state: &State) -> data::GetMirrorRulesResponse {
    let rules = state.description.mirror_rules.iter().map(|(from, to)| {
        let (table, percent) = to.rsplit_once(' ').unwrap_or((to, "100"));
        wire::MirrorRule { from_table: from.clone(), to_table: table.to_owned(), percent: percent.parse().unwrap_or(100.0) }
    });
    data::GetMirrorRulesResponse { mirror_rules: Some(wire::MirrorRules { rules: rules.collect() }) }
}

/// None named means all.
pub fn rebuild_cells(state: &mut State, cells: &[String]) -> Answer<()> {
    if let Some(unknown) = cells.iter().find(|cell| !state.topology.cells.contains(cell)) {
        return refuse!("node doesn't exist: /vitess/global/cells/{unknown}/CellInfo");
    }
    state.topology.rebuild(cells);
    Ok(())
}

pub fn vschema(state: &State, request: &data::GetVSchemaRequest) -> Answer<data::GetVSchemaResponse> {
    let name = &request.keyspace;
    match state.topology.keyspaces.get(name) {
        Some(keyspace) => Ok(data::GetVSchemaResponse { v_schema: Some(vschema_message(&keyspace.vschema)) }),
        None if name.is_empty() => refuse!("node doesn't exist: /vitess/global/keyspaces/VSchema"),
        None => refuse!("node doesn't exist: /vitess/global/keyspaces/{name}/VSchema"),
    }
}

pub fn served(state: &State, request: &data::GetSrvVSchemasRequest) -> data::GetSrvVSchemasResponse {
    let wanted = |cell: &&String| request.cells.is_empty() || request.cells.contains(cell);
    let cells = state.topology.cells.iter().filter(wanted);
    let message = |cell: &String| (cell.clone(), state.topology.served.get(cell).map(served_message).unwrap_or_default());
    data::GetSrvVSchemasResponse { srv_v_schemas: cells.map(message).collect() }
}

fn served_message(served: &Served) -> wire::SrvVSchema {
    let keyspaces: BTreeMap<String, wire::Keyspace> =
        served.vschemas.iter().map(|(name, vschema)| (name.clone(), vschema_message(vschema))).collect();
    wire::SrvVSchema { keyspaces, routing_rules: Some(rules_message(&served.rules)), ..wire::SrvVSchema::default() }
}

fn vschema_message(vschema: &VSchema) -> wire::Keyspace {
    let vindex = |it: &crate::model::vschema::Vindex| wire::Vindex {
        r#type: it.kind.clone(),
        params: it.params.clone(),
        owner: it.owner.clone(),
    };
    wire::Keyspace {
        sharded: vschema.sharded,
        vindexes: vschema.vindexes.iter().map(|(name, it)| (name.clone(), vindex(it))).collect(),
        tables: vschema.tables.iter().map(|(name, it)| (name.clone(), table_message(it))).collect(),
        require_explicit_routing: vschema.require_explicit_routing,
        ..wire::Keyspace::default()
    }
}

fn table_message(table: &VSchemaTable) -> wire::Table {
    let vindex = |it: &crate::model::vschema::ColumnVindex| {
        let (column, columns) = match it.columns.as_slice() {
            [only] => (only.clone(), vec![]),
            several => (String::new(), several.to_vec()),
        };
        wire::ColumnVindex { column, name: it.name.clone(), columns }
    };
    wire::Table {
        r#type: table.kind.clone(),
        column_vindexes: table.column_vindexes.iter().map(vindex).collect(),
        auto_increment: table
            .auto_increment
            .as_ref()
            .map(|it| wire::AutoIncrement { column: it.column.clone(), sequence: it.sequence.clone() }),
        pinned: table.pinned.clone(),
        source: table.source.clone(),
        ..wire::Table::default()
    }
}
