//! The port before a generated cluster: each call is counted, with its bytes, and a call that comes again is seen.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use cutover::sandbox::Sandbox;
use http_body_util::{BodyExt as _, Full};
use serde::{Deserialize, Serialize};
use tonic::body::Body;
use tonic::codegen::{BoxFuture, Service, http};
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;

/// What came in, by the name of the call.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    pub calls: BTreeMap<String, Calls>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Calls {
    pub number: u64,
    /// Of these, how many were asked before, word for word.
    pub again: u64,
    pub asked_bytes: u64,
    pub answered_bytes: u64,
    /// Of the largest answer.
    pub largest_bytes: u64,
}

impl Counts {
    #[allow(dead_code, reason = "for figures, which tests that share this file don't draw")]
    pub fn number(&self) -> u64 {
        self.calls.values().map(|calls| calls.number).sum()
    }

    #[allow(dead_code, reason = "for figures, which tests that share this file don't draw")]
    pub fn bytes(&self) -> u64 {
        self.calls.values().map(|calls| calls.answered_bytes).sum()
    }

    #[allow(dead_code, reason = "for tests, which ask for one call by its name")]
    pub fn of(&self, call: &str) -> Calls {
        self.calls.get(call).cloned().unwrap_or_default()
    }
}

#[derive(Default)]
struct Seen {
    counts: Counts,
    asked: BTreeMap<(String, u64), u64>,
}

#[derive(Clone)]
pub struct Port {
    sandbox: Sandbox,
    seen: Arc<Mutex<Seen>>,
}

impl Port {
    pub fn before(sandbox: Sandbox) -> Self {
        Self { sandbox, seen: Arc::default() }
    }

    /// Serves on a free port of this machine until the runtime ends.
    pub fn serve(&self) -> SocketAddr {
        let incoming = TcpIncoming::bind("127.0.0.1:0".parse().unwrap()).unwrap().with_nodelay(Some(true));
        let address = incoming.local_addr().unwrap();
        let router = Server::builder().add_service(self.clone());
        tokio::spawn(async move { router.serve_with_incoming(incoming).await.unwrap() });
        address
    }

    /// What has come since this was asked last.
    pub fn take(&self) -> Counts {
        std::mem::take(&mut *self.seen.lock().unwrap_or_else(PoisonError::into_inner)).counts
    }

    async fn pass(&self, request: http::Request<Body>) -> http::Response<Body> {
        let name = request.uri().path().rsplit('/').next().unwrap_or_default().to_owned();
        let (head, body) = request.into_parts();
        let message = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
        let asked_bytes = message.len() as u64;
        let mut hasher = DefaultHasher::new();
        message.hash(&mut hasher);
        let key = (name.clone(), hasher.finish());
        let request = http::Request::from_parts(head, Body::new(Full::new(message)));
        let Ok(answer) = self.sandbox.service().call(request).await;
        let (head, body) = answer.into_parts();
        let collected = body.collect().await.unwrap();
        // gRPC says at the end how it went.
        let trailers = collected.trailers().cloned();
        let answer = collected.to_bytes();
        let answered_bytes = answer.len() as u64;
        let body = Full::new(answer).with_trailers(async move { trailers.map(Ok) });

        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let before = seen.asked.entry(key).or_default();
        *before += 1;
        let is_again = *before > 1;
        let calls = seen.counts.calls.entry(name).or_default();
        calls.number += 1;
        calls.again += u64::from(is_again);
        calls.asked_bytes += asked_bytes;
        calls.answered_bytes += answered_bytes;
        calls.largest_bytes = calls.largest_bytes.max(answered_bytes);
        http::Response::from_parts(head, Body::new(body))
    }
}

impl tonic::server::NamedService for Port {
    const NAME: &'static str = "vtctlservice.Vtctld";
}

impl Service<http::Request<Body>> for Port {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<Self::Response, Infallible>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let port = self.clone();
        Box::pin(async move { Ok(port.pass(request).await) })
    }
}
