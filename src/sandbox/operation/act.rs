//! What each micro-step does to the state.

use jiff::SignedDuration;

use super::step::{Act, Change, Step};
use super::workflow::places;
use super::{Operation, Work, complete, create, sequences};
use crate::sandbox::advance;
use crate::sandbox::calls::messages::said_by;
use crate::sandbox::calls::workflows::position_at;
use crate::sandbox::calls::{controls, update};
use crate::sandbox::locks::{self, Holder};
use crate::sandbox::refusal::{Answer, Refusal, refuse};
use crate::sandbox::state::{Journal, State};
use crate::sandbox::stream::{Stage, State as StreamState};
use crate::sandbox::traffic::Course;

/// How often a taken lock is looked at again.
const TRIES_LOCK_EACH: SignedDuration = SignedDuration::from_millis(200);
const LOOKS_EACH: SignedDuration = SignedDuration::from_millis(100);
/// WaitForPos looks each second, and a stream saves a position that doesn't concern it a second later (experiments.md, Calm).
const CATCHES_UP: SignedDuration = SignedDuration::from_millis(2000);

/// What became of a step.
pub enum Did {
    It,
    /// It waits: to be tried again after so much time.
    NotYet(SignedDuration),
    /// It did nothing but find out what follows.
    Found(Vec<Step>),
}

pub fn perform(state: &mut State, operation: &mut Operation, act: &Act) -> Answer<Did> {
    let course = operation.course.clone().unwrap_or_default();
    if let Some((keyspace, shard, call)) = asks_primary(act, &course) {
        answers(state, operation, keyspace, shard, call)?;
    }
    match act {
        Act::LockWorkflow { keyspace, workflow, action } => {
            return lock(state, operation, locks::of_workflow(keyspace, workflow), action, locks::NAMED_LEASE);
        }
        Act::LockKeyspace { keyspace, action, lease } => {
            return lock(state, operation, locks::of_keyspace(keyspace), action, *lease);
        }
        Act::UnlockKeyspaces => state.locks.give_back_keyspaces(&operation.holder()),
        Act::Look => return operation.look(state).map(Did::Found),
        Act::Refuse(words) => return Err(Refusal(words.clone())),
        Act::Deny { keyspace, shard } => {
            has_lock(state, operation, keyspace)?;
            if let Some(shard) = shard_mut(state, keyspace, shard) {
                shard.deny(&course.tables);
            }
        }
        Act::Allow { keyspace, shard } => {
            has_lock(state, operation, keyspace)?;
            if let Some(shard) = shard_mut(state, keyspace, shard) {
                shard.allow(&course.tables);
            }
        }
        Act::Refresh { keyspace, shard } => refresh(state, keyspace, shard)?,
        Act::Control => {
            if let Work::Control(request) = &operation.work {
                controls::set(state, request)?;
            }
        }
        Act::ChangeRules(change) => change_rules(state, &course, change),
        Act::Rebuild { cell } => crate::sandbox::calls::rules::rebuild_cells(state, std::slice::from_ref(cell))?,
        Act::AddToVSchema => operation.added = create::add_to_vschema(state, &course),
        Act::ForgetInVSchema { keyspace } => forget_in_vschema(state, keyspace, &course.tables),
        Act::RestoreVSchema { added } => forget_in_vschema(state, &course.target, added),
        Act::NameSequences => {
            if let Work::Create(request) = &operation.work {
                create::name_sequences(state, request, &course);
            }
        }
        Act::MakeTables { shard } => {
            if let Work::Create(request) = &operation.work {
                create::make_tables(state, request, &course, shard);
            }
        }
        // One that is not there any more is no mistake.
        Act::DropTable { keyspace, shard, table } => {
            shard_mut(state, keyspace, shard).and_then(|shard| shard.tables.remove(table));
        }
        Act::RenameTable { shard, table } => rename(state, &course, shard, table)?,
        Act::MakeStreams { shard, settings } => {
            for from in super::workflow::shard_names(state, &course.source) {
                create::make_stream(state, &course, shard, &from, settings, false);
            }
        }
        Act::MakeReverseStream { shard, from } => make_reverse(state, &course, shard, from),
        Act::StartStreams { keyspace, shard, workflow } => {
            let is_new = matches!(operation.work, Work::Create(_));
            start(state, keyspace, shard, workflow, is_new);
        }
        Act::StopStreams { shard } => stop(state, &course, shard),
        Act::DeleteStreams { keyspace, shard, workflow } => {
            super::workflow::delete_streams_of_shard(state, keyspace, workflow, shard);
        }
        Act::RestartStreams { shard } => {
            for place in places_of_shard(state, &course.target, &course.workflow, shard) {
                state.streams[place].message.clear();
                state.streams[place].settings.is_respelled = true;
                advance::start(state, place);
            }
        }
        Act::FreezeStreams { shard } => {
            for place in places_of_shard(state, &course.target, &course.workflow, shard) {
                let stream = &mut state.streams[place];
                stream.state = StreamState::Stopped;
                "FROZEN".clone_into(&mut stream.message);
            }
        }
        Act::UpdateStreams { shard } => {
            if let Work::Update(request, done) = &mut operation.work {
                update::update_shard(state, request, shard, done);
            }
        }
        Act::LockTables { .. } => {
            if state.write_locks(&course.source, &course.tables).next().is_some() {
                return Ok(Did::NotYet(LOOKS_EACH));
            }
        }
        Act::GatherPositions { .. } => operation.positions_at = Some(state.now),
        Act::CatchUp { shard, from } => return catch_up(state, operation, &course, shard, from),
        Act::InitializeSequences => sequences::initialize(state, &course),
        Act::Journal { shard } => journal(state, &course, shard),
    }
    Ok(Did::It)
}

/// Whose MySQL or vreplication a step needs, and by which call of the tablet manager.
fn asks_primary<'a>(act: &'a Act, course: &'a Course) -> Option<(&'a str, &'a str, &'static str)> {
    match act {
        Act::DropTable { keyspace, shard, .. } => Some((keyspace, shard, "ExecuteFetchAsDba")),
        Act::RenameTable { shard, .. } | Act::LockTables { shard } => Some((&course.source, shard, "ExecuteFetchAsDba")),
        Act::MakeTables { shard } => Some((&course.target, shard, "ApplySchema")),
        Act::MakeStreams { shard, .. } => Some((&course.target, shard, "CreateVReplicationWorkflow")),
        Act::StopStreams { shard } => Some((&course.target, shard, "UpdateVReplicationWorkflow")),
        Act::RestartStreams { shard } | Act::FreezeStreams { shard } => Some((&course.target, shard, "VReplicationExec")),
        Act::MakeReverseStream { shard, .. } | Act::Journal { shard } => Some((&course.source, shard, "VReplicationExec")),
        Act::GatherPositions { shard } => Some((&course.source, shard, "PrimaryPosition")),
        Act::CatchUp { shard, .. } => Some((&course.target, shard, "VReplicationWaitForPos")),
        Act::StartStreams { keyspace, shard, .. } | Act::DeleteStreams { keyspace, shard, .. } => {
            Some((keyspace, shard, "VReplicationExec"))
        }
        _ => None,
    }
}

/// vtctld goes on to ask the tablet that was the primary when the call began.
fn answers(state: &State, operation: &Operation, keyspace: &str, shard: &str, call: &str) -> Answer<()> {
    let there = state.topology.keyspaces.get(keyspace).and_then(|it| it.shard(shard));
    if let Some(change) = there.and_then(|shard| shard.reparented.as_ref()).filter(|change| change.number > operation.saw) {
        let alias = state.topology.tablet(change.former).map(crate::sandbox::topology::Tablet::alias).unwrap_or_default();
        return Err(Refusal(said_by("Unavailable", call, &alias, "vreplication engine is closed")));
    }
    match state.topology.primary_of(keyspace, shard) {
        Some(tablet) if tablet.is_down => Err(Refusal(said_by("Unavailable", call, &tablet.alias(), "connection refused"))),
        _ => Ok(()),
    }
}

fn shard_mut<'s>(state: &'s mut State, keyspace: &str, shard: &str) -> Option<&'s mut crate::sandbox::topology::Shard> {
    state.topology.keyspaces.get_mut(keyspace)?.shard_mut(shard)
}

fn places_of_shard(state: &State, keyspace: &str, workflow: &str, shard: &str) -> Vec<usize> {
    let mut places = places(state, keyspace, workflow);
    places.retain(|place| state.streams[*place].shard == shard);
    places
}

fn lock(state: &mut State, operation: &mut Operation, path: String, action: &str, lease: SignedDuration) -> Answer<Did> {
    if state.locks.take(&path, &operation.holder(), action, lease, state.now) {
        operation.waits_since = None;
        return Ok(Did::It);
    }
    let since = *operation.waits_since.get_or_insert(state.now);
    if state.now.duration_since(since) < locks::WAIT {
        return Ok(Did::NotYet(TRIES_LOCK_EACH));
    }
    refuse!("deadline exceeded: /vitess/global/{path}/locks")
}

/// `CheckKeyspaceLocked`
fn has_lock(state: &mut State, operation: &Operation, keyspace: &str) -> Answer<()> {
    let holder: Holder = operation.holder();
    if state.locks.check(&locks::of_keyspace(keyspace), &holder, state.now) {
        return Ok(());
    }
    refuse!("node doesn't exist: lease")
}

/// The check between the parts of a switch of writes.
pub fn has_locks(state: &mut State, operation: &Operation) -> Answer<()> {
    let course = operation.course.clone().unwrap_or_default();
    for keyspace in [&course.source, &course.target] {
        has_lock(state, operation, keyspace)
            .map_err(|refusal| refusal.within(&format!("locks were lost: {keyspace} keyspace lock was lost")))?;
    }
    Ok(())
}

/// Each tablet of a shard reads the topology anew (`RefreshTabletsByShard`).
pub fn refresh(state: &mut State, keyspace: &str, shard: &str) -> Answer<()> {
    let of_shard = |tablet: &&crate::sandbox::topology::Tablet| tablet.keyspace == keyspace && tablet.shard == shard;
    let down: Vec<String> = state.topology.tablets.iter().filter(of_shard).filter(|it| it.is_down).map(|it| it.alias()).collect();
    if let Some(found) = shard_mut(state, keyspace, shard) {
        found.refresh();
    }
    if down.is_empty() {
        return Ok(());
    }
    let details: Vec<String> = down.iter().map(|alias| format!("{alias}: connection refused")).collect();
    refuse!("failed to successfully refresh all tablets in the {keyspace}/{shard} shard (<nil>):\n  {}", details.join("\n  "))
}

fn change_rules(state: &mut State, course: &Course, change: &Change) {
    let rules = &mut state.topology.rules;
    match change {
        Change::LeadToSource => course.lead_to_source(rules),
        Change::SwitchReads { kinds, backward } => course.switch_reads(rules, kinds, *backward),
        Change::SwitchWrites => course.switch_writes(rules),
        Change::Remove => course.remove(rules),
        Change::Replace(new) => rules.clone_from(new),
    }
}

fn forget_in_vschema(state: &mut State, keyspace: &str, tables: &[String]) {
    if let Some(keyspace) = state.topology.keyspaces.get_mut(keyspace) {
        keyspace.vschema.tables.retain(|name, _| !tables.contains(name));
    }
}

fn rename(state: &mut State, course: &Course, shard: &str, table: &str) -> Answer<()> {
    let Some(shard) = shard_mut(state, &course.source, shard) else { return Ok(()) };
    let name = complete::renamed(table);
    if shard.tables.contains_key(&name) && shard.tables.contains_key(table) {
        return refuse!("Table '{name}' already exists (errno 1050) (sqlstate 42S01)");
    }
    if let Some(rows) = shard.tables.remove(table) {
        shard.tables.insert(name, rows);
    }
    Ok(())
}

fn make_reverse(state: &mut State, course: &Course, shard: &str, from: &str) {
    let reverse = Course {
        workflow: course.reverse_name(),
        source: course.target.clone(),
        target: course.source.clone(),
        tables: course.tables.clone(),
    };
    let settings = state.streams_of(&course.target, &course.workflow).next().map(|stream| stream.settings.clone());
    create::make_stream(state, &reverse, shard, from, &settings.unwrap_or_default(), true);
}

fn start(state: &mut State, keyspace: &str, shard: &str, workflow: &str, is_new: bool) {
    for place in places_of_shard(state, keyspace, workflow, shard) {
        advance::start(state, place);
        if is_new {
            // The update that starts them leaves out that the types are in order.
            state.streams[place].settings.in_order = false;
            state.streams[place].settings.is_respelled = true;
        }
    }
}

fn stop(state: &mut State, course: &Course, shard: &str) {
    for place in places_of_shard(state, &course.target, &course.workflow, shard) {
        advance::stop(state, place);
        let stream = &mut state.streams[place];
        stream.message.clear();
        // It is stopped without the words for "leave them": its cells and tablet types are gone.
        stream.settings.cells.clear();
        stream.settings.tablet_types.clear();
        stream.settings.in_order = false;
    }
}

fn journal(state: &mut State, course: &Course, shard: &str) {
    let numbered: Vec<(String, u64)> =
        state.streams_of(&course.target, &course.workflow).map(|stream| (stream.shard.clone(), stream.id)).collect();
    let pairs = numbered.iter().map(|(shard, id)| (shard.as_str(), i64::try_from(*id).unwrap_or(i64::MAX)));
    let journal = Journal {
        keyspace: course.source.clone(),
        shard: shard.to_owned(),
        workflow: course.workflow.clone(),
        streams: numbered.iter().map(|(_, id)| *id).collect(),
        id: crate::model::journal::id(&course.target, pairs),
    };
    if !state.journals.contains(&journal) {
        state.journals.push(journal);
    }
}

/// Whether a stream that was stopped for an earlier cutover is where its source is: nothing has written there since. Streams of the
/// way back are rows in the source's own database.
fn has_reached(state: &State, course: &Course, place: usize) -> bool {
    let stream = &state.streams[place];
    let last_write = state.application.last_write(&course.source, stream.names());
    stream.message == "stopped for cutover"
        && last_write.is_none_or(|at| at <= stream.applied_until)
        && state.streams_of(&course.source, &course.reverse_name()).all(|reverse| reverse.id <= stream.stopped_at_number)
}

fn catch_up(state: &mut State, operation: &Operation, course: &Course, shard: &str, from: &str) -> Answer<Did> {
    let timeout = operation.timeout();
    let waited = state.now.duration_since(operation.positions_at.unwrap_or(state.now));
    let lag = crate::sandbox::trouble::lag(state, &course.target);
    let mut places = places(state, &course.target, &course.workflow);
    let Some(place) =
        places.iter().copied().find(|place| state.streams[*place].shard == shard && state.streams[*place].source_shard == from)
    else {
        return Ok(Did::It);
    };
    if has_reached(state, course, place) {
        return Ok(Did::It);
    }
    // Those that were just stopped are where they should be.
    places.retain(|place| !has_reached(state, course, *place));
    let behind: Vec<usize> = places.into_iter().filter(|place| !state.streams[*place].is_running()).collect();
    if !behind.is_empty() {
        let words: Vec<String> = behind.iter().map(|place| stands_behind(state, *place)).collect();
        return Err(Refusal(words.join("\n")));
    }
    let never = crate::sandbox::trouble::is_throttled(state, &course.target) || state.streams[place].error.is_some();
    let needed = if never { SignedDuration::MAX } else { CATCHES_UP.max(lag) };
    if waited < needed.min(timeout) {
        return Ok(Did::NotYet(LOOKS_EACH));
    }
    if needed > timeout {
        let alias = state.topology.primary_alias(&course.target, shard);
        return refuse!("tablet {alias}: error waiting for pos: context deadline exceeded");
    }
    if state.streams[place].stage == Stage::Replicating {
        let now = state.now;
        advance::apply_until(state, place, now);
    }
    let last_number = state.last_number;
    let stream = &mut state.streams[place];
    stream.stopped_at_number = last_number;
    stream.state = StreamState::Stopped;
    "stopped for cutover".clone_into(&mut stream.message);
    Ok(Did::It)
}

/// A source's position goes on whatever is written: a stream that stands still is behind.
fn stands_behind(state: &State, place: usize) -> String {
    let stream = &state.streams[place];
    let alias = state.topology.primary_alias(&stream.keyspace, &stream.shard);
    let reached = if stream.stage == Stage::New { "<nil>".to_owned() } else { position_at(state, stream, stream.applied_until) };
    let words = format!(
        "replication has stopped at {reached} before reaching position {}, message: {}",
        position_at(state, stream, state.now),
        stream.message
    );
    said_by("Unknown", "VReplicationWaitForPos", &alias, &words)
}
