//! A vtctld with what else an observation needs: the port's adapter.

use std::sync::Arc;
use std::time::Duration;

use super::call::Vtctld;
use super::last_rules::LastRules;
use super::pieces::Sizes;
use crate::clock::Clock;
use crate::cluster::topo::Topology;

/// Implements [`Reader`](crate::cluster::port::Reader) and [`Writer`](crate::cluster::port::Writer) over a vtctld, or over the
/// sandbox in its place. Clones share the connection.
#[derive(Clone)]
pub struct Cluster {
    pub(super) vtctld: Vtctld,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) sql: SqlReads,
    pub(super) topology: Option<Arc<dyn Topology>>,
    pub(super) sizes: Arc<Sizes>,
    pub(super) last_rules: Arc<LastRules>,
}

/// Which SQL reads are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SqlReads {
    /// None (`--no-sql`): what only SQL answers is unread.
    Forbidden,
    /// Each statement within this time, as MySQL counts it; at least a millisecond.
    Within(Duration),
}

impl SqlReads {
    /// What an ordinary observation may cost a server.
    pub const BOUNDED: SqlReads = SqlReads::Within(Duration::from_secs(2));
    /// What `--deep` may cost it.
    pub const DEEP: SqlReads = SqlReads::Within(Duration::from_secs(300));
}

impl Cluster {
    /// With bounded SQL reads.
    pub fn new(vtctld: Vtctld, clock: Arc<dyn Clock>) -> Self {
        Self { vtctld, clock, sql: SqlReads::BOUNDED, topology: None, sizes: Arc::default(), last_rules: Arc::default() }
    }

    pub fn with_sql(self, sql: SqlReads) -> Self {
        Self { sql, ..self }
    }

    /// With the topology server behind it, where a dead vtctld's lock can be taken away.
    pub fn with_topology(self, topology: Option<Arc<dyn Topology>>) -> Self {
        Self { topology, ..self }
    }

    /// Who is called, for messages.
    pub fn peer(&self) -> &str {
        self.vtctld.peer()
    }
}
