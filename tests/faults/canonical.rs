//! What is the same in two worlds whatever their times and numbers: for comparing an end with that of an undisturbed run, and for
//! knowing a state when it comes again.

use std::collections::BTreeMap;
use std::time::Duration;

use cutover::cluster::mutation::Mutation;
use cutover::record::progress::{Attempt, Progress};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::life::World;
use super::script::Script;
use super::world::Moment;

/// What may differ at an end that is as good as the undisturbed one, each with its reason.
const ALLOWED_AT_AN_END: [&str; 4] = [
    // The name that a dead vtctld has left locked stays so for 24 hours: Vitess's, and said as C408 where it is in the way.
    "locks",
    // Those of earlier tries stay, as in Vitess: they are known by the ids of their streams, which are gone.
    "journals",
    // What an earlier one has compared. One that may still run is told apart by `vdiffs_that_run`.
    "vdiffs",
    // How often a change of somebody's was made.
    "changes_made",
];
/// What passes by itself has passed then: the errors of streams after a reparent take 6 s.
const SETTLES: Duration = Duration::from_secs(10);

/// Of the cluster, with all that counts for a next process. What only says how often something was tried would make each try another
/// state, and no end of them.
pub fn cluster(moment: &Moment) -> Value {
    let mut state = moment.cluster.to_json().unwrap();
    let now: Timestamp = state["now"].as_str().and_then(|now| now.parse().ok()).unwrap_or_default();
    forget_earlier_tries(&mut state, &progress(moment), now);
    let mut names = Names::default();
    let mut found = Map::new();
    let Value::Object(fields) = state else { return Value::Null };
    for (name, value) in fields {
        let value = match name.as_str() {
            // How it began, and what is counted.
            "format" | "description" | "began" | "now" | "calls" | "last_number" | "changes_by_hand" | "plan" | "vtctld"
            | "transactions" => {
                continue;
            }
            // Rows are the oracle's.
            "application" => continue,
            _ => names.plain(value, now),
        };
        found.insert(name, value);
    }
    Value::Object(found)
}

/// A VDiff that runs no more counts only as the one that the record looks at; a journal only as one of streams that are there; a lock
/// whose lease is over is as good as none, though nobody has looked since.
fn forget_earlier_tries(state: &mut Value, progress: &Progress, now: Timestamp) {
    let ids: Vec<u64> = state["streams"].as_array().into_iter().flatten().filter_map(|stream| stream["id"].as_u64()).collect();
    let last = last_vdiffs(progress);
    if let Some(vdiffs) = state["vdiffs"].as_array_mut() {
        vdiffs.retain(|vdiff| vdiff_runs(vdiff) || last.iter().any(|uuid| vdiff["uuid"] == *uuid.as_str()));
    }
    if let Some(journals) = state["journals"].as_array_mut() {
        let is_there = |id: &Value| id.as_u64().is_some_and(|id| ids.contains(&id));
        journals.retain(|journal| journal["streams"].as_array().into_iter().flatten().any(is_there));
    }
    if let Some(locks) = state["locks"]["queue"].as_array_mut() {
        locks.retain(|lock| !is_over(lock, now));
    }
}

fn is_over(lock: &Value, now: Timestamp) -> bool {
    lock["ends"].as_str().and_then(|ends| ends.parse::<Timestamp>().ok()).is_some_and(|ends| ends <= now)
}

/// Those at which the next process looks: the last that was asked for, and the last that was not in vain.
fn last_vdiffs(progress: &Progress) -> Vec<String> {
    let uuid = |attempt: &Attempt| match &attempt.mutation {
        Mutation::CreateVDiff(vdiff) => Some(vdiff.uuid.to_string()),
        _ => None,
    };
    let attempts = || progress.attempts.iter().rev();
    attempts().find_map(uuid).into_iter().chain(attempts().filter(|attempt| !attempt.came_to_nothing()).find_map(uuid)).collect()
}

fn vdiff_runs(vdiff: &Value) -> bool {
    let shards = vdiff["shards"].as_array().into_iter().flatten();
    shards.into_iter().any(shard_runs)
}

fn shard_runs(shard: &Value) -> bool {
    ["pending", "started"].iter().any(|runs| shard["state"] == *runs)
}

/// Of the cluster at an end: without what no fault is to be blamed for.
fn cluster_at_an_end(moment: &Moment) -> Value {
    let Value::Object(mut found) = cluster(moment) else { return Value::Null };
    let run = vdiffs_that_run(found.get("vdiffs"));
    found.retain(|name, _| !ALLOWED_AT_AN_END.contains(&name.as_str()));
    found.insert("vdiffs_that_run".into(), run.into());
    Value::Object(found)
}

fn vdiffs_that_run(vdiffs: Option<&Value>) -> usize {
    let shards = vdiffs.and_then(Value::as_array).into_iter().flatten().filter_map(|vdiff| vdiff["shards"].as_array()).flatten();
    shards.filter(|shard| shard_runs(shard)).count()
}

/// Numbers and ids that were given out, in the order in which they come.
#[derive(Default)]
struct Names(BTreeMap<String, usize>);

impl Names {
    fn id(&mut self, text: String) -> Value {
        let next = self.0.len();
        json!(format!("#{}", self.0.entry(text).or_insert(next)))
    }

    fn plain(&mut self, value: Value, now: Timestamp) -> Value {
        match value {
            Value::String(text) => match text.parse::<Timestamp>() {
                // In front or behind; how far is not told.
                Ok(at) => json!(if at > now { "later" } else { "before" }),
                Err(_) if text.parse::<uuid::Uuid>().is_ok() => self.id(text),
                Err(_) => Value::String(text),
            },
            Value::Array(values) => values.into_iter().map(|value| self.plain(value, now)).collect(),
            Value::Object(fields) => {
                let mut found = Map::new();
                for (name, value) in fields {
                    let value = match (name.as_str(), value) {
                        (
                            "rows" | "strays" | "next_id" | "rows_copied" | "bytes_per_row" | "counts" | "revision"
                            | "last_revision",
                            _,
                        ) => continue,
                        ("version", Value::Number(_)) => continue,
                        // Of a VDiff: none or some.
                        ("compared" | "matching", Value::Number(rows)) => json!(rows.as_u64() != Some(0)),
                        // Counts of what was given a number, or of how often it came.
                        ("stopped_at_number" | "saw" | "call_number" | "looks", _) => continue,
                        // Who holds a lock, and what is under way.
                        ("Operation" | "number", Value::Number(number)) => self.id(format!("operation {number}")),
                        ("VDiff", Value::Number(number)) => self.id(format!("id {number}")),
                        ("client", Value::String(client)) => self.id(format!("client {client}")),
                        // Which tablet is the primary.
                        ("primary", Value::Number(_)) | ("tablets", Value::Array(_)) | ("reparented", _) => continue,
                        // Every update writes cells and types as the request had them, with the same meaning.
                        ("is_respelled", _) => continue,
                        ("id", Value::Number(number)) => self.id(format!("id {number}")),
                        ("streams", Value::Array(ids)) if ids.iter().all(Value::is_u64) => {
                            ids.into_iter().map(|id| self.id(format!("id {id}"))).collect()
                        }
                        (_, value) => self.plain(value, now),
                    };
                    found.insert(name, value);
                }
                Value::Object(found)
            }
            other => other,
        }
    }
}

/// What the record says that counts for what comes: not how often something was tried in vain.
pub fn record(progress: &Progress) -> Value {
    let attempt = |attempt: &Attempt| {
        let outcome = attempt.outcome.as_ref().map(|(result, _)| format!("{result:?}"));
        json!([attempt.phase.as_str(), words(&attempt.mutation), outcome])
    };
    let mut attempts: Vec<Value> = progress.attempts.iter().filter(|attempt| !attempt.came_to_nothing()).map(attempt).collect();
    attempts.dedup();
    json!({
        "goal": format!("{:?}", progress.goal()),
        "paused": progress.paused,
        "reached": progress.reached.keys().map(ToString::to_string).collect::<Vec<_>>(),
        "streams": progress.streams.keys().collect::<Vec<_>>(),
        "attempts": attempts,
    })
}

/// A write without the ids and the rules of others that it carries.
fn words(mutation: &Mutation) -> String {
    match mutation {
        Mutation::CreateVDiff(_) => "VDiff".into(),
        Mutation::StopVDiff(_) => "stop VDiff".into(),
        other => other.verb().words(),
    }
}

/// All of it, as text.
pub fn of(moment: &Moment) -> String {
    json!({ "cluster": cluster(moment), "record": record(&progress(moment)) }).to_string()
}

/// A moment as the end of a command, as text.
pub async fn end_of(moment: &Moment) -> String {
    let later = World::at(moment, Script::new(0, []));
    tokio::time::sleep(SETTLES).await;
    json!({ "cluster": cluster_at_an_end(&later.moment()), "record": record(&progress(moment)) }).to_string()
}

fn progress(moment: &Moment) -> Progress {
    moment.files.record().and_then(Result::ok).map(|record| record.progress()).unwrap_or_default()
}
