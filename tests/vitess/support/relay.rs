//! A relay for gRPC: it stands between a client and its server, reads each call, and passes it on, keeps it, or loses it. In front of
//! etcd it stops a vtctld exactly before or after a write to the topology; in front of vtctld it loses requests and answers.

use std::future::poll_fn;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use h2::server::SendResponse;
use h2::{RecvStream, client, server};
use http::{Request, Response};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::wait;

/// Large enough for any answer of vtctld.
const WINDOW_BYTES: u32 = 64 << 20;

/// A call whose request has come in whole.
pub struct Call {
    /// `/vtctlservice.Vtctld/WorkflowSwitchTraffic`
    path: String,
    message: Bytes,
}

impl Call {
    /// `WorkflowSwitchTraffic`
    pub fn method(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or_default()
    }

    /// As it went over the wire: five bytes, and protobuf.
    pub fn message(&self) -> &[u8] {
        &self.message
    }

    /// Whether it is a write to etcd of a key that contains this.
    pub fn writes(&self, key: &str) -> bool {
        ["Put", "Txn", "DeleteRange"].contains(&self.method()) && self.contains(key)
    }

    /// Whether it has to do with a key of the topology that contains this.
    pub fn contains(&self, key: &str) -> bool {
        self.message.windows(key.len()).any(|window| window == key.as_bytes())
    }
}

/// What becomes of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    Pass,
    /// The server does not see it until `release`.
    Keep,
    /// The server does it, and its answer is kept until `release`.
    KeepAnswer,
    /// The connection breaks before the server has seen it.
    LoseRequest,
    /// The connection breaks when the server has answered.
    LoseAnswer,
}

type Rule = Box<dyn FnMut(&Call) -> Fate + Send>;

/// Listens on a port of its own until it is dropped.
pub struct Relay {
    address: SocketAddr,
    shared: Arc<Shared>,
    /// Dropped with the relay, and with it every connection.
    _runtime: Runtime,
}

struct Shared {
    target: SocketAddr,
    rule: Mutex<Rule>,
    /// How many calls are kept, and the methods of those that were.
    kept: Mutex<Vec<String>>,
    /// Counts the releases: who waits for the next one goes on.
    releases: watch::Sender<u64>,
    traffic: Traffic,
}

#[derive(Default)]
struct Traffic {
    calls: AtomicU64,
    /// Of messages, both ways; without headers.
    bytes: AtomicU64,
}

impl Relay {
    /// To the server at `127.0.0.1:PORT`.
    pub fn to(target: &str) -> Self {
        let target = target.parse().unwrap_or_else(|error| panic!("{target}: {error}"));
        let shared = Arc::new(Shared {
            target,
            rule: Mutex::new(Box::new(|_| Fate::Pass)),
            kept: Mutex::default(),
            releases: watch::Sender::new(0),
            traffic: Traffic::default(),
        });
        let listener = StdListener::bind("127.0.0.1:0").expect("a free port");
        listener.set_nonblocking(true).expect("a listener that tokio takes");
        let address = listener.local_addr().expect("a listener has an address");
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime");
        runtime.spawn(listen(listener, Arc::clone(&shared)));
        Self { address, shared, _runtime: runtime }
    }

    /// `127.0.0.1:PORT`
    pub fn address(&self) -> String {
        self.address.to_string()
    }

    /// From now on calls have the fate that this gives them. It is asked once for each call, in the order of their coming.
    pub fn rule(&self, rule: impl FnMut(&Call) -> Fate + Send + 'static) {
        *self.shared.rule.lock().expect("no rule panics") = Box::new(rule);
    }

    /// Keeps the calls for which this is true, until `release`.
    pub fn keep(&self, is_kept: impl Fn(&Call) -> bool + Send + 'static) {
        self.rule(move |call| if is_kept(call) { Fate::Keep } else { Fate::Pass });
    }

    /// Keeps the answers of calls for which this is true, until `release`: the server has done what was asked.
    pub fn keep_answers(&self, is_kept: impl Fn(&Call) -> bool + Send + 'static) {
        self.rule(move |call| if is_kept(call) { Fate::KeepAnswer } else { Fate::Pass });
    }

    /// Lets go what is kept, and keeps nothing more.
    pub fn release(&self) {
        self.rule(|_| Fate::Pass);
        self.let_go();
    }

    /// Lets go what is kept; the rule stays.
    pub fn let_go(&self) {
        self.shared.kept.lock().expect("no thread panics with it").clear();
        self.shared.releases.send_modify(|count| *count += 1);
    }

    /// How many calls are kept now.
    pub fn kept(&self) -> usize {
        self.shared.kept.lock().expect("no thread panics with it").len()
    }

    /// How many calls came by until now, and the bytes of their messages, both ways.
    pub fn traffic(&self) -> (u64, u64) {
        let Traffic { calls, bytes } = &self.shared.traffic;
        (calls.load(Ordering::Relaxed), bytes.load(Ordering::Relaxed))
    }

    /// Waits until so many calls are kept.
    pub fn wait_until_kept(&self, count: usize, limit: Duration) {
        wait::until_true(limit, &format!("{count} calls are kept by the relay"), || self.kept() >= count);
    }
}

async fn listen(listener: StdListener, shared: Arc<Shared>) {
    let listener = TcpListener::from_std(listener).expect("a listener of this runtime");
    while let Ok((near, _)) = listener.accept().await {
        let shared = Arc::clone(&shared);
        // A connection that breaks is what the tests are about: nobody needs to hear of it.
        tokio::spawn(async move { pass_connection(near, &shared).await.ok() });
    }
}

type Failed = Box<dyn std::error::Error + Send + Sync>;

async fn pass_connection(near: TcpStream, shared: &Arc<Shared>) -> Result<(), Failed> {
    let far = TcpStream::connect(shared.target).await?;
    near.set_nodelay(true)?;
    far.set_nodelay(true)?;
    let mut near = server::Builder::new()
        .initial_window_size(WINDOW_BYTES)
        .initial_connection_window_size(WINDOW_BYTES)
        .max_header_list_size(1 << 20)
        .handshake::<_, Bytes>(near)
        .await?;
    let (far, connection) = client::Builder::new()
        .initial_window_size(WINDOW_BYTES)
        .initial_connection_window_size(WINDOW_BYTES)
        .max_header_list_size(1 << 20)
        .handshake::<_, Bytes>(far)
        .await?;
    // All that belongs to the connection ends with it, on both sides.
    let mut calls = JoinSet::new();
    let mut far_end = tokio::spawn(connection);
    let outcome = loop {
        tokio::select! {
            call = near.accept() => match call {
                Some(Ok((request, respond))) => {
                    let (far, shared) = (far.clone(), Arc::clone(shared));
                    calls.spawn(async move { pass_call(request, respond, far, &shared).await });
                }
                Some(Err(error)) => break Err(error.into()),
                None => break Ok(()),
            },
            Some(ended) = calls.join_next() => if matches!(ended, Ok(Outcome::Lost)) { break Ok(()) },
            _ = &mut far_end => break Ok(()),
        }
    };
    far_end.abort();
    outcome
}

enum Outcome {
    Passed,
    /// The connection has to break.
    Lost,
}

async fn pass_call(
    request: Request<RecvStream>,
    mut respond: SendResponse<Bytes>,
    far: client::SendRequest<Bytes>,
    shared: &Shared,
) -> Outcome {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path().to_owned();
    let request = Request::from_parts(parts, ());
    let outcome = if is_streaming(&path) {
        pass_stream(request, body, &mut respond, far, &shared.traffic).await
    } else {
        pass_unary(path, request, body, &mut respond, far, shared).await
    };
    // What breaks on one side is dropped on the other one, and so reset.
    outcome.unwrap_or(Outcome::Passed)
}

async fn pass_unary(
    path: String,
    request: Request<()>,
    body: RecvStream,
    respond: &mut SendResponse<Bytes>,
    far: client::SendRequest<Bytes>,
    shared: &Shared,
) -> Result<Outcome, Failed> {
    let asking = async {
        let call = Call { path, message: whole(body).await? };
        shared.traffic.calls.fetch_add(1, Ordering::Relaxed);
        shared.traffic.count(&call.message);
        let mut releases = shared.releases.subscribe();
        let fate = (shared.rule.lock().expect("no rule panics"))(&call);
        match fate {
            Fate::LoseRequest => return Ok(None),
            Fate::Keep => shared.keep(&call, &mut releases).await,
            Fate::Pass | Fate::KeepAnswer | Fate::LoseAnswer => {}
        }
        let (answer, mut send) = far.ready().await?.send_request(request, false)?;
        send.send_data(call.message.clone(), true)?;
        let answer = answer.await?;
        match fate {
            Fate::LoseAnswer => {
                whole(answer.into_body()).await?;
                return Ok(None);
            }
            Fate::KeepAnswer => shared.keep(&call, &mut releases).await,
            Fate::Pass | Fate::Keep | Fate::LoseRequest => {}
        }
        Ok::<_, Failed>(Some(answer))
    };
    // A client that gives its call up: the server has to see it too.
    let answer = tokio::select! {
        answer = asking => answer?,
        reason = poll_fn(|cx| respond.poll_reset(cx)) => return Err(h2::Error::from(reason?).into()),
    };
    match answer {
        Some(answer) => pass_answer(answer, respond, &shared.traffic).await,
        None => Ok(Outcome::Lost),
    }
}

impl Traffic {
    fn count(&self, message: &Bytes) {
        self.bytes.fetch_add(message.len() as u64, Ordering::Relaxed);
    }
}

impl Shared {
    async fn keep(&self, call: &Call, releases: &mut watch::Receiver<u64>) {
        self.kept.lock().expect("no thread panics with it").push(call.method().to_owned());
        // An error means that the relay is gone, and this with it.
        releases.changed().await.ok();
    }
}

/// Calls whose requests do not come whole: those of etcd's client, and none of vtctld's that the tests make.
fn is_streaming(path: &str) -> bool {
    ["/Watch", "/LeaseKeepAlive"].iter().any(|end| path.ends_with(end))
}

async fn whole(mut body: RecvStream) -> Result<Bytes, h2::Error> {
    let mut all = BytesMut::new();
    while let Some(chunk) = body.data().await {
        let chunk = chunk?;
        body.flow_control().release_capacity(chunk.len())?;
        all.extend_from_slice(&chunk);
    }
    Ok(all.freeze())
}

async fn pass_stream(
    request: Request<()>,
    mut body: RecvStream,
    respond: &mut SendResponse<Bytes>,
    far: client::SendRequest<Bytes>,
    traffic: &Traffic,
) -> Result<Outcome, Failed> {
    let mut far = far.ready().await?;
    let (answer, mut send) = far.send_request(request, false)?;
    let requests = async {
        while let Some(chunk) = body.data().await {
            let chunk = chunk?;
            body.flow_control().release_capacity(chunk.len())?;
            send.send_data(chunk, false)?;
        }
        send.send_data(Bytes::new(), true)
    };
    let answers = async { pass_answer(answer.await?, respond, traffic).await };
    let (requests, answers) = tokio::join!(requests, answers);
    requests?;
    answers
}

async fn pass_answer(
    answer: Response<RecvStream>,
    respond: &mut SendResponse<Bytes>,
    traffic: &Traffic,
) -> Result<Outcome, Failed> {
    let (parts, mut body) = answer.into_parts();
    let mut send = respond.send_response(Response::from_parts(parts, ()), body.is_end_stream())?;
    loop {
        tokio::select! {
            chunk = body.data() => match chunk {
                Some(chunk) => {
                    let chunk = chunk?;
                    traffic.count(&chunk);
                    body.flow_control().release_capacity(chunk.len())?;
                    send.send_data(chunk, false)?;
                }
                None => break,
            },
            reason = poll_fn(|cx| send.poll_reset(cx)) => return Err(h2::Error::from(reason?).into()),
        }
    }
    if let Some(trailers) = body.trailers().await? {
        send.send_trailers(trailers)?;
    }
    Ok(Outcome::Passed)
}
