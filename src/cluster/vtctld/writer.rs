//! One write, sent once.

use std::time::Duration;

use async_trait::async_trait;

use super::call::Vtctld;
use super::cluster::Cluster;
use crate::cluster::error::{ClusterError, Effect, ErrorKind};
use crate::cluster::mutation::{CreateVDiff, Mutation, RemoveStaleLock};
use crate::cluster::port::{Receipt, Writer};
use crate::cluster::printable;
use crate::cluster::topo::{Removed, Topology};

/// A tablet that is up looks at 10,000 tables in less.
const LOOK_ANEW_DEADLINE: Duration = Duration::from_secs(10);

#[async_trait]
impl Writer for Cluster {
    /// Dropped, the call goes on by itself: a switch that is cut off can leave the writes of an application denied.
    async fn perform(&self, mutation: &Mutation) -> Result<Receipt, ClusterError> {
        let (vtctld, topology, mutation) = (self.vtctld.clone(), self.topology.clone(), mutation.clone());
        match tokio::spawn(async move { send(&vtctld, topology.as_deref(), &mutation).await }).await {
            Ok(outcome) => outcome.map(|summary| Receipt { summary }),
            // Nobody aborts it.
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
    }
}

/// What vtctld says of it; empty when it has no words for it.
async fn send(vtctld: &Vtctld, topology: Option<&dyn Topology>, mutation: &Mutation) -> Result<String, ClusterError> {
    let deadline = mutation.verb().deadline();
    Ok(match mutation {
        Mutation::CreateMoveTables(it) => vtctld.write(it.request(), deadline).await?.traffic_state,
        Mutation::SetStreams(it) => printable(&vtctld.write(it.request(), deadline).await?.summary),
        Mutation::CreateVDiff(it) => {
            look_anew(vtctld, it).await;
            vtctld.write(it.request(), deadline).await?.uuid
        }
        Mutation::StopVDiff(it) => {
            vtctld.write(it.request(), deadline).await?;
            String::new()
        }
        Mutation::SwitchTraffic(it) => printable(&vtctld.write(it.request(), deadline).await?.summary),
        Mutation::CompleteMoveTables(it) => printable(&vtctld.write(it.request(), deadline).await?.summary),
        Mutation::CancelWorkflow(it) => printable(&vtctld.write(it.request(), deadline).await?.summary),
        Mutation::ApplyRoutingRules(it) => {
            vtctld.write(it.request().ok_or_else(without_rules)?, deadline).await?;
            String::new()
        }
        Mutation::RenameTables(it) => {
            vtctld.write(it.request(), deadline).await?;
            String::new()
        }
        Mutation::SetDeniedTables(it) => {
            vtctld.write(it.request().ok_or_else(without_tables)?, deadline).await?;
            String::new()
        }
        Mutation::RefreshShard(it) => {
            vtctld.write(it.request(), deadline).await?;
            String::new()
        }
        Mutation::RemoveStaleLock(it) => return remove_stale_lock(topology, it).await,
        Mutation::RebuildVSchemaGraph(it) => {
            vtctld.write(it.request(), deadline).await?;
            String::new()
        }
    })
}

/// Every tablet looks at its tables. Vitess asks each and goes on without those that don't answer; so does this.
async fn look_anew(vtctld: &Vtctld, vdiff: &CreateVDiff) {
    for request in vdiff.reloads() {
        let keyspace = request.keyspace.clone();
        if let Err(error) = vtctld.write(request, LOOK_ANEW_DEADLINE).await {
            tracing::debug!(%error, keyspace, "not every tablet has looked at its tables anew");
        }
    }
}

/// Past vtctld, for no call of it takes away the lock of another one.
async fn remove_stale_lock(topology: Option<&dyn Topology>, stale: &RemoveStaleLock) -> Result<String, ClusterError> {
    let Some(topology) = topology else {
        return Err(not_sent("etcd", "the operator's file says nothing of the topology server (`topo`)"));
    };
    let keys = topology.named_lock(&stale.keyspace, &stale.workflow).await?;
    let Some(key) = keys.iter().find(|key| key.key.rsplit('/').next() == Some(stale.node.as_str())) else {
        return Ok("it was gone".into());
    };
    Ok(match topology.remove(key).await? {
        Removed::Done => "removed".into(),
        Removed::Gone => "it was gone".into(),
        Removed::Changed => "somebody has written it anew".into(),
    })
}

fn without_rules() -> ClusterError {
    not_sent(
        "ApplyRoutingRules",
        "the edit was read from a record and has no set of rules; it has to be worked out from an observation",
    )
}

fn without_tables() -> ClusterError {
    not_sent("SetShardTabletControl", "without a table Vitess would change those of everybody")
}

fn not_sent(call: &'static str, why: &str) -> ClusterError {
    ClusterError {
        call,
        kind: ErrorKind::Application,
        effect: Effect::None,
        message: format!("not sent: {why}"),
        code: tonic::Code::FailedPrecondition,
    }
}
