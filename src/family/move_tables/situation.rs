//! What the facts mean, for a movement of tables. Total: every set of facts has exactly one meaning, and whatever fits no whole
//! state is `Between`, with what speaks against it.

use std::collections::BTreeSet;

use super::attempts::{self, Lifetime};
use super::taken_away::TakenAway;
use super::{MoveTables, StreamsOf, half_switch, taken_away};
use crate::cluster::mutation::Mutation;
use crate::cluster::port::Facts;
use crate::family::picture::StreamShape;
use crate::family::{Side, Situation, SituationKind, Traffic};
use crate::model::name::TableName;
use crate::model::topology::{TabletType, shard_path};
use crate::record::progress::Progress;
use crate::run::phase::PhaseId;
use crate::words::{all, names};

/// A message names so many tables.
const MOST_TABLES: usize = 6;

/// How much of a set of shards denies our tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Denied {
    None,
    All,
    Some,
}

/// The sides of one look, read once.
struct Seen<'a> {
    movement: &'a MoveTables,
    facts: &'a Facts,
    progress: &'a Progress,
    rdonly: Option<Side>,
    replica: Option<Side>,
    primary: Option<Side>,
    forward: StreamsOf,
    reverse: StreamsOf,
    source_denied: Denied,
    target_denied: Denied,
    unserved: Vec<String>,
}

impl MoveTables {
    pub fn situation_of(&self, facts: &Facts, progress: &Progress) -> Situation {
        let side = |kind| self.side(&facts.routing_rules, kind);
        let seen = Seen {
            movement: self,
            facts,
            progress,
            rdonly: side(TabletType::Rdonly),
            replica: side(TabletType::Replica),
            primary: side(TabletType::Primary),
            forward: self.streams_of(facts, self.target(), self.workflow()),
            reverse: self.streams_of(facts, self.source(), &self.workflow().reverse()),
            source_denied: self.denied(facts, true),
            target_denied: self.denied(facts, false),
            unserved: self.cells_that_serve_something_else(facts),
        };
        let completing = attempts::is_completing(self, progress);
        if seen.forward.is_absent() && seen.reverse.is_absent() {
            return if completing { seen.completed() } else { seen.nothing_there() };
        }
        if let Some(foreign) = self.foreign(facts, progress) {
            return seen.is(SituationKind::Foreign, &foreign, vec![]);
        }
        if let Some(gone) = self.gone_meanwhile(facts, progress) {
            return seen.is(SituationKind::Contradictory, &gone, vec![]);
        }
        if seen.primary == Some(Side::Target) && (seen.forward.all(StreamShape::Frozen) || completing) {
            seen.switched()
        } else {
            seen.moving()
        }
    }

    /// While we made a way back whole: streams that no such write takes away are gone. Somebody switched at the same time, and Vitess
    /// deletes them when it rolls that back (`cancelMigration`); what the target took meanwhile, nothing has brought back.
    fn gone_meanwhile(&self, facts: &Facts, progress: &Progress) -> Option<String> {
        let last = progress.attempts.last()?;
        let is_finishing = last.is_mending() || matches!(last.mutation, Mutation::ApplyRoutingRules(_));
        if last.phase != PhaseId::SWITCH_BACK || !is_finishing {
            return None;
        }
        let is = self.incarnation_of(facts);
        let first = progress.streams.keys().find(|key| !is.contains_key(*key))?;
        Some(format!(
            "the stream {first} is gone, and no write of ours took it away: somebody switched while the way back was made whole, and \
             what `{}` took meanwhile may be missing in `{}`",
            self.target(),
            self.source()
        ))
    }

    /// Why a workflow of our name isn't ours; none when it is.
    fn foreign(&self, facts: &Facts, progress: &Progress) -> Option<String> {
        let name = format!("{}.{}", self.target(), self.workflow());
        if !attempts::may_have_created(progress) {
            return Some(format!("a workflow `{name}` exists, and this record did not create it"));
        }
        if let Some(other) = self.carries_something_else(facts) {
            return Some(other);
        }
        if progress.streams.is_empty() {
            return None;
        }
        let is = self.incarnation_of(facts);
        // A reverse makes the forward streams anew, with other ids, and a forward switch the reverse ones. One that was judged to have
        // stopped half way may have been alive and gone on.
        let may_be_new = progress.last_write().is_some_and(|last| {
            matches!(last.mutation, Mutation::SwitchTraffic(_)) && (last.outcome.is_none() || last.is_half_done())
        });
        // So does somebody's own `ReverseTraffic`, which is told as a change of ours: the reverse streams that it freezes are those that
        // we know.
        let reverse = format!("{}.{} ", self.source(), self.workflow().reverse());
        let is_reversed = progress.streams.keys().any(|key| key.starts_with(&reverse))
            && self.streams_of(facts, self.source(), &self.workflow().reverse()).all(StreamShape::Frozen);
        let strangers: Vec<&String> = is
            .iter()
            .filter(|(key, id)| progress.streams.get(*key).is_some_and(|known| known != *id))
            .map(|(key, _)| key)
            .collect();
        if strangers.is_empty() || may_be_new || (is_reversed && !strangers.iter().any(|key| key.starts_with(&reverse))) {
            return None;
        }
        Some(format!(
            "`{name}` was made anew by somebody else: {} has another id than the record says",
            strangers.first().map_or("", |key| key.as_str())
        ))
    }

    /// A workflow of our name between other keyspaces or with other tables is somebody else's, whatever we tried.
    fn carries_something_else(&self, facts: &Facts) -> Option<String> {
        // Both are sorted.
        let ours = || self.tables.iter().map(TableName::as_str);
        for (keyspace, name, from) in
            [(self.target(), self.workflow().clone(), self.source()), (self.source(), self.workflow().reverse(), self.target())]
        {
            for stream in facts.workflow(keyspace, &name).map(|found| found.streams.as_slice()).unwrap_or_default() {
                let place = format!("stream {} of `{keyspace}.{name}` on {}", stream.id, stream.shard);
                if stream.source_keyspace != from.as_str() {
                    let is = &stream.source_keyspace;
                    return Some(format!(
                        "{place} reads from keyspace `{is}`, and ours reads from `{from}`: it is somebody else's"
                    ));
                }
                let tables = || stream.tables.keys().map(String::as_str);
                if tables().ne(ours()) {
                    return Some(format!(
                        "{place} carries the tables {}, and the plan moves {}: it is somebody else's",
                        names(&tables().collect::<Vec<_>>(), MOST_TABLES),
                        names(&ours().collect::<Vec<_>>(), MOST_TABLES)
                    ));
                }
            }
        }
        None
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
        let ours = facts.routing_rules.of_keys(&keys);
        let mut lines = Vec::new();
        for cell in &facts.cells.names {
            match facts.served.get(cell.as_str()) {
                Some(served) if served.routing_rules == facts.routing_rules => {}
                None => lines.push(format!("cell {cell} has no SrvVSchema")),
                Some(served) => {
                    let diff = ours.diff(&served.routing_rules.of_keys(&keys));
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

    /// A line for each cell that still serves tables of ours in the VSchema of a keyspace which the topology no longer has there.
    /// Vitess saves a VSchema first, and publishes it as the last thing of a completion or cancel.
    pub fn cells_that_serve_what_left(&self, facts: &Facts) -> Vec<String> {
        let mut lines = Vec::new();
        for keyspace in [self.source(), self.target()] {
            let Some(saved) = facts.vschemas.get(keyspace) else { continue };
            for (cell, served) in &facts.served {
                let Some(served) = served.vschemas.get(keyspace.as_str()) else { continue };
                let left =
                    |table: &&TableName| served.tables.contains_key(table.as_str()) && !saved.tables.contains_key(table.as_str());
                let tables: Vec<&str> = self.tables.iter().filter(left).map(TableName::as_str).collect();
                if !tables.is_empty() {
                    let tables = names(&tables, MOST_TABLES);
                    lines.push(format!(
                        "cell {cell} still serves {tables} in the VSchema of `{keyspace}`, which no longer has them"
                    ));
                }
            }
        }
        lines
    }

    pub fn target_shards(&self, facts: &Facts) -> BTreeSet<String> {
        self.shard_names(facts, false)
    }

    pub(super) fn shard_names(&self, facts: &Facts, on_source: bool) -> BTreeSet<String> {
        let keyspace = if on_source { self.source() } else { self.target() };
        facts.keyspaces.get(keyspace).map(|found| found.shards.keys().map(ToString::to_string).collect()).unwrap_or_default()
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

impl Seen<'_> {
    fn sees(&self) -> String {
        half_switch::sees(self.movement, self.facts)
    }

    fn traffic(&self) -> Traffic {
        Traffic {
            rdonly: self.rdonly.unwrap_or(Side::Source),
            replica: self.replica.unwrap_or(Side::Source),
            primary: self.primary.unwrap_or(Side::Source),
        }
    }

    fn is(&self, kind: SituationKind, words: &str, contradictions: Vec<String>) -> Situation {
        Situation { kind, traffic: self.traffic(), words: words.to_owned(), contradictions }
    }

    /// Our complete took the streams away; does the rest fit?
    fn completed(&self) -> Situation {
        let at_target = Traffic { rdonly: Side::Target, replica: Side::Target, primary: Side::Target };
        let has_rules = self.movement.has_rules(&self.facts.routing_rules);
        let mut against = Vec::new();
        if self.target_denied != Denied::None {
            against.push("the target still denies moved tables".to_owned());
        }
        against.extend(self.unserved.clone());
        against.extend(self.movement.cells_that_serve_what_left(self.facts));
        if !has_rules && against.is_empty() {
            let words = "completed, and our routing rules are gone";
            return Situation { traffic: at_target, ..self.is(SituationKind::Ended, words, vec![]) };
        }
        if self.traffic() == at_target && against.is_empty() {
            return self.is(SituationKind::Completed, "completed, the routing rules lead to the target", vec![]);
        }
        if self.traffic() != at_target && has_rules {
            against.push("the routing rules don't lead to the target for every tablet type".into());
        }
        self.is(SituationKind::Between, "the streams are gone, and the rest is not as a completed movement leaves it", against)
    }

    /// No stream of ours: what that means only the record knows (absence is not success).
    fn nothing_there(&self) -> Situation {
        let has_rules = self.movement.has_rules(&self.facts.routing_rules);
        let denied = self.source_denied != Denied::None || self.target_denied != Denied::None;
        let clean = !has_rules && !denied && self.unserved.is_empty();
        match attempts::lifetime(self.progress) {
            // What stands there after our cancel was seen to be whole is somebody else's, and the checks name it.
            Lifetime::Cancelled { .. } if clean => {
                self.is(SituationKind::Cancelled, "cancelled: nothing of the movement is left", vec![])
            }
            Lifetime::Cancelled { seen_done: true } => self.is(
                SituationKind::Cancelled,
                "cancelled; the rules or denied tables that stand there are somebody else's",
                vec![],
            ),
            // Without a creation of ours, rules and denied tables are somebody else's, and the checks name them.
            Lifetime::NeverCreated => self.is(SituationKind::NotBegun, "not begun", vec![]),
            Lifetime::MayBeCreated if clean => self.is(SituationKind::NotBegun, "not begun", vec![]),
            // No stream of it was ever seen: create and its checks say what stands in the way.
            Lifetime::MayBeCreated | Lifetime::Created if !clean && self.progress.streams.is_empty() => {
                self.is(SituationKind::NotBegun, "not begun", vec![])
            }
            Lifetime::Created if clean => {
                let name = format!("{}.{}", self.movement.target(), self.movement.workflow());
                let mut against = vec![format!("no stream of `{name}` exists, and no cancel of ours is on record")];
                let taken = taken_away::of(self.movement, self.facts, self.progress);
                let traffic = taken.as_ref().map_or(self.traffic(), TakenAway::traffic);
                against.extend(taken.map(|taken| taken.words));
                let words = "the record says that the workflow was created, and it is not there";
                Situation { traffic, ..self.is(SituationKind::Contradictory, words, against) }
            }
            _ => {
                let mut against = self.unserved.clone();
                if has_rules {
                    against.push("there are no streams, and routing rules of ours are left".into());
                }
                if denied {
                    against.push("there are no streams, and moved tables are denied".into());
                }
                against.extend(taken_away::of(self.movement, self.facts, self.progress).map(|taken| taken.words));
                self.is(SituationKind::Between, "the streams are gone, and leftovers stand", against)
            }
        }
    }

    /// What speaks against any whole state with streams.
    fn against_any(&self) -> Vec<String> {
        let expected_shards = self.movement.shard_names(self.facts, false);
        let mut against = Vec::new();
        if self.forward.shards() != expected_shards {
            let (has, needs) = (all(self.forward.shards()), all(&expected_shards));
            against.push(format!("`{}` has streams on {has}, and the target's shards are {needs}", self.movement.workflow()));
        }
        against.extend(self.unserved.clone());
        against
    }

    /// Writes lead to the target: is the switch whole? Whether the reverse streams run is not asked here: a sick way back is no
    /// half switch, and the phases that need it judge it.
    fn switched(&self) -> Situation {
        let mut against = self.against_any();
        let reverse = self.movement.workflow().reverse();
        let (source, target) = (self.movement.source(), self.movement.target());
        if !self.forward.all(StreamShape::Frozen) {
            against.push("the forward streams are not frozen".into());
        }
        let source_shards = self.movement.shard_names(self.facts, true);
        let missing: Vec<String> = source_shards.difference(&self.reverse.shards()).cloned().collect();
        if self.reverse.is_absent() {
            against.push(format!("`{source}.{reverse}` does not exist"));
        } else if !missing.is_empty() {
            against.push(format!("`{source}.{reverse}` has no stream on {}", missing.join(", ")));
        }
        if self.reverse.all(StreamShape::Frozen) {
            against.push("the reverse streams are frozen while the target takes writes".into());
        }
        if self.reverse.has(StreamShape::StoppedForCutover) {
            against.push("the reverse streams are `stopped for cutover`: a way back broke off".into());
        }
        if self.source_denied != Denied::All {
            against.push("not every source shard denies the moved tables".into());
        }
        if self.target_denied != Denied::None {
            against.push("the target denies moved tables".into());
        }
        if !against.is_empty() {
            let what = if attempts::is_completing(self.movement, self.progress) { "completion" } else { "primary switch" };
            return self.is(SituationKind::Between, &format!("the {what} is not whole; {}", self.sees()), against);
        }
        self.is(SituationKind::Switched, &format!("`{source}` follows `{target}`"), vec![])
    }

    /// Writes lead to the source: does the target follow it, and nothing else?
    fn moving(&self) -> Situation {
        let (source, target) = (self.movement.source(), self.movement.target());
        let mut against = self.against_any();
        if self.primary != Some(Side::Source) {
            against.push(match self.primary {
                None => "there are no routing rules of ours for primaries".into(),
                Some(Side::Mixed) => "the routing rules for primaries disagree among themselves".into(),
                Some(_) => "the routing rules send writes to the target, and the forward streams are not frozen".into(),
            });
        }
        for (kind, side) in [("rdonly", self.rdonly), ("replica", self.replica)] {
            if !matches!(side, Some(Side::Source | Side::Target)) {
                against.push(format!("the routing rules for {kind} tablets are missing or disagree among themselves"));
            }
        }
        if self.source_denied != Denied::None {
            against.push("the source denies moved tables: writes are refused".into());
        }
        if self.target_denied != Denied::All {
            against.push("not every target shard denies the moved tables".into());
        }
        if self.forward.has(StreamShape::StoppedForCutover) {
            against.push("streams are `stopped for cutover`".into());
        }
        if self.forward.has(StreamShape::Frozen) {
            against.push("forward streams are frozen".into());
        }
        // Frozen after a switch back; stopped when a switch broke off after it was made, and the next one makes it anew.
        if self.reverse.shapes.iter().any(|shape| !matches!(shape, StreamShape::Frozen | StreamShape::Stopped)) {
            let reverse = self.movement.workflow().reverse();
            against.push(format!("`{source}.{reverse}` exists and does not stand still"));
        }
        if !against.is_empty() {
            let is_cancelling = matches!(attempts::lifetime(self.progress), Lifetime::Cancelled { seen_done: false });
            let what = if is_cancelling { "the cancel is not whole" } else { "between whole states" };
            return self.is(SituationKind::Between, &format!("{what}; {}", self.sees()), against);
        }
        self.is(SituationKind::Moving, &format!("`{target}` follows `{source}`"), vec![])
    }
}

impl StreamsOf {
    pub(super) fn is_absent(&self) -> bool {
        self.by_shard.is_empty()
    }

    pub(super) fn shards(&self) -> BTreeSet<String> {
        self.by_shard.keys().cloned().collect()
    }

    /// Every stream has this shape, and there is one.
    pub(super) fn all(&self, shape: StreamShape) -> bool {
        !self.shapes.is_empty() && self.shapes.iter().all(|is| *is == shape)
    }

    /// Any stream has this shape.
    pub(super) fn has(&self, shape: StreamShape) -> bool {
        self.shapes.contains(&shape)
    }
}

#[cfg(test)]
#[path = "situation_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "situation_exhaustion.rs"]
mod exhaustion;
