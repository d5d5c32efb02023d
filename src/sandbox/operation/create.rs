//! MoveTablesCreate: its checks in Vitess's order, then tables, streams, rules and denied tables
//! (go/vt/vtctl/workflow/{server,materializer}.go).

use jiff::tz::TimeZone;

use super::First;
use super::locks::LEASE;
use super::step::{Act, Change, Row, Step};
use super::workflow::no_shards;
use crate::cluster::vtctld::generated::{binlogdata, tabletmanagerdata, topodata, vtctldata as data};
use crate::model::vschema::{AutoIncrement, VSchema, VSchemaTable};
use crate::sandbox::calls::messages::go_alias;
use crate::sandbox::refusal::{Answer, Refusal, refuse};
use crate::sandbox::state::State;
use crate::sandbox::stream::{Settings, Stage, State as StreamState, Stream};
use crate::sandbox::table::Table;
use crate::sandbox::topology::Shard;
use crate::sandbox::traffic::Course;

const OPERATION: &str = "create";

/// What is refused before anything is done, and what an unsharded target's VSchema lacks: that is saved before all else.
pub fn first(state: &State, request: &data::MoveTablesCreateRequest, course: &mut Option<Course>) -> Answer<First> {
    let tables = check(state, request)?;
    let (source, target) = (&request.source_keyspace, &request.target_keyspace);
    let mut row = Row::of(OPERATION);
    if state.topology.keyspaces.get(target).is_some_and(|keyspace| !keyspace.is_sharded()) {
        row.step("add-to-vschema", target.clone(), Act::AddToVSchema);
    }
    row.step("look", "", Act::Look);
    *course = Some(Course { workflow: request.workflow.clone(), source: source.clone(), target: target.clone(), tables });
    Ok(First::Steps(row.steps()))
}

/// Tables and streams are made shard by shard before any lock is taken; rules and denied tables with the locks.
pub fn look(state: &State, request: &data::MoveTablesCreateRequest, course: &Course) -> Answer<Vec<Step>> {
    let (target, tables) = (&course.target, &course.tables);
    let options = request.workflow_options.clone().unwrap_or_default();
    let is_sharded = state.topology.keyspaces.get(target).is_some_and(|keyspace| keyspace.is_sharded());
    unused(state, request)?;
    for table in tables {
        check_entry(state, target, table, is_sharded)?;
    }
    check_source_shards(state, request)?;
    are_empty(state, target, tables)?;
    let targets = super::workflow::shard_names(state, target);
    let mut row = Row::of(OPERATION);
    for shard in &targets {
        row.step("make-tables", format!("{target}/{shard}"), Act::MakeTables { shard: shard.clone() });
    }
    if is_sharded && options.sharded_auto_increment_handling == i32::from(data::ShardedAutoIncrementHandling::Replace) {
        row.step("name-sequences", target.clone(), Act::NameSequences);
    }
    let cell = state.topology.cells.first().cloned().unwrap_or_default();
    let settings = settings(request, &options, &cell);
    for shard in &targets {
        let act = Act::MakeStreams { shard: shard.clone(), settings: Box::new(settings.clone()) };
        row.step("make-streams", format!("{target}/{shard}"), act);
    }
    row.lock_workflow(target, &request.workflow, "MoveTablesCreate");
    let act = Act::LockKeyspace { keyspace: target.clone(), action: "MoveTablesCreate".to_owned(), lease: LEASE };
    row.step("lock-target", target.clone(), act);
    row.fails("", true);
    if !request.no_routing_rules {
        row.step("save-rules", "", Act::ChangeRules(Change::LeadToSource));
    }
    row.fails("failed to put initial denied tables entries in place on the target shards", true);
    row.denied(["deny-target", "refresh-target"], target, &targets, true);
    row.fails("", true).rebuild(&state.topology.cells);
    if !request.source_time_zone.is_empty() && TimeZone::get(&request.source_time_zone).is_err() {
        row.step("check-time-zone", "", Act::Refuse(no_conversion(state, target, &request.source_time_zone)));
    }
    if request.auto_start {
        for shard in &targets {
            let (keyspace, shard, workflow) = (target.clone(), shard.clone(), request.workflow.clone());
            row.step("start-streams", format!("{keyspace}/{shard}"), Act::StartStreams { keyspace, shard, workflow });
        }
    }
    row.fails("", false).step("unlock-keyspaces", "", Act::UnlockKeyspaces);
    Ok(row.steps())
}

/// What is taken back once the locks were had: the rules that were published are not published again, tables stay.
pub fn clean_up(state: &State, course: &Course, added: &[String]) -> Vec<Step> {
    let (sources, targets) =
        (super::workflow::shard_names(state, &course.source), super::workflow::shard_names(state, &course.target));
    let mut row = Row::of(OPERATION);
    row.fails("failed to cleanup denied table entries", false);
    row.denied(["clean-up-allow-target", "clean-up-refresh-target"], &course.target, &targets, false);
    row.fails("failed to cleanup workflow artifacts", false);
    row.delete_streams("clean-up-delete-reverse", &course.source, &course.reverse_name(), &sources);
    row.delete_streams("clean-up-delete-streams", &course.target, &course.workflow, &targets);
    row.step("clean-up-save-rules", "", Act::ChangeRules(Change::Remove));
    if !added.is_empty() {
        row.fails("failed to restore original target vschema", false);
        row.step("clean-up-restore-vschema", course.target.clone(), Act::RestoreVSchema { added: added.to_vec() });
    }
    row.fails("", false).step("unlock-keyspaces", "", Act::UnlockKeyspaces);
    row.steps()
}

/// The last check of all, on the target: by then the streams are there and the rules are published.
fn no_conversion(state: &State, target: &str, zone: &str) -> String {
    let now = state.now.strftime("%Y-%m-%d %H:%M:%S").to_string();
    let cell = state.topology.cells.first().cloned().unwrap_or_default();
    let shards = state.topology.keyspaces.get(target).map(|keyspace| keyspace.shards.as_slice()).unwrap_or_default();
    let line = |shard: &Shard| {
        let tablet = go_alias(&topodata::TabletAlias { cell: cell.clone(), uid: shard.primary });
        format!(
            "unable to perform time_zone conversions from {zone} to UTC — value from DB was: [[NULL]] and the result of the \
             attempt was: {now}. Either the specified source time zone is invalid or the time zone tables have not been loaded \
             on the {tablet} tablet"
        )
    };
    shards.iter().map(line).collect::<Vec<String>>().join("\n")
}

/// The tables that are to be moved, sorted.
fn check(state: &State, request: &data::MoveTablesCreateRequest) -> Answer<Vec<String>> {
    let (source, target) = (&request.source_keyspace, &request.target_keyspace);
    if source == target {
        return refuse!("source and target keyspace must be different for MoveTables workflows");
    }
    let options = request.workflow_options.clone().unwrap_or_default();
    if !options.global_keyspace.is_empty() {
        let global = &options.global_keyspace;
        match state.topology.keyspaces.get(global) {
            None => return refuse!("global-keyspace {global} does not exist"),
            Some(keyspace) if keyspace.is_sharded() => {
                return refuse!("global-keyspace {global} is sharded and thus cannot be used for global resources");
            }
            Some(_) => {}
        }
    }
    if !request.external_cluster_name.is_empty() {
        return refuse!("no vitess cluster found with name {}", request.external_cluster_name);
    }
    if !state.topology.keyspaces.contains_key(target) {
        return refuse!("node doesn't exist: /vitess/global/keyspaces/{target}/VSchema");
    }
    let Some(from) = state.topology.keyspaces.get(source) else {
        return Err(no_shards(source).within(&format!("failed to get list of shards for keyspace '{source}'")));
    };
    let Some(first) = from.shards.first() else { return refuse!("{source} has no serving shards") };
    let unknown = |names: &[String]| {
        let missing: Vec<&str> = names.iter().filter(|name| !first.tables.contains_key(*name)).map(String::as_str).collect();
        if missing.is_empty() { Ok(()) } else { refuse!("table(s) not found in source keyspace {source}: {}", missing.join(",")) }
    };
    unknown(&request.include_tables)?;
    unknown(&request.exclude_tables)?;
    let all = first.tables.keys().filter(|name| !name.starts_with("_vt_"));
    let wanted = all.filter(|name| request.all_tables || request.include_tables.contains(name));
    let tables: Vec<String> = wanted.filter(|name| !request.exclude_tables.contains(name)).cloned().collect();
    if tables.is_empty() {
        return refuse!("no tables to move");
    }
    Ok(tables)
}

/// A movement shard by shard is not in the model.
fn check_source_shards(state: &State, request: &data::MoveTablesCreateRequest) -> Answer<()> {
    if request.source_shards.is_empty() {
        return Ok(());
    }
    let shards = super::workflow::shard_names(state, &request.source_keyspace);
    if !request.source_shards.iter().any(|shard| shards.contains(shard)) {
        return refuse!("no source shards specified for workflow {} ", request.workflow);
    }
    refuse!("the sandbox has no movements shard by shard")
}

fn unused(state: &State, request: &data::MoveTablesCreateRequest) -> Answer<()> {
    let (keyspace, workflow) = (&request.target_keyspace, &request.workflow);
    let mut lines: Vec<String> = state
        .streams_of(keyspace, workflow)
        .map(|stream| {
            let alias = state.topology.primary_alias(keyspace, &stream.shard);
            format!("workflow {workflow} already exists in keyspace {keyspace} on tablet {alias}")
        })
        .collect();
    lines.sort();
    lines.dedup();
    if lines.is_empty() { Ok(()) } else { Err(Refusal(lines.join("\n"))) }
}

fn check_entry(state: &State, target: &str, table: &str, is_sharded: bool) -> Answer<()> {
    let Some(keyspace) = state.topology.keyspaces.get(target) else { return Err(no_shards(target)) };
    if !is_sharded {
        return Ok(());
    }
    let Some(entry) = keyspace.vschema.tables.get(table) else {
        return refuse!("table {table} not found in vschema for keyspace {target}");
    };
    if entry.kind == "reference" || !entry.pinned.is_empty() {
        return Ok(());
    }
    let Some(first) = entry.column_vindexes.first() else {
        return refuse!("missing primary col vindex for table: {table}");
    };
    match keyspace.vschema.vindexes.get(&first.name) {
        None => refuse!("vindex {} not found for table {table}", first.name),
        Some(vindex) if vindex.is_usable_for_streams() => Ok(()),
        Some(vindex) if vindex.kind.contains("unique") || vindex.kind.starts_with("consistent_lookup_unique") => {
            refuse!("could not find a vindex to compute keyspace id for table {table}")
        }
        Some(_) => refuse!("primary vindex {} is not Unique for table {table}", first.name),
    }
}

/// Tables that the unsharded target's VSchema lacks, as the source has them. Those that were added.
pub fn add_to_vschema(state: &mut State, course: &Course) -> Vec<String> {
    let of_source: VSchema =
        state.topology.keyspaces.get(&course.source).map(|keyspace| keyspace.vschema.clone()).unwrap_or_default();
    let Some(keyspace) = state.topology.keyspaces.get_mut(&course.target) else { return vec![] };
    let mut added = Vec::new();
    for table in &course.tables {
        keyspace.vschema.tables.entry(table.clone()).or_insert_with(|| {
            added.push(table.clone());
            let mut entry: VSchemaTable = of_source.tables.get(table).cloned().unwrap_or_default();
            if of_source.sharded {
                entry.column_vindexes.clear();
            }
            entry
        });
    }
    added
}

fn are_empty(state: &State, target: &str, tables: &[String]) -> Answer<()> {
    let Some(keyspace) = state.topology.keyspaces.get(target) else { return Err(no_shards(target)) };
    let full: Vec<&str> =
        tables.iter().filter(|table| keyspace.count(table).is_some_and(|rows| rows > 0)).map(String::as_str).collect();
    if full.is_empty() {
        return Ok(());
    }
    refuse!(
        "failed to validate that all target tables are empty: non-empty tables found in target keyspace({target}): {}",
        full.join(", ")
    )
}

/// Of one target shard, as the first source shard has them.
pub fn make_tables(state: &mut State, request: &data::MoveTablesCreateRequest, course: &Course, shard: &str) {
    let from = state.topology.keyspaces.get(&course.source).and_then(|keyspace| keyspace.shards.first());
    let from = from.map(|shard| shard.tables.clone()).unwrap_or_default();
    let handling = request.workflow_options.as_ref().map(|options| options.sharded_auto_increment_handling).unwrap_or_default();
    let Some(keyspace) = state.topology.keyspaces.get_mut(&course.target) else { return };
    let strips = keyspace.is_sharded() && handling != i32::from(data::ShardedAutoIncrementHandling::Leave);
    if let Some(shard) = keyspace.shard_mut(shard) {
        for table in &course.tables {
            if let Some(definition) = from.get(table) {
                shard.tables.entry(table.clone()).or_insert_with(|| Table::copy_of(definition, strips));
            }
        }
    }
}

/// REPLACE: each table whose column MySQL counted up gets a sequence in the VSchema, whether it exists or not.
pub fn name_sequences(state: &mut State, request: &data::MoveTablesCreateRequest, course: &Course) {
    let (source, target) = (&course.source, &course.target);
    let global = request.workflow_options.as_ref().map(|options| options.global_keyspace.clone()).unwrap_or_default();
    let of_source: Vec<(String, String)> = course
        .tables
        .iter()
        .filter_map(|table| {
            let shard = state.topology.keyspaces.get(source)?.shards.first()?;
            Some((table.clone(), shard.tables.get(table)?.auto_increment_column()?.to_owned()))
        })
        .collect();
    if let Some(keyspace) = state.topology.keyspaces.get_mut(target) {
        for (table, column) in of_source {
            if let Some(entry) = keyspace.vschema.tables.get_mut(&table) {
                let name = format!("`{table}_seq`");
                let sequence = if global.is_empty() { name } else { format!("`{global}`.{name}") };
                entry.auto_increment.get_or_insert(AutoIncrement { column, sequence });
            }
        }
    }
}

fn settings(request: &data::MoveTablesCreateRequest, options: &data::WorkflowOptions, cell: &str) -> Settings {
    let on_ddl = binlogdata::OnDdlAction::from_str_name(&request.on_ddl).unwrap_or(binlogdata::OnDdlAction::Ignore);
    let in_order = request.tablet_selection_preference == i32::from(tabletmanagerdata::TabletSelectionPreference::Inorder);
    // Without any, each stream looks in the cell of its own primary.
    let cells = if request.cells.is_empty() { vec![cell.to_owned()] } else { request.cells.clone() };
    Settings {
        cells,
        tablet_types: request.tablet_types.clone(),
        in_order,
        on_ddl: on_ddl.into(),
        defer_secondary_keys: request.defer_secondary_keys,
        stop_after_copy: request.stop_after_copy,
        source_time_zone: request.source_time_zone.clone(),
        target_time_zone: if request.source_time_zone.is_empty() { String::new() } else { "UTC".to_owned() },
        auto_increment: options.sharded_auto_increment_handling,
        global_keyspace: options.global_keyspace.clone(),
        is_respelled: false,
        config: options.config.clone(),
    }
}

/// A stream on a target shard from a source shard, not started. `is_return`: it is made by a switch, for the way back, and begins
/// where the other direction ended, without a copy.
pub fn make_stream(state: &mut State, course: &Course, shard: &str, from: &str, settings: &Settings, is_return: bool) {
    let Some(target) = state.topology.keyspaces.get(&course.target) else { return };
    let filter = |table: &String| {
        let name = if is_return || needs_quotes(table) { format!("`{table}`") } else { table.clone() };
        (table.clone(), filter(&target.vschema, &course.target, table, &name, shard))
    };
    let stream = Stream {
        id: 0,
        workflow: course.workflow.clone(),
        keyspace: course.target.clone(),
        shard: shard.to_owned(),
        source_keyspace: course.source.clone(),
        source_shard: from.to_owned(),
        tables: course.tables.iter().map(filter).collect(),
        settings: if is_return {
            Settings { defer_secondary_keys: false, in_order: false, ..settings.clone() }
        } else {
            settings.clone()
        },
        state: StreamState::Stopped,
        message: String::new(),
        stage: if is_return { Stage::Replicating } else { Stage::New },
        due: None,
        applied_until: state.now,
        updated_at: state.now,
        rows_copied: 0,
        error: None,
        error_passes_at: None,
        stopped_at_number: 0,
    };
    let id = state.next_number();
    state.streams.push(Stream { id, ..stream });
}

fn filter(vschema: &VSchema, keyspace: &str, table: &str, name: &str, shard: &str) -> String {
    let entry = vschema.tables.get(table);
    let vindex =
        entry.filter(|entry| vschema.sharded && entry.kind != "reference").and_then(|entry| entry.column_vindexes.first());
    match vindex {
        Some(vindex) => {
            let columns = vindex.columns.join(", ");
            format!("select * from {name} where in_keyrange({columns}, '{keyspace}.{}', '{shard}')", vindex.name)
        }
        None => format!("select * from {name}"),
    }
}

/// Vitess's parser writes a plain name without them.
fn needs_quotes(name: &str) -> bool {
    !name.chars().all(|one| one.is_ascii_alphanumeric() || one == '_')
}
