//! vtctld over gRPC (`vtctlservice.Vtctld`): [`Vtctld`] makes the calls, [`generated`] is the protocol, [`Cluster`] is the port's
//! reader and writer over both.

mod address;
mod ask;
mod base;
mod call;
mod cluster;
mod concurrently;
mod connection;
pub(crate) mod convert;
mod credentials;
mod error_text;
pub mod generated;
mod last_rules;
mod pieces;
mod reader;
mod rpc;
mod sql;
mod status;
mod streams_in_pieces;
mod transport;
mod writer;

pub use address::{Address, AddressError};
pub use call::{READ_DEADLINE, Vtctld};
pub use cluster::{Cluster, SqlReads};
pub(in crate::cluster) use connection::plaintext_channel;
pub use connection::{ClientCertificate, ConnectionError, ConnectionSettings, TlsSettings};
pub use credentials::{Credentials, CredentialsError};
pub use rpc::{Access, Answer, CALLS, Read, Rpc, Write};
pub(in crate::cluster) use status::Failed;
