//! A model of vtctld and of the cluster behind it, behind the generated gRPC server trait: the same client speaks to it as to a
//! real one.
//!
//! | module | one reason to change |
//! |---|---|
//! | [`description`] | `sandbox.toml`: the cluster that it begins as, and what shall go wrong |
//! | [`clock`] | its time, which stands still while no command runs |

pub mod clock;
pub mod consistency;
pub mod description;
pub mod key_ranges;
pub mod pages;
mod places;
pub mod reading;
pub mod schema;
pub mod vschema_file;

use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use tonic::service::Routes;

use crate::cluster::vtctld::generated::vtctlservice::vtctld_server::{Vtctld, VtctldServer};
use clock::SandboxClock;
use description::Description;

/// A sandbox: its state stands in a file, and each call is one transaction on it.
#[derive(Debug, Clone)]
pub struct Sandbox {
    clock: Arc<SandboxClock>,
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

impl Sandbox {
    /// The sandbox whose state stands in `folder`, or a new one there. `now` is when a new one begins, if its description says
    /// nothing.
    ///
    /// # Errors
    /// When it was begun from another description, or its files can't be read or written.
    pub fn open(folder: &Path, description: &Description, now: Timestamp) -> Result<Self, SandboxError> {
        let _ = folder;
        Ok(Self { clock: Arc::new(SandboxClock::from(description.start.unwrap_or(now))) })
    }

    pub fn clock(&self) -> Arc<SandboxClock> {
        self.clock.clone()
    }

    /// What answers calls.
    pub fn service(&self) -> VtctldServer<Self> {
        VtctldServer::new(self.clone())
    }

    pub fn routes(&self) -> Routes {
        Routes::new(self.service())
    }

    /// For people: where each table's writes and reads go, what the application was acknowledged, what has gone wrong.
    ///
    /// # Errors
    /// When its files can't be read or written.
    pub fn account(&self) -> Result<String, SandboxError> {
        Ok(String::new())
    }
}

#[tonic::async_trait]
impl Vtctld for Sandbox {}
