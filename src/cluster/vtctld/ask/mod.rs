//! The asks of an observation: one small file each. An ask that fails is unread with its reason; the others go on.

mod all_vschemas;
mod copy_progress;
mod keyspace_names;
mod locks;
mod schema_changes;
mod tables;
mod tablet_status;
pub(super) mod tablets;
mod throttlers;
mod vdiffs;
mod workflows;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use tokio::sync::OnceCell;

use super::call::Vtctld;
use super::cluster::SqlReads;
use super::convert::Malformed;
use super::pieces::Sizes;
use super::sql;
use crate::cluster::error::{ClusterError, ErrorKind};
use crate::cluster::port::{Answer, Ask, Question, Unread};
use crate::model::name::{KeyspaceName, ShardName};
use crate::model::topology::{Keyspace, Tablet, TabletAlias};
use crate::model::vschema::VSchema;

/// Calls at once within one ask.
pub(super) const CALLS_AT_ONCE: usize = 8;

/// By keyspace, read by whoever asks first.
type ReadOnce<T> = Mutex<BTreeMap<KeyspaceName, Arc<OnceCell<T>>>>;

/// What every ask works with.
#[derive(Clone)]
pub(super) struct Asking {
    pub vtctld: Vtctld,
    /// Of the same observation; those that exist.
    pub keyspaces: Arc<BTreeMap<KeyspaceName, Keyspace>>,
    /// Those that were read with them.
    pub vschemas: Arc<BTreeMap<KeyspaceName, VSchema>>,
    /// Records of tablets, which several asks need.
    pub tablets: Arc<ReadOnce<Vec<Tablet>>>,
    pub sizes: Arc<Sizes>,
    pub sql: SqlReads,
}

/// Why an ask has no answer.
#[derive(Debug)]
pub(super) struct NotRead {
    pub unread: Unread,
    pub cause: Cause,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cause {
    /// It may be vtctld that could not be reached.
    Unreachable,
    /// A statement took longer than it may.
    TooSlow,
    Other,
}

impl From<ClusterError> for NotRead {
    fn from(error: ClusterError) -> Self {
        let cause = if error.kind == ErrorKind::Unreachable { Cause::Unreachable } else { Cause::Other };
        Self { unread: Unread::new(error.to_string()), cause }
    }
}

impl From<Malformed> for NotRead {
    fn from(malformed: Malformed) -> Self {
        Self { unread: Unread::new(malformed.to_string()), cause: Cause::Other }
    }
}

impl From<Unread> for NotRead {
    fn from(unread: Unread) -> Self {
        Self { unread, cause: Cause::Other }
    }
}

impl Asking {
    /// The keyspaces whose shards an ask goes to.
    pub fn keyspaces(ask: &Ask) -> Option<KeyspaceName> {
        match ask {
            Ask::Tables { keyspace, .. } | Ask::TableNames(keyspace) | Ask::Throttlers(keyspace) => Some(keyspace.clone()),
            Ask::Sql(
                Question::HasRows { keyspace, .. }
                | Question::HasNull { keyspace, .. }
                | Question::LargestValue { keyspace, .. }
                | Question::SequenceNext { keyspace, .. }
                | Question::WriteLocks { keyspace, .. }
                | Question::Journals { keyspace }
                | Question::BinlogRetention { keyspace }
                | Question::StreamUser { keyspace }
                | Question::Dependents { keyspace },
            ) => Some(keyspace.clone()),
            Ask::Tablets(_)
            | Ask::TabletStatus(_)
            | Ask::CopyProgress { .. }
            | Ask::VDiffs { .. }
            | Ask::VDiff { .. }
            | Ask::Locks { .. }
            | Ask::AllVSchemas
            | Ask::KeyspaceNames
            | Ask::Workflows(_)
            | Ask::SchemaChanges(_)
            | Ask::AllLocks(_) => None,
        }
    }

    pub async fn answer(&self, ask: &Ask) -> Result<Answer, NotRead> {
        match ask {
            Ask::Tablets(keyspace) => tablets::answer(self, keyspace).await,
            Ask::TabletStatus(keyspace) => tablet_status::answer(self, keyspace).await,
            Ask::Tables { keyspace, names } => tables::definitions(self, keyspace, names.as_deref()).await,
            Ask::TableNames(keyspace) => tables::names(self, keyspace).await,
            Ask::CopyProgress { keyspace, workflow } => copy_progress::answer(self, keyspace, workflow).await,
            Ask::VDiffs { keyspace, workflow } => vdiffs::all(self, keyspace, workflow).await,
            Ask::VDiff { keyspace, workflow, uuid } => vdiffs::one(self, keyspace, workflow, uuid).await,
            Ask::Locks { workflows, keyspaces } => locks::answer(self, workflows, keyspaces).await,
            Ask::AllVSchemas => all_vschemas::answer(self).await,
            Ask::KeyspaceNames => keyspace_names::answer(self).await,
            Ask::Workflows(keyspace) => workflows::answer(self, keyspace).await,
            Ask::AllLocks(keyspace) => locks::all(self, keyspace).await,
            Ask::SchemaChanges(keyspace) => schema_changes::answer(self, keyspace).await,
            Ask::Throttlers(keyspace) => throttlers::answer(self, keyspace).await,
            Ask::Sql(question) => sql::answer(self, question).await,
        }
    }

    /// Each shard of a keyspace with its primary.
    pub fn primaries(&self, keyspace: &KeyspaceName) -> Result<Vec<(ShardName, TabletAlias)>, Unread> {
        let found = self.keyspaces.get(keyspace).ok_or_else(|| Unread::new(format!("keyspace {keyspace} does not exist")))?;
        if found.shards.is_empty() {
            return Err(Unread::new(format!("keyspace {keyspace} has no shards")));
        }
        let primary = |(name, shard): (&ShardName, &crate::model::topology::Shard)| match &shard.primary_alias {
            Some(alias) => Ok((name.clone(), alias.clone())),
            None => Err(Unread::new(format!("shard {keyspace}/{name} has no primary"))),
        };
        found.shards.iter().map(primary).collect()
    }
}
