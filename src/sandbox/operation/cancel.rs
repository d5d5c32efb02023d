//! WorkflowDelete, which vtctldclient calls cancel: in Vitess's order.

use prost::Message as _;

use super::Next;
use super::workflow::{course, delete_streams, places, shard_names};
use crate::cluster::vtctld::generated::{topodata, vtctldata as data};
use crate::sandbox::advance;
use crate::sandbox::refusal::{Answer, refuse};
use crate::sandbox::state::State;
use crate::sandbox::stream::Stream;

pub fn run(state: &mut State, request: &data::WorkflowDeleteRequest) -> Answer<Next> {
    let (keyspace, workflow) = (&request.keyspace, &request.workflow);
    let course = course(state, keyspace, workflow)?;
    if course.forward().writes_are_switched(&state.topology) {
        return refuse!("cannot delete workflow because you have already switched write traffic");
    }
    for place in places(state, keyspace, workflow) {
        advance::stop(state, place);
        let stream = &mut state.streams[place];
        stream.message.clear();
        // It is stopped without the words for "leave them": its cells and tablet types are gone.
        stream.settings.cells.clear();
        stream.settings.tablet_types.clear();
        stream.settings.in_order = false;
    }
    if !request.keep_data {
        let is_sharded = state.topology.keyspaces.get(&course.target).is_some_and(|keyspace| keyspace.is_sharded());
        if let Some(target) = state.topology.keyspaces.get_mut(&course.target) {
            for table in &course.tables {
                for shard in &mut target.shards {
                    shard.tables.remove(table);
                }
                if !is_sharded {
                    target.vschema.tables.remove(table);
                }
            }
        }
        for side in [&course.source, &course.target] {
            if let Some(keyspace) = state.topology.keyspaces.get_mut(side) {
                keyspace.shards.iter_mut().for_each(|shard| shard.allow(&course.tables));
            }
        }
    }
    delete_streams(state, &course.source, &course.reverse_name());
    if !request.keep_routing_rules {
        course.remove(&mut state.topology.rules);
    }
    state.topology.rebuild(&[]);
    let mut shards = shard_names(state, keyspace);
    // All else was done for every shard, whichever were named.
    shards.retain(|shard| request.shards.is_empty() || request.shards.contains(shard));
    let detail = |shard: &String| {
        let tablet = state.topology.primary_of(keyspace, shard)?;
        let alias = topodata::TabletAlias { cell: tablet.cell.clone(), uid: tablet.uid };
        Some(data::workflow_delete_response::TabletInfo { tablet: Some(alias), deleted: true })
    };
    let details = shards.iter().filter_map(detail).collect();
    if request.shards.is_empty() {
        delete_streams(state, keyspace, workflow);
    } else {
        let is_gone =
            |stream: &Stream| stream.keyspace == *keyspace && stream.workflow == *workflow && shards.contains(&stream.shard);
        state.streams.retain(|stream| !is_gone(stream));
    }
    let summary = format!("Successfully cancelled the {workflow} workflow in the {keyspace} keyspace").into_bytes();
    Ok(Next::Done(data::WorkflowDeleteResponse { summary, details }.encode_to_vec()))
}
