//! The calls of VDiff.

use std::collections::BTreeMap;

use super::messages::{result, said_by, sql_time};
use crate::cluster::vtctld::generated::query::{QueryResult, Type};
use crate::cluster::vtctld::generated::{tabletmanagerdata, vtctldata as data};
use crate::sandbox::operation::course;
use crate::sandbox::refusal::{Answer, Refusal, refuse};
use crate::sandbox::state::State;
use crate::sandbox::vdiff::{self, Progress, ShardDiff, TableDiff, VDiff};

pub fn create(state: &mut State, request: &data::VDiffCreateRequest) -> Answer<data::VDiffCreateResponse> {
    let (keyspace, workflow) = (&request.target_keyspace, &request.workflow);
    let uuid = match request.uuid.as_str() {
        "" => uuid::Uuid::new_v4().to_string(),
        text => match uuid::Uuid::parse_str(text) {
            Ok(_) => text.to_owned(),
            Err(_) => return refuse!("invalid UUID provided: {text}: invalid UUID length: {}", text.len()),
        },
    };
    course(state, keyspace, workflow)?;
    if state.streams_of(keyspace, workflow).any(|stream| stream.is_frozen()) {
        return refuse!("invalid VDiff run: writes have been already been switched for workflow {keyspace}.{workflow}");
    }
    if state.streams_of(keyspace, workflow).any(|stream| stream.reported_state() != "Running") {
        return refuse!("not all streams are running in workflow {keyspace}.{workflow}");
    }
    if let Some(known) = find(state, keyspace, workflow, &uuid) {
        let words = |alias: &str| format!("vdiff with UUID {uuid} already exists on tablet {alias}");
        let shards = state.vdiffs[known].shards.iter().map(|shard| state.topology.primary_alias(keyspace, &shard.shard));
        let lines: Vec<String> = shards.map(|alias| said_by("Unknown", "VDiff", &alias, &words(&alias))).collect();
        return Err(Refusal(lines.join("\n")));
    }
    let wanted = vdiff::Wanted {
        starts: request.auto_start.unwrap_or(true),
        tables: request.tables.clone(),
        // Left out it is the default; only whole seconds count.
        waits_seconds: request.filtered_replication_wait_time.as_ref().map_or(30, |wait| wait.seconds),
    };
    vdiff::create(state, keyspace, workflow, &uuid, wanted);
    Ok(data::VDiffCreateResponse { uuid })
}

fn find(state: &State, keyspace: &str, workflow: &str, uuid: &str) -> Option<usize> {
    state.vdiffs.iter().position(|vdiff| vdiff.uuid == uuid && vdiff.keyspace == keyspace && vdiff.workflow == workflow)
}

/// One of an id, or every shard's words that there is none.
fn known(state: &State, keyspace: &str, workflow: &str, uuid: &str) -> Answer<usize> {
    course(state, keyspace, workflow)?;
    find(state, keyspace, workflow, uuid).ok_or_else(|| {
        let words =
            |alias: &str| format!("no vdiff found for UUID {uuid} keyspace {keyspace} and workflow {workflow} on tablet {alias}");
        each_tablet(state, keyspace, workflow, "Unknown", words)
    })
}

/// What each target shard's primary says, as vtctld passes it on.
fn each_tablet(state: &State, keyspace: &str, workflow: &str, code: &str, words: impl Fn(&str) -> String) -> Refusal {
    let mut lines: Vec<String> = state
        .streams_of(keyspace, workflow)
        .map(|stream| state.topology.primary_alias(keyspace, &stream.shard))
        .map(|alias| said_by(code, "VDiff", &alias, &words(&alias)))
        .collect();
    lines.sort();
    lines.dedup();
    Refusal(lines.join("\n"))
}

pub fn show(state: &State, request: &data::VDiffShowRequest) -> Answer<data::VDiffShowResponse> {
    let (keyspace, workflow) = (&request.target_keyspace, &request.workflow);
    course(state, keyspace, workflow)?;
    let shards: Vec<String> = state.streams_of(keyspace, workflow).map(|stream| stream.shard.clone()).collect();
    let ours: Vec<&VDiff> =
        state.vdiffs.iter().filter(|vdiff| vdiff.keyspace == *keyspace && vdiff.workflow == *workflow).collect();
    let response =
        |output: Option<QueryResult>, uuid: &str| tabletmanagerdata::VDiffResponse { id: 0, output, vdiff_uuid: uuid.to_owned() };
    let tablet_responses: BTreeMap<String, tabletmanagerdata::VDiffResponse> = match request.arg.as_str() {
        "all" => shards.iter().map(|shard| (shard.clone(), response(Some(list(&ours, shard)), ""))).collect(),
        arg => {
            let wanted = match arg {
                "last" => ours.last().copied(),
                uuid if uuid::Uuid::parse_str(uuid).is_ok() => Some(&state.vdiffs[known(state, keyspace, workflow, uuid)?]),
                other => return Err(unsupported(state, keyspace, workflow, other)),
            };
            let of_shard = |shard: &String| match wanted
                .and_then(|vdiff| Some((vdiff, vdiff.shards.iter().find(|it| it.shard == *shard)?)))
            {
                Some((vdiff, found)) => (shard.clone(), response(Some(one(vdiff, found)), &vdiff.uuid)),
                None => (shard.clone(), response(None, "")),
            };
            shards.iter().map(of_shard).collect()
        }
    };
    Ok(data::VDiffShowResponse { tablet_responses })
}

fn list(vdiffs: &[&VDiff], shard: &str) -> QueryResult {
    let columns = [
        ("id", Type::Int64),
        ("vdiff_uuid", Type::Varchar),
        ("workflow", Type::Varbinary),
        ("keyspace", Type::Varbinary),
        ("shard", Type::Varchar),
        ("db_name", Type::Varbinary),
        ("state", Type::Varbinary),
        ("options", Type::Json),
        ("created_at", Type::Timestamp),
        ("started_at", Type::Timestamp),
        ("liveness_timestamp", Type::Timestamp),
        ("completed_at", Type::Timestamp),
        ("last_error", Type::Varbinary),
    ];
    let row = |vdiff: &&VDiff| {
        let found = vdiff.shards.iter().find(|it| it.shard == shard)?;
        Some(vec![
            Some(found.id.to_string()),
            Some(vdiff.uuid.clone()),
            Some(vdiff.workflow.clone()),
            Some(vdiff.keyspace.clone()),
            Some(shard.to_owned()),
            Some(format!("vt_{}", vdiff.keyspace)),
            Some(found.state.as_str().to_owned()),
            Some("{}".to_owned()),
            Some(sql_time(vdiff.created_at)),
            found.started_at.map(sql_time),
            found.started_at.map(sql_time),
            found.completed_at.map(sql_time),
            Some(found.last_error.clone()),
        ])
    };
    let rows: Vec<Vec<Option<String>>> = vdiffs.iter().rev().filter_map(row).collect();
    result(&columns, &rows)
}

fn one(vdiff: &VDiff, shard: &ShardDiff) -> QueryResult {
    let columns = [
        ("vdiff_state", Type::Varbinary),
        ("last_error", Type::Varbinary),
        ("table_name", Type::Varbinary),
        ("uuid", Type::Varchar),
        ("table_state", Type::Varbinary),
        ("table_rows", Type::Int64),
        ("started_at", Type::Timestamp),
        ("rows_compared", Type::Int64),
        ("completed_at", Type::Timestamp),
        ("has_mismatch", Type::Int64),
        ("report", Type::Json),
    ];
    let head = || vec![Some(shard.state.as_str().to_owned()), Some(shard.last_error.clone())];
    let row = |table: &TableDiff| {
        let mut row = head();
        row.extend([
            Some(table.table.clone()),
            Some(vdiff.uuid.clone()),
            Some(table.state.as_str().to_owned()),
            Some(table.rows.to_string()),
            table.started_at.map(sql_time),
            Some(table.compared.to_string()),
            table.completed_at.map(sql_time),
            Some(u8::from(table.has_mismatch() && table.state == Progress::Completed).to_string()),
            Some(report(table)),
        ]);
        row
    };
    let mut rows: Vec<Vec<Option<String>>> = shard.tables.iter().map(row).collect();
    if rows.is_empty() {
        let mut row = head();
        row.extend([None, Some(vdiff.uuid.clone()), None, None, None, None, None, None, None]);
        rows.push(row);
    }
    result(&columns, &rows)
}

/// Counts; samples of rows are left out.
fn report(table: &TableDiff) -> String {
    if table.state != Progress::Completed {
        return "{}".to_owned();
    }
    serde_json::json!({
        "TableName": table.table,
        "ProcessedRows": table.compared,
        "MatchingRows": table.matching,
        "MismatchedRows": table.mismatched,
        "ExtraRowsSource": table.extra_on_source,
        "ExtraRowsTarget": table.extra_on_target,
    })
    .to_string()
}

fn unsupported(state: &State, keyspace: &str, workflow: &str, argument: &str) -> Refusal {
    each_tablet(state, keyspace, workflow, "Unknown", |_| format!("action argument {argument} not supported"))
}

fn shards_are_of(state: &State, keyspace: &str, workflow: &str, shards: &[String]) -> Answer<()> {
    match shards.iter().find(|shard| !state.streams_of(keyspace, workflow).any(|stream| stream.shard == **shard)) {
        Some(unknown) => refuse!("specified target shard {unknown} not a valid target for workflow {workflow}"),
        None => Ok(()),
    }
}

/// One that is unknown, or over, is stopped already.
pub fn stop(state: &mut State, request: &data::VDiffStopRequest) -> Answer<data::VDiffStopResponse> {
    let (keyspace, workflow) = (&request.target_keyspace, &request.workflow);
    course(state, keyspace, workflow)?;
    shards_are_of(state, keyspace, workflow, &request.target_shards)?;
    if let Some(place) = find(state, keyspace, workflow, &request.uuid) {
        vdiff::stop(state, place);
    }
    Ok(data::VDiffStopResponse {})
}

pub fn resume(state: &mut State, request: &data::VDiffResumeRequest) -> Answer<data::VDiffResumeResponse> {
    let (keyspace, workflow, uuid) = (&request.target_keyspace, &request.workflow, &request.uuid);
    course(state, keyspace, workflow)?;
    shards_are_of(state, keyspace, workflow, &request.target_shards)?;
    let Some(place) = find(state, keyspace, workflow, uuid) else {
        let words = |alias: &str| format!("vdiff with UUID {uuid} not found on tablet {alias}");
        return Err(each_tablet(state, keyspace, workflow, "Unknown", words));
    };
    if state.vdiffs[place].shards.iter().any(|shard| !matches!(shard.state, Progress::Stopped | Progress::Completed)) {
        let words = |alias: &str| format!("no completed or stopped vdiff found for UUID {uuid} on tablet {alias}");
        return Err(each_tablet(state, keyspace, workflow, "Unknown", words));
    }
    vdiff::resume(state, place);
    Ok(data::VDiffResumeResponse {})
}

pub fn delete(state: &mut State, request: &data::VDiffDeleteRequest) -> Answer<data::VDiffDeleteResponse> {
    let (keyspace, workflow) = (&request.target_keyspace, &request.workflow);
    course(state, keyspace, workflow)?;
    if request.arg == "all" {
        vdiff::delete_of(state, keyspace, workflow);
        return Ok(data::VDiffDeleteResponse {});
    }
    let uuid = &request.arg;
    if uuid::Uuid::parse_str(uuid).is_err() {
        return Err(unsupported(state, keyspace, workflow, uuid));
    }
    let Some(place) = find(state, keyspace, workflow, uuid) else {
        let words = |alias: &str| format!("no vdiff found for UUID {uuid} on tablet {alias}");
        return Err(each_tablet(state, keyspace, workflow, "FailedPrecondition", words));
    };
    vdiff::stop(state, place);
    state.vdiffs.remove(place);
    Ok(data::VDiffDeleteResponse {})
}
