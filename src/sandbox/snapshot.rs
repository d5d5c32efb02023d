//! All that a sandbox in memory knows, kept aside: tests begin from one again and again, and compare what stands in two.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize};

use super::clock::SandboxClock;
use super::state::State;
use super::store::Store;
use super::{Inner, MESSAGE_LIMIT_BYTES, Sandbox, SandboxError, trouble};

/// A moment of a sandbox. Nobody's call is under way in it but those that go on alone.
#[derive(Debug, Clone)]
pub struct Snapshot(Box<State>);

impl Sandbox {
    /// # Errors
    /// When its files can't be read or written.
    pub fn snapshot(&self) -> Result<Snapshot, SandboxError> {
        self.transact(|state| Snapshot(Box::new(state.clone())))
    }

    /// One in memory that goes on from there.
    pub fn from_snapshot(snapshot: &Snapshot) -> Self {
        let state = (*snapshot.0).clone();
        let inner = Inner {
            clock: Arc::new(SandboxClock::from(state.now)),
            counts_calls: AtomicBool::new(trouble::is_by_number(&state.description) || !state.plan.calls.is_empty()),
            answer_limit_bytes: AtomicUsize::new(MESSAGE_LIMIT_BYTES),
            store: Store::in_memory(state),
            client: None,
        };
        Self { inner: Arc::new(inner) }
    }
}

impl Sandbox {
    /// The application was deployed anew, and connects to this keyspace from now on.
    ///
    /// # Errors
    /// As of every transaction: when the state can't be read or written.
    pub fn connect_application(&self, keyspace: &str) -> Result<(), SandboxError> {
        self.transact(|state| state.application.keyspace = Some(keyspace.to_owned()))
    }
}

impl Snapshot {
    /// As it would stand in the sandbox's file.
    ///
    /// # Errors
    /// None that is known: its keys are texts.
    pub fn to_json(&self) -> serde_json::Result<serde_json::Value> {
        serde_json::to_value(&self.0)
    }
}
