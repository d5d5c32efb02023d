//! What went wrong in a call, and whether it may have had an effect. (The client's branch brings the whole of it.)

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{call}: {message}")]
pub struct ClusterError {
    pub call: &'static str,
    pub message: String,
}
