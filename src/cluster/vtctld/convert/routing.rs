//! Routing rules of all kinds, and what the cells serve of them.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use super::vschema::vschema;
use crate::cluster::port::{OtherRules, Served};
use crate::cluster::vtctld::generated::vschema as wire;
use crate::model::routing::RoutingRules;

/// No message and an empty one are the same: Vitess deletes rules that have become empty.
///
/// Two rules of one key cannot be told apart by key; vtgate refuses such a set. Their targets are put together, which makes the
/// rule one with several targets, and that is refused wherever a single target is needed.
pub(crate) fn routing_rules(rules: Option<wire::RoutingRules>) -> RoutingRules {
    let mut by_key: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for rule in rules.into_iter().flat_map(|rules| rules.rules) {
        match by_key.entry(rule.from_table) {
            Entry::Vacant(place) => {
                place.insert(rule.to_tables);
            }
            Entry::Occupied(mut known) => known.get_mut().extend(rule.to_tables),
        }
    }
    by_key.into_iter().collect()
}

/// Sorted by key.
pub(crate) fn routing_rules_message(rules: &RoutingRules) -> wire::RoutingRules {
    let rule = |(from, to): (&String, &Vec<String>)| wire::RoutingRule { from_table: from.clone(), to_tables: to.clone() };
    wire::RoutingRules { rules: rules.iter().map(rule).collect() }
}

pub(crate) fn other_rules(
    shard: Option<&wire::ShardRoutingRules>,
    keyspace: Option<&wire::KeyspaceRoutingRules>,
    mirror: Option<&wire::MirrorRules>,
) -> OtherRules {
    let shard = shard.iter().flat_map(|rules| &rules.rules);
    let keyspace = keyspace.iter().flat_map(|rules| &rules.rules);
    // A table may be mirrored to several.
    let mut mirrored: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for rule in mirror.iter().flat_map(|rules| &rules.rules) {
        mirrored.entry(rule.from_table.clone()).or_default().push(format!("{} {}", rule.to_table, rule.percent));
    }
    let in_order = |mut to: Vec<String>| {
        to.sort();
        to.join(", ")
    };
    OtherRules {
        shard: shard.map(|rule| (format!("{}.{}", rule.from_keyspace, rule.shard), rule.to_keyspace.clone())).collect(),
        keyspace: keyspace.map(|rule| (rule.from_keyspace.clone(), rule.to_keyspace.clone())).collect(),
        mirror: mirrored.into_iter().map(|(from, to)| (from, in_order(to))).collect(),
    }
}

/// What a cell serves. Rules that are those of `known`, the topology's own, are held once.
pub(crate) fn served(served: wire::SrvVSchema, known: &RoutingRules) -> Served {
    Served {
        routing_rules: routing_rules(served.routing_rules).sharing(known),
        vschemas: served.keyspaces.iter().map(|(name, keyspace)| (name.clone(), vschema(keyspace))).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(from: &str, to: &[&str]) -> wire::RoutingRule {
        wire::RoutingRule { from_table: from.into(), to_tables: to.iter().map(|to| (*to).to_owned()).collect() }
    }

    #[test]
    fn rules_in_any_order_are_the_same() {
        let one = wire::RoutingRules { rules: vec![rule("a", &["s.a"]), rule("a@replica", &["t.a"])] };
        let other = wire::RoutingRules { rules: vec![rule("a@replica", &["t.a"]), rule("a", &["s.a"])] };
        assert_eq!(routing_rules(Some(one.clone())), routing_rules(Some(other.clone())));
        assert_eq!(routing_rules_message(&routing_rules(Some(other))), one);
        assert_eq!(routing_rules(None), routing_rules(Some(wire::RoutingRules::default())));
    }

    #[test]
    fn a_key_with_two_rules_has_no_single_target() {
        let twice = wire::RoutingRules { rules: vec![rule("a", &["s.a"]), rule("a", &["t.a"])] };
        assert_eq!(routing_rules(Some(twice)).target("a"), None);
    }

    #[test]
    fn other_rules_have_one_text_each() {
        let shard = wire::ShardRoutingRules {
            rules: vec![wire::ShardRoutingRule { from_keyspace: "a".into(), to_keyspace: "b".into(), shard: "-80".into() }],
        };
        let mirror = wire::MirrorRules {
            rules: ["c.t", "b.t"]
                .map(|to| wire::MirrorRule { from_table: "a.t@replica".into(), to_table: to.into(), percent: 12.5 })
                .to_vec(),
        };
        let rules = other_rules(Some(&shard), None, Some(&mirror));
        assert_eq!(rules.shard["a.-80"], "b");
        assert_eq!(rules.mirror["a.t@replica"], "b.t 12.5, c.t 12.5");
        assert!(rules.keyspace.is_empty());
    }
}
