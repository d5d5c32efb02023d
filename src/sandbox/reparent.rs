//! A shard gets another primary, and what streams go through meanwhile (experiments.md, Others).

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::state::State;
use super::topology::Kind;
use super::{advance, vdiff};

/// How long streams that read from the old primary are in error.
const STREAMS_ARE_IN_ERROR_FOR: SignedDuration = SignedDuration::from_secs(6);
const WORDS: &str = "vttablet: rpc error: code = FailedPrecondition desc = wrong tablet type: REPLICA, want: PRIMARY or []";

/// The last time that a shard got another primary.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reparented {
    pub at: Timestamp,
    /// Among all that was given a number.
    pub number: u64,
    /// The uid of the one before.
    pub former: u32,
}

/// The first replica becomes the primary, and the primary a replica. Without a replica nothing happens.
pub fn reparent(state: &mut State, keyspace: &str, shard: &str) {
    let of_shard = |tablet: &&mut super::topology::Tablet| tablet.keyspace == keyspace && tablet.shard == shard;
    let next = state.topology.tablets.iter_mut().filter(of_shard).find(|tablet| tablet.kind == Kind::Replica && !tablet.is_down);
    let Some(next) = next else { return };
    next.kind = Kind::Primary;
    let uid = next.uid;
    let (now, number) = (state.now, state.next_number());
    let Some(there) = state.topology.keyspaces.get_mut(keyspace).and_then(|it| it.shard_mut(shard)) else { return };
    let former = std::mem::replace(&mut there.primary, uid);
    there.reparented = Some(Reparented { at: now, number, former });
    // Who becomes a primary reads the topology.
    there.refresh();
    if let Some(tablet) = state.topology.tablets.iter_mut().find(|tablet| tablet.uid == former) {
        tablet.kind = Kind::Replica;
    }
    for place in 0..state.streams.len() {
        let stream = &state.streams[place];
        let reads_from = stream.source_keyspace == keyspace && stream.source_shard == shard;
        let is_there = stream.keyspace == keyspace && stream.shard == shard;
        if (reads_from || is_there) && stream.is_running() && stream.error.is_none() {
            advance::fall(state, place, WORDS);
            state.streams[place].error_passes_at = Some(now + STREAMS_ARE_IN_ERROR_FOR);
        }
    }
    vdiff::primary_is_another(state, keyspace, shard);
}

pub fn next_due(state: &State) -> Option<Timestamp> {
    state.streams.iter().filter_map(|stream| stream.error_passes_at).min()
}

/// Streams whose error has passed go on.
pub fn pass(state: &mut State) {
    for place in 0..state.streams.len() {
        if state.streams[place].error_passes_at.is_some_and(|at| at <= state.now) {
            state.streams[place].error_passes_at = None;
            advance::recover(state, place);
        }
    }
}
