//! A picture as it is kept beside the record: what a cell serves stands there only where it is not what the topology has. With a hundred
//! thousand rules and some cells that is most of it.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::picture::{Names, Picture, StreamShape};
use crate::cluster::port::OtherRules;
use crate::model::digest::Digest;
use crate::model::routing::RoutingRules;
use crate::model::shared::Shared;

#[derive(Serialize, Deserialize)]
pub struct KeptPicture {
    routing_rules: RoutingRules,
    /// Of the cells that serve something else. Older versions wrote all of them here, and go by these alone.
    served: BTreeMap<String, RoutingRules>,
    /// The cells that serve what the topology has.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    served_as_the_topology: BTreeSet<String>,
    other_rules: OtherRules,
    denied_tables: BTreeMap<String, Names>,
    vschema_tables: BTreeMap<String, Names>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    vschema_entries: BTreeMap<String, Shared<BTreeMap<String, Digest>>>,
    tables: BTreeMap<String, Names>,
    streams: BTreeMap<String, BTreeMap<String, StreamShape>>,
}

impl From<Picture> for KeptPicture {
    fn from(picture: Picture) -> Self {
        let Picture { routing_rules, served, other_rules, denied_tables, vschema_tables, vschema_entries, tables, streams } =
            picture;
        let (alike, served): (BTreeMap<_, _>, BTreeMap<_, _>) =
            served.into_iter().partition(|(_, rules)| *rules == routing_rules);
        let served_as_the_topology = alike.into_keys().collect();
        Self {
            routing_rules,
            served,
            served_as_the_topology,
            other_rules,
            denied_tables,
            vschema_tables,
            vschema_entries,
            tables,
            streams,
        }
    }
}

impl From<KeptPicture> for Picture {
    fn from(kept: KeptPicture) -> Self {
        let KeptPicture {
            routing_rules,
            served,
            served_as_the_topology,
            other_rules,
            denied_tables,
            vschema_tables,
            vschema_entries,
            tables,
            streams,
        } = kept;
        let alike = served_as_the_topology.into_iter().map(|cell| (cell, routing_rules.clone()));
        let served = served.into_iter().map(|(cell, rules)| (cell, rules.sharing(&routing_rules))).chain(alike).collect();
        Self { routing_rules, served, other_rules, denied_tables, vschema_tables, vschema_entries, tables, streams }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_cell_serves_is_kept_where_it_is_not_what_the_topology_has() {
        let mut picture = Picture::default();
        picture.routing_rules.set("customer", "customer.customer");
        let mut behind = picture.routing_rules.clone();
        behind.set("customer", "commerce.customer");
        picture.served = [("zone1".to_owned(), picture.routing_rules.clone()), ("zone2".to_owned(), behind)].into();
        let kept = serde_json::to_value(&picture).unwrap();
        assert_eq!(kept["served"], serde_json::json!({"zone2": {"customer": ["commerce.customer"]}}));
        assert_eq!(kept["served_as_the_topology"], serde_json::json!(["zone1"]));
        assert_eq!(serde_json::from_value::<Picture>(kept).unwrap(), picture);
        let written_out = serde_json::json!({
            "routing_rules": {"customer": ["customer.customer"]}, "served": {"zone1": {"customer": ["customer.customer"]}},
            "other_rules": {"shard": {}, "keyspace": {}, "mirror": {}}, "denied_tables": {}, "vschema_tables": {}, "tables": {},
            "streams": {},
        });
        let older: Picture = serde_json::from_value(written_out).unwrap();
        assert_eq!(older.served["zone1"], picture.served["zone1"]);
    }
}
