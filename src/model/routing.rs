//! Routing rules and their differences.
//!
//! Routing rules are one blob in the topology, rewritten by whoever comes last, in random order
//! (`SaveRoutingRules`, go/vt/topo/vschema.go); vtgate reads a copy in each cell's SrvVSchema. Both are values here.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Routing rules by their key. The key is `from_table`: `table`, `keyspace.table`, each also with `@replica` or `@rdonly`.
/// The value is `to_tables`, each `keyspace.table`; vtgate refuses more than one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RoutingRules(pub BTreeMap<String, Vec<String>>);

impl RoutingRules {
    pub fn get(&self, from_table: &str) -> Option<&[String]> {
        self.0.get(from_table).map(Vec::as_slice)
    }

    /// The one table that a key leads to; none if the key is absent or leads to several.
    pub fn target(&self, from_table: &str) -> Option<&str> {
        match self.get(from_table) {
            Some([only]) => Some(only),
            _ => None,
        }
    }

    pub fn set(&mut self, from_table: impl Into<String>, to_table: impl Into<String>) {
        self.0.insert(from_table.into(), vec![to_table.into()]);
    }

    pub fn remove(&mut self, from_table: &str) -> Option<Vec<String>> {
        self.0.remove(from_table)
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn iter(&self) -> impl Iterator<Item = (&String, &Vec<String>)> {
        self.0.iter()
    }

    /// The rules whose key satisfies `keep`.
    pub fn only(&self, keep: impl Fn(&str) -> bool) -> RoutingRules {
        RoutingRules(self.0.iter().filter(|(key, _)| keep(key)).map(|(key, to)| (key.clone(), to.clone())).collect())
    }

    /// What has to change to get from `self` to `after`, sorted by key.
    pub fn diff(&self, after: &RoutingRules) -> RoutingDiff {
        let mut diff = RoutingDiff::default();
        for (key, to) in &after.0 {
            match self.0.get(key) {
                None => diff.added.push(Rule { from_table: key.clone(), to_table: to.join(",") }),
                Some(before) if before != to => {
                    diff.changed.push(ChangedRule { from_table: key.clone(), before: before.join(","), after: to.join(",") })
                }
                Some(_) => {}
            }
        }
        for (key, to) in &self.0 {
            if !after.0.contains_key(key) {
                diff.removed.push(Rule { from_table: key.clone(), to_table: to.join(",") });
            }
        }
        diff
    }
}

/// One rule, as plan and record show it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Rule {
    pub from_table: String,
    pub to_table: String,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
pub struct ChangedRule {
    pub from_table: String,
    pub before: String,
    pub after: String,
}

/// A typed difference of two sets of rules, each list sorted by key.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct RoutingDiff {
    pub added: Vec<Rule>,
    pub removed: Vec<Rule>,
    pub changed: Vec<ChangedRule>,
}

impl RoutingDiff {
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.removed.is_empty() && self.changed.is_empty()
    }

    pub fn len(&self) -> usize {
        self.added.len() + self.removed.len() + self.changed.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(pairs: &[(&str, &str)]) -> RoutingRules {
        let mut rules = RoutingRules::default();
        for (from, to) in pairs {
            rules.set(*from, *to);
        }
        rules
    }

    #[test]
    fn a_diff_names_each_kind_of_change_once() {
        let before = rules(&[("a", "s.a"), ("b", "s.b"), ("c", "s.c")]);
        let after = rules(&[("a", "t.a"), ("b", "s.b"), ("d", "t.d")]);
        let diff = before.diff(&after);
        assert_eq!(diff.added, [Rule { from_table: "d".into(), to_table: "t.d".into() }]);
        assert_eq!(diff.removed, [Rule { from_table: "c".into(), to_table: "s.c".into() }]);
        assert_eq!(diff.changed, [ChangedRule { from_table: "a".into(), before: "s.a".into(), after: "t.a".into() }]);
    }
}
