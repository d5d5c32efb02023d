//! What a run is given from outside.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use uuid::Uuid;

use crate::clock::Clock;
use crate::cluster::port::{Reader, Writer};
use crate::record::entry::Actor;
use crate::record::kept::Kept;
use crate::record::lease::{HeldLease, LeaseError};
use crate::record::store::RecordStore;
use crate::report::event::View;

pub struct Ports<'a> {
    pub reader: &'a dyn Reader,
    /// Shared, because a call goes on in a task of its own: dropping it would break a switch half way.
    pub writer: Arc<dyn Writer>,
    pub store: &'a dyn RecordStore,
    pub kept: Kept<'a>,
    pub take_lease: Box<dyn Fn() -> Result<Box<dyn HeldLease>, LeaseError> + 'a>,
    pub clock: Arc<dyn Clock>,
    /// Ids for writes that need one.
    pub new_uuid: Box<dyn Fn() -> Uuid + 'a>,
    /// Whether the plan file means something else now than when this run began to know it. One that can't be read means nothing new.
    pub is_plan_edited: Box<dyn Fn() -> bool + 'a>,
    pub signals: Signals,
    pub view: &'a mut dyn View,
    pub actor: Actor,
}

/// Signals that ask for an end, as they come.
#[derive(Clone)]
pub struct Signals {
    /// The exit codes of the signals so far: 130 for SIGINT, 143 for SIGTERM.
    received: watch::Receiver<Vec<u8>>,
}

impl Signals {
    pub fn new(received: watch::Receiver<Vec<u8>>) -> Self {
        Self { received }
    }

    /// The exit code of the first one.
    pub fn requested(&self) -> Option<u8> {
        self.received.borrow().first().copied()
    }

    pub fn count(&self) -> usize {
        self.received.borrow().len()
    }

    /// Sleeps, or less when a signal comes.
    pub async fn sleep(&mut self, duration: Duration) {
        let changed = async {
            // A closed channel brings no more signals: then only time passes.
            if self.received.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        };
        // Biased, here and where a call is waited for: what happens at one moment happens in one order, and a run can be run again.
        tokio::select! {
            biased;
            () = changed => {}
            () = tokio::time::sleep(duration) => {}
        }
    }
}
