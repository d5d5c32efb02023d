//! What somebody does at MySQL itself to settings, grants, and what holds on to tables: for tests.

use super::file::description::ForeignKeyDescription;
use super::state::State;
use super::stream::{Stage, State as StreamState, Stream};
use super::table::Column;
use super::{Sandbox, SandboxError};
use crate::cluster::vtctld::generated::binlogdata::OnDdlAction;

impl Sandbox {
    /// `alter table TABLE add column NAME int`. What streams do then, their `on_ddl` says.
    pub fn add_column(&self, keyspace: &str, table: &str, column: &str) -> Result<(), SandboxError> {
        self.transact(|state| add_column(state, keyspace, table, column))
    }

    /// `set global binlog_expire_logs_seconds`, on each tablet of a keyspace. Gives what it was.
    ///
    /// # Errors
    /// As of every transaction: when the state can't be read or written. So with all of these.
    pub fn keep_binlogs(&self, keyspace: &str, seconds: u64) -> Result<Option<u64>, SandboxError> {
        self.transact(|state| {
            let mysql = &mut state.topology.keyspaces.get_mut(keyspace)?.mysql;
            Some(std::mem::replace(&mut mysql.binlog_expire_logs_seconds, seconds))
        })
    }

    /// Grants to the account of the streams what it needs on a keyspace's tables, or takes it away.
    pub fn let_streams_write(&self, keyspace: &str, may_write: bool) -> Result<(), SandboxError> {
        self.transact(|state| {
            if let Some(keyspace) = state.topology.keyspaces.get_mut(keyspace) {
                keyspace.mysql.streams_may_write = may_write;
            }
        })
    }

    /// `alter table TABLE add foreign key`, on each shard.
    pub fn add_foreign_key(&self, keyspace: &str, table: &str, key: &ForeignKeyDescription) -> Result<(), SandboxError> {
        self.transact(|state| {
            let shards = state.topology.keyspaces.get_mut(keyspace).into_iter().flat_map(|keyspace| &mut keyspace.shards);
            for found in shards.filter_map(|shard| shard.tables.get_mut(table)) {
                found.foreign_keys.push(key.clone());
            }
        })
    }

    /// `create trigger NAME … on TABLE`. It is there as if `sandbox.toml` said so, from now on.
    pub fn add_trigger(&self, keyspace: &str, table: &str, name: &str) -> Result<(), SandboxError> {
        self.transact(|state| {
            let tables = state.description.keyspaces.get_mut(keyspace).map(|keyspace| &mut keyspace.tables);
            if let Some(found) = tables.and_then(|tables| tables.get_mut(table)) {
                found.triggers.push(name.to_owned());
            }
        })
    }

    /// `create view NAME` that reads these tables. It is there as if `sandbox.toml` said so, from now on.
    pub fn add_view(&self, keyspace: &str, name: &str, tables: &[&str]) -> Result<(), SandboxError> {
        self.transact(|state| {
            if let Some(keyspace) = state.description.keyspaces.get_mut(keyspace) {
                keyspace.views.insert(name.to_owned(), tables.iter().map(|table| (*table).to_owned()).collect());
            }
        })
    }
}

pub fn add_column(state: &mut State, keyspace: &str, table: &str, column: &str) {
    let Some(there) = state.topology.keyspaces.get_mut(keyspace) else { return };
    let added = Column::parse(&format!("{column} int"));
    for found in there.shards.iter_mut().filter_map(|shard| shard.tables.get_mut(table)) {
        found.columns.push(added.clone());
    }
    let statement = format!("alter table `{table}` add column `{column}` int");
    let followers: Vec<(String, String)> = followers(state, keyspace, table);
    for stream in state.streams.iter_mut().filter(|stream| follows(stream, keyspace, table)) {
        if stream.settings.on_ddl == i32::from(OnDdlAction::Stop) {
            stream.state = StreamState::Stopped;
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
