//! The canonical state that a forecast predicts and an observation finds.
//!
//! It is compared after every write: what the plan names must be as forecast, and everything else must be as it was. Forecast and
//! sandbox may share this type, never the code that makes effects, or the promise would test itself.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::kept_picture::KeptPicture;
use crate::cluster::port::OtherRules;
use crate::model::digest::Digest;
use crate::model::routing::RoutingRules;
use crate::model::shared::Shared;

/// Names of tables.
pub type Names = Shared<BTreeSet<String>>;

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "KeptPicture", into = "KeptPicture")]
pub struct Picture {
    pub routing_rules: RoutingRules,
    /// By cell.
    pub served: BTreeMap<String, RoutingRules>,
    pub other_rules: OtherRules,
    /// `keyspace/shard` to denied tables.
    pub denied_tables: BTreeMap<String, Names>,
    /// Keyspace to the tables of its VSchema.
    pub vschema_tables: BTreeMap<String, Names>,
    /// Keyspace to table to the digest of its VSchema entry with the vindexes it names. What a forecast can't know is left out, and
    /// what one side lacks is not compared: pictures kept by an older version have none.
    pub vschema_entries: BTreeMap<String, Shared<BTreeMap<String, Digest>>>,
    /// `keyspace/shard` to those tables of the movement that are there, renamed ones too. Empty when it wasn't looked at.
    pub tables: BTreeMap<String, Names>,
    /// `keyspace.workflow` to shard to the state of its streams there.
    pub streams: BTreeMap<String, BTreeMap<String, StreamShape>>,
}

/// What matters of the streams of one shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum StreamShape {
    Stopped,
    /// Copying or running, or in an error that Vitess retries.
    Moving,
    StoppedForCutover,
    Frozen,
    /// Not all alike.
    Mixed,
}

/// What belongs to a movement among things that others also write.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ours {
    pub rule_keys: BTreeSet<String>,
    pub tables: BTreeSet<String>,
}

/// One difference between what was to be and what is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// `routing rule customer@replica`, `customer/-80 denied tables`.
    pub subject: String,
    pub ours: bool,
    /// Somebody else's entry that stood before our write and is gone after it.
    pub lost: bool,
    pub expected: String,
    pub found: String,
}

impl Difference {
    pub fn words(&self) -> String {
        format!("{}: expected {}, found {}", self.subject, self.expected, self.found)
    }
}

impl Picture {
    /// Digest of our part alone: what an approval binds. Foreign entries change without voiding it.
    pub fn digest_of_ours(&self, ours: &Ours) -> Digest {
        let rules = self.routing_rules.of_keys(&ours.rule_keys);
        let denied: BTreeMap<&String, Vec<&String>> =
            self.denied_tables.iter().map(|(shard, tables)| (shard, tables.intersection(&ours.tables).collect())).collect();
        let vschema: BTreeMap<&String, Vec<&String>> = self
            .vschema_tables
            .iter()
            .map(|(keyspace, tables)| (keyspace, tables.intersection(&ours.tables).collect()))
            .collect();
        Digest::of(&(rules, denied, vschema, &self.streams))
    }

    /// Everything in which `found` differs from `self`, ours first.
    pub fn differences(&self, found: &Picture, ours: &Ours) -> Vec<Difference> {
        let mut all = Vec::new();
        compare_rules("routing rule", &self.routing_rules, &found.routing_rules, ours, &mut all);
        for (cell, expected) in &self.served {
            match found.served.get(cell) {
                Some(served) => compare_rules(&format!("cell {cell} serves routing rule"), expected, served, ours, &mut all),
                None => all.push(Difference {
                    subject: format!("cell {cell}"),
                    ours: true,
                    lost: false,
                    expected: "a SrvVSchema".into(),
                    found: "none".into(),
                }),
            }
        }
        compare_sets("denied tables", &self.denied_tables, &found.denied_tables, ours, &mut all);
        compare_sets("VSchema tables", &self.vschema_tables, &found.vschema_tables, ours, &mut all);
        compare_entries(&self.vschema_entries, &found.vschema_entries, ours, &mut all);
        // Tables are looked at only where a phase changes them: what one look left out isn't compared.
        let both = |one: &BTreeMap<String, Names>, other: &BTreeMap<String, Names>| {
            one.iter()
                .filter(|(place, _)| other.contains_key(*place))
                .map(|(place, names)| (place.clone(), names.clone()))
                .collect()
        };
        compare_sets("tables", &both(&self.tables, &found.tables), &both(&found.tables, &self.tables), ours, &mut all);
        let none = BTreeMap::new();
        let workflows: BTreeSet<&String> = self.streams.keys().chain(found.streams.keys()).collect();
        for workflow in workflows {
            let (expected, is) = (self.streams.get(workflow).unwrap_or(&none), found.streams.get(workflow).unwrap_or(&none));
            if expected != is {
                all.push(Difference {
                    subject: format!("streams of {workflow}"),
                    ours: true,
                    lost: false,
                    expected: shapes(expected),
                    found: shapes(is),
                });
            }
        }
        compare_maps("shard routing rule", &self.other_rules.shard, &found.other_rules.shard, &mut all);
        compare_maps("keyspace routing rule", &self.other_rules.keyspace, &found.other_rules.keyspace, &mut all);
        compare_maps("mirror rule", &self.other_rules.mirror, &found.other_rules.mirror, &mut all);
        all.sort_by_key(|difference| !difference.ours);
        all
    }
}

fn shapes(streams: &BTreeMap<String, StreamShape>) -> String {
    if streams.is_empty() {
        return "none".into();
    }
    let parts: Vec<String> = streams.iter().map(|(shard, shape)| format!("{shard} {}", shape.as_str())).collect();
    parts.join(", ")
}

impl StreamShape {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stopped => "stopped",
            Self::Moving => "running",
            Self::StoppedForCutover => "stopped for cutover",
            Self::Frozen => "frozen",
            Self::Mixed => "not all alike",
        }
    }
}

fn compare_rules(what: &str, expected: &RoutingRules, found: &RoutingRules, ours: &Ours, all: &mut Vec<Difference>) {
    let diff = expected.diff(found);
    let mut push = |key: &str, expected: String, is: String, lost: bool| {
        let ours = ours.rule_keys.contains(key);
        all.push(Difference { subject: format!("{what} `{key}`"), ours, lost: lost && !ours, expected, found: is });
    };
    for rule in diff.added {
        push(&rule.from_table, "none".into(), rule.to_table, false);
    }
    for rule in diff.removed {
        push(&rule.from_table, rule.to_table, "none".into(), true);
    }
    for rule in diff.changed {
        push(&rule.from_table, rule.before, rule.after, false);
    }
}

fn compare_sets(
    what: &str,
    expected: &BTreeMap<String, Names>,
    found: &BTreeMap<String, Names>,
    ours: &Ours,
    all: &mut Vec<Difference>,
) {
    let none = Names::default();
    let places: BTreeSet<&String> = expected.keys().chain(found.keys()).collect();
    for place in places {
        let (wanted, is) = (expected.get(place).unwrap_or(&none), found.get(place).unwrap_or(&none));
        if wanted == is {
            continue;
        }
        let mut push = |names: BTreeSet<String>, ours: bool, there: bool| {
            if names.is_empty() {
                return;
            }
            let list = names.into_iter().collect::<Vec<_>>().join(", ");
            let (expected, found) = if there { ("without".into(), list) } else { (list, "without".into()) };
            all.push(Difference { subject: format!("{place} {what}"), ours, lost: !ours && !there, expected, found });
        };
        let extra: BTreeSet<String> = is.difference(wanted).cloned().collect();
        let missing: BTreeSet<String> = wanted.difference(is).cloned().collect();
        let is_ours = |name: &String| ours.tables.contains(name);
        push(extra.iter().filter(|name| is_ours(name)).cloned().collect(), true, true);
        push(extra.iter().filter(|name| !is_ours(name)).cloned().collect(), false, true);
        push(missing.iter().filter(|name| is_ours(name)).cloned().collect(), true, false);
        push(missing.iter().filter(|name| !is_ours(name)).cloned().collect(), false, false);
    }
}

fn compare_entries(
    expected: &BTreeMap<String, Shared<BTreeMap<String, Digest>>>,
    found: &BTreeMap<String, Shared<BTreeMap<String, Digest>>>,
    ours: &Ours,
    all: &mut Vec<Difference>,
) {
    for (keyspace, entries) in expected {
        for (table, wanted) in entries.iter() {
            let Some(is) = found.get(keyspace).and_then(|entries| entries.get(table)) else { continue };
            if wanted != is {
                all.push(Difference {
                    subject: format!("{keyspace} VSchema of `{table}`, with its vindexes and sequence"),
                    ours: ours.tables.contains(table),
                    lost: false,
                    expected: wanted.short().to_owned(),
                    found: is.short().to_owned(),
                });
            }
        }
    }
}

fn compare_maps(what: &str, expected: &BTreeMap<String, String>, found: &BTreeMap<String, String>, all: &mut Vec<Difference>) {
    let keys: BTreeSet<&String> = expected.keys().chain(found.keys()).collect();
    for key in keys {
        let (wanted, is) = (expected.get(key), found.get(key));
        if wanted != is {
            let text = |value: Option<&String>| value.cloned().unwrap_or_else(|| "none".into());
            all.push(Difference {
                subject: format!("{what} `{key}`"),
                ours: false,
                lost: is.is_none(),
                expected: text(wanted),
                found: text(is),
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ours() -> Ours {
        Ours { rule_keys: ["customer".to_owned()].into(), tables: ["customer".to_owned()].into() }
    }

    #[test]
    fn our_change_and_theirs_are_told_apart() {
        let mut expected = Picture::default();
        expected.routing_rules.set("customer", "b.customer");
        expected.routing_rules.set("theirs", "a.theirs");
        let mut found = expected.clone();
        found.routing_rules.set("customer", "a.customer");
        found.routing_rules.remove("theirs");
        found.routing_rules.set("new", "a.new");
        let differences = expected.differences(&found, &ours());
        let seen: Vec<(&str, bool, bool)> = differences.iter().map(|d| (d.subject.as_str(), d.ours, d.lost)).collect();
        assert_eq!(
            seen,
            [
                ("routing rule `customer`", true, false),
                ("routing rule `new`", false, false),
                ("routing rule `theirs`", false, true)
            ]
        );
    }

    #[test]
    fn a_foreign_denied_table_is_not_ours() {
        let mut expected = Picture::default();
        expected.denied_tables.insert("c/0".into(), ["customer".to_owned()].into());
        let mut found = Picture::default();
        found.denied_tables.insert("c/0".into(), ["other".to_owned()].into());
        let differences = expected.differences(&found, &ours());
        assert_eq!(differences.iter().filter(|d| d.ours).count(), 1);
        assert_eq!(differences.iter().filter(|d| !d.ours && !d.lost).count(), 1);
    }

    #[test]
    fn a_changed_vschema_entry_is_seen_and_one_that_a_side_lacks_is_not_compared() {
        let entries = |pairs: &[(&str, &str)]| {
            let by_table: Shared<_> =
                pairs.iter().map(|(table, text)| ((*table).to_owned(), Digest::of_bytes(text.as_bytes()))).collect();
            Picture { vschema_entries: [("customer".to_owned(), by_table)].into(), ..Picture::default() }
        };
        let expected = entries(&[("customer", "hash"), ("theirs", "hash")]);
        let seen = |found: &Picture| -> Vec<bool> {
            expected.differences(found, &ours()).iter().map(|difference| difference.ours).collect()
        };
        assert_eq!(seen(&expected), [] as [bool; 0]);
        assert_eq!(seen(&entries(&[("customer", "xxhash"), ("theirs", "hash")])), [true]);
        assert_eq!(seen(&entries(&[("customer", "hash"), ("theirs", "xxhash")])), [false]);
        assert_eq!(seen(&Picture::default()), [] as [bool; 0], "kept by an older version");
        let old = r#"{"routing_rules":{},"served":{},"other_rules":{"shard":{},"keyspace":{},"mirror":{}},"denied_tables":{},
            "vschema_tables":{"customer":["customer"]},"tables":{},"streams":{}}"#;
        let old: Picture = serde_json::from_str(old).unwrap();
        assert!(old.vschema_entries.is_empty());
    }

    #[test]
    fn what_is_not_ours_does_not_change_the_digest() {
        let mut a = Picture::default();
        a.routing_rules.set("customer", "b.customer");
        let mut b = a.clone();
        b.routing_rules.set("theirs", "a.theirs");
        assert_eq!(a.digest_of_ours(&ours()), b.digest_of_ours(&ours()));
        b.routing_rules.set("customer", "a.customer");
        assert_ne!(a.digest_of_ours(&ours()), b.digest_of_ours(&ours()));
    }
}
