//! etcd v3 over gRPC: one read of a range, and one transaction that deletes one key if it is still as it was read.

use std::time::Duration;

use async_trait::async_trait;
use tokio::time::timeout;
use tonic::transport::Channel;
use tonic::{Request, Response, Status};

use super::Topology;
use super::address::TopologyAddress;
use super::generated::etcdserverpb as pb;
use super::generated::etcdserverpb::kv_client::KvClient;
use super::lock::{LockKey, Removed, lease_of, prefix};
use crate::cluster::error::{ClusterError, Effect, ErrorKind};
use crate::cluster::vtctld::convert::locks::held_lock;
use crate::cluster::vtctld::{Access, ConnectionError, Failed, TlsSettings, plaintext_channel};
use crate::model::name::{KeyspaceName, WorkflowName};

const READ: &str = "etcd Range";
const REMOVE: &str = "etcd Txn";

/// Of one call to one member. etcd answers in milliseconds, or within its own election of about a second.
const DEADLINE: Duration = Duration::from_secs(5);

/// One holds a lock and each call that waits for it has one more, for 45 s at most.
const MOST_KEYS: i64 = 1000;

/// The members of an etcd, each over a connection of its own that the first call makes.
#[derive(Debug)]
pub struct Etcd {
    members: Vec<Member>,
    root: String,
}

#[derive(Debug)]
struct Member {
    client: KvClient<Channel>,
    /// For messages.
    peer: String,
}

impl Etcd {
    /// Only looks at the settings. `tls` is what to trust and to show where the address says TLS; without it this system decides.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn connect(address: &TopologyAddress, tls: Option<&TlsSettings>) -> Result<Self, ConnectionError> {
        let of_the_system = TlsSettings::default();
        let tls = address.is_tls().then(|| tls.unwrap_or(&of_the_system));
        let members = address.members().iter().map(|member| {
            let (channel, how) = match tls {
                None => (plaintext_channel(member)?, "plaintext"),
                Some(tls) => (tls.channel(member)?, "TLS"),
            };
            Ok(Member { client: KvClient::new(channel), peer: format!("etcd at {member} ({how})") })
        });
        Ok(Self { members: members.collect::<Result<_, ConnectionError>>()?, root: address.root().to_owned() })
    }

    /// Asks one member after the other until one answers.
    async fn range(&self, request: pb::RangeRequest) -> Result<pb::RangeResponse, ClusterError> {
        let mut failures = Vec::new();
        for member in &self.members {
            let mut client = member.client.clone();
            match member.answer(READ, Access::Read, client.range(within_deadline(request.clone()))).await {
                Ok(answer) => return Ok(answer),
                Err(error) if is_silent(&error) => failures.push(error),
                Err(error) => return Err(error),
            }
        }
        Err(together(failures))
    }

    /// As [`range`](Self::range), but a member that may have got it is the last one asked.
    async fn transact(&self, request: pb::TxnRequest) -> Result<pb::TxnResponse, ClusterError> {
        let mut failures = Vec::new();
        for member in &self.members {
            let mut client = member.client.clone();
            match member.answer(REMOVE, Access::Write, client.txn(within_deadline(request.clone()))).await {
                Ok(answer) => return Ok(answer),
                Err(error) if is_silent(&error) && error.effect == Effect::None => failures.push(error),
                Err(error) => return Err(error),
            }
        }
        Err(together(failures))
    }
}

impl Member {
    async fn answer<T>(
        &self,
        call: &'static str,
        access: Access,
        answer: impl Future<Output = Result<Response<T>, Status>> + Send,
    ) -> Result<T, ClusterError> {
        let failed = Failed { call, access, peer: &self.peer };
        match timeout(DEADLINE, answer).await {
            Ok(Ok(answer)) => Ok(answer.into_inner()),
            Ok(Err(status)) => Err(failed.with(&status)),
            Err(_) => Err(failed.without_answer(DEADLINE)),
        }
    }
}

fn within_deadline<T>(request: T) -> Request<T> {
    let mut request = Request::new(request);
    request.set_timeout(DEADLINE);
    request
}

/// Whether another member may know more.
fn is_silent(error: &ClusterError) -> bool {
    matches!(error.kind, ErrorKind::Unreachable | ErrorKind::DeadlineExceeded)
}

/// The last failure, with what all members said.
fn together(mut failures: Vec<ClusterError>) -> ClusterError {
    let said: Vec<String> = failures.iter().map(|error| error.message.clone()).collect();
    match failures.pop() {
        Some(last) => ClusterError { message: said.join("; "), ..last },
        None => garbled(READ, Effect::None, "its address names no member".to_owned()),
    }
}

fn garbled(call: &'static str, effect: Effect, message: String) -> ClusterError {
    ClusterError { call, kind: ErrorKind::Garbled, effect, message, code: tonic::Code::Ok }
}

#[async_trait]
impl Topology for Etcd {
    async fn named_lock(&self, keyspace: &KeyspaceName, workflow: &WorkflowName) -> Result<Vec<LockKey>, ClusterError> {
        let prefix = prefix(&self.root, keyspace, workflow);
        let answer = self.range(range_of(&prefix)).await?;
        let malformed = |why: &str| garbled(READ, Effect::None, format!("etcd's answer for {prefix} {why}"));
        if answer.more || answer.kvs.len() > usize::try_from(MOST_KEYS).unwrap_or(usize::MAX) {
            return Err(malformed("holds more keys than a lock can have"));
        }
        let mut found = answer.kvs;
        found.sort_by_key(|kv| kv.create_revision);
        let lock = |(place, kv): (usize, pb::KeyValue)| {
            let key = String::from_utf8(kv.key).map_err(|_| malformed("holds a key that is not text"))?;
            if lease_of(&key, &prefix) != Some(kv.lease) || kv.mod_revision <= 0 {
                return Err(malformed("holds a key that is no lock's"));
            }
            Ok(LockKey {
                keyspace: keyspace.clone(),
                workflow: workflow.clone(),
                key,
                mod_revision: kv.mod_revision,
                lease: kv.lease,
                holder: held_lock(
                    &format!("{keyspace}/{workflow}"),
                    &kv.lease.to_string(),
                    kv.mod_revision,
                    place > 0,
                    &kv.value,
                ),
            })
        };
        found.into_iter().enumerate().map(lock).collect()
    }

    async fn remove(&self, key: &LockKey) -> Result<Removed, ClusterError> {
        let prefix = prefix(&self.root, &key.keyspace, &key.workflow);
        if lease_of(&key.key, &prefix).is_none() || key.mod_revision <= 0 {
            return Err(ClusterError {
                call: REMOVE,
                kind: ErrorKind::Application,
                effect: Effect::None,
                message: format!("only keys below {prefix} may be removed; nothing was sent"),
                code: tonic::Code::InvalidArgument,
            });
        }
        removed(&self.transact(removal(key)).await?)
    }
}

/// Everything that begins with the prefix, which ends with a slash: up to the same with the character after the slash.
fn range_of(prefix: &str) -> pb::RangeRequest {
    let mut end = prefix.as_bytes().to_vec();
    if let Some(last) = end.last_mut() {
        *last += 1;
    }
    pb::RangeRequest { key: prefix.as_bytes().to_vec(), range_end: end, limit: MOST_KEYS }
}

fn removal(lock: &LockKey) -> pb::TxnRequest {
    use pb::request_op::Request::{RequestDeleteRange, RequestRange};
    let key = lock.key.as_bytes().to_vec();
    let unchanged = pb::Compare {
        result: pb::compare::CompareResult::Equal.into(),
        target: pb::compare::CompareTarget::Mod.into(),
        key: key.clone(),
        target_union: Some(pb::compare::TargetUnion::ModRevision(lock.mod_revision)),
    };
    let delete = RequestDeleteRange(pb::DeleteRangeRequest { key: key.clone() });
    let look = RequestRange(pb::RangeRequest { key, range_end: Vec::new(), limit: 0 });
    pb::TxnRequest {
        compare: vec![unchanged],
        success: vec![pb::RequestOp { request: Some(delete) }],
        failure: vec![pb::RequestOp { request: Some(look) }],
    }
}

fn removed(answer: &pb::TxnResponse) -> Result<Removed, ClusterError> {
    use pb::response_op::Response::{ResponseDeleteRange, ResponseRange};
    let [pb::ResponseOp { response: Some(response) }] = answer.responses.as_slice() else {
        return Err(garbled(
            REMOVE,
            Effect::Unknown,
            "etcd answered a transaction of one step with another number of them".to_owned(),
        ));
    };
    match (answer.succeeded, response) {
        (true, ResponseDeleteRange(done)) if done.deleted == 1 => Ok(Removed::Done),
        (false, ResponseRange(found)) if found.kvs.is_empty() => Ok(Removed::Gone),
        (false, ResponseRange(_)) => Ok(Removed::Changed),
        _ => Err(garbled(REMOVE, Effect::Unknown, "etcd's answer does not fit the transaction".to_owned())),
    }
}

#[cfg(test)]
#[path = "etcd_tests.rs"]
mod tests;
