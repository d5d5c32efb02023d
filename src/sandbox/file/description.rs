//! `sandbox.toml`: the cluster that a sandbox begins as, and what shall go wrong in it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::vschema::VSchemaFile;
use crate::sandbox::fault::When;
use crate::sandbox::topology::Kind;

/// A cluster to begin with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Description {
    /// The version of this format: 1.
    #[schemars(range(min = 1, max = 1))]
    pub version: u32,
    /// The sandbox's time at its beginning. Left out: the time of the first command. It stands still while no command runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<Timestamp>,
    /// The first one is where all tablets are; the others serve a SrvVSchema and have no tablets.
    #[serde(default = "one_cell")]
    pub cells: Vec<String>,
    pub keyspaces: BTreeMap<String, KeyspaceDescription>,
    #[serde(default)]
    pub application: ApplicationDescription,
    #[serde(default)]
    pub speed: Speed,
    /// Routing rules that are there before anybody comes: from a table to a table.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub routing_rules: BTreeMap<String, String>,
    /// From a shard (`commerce.0`) to a keyspace.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub shard_routing_rules: BTreeMap<String, String>,
    /// From a keyspace (`commerce`, `commerce@replica`) to a keyspace.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub keyspace_routing_rules: BTreeMap<String, String>,
    /// From a table (`commerce.corder@replica`) to a table with how many percent of the reads: `customer.corder 10`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub mirror_rules: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub goes_wrong: Vec<Trouble>,
}

fn one_cell() -> Vec<String> {
    vec!["zone1".to_owned()]
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct KeyspaceDescription {
    /// Names of shards: `["0"]`, or key ranges such as `["-80", "80-"]`.
    #[serde(default = "one_shard")]
    pub shards: Vec<String>,
    /// Of each shard, besides its primary.
    #[serde(default = "one")]
    pub replicas: u32,
    /// Tablets for batch reads, of each shard.
    #[serde(default)]
    pub rdonly: u32,
    /// The uid of its first tablet; each shard begins a hundred later. Left out: after those of the keyspaces before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_tablet_uid: Option<u32>,
    #[serde(default, rename = "mysql")]
    pub mysql: MySqlDescription,
    /// As Vitess's own JSON has it. Without one the keyspace has an empty VSchema, unsharded.
    #[serde(default)]
    pub vschema: VSchemaFile,
    #[serde(default)]
    pub tables: BTreeMap<String, TableDescription>,
    /// Tables that its primaries refuse before anybody comes: left behind by somebody.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub denied_tables: Vec<String>,
    /// Views, each with the tables that it reads.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub views: BTreeMap<String, Vec<String>>,
}

fn one_shard() -> Vec<String> {
    vec!["0".to_owned()]
}

fn one() -> u32 {
    1
}

/// The MySQL of every tablet of a keyspace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct MySqlDescription {
    pub version: String,
    pub binlog_format: String,
    pub binlog_row_image: String,
    pub gtid_mode: String,
    /// How long binlogs are kept; 0 is for ever.
    pub binlog_expire_logs_seconds: u64,
    /// Whether the account of Vitess's streams may write tables.
    pub streams_may_write: bool,
    /// Whether replicas replicate. They still answer reads when they don't.
    pub replicates: bool,
}

impl Default for MySqlDescription {
    fn default() -> Self {
        Self {
            version: "9.7.1".to_owned(),
            binlog_format: "ROW".to_owned(),
            binlog_row_image: "FULL".to_owned(),
            gtid_mode: "ON".to_owned(),
            binlog_expire_logs_seconds: 259_200,
            streams_may_write: true,
            replicates: true,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct TableDescription {
    /// At the beginning, over all shards; their ids are 1 and up.
    #[serde(default)]
    pub rows: u64,
    #[serde(default = "hundred_bytes")]
    pub bytes_per_row: u64,
    /// As in DDL: `customer_id bigint not null auto_increment`. Left out: `id bigint not null` and `data varbinary(100)`.
    #[serde(default = "default_columns")]
    pub columns: Vec<String>,
    /// Left out: the first column. An empty list: it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub primary_key: Option<Vec<String>>,
    /// Columns of secondary keys.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<String>,
    /// Foreign keys to tables of the same keyspace.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub foreign_keys: Vec<ForeignKeyDescription>,
    /// Names of triggers on it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub triggers: Vec<String>,
    /// It is a sequence table, and this is its `next_id`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sequence_next_id: Option<u64>,
    /// Columns in which a row holds a NULL.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub nulls_in: Vec<String>,
    /// How many rows the application inserts a second.
    #[serde(default)]
    pub writes_per_second: u32,
}

/// A foreign key of one column.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ForeignKeyDescription {
    pub column: String,
    /// The other table, and its column.
    pub table: String,
    pub table_column: String,
    /// A row that is deleted takes those that name it with it.
    #[serde(default)]
    pub cascades: bool,
}

fn hundred_bytes() -> u64 {
    100
}

fn default_columns() -> Vec<String> {
    vec!["id bigint not null".to_owned(), "data varbinary(100)".to_owned()]
}

/// The application: it inserts rows through vtgate, as each table says, and keeps account of what was acknowledged.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct ApplicationDescription {
    /// The keyspace that it is connected to. Left out: none; then the names of tables alone lead to them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keyspace: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Speed {
    /// Of each stream.
    #[schemars(range(min = 1))]
    pub copy_rows_per_second: u64,
    /// Of each shard.
    #[schemars(range(min = 1))]
    pub vdiff_rows_per_second: u64,
}

impl Default for Speed {
    fn default() -> Self {
        Self { copy_rows_per_second: 20_000, vdiff_rows_per_second: 50_000 }
    }
}

/// Something that goes wrong. Times are in seconds since the sandbox's beginning.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", rename_all_fields = "kebab-case", tag = "what", deny_unknown_fields)]
pub enum Trouble {
    /// Each VDiff of this table finds rows that differ.
    RowsDiffer {
        table: String,
        /// Rows that are on both sides and are not the same.
        #[serde(default)]
        mismatched: u64,
        /// Rows that only the source has.
        #[serde(default)]
        missing_on_target: u64,
        /// Rows that only the target has.
        #[serde(default)]
        extra_on_target: u64,
    },
    /// A transaction holds a write lock on a table of this keyspace.
    LongTransaction {
        keyspace: String,
        table: String,
        #[serde(default)]
        after_seconds: u64,
        lasts_seconds: u64,
    },
    /// The streams of a target keyspace fall behind by so much.
    Lag {
        keyspace: String,
        #[serde(default)]
        after_seconds: u64,
        lasts_seconds: u64,
        seconds: u64,
    },
    /// The streams of a target keyspace stop with an error, and go on when it is over. Those of the way back have the source keyspace
    /// as their target.
    StreamError {
        keyspace: String,
        message: String,
        #[serde(default)]
        after_seconds: u64,
        lasts_seconds: u64,
    },
    /// A call is refused with these words.
    Refuse {
        call: String,
        message: String,
        /// Which call of this name, from 1.
        #[serde(default = "first")]
        number: u64,
    },
    /// A call is done, and its answer is lost with the connection.
    LoseAnswer {
        call: String,
        #[serde(default = "first")]
        number: u64,
    },
    /// cutover itself is killed, as `kill -9` does, when it makes a call: at once, or so long after the call began.
    KillCutover {
        call: String,
        #[serde(default = "first")]
        number: u64,
        /// In a call that takes its time, such as a switch.
        #[serde(default)]
        after_milliseconds: u64,
    },
    /// vtctld does not answer.
    VtctldDown {
        #[serde(default)]
        after_seconds: u64,
        lasts_seconds: u64,
    },
    /// vtctld is killed, as `kill -9` does, at a step inside a call. What is under way stays where it is, nothing is rolled back, and its
    /// locks stay until their leases end: that of the workflow for 24 hours.
    KillVtctld {
        call: String,
        #[serde(default = "first")]
        number: u64,
        /// Such as `save-rules` in a WorkflowSwitchTraffic. A name that there is not, `?` say, is answered with all that there are.
        step: String,
        /// Of a step that is done for each shard or cell, the one: `commerce/0`, `zone1`. Left out: the first.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        at: Option<String>,
        /// Left out: after it.
        #[serde(default = "after")]
        when: When,
        /// 0: it is there again at once.
        #[serde(default)]
        restarts_after_seconds: u64,
    },
    /// A shard gets another primary: its first replica.
    Reparent {
        keyspace: String,
        shard: String,
        #[serde(default)]
        after_seconds: u64,
    },
    /// A tablet of a shard answers nobody: its primary, or its first of another type.
    TabletDown {
        keyspace: String,
        shard: String,
        tablet_type: Kind,
        #[serde(default)]
        after_seconds: u64,
        lasts_seconds: u64,
    },
    /// The streams of a target keyspace are throttled: they run, and apply nothing.
    Throttled {
        keyspace: String,
        #[serde(default)]
        after_seconds: u64,
        lasts_seconds: u64,
    },
    /// An online schema change of a table runs.
    SchemaChange {
        keyspace: String,
        table: String,
        #[serde(default)]
        after_seconds: u64,
        lasts_seconds: u64,
    },
    /// No VDiff gets to its next table.
    VdiffStuck {
        #[serde(default)]
        after_seconds: u64,
        lasts_seconds: u64,
    },
    /// A VDiff ends with an error when it comes to this table.
    VdiffError {
        table: String,
        message: String,
        /// Which VDiff, from 1.
        #[serde(default = "first")]
        number: u64,
    },
    /// Somebody else acts on a workflow, as with vtctldclient. What is refused is refused.
    SomebodyActs {
        #[serde(default)]
        after_seconds: u64,
        does: Deed,
        /// The target keyspace.
        keyspace: String,
        workflow: String,
    },
    /// Somebody else changes the routing rules: sets these, and takes away those whose value is empty.
    SomebodyChangesRules {
        #[serde(default)]
        after_seconds: u64,
        rules: BTreeMap<String, String>,
    },
}

/// What somebody else does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Deed {
    Stop,
    Start,
    Cancel,
    SwitchReads,
    SwitchWrites,
    ReverseWrites,
    Complete,
}

fn after() -> When {
    When::After
}

fn first() -> u64 {
    1
}
