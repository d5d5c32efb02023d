//! Time goes on: what flows is brought to a moment, what is due then happens, in order.

use jiff::{SignedDuration, Timestamp};

use super::ids::Ids;
use super::state::{ChangeByHand, State};
use super::stream::{BEGINS_AFTER_MILLISECONDS, Stage, State as StreamState, Stream};
use super::table::Table;
use super::{operation, reparent, trouble, vdiff};

/// Brings everything to a moment. One in the past changes nothing.
pub fn advance(state: &mut State, to: Timestamp) {
    while let Some(due) = next_due(state).filter(|due| *due <= to) {
        flow(state, due.max(state.now));
        happen(state);
    }
    flow(state, to.max(state.now));
}

/// When the next thing happens by itself.
pub fn next_due(state: &State) -> Option<Timestamp> {
    let of_streams = state.streams.iter().filter_map(|stream| stream.due).min();
    let others = [vdiff::next_due(state), operation::next_due(state), trouble::next_due(state), reparent::next_due(state)];
    let buffered = state.application.next_due(state.now);
    others.into_iter().chain([of_streams, buffered]).flatten().min()
}

fn flow(state: &mut State, to: Timestamp) {
    state.now = to;
    state.application.write_until(&mut state.topology, to);
    for place in 0..state.streams.len() {
        replicate(state, place);
    }
    vdiff::flow(state);
}

fn happen(state: &mut State) {
    trouble::happen(state);
    reparent::pass(state);
    for place in 0..state.streams.len() {
        if state.streams[place].due.is_some_and(|due| due <= state.now) {
            move_on(state, place);
        }
    }
    vdiff::step(state);
    operation::step(state);
    // What was held back is taken at the moment at which somebody takes it.
    state.application.write_until(&mut state.topology, state.now);
}

/// Starts a stream, or lets it go on.
pub fn start(state: &mut State, place: usize) {
    let now = state.now;
    if state.is_past_its_journal(place) {
        finds_journal(state, place);
        return;
    }
    let stream = &mut state.streams[place];
    stream.state = StreamState::Running;
    if stream.error.is_some() {
        return;
    }
    stream.due = match &mut stream.stage {
        Stage::New => Some(now + SignedDuration::from_millis(BEGINS_AFTER_MILLISECONDS)),
        Stage::Copying { since, .. } => {
            *since = now;
            let end = end_of_table(state, place);
            state.streams[place].due = Some(end);
            return;
        }
        Stage::Replicating => None,
    };
}

/// A stream that is started past the journal of its own switch reads that journal, and makes itself anew as a stream from the target
/// to the target (vitessio/vitess#19680; experiments.md, Dangerous answers).
fn finds_journal(state: &mut State, place: usize) {
    let stream = &mut state.streams[place];
    stream.source_keyspace.clone_from(&stream.keyspace);
    stream.state = StreamState::Error;
    stream.due = None;
    "terminal error: vttablet: Duplicate entry for key 'PRIMARY' (errno 1062) (sqlstate 23000)".clone_into(&mut stream.message);
}

pub fn stop(state: &mut State, place: usize) {
    let copied = copied_of_table(state, place);
    let now = state.now;
    let stream = &mut state.streams[place];
    if let Stage::Copying { since, copied: at, .. } = &mut stream.stage {
        *at = copied;
        *since = now;
    }
    stream.state = StreamState::Stopped;
    stream.due = None;
}

/// A running stream falls into an error, and does nothing until it recovers.
pub fn fall(state: &mut State, place: usize, message: &str) {
    let copied = copied_of_table(state, place);
    let now = state.now;
    let stream = &mut state.streams[place];
    if let Stage::Copying { since, copied: at, .. } = &mut stream.stage {
        *at = copied;
        *since = now;
    }
    stream.due = None;
    stream.error = Some(message.to_owned());
    message.clone_into(&mut stream.message);
}

/// An error has passed: the stream goes on, unless somebody has stopped it since.
pub fn recover(state: &mut State, place: usize) {
    let now = state.now;
    let stream = &mut state.streams[place];
    let Some(error) = stream.error.take() else { return };
    if stream.message == error {
        stream.message.clear();
    }
    stream.updated_at = now;
    if stream.is_running() {
        start(state, place);
    }
}

/// The rows of the source that a stream has to copy of a table.
fn source_rows(state: &State, stream: &Stream, table: &str) -> Ids {
    let source = state.topology.keyspaces.get(&stream.source_keyspace);
    let rows = source.and_then(|source| Some(source.shard(&stream.source_shard)?.tables.get(table)?.all_rows()));
    rows.unwrap_or_default()
}

/// How many rows of the table that is being copied there are for this stream.
pub fn total_of_table(state: &State, stream: &Stream, table: &str) -> u64 {
    let Some(target) = state.topology.keyspaces.get(&stream.keyspace) else { return 0 };
    source_rows(state, stream, table).count(target.share(&stream.shard))
}

fn copied_of_table(state: &State, place: usize) -> u64 {
    let stream = &state.streams[place];
    let Stage::Copying { left, since, copied } = &stream.stage else { return 0 };
    let Some(table) = left.first() else { return 0 };
    if !stream.is_running() || stream.error.is_some() {
        return *copied;
    }
    let milliseconds = u64::try_from(state.now.duration_since(*since).as_millis()).unwrap_or(0);
    let rows = milliseconds.saturating_mul(state.description.speed.copy_rows_per_second) / 1000;
    (copied + rows).min(total_of_table(state, stream, table))
}

fn end_of_table(state: &State, place: usize) -> Timestamp {
    let stream = &state.streams[place];
    let Stage::Copying { left, since, copied } = &stream.stage else { return state.now };
    let total = left.first().map_or(0, |table| total_of_table(state, stream, table));
    let milliseconds = total.saturating_sub(*copied).saturating_mul(1000) / state.description.speed.copy_rows_per_second.max(1);
    since.saturating_add(SignedDuration::from_millis(i64::try_from(milliseconds).unwrap_or(i64::MAX))).unwrap_or(Timestamp::MAX)
}

/// Brings what a stream has copied or applied to now.
fn replicate(state: &mut State, place: usize) {
    let stream = &state.streams[place];
    let stands = state.topology.primary_of(&stream.keyspace, &stream.shard).is_some_and(|tablet| tablet.is_down);
    if !stream.is_running() || stream.error.is_some() || stands {
        return;
    }
    match &stream.stage {
        Stage::New => {}
        Stage::Copying { left, .. } => {
            let Some(table) = left.first().cloned() else { return };
            let copied = copied_of_table(state, place);
            let stream = &state.streams[place];
            let Some(target) = state.topology.keyspaces.get(&stream.keyspace) else { return };
            let rows = source_rows(state, stream, &table).prefix(target.share(&stream.shard), copied);
            let before = already_copied(state, place);
            deliver(state, place, &table, &rows);
            let stream = &mut state.streams[place];
            stream.rows_copied = before + copied;
            stream.updated_at = state.now;
            stream.applied_until = state.now;
        }
        Stage::Replicating => {
            if trouble::was_throttled(state, &stream.keyspace) {
                state.streams[place].updated_at = state.now;
                return;
            }
            let until = state.now - trouble::lag(state, &stream.keyspace);
            apply_until(state, place, until);
            state.streams[place].updated_at = state.now;
        }
    }
}

/// Rows of the tables that are done.
fn already_copied(state: &State, place: usize) -> u64 {
    let stream = &state.streams[place];
    let Stage::Copying { left, .. } = &stream.stage else { return stream.rows_copied };
    let done = stream.tables.iter().filter(|(name, _)| !left.contains(name));
    done.map(|(name, _)| total_of_table(state, stream, name)).sum()
}

/// Applies what the source wrote from where the stream is until a moment.
pub fn apply_until(state: &mut State, place: usize, until: Timestamp) {
    let from = state.streams[place].applied_until;
    if let Some(table) = written_and_gone(state, place, from.max(until)) {
        let stream = &mut state.streams[place];
        stream.state = StreamState::Error;
        stream.message = format!(
            "terminal error: vttablet: Table 'vt_{}.{table}' doesn't exist (errno 1146) (sqlstate 42S02)",
            stream.keyspace
        );
        return;
    }
    let stream = &mut state.streams[place];
    stream.applied_until = from.max(until);
    let stream = stream.clone();
    for (table, _) in &stream.tables {
        if state.application.writers.get(table).is_some_and(|writer| writer.twice > 0) {
            let stream = &mut state.streams[place];
            stream.state = StreamState::Error;
            stream.message =
                format!("terminal error: vttablet: Duplicate entry for key '{table}.PRIMARY' (errno 1062) (sqlstate 23000)");
            return;
        }
        let by_hand: Vec<ChangeByHand> = changes_by_hand(state, &stream, table, from, stream.applied_until).cloned().collect();
        for change in by_hand {
            let row = Ids::range(change.number, change.number);
            if change.is_put {
                deliver(state, place, table, &row);
            } else if let Some(table) = target_table(state, place, table) {
                table.take_away(change.number);
            }
        }
        let since = state.application.taken_after(&stream.source_keyspace, table, from);
        let later = state.application.taken_after(&stream.source_keyspace, table, stream.applied_until);
        deliver(state, place, table, &since.without(&later));
    }
}

/// A table that its source has written to meanwhile and that is not there, as when a completion has renamed it: Vitess does not try
/// such a row again (`isUnrecoverableError`, go/vt/vttablet/tabletmanager/vreplication/utils.go).
fn written_and_gone(state: &State, place: usize, until: Timestamp) -> Option<String> {
    let stream = &state.streams[place];
    let there = state.topology.keyspaces.get(&stream.keyspace)?.shard(&stream.shard)?;
    let is_written = |table: &str| {
        let since = state.application.taken_after(&stream.source_keyspace, table, stream.applied_until);
        let later = state.application.taken_after(&stream.source_keyspace, table, until);
        !since.without(&later).is_empty() || changes_by_hand(state, stream, table, stream.applied_until, until).next().is_some()
    };
    let mut gone = stream.tables.iter().map(|(table, _)| table).filter(|table| !there.tables.contains_key(*table));
    gone.find(|table| is_written(table)).cloned()
}

fn changes_by_hand<'s>(
    state: &'s State,
    stream: &'s Stream,
    table: &'s str,
    from: Timestamp,
    until: Timestamp,
) -> impl Iterator<Item = &'s ChangeByHand> {
    state.changes_by_hand.iter().filter(move |change| {
        change.keyspace == stream.source_keyspace && change.table == table && change.at > from && change.at <= until
    })
}

/// All rows that the source has now.
fn deliver_all(state: &mut State, place: usize) {
    let stream = state.streams[place].clone();
    for (table, _) in &stream.tables {
        let rows = source_rows(state, &stream, table);
        deliver(state, place, table, &rows);
    }
}

fn target_table<'s>(state: &'s mut State, place: usize, table: &str) -> Option<&'s mut Table> {
    let stream = &state.streams[place];
    state.topology.keyspaces.get_mut(&stream.keyspace)?.shard_mut(&stream.shard)?.tables.get_mut(table)
}

fn deliver(state: &mut State, place: usize, table: &str, rows: &Ids) {
    if let Some(table) = target_table(state, place, table) {
        table.rows.add(rows);
    }
}

/// A stream's stage is over.
fn move_on(state: &mut State, place: usize) {
    let now = state.now;
    let stream = &mut state.streams[place];
    stream.due = None;
    match &mut stream.stage {
        Stage::New => {
            let left: Vec<String> = stream.tables.iter().map(|(name, _)| name.clone()).collect();
            stream.stage = Stage::Copying { left, since: now, copied: 0 };
            let end = end_of_table(state, place);
            state.streams[place].due = Some(end);
        }
        Stage::Copying { left, since, copied } => {
            let done = (!left.is_empty()).then(|| left.remove(0));
            *since = now;
            *copied = 0;
            let is_last = left.is_empty();
            if let Some(table) = done {
                let of_table = state.streams[place].clone();
                let rows = source_rows(state, &of_table, &table);
                deliver(state, place, &table, &rows);
            }
            if !is_last {
                let end = end_of_table(state, place);
                state.streams[place].due = Some(end);
                return;
            }
            let total = state.streams[place].tables.clone();
            let total: u64 = total.iter().map(|(table, _)| total_of_table(state, &state.streams[place], table)).sum();
            let stream = &mut state.streams[place];
            stream.rows_copied = total;
            stream.stage = Stage::Replicating;
            stream.applied_until = now;
            if stream.settings.stop_after_copy {
                stream.state = StreamState::Stopped;
                "Stopped after copy.".clone_into(&mut stream.message);
            }
            // What came to the tables that were done before the last one.
            deliver_all(state, place);
        }
        Stage::Replicating => {}
    }
}
