//! The runtime of commands that talk to a cluster.

use super::context::Context;
use super::error::Error;

/// Runs a command's work to its end on this thread.
pub fn block_on<T>(context: &mut Context, work: impl AsyncFnOnce(&mut Context) -> Result<T, Error>) -> Result<T, Error> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(context.time_jumps()?)
        .build()
        .map_err(|source| Error::Write { what: "the runtime's own descriptors".to_owned(), source })?;
    runtime.block_on(work(context))
}
