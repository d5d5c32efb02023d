//! VDiffs: rows of `_vt.vdiff` and `_vt.vdiff_table` on each target shard, and how they go on by themselves.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::calls::messages::{alias, go_alias};
use super::fault::When;
use super::ids::Ids;
use super::locks::{self, Holder};
use super::state::State;
use super::stream::State as StreamState;
use super::topology::{Kind, Tablet};
use super::{advance, trouble};

const BEGINS_AFTER: SignedDuration = SignedDuration::from_millis(500);
/// How long a new primary takes until it goes on with the VDiffs that it finds.
const NEW_PRIMARY_GOES_ON_AFTER: SignedDuration = SignedDuration::from_secs(5);
/// How long the streams of a shard stand still while a table's snapshots are opened.
const PREPARES_FOR: SignedDuration = SignedDuration::from_millis(200);
const TRIES_LOCK_EACH: SignedDuration = SignedDuration::from_millis(100);

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VDiff {
    pub id: u64,
    pub uuid: String,
    /// Which VDiffCreate made it.
    pub call_number: u64,
    pub keyspace: String,
    pub workflow: String,
    pub created_at: Timestamp,
    /// The tables that were asked for; none means all.
    pub tables: Vec<String>,
    /// How long it waits for streams and tablets; nothing is done in no time.
    pub waits_seconds: i64,
    pub shards: Vec<ShardDiff>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ShardDiff {
    pub id: u64,
    pub shard: String,
    pub state: Progress,
    pub last_error: String,
    pub started_at: Option<Timestamp>,
    pub completed_at: Option<Timestamp>,
    /// Known from the start on.
    pub tables: Vec<TableDiff>,
    pub stage: Stage,
    pub due: Option<Timestamp>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Progress {
    Pending,
    Started,
    Stopped,
    Completed,
    Error,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stage {
    Idle,
    Waiting,
    /// The table at this place; its shard's streams stand still.
    Preparing(usize),
    Comparing(usize, Timestamp),
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TableDiff {
    pub table: String,
    pub state: Progress,
    pub rows: u64,
    pub compared: u64,
    pub started_at: Option<Timestamp>,
    pub completed_at: Option<Timestamp>,
    pub matching: u64,
    pub mismatched: u64,
    pub extra_on_source: u64,
    pub extra_on_target: u64,
}

impl Progress {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Started => "started",
            Self::Stopped => "stopped",
            Self::Completed => "completed",
            Self::Error => "error",
        }
    }
}

impl TableDiff {
    fn new(table: &str) -> Self {
        Self {
            table: table.to_owned(),
            state: Progress::Pending,
            rows: 0,
            compared: 0,
            started_at: None,
            completed_at: None,
            matching: 0,
            mismatched: 0,
            extra_on_source: 0,
            extra_on_target: 0,
        }
    }

    pub fn has_mismatch(&self) -> bool {
        self.mismatched + self.extra_on_source + self.extra_on_target > 0
    }
}

/// What one is made with.
pub struct Wanted {
    pub starts: bool,
    pub tables: Vec<String>,
    pub waits_seconds: i64,
}

/// Begins one on every target shard of a workflow.
pub fn create(state: &mut State, keyspace: &str, workflow: &str, uuid: &str, wanted: Wanted) {
    let starts = wanted.starts;
    let mut shards: Vec<String> = state.streams_of(keyspace, workflow).map(|stream| stream.shard.clone()).collect();
    shards.sort();
    shards.dedup();
    let due = state.now + BEGINS_AFTER;
    let shards = shards.into_iter().map(|shard| ShardDiff {
        id: state.next_number(),
        shard,
        state: if starts { Progress::Pending } else { Progress::Stopped },
        last_error: String::new(),
        started_at: None,
        completed_at: None,
        tables: vec![],
        stage: if starts { Stage::Waiting } else { Stage::Idle },
        due: starts.then_some(due),
    });
    let shards = shards.collect();
    let vdiff = VDiff {
        id: state.next_number(),
        uuid: uuid.to_owned(),
        call_number: state.calls.get("VDiffCreate").copied().unwrap_or(0),
        keyspace: keyspace.to_owned(),
        workflow: workflow.to_owned(),
        created_at: state.now,
        tables: wanted.tables,
        waits_seconds: wanted.waits_seconds,
        shards,
    };
    state.vdiffs.push(vdiff);
}

/// Stops what is not over. Its shards' streams go on.
pub fn stop(state: &mut State, place: usize) {
    let Some(vdiff) = state.vdiffs.get(place) else { return };
    for at in 0..vdiff.shards.len() {
        stop_shard(state, place, at);
    }
}

fn stop_shard(state: &mut State, place: usize, at: usize) {
    let Some(vdiff) = state.vdiffs.get_mut(place) else { return };
    let (keyspace, workflow) = (vdiff.keyspace.clone(), vdiff.workflow.clone());
    let shard = &mut vdiff.shards[at];
    if !matches!(shard.state, Progress::Pending | Progress::Started) {
        return;
    }
    let (name, id) = (shard.shard.clone(), shard.id);
    let holds_streams = matches!(shard.stage, Stage::Preparing(_));
    shard.state = Progress::Stopped;
    for table in shard.tables.iter_mut().filter(|table| table.state == Progress::Started) {
        table.state = Progress::Stopped;
    }
    shard.stage = Stage::Idle;
    shard.due = None;
    state.locks.give_back(&Holder::VDiff(id));
    if holds_streams {
        streams_go_on(state, &keyspace, &workflow, &name, id);
    }
}

/// Goes on with one that was stopped or has completed; all its tables are compared anew.
pub fn resume(state: &mut State, place: usize) {
    let due = state.now + BEGINS_AFTER;
    if let Some(vdiff) = state.vdiffs.get_mut(place) {
        for shard in &mut vdiff.shards {
            shard.state = Progress::Pending;
            shard.tables.clear();
            shard.completed_at = None;
            shard.stage = Stage::Waiting;
            shard.due = Some(due);
        }
    }
}

/// What goes with a workflow.
pub fn delete_of(state: &mut State, keyspace: &str, workflow: &str) {
    for place in (0..state.vdiffs.len()).rev() {
        if state.vdiffs[place].keyspace == keyspace && state.vdiffs[place].workflow == workflow {
            stop(state, place);
            state.vdiffs.remove(place);
        }
    }
}

/// What goes with the streams of one shard: its rows are on that shard's primary.
pub fn delete_of_shard(state: &mut State, keyspace: &str, workflow: &str, shard: &str) {
    for place in (0..state.vdiffs.len()).rev() {
        if state.vdiffs[place].keyspace != keyspace || state.vdiffs[place].workflow != workflow {
            continue;
        }
        for at in (0..state.vdiffs[place].shards.len()).rev() {
            if state.vdiffs[place].shards[at].shard == shard {
                stop_shard(state, place, at);
                state.vdiffs[place].shards.remove(at);
            }
        }
        if state.vdiffs[place].shards.is_empty() {
            state.vdiffs.remove(place);
        }
    }
}

/// A new primary goes on with what it finds begun. Streams that stood still for it stand until then.
pub fn primary_is_another(state: &mut State, keyspace: &str, shard: &str) {
    let due = state.now + NEW_PRIMARY_GOES_ON_AFTER;
    let mut let_go = Vec::new();
    for vdiff in state.vdiffs.iter_mut().filter(|vdiff| vdiff.keyspace == keyspace) {
        for found in vdiff.shards.iter_mut().filter(|found| found.shard == shard) {
            if !matches!(found.state, Progress::Pending | Progress::Started) {
                continue;
            }
            for table in found.tables.iter_mut().filter(|table| table.state == Progress::Started) {
                table.state = Progress::Pending;
            }
            found.stage = Stage::Waiting;
            found.due = Some(due);
            let_go.push(Holder::VDiff(found.id));
        }
    }
    let_go.iter().for_each(|holder| state.locks.give_back(holder));
}

pub fn next_due(state: &State) -> Option<Timestamp> {
    state.vdiffs.iter().flat_map(|vdiff| &vdiff.shards).filter_map(|shard| shard.due).min()
}

/// Brings the counts of what is being compared to now.
pub fn flow(state: &mut State) {
    let (now, speed) = (state.now, state.description.speed.vdiff_rows_per_second);
    for shard in state.vdiffs.iter_mut().flat_map(|vdiff| &mut vdiff.shards) {
        if let Stage::Comparing(at, since) = shard.stage
            && let Some(table) = shard.tables.get_mut(at)
        {
            let milliseconds = u64::try_from(now.duration_since(since).as_millis()).unwrap_or(0);
            // vttablet writes it down each 10,000 rows.
            table.compared = (milliseconds * speed / 1000).min(table.rows) / 10_000 * 10_000;
        }
    }
}

/// Does what is due.
pub fn step(state: &mut State) {
    for place in 0..state.vdiffs.len() {
        for at in 0..state.vdiffs[place].shards.len() {
            while state.vdiffs[place].shards[at].due.is_some_and(|due| due <= state.now) {
                step_shard(state, place, at);
            }
        }
    }
}

fn step_shard(state: &mut State, place: usize, at: usize) {
    let now = state.now;
    let vdiff = state.vdiffs[place].clone();
    let mut shard = vdiff.shards[at].clone();
    let (keyspace, workflow) = (vdiff.keyspace.as_str(), vdiff.workflow.as_str());
    match shard.stage {
        Stage::Idle => shard.due = None,
        Stage::Waiting => {
            if shard.tables.is_empty() {
                let stream = state.streams_of(keyspace, workflow).find(|stream| stream.shard == shard.shard);
                let mut tables: Vec<String> =
                    stream.map(|stream| stream.tables.iter().map(|(name, _)| name.clone()).collect()).unwrap_or_default();
                tables.retain(|name| vdiff.tables.is_empty() || vdiff.tables.contains(name));
                if tables.is_empty() && !vdiff.tables.is_empty() {
                    let tablet = state.topology.primary_of(keyspace, &shard.shard).map(|tablet| go_alias(&alias(tablet)));
                    let tablet = tablet.unwrap_or_default();
                    let absent = vdiff.tables.join(" ");
                    shard.last_error = format!("buildPlan: no tables found to diff, absent:[{absent}], on tablet {tablet}");
                    fail(&mut shard);
                    state.vdiffs[place].shards[at] = shard;
                    return;
                }
                shard.tables = tables.iter().map(|name| TableDiff::new(name)).collect();
                let target = state.topology.keyspaces.get(keyspace);
                for table in &mut shard.tables {
                    let here = target.and_then(|target| target.shard(&shard.shard)?.tables.get(&table.table));
                    table.rows = target.zip(here).map_or(0, |(target, here)| here.count(target.share(&shard.shard)));
                }
                shard.state = Progress::Started;
                shard.started_at = Some(now);
            }
            match shard.tables.iter().position(|table| table.state != Progress::Completed) {
                None => {
                    shard.state = Progress::Completed;
                    shard.completed_at = Some(now);
                    shard.stage = Stage::Idle;
                    shard.due = None;
                }
                Some(next) => {
                    if let Some(until) = trouble::vdiffs_stand_until(state) {
                        shard.due = Some(until);
                        state.vdiffs[place].shards[at] = shard;
                        return;
                    }
                    if let Some(words) = trouble::vdiff_error(state, vdiff.call_number, &shard.tables[next].table) {
                        shard.last_error = words;
                        shard.tables[next].state = Progress::Error;
                        fail(&mut shard);
                        state.vdiffs[place].shards[at] = shard;
                        return;
                    }
                    let lock = locks::of_workflow(keyspace, workflow);
                    if state.locks.take(&lock, &Holder::VDiff(shard.id), "vdiff", locks::NAMED_LEASE, now) {
                        let step = Befall {
                            number: vdiff.call_number,
                            name: "stop-streams",
                            place: &format!("{keyspace}/{}", shard.shard),
                        };
                        if let Some(words) = step.befalls(state, When::Before) {
                            state.locks.give_back(&Holder::VDiff(shard.id));
                            shard.last_error = words;
                            fail(&mut shard);
                            state.vdiffs[place].shards[at] = shard;
                            return;
                        }
                        // A new primary begins it anew.
                        if state.vdiffs[place].shards[at] != vdiff.shards[at] {
                            return;
                        }
                        shard.tables[next].state = Progress::Started;
                        shard.tables[next].started_at = Some(now);
                        for stream in state.streams_of_mut(keyspace, workflow).filter(|stream| stream.shard == shard.shard) {
                            stream.state = StreamState::Stopped;
                            "for vdiff".clone_into(&mut stream.message);
                        }
                        shard.stage = Stage::Preparing(next);
                        shard.due = Some(now + PREPARES_FOR);
                        // It is written down before anything befalls: that may be a new primary, which begins it anew.
                        state.vdiffs[place].shards[at] = shard;
                        step.befalls(state, When::After);
                        return;
                    } else {
                        shard.due = Some(now + TRIES_LOCK_EACH);
                    }
                }
            }
        }
        Stage::Preparing(table) => {
            let step = Befall { number: vdiff.call_number, name: "start-streams", place: &format!("{keyspace}/{}", shard.shard) };
            step.befalls(state, When::Before);
            // A new primary begins it anew.
            if state.vdiffs[place].shards[at].stage != shard.stage {
                return;
            }
            streams_go_on(state, keyspace, workflow, &shard.shard, shard.id);
            step.befalls(state, When::After);
            if state.vdiffs[place].shards[at].stage != shard.stage {
                return;
            }
            if vdiff.waits_seconds == 0 {
                shard.last_error = format!(
                    "WaitForPosition for tablet {}: rpc error: code = DeadlineExceeded desc = context deadline exceeded",
                    source_replica(state, keyspace, workflow, &shard.shard)
                );
                shard.tables[table].state = Progress::Error;
                fail(&mut shard);
                state.vdiffs[place].shards[at] = shard;
                return;
            }
            compare(state, keyspace, workflow, &shard.shard, &mut shard.tables[table]);
            let milliseconds = shard.tables[table].rows * 1000 / state.description.speed.vdiff_rows_per_second.max(1);
            shard.stage = Stage::Comparing(table, now);
            shard.due = Some(now + SignedDuration::from_millis(i64::try_from(milliseconds).unwrap_or(i64::MAX)));
        }
        Stage::Comparing(table, _) => {
            let done = &mut shard.tables[table];
            done.state = Progress::Completed;
            done.completed_at = Some(now);
            done.compared = done.matching + done.mismatched + done.extra_on_source + done.extra_on_target;
            shard.stage = Stage::Waiting;
            shard.due = Some(now);
        }
    }
    state.vdiffs[place].shards[at] = shard;
}

/// The tablet that it reads the source's rows from.
fn source_replica(state: &State, keyspace: &str, workflow: &str, shard: &str) -> String {
    let Some(stream) = state.streams_of(keyspace, workflow).find(|stream| stream.shard == shard) else { return String::new() };
    let is_one = |tablet: &&Tablet| {
        tablet.keyspace == stream.source_keyspace && tablet.shard == stream.source_shard && tablet.kind == Kind::Replica
    };
    state.topology.tablets.iter().find(is_one).map(Tablet::alias).unwrap_or_default()
}

fn fail(shard: &mut ShardDiff) {
    shard.state = Progress::Error;
    shard.stage = Stage::Idle;
    shard.due = None;
}

/// A step of its own that something may befall.
struct Befall<'a> {
    number: u64,
    name: &'static str,
    place: &'a str,
}

impl Befall<'_> {
    fn befalls(&self, state: &mut State, when: When) -> Option<String> {
        super::operation::befall_vdiff(state, self.number, self.name, self.place, when)
    }
}

/// Whatever they are: a stream that was frozen meanwhile runs again.
fn streams_go_on(state: &mut State, keyspace: &str, workflow: &str, shard: &str, id: u64) {
    state.locks.give_back(&Holder::VDiff(id));
    for place in 0..state.streams.len() {
        let stream = &mut state.streams[place];
        if stream.keyspace == keyspace && stream.workflow == workflow && stream.shard == shard && stream.message == "for vdiff" {
            stream.message.clear();
            advance::start(state, place);
        }
    }
}

/// What it will have found: both sides are seen at one moment, the one of their snapshots.
fn compare(state: &State, keyspace: &str, workflow: &str, shard: &str, diff: &mut TableDiff) {
    let Some(target) = state.topology.keyspaces.get(keyspace) else { return };
    let share = target.share(shard);
    let Some(here) = target.shard(shard).and_then(|shard| shard.tables.get(&diff.table)) else { return };
    let mut there = Ids::default();
    for stream in state.streams_of(keyspace, workflow).filter(|stream| stream.shard == shard) {
        let source = state.topology.keyspaces.get(&stream.source_keyspace);
        let table = source.and_then(|source| source.shard(&stream.source_shard)?.tables.get(&diff.table));
        if let Some(table) = table {
            let later = state.application.taken_after(&stream.source_keyspace, &diff.table, stream.applied_until);
            there.add(&table.rows.without(&later));
        }
    }
    // What the description makes differ differs on the first shard.
    let (mismatched, missing, extra) = if share.index == 0 { trouble::differences(state, &diff.table) } else { (0, 0, 0) };
    let strays = here.strays.len() as u64;
    let both = there.both(&here.rows).count(share);
    diff.mismatched = mismatched.min(both);
    diff.extra_on_source = there.without(&here.rows).count(share) + missing.min(both - diff.mismatched);
    diff.matching = both - diff.mismatched - missing.min(both - diff.mismatched);
    diff.extra_on_target = here.rows.without(&there).count(share) + strays + extra;
    diff.rows = here.count(share);
}
