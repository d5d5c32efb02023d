//! What must hold whatever happens, asked of the whole state: what no caller could see.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::account;
use super::application::{Way, way_in};
use super::file::description::Trouble;
use super::operation::renamed;
use super::state::State;
use super::topology::{Kind, Rules, Topology};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Violation {
    /// Acknowledged rows that are not where the application's writes go.
    Lost { table: String, rows: u64 },
    /// Ids that two rows were given.
    Twice { table: String, ids: u64 },
    /// More than one keyspace would take writes of a table: by the rules that each cell serves, and the denied tables as the primaries
    /// know them.
    TakenByTwo { table: String, keyspaces: Vec<String> },
}

impl std::fmt::Display for Violation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Lost { table, rows } => write!(f, "{rows} acknowledged rows of {table} are lost"),
            Self::Twice { table, ids } => write!(f, "{ids} ids of {table} were given to two rows"),
            Self::TakenByTwo { table, keyspaces } => write!(f, "{} would both take writes of {table}", keyspaces.join(" and ")),
        }
    }
}

pub fn violations(state: &State) -> Vec<Violation> {
    let mut found = Vec::new();
    for account in account::tables(state) {
        let table = account.table.clone();
        if account.lost > 0 {
            found.push(Violation::Lost { table: table.clone(), rows: account.lost });
        }
        if account.twice > 0 {
            found.push(Violation::Twice { table, ids: account.twice });
        }
    }
    let moved: BTreeSet<&str> = state.streams.iter().flat_map(|stream| stream.names()).collect();
    for table in moved {
        let keyspaces = takers(state, table);
        if keyspaces.len() > 1 {
            found.push(Violation::TakenByTwo { table: table.to_owned(), keyspaces: keyspaces.into_iter().collect() });
        }
    }
    found
}

/// The keyspaces of which any shard would take a write of a table, from a vtgate in any cell, by its bare name or as the application
/// is connected.
fn takers(state: &State, table: &str) -> BTreeSet<String> {
    let topology = &state.topology;
    let mut takers = BTreeSet::new();
    for cell in &topology.cells {
        for connected in [None, state.application.keyspace.as_deref()] {
            let (Way::To(keyspace) | Way::Denied(keyspace)) = way_in(topology, cell, connected, table, "") else { continue };
            let shards = topology.keyspaces.get(&keyspace).map(|it| it.shards.as_slice()).unwrap_or_default();
            if shards.iter().any(|shard| shard.tables.contains_key(table) && !shard.denied.contains(table)) {
                takers.insert(keyspace);
            }
        }
    }
    takers
}

/// What is not of these tables and is not as it was at the beginning, but for what the description had somebody do.
pub fn foreign_changes(state: &State, ours: &[String]) -> Vec<String> {
    let began = Topology::new(&state.description);
    let mut found = Vec::new();
    rules(state, &began, ours, &mut found);
    for (name, keyspace) in &began.keyspaces {
        let Some(now) = state.topology.keyspaces.get(name) else { continue };
        for shard in &keyspace.shards {
            let Some(now) = now.shard(&shard.name) else { continue };
            let place = format!("{name}/{}", shard.name);
            for kind in [Kind::Primary, Kind::Replica, Kind::Rdonly] {
                let denied = |shard: &super::topology::Shard| -> BTreeSet<String> {
                    let of_kind = shard.controls.iter().filter(|control| control.kind == kind);
                    of_kind.flat_map(|control| control.tables.iter().filter(|table| !ours.contains(table)).cloned()).collect()
                };
                if denied(shard) != denied(now) {
                    found.push(format!("{place} denies other tables than before: {:?}, not {:?}", denied(now), denied(shard)));
                }
            }
            let is_ours = |table: &String| ours.iter().any(|one| one == table || renamed(one) == *table);
            let tables = |shard: &super::topology::Shard| -> Vec<(String, Vec<super::table::Column>)> {
                // Sequences are made where the options of a movement say so.
                let others = shard.tables.iter().filter(|(name, table)| !is_ours(name) && table.next_id.is_none());
                others.map(|(name, table)| (name.clone(), table.columns.clone())).collect()
            };
            if tables(shard) != tables(now) {
                found.push(format!("{place} has other tables than before"));
            }
        }
        let entries = |vschema: &crate::model::vschema::VSchema| -> Vec<String> {
            let others = vschema.tables.iter().filter(|(table, entry)| !ours.contains(table) && entry.kind != "sequence");
            others.map(|(table, entry)| format!("{table}: {entry:?}")).collect()
        };
        if entries(&keyspace.vschema) != entries(&now.vschema) {
            found.push(format!("the VSchema of {name} has other tables than before"));
        }
    }
    found
}

fn rules(state: &State, began: &Topology, ours: &[String], found: &mut Vec<String>) {
    let table_of = |key: &str| -> String {
        let bare = key.split('@').next().unwrap_or_default();
        bare.rsplit('.').next().unwrap_or_default().to_owned()
    };
    let mut expected: Rules = began.rules.clone();
    for place in &state.changes_made {
        if let Some(Trouble::SomebodyChangesRules { rules, .. }) = state.description.goes_wrong.get(*place) {
            for (from, to) in rules {
                if to.is_empty() {
                    expected.remove(from)
                } else {
                    expected.insert(from.clone(), vec![to.clone()])
                };
            }
        }
    }
    let now = &state.topology.rules;
    let keys: BTreeSet<&String> = expected.keys().chain(now.keys()).collect();
    for key in keys.into_iter().filter(|key| !ours.contains(&table_of(key))) {
        if expected.get(key) != now.get(key) {
            found.push(format!("the rule of {key} leads to {:?}, not to {:?}", now.get(key), expected.get(key)));
        }
    }
}
