//! What several kinds say alike.

use std::collections::BTreeSet;

use super::super::movement::Movement;
use super::super::{Leftover, Mend, Weight};
use crate::cluster::mutation::shell;
use crate::model::workflow::Stream;
use crate::words::names;

/// A line names so many things.
const MOST_NAMES: usize = 6;

/// `` `a`, `b` and 3 more ``
pub fn listed<T: AsRef<str>>(all: impl IntoIterator<Item = T>) -> String {
    let quoted: Vec<String> = all.into_iter().map(|name| format!("`{}`", name.as_ref())).collect();
    names(&quoted, MOST_NAMES)
}

/// The shards of these streams, each once.
pub fn shards<'a>(keyspace: &str, streams: impl IntoIterator<Item = &'a Stream>) -> String {
    let shards: BTreeSet<String> = streams.into_iter().map(|stream| format!("{keyspace}/{}", stream.shard)).collect();
    listed(shards)
}

/// "deny", "denies": for so many.
pub fn verb(count: usize, one: &'static str, many: &'static str) -> &'static str {
    if count == 1 { one } else { many }
}

/// One that `repair` of the movement mends.
pub fn of_movement(code: &str, weight: Weight, movement: &Movement, subject: String, summary: String) -> Leftover {
    Leftover {
        code: code.to_owned(),
        weight,
        subject,
        summary,
        evidence: vec![],
        since: None,
        meaning: String::new(),
        mend: mend(movement),
        by_hand: vec![],
    }
}

pub fn mend(movement: &Movement) -> Mend {
    Mend::Movement { keyspace: movement.target().to_string(), workflow: movement.plan.workflow().to_string() }
}

/// `customer/-80, stream 3: state Stopped, message "stopped for cutover"`
pub fn stream(keyspace: &str, stream: &Stream) -> String {
    let mut text = format!("{keyspace}/{}, stream {} on {}: {}", stream.shard, stream.id, stream.tablet, stream.state.as_str());
    if !stream.message.is_empty() {
        text.push_str(&format!(", message \"{}\"", stream.message));
    }
    text
}

/// What shows a workflow by hand.
pub fn show_workflow(keyspace: &str, workflow: &str) -> String {
    format!("vtctldclient Workflow --keyspace {} show --workflow {}", shell(keyspace), shell(workflow))
}

/// The place of a stream: `customer.commerce2customer -80 from 0`.
pub fn place(keyspace: &str, workflow: &str, stream: &Stream) -> String {
    format!("{keyspace}.{workflow} {} from {}", stream.shard, stream.source_shard)
}
