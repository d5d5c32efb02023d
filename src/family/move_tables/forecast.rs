//! What each phase will have changed: the promise that every write is held to.

use std::collections::{BTreeMap, BTreeSet};

use super::{MoveTables, StreamsOf};
use crate::cluster::mutation::{AutoIncrementHandling, Mutation, SourceTables, StreamsWanted};
use crate::cluster::port::{Ask, Facts};
use crate::family::Family as _;
use crate::family::picture::{Names, Ours, Picture, StreamShape};
use crate::model::name::{KeyspaceName, WorkflowName};
use crate::model::topology::{TabletType, shard_path};
use crate::model::workflow::{FROZEN, StreamState};
use crate::run::phase::PhaseId;
use crate::words::{counted, length};

/// The shards of a keyspace mostly have the same names: those that are equal are held once, and changed once.
#[derive(Default)]
struct Alike {
    last: Names,
    changed: Option<(Names, Names)>,
}

impl Alike {
    fn one(&mut self, names: Names) -> Names {
        if names != self.last {
            self.last = names;
        }
        self.last.clone()
    }

    /// The change must be the same each time.
    fn change(&mut self, names: &mut Names, change: impl FnOnce(&mut BTreeSet<String>)) {
        match &self.changed {
            Some((before, after)) if before == names => names.clone_from(after),
            _ => {
                let before = names.clone();
                change(names);
                self.changed = Some((before, names.clone()));
            }
        }
    }
}

impl MoveTables {
    pub fn ours(&self) -> Ours {
        Ours {
            rule_keys: self.rule_keys(),
            tables: self.tables.iter().flat_map(|table| [table.to_string(), table.renamed()]).collect(),
        }
    }

    /// The question for the tables that are there on both sides.
    pub(super) fn table_names(&self) -> [Ask; 2] {
        [Ask::TableNames(self.source().clone()), Ask::TableNames(self.target().clone())]
    }

    pub fn picture_of(&self, facts: &Facts) -> Picture {
        let mut picture = self.picture_of_ours(facts);
        for keyspace in [self.source(), self.target()] {
            if let Some(vschema) = facts.vschemas.get(keyspace) {
                picture.vschema_entries.insert(keyspace.to_string(), vschema.entries().into());
            }
        }
        picture
    }

    /// Without what takes long to work out and belongs to others as well: the entries of VSchemas.
    pub(super) fn picture_of_ours(&self, facts: &Facts) -> Picture {
        let mut picture =
            Picture { routing_rules: facts.routing_rules.clone(), other_rules: facts.other_rules.clone(), ..Picture::default() };
        for (cell, served) in &facts.served {
            picture.served.insert(cell.clone(), served.routing_rules.clone());
        }
        let mut alike = Alike::default();
        for on_source in [true, false] {
            let keyspace = if on_source { self.source() } else { self.target() };
            if let Some(found) = facts.keyspaces.get(keyspace) {
                for (shard, record) in &found.shards {
                    picture.denied_tables.insert(format!("{keyspace}/{shard}"), alike.one(record.denied_tables().into()));
                }
            }
            if let Some(vschema) = facts.vschemas.get(keyspace) {
                picture.vschema_tables.insert(keyspace.to_string(), vschema.tables.keys().cloned().collect());
            }
        }
        let ours = self.ours();
        for ask in self.table_names() {
            let Ask::TableNames(keyspace) = &ask else { continue };
            if let Ok(by_shard) = facts.table_names(&ask) {
                for (shard, names) in by_shard {
                    let kept = ours.tables.intersection(names).cloned().collect();
                    picture.tables.insert(format!("{keyspace}/{shard}"), alike.one(kept));
                }
            }
        }
        for (keyspace, workflow) in [(self.target(), self.workflow().clone()), (self.source(), self.workflow().reverse())] {
            let streams = self.streams_of(facts, keyspace, &workflow).by_shard;
            if !streams.is_empty() {
                picture.streams.insert(format!("{keyspace}.{workflow}"), streams);
            }
        }
        picture
    }

    pub fn streams_of(&self, facts: &Facts, keyspace: &KeyspaceName, workflow: &WorkflowName) -> StreamsOf {
        let mut by_shard: BTreeMap<String, StreamShape> = BTreeMap::new();
        let mut shapes = BTreeSet::new();
        for stream in facts.workflow(keyspace, workflow).map(|found| found.streams.as_slice()).unwrap_or_default() {
            let shape = if stream.is_frozen() {
                StreamShape::Frozen
            } else if stream.is_stopped_for_cutover() {
                StreamShape::StoppedForCutover
            } else if stream.state == StreamState::Stopped && !stream.is_stopped_in_passing() {
                StreamShape::Stopped
            } else {
                StreamShape::Moving
            };
            shapes.insert(shape);
            by_shard
                .entry(stream.shard.clone())
                .and_modify(|known| {
                    if *known != shape {
                        *known = StreamShape::Mixed
                    }
                })
                .or_insert(shape);
        }
        StreamsOf { by_shard, shapes }
    }

    fn forward_key(&self) -> String {
        format!("{}.{}", self.target(), self.workflow())
    }

    fn reverse_key(&self) -> String {
        format!("{}.{}", self.source(), self.workflow().reverse())
    }

    fn shards_in(picture: &Picture, keyspace: &KeyspaceName) -> Vec<String> {
        let prefix = format!("{keyspace}/");
        picture.denied_tables.keys().filter(|path| path.starts_with(&prefix)).cloned().collect()
    }

    fn set_streams(picture: &mut Picture, key: String, shards: &[String], shape: StreamShape) {
        let by_shard =
            shards.iter().map(|path| (path.split_once('/').map_or(path.clone(), |(_, shard)| shard.to_owned()), shape)).collect();
        picture.streams.insert(key, by_shard);
    }

    fn deny(&self, picture: &mut Picture, shards: &[String], denied: bool) {
        let mut alike = Alike::default();
        for shard in shards {
            let tables = picture.denied_tables.entry(shard.clone()).or_default();
            alike.change(tables, |tables| {
                for table in &self.tables {
                    if denied {
                        tables.insert(table.to_string());
                    } else {
                        tables.remove(table.as_str());
                    }
                }
            });
        }
    }

    fn publish(picture: &mut Picture) {
        for served in picture.served.values_mut() {
            *served = picture.routing_rules.clone();
        }
    }

    fn tables_on(&self, picture: &mut Picture, shards: &[String], change: impl Fn(&mut BTreeSet<String>, &str, String)) {
        let mut alike = Alike::default();
        // What wasn't looked at is not forecast.
        for shard in shards {
            if let Some(names) = picture.tables.get_mut(shard) {
                alike.change(names, |names| {
                    for table in &self.tables {
                        change(names, table.as_str(), table.renamed());
                    }
                });
            }
        }
    }

    /// `before`, with what one write does to it (vitess-facts 3.2, confirmed by the tests on the real Vitess).
    pub fn forecast_of(&self, mutation: &Mutation, before: &Picture, target_is_sharded: bool) -> Picture {
        let mut after = before.clone();
        let source = Self::shards_in(before, self.source());
        let target = Self::shards_in(before, self.target());
        match mutation {
            Mutation::CreateMoveTables(_) => {
                for kind in super::rules::SERVING_TYPES {
                    self.route(&mut after.routing_rules, kind, false);
                }
                Self::publish(&mut after);
                self.deny(&mut after, &target, true);
                Self::set_streams(&mut after, self.forward_key(), &target, StreamShape::Stopped);
                self.tables_on(&mut after, &target, |names, table, _| {
                    names.insert(table.to_owned());
                });
                // What Vitess writes for a table that it adds, or whose auto-increment it replaces, is not forecast.
                if !target_is_sharded || self.options.sharded_auto_increment_handling == AutoIncrementHandling::Replace {
                    self.forget_entries(&mut after);
                }
                if !target_is_sharded {
                    let names = after.vschema_tables.entry(self.target().to_string()).or_default();
                    names.extend(self.tables.iter().map(ToString::to_string));
                }
            }
            Mutation::SetStreams(set) => {
                let shape = match (set.message.as_deref(), set.wanted) {
                    (Some(FROZEN), _) => StreamShape::Frozen,
                    (_, StreamsWanted::Running) => StreamShape::Moving,
                    (_, StreamsWanted::Stopped) => StreamShape::Stopped,
                };
                let shards = if &set.keyspace == self.target() { &target } else { &source };
                Self::set_streams(&mut after, format!("{}.{}", set.keyspace, set.workflow), shards, shape);
            }
            Mutation::CreateVDiff(_) | Mutation::StopVDiff(_) => {}
            Mutation::SwitchTraffic(switch) => {
                let to_target = self.leads_to_target(switch);
                for kind in &switch.tablet_types {
                    if *kind != TabletType::Primary {
                        self.route(&mut after.routing_rules, *kind, to_target);
                        continue;
                    }
                    let (forward, reverse) = if to_target {
                        (StreamShape::Frozen, StreamShape::Moving)
                    } else {
                        (StreamShape::Moving, StreamShape::Frozen)
                    };
                    self.route_primary(&mut after.routing_rules, to_target);
                    self.deny(&mut after, &source, to_target);
                    self.deny(&mut after, &target, !to_target);
                    Self::set_streams(&mut after, self.forward_key(), &target, forward);
                    Self::set_streams(&mut after, self.reverse_key(), &source, reverse);
                }
                Self::publish(&mut after);
            }
            Mutation::CompleteMoveTables(complete) => {
                after.streams.remove(&self.forward_key());
                after.streams.remove(&self.reverse_key());
                Self::publish(&mut after);
                if complete.source_tables == SourceTables::Keep {
                    return after;
                }
                self.deny(&mut after, &source, false);
                self.tables_on(&mut after, &source, |names, table, renamed| {
                    names.remove(table);
                    if complete.source_tables == SourceTables::Rename {
                        names.insert(renamed);
                    }
                });
                self.leave_vschema(&mut after, self.source());
            }
            Mutation::CancelWorkflow(_) => {
                for key in self.rule_keys() {
                    after.routing_rules.remove(&key);
                }
                Self::publish(&mut after);
                // Vitess goes to the shards that have a stream (`buildTrafficSwitcher`, go/vt/vtctl/workflow/server.go): a creation
                // that broke off leaves its empty tables on the others, and the next one takes them.
                let targets = match before.streams.get(&self.forward_key()) {
                    Some(streams) => streams.keys().map(|shard| format!("{}/{shard}", self.target())).collect(),
                    None => target.clone(),
                };
                self.deny(&mut after, &targets, false);
                after.streams.remove(&self.forward_key());
                after.streams.remove(&self.reverse_key());
                self.tables_on(&mut after, &targets, |names, table, _| {
                    names.remove(table);
                });
                if !target_is_sharded {
                    self.leave_vschema(&mut after, self.target());
                }
            }
            Mutation::ApplyRoutingRules(edit) => {
                for key in &edit.remove {
                    after.routing_rules.remove(key);
                }
                for rule in &edit.set {
                    after.routing_rules.set(rule.from_table.clone(), rule.to_table.clone());
                }
                Self::publish(&mut after);
            }
            Mutation::RebuildVSchemaGraph(_) => Self::publish(&mut after),
            Mutation::SetDeniedTables(it) => {
                let tables = after.denied_tables.entry(shard_path(&it.keyspace, &it.shard)).or_default();
                for table in &it.tables {
                    if it.denied {
                        tables.insert(table.to_string());
                    } else {
                        tables.remove(table.as_str());
                    }
                }
            }
            Mutation::RefreshShard(_) | Mutation::RemoveStaleLock(_) => {}
            Mutation::RenameTables(it) => {
                if let Some(names) = after.tables.get_mut(&shard_path(&it.keyspace, &it.shard)) {
                    for rename in &it.renames {
                        names.remove(&rename.from);
                        names.insert(rename.to.clone());
                    }
                }
            }
        }
        after
    }

    fn forget_entries(&self, picture: &mut Picture) {
        if let Some(entries) = picture.vschema_entries.get_mut(self.target().as_str()) {
            for table in &self.tables {
                entries.remove(table.as_str());
            }
        }
    }

    fn leave_vschema(&self, picture: &mut Picture, keyspace: &KeyspaceName) {
        if let Some(names) = picture.vschema_tables.get_mut(keyspace.as_str()) {
            for table in &self.tables {
                names.remove(table.as_str());
            }
        }
        if let Some(entries) = picture.vschema_entries.get_mut(keyspace.as_str()) {
            for table in &self.tables {
                entries.remove(table.as_str());
            }
        }
    }

    /// What a phase does, as lines of a plan; the longest first effect is what a reviewer reads.
    pub fn effects_of(&self, phase: &PhaseId, facts: &Facts) -> Vec<String> {
        let (source, target) = (self.source(), self.target());
        let tables = counted(self.tables.len(), "table");
        let switch = &self.spec.switch;
        match phase.as_str() {
            "pre-check" => vec!["every check of the plan, read only".into()],
            "create" => {
                let mut effects = vec![
                    format!("{tables} created in each shard of `{target}`, denied to applications there"),
                    format!("streams from `{source}` created, stopped"),
                    format!("9 routing rules a table, all leading to `{source}`: applications see no change"),
                ];
                if self.options.sharded_auto_increment_handling == AutoIncrementHandling::Replace {
                    effects.push(format!(
                        "VSchema of `{target}`: a sequence for each table with an auto-increment column and none yet"
                    ));
                }
                effects
            }
            "copy" => vec![
                format!("streams started; every row of {tables} is copied, then changes follow"),
                format!("done when every stream runs and lags at most {}", length(self.spec.copy.max_lag_seconds)),
            ],
            "verify" => vec![format!("VDiff compares every row of {tables} on every shard; a difference stops the movement")],
            "switch-replicas" => vec![format!("rdonly, then replica reads go to `{target}`, each in its own call")],
            "switch-primary" => {
                let mut effects = vec![
                    format!(
                        "writes go to `{target}`; they pause while it happens: about 2 s when calm, {} of catch-up at most",
                        length(switch.timeout_seconds)
                    ),
                    format!("reverse streams keep `{source}` up to date: the way back stays open until complete"),
                    format!("tables denied on `{source}`, no longer on `{target}`"),
                    format!(
                        "if vtctld dies in it, its locks stay for {}",
                        length(3 * switch.timeout_seconds + switch.timeout_seconds.max(30))
                    ),
                ];
                if self.options.initialize_target_sequences {
                    effects.push("sequences of the moved tables set above the largest id".into());
                }
                effects
            }
            "revert-window" => vec![match self.revert_window_seconds(facts) {
                0 => "none is waited out, for the fast path is taken; `cutover switch-back` works until complete is approved"
                    .into(),
                seconds => {
                    format!("the reverse streams are watched for {}; `cutover switch-back` works at once", length(seconds))
                }
            }],
            "complete" => {
                let what = match self.spec.complete.source_tables {
                    SourceTables::Rename => format!("source tables renamed to `_<table>_old` in `{source}`"),
                    SourceTables::Drop => {
                        format!("source tables dropped from `{source}`: their rows are then in `{target}` alone")
                    }
                    SourceTables::Keep => format!("source tables kept in `{source}`, denied to applications"),
                };
                vec![what, "both workflows deleted: the way back ends here".into(), "routing rules stay".into()]
            }
            "remove-rules" => vec![
                "every routing rule of the moved tables removed, all others kept".into(),
                format!(
                    "an application connected to `{source}` gets errno 1146 for these names; `cutover restore-rules` puts them back"
                ),
            ],
            "switch-back" => vec![format!("all traffic back to `{source}`")],
            "cancel" => vec![
                format!("{tables} dropped from each shard of `{target}`"),
                "streams and routing rules of the movement removed".into(),
            ],
            _ => vec![],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::commerce_to_customer;
    use super::*;

    fn start() -> Picture {
        let mut picture = Picture::default();
        for shard in ["commerce/0", "customer/-80", "customer/80-"] {
            picture.denied_tables.insert(shard.into(), Names::default());
        }
        picture.tables.insert("commerce/0".into(), ["customer".to_owned(), "corder".to_owned()].into());
        picture.tables.insert("customer/-80".into(), Names::default());
        picture.served.insert("zone1".into(), Default::default());
        picture.routing_rules.set("theirs", "a.theirs");
        picture
    }

    fn forecast(movement: &MoveTables, phase: &str, before: &Picture) -> Picture {
        let mutations = crate::family::Family::mutations(movement, &PhaseId::new(phase.to_owned()));
        mutations.iter().fold(before.clone(), |picture, mutation| movement.forecast_of(mutation, &picture, true))
    }

    #[test]
    fn forward_and_back_touch_nothing_that_is_not_ours() {
        let movement = commerce_to_customer();
        let ours = movement.ours();
        let mut picture = start();
        for phase in ["create", "copy", "switch-replicas", "switch-primary", "switch-back", "cancel"] {
            let after = forecast(&movement, phase, &picture);
            assert!(
                picture
                    .differences(&after, &ours)
                    .iter()
                    .all(|difference| difference.ours || difference.subject.contains("theirs")),
                "{phase}"
            );
            assert_eq!(after.routing_rules.target("theirs"), Some("a.theirs"));
            picture = after;
        }
        let mut undone = picture.clone();
        undone.served = start().served;
        assert_eq!(undone, start(), "a cancelled movement leaves what stood before");
    }

    #[test]
    fn completing_with_rename_keeps_the_rows_under_another_name() {
        let movement = commerce_to_customer();
        let after = forecast(&movement, "complete", &start());
        assert_eq!(after.tables["commerce/0"], ["_corder_old".to_owned(), "_customer_old".to_owned()].into());
    }
}
