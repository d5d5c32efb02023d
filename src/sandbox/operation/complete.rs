//! MoveTablesComplete: source tables dropped, renamed or kept, streams gone, rules removed or kept, in Vitess's order. Between the
//! streams and the rules it loses its way: a second call then finds no streams.

use prost::Message as _;

use super::locks::LEASE;
use super::step::{Act, Change, Row, Step};
use super::workflow::{course, shard_names};
use super::{First, dry_run};
use crate::cluster::vtctld::generated::vtctldata as data;
use crate::sandbox::refusal::{Answer, refuse};
use crate::sandbox::state::State;
use crate::sandbox::topology::Kind;
use crate::sandbox::traffic::Course;

const OPERATION: &str = "complete";
/// Of the name of a renamed table (`getRenameFileName`).
const NAME_CHARACTERS: usize = 59;

/// What it judges by is read before the lock.
pub fn first(state: &State, request: &data::MoveTablesCompleteRequest, course_of: &mut Option<Course>) -> Answer<First> {
    let (keyspace, workflow) = (&request.target_keyspace, &request.workflow);
    let course = course(state, keyspace, workflow)?;
    let all = state.topology.cells.len();
    let reads = [Kind::Replica, Kind::Rdonly].iter().all(|kind| course.cells_switched(&state.topology, *kind).len() == all);
    let is_switched = reads && course.writes_are_switched(&state.topology);
    let mut row = Row::of(OPERATION);
    row.lock_workflow(keyspace, workflow, "MoveTablesComplete");
    if !is_switched {
        let words = "cannot complete workflow because you have not yet switched all read and write traffic";
        row.step("look", "", Act::Refuse(words.to_owned()));
    } else {
        if !request.dry_run {
            row.lock_keyspaces(&course, "DropSources", LEASE);
        }
        row.step("look", "", Act::Look);
    }
    *course_of = Some(course);
    Ok(First::Steps(row.steps()))
}

/// With all locks.
pub fn look(state: &State, request: &data::MoveTablesCompleteRequest, course: &Course) -> Answer<Vec<Step>> {
    let (keyspace, workflow) = (&request.target_keyspace, &request.workflow);
    for stream in state.streams_of(keyspace, workflow) {
        if !stream.is_frozen() {
            let uid = state.topology.primary_of(keyspace, &stream.shard).map_or(0, |tablet| tablet.uid);
            return refuse!("vreplication streams are not frozen on tablet {uid}");
        }
    }
    no_rule_leads_to_source(state, course)?;
    if request.dry_run {
        return Ok(vec![]);
    }
    let (sources, targets) = (shard_names(state, &course.source), shard_names(state, &course.target));
    let mut row = Row::of(OPERATION);
    if !request.keep_data {
        for shard in &sources {
            for table in &course.tables {
                let (keyspace, shard, table) = (course.source.clone(), shard.clone(), table.clone());
                let place = format!("{keyspace}/{shard}/{table}");
                if request.rename_tables {
                    row.step("rename-table", place, Act::RenameTable { shard, table });
                } else {
                    row.step("drop-table", place, Act::DropTable { keyspace, shard, table });
                }
            }
        }
        row.step("forget-in-vschema", course.source.clone(), Act::ForgetInVSchema { keyspace: course.source.clone() });
        row.denied(["allow-source", "refresh-source"], &course.source, &sources, false);
        row.denied(["allow-target", "refresh-target"], &course.target, &targets, false);
    }
    row.delete_streams("delete-reverse", &course.source, &course.reverse_name(), &sources);
    row.delete_streams("delete-streams", keyspace, workflow, &targets);
    if !request.keep_routing_rules {
        row.step("save-rules", "", Act::ChangeRules(Change::Remove));
    }
    row.rebuild(&state.topology.cells);
    row.step("unlock-keyspaces", "", Act::UnlockKeyspaces);
    Ok(row.steps())
}

pub fn answer(state: &State, request: &data::MoveTablesCompleteRequest, course: &Course) -> Vec<u8> {
    let (keyspace, workflow) = (&request.target_keyspace, &request.workflow);
    if request.dry_run {
        let lines = dry_run::complete(state, course, request.keep_data, request.rename_tables, request.keep_routing_rules);
        let summary = format!("Complete dry run results for workflow {keyspace}.{workflow} at {}", dry_run::time(state));
        let dry_run_results = lines.into_iter().map(String::into_bytes).collect();
        return data::MoveTablesCompleteResponse { summary: summary.into_bytes(), dry_run_results }.encode_to_vec();
    }
    let summary = format!("Successfully completed the {workflow} workflow in the {keyspace} keyspace").into_bytes();
    data::MoveTablesCompleteResponse { summary, dry_run_results: vec![] }.encode_to_vec()
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

/// The name of a table that was renamed out of the way.
pub fn renamed(table: &str) -> String {
    let short: String = table.chars().take(NAME_CHARACTERS).collect();
    format!("_{short}_old")
}
