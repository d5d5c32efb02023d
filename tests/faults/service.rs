//! The wire between one process and vtctld: each call is an effect, and may be struck. After each the oracle is asked.

use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use cutover::clock::Clock as _;
use cutover::cluster::vtctld::generated::vtctldata::ExecuteFetchAsDbaRequest;
use cutover::cluster::vtctld::generated::vtctlservice::vtctld_server::VtctldServer;
use cutover::family::move_tables::MoveTables;
use cutover::record::format;
use cutover::sandbox::Sandbox;
use http_body_util::{BodyExt as _, Full};
use jiff::Timestamp;
use prost::Message as _;
use tonic::Status;
use tonic::body::Body;
use tonic::codegen::{BoxFuture, Bytes, Service, http};

use super::files::Files;
use super::guards;
use super::kinds::{FIRST_OF_A_LOOK, Kind};
use super::oracle;
use super::script::{Life, Of, Strikes};

/// How long a request that hangs takes on its way: longer than a look may be old.
pub const HANGS: Duration = Duration::from_secs(10);
/// Longer than anybody waits for any answer.
const LATE: Duration = Duration::from_secs(600);
/// Of a message in gRPC: whether it is compressed, and its length.
const FRAME_BYTES: usize = 5;

#[derive(Clone)]
pub struct Wire {
    pub sandbox: Sandbox,
    pub files: Arc<Files>,
    pub life: Life,
    /// The file of the process's record.
    pub record: &'static str,
    pub movement: &'static MoveTables,
}

impl tonic::server::NamedService for Wire {
    const NAME: &'static str = "vtctlservice.Vtctld";
}

impl Service<http::Request<Body>> for Wire {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<Self::Response, Infallible>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let wire = self.clone();
        Box::pin(async move { Ok(wire.pass(request).await) })
    }
}

/// Whether a call of this name changes nothing, whatever it carries.
pub fn only_looks(name: &str) -> bool {
    name.starts_with("Get") || name.starts_with("Find") || ["VDiffShow", "WorkflowStatus", "CheckThrottler"].contains(&name)
}

/// Whether a call changes the cluster.
fn is_write(name: &str, message: &[u8]) -> bool {
    match name {
        "ExecuteFetchAsDBA" => {
            let request = ExecuteFetchAsDbaRequest::decode(message.get(FRAME_BYTES..).unwrap_or_default()).unwrap_or_default();
            !request.query.to_ascii_lowercase().starts_with(b"select")
        }
        // Tablets look at their own tables anew: nothing of it lasts, and it goes out under the intent of the VDiff that it precedes.
        "ReloadSchemaKeyspace" => false,
        _ => !only_looks(name),
    }
}

impl Wire {
    async fn pass(&self, request: http::Request<Body>) -> http::Response<Body> {
        let name = request.uri().path().rsplit('/').next().unwrap_or_default().to_owned();
        let (head, body) = request.into_parts();
        let message = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
        let is_write = is_write(&name, &message);
        let strikes = self.life.arrive(if is_write { Of::WriteCall } else { Of::ReadCall }, name.clone());
        if strikes == Strikes::Dead {
            return std::future::pending().await;
        }
        if strikes == Strikes::Before {
            self.life.die();
            return std::future::pending().await;
        }
        if is_write {
            self.life.script.sends(&name, self.intent(&name), self.now());
            oracle::ask_before(
                &self.sandbox,
                &self.life.script,
                self.movement.tables.len(),
                &name,
                message.get(FRAME_BYTES..).unwrap_or_default(),
            );
            guards::ask(self, &name, message.get(FRAME_BYTES..).unwrap_or_default()).await;
        } else if name == FIRST_OF_A_LOOK {
            self.life.script.look_begins(self.now());
        }
        let call = Call { wire: self, head, message, name: &name, is_write };
        // A process that dies takes its connection along, and vtctld notices.
        tokio::select! {
            biased;
            () = self.life.death() => std::future::pending().await,
            answer = call.befall(strikes) => {
                if !is_write {
                    self.life.script.saw(&name);
                }
                answer
            }
        }
    }

    pub fn now(&self) -> Timestamp {
        self.sandbox.clock().now()
    }

    /// The attempt whose intent for this call stands in the file.
    pub fn intent(&self, call: &str) -> Option<(&'static str, u64)> {
        let record = format::read(&self.files.read(self.record)?).ok()?;
        let open = record.progress().open_attempt?;
        (open.mutation.verb().call() == call).then_some((self.record, open.attempt))
    }
}

struct Call<'a> {
    wire: &'a Wire,
    head: http::request::Parts,
    message: Bytes,
    name: &'a str,
    is_write: bool,
}

impl Call<'_> {
    async fn befall(&self, strikes: Strikes) -> http::Response<Body> {
        let lost = || Status::unavailable("connection reset by peer").into_http();
        match strikes {
            Strikes::Nothing => {
                let answer = self.done().await;
                let life = &self.wire.life;
                if life.script.dies_with_vtctld(|| self.wire.sandbox.deaths_of_vtctld().unwrap()) {
                    life.die();
                    return std::future::pending().await;
                }
                answer
            }
            Strikes::After => {
                self.done().await;
                self.wire.life.die();
                std::future::pending().await
            }
            Strikes::Call(Kind::LostBefore) => lost(),
            Strikes::Call(Kind::AnswerLost) => {
                self.done().await;
                lost()
            }
            Strikes::Call(Kind::AnswerLate) => {
                let answer = self.done().await;
                tokio::time::sleep(LATE).await;
                answer
            }
            Strikes::Call(Kind::Twice) => {
                let answer = self.done().await;
                self.done().await;
                answer
            }
            Strikes::Call(Kind::Hangs) => {
                tokio::time::sleep(HANGS).await;
                self.done().await
            }
            Strikes::Call(Kind::Frozen) => {
                self.wire.life.script.stand_still().await;
                self.done().await
            }
            Strikes::Call(Kind::Somebody(act)) => {
                act.act(&self.wire.sandbox).await;
                self.done().await
            }
            other => panic!("{other:?} does not befall calls"),
        }
    }

    /// vtctld does it and answers.
    async fn done(&self) -> http::Response<Body> {
        let mut request = http::Request::builder().method(self.head.method.clone()).uri(self.head.uri.clone());
        if let Some(headers) = request.headers_mut() {
            headers.clone_from(&self.head.headers);
        }
        let request = request.body(Body::new(Full::new(self.message.clone()))).unwrap_or_default();
        let mut server = VtctldServer::new(self.wire.sandbox.clone());
        let answer = match server.call(request).await {
            Ok(answer) => answer,
            Err(never) => match never {},
        };
        // The sandbox itself looks after each of its steps; what it saw is asked for once a look, and after what changes something.
        if self.is_write || self.name == FIRST_OF_A_LOOK {
            oracle::ask(&self.wire.sandbox, &self.wire.life.script, self.name);
        }
        answer
    }
}
