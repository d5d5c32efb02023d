//! From facts and entries to what people see and what is kept.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::shown::Tables;
use crate::cluster::port::Facts;
use crate::family::picture::Picture;
use crate::family::{Family, SituationKind, Waiting};
use crate::model::digest::Digest;
use crate::model::routing::RoutingRules;
use crate::model::vschema::VSchema;
use crate::record::entry::What;
use crate::record::kept::Kept;
use crate::record::progress::{Attempt, Progress};
use crate::record::store::Record;
use crate::report::event;
use crate::run::phase::PhaseId;

/// What a write may replace, kept before it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Replaced {
    pub routing_rules: RoutingRules,
    pub vschemas: BTreeMap<String, VSchema>,
    pub keyspaces: BTreeMap<String, crate::model::topology::Keyspace>,
    /// The whole picture before the write: what a run that finds the write without outcome compares with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub picture: Option<Picture>,
}

impl Replaced {
    pub fn of(facts: &Facts, picture: &Picture) -> Self {
        Self {
            picture: Some(picture.clone()),
            routing_rules: facts.routing_rules.clone(),
            vschemas: facts.vschemas.iter().map(|(keyspace, vschema)| (keyspace.to_string(), vschema.clone())).collect(),
            keyspaces: facts.keyspaces.iter().map(|(name, keyspace)| (name.to_string(), keyspace.clone())).collect(),
        }
    }
}

/// A picture of ours that was kept.
pub fn kept_picture(kept: &Kept<'_>, digest: &Digest) -> Option<Picture> {
    serde_json::from_slice(&kept.fetch(digest).ok()?).ok()
}

/// What a write replaced, where it was kept.
pub fn kept_replaced(kept: &Kept<'_>, attempt: &Attempt) -> Option<Replaced> {
    serde_json::from_slice(&kept.fetch(attempt.replaced.as_ref()?).ok()?).ok()
}

/// The routing rules that our last `remove-rules` replaced, where they were kept.
pub fn kept_rules(kept: &Kept<'_>, progress: &Progress) -> Option<RoutingRules> {
    kept_replaced(kept, progress.last_removal_of_rules()?).map(|replaced| replaced.routing_rules)
}

/// A value's bytes, for keeping.
pub fn bytes_of<T: Serialize>(value: &T) -> Vec<u8> {
    #[expect(clippy::expect_used, reason = "our own types have text keys and no failing serializer")]
    serde_json::to_vec_pretty(value).expect("a value of ours is always JSON")
}

/// What a look saw while something is waited for.
pub fn progress(
    family: &dyn Family,
    facts: &Facts,
    progress: &Progress,
    phase: &PhaseId,
    waiting: &Waiting,
    tables: Tables,
) -> event::Progress {
    let situation = family.situation(facts, progress);
    let way_back = (situation.kind == SituationKind::Switched).then(|| family.way_back(facts));
    event::Progress {
        at: facts.observed_at,
        phase: phase.clone(),
        waiting_for: waiting.what.clone(),
        traffic: situation.traffic,
        tables: tables.by_name,
        tables_at: tables.at,
        lag_seconds: family.pulse(facts).lag_seconds,
        way_back,
        until: None,
    }
}

pub fn is_on_record(record: &Record, text: &str) -> bool {
    record.entries.iter().any(|entry| matches!(&entry.what, What::Remark { text: known, .. } if known == text))
}
