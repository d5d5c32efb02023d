//! `initialize_target_sequences`: the sequences behind the target's tables go on after the largest id
//! (go/vt/vtctl/workflow/sequences.go).

use crate::model::vschema::VSchemaTable;
use crate::sandbox::application::sequence_mut;
use crate::sandbox::refusal::{Answer, refuse};
use crate::sandbox::state::State;
use crate::sandbox::table::Table;
use crate::sandbox::topology::Shard;
use crate::sandbox::traffic::Course;

/// The sequence of each table that has one.
fn used(state: &State, course: &Course) -> Vec<(String, String)> {
    let Some(target) = state.topology.keyspaces.get(&course.target) else { return vec![] };
    let of = |table: &String| Some((table.clone(), target.vschema.tables.get(table)?.auto_increment.clone()?.sequence));
    course.tables.iter().filter_map(of).collect()
}

/// Makes those that are missing in the keyspace for global resources. Without one that is refused.
pub fn find(state: &mut State, course: &Course, global_keyspace: &str) -> Answer<()> {
    let missing: Vec<String> = used(state, course)
        .into_iter()
        .map(|(_, name)| name)
        .filter(|name| sequence_mut(&mut state.topology, name).is_none())
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    if global_keyspace.is_empty() {
        let names: Vec<String> = missing.iter().map(|name| bare(name)).collect();
        return refuse!(
            "failed to locate all of the backing sequence tables being used and no global-keyspace was provided to auto create them in: {}",
            names.join(",")
        );
    }
    if let Some(keyspace) = state.topology.keyspaces.get_mut(global_keyspace) {
        for name in missing {
            let name = bare(&name);
            if let Some(shard) = keyspace.shards.first_mut() {
                shard.tables.entry(name.clone()).or_insert_with(Table::sequence);
            }
            let entry = VSchemaTable { kind: "sequence".to_owned(), ..VSchemaTable::default() };
            keyspace.vschema.tables.entry(name).or_insert(entry);
        }
    }
    Ok(())
}

/// Of each sequence: its name, `next_id` now, and what it would be set to.
pub fn foreseen(state: &State, course: &Course) -> Vec<(String, u64, u64)> {
    let mut topology = state.topology.clone();
    let mut found: Vec<(String, u64, u64)> = used(state, course)
        .into_iter()
        .filter_map(|(table, name)| {
            let now = *sequence_mut(&mut topology, &name)?;
            Some((bare(&name), now, now.max(largest(state, course, &table) + 1)))
        })
        .collect();
    found.sort();
    found
}

/// The largest id that any shard of the target has.
fn largest(state: &State, course: &Course, table: &str) -> u64 {
    let target = state.topology.keyspaces.get(&course.target);
    let shards = target.map(|target| target.shards.as_slice()).unwrap_or_default();
    let of = |shard: &Shard| {
        let table = shard.tables.get(table)?;
        table.rows.last().max(table.strays.last().copied())
    };
    shards.iter().filter_map(of).max().unwrap_or(0)
}

/// Each goes on after the largest id that any shard of the target has, if it isn't further already.
pub fn initialize(state: &mut State, course: &Course) {
    for (table, name) in used(state, course) {
        let largest = largest(state, course, &table);
        if let Some(next) = sequence_mut(&mut state.topology, &name) {
            *next = (*next).max(largest + 1);
        }
    }
}

fn bare(name: &str) -> String {
    let plain = name.replace('`', "");
    plain.rsplit('.').next().unwrap_or_default().to_owned()
}
