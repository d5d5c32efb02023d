//! Routing rules and their differences.
//!
//! Routing rules are one blob in the topology, rewritten by whoever comes last, in random order
//! (`SaveRoutingRules`, go/vt/topo/vschema.go); vtgate reads a copy in each cell's SrvVSchema. Both are values here.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

type ByKey = BTreeMap<String, Vec<String>>;

/// Routing rules by their key. The key is `from_table`: `table`, `keyspace.table`, each also with `@replica` or `@rdonly`.
/// The value is `to_tables`, each `keyspace.table`; vtgate refuses more than one.
///
/// Clones share what they have in common: a cluster may have a hundred thousand rules, each cell serves a copy of them, and a forecast
/// changes a few in one copy after the other.
#[derive(Clone, Default)]
pub struct RoutingRules {
    base: Arc<ByKey>,
    /// What is otherwise than in the base, which others share: rules that were set, and none for those that were removed.
    edits: Arc<BTreeMap<String, Option<Vec<String>>>>,
}

impl RoutingRules {
    pub fn get(&self, from_table: &str) -> Option<&[String]> {
        match self.edits.get(from_table) {
            Some(edited) => edited.as_deref(),
            None => self.base.get(from_table).map(Vec::as_slice),
        }
    }

    /// The one table that a key leads to; none if the key is absent or leads to several.
    pub fn target(&self, from_table: &str) -> Option<&str> {
        match self.get(from_table) {
            Some([only]) => Some(only),
            _ => None,
        }
    }

    pub fn set(&mut self, from_table: impl Into<String>, to_table: impl Into<String>) {
        let (from_table, to_tables) = (from_table.into(), vec![to_table.into()]);
        match self.alone() {
            Some(base) => {
                base.insert(from_table, to_tables);
            }
            None => {
                Arc::make_mut(&mut self.edits).insert(from_table, Some(to_tables));
            }
        }
    }

    pub fn remove(&mut self, from_table: &str) {
        if let Some(base) = self.alone() {
            base.remove(from_table);
            return;
        }
        let edits = Arc::make_mut(&mut self.edits);
        if self.base.contains_key(from_table) {
            edits.insert(from_table.to_owned(), None);
        } else {
            edits.remove(from_table);
        }
    }

    /// The base, where nobody shares it and nothing is written over it.
    fn alone(&mut self) -> Option<&mut ByKey> {
        if self.edits.is_empty() { Arc::get_mut(&mut self.base) } else { None }
    }

    pub fn len(&self) -> usize {
        let is_known = |key: &String| usize::from(self.base.contains_key(key));
        let (mut added, mut removed) = (0, 0);
        for (key, edited) in self.edits.iter() {
            match edited {
                Some(_) => added += 1 - is_known(key),
                None => removed += is_known(key),
            }
        }
        self.base.len() + added - removed
    }

    pub fn is_empty(&self) -> bool {
        self.iter().next().is_none()
    }

    /// In the order of the keys.
    pub fn iter(&self) -> impl Iterator<Item = (&String, &Vec<String>)> {
        let mut base = self.base.iter().peekable();
        let mut edits = self.edits.iter().peekable();
        std::iter::from_fn(move || {
            loop {
                let Some((edited, _)) = edits.peek() else { return base.next() };
                if let Some(before) = base.next_if(|(key, _)| key < edited) {
                    return Some(before);
                }
                base.next_if(|(key, _)| key == edited);
                if let Some((key, Some(to))) = edits.next() {
                    return Some((key, to));
                }
            }
        })
    }

    /// The rules with these keys.
    pub fn of_keys(&self, keys: &BTreeSet<String>) -> RoutingRules {
        keys.iter().filter_map(|key| Some((key.clone(), self.get(key)?.to_vec()))).collect()
    }

    /// The same rules as `known`, held once, where they are equal.
    pub fn sharing(self, known: &RoutingRules) -> RoutingRules {
        if self == *known { known.clone() } else { self }
    }

    /// What has to change to get from `self` to `after`, sorted by key.
    pub fn diff(&self, after: &RoutingRules) -> RoutingDiff {
        let mut diff = RoutingDiff::default();
        if Arc::ptr_eq(&self.base, &after.base) {
            let keys: BTreeSet<&String> = self.edits.keys().chain(after.edits.keys()).collect();
            for key in keys {
                diff.note(key, self.get(key), after.get(key));
            }
        } else {
            diff.note_each(self.iter(), after.iter());
        }
        diff
    }
}

impl FromIterator<(String, Vec<String>)> for RoutingRules {
    fn from_iter<T: IntoIterator<Item = (String, Vec<String>)>>(rules: T) -> Self {
        Self { base: Arc::new(rules.into_iter().collect()), edits: Arc::default() }
    }
}

impl PartialEq for RoutingRules {
    fn eq(&self, other: &Self) -> bool {
        if Arc::ptr_eq(&self.base, &other.base) {
            let has = |key: &String| self.get(key) == other.get(key);
            return Arc::ptr_eq(&self.edits, &other.edits) || self.edits.keys().chain(other.edits.keys()).all(has);
        }
        self.iter().eq(other.iter())
    }
}

impl Eq for RoutingRules {}

impl fmt::Debug for RoutingRules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

impl Serialize for RoutingRules {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

impl<'de> Deserialize<'de> for RoutingRules {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self { base: Arc::new(ByKey::deserialize(deserializer)?), edits: Arc::default() })
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
    /// Of rules that both come in the order of their keys.
    fn note_each<'a>(
        &mut self,
        before: impl Iterator<Item = (&'a String, &'a Vec<String>)>,
        after: impl Iterator<Item = (&'a String, &'a Vec<String>)>,
    ) {
        let (mut before, mut after) = (before.peekable(), after.peekable());
        loop {
            let order = match (before.peek(), after.peek()) {
                (Some((one, _)), Some((other, _))) => one.cmp(other),
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (None, None) => return,
            };
            let was = if order.is_le() { before.next() } else { None };
            let is = if order.is_ge() { after.next() } else { None };
            if let Some((key, _)) = was.or(is) {
                self.note(key, was.map(|(_, to)| to.as_slice()), is.map(|(_, to)| to.as_slice()));
            }
        }
    }

    fn note(&mut self, key: &str, before: Option<&[String]>, after: Option<&[String]>) {
        let rule = |to: &[String]| Rule { from_table: key.to_owned(), to_table: to.join(",") };
        match (before, after) {
            (None, Some(to)) => self.added.push(rule(to)),
            (Some(to), None) => self.removed.push(rule(to)),
            (Some(before), Some(after)) if before != after => {
                self.changed.push(ChangedRule { from_table: key.to_owned(), before: before.join(","), after: after.join(",") });
            }
            (Some(_), Some(_)) | (None, None) => {}
        }
    }

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

    proptest::proptest! {
        /// Shared or not, edited or not: it is a map.
        #[test]
        fn rules_that_share_are_as_those_that_do_not(
            first in proptest::collection::vec((0..6_u8, proptest::option::of(0..3_u8)), 0..12),
            then in proptest::collection::vec((0..6_u8, proptest::option::of(0..3_u8)), 0..12),
        ) {
            let (mut rules, mut map) = (RoutingRules::default(), ByKey::new());
            let edit = |rules: &mut RoutingRules, map: &mut ByKey, steps: &[(u8, Option<u8>)]| {
                for (key, to) in steps {
                    let key = key.to_string();
                    match to {
                        Some(to) => {
                            rules.set(key.clone(), to.to_string());
                            map.insert(key, vec![to.to_string()]);
                        }
                        None => {
                            rules.remove(&key);
                            map.remove(&key);
                        }
                    }
                }
            };
            edit(&mut rules, &mut map, &first);
            let (before, map_before) = (rules.clone(), map.clone());
            edit(&mut rules, &mut map, &then);
            for (rules, map) in [(&rules, &map), (&before, &map_before)] {
                assert_eq!((rules.len(), rules.is_empty()), (map.len(), map.is_empty()));
                assert!(rules.iter().eq(map.iter()));
                assert_eq!(serde_json::to_string(rules).unwrap(), serde_json::to_string(map).unwrap());
            }
            let alone: RoutingRules = map.clone().into_iter().collect();
            assert_eq!(rules, alone);
            assert_eq!(rules == before, map == map_before);
            assert_eq!(before.diff(&rules), before.diff(&alone));
            assert_eq!(rules.diff(&alone), RoutingDiff::default());
        }
    }

    #[test]
    fn a_clone_holds_no_rule_a_second_time() {
        let before = rules(&[("a", "s.a"), ("b", "s.b")]);
        let mut after = before.clone();
        after.set("a", "t.a");
        assert!(Arc::ptr_eq(&before.base, &after.base));
        let read_anew = rules(&[("a", "s.a"), ("b", "s.b")]);
        assert!(Arc::ptr_eq(&read_anew.sharing(&before).base, &before.base));
    }

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
