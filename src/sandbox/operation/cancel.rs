//! WorkflowDelete, which vtctldclient calls cancel: in Vitess's order. What it cancels is judged before any lock; tables are dropped
//! before the rules that lead to them are gone; the streams go last, so it can be called again.

use prost::Message as _;

use super::First;
use super::locks::LEASE;
use super::step::{Act, Change, Row};
use super::workflow::{course, shard_names};
use crate::cluster::vtctld::generated::{topodata, vtctldata as data};
use crate::sandbox::refusal::{Answer, refuse};
use crate::sandbox::state::State;
use crate::sandbox::traffic::Course;

const OPERATION: &str = "cancel";

pub fn first(state: &State, request: &data::WorkflowDeleteRequest, course_of: &mut Option<Course>) -> Answer<First> {
    let (keyspace, workflow) = (&request.keyspace, &request.workflow);
    let course = course(state, keyspace, workflow)?;
    if course.forward().writes_are_switched(&state.topology) {
        return refuse!("cannot delete workflow because you have already switched write traffic");
    }
    let sources = shard_names(state, &course.source);
    // Those that have a stream: a creation that broke off leaves its tables on the others.
    let mut targets = shard_names(state, &course.target);
    targets.retain(|shard| state.streams_of(keyspace, workflow).any(|stream| stream.shard == *shard));
    let mut row = Row::of(OPERATION);
    row.lock_workflow(keyspace, workflow, "WorkflowDelete");
    row.lock_keyspaces(&course, "DropTargets", LEASE);
    for shard in &targets {
        row.step("stop-streams", format!("{keyspace}/{shard}"), Act::StopStreams { shard: shard.clone() });
    }
    if !request.keep_data {
        for shard in &targets {
            for table in &course.tables {
                let act = Act::DropTable { keyspace: course.target.clone(), shard: shard.clone(), table: table.clone() };
                row.step("drop-table", format!("{keyspace}/{shard}/{table}"), act);
            }
        }
        // A sharded target's entries were there before.
        if state.topology.keyspaces.get(&course.target).is_some_and(|target| !target.is_sharded()) {
            row.step("forget-in-vschema", course.target.clone(), Act::ForgetInVSchema { keyspace: course.target.clone() });
        }
        row.denied(["allow-source", "refresh-source"], &course.source, &sources, false);
        row.denied(["allow-target", "refresh-target"], &course.target, &targets, false);
    }
    row.delete_streams("delete-reverse", &course.source, &course.reverse_name(), &sources);
    if !request.keep_routing_rules {
        row.step("save-rules", "", Act::ChangeRules(Change::Remove));
    }
    row.rebuild(&state.topology.cells);
    row.step("unlock-keyspaces", "", Act::UnlockKeyspaces);
    row.delete_streams("delete-streams", keyspace, workflow, &wanted(state, request));
    *course_of = Some(course);
    Ok(First::Steps(row.steps()))
}

/// All else is done for every shard, whichever are named.
fn wanted(state: &State, request: &data::WorkflowDeleteRequest) -> Vec<String> {
    let mut shards = shard_names(state, &request.keyspace);
    shards.retain(|shard| request.shards.is_empty() || request.shards.contains(shard));
    shards
}

pub fn answer(state: &State, request: &data::WorkflowDeleteRequest) -> Vec<u8> {
    let (keyspace, workflow) = (&request.keyspace, &request.workflow);
    let detail = |shard: &String| {
        let tablet = state.topology.primary_of(keyspace, shard)?;
        let alias = topodata::TabletAlias { cell: tablet.cell.clone(), uid: tablet.uid };
        Some(data::workflow_delete_response::TabletInfo { tablet: Some(alias), deleted: true })
    };
    let details = wanted(state, request).iter().filter_map(detail).collect();
    let summary = format!("Successfully cancelled the {workflow} workflow in the {keyspace} keyspace").into_bytes();
    data::WorkflowDeleteResponse { summary, details }.encode_to_vec()
}
