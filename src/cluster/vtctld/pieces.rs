//! What was too large for one message is asked for in pieces: vtctld sends no more than 16 MiB at once (`--grpc-max-message-size`),
//! and neither do its tablets. That is learnt from the first refusal; a cluster that is that large stays so.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::cluster::error::{ClusterError, ErrorKind};

/// Of all kinds of answers that may be too large.
#[derive(Debug, Default)]
pub(super) struct Sizes {
    /// What the cells serve.
    pub served: Pieces,
    /// Workflows with their streams.
    pub streams: Pieces,
}

/// Whether one kind of answer has been too large.
#[derive(Debug, Default)]
pub(super) struct Pieces(AtomicBool);

impl Pieces {
    /// The whole answer; none where it has to be asked for in pieces.
    ///
    /// # Errors
    /// Any that is not about size.
    pub async fn whole<T>(&self, answer: impl Future<Output = Result<T, ClusterError>>) -> Result<Option<T>, ClusterError> {
        if self.0.load(Ordering::Relaxed) {
            return Ok(None);
        }
        match answer.await {
            Ok(answer) => Ok(Some(answer)),
            Err(error) if error.kind == ErrorKind::TooLarge => {
                self.0.store(true, Ordering::Relaxed);
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}
