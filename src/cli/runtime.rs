//! The runtime of commands that talk to a cluster.

use std::future::Future;

use super::error::Error;

/// Runs a future to its end on this thread.
pub fn block_on<T>(future: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|source| Error::Write { what: "the runtime's own descriptors".to_owned(), source })?;
    runtime.block_on(future)
}
