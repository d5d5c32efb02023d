//! What is done past vtctld, as with a client of MySQL: for tests.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::time::Duration;

use jiff::SignedDuration;

use super::fault::{CallFault, StepDone, StepFault};
use super::file::description::Description;
use super::ids::Ids;
use super::state::{ChangeByHand, State, Transaction};
use super::stream::{Stage, Stream};
use super::table::Column;
use super::{Sandbox, SandboxError};
use crate::cluster::vtctld::generated::binlogdata::OnDdlAction;

impl Sandbox {
    /// The rows of a table over all shards; none when no shard has it.
    ///
    /// # Errors
    /// As of every transaction: when the state can't be read or written.
    pub fn rows(&self, keyspace: &str, table: &str) -> Result<Option<u64>, SandboxError> {
        self.transact(|state| state.topology.keyspaces.get(keyspace).and_then(|keyspace| keyspace.count(table)))
    }

    /// All is as at the beginning, but for the time and the numbers that were given.
    pub fn begin_anew(&self) -> Result<(), SandboxError> {
        self.transact(|state| {
            let (description, last_number) = (Description { start: None, ..state.description.clone() }, state.last_number);
            let mut new = State::new(&description, state.now);
            new.plan.keeps_logs = state.plan.keeps_logs;
            *state = State { description: state.description.clone(), last_number, ..new };
        })
    }

    /// How often each call has come since the beginning.
    pub fn calls_made(&self) -> Result<BTreeMap<String, u64>, SandboxError> {
        self.transact(|state| state.calls.clone())
    }

    /// Every micro-step that was done, in order: of a sandbox in memory. One in a folder keeps no log.
    ///
    /// # Errors
    /// As of every transaction: when the state can't be read or written.
    pub fn log_of_steps(&self) -> Result<Vec<StepDone>, SandboxError> {
        self.transact(|state| state.plan.log_of_steps.clone())
    }

    /// The names of all calls that came, in order: of a sandbox in memory.
    ///
    /// # Errors
    /// As of every transaction: when the state can't be read or written.
    pub fn log_of_calls(&self) -> Result<Vec<String>, SandboxError> {
        self.transact(|state| state.plan.log_of_calls.clone())
    }

    /// Plans a fault at a micro-step.
    ///
    /// # Errors
    /// As of every transaction: when the state can't be read or written.
    pub fn at_step(&self, fault: StepFault) -> Result<(), SandboxError> {
        self.transact(|state| state.plan.steps.push(fault))
    }

    /// Plans a fault at a call.
    ///
    /// # Errors
    /// As of every transaction: when the state can't be read or written.
    pub fn at_call(&self, fault: CallFault) -> Result<(), SandboxError> {
        self.inner.counts_calls.store(true, Ordering::Relaxed);
        self.transact(|state| state.plan.calls.push(fault))
    }

    /// Kills vtctld now, as `kill -9` does. Operations under way are dropped at their step, nothing is rolled back, and their locks
    /// stay until their leases end. Until it is started again each call is UNAVAILABLE.
    ///
    /// # Errors
    /// As of every transaction: when the state can't be read or written.
    pub fn kill_vtctld(&self, restart_after: Duration) -> Result<(), SandboxError> {
        self.transact(|state| super::operation::kill_vtctld(state, restart_after))
    }

    /// Puts a row into a table of the keyspace's first shard. Streams carry it on.
    pub fn put_row(&self, keyspace: &str, table: &str, number: u64) -> Result<(), SandboxError> {
        self.transact(|state| {
            let Some(there) = state.topology.keyspaces.get_mut(keyspace) else { return };
            let is_one = there.shards.len() == 1;
            if let Some(found) = there.shards.first_mut().and_then(|shard| shard.tables.get_mut(table)) {
                if is_one {
                    found.rows.add(&Ids::range(number, number));
                } else {
                    found.strays.insert(number);
                }
            }
            note(state, keyspace, table, number, true);
        })
    }

    /// Takes a row away, on whichever shard it is. Streams carry that on.
    pub fn take_row(&self, keyspace: &str, table: &str, number: u64) -> Result<(), SandboxError> {
        self.transact(|state| {
            let Some(there) = state.topology.keyspaces.get_mut(keyspace) else { return };
            for found in there.shards.iter_mut().filter_map(|shard| shard.tables.get_mut(table)) {
                found.take_away(number);
            }
            note(state, keyspace, table, number, false);
        })
    }

    /// Opens a transaction that has written to a table; gives its connection.
    pub fn open_transaction(&self, keyspace: &str, table: &str) -> Result<u64, SandboxError> {
        self.transact(|state| {
            let connection = 5000 + state.next_number();
            let (keyspace, table) = (keyspace.to_owned(), table.to_owned());
            state.transactions.push(Transaction { keyspace, table, connection, since: state.now, until: None });
            connection
        })
    }

    pub fn end_transaction(&self, connection: u64) -> Result<(), SandboxError> {
        self.transact(|state| state.transactions.retain(|transaction| transaction.connection != connection))
    }

    /// `alter table TABLE add column NAME int`. What streams do then, their `on_ddl` says.
    pub fn add_column(&self, keyspace: &str, table: &str, column: &str) -> Result<(), SandboxError> {
        self.transact(|state| {
            let Some(there) = state.topology.keyspaces.get_mut(keyspace) else { return };
            let added = Column::parse(&format!("{column} int"));
            for found in there.shards.iter_mut().filter_map(|shard| shard.tables.get_mut(table)) {
                found.columns.push(added.clone());
            }
            let statement = format!("alter table `{table}` add column `{column}` int");
            let followers: Vec<(String, String)> = followers(state, keyspace, table);
            for stream in state.streams.iter_mut().filter(|stream| follows(stream, keyspace, table)) {
                if stream.settings.on_ddl == i32::from(OnDdlAction::Stop) {
                    stream.state = super::stream::State::Stopped;
                    stream.message = format!("Stopped at DDL {statement}");
                }
            }
            let executes = state.streams.iter().any(|stream| {
                follows(stream, keyspace, table)
                    && [OnDdlAction::Exec, OnDdlAction::ExecIgnore].map(i32::from).contains(&stream.settings.on_ddl)
            });
            for (keyspace, shard) in followers.into_iter().filter(|_| executes) {
                let shard = state.topology.keyspaces.get_mut(&keyspace).and_then(|keyspace| keyspace.shard_mut(&shard));
                if let Some(found) = shard.and_then(|shard| shard.tables.get_mut(table)) {
                    found.columns.push(added.clone());
                }
            }
        })
    }
}

fn follows(stream: &Stream, keyspace: &str, table: &str) -> bool {
    stream.source_keyspace == keyspace
        && stream.stage == Stage::Replicating
        && stream.is_running()
        && stream.tables.iter().any(|(name, _)| name == table)
}

/// The shards to which running streams carry a table's changes.
fn followers(state: &State, keyspace: &str, table: &str) -> Vec<(String, String)> {
    let following = state.streams.iter().filter(|stream| follows(stream, keyspace, table));
    following.map(|stream| (stream.keyspace.clone(), stream.shard.clone())).collect()
}

/// Right after now: a stream that has applied all until now has not applied this.
fn note(state: &mut State, keyspace: &str, table: &str, number: u64, is_put: bool) {
    let at = state.now + SignedDuration::from_nanos(1);
    state.changes_by_hand.push(ChangeByHand { keyspace: keyspace.to_owned(), table: table.to_owned(), at, number, is_put });
}
