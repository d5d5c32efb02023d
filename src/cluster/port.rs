//! The port: what can be asked of a cluster, and what can be done to it.
//!
//! `plan` is given a [`Reader`] alone, so it cannot write. A read says what it saw and when; what could not be read is an
//! [`Unread`] with its reason and never an empty answer, for a gate must not pass on missing data.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::error::ClusterError;
use super::mutation::Mutation;
use crate::model::name::{KeyspaceName, TableName, WorkflowName};
use crate::model::routing::RoutingRules;
use crate::model::schema::TableDefinition;
use crate::model::schema_change::SchemaChange;
use crate::model::stream_user::StreamUser;
use crate::model::throttler::Throttler;
use crate::model::topology::{Cells, Keyspace, Tablet, TabletAlias};
use crate::model::vdiff::{VDiff, VDiffListed};
use crate::model::vschema::VSchema;
use crate::model::workflow::{Workflow, WorkflowStatus};

/// Reads from a cluster; changes nothing.
#[async_trait]
pub trait Reader: Send + Sync {
    /// One look at the cluster. An error means that nothing of it may be used.
    async fn observe(&self, query: &Query) -> Result<Facts, ClusterError>;

    /// Goes on with a look that asked for `known` and found `facts`: what these lack of `more` is added to them, and what they have
    /// is not read a second time. All of it is as old as the first of it.
    async fn observe_more(&self, facts: Facts, known: &Query, more: &Query) -> Result<Facts, ClusterError> {
        // Who reads nothing that is large looks anew.
        drop(facts);
        let mut all = known.clone();
        all.merge(more.clone());
        self.observe(&all).await
    }
}

/// Writes to a cluster.
#[async_trait]
pub trait Writer: Send + Sync {
    /// Sends one write, once. Neither an OK nor an error is evidence: the caller observes what is there afterwards.
    async fn perform(&self, mutation: &Mutation) -> Result<Receipt, ClusterError>;
}

/// What the server said of a write. A hint for people, not a proof.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Receipt {
    pub summary: String,
}

/// What to look at. The base (cells, rules, what each cell serves) is always read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Query {
    /// Shards and VSchema of these.
    pub keyspaces: BTreeSet<KeyspaceName>,
    pub workflows: BTreeSet<(KeyspaceName, WorkflowName)>,
    pub asks: BTreeSet<Ask>,
}

impl Query {
    pub fn merge(&mut self, other: Query) {
        self.keyspaces.extend(other.keyspaces);
        self.workflows.extend(other.workflows);
        self.asks.extend(other.asks);
    }

    /// Whether a look of `wider` has all that this asks for.
    pub fn is_within(&self, wider: &Self) -> bool {
        self.keyspaces.is_subset(&wider.keyspaces)
            && self.workflows.is_subset(&wider.workflows)
            && self.asks.is_subset(&wider.asks)
    }
}

/// One thing to look at beyond the base. The SQL among them is a closed list of bounded SELECTs (`cluster/vtctld/sql`).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ask {
    /// Every tablet's record of a keyspace.
    Tablets(KeyspaceName),
    /// MySQL's replication and binlog settings on every tablet of a keyspace.
    TabletStatus(KeyspaceName),
    /// Definitions on each shard's primary. Without names: every table.
    Tables {
        keyspace: KeyspaceName,
        names: Option<Vec<TableName>>,
    },
    /// Names of all base tables on each shard's primary.
    TableNames(KeyspaceName),
    /// Progress of the copy.
    CopyProgress {
        keyspace: KeyspaceName,
        workflow: WorkflowName,
    },
    /// Every VDiff of a workflow.
    VDiffs {
        keyspace: KeyspaceName,
        workflow: WorkflowName,
    },
    VDiff {
        keyspace: KeyspaceName,
        workflow: WorkflowName,
        uuid: String,
    },
    /// The named locks of workflows and the locks of keyspaces: who holds them, since when.
    Locks {
        workflows: Vec<(KeyspaceName, WorkflowName)>,
        keyspaces: Vec<KeyspaceName>,
    },
    /// The VSchema of every keyspace of the cluster, as the topology holds it: one call a keyspace.
    AllVSchemas,
    /// The names of all keyspaces of the cluster.
    KeyspaceNames,
    /// Every workflow that has a stream in a keyspace, whoever made it.
    Workflows(KeyspaceName),
    /// The lock of a keyspace and those of all its workflows, also of workflows that are gone.
    AllLocks(KeyspaceName),
    /// Online schema changes of a keyspace that have not ended, whoever asked for them.
    SchemaChanges(KeyspaceName),
    /// What the throttlers of a keyspace's primaries say to streams.
    Throttlers(KeyspaceName),
    /// Whether each table holds a row, per shard.
    Sql(Question),
}

/// A question that only SQL answers. Each is one bounded SELECT a shard.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Question {
    /// Which of the tables hold a row.
    HasRows { keyspace: KeyspaceName, tables: Vec<TableName> },
    /// Which of the columns hold a NULL.
    HasNull { keyspace: KeyspaceName, columns: Vec<(TableName, String)> },
    /// The largest value of a column, over all shards.
    LargestValue { keyspace: KeyspaceName, columns: Vec<(TableName, String)> },
    /// `next_id` of sequence tables.
    SequenceNext { keyspace: KeyspaceName, sequences: Vec<TableName> },
    /// Transactions that hold a write lock on one of the tables, on each shard's primary.
    WriteLocks { keyspace: KeyspaceName, tables: Vec<TableName> },
    /// The journals of switches, on each shard's primary: the point of no return of one.
    Journals { keyspace: KeyspaceName },
    /// How long each shard's primary keeps its binlogs.
    BinlogRetention { keyspace: KeyspaceName },
    /// What the account may do by which streams write, on each shard's primary.
    StreamUser { keyspace: KeyspaceName },
    /// What in the database holds on to tables: foreign keys, triggers, views.
    Dependents { keyspace: KeyspaceName },
}

/// What a look found.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Facts {
    pub observed_at: Timestamp,
    pub cells: Cells,
    /// Asked for and there; what was asked for and is missing here doesn't exist.
    pub keyspaces: BTreeMap<KeyspaceName, Keyspace>,
    /// Absent for a keyspace that has none.
    pub vschemas: BTreeMap<KeyspaceName, VSchema>,
    /// The global rules: what is served after the next rebuild.
    pub routing_rules: RoutingRules,
    /// What each cell serves now. A cell without SrvVSchema is absent.
    pub served: BTreeMap<String, Served>,
    /// Rules of the other kinds, in canonical text, for "all that must not have changed".
    pub other_rules: OtherRules,
    /// Those that were asked for and exist.
    pub workflows: Vec<Workflow>,
    /// The keyspaces that were asked for, whether they exist or not.
    #[serde(default)]
    pub asked_keyspaces: BTreeSet<KeyspaceName>,
    pub answers: Vec<Answered>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Served {
    pub routing_rules: RoutingRules,
    /// Digest of each keyspace's served VSchema, comparable with that of the global one.
    pub vschemas: BTreeMap<String, VSchema>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OtherRules {
    /// `from_keyspace.shard` to keyspace.
    pub shard: BTreeMap<String, String>,
    /// Keyspace with its suffix, to keyspace.
    pub keyspace: BTreeMap<String, String>,
    /// `from_table` to `to_table percent`, several of them with commas between.
    pub mirror: BTreeMap<String, String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Answered {
    pub ask: Ask,
    pub answer: Result<Answer, Unread>,
}

/// Why something could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{why}")]
pub struct Unread {
    pub why: String,
}

impl Unread {
    pub fn new(why: impl Into<String>) -> Self {
        Self { why: why.into() }
    }
}

/// A reading, or why there is none.
pub type Reading<T> = Result<T, Unread>;

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    Tablets(Vec<Tablet>),
    TabletStatus(Vec<TabletStatus>),
    /// By shard, then by table.
    Tables(BTreeMap<String, BTreeMap<String, TableDefinition>>),
    /// By shard.
    TableNames(BTreeMap<String, BTreeSet<String>>),
    CopyProgress(WorkflowStatus),
    VDiffs(Vec<VDiffListed>),
    /// None: Vitess knows no VDiff of that id.
    VDiff(Option<VDiff>),
    Locks(Vec<HeldLock>),
    /// By keyspace; one that has no VSchema is absent.
    AllVSchemas(BTreeMap<String, VSchema>),
    KeyspaceNames(BTreeSet<String>),
    /// In the order of their names.
    Workflows(Vec<Workflow>),
    /// Tables with a row, by shard.
    HasRows(BTreeMap<String, BTreeSet<String>>),
    /// Tables whose column holds a NULL.
    HasNull(BTreeSet<String>),
    /// By table; none for an empty one.
    LargestValue(BTreeMap<String, Option<i128>>),
    /// By sequence; none when the table has no row.
    SequenceNext(BTreeMap<String, Option<i64>>),
    WriteLocks(Vec<WriteLock>),
    /// Their ids, by shard.
    Journals(BTreeMap<String, BTreeSet<i64>>),
    /// In the order of shards and ids.
    SchemaChanges(Vec<SchemaChange>),
    /// By shard.
    Throttlers(BTreeMap<String, Throttler>),
    /// Seconds by shard; none for binlogs that are never purged.
    BinlogRetention(BTreeMap<String, Option<u64>>),
    /// By shard.
    StreamUser(BTreeMap<String, StreamUser>),
    /// Those of all shards, each once.
    Dependents(BTreeSet<Dependent>),
}

/// One tablet's MySQL, from `GetFullStatus`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TabletStatus {
    pub alias: TabletAlias,
    /// The tablet's answer, or why it gave none.
    pub status: Result<MySqlStatus, String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MySqlStatus {
    pub version: String,
    /// `ROW`
    pub binlog_format: String,
    /// `FULL`
    pub binlog_row_image: String,
    /// `ON`
    pub gtid_mode: String,
    pub log_bin_enabled: bool,
    pub log_replica_updates: bool,
    /// None for a tablet that doesn't replicate (a primary).
    pub replication_lag_seconds: Option<u32>,
    pub replication_is_running: Option<bool>,
}

/// A lock in the topology, as its holder described it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldLock {
    /// `customer/commerce2customer` for a workflow, `commerce` for a keyspace.
    pub of: String,
    /// Its node below `…/locks/`: with etcd the id of its lease.
    pub node: String,
    /// The node's version.
    pub version: i64,
    /// It stands behind another one, and waits.
    pub waits: bool,
    pub action: String,
    pub host: String,
    pub user: String,
    /// As Vitess wrote it.
    pub time: String,
}

impl HeldLock {
    /// Of a workflow's name, not of a keyspace.
    pub fn is_named(&self) -> bool {
        self.of.contains('/')
    }

    /// Its node below the topology's global root: `internal/named_locks/customer/commerce2customer/locks/7587870493894462747`.
    pub fn path(&self) -> String {
        let kind = if self.is_named() { "internal/named_locks" } else { "keyspaces" };
        format!("{kind}/{}/locks/{}", self.of, self.node)
    }
}

/// A transaction that holds a write lock on a moved table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WriteLock {
    pub shard: String,
    pub table: String,
    /// MySQL's id of the connection, for `KILL`.
    pub connection: i64,
    pub user: String,
    pub host: String,
    pub age_milliseconds: u64,
}

/// Something in a database that holds on to a table.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Dependent {
    pub kind: DependentKind,
    /// The table that has the foreign key or the trigger; the view itself.
    pub owner: String,
    /// Of the foreign key, the trigger or the view.
    pub name: String,
    pub table: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DependentKind {
    /// The owner has a foreign key to the table.
    ForeignKey,
    /// A trigger of the table's own.
    Trigger,
    /// A trigger of another table, the owner, names the table in its body.
    TriggerElsewhere,
    /// A view reads the table.
    View,
}

impl Facts {
    /// Whether each thing that `query` asks for was looked at. What was looked at may still be unread.
    pub fn covers(&self, query: &Query) -> bool {
        query.keyspaces.is_subset(&self.asked_keyspaces)
            && query.asks.iter().all(|ask| self.answers.iter().any(|answered| &answered.ask == ask))
    }

    /// What more can be asked from: its keyspaces and VSchemas, and nothing else of it.
    pub fn ground(&self) -> Self {
        Self {
            observed_at: self.observed_at,
            cells: self.cells.clone(),
            keyspaces: self.keyspaces.clone(),
            vschemas: self.vschemas.clone(),
            routing_rules: RoutingRules::default(),
            served: BTreeMap::new(),
            other_rules: OtherRules::default(),
            workflows: Vec::new(),
            asked_keyspaces: self.asked_keyspaces.clone(),
            answers: Vec::new(),
        }
    }

    pub fn answer(&self, ask: &Ask) -> Reading<&Answer> {
        match self.answers.iter().find(|answered| &answered.ask == ask) {
            Some(Answered { answer: Ok(answer), .. }) => Ok(answer),
            Some(Answered { answer: Err(unread), .. }) => Err(unread.clone()),
            None => Err(Unread::new("it was not asked for")),
        }
    }

    pub fn workflow(&self, keyspace: &KeyspaceName, name: &WorkflowName) -> Option<&Workflow> {
        self.workflows.iter().find(|workflow| workflow.keyspace == keyspace.as_str() && workflow.name == name.as_str())
    }
}

/// `facts.answer(...)` narrowed to the kind that the ask has.
macro_rules! reading {
    ($name:ident, $kind:ident, $out:ty) => {
        impl Facts {
            pub fn $name(&self, ask: &Ask) -> Reading<&$out> {
                match self.answer(ask)? {
                    Answer::$kind(value) => Ok(value),
                    _ => Err(Unread::new("the answer is of another kind")),
                }
            }
        }
    };
}

reading!(tablets, Tablets, Vec<Tablet>);
reading!(tablet_status, TabletStatus, Vec<TabletStatus>);
reading!(tables, Tables, BTreeMap<String, BTreeMap<String, TableDefinition>>);
reading!(table_names, TableNames, BTreeMap<String, BTreeSet<String>>);
reading!(copy_progress, CopyProgress, WorkflowStatus);
reading!(vdiffs, VDiffs, Vec<VDiffListed>);
reading!(vdiff, VDiff, Option<VDiff>);
reading!(locks, Locks, Vec<HeldLock>);
reading!(all_vschemas, AllVSchemas, BTreeMap<String, VSchema>);
reading!(keyspace_names, KeyspaceNames, BTreeSet<String>);
reading!(workflows_of, Workflows, Vec<Workflow>);
reading!(has_rows, HasRows, BTreeMap<String, BTreeSet<String>>);
reading!(has_null, HasNull, BTreeSet<String>);
reading!(largest_value, LargestValue, BTreeMap<String, Option<i128>>);
reading!(sequence_next, SequenceNext, BTreeMap<String, Option<i64>>);
reading!(write_locks, WriteLocks, Vec<WriteLock>);
reading!(journals, Journals, BTreeMap<String, BTreeSet<i64>>);
reading!(schema_changes, SchemaChanges, Vec<SchemaChange>);
reading!(throttlers, Throttlers, BTreeMap<String, Throttler>);
reading!(binlog_retention, BinlogRetention, BTreeMap<String, Option<u64>>);
reading!(stream_user, StreamUser, BTreeMap<String, StreamUser>);
reading!(dependents, Dependents, BTreeSet<Dependent>);
