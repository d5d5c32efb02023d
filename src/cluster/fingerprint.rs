//! Which cluster it is.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::port::Facts;
use crate::model::digest::Digest;
use crate::model::name::KeyspaceName;

/// So many cells are tried in all combinations for a fingerprint of the older kind.
const MOST_CELLS_TRIED: usize = 12;

/// What tells one cluster from another and stays the same for its life: the names of its cells, and the shards of the keyspaces that
/// were looked at. So it is worth comparing only for the same keyspaces, and a reshard changes it, which it should: a movement does
/// not outlive one. Vitess has no identifier of a cluster; addresses change and say nothing.
///
/// Its text is `<digest of the shards>/<cell>,<cell>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fingerprint {
    pub cells: BTreeSet<String>,
    /// None for a keyspace that doesn't exist.
    pub shards: BTreeMap<String, Option<Vec<String>>>,
}

impl Facts {
    /// The fingerprint of the cluster for these keyspaces.
    pub fn fingerprint(&self, keyspaces: &[&KeyspaceName]) -> Fingerprint {
        let shards_of = |name: &KeyspaceName| {
            let keyspace = self.keyspaces.get(name)?;
            Some(keyspace.shards.keys().map(|shard| shard.as_str().to_owned()).collect())
        };
        Fingerprint {
            cells: self.cells.names.iter().map(|cell| cell.as_str().to_owned()).collect(),
            shards: keyspaces.iter().map(|name| (name.as_str().to_owned(), shards_of(name))).collect(),
        }
    }
}

impl Fingerprint {
    /// What stays the same when cells come and go.
    pub fn shards_digest(&self) -> Digest {
        Digest::of(&self.shards)
    }

    /// Whether this is still the cluster that `recorded` was written of: its shards are the same, and its cells are all there. A cell
    /// that was added since makes no other cluster; it must not lock out the way back.
    pub fn is_still(&self, recorded: &str) -> bool {
        match recorded.split_once('/') {
            Some((shards, cells)) => {
                shards == self.shards_digest().as_str()
                    && cells.split(',').all(|cell| cell.is_empty() || self.cells.contains(cell))
            }
            None => self.is_still_of_older_kind(recorded),
        }
    }

    /// Before 0.1.0 was out it was one digest over cells and shards: it fits if it is that of some of the cells of now.
    fn is_still_of_older_kind(&self, recorded: &str) -> bool {
        let cells: Vec<&String> = self.cells.iter().collect();
        if cells.len() > MOST_CELLS_TRIED {
            return Digest::of(&(&cells, &self.shards)).as_str() == recorded;
        }
        (0..1_u32 << cells.len()).any(|chosen| {
            let some: Vec<&String> =
                cells.iter().enumerate().filter(|(index, _)| chosen >> index & 1 == 1).map(|(_, cell)| *cell).collect();
            Digest::of(&(some, &self.shards)).as_str() == recorded
        })
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cells: Vec<&str> = self.cells.iter().map(String::as_str).collect();
        write!(f, "{}/{}", self.shards_digest(), cells.join(","))
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
        let of = |cells: &[&str], shards: &[&str]| facts(cells, shards).fingerprint(&[&customer]);
        let recorded = of(&["zone1", "zone2"], &["-80", "80-"]).to_string();
        assert_eq!(of(&["zone2", "zone1"], &["80-", "-80"]).to_string(), recorded);
        for (cells, shards, same) in [
            (&["zone1", "zone2"][..], &["-80", "80-"][..], true),
            (&["zone1", "zone2", "zone3"], &["-80", "80-"], true),
            (&["zone1"], &["-80", "80-"], false),
            (&["zone1", "zone3"], &["-80", "80-"], false),
            (&["zone1", "zone2"], &["0"], false),
        ] {
            assert_eq!(of(cells, shards).is_still(&recorded), same, "{cells:?} {shards:?}");
        }
        let absent = KeyspaceName::new("commerce").unwrap();
        assert!(!facts(&["zone1", "zone2"], &["-80", "80-"]).fingerprint(&[&absent]).is_still(&recorded));
    }

    #[test]
    fn a_fingerprint_of_the_older_kind_still_counts() {
        let customer = KeyspaceName::new("customer").unwrap();
        let shards = BTreeMap::from([("customer", Some(vec!["-80", "80-"]))]);
        let recorded = Digest::of(&(vec!["zone1", "zone2"], shards)).to_string();
        let of = |cells: &[&str], shards: &[&str]| facts(cells, shards).fingerprint(&[&customer]);
        assert!(of(&["zone1", "zone2"], &["-80", "80-"]).is_still(&recorded));
        assert!(of(&["zone1", "zone2", "zone3"], &["-80", "80-"]).is_still(&recorded), "a cell was added");
        assert!(!of(&["zone1"], &["-80", "80-"]).is_still(&recorded));
        assert!(!of(&["zone1", "zone2"], &["0"]).is_still(&recorded));
        assert!(!of(&["zone1", "zone2"], &["-80", "80-"]).is_still("zone1,zone2"));
    }
}
