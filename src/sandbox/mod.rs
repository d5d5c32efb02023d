//! A model of vtctld and of the cluster behind it, behind the generated gRPC server trait: the same client speaks to it as to a
//! real one, and the same suite of cases holds both to the same answers (`tests/conformance`).
//!
//! Its whole state is a value in a file; each call is one transaction on it. First time goes on to now ([`advance`]): streams copy
//! and replicate, VDiffs compare, the application writes, and calls that take their time ([`operation`]) do the steps that are due.
//! Then the call reads or changes what it finds. Time stands still while no command runs.
//!
//! It shares types with the forecast, never code of effects: or the forecast would be compared with itself.
//!
//! | module | one reason to change |
//! |---|---|
//! | [`file`] | `sandbox.toml`: the cluster that it begins as, and what shall go wrong |
//! | [`state`] | all that it knows; [`store`] where that stands |
//! | [`topology`], [`table`], [`ids`] | cells, keyspaces, shards, tablets, tables, rows |
//! | [`traffic`] | routing rules of a movement, and what they say of its traffic |
//! | [`stream`], [`vdiff`], [`locks`] | what they are, and how they go on |
//! | [`application`], [`account`] | it writes, and knows what was acknowledged; its account |
//! | [`advance`], [`clock`] | time |
//! | [`reparent`] | a shard gets another primary |
//! | [`operation`] | create, switch, complete, cancel: rows of steps |
//! | [`calls`] | what each call answers |
//! | [`trouble`], [`fault`] | what goes wrong: as `sandbox.toml` says; as a test plans it |
//! | [`somebody`] | what another client does |
//! | [`oracle`] | what must hold |
//! | [`hands`] | what is done past vtctld, for tests |
//! | [`snapshot`] | all that it knows, kept aside, for tests |
//! | [`service`] | the server trait |

pub mod account;
mod advance;
mod application;
mod calls;
pub mod clock;
pub mod fault;
pub mod file;
mod hands;
mod ids;
mod locks;
mod mysql_by_hand;
mod operation;
pub mod oracle;
mod refusal;
mod reparent;
mod service;
mod snapshot;
mod somebody;
mod state;
mod store;
mod stream;
mod table;
pub mod topology;
mod traffic;
mod trouble;
mod vdiff;
mod wire;

#[cfg(test)]
mod tests;

pub use snapshot::Snapshot;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use jiff::Timestamp;
use tonic::Status;
use tonic::service::Routes;

use crate::clock::Clock as _;
use crate::cluster::vtctld::generated::vtctlservice::vtctld_server::VtctldServer;
use clock::SandboxClock;
use file::description::Description;
use state::State;
use store::{Client, Keeping, Store};

/// Of a message, either way: vtctld's own (`--grpc-max-message-size`).
const MESSAGE_LIMIT_BYTES: usize = 16 * 1024 * 1024;

/// A sandbox: its state stands in a file, and each call is one transaction on it.
#[derive(Debug, Clone)]
pub struct Sandbox {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    clock: Arc<SandboxClock>,
    store: Store,
    /// Something befalls a call by its number.
    counts_calls: AtomicBool,
    /// What is larger is refused as vtctld refuses it.
    answer_limit_bytes: AtomicUsize,
    /// None in memory: nobody else is there to see whether we live.
    client: Option<Client>,
}

/// Why a sandbox can't be used.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    #[error("the sandbox in {folder} was begun from another sandbox.toml")]
    AnotherDescription { folder: String },
    #[error("can't {doing} {path}: {source}")]
    File { doing: &'static str, path: String, source: std::io::Error },
    #[error("the state of the sandbox in {path} can't be read: {why}")]
    State { path: String, why: String },
}

impl From<SandboxError> for Status {
    fn from(error: SandboxError) -> Self {
        Status::internal(error.to_string())
    }
}

impl Sandbox {
    /// The sandbox whose state stands in `folder`, or a new one there. `now` is when a new one begins, if its description says
    /// nothing.
    ///
    /// # Errors
    /// When it was begun from another description, or its files can't be read or written.
    pub fn open(folder: &Path, description: &Description, now: Timestamp) -> Result<Self, SandboxError> {
        let lock = store::lock(folder)?;
        let mut state = if store::is_begun(folder) { store::read(folder)? } else { State::new(description, now) };
        if state.description != *description {
            return Err(SandboxError::AnotherDescription { folder: folder.display().to_string() });
        }
        // A process that was killed took its calls along.
        for client in operation::clients(&state) {
            if !store::lives(folder, &client) {
                operation::abandon_all_of(&mut state, &client);
            }
        }
        let client = Client::new(folder)?;
        store::write(folder, &state)?;
        drop(lock);
        let clock = Arc::new(SandboxClock::from(state.now));
        let inner = Inner {
            clock,
            counts_calls: AtomicBool::new(trouble::is_by_number(description)),
            answer_limit_bytes: AtomicUsize::new(MESSAGE_LIMIT_BYTES),
            store: Store::in_folder(folder),
            client: Some(client),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// One that is gone with its last clone. What must hold is looked after at each step.
    pub fn in_memory(description: &Description, now: Timestamp) -> Self {
        Self::of_memory(description, now, true)
    }

    /// As [`in_memory`](Self::in_memory), where nobody looks after it: of a large cluster that takes longer than all else.
    pub fn in_memory_unwatched(description: &Description, now: Timestamp) -> Self {
        Self::of_memory(description, now, false)
    }

    fn of_memory(description: &Description, now: Timestamp, is_watched: bool) -> Self {
        let mut state = State::new(description, now);
        state.plan.keeps_logs = is_watched;
        let clock = Arc::new(SandboxClock::from(state.now));
        Self {
            inner: Arc::new(Inner {
                clock,
                counts_calls: AtomicBool::new(trouble::is_by_number(description)),
                answer_limit_bytes: AtomicUsize::new(MESSAGE_LIMIT_BYTES),
                store: Store::in_memory(state),
                client: None,
            }),
        }
    }

    pub fn clock(&self) -> Arc<SandboxClock> {
        self.inner.clock.clone()
    }

    /// What answers calls.
    pub fn service(&self) -> VtctldServer<Self> {
        VtctldServer::new(self.clone()).max_decoding_message_size(MESSAGE_LIMIT_BYTES)
    }

    /// Refuses larger answers than this: so that a small cluster shows what a large one does.
    pub fn limit_answers(&self, bytes: usize) {
        self.inner.answer_limit_bytes.store(bytes, Ordering::Relaxed);
    }

    pub fn routes(&self) -> Routes {
        Routes::new(self.service())
    }

    fn client_name(&self) -> String {
        self.inner.client.as_ref().map_or_else(|| "memory".to_owned(), |client| client.name.clone())
    }

    /// One transaction, at the time that it is now.
    fn transact<T>(&self, change: impl FnOnce(&mut State) -> T) -> Result<T, SandboxError> {
        self.transact_keeping(Keeping::Always, change)
    }

    fn transact_keeping<T>(&self, keeping: Keeping, change: impl FnOnce(&mut State) -> T) -> Result<T, SandboxError> {
        let clock = self.inner.clock.clone();
        self.inner.store.transact(keeping, |state| {
            clock.catch_up_with(state.now);
            advance::advance(state, clock.now());
            let answer = change(state);
            state.watch();
            answer
        })
    }

    /// The application's account, by table.
    ///
    /// # Errors
    /// When its files can't be read or written.
    pub fn accounts(&self) -> Result<Vec<account::TableAccount>, SandboxError> {
        self.transact(|state| account::tables(state))
    }

    /// For people: where each table's writes and reads go, and what the application was acknowledged.
    ///
    /// # Errors
    /// When its files can't be read or written.
    pub fn account(&self) -> Result<String, SandboxError> {
        self.transact(|state| account::text(state))
    }
}
