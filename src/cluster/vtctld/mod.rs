//! vtctld over gRPC (`vtctlservice.Vtctld`): [`Vtctld`] makes the calls, [`generated`] is the protocol.

mod address;
mod call;
mod connection;
mod convert;
mod credentials;
pub mod generated;
mod rpc;
mod status;
mod transport;

pub use address::{Address, AddressError};
pub use call::{READ_DEADLINE, Vtctld};
pub use connection::{ClientCertificate, ConnectionError, ConnectionSettings, TlsSettings};
pub use credentials::{Credentials, CredentialsError};
pub use rpc::{Access, Answer, Read, Rpc, Write};
