//! What a call to the cluster can fail with.

/// A call that failed: what is known about it, and what is known of what it did.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{call}: {message}")]
pub struct ClusterError {
    /// The name of the RPC, such as `WorkflowSwitchTraffic`.
    pub call: &'static str,
    pub kind: ErrorKind,
    pub effect: Effect,
    /// The cluster's words, safe to print (see [`printable`](super::printable)); several shards' errors are one a line.
    pub message: String,
    /// As it came. Of little use: vtctld answers nearly every application error with UNKNOWN.
    pub code: tonic::Code,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// No connection, or one that broke.
    Unreachable,
    /// The user name or the password is missing, or the client's certificate is not accepted.
    Unauthenticated,
    PermissionDenied,
    /// Of the call, or of something that vtctld waited for.
    DeadlineExceeded,
    Cancelled,
    /// This vtctld does not know the call.
    Unimplemented,
    /// The request or the answer is over a limit of size.
    TooLarge,
    /// A workflow, a keyspace, a VDiff, a node of the topology.
    NotFound,
    /// Somebody else holds the workflow's or the keyspace's lock (perhaps a dead vtctld: the workflow's stays for 24 h).
    LockHeld,
    /// Anything else that vtctld says.
    Application,
    /// An answer that cannot be read, or that is not vtctld's.
    Garbled,
}

/// Whether the call may have changed the cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Effect {
    /// Surely not: it was a read, it was never sent, or it was turned away at the door.
    None,
    /// It may have been done wholly, in part or not at all, and may still be going on: look before the next write.
    Unknown,
}
