//! What a plan rests on in the cluster. A saved plan holds it, so that what has moved since can be named.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::digest::Digest;

/// All of it that a plan depends on; no aliases, positions, counts or lag.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Basis {
    /// A part of the topology as people call it (`denied tables`), to what is ours of it: each thing (`commerce/0`) and how it is.
    pub topology: BTreeMap<String, BTreeMap<String, String>>,
    /// The tables that are moved, as the source's primaries define them. Absent: they could not be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub definitions: Option<Vec<Definition>>,
}

/// A table, as these shards define it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Definition {
    pub table: String,
    /// Sorted, as `commerce/-80`.
    pub shards: Vec<String>,
    /// MySQL's `CREATE TABLE`, without the next number of AUTO_INCREMENT.
    pub text: String,
}

impl Basis {
    pub fn digest(&self) -> Digest {
        Digest::of(self)
    }
}
