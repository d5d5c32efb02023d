//! The calls of vtctld that `plan`, `status` and `snapshot` make, for a proxy that lets only these through: vtctld has no credential that
//! may read and not write.

/// A call, and what is read by it.
pub struct ReadCall {
    /// As in `/vtctlservice.Vtctld/NAME`.
    pub name: &'static str,
    pub what: &'static str,
}

/// The one call that could also change rows: what it carries decides. `--no-sql` does without it.
pub const SQL: &str = "ExecuteFetchAsDBA";

pub const CALLS: &[ReadCall] = &[
    ReadCall { name: "GetCellInfoNames", what: "the cells" },
    ReadCall { name: "GetCellsAliases", what: "which cells streams may read from" },
    ReadCall { name: "GetKeyspaces", what: "the other keyspaces that have a name too" },
    ReadCall { name: "GetKeyspace", what: "source and target" },
    ReadCall { name: "FindAllShardsInKeyspace", what: "shards, primaries, denied tables" },
    ReadCall { name: "GetTablets", what: "which tablets streams can read from" },
    ReadCall { name: "GetFullStatus", what: "MySQL's binlog settings and replication" },
    ReadCall { name: "GetVSchema", what: "vindexes and sequences" },
    ReadCall { name: "GetSrvVSchemas", what: "what each cell serves" },
    ReadCall { name: "GetRoutingRules", what: "the rules, of which each phase shows its difference" },
    ReadCall { name: "GetShardRoutingRules", what: "rules of other kinds, which must stay as they are" },
    ReadCall { name: "GetKeyspaceRoutingRules", what: "the same" },
    ReadCall { name: "GetMirrorRules", what: "the same" },
    ReadCall { name: "GetSchema", what: "definitions of the tables" },
    ReadCall { name: "GetWorkflows", what: "streams" },
    ReadCall { name: "WorkflowStatus", what: "how far the copy is" },
    ReadCall { name: "VDiffShow", what: "what was compared" },
    ReadCall { name: "GetTopologyPath", what: "locks that a dead vtctld has left" },
    ReadCall { name: "GetSchemaMigrations", what: "schema changes under way" },
    ReadCall { name: "GetThrottlerStatus", what: "whether the throttler holds streams back, and how full disks are" },
    ReadCall { name: "CheckThrottler", what: "where a throttler is on, what it measures now" },
    ReadCall { name: SQL, what: "bounded SELECTs: rows, NULLs, largest ids, sequences, open transactions, journals" },
];
