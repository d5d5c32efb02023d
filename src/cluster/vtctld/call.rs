//! The one place that makes a call: its deadline, its limits, its retries.

use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};
use tonic::Request;
use tonic::service::Routes;

use super::connection::{ConnectionError, ConnectionSettings};
use super::generated::vtctlservice::vtctld_client::VtctldClient;
use super::rpc::{Access, Answer, Read, Rpc, Write};
use super::status::Failed;
use super::transport::Transport;
use crate::cluster::{ClusterError, ErrorKind};

/// Of a read, with its retries. vtctld gives up on a tablet after 15 s itself (`--remote-operation-timeout`).
pub const READ_DEADLINE: Duration = Duration::from_secs(15);

/// How much longer than the deadline that vtctld was told the answer is waited for.
const GRACE: Duration = Duration::from_secs(2);

/// What is waited before each further attempt at a read.
const RETRY_WAITS: [Duration; 2] = [Duration::from_millis(200), Duration::from_millis(800)];

/// The VSchemas of many cells in one answer are over tonic's own 4 MiB, and where operators have raised it over vtctld's
/// 16 MiB.
const DECODE_LIMIT_BYTES: usize = 64 * 1024 * 1024;

/// vtctld's own limit (`--grpc-max-message-size`).
const ENCODE_LIMIT_BYTES: usize = 16 * 1024 * 1024;

/// A vtctld, or the sandbox in its place. Clones share the connection.
///
/// The deadline of a call is also the operation's: vtctld stops when it is over. It is cut off when the future of a call
/// is dropped, too, and a switch that is cut off can leave the writes of an application denied. So a write belongs into a
/// task of its own that nothing drops (`tokio::spawn`), and its deadline has to be longer than vtctld's own time-outs.
#[derive(Debug, Clone)]
pub struct Vtctld {
    client: VtctldClient<Transport>,
    peer: String,
}

impl Vtctld {
    /// Only looks at the settings: the first call connects.
    ///
    /// # Errors
    /// When the settings are refused.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn connect(settings: &ConnectionSettings) -> Result<Self, ConnectionError> {
        let (transport, peer) = settings.transport()?;
        Ok(Self::new(transport, peer))
    }

    /// A service in this process (a `VtctldServer` in `Routes`), called without a socket. `peer` names it in messages.
    pub fn in_process(service: Routes, peer: impl Into<String>) -> Self {
        Self::new(Transport::InProcess(service), peer.into())
    }

    fn new(transport: Transport, peer: String) -> Self {
        let client = VtctldClient::new(transport).max_decoding_message_size(DECODE_LIMIT_BYTES);
        Self { client, peer }
    }

    /// Who is called, for messages, such as `vtctld at localhost:15999 (plaintext)`.
    pub fn peer(&self) -> &str {
        &self.peer
    }

    /// Reads, up to three times when the connection fails.
    ///
    /// # Errors
    /// That of the last attempt.
    pub async fn read<R: Read>(&self, request: R) -> Result<Answer<R>, ClusterError> {
        self.read_within(request, READ_DEADLINE).await
    }

    /// As [`read`](Self::read), with another deadline, for all attempts together.
    ///
    /// # Errors
    /// That of the last attempt.
    pub async fn read_within<R: Read>(&self, request: R, deadline: Duration) -> Result<Answer<R>, ClusterError> {
        let end = Instant::now() + deadline;
        let mut waits = RETRY_WAITS.iter();
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let error = match self.attempt(request.clone(), Access::Read, left).await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            match waits.next() {
                Some(wait) if error.kind == ErrorKind::Unreachable && Instant::now() + *wait < end => {
                    tracing::debug!(call = R::NAME, %error, "trying again");
                    sleep(*wait).await;
                }
                _ => return Err(error),
            }
        }
    }

    /// Writes, once. See [`Vtctld`] for what a deadline and a dropped future do.
    ///
    /// # Errors
    /// With [`Effect::Unknown`](crate::cluster::Effect::Unknown) the write may have happened.
    pub async fn write<R: Write>(&self, request: R, deadline: Duration) -> Result<Answer<R>, ClusterError> {
        self.attempt(request, Access::Write, deadline).await
    }

    async fn attempt<R: Rpc>(&self, request: R, access: Access, deadline: Duration) -> Result<Answer<R>, ClusterError> {
        let failed = Failed { call: R::NAME, access, peer: &self.peer };
        // Before the channel finds out: it would say no more than that the stream broke.
        let bytes = request.encoded_len();
        if bytes > ENCODE_LIMIT_BYTES {
            return Err(failed.too_large(bytes, ENCODE_LIMIT_BYTES));
        }
        let mut request = Request::new(request);
        request.set_timeout(deadline);
        let begun = Instant::now();
        // tonic's channel waits until the deadline for the answer to begin, not for its end, and not for the connection.
        let outcome = match timeout(deadline + GRACE, R::send(self.client.clone(), request)).await {
            Ok(outcome) => outcome.map_err(|status| failed.with(&status)),
            Err(_) => Err(failed.without_answer(deadline + GRACE)),
        };
        tracing::debug!(
            call = R::NAME,
            milliseconds = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX),
            error = outcome.as_ref().err().map(tracing::field::display),
            "called"
        );
        outcome.map(tonic::Response::into_inner)
    }
}
