//! Waiting until nothing moves, by looking each 100 ms.

use cutover::cluster::vtctld::Vtctld;
use cutover::cluster::vtctld::generated::vtctldata as data;

use super::canonical::listed;
use super::picture::workflows_of;
use super::stage::Stage;
use super::world;

/// Looks until the limit of 60 s.
const LOOKS: usize = 600;

/// A running stream's age of its last sign of life; a stream made new is given none that is right, and refuses a switch.
const SMALL_LAG_SECONDS: i64 = 3;

/// Waits until every stream has settled and every VDiff has ended, seen twice and alike.
///
/// # Panics
/// When something still moves after 60 s.
pub async fn until_quiet(stage: &dyn Stage) {
    let mut before = None;
    let mut moving = String::new();
    for _ in 0..LOOKS {
        match look(stage.vtctld()).await {
            Ok(seen) if before.as_ref() == Some(&seen) => return,
            Ok(seen) => before = Some(seen),
            Err(what) => {
                before = None;
                moving = what;
            }
        }
        stage.moment().await;
    }
    panic!("it did not come to rest in 60 s: {moving}");
}

/// Waits until a table has so many rows.
///
/// # Panics
/// When it has others after 60 s.
pub async fn until_rows(stage: &dyn Stage, keyspace: &str, table: &str, rows: u64) {
    let mut seen = None;
    for _ in 0..LOOKS {
        seen = stage.rows(keyspace, table).await;
        if seen == Some(rows) {
            return;
        }
        stage.moment().await;
    }
    panic!("{keyspace}.{table} has {seen:?} rows after 60 s, not {rows}");
}

/// Waits until something holds of a workflow's streams.
///
/// # Panics
/// When it does not after 60 s.
pub async fn until_streams(stage: &dyn Stage, keyspace: &str, what: &str, holds: impl Fn(&data::workflow::Stream) -> bool) {
    for _ in 0..LOOKS {
        let workflows = workflows_of(stage.vtctld(), keyspace).await;
        let mut streams = workflows.iter().flat_map(|one| one.shard_streams.values()).flat_map(|shard| &shard.streams);
        if !workflows.is_empty() && streams.all(&holds) {
            return;
        }
        stage.moment().await;
    }
    panic!("not in 60 s: {what}");
}

/// What is there when nothing moves; an error names what does.
async fn look(vtctld: &Vtctld) -> Result<Vec<String>, String> {
    let mut seen = Vec::new();
    for keyspace in &world::KEYSPACES {
        for workflow in workflows_of(vtctld, keyspace.name).await {
            seen.push(settled(&workflow)?);
            seen.extend(ended(vtctld, keyspace.name, &workflow.name).await?);
        }
    }
    seen.sort();
    Ok(seen)
}

fn settled(workflow: &data::Workflow) -> Result<String, String> {
    let streams: Vec<_> = workflow.shard_streams.values().flat_map(|shard| &shard.streams).collect();
    let mut states = Vec::new();
    for stream in &streams {
        let message = String::from_utf8_lossy(&stream.message);
        let is_settled = match stream.state.as_str() {
            // What picks a tablet, or waits to try again, is on its way.
            "Running" => !stream.position.is_empty() && stream.copy_states.is_empty() && message.is_empty(),
            "Stopped" => {
                message != "for vdiff" && !message.starts_with("Stop position") && !message.starts_with("Stopped at position")
            }
            "Error" => message.contains("terminal error") || message.contains("Duplicate entry"),
            _ => false,
        };
        if !is_settled {
            return Err(format!("{}: {} {message:?}", workflow.name, stream.state));
        }
        states.push(format!("{} {} {} {message}", stream.shard, stream.id, stream.state));
    }
    let all_run = streams.iter().all(|stream| stream.state == "Running");
    let lag = workflow.max_v_replication_transaction_lag;
    let is_alive = streams.iter().all(|stream| {
        // Right after its creation a stream has the digits of a date there.
        stream.time_updated.as_ref().is_some_and(|time| (1..100_000_000_000).contains(&time.seconds))
    });
    if all_run && !(is_alive && (0..=SMALL_LAG_SECONDS).contains(&lag)) {
        return Err(format!("{}: a lag of {lag} s", workflow.name));
    }
    states.sort();
    Ok(format!("{}: {}", workflow.name, states.join("; ")))
}

async fn ended(vtctld: &Vtctld, keyspace: &str, workflow: &str) -> Result<Vec<String>, String> {
    let request =
        data::VDiffShowRequest { workflow: workflow.to_owned(), target_keyspace: keyspace.to_owned(), arg: "all".to_owned() };
    let Ok(answer) = vtctld.read(request).await else { return Ok(Vec::new()) };
    let mut seen = Vec::new();
    for (uuid, shards) in listed(&answer) {
        for (shard, state) in shards {
            if state == "pending" || state == "started" {
                return Err(format!("{workflow}: VDiff {uuid} is {state} on {shard}"));
            }
            seen.push(format!("{uuid} {shard} {state}"));
        }
    }
    Ok(seen)
}
