//! A workflow as its calls find it: its streams, and where they lead.

use crate::sandbox::calls::messages::primaries_answer;
use crate::sandbox::refusal::{Answer, Refusal, refuse};
use crate::sandbox::state::State;
use crate::sandbox::traffic::Course;

/// Source, target and tables of a workflow.
///
/// # Errors
/// When it has no stream.
pub fn course(state: &State, keyspace: &str, workflow: &str) -> Answer<Course> {
    if !state.topology.keyspaces.contains_key(keyspace) {
        return Err(no_shards(keyspace));
    }
    primaries_answer(state, keyspace)?;
    let Some(stream) = state.streams_of(keyspace, workflow).next() else {
        return refuse!("no streams found in keyspace {keyspace} for {workflow}");
    };
    let mut tables: Vec<String> = stream.tables.iter().map(|(name, _)| name.clone()).collect();
    tables.sort();
    let source = stream.source_keyspace.clone();
    let course = Course { workflow: workflow.to_owned(), source, target: keyspace.to_owned(), tables };
    match course.target_without_keyspace(&state.topology) {
        Some(target) => refuse!("rule target is not correctly formatted: {target}"),
        None => Ok(course),
    }
}

/// A keyspace that doesn't exist, as etcd says it.
pub fn no_shards(keyspace: &str) -> Refusal {
    if keyspace.is_empty() {
        let why = "invalid keyspace name: UnescapeID err: invalid input identifier ''";
        return Refusal(format!("FindAllShardsInKeyspace() {why}"));
    }
    Refusal(format!("FindAllShardsInKeyspace({keyspace}): List: node doesn't exist: /vitess/global/keyspaces/{keyspace}/shards"))
}

/// The places of a workflow's streams.
pub fn places(state: &State, keyspace: &str, workflow: &str) -> Vec<usize> {
    let is_of = |place: &usize| state.streams[*place].keyspace == keyspace && state.streams[*place].workflow == workflow;
    (0..state.streams.len()).filter(is_of).collect()
}

/// With its VDiffs, once no shard has a stream of it any more.
pub fn delete_streams_of_shard(state: &mut State, keyspace: &str, workflow: &str, shard: &str) {
    state.streams.retain(|it| !(it.keyspace == keyspace && it.workflow == workflow && it.shard == shard));
    crate::sandbox::vdiff::delete_of_shard(state, keyspace, workflow, shard);
}

pub fn shard_names(state: &State, keyspace: &str) -> Vec<String> {
    let shards = state.topology.keyspaces.get(keyspace).map(|keyspace| keyspace.shards.as_slice()).unwrap_or_default();
    shards.iter().map(|shard| shard.name.clone()).collect()
}
