//! The topology server's adapter against an etcd that fails, lies, or is not there.

use std::net::TcpListener;
use std::sync::{Arc, Mutex};

use cutover::cluster::topo::generated::etcdserverpb as pb;
use cutover::cluster::topo::generated::etcdserverpb::kv_server::{Kv, KvServer};
use cutover::cluster::topo::{Etcd, LockKey, Removed, Topology};
use cutover::cluster::vtctld::TlsSettings;
use cutover::cluster::{ClusterError, Effect, ErrorKind};
use cutover::model::name::{KeyspaceName, WorkflowName};
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Certificate, Identity, Server, ServerTlsConfig};
use tonic::{Request, Response, Status, async_trait};

use crate::support::Authority;

/// What etcd's certificate is for.
const NAME: &str = "etcd.example.com";

const PREFIX: &str = "/vitess/global/internal/named_locks/customer/c2c/locks/";

type Range = dyn Fn(&pb::RangeRequest) -> Result<pb::RangeResponse, Status> + Send + Sync;
type Transaction = dyn Fn(&pb::TxnRequest) -> Result<pb::TxnResponse, Status> + Send + Sync;

/// Answers as it is told, and notes what was asked.
#[derive(Clone)]
struct FakeEtcd {
    range: Arc<Range>,
    transaction: Arc<Transaction>,
    seen: Arc<Mutex<Vec<String>>>,
}

impl FakeEtcd {
    fn that_lists(kvs: Vec<pb::KeyValue>) -> Self {
        Self::new(move |_| Ok(pb::RangeResponse { kvs: kvs.clone(), ..Default::default() }), |_| Err(Status::unimplemented("")))
    }

    fn new(
        range: impl Fn(&pb::RangeRequest) -> Result<pb::RangeResponse, Status> + Send + Sync + 'static,
        transaction: impl Fn(&pb::TxnRequest) -> Result<pb::TxnResponse, Status> + Send + Sync + 'static,
    ) -> Self {
        Self { range: Arc::new(range), transaction: Arc::new(transaction), seen: Arc::default() }
    }

    /// Serves on a free port of this machine until the test's runtime ends. Gives `host:port`.
    fn serve(&self) -> String {
        let incoming = TcpIncoming::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = incoming.local_addr().unwrap();
        let router = Server::builder().add_service(KvServer::new(self.clone()));
        tokio::spawn(async move { router.serve_with_incoming(incoming).await.unwrap() });
        address.to_string()
    }

    /// The same over TLS: with a certificate of this authority for [`NAME`], and for clients of the other one alone.
    fn serve_tls(&self, authority: &Authority, clients: &Authority) -> String {
        let incoming = TcpIncoming::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = incoming.local_addr().unwrap();
        let (certificate, key) = authority.sign(NAME);
        let tls = ServerTlsConfig::new()
            .identity(Identity::from_pem(certificate, key))
            .client_ca_root(Certificate::from_pem(clients.pem()));
        let router = Server::builder().tls_config(tls).unwrap().add_service(KvServer::new(self.clone()));
        tokio::spawn(async move { router.serve_with_incoming(incoming).await.unwrap() });
        address.to_string()
    }

    fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }
}

#[async_trait]
impl Kv for FakeEtcd {
    async fn range(&self, request: Request<pb::RangeRequest>) -> Result<Response<pb::RangeResponse>, Status> {
        let request = request.into_inner();
        self.seen.lock().unwrap().push(format!("range {}", String::from_utf8_lossy(&request.key)));
        (self.range)(&request).map(Response::new)
    }

    async fn txn(&self, request: Request<pb::TxnRequest>) -> Result<Response<pb::TxnResponse>, Status> {
        let request = request.into_inner();
        self.seen.lock().unwrap().push("txn".to_owned());
        (self.transaction)(&request).map(Response::new)
    }
}

fn kv(key: &str, lease: i64, revision: i64, value: &str) -> pb::KeyValue {
    pb::KeyValue {
        key: key.as_bytes().to_vec(),
        create_revision: revision,
        mod_revision: revision,
        version: 1,
        value: value.as_bytes().to_vec(),
        lease,
    }
}

fn names() -> (KeyspaceName, WorkflowName) {
    (KeyspaceName::new("customer").unwrap(), WorkflowName::new("c2c").unwrap())
}

fn etcd(members: &str) -> Etcd {
    Etcd::connect(&format!("etcd://{members}/vitess/global").parse().unwrap(), None).unwrap()
}

async fn locks(etcd: &Etcd) -> Result<Vec<LockKey>, ClusterError> {
    let (keyspace, workflow) = names();
    etcd.named_lock(&keyspace, &workflow).await
}

#[tokio::test(flavor = "multi_thread")]
async fn over_tls_both_sides_prove_who_they_are() {
    let (authority, clients) = (Authority::new("servers"), Authority::new("clients"));
    let server = FakeEtcd::that_lists(vec![kv(&format!("{PREFIX}9"), 9, 30, "{}")]);
    let address = server.serve_tls(&authority, &clients);
    let tls = TlsSettings {
        certificate_authority: Some(authority.pem()),
        client_certificate: Some(clients.client()),
        server_name: Some(NAME.to_owned()),
    };
    let look = async |scheme: &str, tls: &TlsSettings| {
        let etcd = Etcd::connect(&format!("{scheme}://{address}/vitess/global").parse().unwrap(), Some(tls)).unwrap();
        locks(&etcd).await
    };
    assert_eq!(look("etcds", &tls).await.unwrap().len(), 1);
    let refused = [
        ("etcds", TlsSettings { client_certificate: None, ..tls.clone() }),
        ("etcds", TlsSettings { client_certificate: Some(Authority::new("strangers").client()), ..tls.clone() }),
        ("etcds", TlsSettings { certificate_authority: Some(Authority::new("strangers").pem()), ..tls.clone() }),
        ("etcds", TlsSettings { server_name: None, ..tls.clone() }),
        ("etcd", tls.clone()),
    ];
    for (place, (scheme, tls)) in refused.iter().enumerate() {
        let error = look(scheme, tls).await.expect_err("whoever is not known is not answered");
        assert_eq!(error.kind, ErrorKind::Unreachable, "{place}: {error}");
    }
    assert_eq!(server.seen().len(), 1, "nothing else came through");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_holder_comes_first_and_says_who_it_is() {
    let value =
        r#"{"Action":"SwitchTraffic","HostName":"db1","UserName":"ann","Time":"2026-11-20T01:00:00Z","Status":"Running"}"#;
    let server = FakeEtcd::that_lists(vec![kv(&format!("{PREFIX}9"), 9, 30, "{}"), kv(&format!("{PREFIX}70"), 70, 20, value)]);
    let found = locks(&etcd(&server.serve())).await.unwrap();
    assert_eq!(found.iter().map(|lock| lock.lease).collect::<Vec<_>>(), [70, 9]);
    assert_eq!((found[0].holder.action.as_str(), found[0].holder.host.as_str()), ("SwitchTraffic", "db1"));
    assert_eq!((found[0].holder.of.as_str(), found[0].mod_revision), ("customer/c2c", 20));
    assert_eq!(server.seen(), [format!("range {PREFIX}")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_that_are_no_locks_of_the_workflow_are_never_taken_for_one() {
    let wrong = [
        kv("/vitess/global/keyspaces/customer/Keyspace", 1, 1, "{}"),
        kv("/vitess/global/internal/named_locks/customer/other/locks/1", 1, 1, "{}"),
        kv(PREFIX, 1, 1, "{}"),
        kv(&format!("{PREFIX}1/x"), 1, 1, "{}"),
        kv(&format!("{PREFIX}1"), 2, 1, "{}"),
        kv(&format!("{PREFIX}1"), 0, 1, "{}"),
        kv(&format!("{PREFIX}1"), 1, 0, "{}"),
        kv(&format!("{PREFIX}1"), 1, -1, "{}"),
        pb::KeyValue { key: vec![0xff], ..kv("", 1, 1, "{}") },
    ];
    for kv in wrong {
        let server = FakeEtcd::that_lists(vec![kv.clone()]);
        let error = locks(&etcd(&server.serve())).await.unwrap_err();
        assert_eq!((error.kind, error.effect), (ErrorKind::Garbled, Effect::None), "{kv:?} {error}");
    }
    let many = (1..=1001).map(|lease| kv(&format!("{PREFIX}{lease}"), lease, lease, "{}")).collect();
    let error = locks(&etcd(&FakeEtcd::that_lists(many).serve())).await.unwrap_err();
    assert!(error.message.contains("more keys than a lock can have"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_elsewhere_is_refused_before_anything_is_sent() {
    let server = FakeEtcd::that_lists(vec![kv(&format!("{PREFIX}1"), 1, 1, "{}")]);
    let etcd = etcd(&server.serve());
    let good = locks(&etcd).await.unwrap().remove(0);
    for key in
        ["/vitess/global/keyspaces/customer/locks/1", PREFIX, "", "/vitess/global/RoutingRules", &format!("{PREFIX}../../x")]
    {
        let error = etcd.remove(&LockKey { key: key.to_owned(), ..good.clone() }).await.unwrap_err();
        assert_eq!(error.effect, Effect::None, "{error}");
        assert!(error.message.contains("nothing was sent"), "{error}");
    }
    let never_written = etcd.remove(&LockKey { mod_revision: 0, ..good }).await.unwrap_err();
    assert_eq!(never_written.effect, Effect::None);
    assert_eq!(server.seen().len(), 1, "only the read of the beginning");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_that_is_down_is_passed_over() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap();
    let down = closed.local_addr().unwrap();
    drop(closed);
    let done = pb::response_op::Response::ResponseDeleteRange(pb::DeleteRangeResponse { header: None, deleted: 1 });
    let server = FakeEtcd::new(
        |_| Ok(pb::RangeResponse { kvs: vec![kv(&format!("{PREFIX}1"), 1, 1, "{}")], ..Default::default() }),
        move |_| {
            let responses = vec![pb::ResponseOp { response: Some(done.clone()) }];
            Ok(pb::TxnResponse { header: None, succeeded: true, responses })
        },
    );
    let etcd_with_one_down = etcd(&format!("{down},{}", server.serve()));
    let lock = locks(&etcd_with_one_down).await.unwrap().remove(0);
    assert_eq!(etcd_with_one_down.remove(&lock).await.unwrap(), Removed::Done);

    let error = locks(&etcd(&format!("{down},localhost:{}", down.port()))).await.unwrap_err();
    assert_eq!((error.kind, error.effect), (ErrorKind::Unreachable, Effect::None));
    assert_eq!(error.message.matches("cannot connect to etcd at ").count(), 2, "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removal_of_which_nothing_is_known_is_sent_to_nobody_else() {
    let failing = |message: &'static str| {
        FakeEtcd::new(
            |_| Ok(pb::RangeResponse { kvs: vec![kv(&format!("{PREFIX}1"), 1, 1, "{}")], ..Default::default() }),
            move |_| Err(Status::unavailable(message)),
        )
    };
    let (first, second) = (failing("etcdserver: request timed out"), failing("etcdserver: no leader"));
    let etcd = etcd(&format!("{},{}", first.serve(), second.serve()));
    let lock = locks(&etcd).await.unwrap().remove(0);
    let error = etcd.remove(&lock).await.unwrap_err();
    assert_eq!((error.kind, error.effect), (ErrorKind::Unreachable, Effect::Unknown), "{error}");
    assert!(error.message.contains("etcdserver: request timed out"), "{error}");
    assert_eq!(second.seen(), [""; 0]);
}
