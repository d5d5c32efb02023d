//! The application's account, for people and for tests.

#[cfg(test)]
#[path = "account_tests.rs"]
mod tests;

use super::application::{Way, way};
use super::ids::{Ids, Share};
use super::state::State;
use crate::words::{count, length_of_milliseconds, moment};

/// What the application wrote to one table, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableAccount {
    pub table: String,
    /// The keyspace that takes its writes now, or why none does.
    pub writes_go_to: Result<String, String>,
    pub acknowledged: u64,
    pub failed: u64,
    pub held_back: u64,
    /// Acknowledged rows that are not in the keyspace that takes its writes.
    pub lost: u64,
    /// Ids that two rows were given.
    pub twice: u64,
    pub longest_pause_milliseconds: i64,
}

pub fn tables(state: &State) -> Vec<TableAccount> {
    let application = &state.application;
    let of = |(table, writer): (&String, &super::application::Writer)| {
        let way = way(&state.topology, application.keyspace.as_deref(), table, "");
        let keyspace = match &way {
            Way::To(keyspace) | Way::Denied(keyspace) => state.topology.keyspaces.get(keyspace),
            Way::Nowhere(_) => None,
        };
        let mut there = Ids::default();
        for shard in keyspace.map(|keyspace| keyspace.shards.as_slice()).unwrap_or_default() {
            if let Some(table) = shard.tables.get(table) {
                there.add(&table.rows);
            }
        }
        TableAccount {
            table: table.clone(),
            writes_go_to: match way {
                Way::To(keyspace) => Ok(keyspace),
                Way::Denied(keyspace) if state.topology.lacks_primary(&keyspace) => {
                    Err(format!("{keyspace} has no primary that answers"))
                }
                Way::Denied(keyspace) => Err(format!("{keyspace} denies them")),
                Way::Nowhere(why) => Err(why),
            },
            acknowledged: writer.acknowledged,
            failed: writer.failed,
            held_back: writer.held_back,
            lost: writer.ids.without(&there).count(Share::ALL),
            twice: writer.twice,
            longest_pause_milliseconds: writer.longest_pause_milliseconds.max(writer.pause_milliseconds(state.now)),
        }
    };
    application.writers.iter().map(of).collect()
}

pub fn text(state: &State) -> String {
    let mut lines = vec![format!("SANDBOX, its time is {}", moment(state.now))];
    for account in tables(state) {
        let way = match &account.writes_go_to {
            Ok(keyspace) => format!("go to {keyspace}"),
            Err(why) => format!("go nowhere: {why}"),
        };
        lines.push(format!(
            "{}: writes {way}; {} acknowledged, {} lost, {} written twice, {} failed, {} waiting; longest pause {}",
            account.table,
            count(account.acknowledged),
            count(account.lost),
            count(account.twice),
            count(account.failed),
            count(account.held_back),
            length_of_milliseconds(u64::try_from(account.longest_pause_milliseconds).unwrap_or(0))
        ));
    }
    if state.application.writers.is_empty() {
        lines.push("no table has `writes-per-second`: no application writes".to_owned());
    }
    lines.join("\n") + "\n"
}
