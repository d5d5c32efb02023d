//! Every write to a cluster is a value, one file per verb.
//!
//! A plan prints it, the record keeps it, the client sends it: there is no second code path for a dry run. Each verb knows its
//! words, its `vtctldclient` equivalent, and how long its call may take.

mod apply_routing_rules;
mod cancel_workflow;
mod complete_move_tables;
mod create_move_tables;
mod create_vdiff;
mod rebuild_vschema_graph;
mod refresh_shard;
mod remove_stale_lock;
mod rename_tables;
mod set_denied_tables;
mod set_streams;
mod stop_vdiff;
mod switch_traffic;

use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use apply_routing_rules::ApplyRoutingRules;
pub use cancel_workflow::CancelWorkflow;
pub use complete_move_tables::{CompleteMoveTables, SourceTables};
pub use create_move_tables::{AutoIncrementHandling, CreateMoveTables, OnDdl};
pub use create_vdiff::CreateVDiff;
pub use rebuild_vschema_graph::RebuildVSchemaGraph;
pub use refresh_shard::RefreshShard;
pub use remove_stale_lock::RemoveStaleLock;
pub use rename_tables::{Rename, RenameTables};
pub use set_denied_tables::SetDeniedTables;
pub use set_streams::{SetStreams, StreamsWanted};
pub use stop_vdiff::StopVDiff;
pub use switch_traffic::{Direction, SwitchTraffic};

/// One write.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case", tag = "verb")]
pub enum Mutation {
    CreateMoveTables(CreateMoveTables),
    SetStreams(SetStreams),
    CreateVDiff(CreateVDiff),
    StopVDiff(StopVDiff),
    SwitchTraffic(SwitchTraffic),
    CompleteMoveTables(CompleteMoveTables),
    CancelWorkflow(CancelWorkflow),
    ApplyRoutingRules(ApplyRoutingRules),
    RebuildVSchemaGraph(RebuildVSchemaGraph),
    RenameTables(RenameTables),
    SetDeniedTables(SetDeniedTables),
    RefreshShard(RefreshShard),
    RemoveStaleLock(RemoveStaleLock),
}

/// What each verb tells about itself.
pub trait Verb {
    /// The RPC of `vtctlservice.Vtctld` that does it.
    fn call(&self) -> &'static str;
    /// What it does, as a line of a plan: present tense, no full stop.
    fn words(&self) -> String;
    /// The same by hand, without `--server`.
    fn equivalent(&self) -> String;
    /// The deadline of the call: longer than the server's own budget, so that we never break a call that still works.
    fn deadline(&self) -> Duration;
    /// How long it takes from sending to its end at the worst that is ordinary: what must fit into what is left of a window.
    fn worst_case_seconds(&self) -> u64 {
        LOCKED_WORST_CASE_SECONDS
    }
}

impl Mutation {
    /// A write that no phase sends, only the finishing of another.
    pub fn is_mending(&self) -> bool {
        matches!(
            self,
            Self::RebuildVSchemaGraph(_)
                | Self::RenameTables(_)
                | Self::SetDeniedTables(_)
                | Self::RefreshShard(_)
                | Self::RemoveStaleLock(_)
        )
    }

    /// Whether its call takes a lock of the topology: of a name, of keyspaces. One that takes none waits for nobody's.
    pub fn takes_locks(&self) -> bool {
        match self {
            Self::CreateMoveTables(_)
            | Self::SwitchTraffic(_)
            | Self::CompleteMoveTables(_)
            | Self::CancelWorkflow(_)
            | Self::SetDeniedTables(_)
            | Self::CreateVDiff(_)
            | Self::StopVDiff(_) => true,
            Self::SetStreams(_)
            | Self::ApplyRoutingRules(_)
            | Self::RebuildVSchemaGraph(_)
            | Self::RenameTables(_)
            | Self::RefreshShard(_)
            | Self::RemoveStaleLock(_) => false,
        }
    }

    pub fn verb(&self) -> &dyn Verb {
        match self {
            Self::CreateMoveTables(it) => it,
            Self::SetStreams(it) => it,
            Self::CreateVDiff(it) => it,
            Self::StopVDiff(it) => it,
            Self::SwitchTraffic(it) => it,
            Self::CompleteMoveTables(it) => it,
            Self::CancelWorkflow(it) => it,
            Self::ApplyRoutingRules(it) => it,
            Self::RebuildVSchemaGraph(it) => it,
            Self::RenameTables(it) => it,
            Self::SetDeniedTables(it) => it,
            Self::RefreshShard(it) => it,
            Self::RemoveStaleLock(it) => it,
        }
    }
}

/// vtctld waits this long for a lock (`--lock-timeout`).
const LOCK_WAIT: Duration = Duration::from_secs(45);

/// Three waits for locks, and a refresh of all tablets (30 s).
const LOCKED_WORST_CASE_SECONDS: u64 = LOCK_WAIT.as_secs() * 3 + 30;

/// A deadline for a call that takes the workflow's lock and both keyspaces', and does work of `work`.
fn locked_deadline(work: Duration) -> Duration {
    LOCK_WAIT * 3 + work + Duration::from_secs(60)
}

/// Quotes a word for a shell if it needs it.
pub fn shell(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:,=@%+".contains(c);
    if !word.is_empty() && word.chars().all(plain) { word.to_owned() } else { format!("'{}'", word.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::shell;

    #[test]
    fn words_for_a_shell_are_quoted_only_when_they_must_be() {
        assert_eq!(shell("customer,corder"), "customer,corder");
        assert_eq!(shell("with space"), "'with space'");
        assert_eq!(shell("it's"), r"'it'\''s'");
    }
}
