//! A vtctld between us and the sandbox: it passes calls on, and may answer something else.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use cutover::sandbox::Sandbox;
use http_body_util::{BodyExt as _, Full};
use tonic::Status;
use tonic::body::Body;
use tonic::codegen::{BoxFuture, Bytes, Service, http};
use tonic::service::Routes;

/// Of a message in gRPC: whether it is compressed, and its length.
const FRAME_BYTES: usize = 5;

/// What is answered in the place of a message.
pub enum Told {
    Message(Vec<u8>),
    Error(Status),
    /// Bytes that are no frame.
    Noise(Vec<u8>),
}

/// Is given the name of the call, its number among those of its name, from 0, and the true answer.
type Tongue = dyn Fn(&str, usize, &[u8]) -> Option<Told> + Send + Sync;

#[derive(Clone)]
pub struct Liar {
    truth: Routes,
    tongue: Arc<Tongue>,
    calls: Arc<Mutex<BTreeMap<String, usize>>>,
}

impl Liar {
    /// `tongue` says what is answered instead; none is the truth.
    pub fn new(sandbox: &Sandbox, tongue: impl Fn(&str, usize, &[u8]) -> Option<Told> + Send + Sync + 'static) -> Self {
        Self { truth: sandbox.routes(), tongue: Arc::new(tongue), calls: Arc::default() }
    }

    pub fn routes(&self) -> Routes {
        Routes::new(self.clone())
    }

    async fn answer(&mut self, request: http::Request<Body>) -> http::Response<Body> {
        let name = request.uri().path().rsplit('/').next().unwrap_or_default().to_owned();
        let number = {
            let mut calls = self.calls.lock().unwrap();
            let count = calls.entry(name.clone()).or_default();
            *count += 1;
            *count - 1
        };
        let Ok(truth) = Service::<http::Request<Body>>::call(&mut self.truth, request).await;
        let (head, body) = truth.into_parts();
        let Ok(collected) = body.collect().await else { return Status::internal("the truth broke off").into_http() };
        let trailers = collected.trailers().cloned();
        let bytes = collected.to_bytes();
        let whole = |bytes: Vec<u8>| {
            let body = Full::new(Bytes::from(bytes));
            let trailers = trailers.clone();
            http::Response::from_parts(head.clone(), Body::new(body.with_trailers(async move { trailers.map(Ok) })))
        };
        let Some(message) = bytes.get(FRAME_BYTES..) else { return whole(bytes.to_vec()) };
        match (self.tongue)(&name, number, message) {
            None => whole(bytes.to_vec()),
            Some(Told::Noise(noise)) => whole(noise),
            Some(Told::Error(status)) => status.into_http(),
            Some(Told::Message(message)) => {
                let mut framed = vec![0];
                framed.extend_from_slice(&u32::try_from(message.len()).unwrap().to_be_bytes());
                framed.extend_from_slice(&message);
                whole(framed)
            }
        }
    }
}

impl tonic::server::NamedService for Liar {
    const NAME: &'static str = "vtctlservice.Vtctld";
}

impl Service<http::Request<Body>> for Liar {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<Self::Response, Infallible>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let mut liar = self.clone();
        Box::pin(async move { Ok(liar.answer(request).await) })
    }
}
