//! The operator's side: where clusters are, how to log in, and which safety a plan file may not take away.
//!
//! A pull request may choose an alias and nothing else. Addresses, certificates, credentials, folders and hooks come from flags,
//! the environment or the operator's `config.toml`.

mod config;
mod guards;
mod pages;
mod resolve;
mod schema;

pub use config::{CLUSTER, ClusterConfig, OperatorConfig, known_keys, read};
pub use guards::guards;
pub use pages::PAGES;
pub use resolve::{Connection, ConnectionSource, CredentialsSource, Endpoint, ResolveError, TlsFiles, TopologyEndpoint, resolve};
pub use schema::schema;

/// The alias that is built in: a simulated cluster in this process.
pub const SANDBOX: &str = "sandbox";
