//! What a call is refused with: Vitess's own words, which come with the code UNKNOWN whatever they mean.

use tonic::Status;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal(pub String);

/// `refuse!("no streams found in keyspace {keyspace} for {workflow}")`
macro_rules! refuse {
    ($($text:tt)*) => { Err($crate::sandbox::refusal::Refusal(format!($($text)*))) };
}
pub(super) use refuse;

pub type Answer<T> = Result<T, Refusal>;

impl From<Refusal> for Status {
    fn from(refusal: Refusal) -> Self {
        Status::unknown(refusal.0)
    }
}

impl Refusal {
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// What Vitess puts before the words of something deeper.
    pub fn within(self, prefix: &str) -> Self {
        Self(format!("{prefix}: {}", self.0))
    }
}
