//! What something will have changed: the difference of two pictures, for people and machines.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::family::picture::{Names, Picture, StreamShape};
use crate::model::routing::{RoutingDiff, RoutingRules};
use crate::model::shared::Shared;

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Changes {
    pub routing_rules: RoutingDiff,
    /// What each cell serves otherwise, by cell, beyond what the rules above say (SrvVSchema).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub published: BTreeMap<String, RoutingDiff>,
    /// Tables that a VSchema names, by keyspace.
    pub vschema: SetDiff,
    /// By shard.
    pub denied_tables: SetDiff,
    /// `keyspace.workflow/shard` to what its streams will be, where that changes.
    pub streams: BTreeMap<String, String>,
    /// Tables of ours that appear or go, where they were looked at, by shard.
    pub tables: SetDiff,
}

/// What is added to and removed from places, by place.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SetDiff {
    pub added: BTreeMap<String, Shared<Vec<String>>>,
    pub removed: BTreeMap<String, Shared<Vec<String>>>,
}

impl SetDiff {
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.removed.is_empty()
    }
}

impl Changes {
    pub fn between(before: &Picture, after: &Picture) -> Self {
        let routing_rules = before.routing_rules.diff(&after.routing_rules);
        let none = RoutingRules::default();
        let published = after.served.iter().filter_map(|(cell, will)| {
            let was = before.served.get(cell).unwrap_or(&none);
            // Mostly a cell serves what the topology has, before and after.
            if *was == before.routing_rules && *will == after.routing_rules {
                return None;
            }
            let diff = was.diff(will);
            (!diff.is_empty() && diff != routing_rules).then(|| (cell.clone(), diff))
        });
        Self {
            published: published.collect(),
            routing_rules,
            vschema: set_diff(&before.vschema_tables, &after.vschema_tables),
            denied_tables: set_diff(&before.denied_tables, &after.denied_tables),
            streams: streams_diff(before, after),
            tables: set_diff(&before.tables, &after.tables),
        }
    }
}

type Sets = BTreeMap<String, Names>;
type Listed = Shared<Vec<String>>;

fn set_diff(before: &Sets, after: &Sets) -> SetDiff {
    let mut diff = SetDiff::default();
    let none = Names::default();
    // Many shards change alike: what was worked out for the last one is taken again.
    let mut last: Option<(&Names, &Names, Listed, Listed)> = None;
    let places: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    for place in places {
        let (was, will) = (before.get(place).unwrap_or(&none), after.get(place).unwrap_or(&none));
        let (added, removed) = match &last {
            Some((known, then, added, removed)) if *known == was && *then == will => (added.clone(), removed.clone()),
            _ => (will.difference(was).cloned().collect(), was.difference(will).cloned().collect()),
        };
        last = Some((was, will, added.clone(), removed.clone()));
        for (map, names) in [(&mut diff.added, added), (&mut diff.removed, removed)] {
            if !names.is_empty() {
                map.insert(place.clone(), names);
            }
        }
    }
    diff
}

fn streams_diff(before: &Picture, after: &Picture) -> BTreeMap<String, String> {
    let flat = |picture: &Picture| -> BTreeMap<String, StreamShape> {
        picture
            .streams
            .iter()
            .flat_map(|(workflow, shards)| shards.iter().map(move |(shard, shape)| (format!("{workflow}/{shard}"), *shape)))
            .collect()
    };
    let (was, will) = (flat(before), flat(after));
    let mut diff = BTreeMap::new();
    for key in was.keys().chain(will.keys()) {
        if was.get(key) != will.get(key) {
            diff.insert(key.clone(), will.get(key).map_or("deleted", |shape| shape.as_str()).to_owned());
        }
    }
    diff
}
