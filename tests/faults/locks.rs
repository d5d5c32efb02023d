//! The topology server behind the sandbox, where an operator has said how to reach it: the locks of workflows, and taking one away.

use async_trait::async_trait;
use cutover::cluster::error::{ClusterError, Effect, ErrorKind};
use cutover::cluster::port::HeldLock;
use cutover::cluster::topo::{LockKey, Removed, Topology};
use cutover::model::name::{KeyspaceName, WorkflowName};

use super::kinds::Kind;
use super::oracle;
use super::script::{Of, Strikes};
use super::service::{HANGS, Wire};

/// As `RemoveStaleLock` names its call.
pub const CALL: &str = "etcd Txn";

pub struct LocksOf(pub Wire);

#[async_trait]
impl Topology for LocksOf {
    async fn named_lock(&self, keyspace: &KeyspaceName, workflow: &WorkflowName) -> Result<Vec<LockKey>, ClusterError> {
        let nodes = self.0.sandbox.named_lock_nodes(keyspace.as_str(), workflow.as_str()).unwrap();
        Ok(nodes.into_iter().map(|node| key(keyspace, workflow, node)).collect())
    }

    async fn remove(&self, key: &LockKey) -> Result<Removed, ClusterError> {
        let life = &self.0.life;
        let strikes = life.arrive(Of::WriteCall, CALL.into());
        if matches!(strikes, Strikes::Dead | Strikes::Before) {
            life.die();
            return std::future::pending().await;
        }
        life.script.sends(CALL, self.0.intent(CALL), self.0.now());
        if strikes == Strikes::Call(Kind::LostBefore) {
            return Err(lost());
        }
        match strikes {
            Strikes::Call(Kind::Somebody(act)) => act.act(&self.0.sandbox).await,
            Strikes::Call(Kind::Hangs) => tokio::time::sleep(HANGS).await,
            Strikes::Call(Kind::Frozen) => life.script.stand_still().await,
            _ => {}
        }
        let node = u64::try_from(key.lease).unwrap();
        let was_there = self.0.sandbox.take_away_named_lock_node(key.keyspace.as_str(), key.workflow.as_str(), node).unwrap();
        oracle::ask(&self.0.sandbox, &life.script, CALL);
        match strikes {
            Strikes::After => {
                life.die();
                std::future::pending().await
            }
            Strikes::Call(Kind::AnswerLost | Kind::AnswerLate) => Err(lost()),
            // Twice, it was gone.
            _ if was_there => Ok(Removed::Done),
            _ => Ok(Removed::Gone),
        }
    }
}

fn key(keyspace: &KeyspaceName, workflow: &WorkflowName, node: u64) -> LockKey {
    let lease = i64::try_from(node).unwrap();
    LockKey {
        keyspace: keyspace.clone(),
        workflow: workflow.clone(),
        key: format!("/vitess/global/internal/named_locks/{keyspace}/{workflow}/locks/{node}"),
        mod_revision: lease,
        lease,
        holder: HeldLock {
            of: format!("{keyspace}/{workflow}"),
            node: node.to_string(),
            version: lease,
            waits: false,
            action: String::new(),
            host: "sandbox".into(),
            user: "vitess".into(),
            time: String::new(),
        },
    }
}

fn lost() -> ClusterError {
    ClusterError {
        call: CALL,
        kind: ErrorKind::Unreachable,
        effect: Effect::Unknown,
        message: "connection reset by peer".into(),
        code: tonic::Code::Unavailable,
    }
}
