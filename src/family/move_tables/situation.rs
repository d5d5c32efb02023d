//! What the facts mean, for a movement of tables. Total: every set of facts has exactly one meaning, and whatever fits no whole
//! state is `Between`, with what speaks against it.

use std::collections::BTreeSet;

use super::{MoveTables, StreamsOf};
use crate::cluster::mutation::Mutation;
use crate::cluster::port::Facts;
use crate::family::picture::StreamShape;
use crate::family::{Side, Situation, SituationKind, Traffic};
use crate::model::topology::{TabletType, shard_path};
use crate::record::entry::OutcomeResult;
use crate::record::progress::Progress;
use crate::run::phase::PhaseId;

/// How much of a set of shards denies our tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Denied {
    None,
    All,
    Some,
}

impl MoveTables {
    pub fn situation_of(&self, facts: &Facts, progress: &Progress) -> Situation {
        let rules = &facts.routing_rules;
        let side = |kind| self.side(rules, kind);
        let (rdonly, replica, primary) = (side(TabletType::Rdonly), side(TabletType::Replica), side(TabletType::Primary));
        let traffic = Traffic {
            rdonly: rdonly.unwrap_or(Side::Source),
            replica: replica.unwrap_or(Side::Source),
            primary: primary.unwrap_or(Side::Source),
        };
        let forward = self.streams_of(facts, self.target(), self.workflow());
        let reverse = self.streams_of(facts, self.source(), &self.workflow().reverse());
        let source_denied = self.denied(facts, true);
        let target_denied = self.denied(facts, false);
        let unserved = self.cells_that_serve_something_else(facts);
        let has_rules = self.has_rules(rules);
        let completing = progress.attempts.iter().any(|attempt| matches!(attempt.mutation, Mutation::CompleteMoveTables(_)));
        let make = |kind, words: &str, traffic, contradictions: Vec<String>| Situation {
            kind,
            traffic,
            words: words.to_owned(),
            contradictions,
        };

        // Nothing of ours in the cluster: what that means only the record knows (absence is not success).
        if forward.is_absent() && reverse.is_absent() {
            if completing {
                let at_target = Traffic { rdonly: Side::Target, replica: Side::Target, primary: Side::Target };
                let mut against = Vec::new();
                if target_denied != Denied::None {
                    against.push("the target still denies moved tables".to_owned());
                }
                against.extend(unserved.clone());
                if !has_rules && against.is_empty() {
                    return make(SituationKind::Ended, "completed, and our routing rules are gone", at_target, vec![]);
                }
                if traffic == at_target && against.is_empty() {
                    return make(SituationKind::Completed, "completed, the routing rules lead to the target", at_target, vec![]);
                }
                if traffic != at_target && has_rules {
                    against.push("the routing rules don't lead to the target for every tablet type".into());
                }
                return make(
                    SituationKind::Between,
                    "the streams are gone, and the rest is not as a completed movement leaves it",
                    traffic,
                    against,
                );
            }
            let clean = !has_rules && source_denied == Denied::None && target_denied == Denied::None && unserved.is_empty();
            let cancelled = progress.attempts.iter().any(|attempt| matches!(attempt.mutation, Mutation::CancelWorkflow(_)));
            let created = self.was_created(progress);
            return match (clean, cancelled, created) {
                (true, true, _) if self.nothing_created_since_cancel(progress) => {
                    make(SituationKind::Cancelled, "cancelled: nothing of the movement is left", traffic, vec![])
                }
                (true, _, false) => make(SituationKind::NotBegun, "not begun", traffic, vec![]),
                (true, _, true) => make(
                    SituationKind::Contradictory,
                    "the record says that the workflow was created, and it is not there",
                    traffic,
                    vec![format!(
                        "no stream of `{}.{}` exists, and no cancel of ours is on record",
                        self.target(),
                        self.workflow()
                    )],
                ),
                // Without a record of ours, rules and denied tables are somebody else's, and the checks name them.
                (false, _, false) => make(SituationKind::NotBegun, "not begun", traffic, vec![]),
                (false, _, true) => {
                    let mut against = unserved;
                    if has_rules {
                        against.push("there are no streams, and routing rules of ours are left".into());
                    }
                    if source_denied != Denied::None || target_denied != Denied::None {
                        against.push("there are no streams, and moved tables are denied".into());
                    }
                    make(SituationKind::Between, "the streams are gone, and leftovers stand", traffic, against)
                }
            };
        }

        if let Some(foreign) = self.foreign(facts, progress) {
            return make(SituationKind::Foreign, &foreign, traffic, vec![]);
        }

        let expected_shards = self.target_shards(facts);
        let mut against = Vec::new();
        if forward.shards() != expected_shards {
            against.push(format!(
                "`{}` has streams on {:?}, and the target's shards are {expected_shards:?}",
                self.workflow(),
                forward.shards()
            ));
        }
        against.extend(unserved);

        let switched = primary == Some(Side::Target);
        if switched && (forward.all(StreamShape::Frozen) || completing) {
            if !forward.all(StreamShape::Frozen) {
                against.push("the forward streams are not frozen".into());
            }
            if reverse.is_absent() {
                against.push(format!("`{}.{}` does not exist", self.source(), self.workflow().reverse()));
            }
            if reverse.all(StreamShape::Frozen) {
                against.push("the reverse streams are frozen while the target takes writes".into());
            }
            if source_denied != Denied::All {
                against.push("not every source shard denies the moved tables".into());
            }
            if target_denied != Denied::None {
                against.push("the target denies moved tables".into());
            }
            if against.is_empty() {
                return make(
                    SituationKind::Switched,
                    "the target takes reads and writes; the reverse streams keep the source up to date",
                    traffic,
                    vec![],
                );
            }
            return make(SituationKind::Between, "the primary switch is not whole", traffic, against);
        }

        if primary != Some(Side::Source) {
            against.push(match primary {
                None => "there are no routing rules of ours for primaries".into(),
                Some(Side::Mixed) => "the routing rules for primaries disagree among themselves".into(),
                Some(_) => "the routing rules send writes to the target, and the forward streams are not frozen".into(),
            });
        }
        for (kind, side) in [("rdonly", rdonly), ("replica", replica)] {
            if !matches!(side, Some(Side::Source | Side::Target)) {
                against.push(format!("the routing rules for {kind} tablets are missing or disagree among themselves"));
            }
        }
        if source_denied != Denied::None {
            against.push("the source denies moved tables: writes are refused".into());
        }
        if target_denied != Denied::All {
            against.push("not every target shard denies the moved tables".into());
        }
        if !forward.none(StreamShape::StoppedForCutover) {
            against.push("streams are `stopped for cutover`".into());
        }
        if !forward.none(StreamShape::Frozen) {
            against.push("forward streams are frozen".into());
        }
        if !reverse.is_absent() && !reverse.all(StreamShape::Frozen) {
            against.push(format!("`{}.{}` exists and is not frozen", self.source(), self.workflow().reverse()));
        }
        if against.is_empty() {
            return make(SituationKind::Moving, "the source takes writes, the target follows", traffic, vec![]);
        }
        make(SituationKind::Between, "between whole states", traffic, against)
    }

    /// Why a workflow of our name isn't ours; none when it is.
    fn foreign(&self, facts: &Facts, progress: &Progress) -> Option<String> {
        let name = format!("{}.{}", self.target(), self.workflow());
        if !self.was_attempted(progress) {
            return Some(format!("a workflow `{name}` exists, and this record did not create it"));
        }
        if progress.streams.is_empty() {
            return None;
        }
        let is = self.incarnation_of(facts);
        // A reverse makes the forward streams anew, with other ids, and a forward switch the reverse ones.
        let may_be_new = progress
            .attempts
            .iter()
            .any(|attempt| attempt.outcome.is_none() && matches!(attempt.mutation, Mutation::SwitchTraffic(_)));
        let strangers: Vec<&String> = is
            .iter()
            .filter(|(key, id)| progress.streams.get(*key).is_some_and(|known| known != *id))
            .map(|(key, _)| key)
            .collect();
        if strangers.is_empty() || may_be_new {
            return None;
        }
        Some(format!(
            "`{name}` was made anew by somebody else: {} has another id than the record says",
            strangers.first().map_or("", |key| key.as_str())
        ))
    }

    pub(super) fn was_attempted(&self, progress: &Progress) -> bool {
        progress.attempts.iter().any(|attempt| attempt.phase == PhaseId::CREATE)
    }

    /// Whether create was seen to be done, or may have been.
    fn was_created(&self, progress: &Progress) -> bool {
        progress.attempts.iter().any(|attempt| {
            matches!(attempt.mutation, Mutation::CreateMoveTables(_))
                && !matches!(attempt.outcome, Some((OutcomeResult::NotDone | OutcomeResult::RolledBack, _)))
        }) && !progress.streams.is_empty()
    }

    fn nothing_created_since_cancel(&self, progress: &Progress) -> bool {
        let last = |wanted: fn(&Mutation) -> bool| {
            progress.attempts.iter().rev().find(|attempt| wanted(&attempt.mutation)).map_or(0, |attempt| attempt.attempt)
        };
        last(|mutation| matches!(mutation, Mutation::CancelWorkflow(_)))
            > last(|mutation| matches!(mutation, Mutation::CreateMoveTables(_)))
    }

    /// How much of the source's (or the target's) shards deny our tables.
    pub fn denied(&self, facts: &Facts, on_source: bool) -> Denied {
        let keyspace = if on_source { self.source() } else { self.target() };
        let Some(shards) = facts.keyspaces.get(keyspace).map(|keyspace| &keyspace.shards) else { return Denied::None };
        let (mut any, mut all) = (false, true);
        for shard in shards.values() {
            let denied = shard.denied_tables();
            for table in &self.tables {
                let is = denied.contains(table.as_str());
                any |= is;
                all &= is;
            }
        }
        match (any, all) {
            (false, _) => Denied::None,
            (true, true) => Denied::All,
            (true, false) => Denied::Some,
        }
    }

    /// A line for each cell in which one of our rules is served otherwise than the global rules say.
    pub fn cells_that_serve_something_else(&self, facts: &Facts) -> Vec<String> {
        let keys = self.rule_keys();
        let ours = facts.routing_rules.only(|key| keys.contains(key));
        let mut lines = Vec::new();
        for cell in &facts.cells.names {
            match facts.served.get(cell.as_str()) {
                None => lines.push(format!("cell {cell} has no SrvVSchema")),
                Some(served) => {
                    let diff = ours.diff(&served.routing_rules.only(|key| keys.contains(key)));
                    if !diff.is_empty() {
                        lines.push(format!(
                            "cell {cell} serves {} of our routing rules otherwise than the topology has them",
                            diff.len()
                        ));
                    }
                }
            }
        }
        lines
    }

    pub fn target_shards(&self, facts: &Facts) -> BTreeSet<String> {
        let shards = facts.keyspaces.get(self.target()).map(|keyspace| keyspace.shards.keys().map(ToString::to_string).collect());
        shards.unwrap_or_default()
    }

    pub(super) fn shard_paths(&self, facts: &Facts, on_source: bool) -> Vec<String> {
        let keyspace = if on_source { self.source() } else { self.target() };
        facts
            .keyspaces
            .get(keyspace)
            .map(|found| found.shards.keys().map(|shard| shard_path(keyspace, shard)).collect())
            .unwrap_or_default()
    }
}

impl StreamsOf {
    fn is_absent(&self) -> bool {
        self.by_shard.is_empty()
    }

    fn shards(&self) -> BTreeSet<String> {
        self.by_shard.keys().cloned().collect()
    }

    fn all(&self, shape: StreamShape) -> bool {
        !self.by_shard.is_empty() && self.by_shard.values().all(|is| *is == shape)
    }

    fn none(&self, shape: StreamShape) -> bool {
        self.by_shard.values().all(|is| *is != shape && *is != StreamShape::Mixed)
    }
}
