//! MoveTablesComplete: source tables dropped, renamed or kept, rules removed or kept, streams gone.

use prost::Message as _;

use super::workflow::{course, delete_streams};
use super::{Next, dry_run};
use crate::cluster::vtctld::generated::vtctldata as data;
use crate::sandbox::refusal::{Answer, refuse};
use crate::sandbox::state::State;
use crate::sandbox::topology::Kind;
use crate::sandbox::traffic::Course;

/// Of the name of a renamed table (`getRenameFileName`).
const NAME_CHARACTERS: usize = 59;

pub fn run(state: &mut State, request: &data::MoveTablesCompleteRequest) -> Answer<Next> {
    let (keyspace, workflow) = (&request.target_keyspace, &request.workflow);
    let course = course(state, keyspace, workflow)?;
    let all = state.topology.cells.len();
    let reads = [Kind::Replica, Kind::Rdonly].iter().all(|kind| course.cells_switched(&state.topology, *kind).len() == all);
    if !reads || !course.writes_are_switched(&state.topology) {
        return refuse!("cannot complete workflow because you have not yet switched all read and write traffic");
    }
    for stream in state.streams_of(keyspace, workflow) {
        if !stream.is_frozen() {
            let uid = state.topology.primary_of(keyspace, &stream.shard).map_or(0, |tablet| tablet.uid);
            return refuse!("vreplication streams are not frozen on tablet {uid}");
        }
    }
    no_rule_leads_to_source(state, &course)?;
    if request.dry_run {
        let lines = dry_run::complete(state, &course, request.keep_data, request.rename_tables, request.keep_routing_rules);
        let summary = format!("Complete dry run results for workflow {keyspace}.{workflow} at {}", dry_run::time(state));
        let dry_run_results = lines.into_iter().map(String::into_bytes).collect();
        return Ok(Next::Done(
            data::MoveTablesCompleteResponse { summary: summary.into_bytes(), dry_run_results }.encode_to_vec(),
        ));
    }
    if !request.keep_data {
        take_away(state, &course, request.rename_tables)?;
    }
    delete_streams(state, &course.source, &course.reverse_name());
    delete_streams(state, keyspace, workflow);
    if !request.keep_routing_rules {
        course.remove(&mut state.topology.rules);
    }
    state.topology.rebuild(&[]);
    let summary = format!("Successfully completed the {workflow} workflow in the {keyspace} keyspace").into_bytes();
    Ok(Next::Done(data::MoveTablesCompleteResponse { summary, dry_run_results: vec![] }.encode_to_vec()))
}

fn no_rule_leads_to_source(state: &State, course: &Course) -> Answer<()> {
    for (from, to) in &state.topology.rules {
        for table in &course.tables {
            if to.iter().any(|to| *to == format!("{}.{table}", course.source)) {
                return refuse!("routing still exists from keyspace {} table {table} to {from}", course.source);
            }
        }
    }
    Ok(())
}

fn take_away(state: &mut State, course: &Course, renames: bool) -> Answer<()> {
    if let Some(source) = state.topology.keyspaces.get_mut(&course.source) {
        for table in &course.tables {
            let short: String = table.chars().take(NAME_CHARACTERS).collect();
            let name = format!("_{short}_old");
            for shard in &mut source.shards {
                if !renames {
                    shard.tables.remove(table);
                } else if shard.tables.contains_key(&name) && shard.tables.contains_key(table) {
                    return refuse!("Table '{name}' already exists (errno 1050) (sqlstate 42S01)");
                } else if let Some(rows) = shard.tables.remove(table) {
                    shard.tables.insert(name.clone(), rows);
                }
            }
            source.vschema.tables.remove(table);
        }
    }
    for side in [&course.source, &course.target] {
        if let Some(keyspace) = state.topology.keyspaces.get_mut(side) {
            keyspace.shards.iter_mut().for_each(|shard| shard.allow(&course.tables));
        }
    }
    Ok(())
}
