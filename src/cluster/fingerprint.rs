//! Which cluster it is.

use std::collections::BTreeMap;

use super::port::Facts;
use crate::model::digest::Digest;
use crate::model::name::KeyspaceName;

impl Facts {
    /// A digest that tells one cluster from another and stays the same for its life: the names of its cells, and the shards of
    /// the keyspaces that were looked at. So it is worth comparing only for the same keyspaces, and a reshard changes it, which
    /// it should: a movement does not outlive one. Vitess has no identifier of a cluster; addresses change and say nothing.
    pub fn fingerprint(&self, keyspaces: &[&KeyspaceName]) -> Digest {
        let mut cells: Vec<&str> = self.cells.names.iter().map(|cell| cell.as_str()).collect();
        cells.sort_unstable();
        let shards: BTreeMap<&str, Option<Vec<&str>>> = keyspaces
            .iter()
            .map(|name| {
                let keyspace = self.keyspaces.get(*name);
                (name.as_str(), keyspace.map(|keyspace| keyspace.shards.keys().map(|shard| shard.as_str()).collect()))
            })
            .collect();
        Digest::of(&(cells, shards))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::port::OtherRules;
    use crate::model::name::{CellName, ShardName};
    use crate::model::routing::RoutingRules;
    use crate::model::topology::{Cells, Keyspace, Shard};

    fn facts(cells: &[&str], shards: &[&str]) -> Facts {
        let shard = |name: &&str| {
            let shard = Shard {
                primary_alias: None,
                primary_term_started_at: None,
                key_range: Default::default(),
                is_primary_serving: true,
                tablet_controls: vec![],
            };
            (ShardName::new(*name).unwrap(), shard)
        };
        let keyspace =
            Keyspace { is_snapshot: false, sidecar_database: "_vt".into(), shards: shards.iter().map(shard).collect() };
        Facts {
            observed_at: "2026-11-20T01:00:00Z".parse().unwrap(),
            cells: Cells { names: cells.iter().map(|cell| CellName::new(*cell).unwrap()).collect(), aliases: Default::default() },
            keyspaces: [(KeyspaceName::new("customer").unwrap(), keyspace)].into(),
            vschemas: Default::default(),
            routing_rules: RoutingRules::default(),
            served: Default::default(),
            other_rules: OtherRules::default(),
            workflows: vec![],
            asked_keyspaces: Default::default(),
            answers: vec![],
        }
    }

    #[test]
    fn a_cluster_is_known_by_its_cells_and_shards() {
        let customer = KeyspaceName::new("customer").unwrap();
        let of = |facts: Facts| facts.fingerprint(&[&customer]);
        let first = of(facts(&["zone1", "zone2"], &["-80", "80-"]));
        let mut later = facts(&["zone2", "zone1"], &["80-", "-80"]);
        later.observed_at = "2026-11-21T01:00:00Z".parse().unwrap();
        assert_eq!(of(later), first);
        assert_ne!(of(facts(&["zone1"], &["-80", "80-"])), first);
        assert_ne!(of(facts(&["zone1", "zone2"], &["0"])), first);
        let absent = KeyspaceName::new("commerce").unwrap();
        assert_ne!(facts(&["zone1"], &["0"]).fingerprint(&[&absent]), facts(&["zone1"], &["0"]).fingerprint(&[&customer]));
    }
}
