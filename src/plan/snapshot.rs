//! What a plan reads of a cluster, as a file: so that a pull request from a fork is planned without a credential, and a report of a
//! bug is one file.
//!
//! It holds names, definitions and states, estimates of sizes, and who holds a write lock. Of rows nothing but the largest id of a column
//! that gets a sequence; no secret.

use async_trait::async_trait;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::document::ClusterName;
use super::sealed::{SealError, Sealed, read};
use crate::cluster::error::{ClusterError, Effect, ErrorKind};
use crate::cluster::port::{Answer, Answered, Ask, Facts, Query, Reader, Unread};
use crate::model::digest::Digest;

/// `cutover snapshot`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Snapshot {
    /// Grows when a reader of the old one would misread the new one.
    pub snapshot_format: u32,
    /// Of `facts`.
    #[schemars(with = "String")]
    pub digest: Digest,
    pub cluster: ClusterName,
    /// What was read, of no promised form: it changes with the version of cutover.
    #[schemars(with = "serde_json::Value")]
    pub facts: Facts,
}

impl Sealed for Snapshot {
    const WHAT: &'static str = "snapshot";
    const FORMAT_KEY: &'static str = "snapshot_format";
    const FORMAT: u32 = 1;

    fn is_whole(&self) -> bool {
        Digest::of(&self.facts) == self.digest
    }
}

impl Snapshot {
    pub fn new(cluster: ClusterName, facts: Facts) -> Self {
        Self { snapshot_format: Self::FORMAT, digest: Digest::of(&facts), cluster, facts }
    }

    /// As it is written.
    ///
    /// # Errors
    /// A number in it that JSON can't hold.
    pub fn text(&self) -> serde_json::Result<String> {
        serde_json::to_string_pretty(self).map(|text| text + "\n")
    }

    /// Reads one, whole and unchanged.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read(text: &str) -> Result<Self, SealError> {
        read(text)
    }
}

/// A look at a snapshot finds what was found then, and nothing else: what it does not hold is unread, never empty.
#[async_trait]
impl Reader for Snapshot {
    async fn observe(&self, query: &Query) -> Result<Facts, ClusterError> {
        if let Some(keyspace) = query.keyspaces.difference(&self.facts.asked_keyspaces).next() {
            return Err(ClusterError {
                call: "snapshot",
                kind: ErrorKind::NotFound,
                effect: Effect::None,
                message: format!("it was taken without looking at `{keyspace}`: take one for this plan file"),
                code: tonic::Code::NotFound,
            });
        }
        let mut facts = self.facts.clone();
        for ask in &query.asks {
            if !facts.answers.iter().any(|answered| &answered.ask == ask) {
                let answer = self.part(ask).ok_or_else(|| Unread::new("the snapshot does not hold it"));
                facts.answers.push(Answered { ask: ask.clone(), answer });
            }
        }
        Ok(facts)
    }
}

impl Snapshot {
    /// The answer for some tables out of that for all of them.
    fn part(&self, ask: &Ask) -> Option<Answer> {
        let Ask::Tables { keyspace, names: Some(names) } = ask else { return None };
        let whole = Ask::Tables { keyspace: keyspace.clone(), names: None };
        let Ok(Answer::Tables(by_shard)) = self.facts.answer(&whole) else { return None };
        let mut part = by_shard.clone();
        for tables in part.values_mut() {
            tables.retain(|table, _| names.iter().any(|name| name.as_str() == table));
        }
        Some(Answer::Tables(part))
    }
}
