//! A primary switch that stopped half way: which way it went, whether it is past its point of no return, and the next write that
//! makes it whole (experiments.md, "Ways back that worked").
//!
//! Before the journal the keyspace that had the writes takes them again ([`back`]); after it the switch is brought to its end
//! ([`forward`]). Each step is decided from what is there alone, so whoever dies in between, the next one goes on.

mod back;
mod forward;

use std::collections::BTreeSet;

use super::{Denied, MoveTables, StreamsOf};
use crate::cluster::mutation::{Mutation, SetStreams, StreamsWanted};
use crate::cluster::port::{Ask, Facts, HeldLock, Query, Question, Reading};
use crate::family::picture::StreamShape;
use crate::family::{Family as _, Side, Step, View, Waiting};
use crate::model::journal;
use crate::model::name::{KeyspaceName, TableName, WorkflowName};
use crate::model::topology::TabletType;
use crate::words::names;

/// One look at a half-done switch. `to` is the keyspace that was to take the writes, `from` the one that had them.
pub(super) struct HalfSwitch<'a> {
    movement: &'a MoveTables,
    view: &'a View<'a>,
    to_target: bool,
    /// The workflow that the switch drives: it writes to `to`.
    driven: StreamsOf,
    /// The other one, which leads back: it writes to `from`.
    other: StreamsOf,
    from_denied: Denied,
}

/// What must be read beyond the ordinary to judge one.
pub(super) fn query(movement: &MoveTables) -> Query {
    let journals = |keyspace: &KeyspaceName| Ask::Sql(Question::Journals { keyspace: keyspace.clone() });
    Query { asks: [journals(movement.source()), journals(movement.target()), movement.lock_ask()].into(), ..Query::default() }
}

/// The next write that makes the switch whole, what is waited for, or why nothing can be done.
pub(super) fn step(movement: &MoveTables, view: &View<'_>) -> Step {
    let Some(to_target) = direction(movement, view) else {
        return Step::Between(format!("{}; nothing says which way a switch was going", sees(movement, view.facts)));
    };
    let half = HalfSwitch::new(movement, view, to_target);
    match half.is_past_return() {
        Ok(true) => forward::step(&half),
        Ok(false) => back::step(&half),
        Err(unread) => Step::Wait(Waiting::new(format!(
            "{}; whether the switch is past its point of no return can't be read: {}",
            sees(movement, view.facts),
            unread.why
        ))),
    }
}

/// What a switch that came to nothing may have left in the tablets and vtgates, though the topology shows nothing: Vitess may have
/// died between writing a shard's record and telling the tablets, and vtgates go on by themselves only some seconds later.
pub(super) fn settle(movement: &MoveTables, view: &View<'_>) -> Option<Mutation> {
    let to_target = direction(movement, view)?;
    back::settle(&HalfSwitch::new(movement, view, to_target))
}

/// Whether the last switch of writes led to the target: by our record, or else by what it has left.
fn direction(movement: &MoveTables, view: &View<'_>) -> Option<bool> {
    if let Some(Mutation::SwitchTraffic(switch)) = view.progress.last_write().map(|last| &last.mutation)
        && switch.moves_writes()
    {
        return Some(movement.leads_to_target(switch));
    }
    let forward = movement.streams_of(view.facts, movement.target(), movement.workflow());
    let reverse = movement.streams_of(view.facts, movement.source(), &movement.workflow().reverse());
    if forward.has(StreamShape::StoppedForCutover) {
        return Some(true);
    }
    if reverse.has(StreamShape::StoppedForCutover) {
        return Some(false);
    }
    // Neither has stopped for it: it had only begun, or was nearly at its end.
    match (forward.has(StreamShape::Frozen), reverse.has(StreamShape::Frozen)) {
        (true, _) if reverse.has(StreamShape::Moving) && movement.side_of_writes(view.facts) != Some(Side::Target) => Some(false),
        (true, _) => Some(true),
        (false, true) if !forward.is_absent() => Some(movement.side_of_writes(view.facts) == Some(Side::Source)),
        (false, _) if !forward.is_absent() => Some(true),
        _ => None,
    }
}

/// In one line, what an application sees of the moved tables now.
pub(super) fn sees(movement: &MoveTables, facts: &Facts) -> String {
    let tables: Vec<String> = movement.tables.iter().map(|table| format!("`{table}`")).collect();
    let tables = names(&tables, 6);
    let (source, target) = (movement.source(), movement.target());
    let refused = |by: &KeyspaceName| format!("writes of {tables} are REFUSED: the rules lead to `{by}`, which denies them");
    // Applications go by what their cell serves.
    let sides: BTreeSet<Option<Side>> = facts
        .cells
        .names
        .iter()
        .filter_map(|cell| facts.served.get(cell.as_str()))
        .map(|served| movement.side(&served.routing_rules, TabletType::Primary))
        .collect();
    let denied = |side: Side| movement.denied(facts, side == Side::Source) != Denied::None;
    match sides.iter().collect::<Vec<_>>().as_slice() {
        [Some(Side::Source)] if denied(Side::Source) => refused(source),
        [Some(Side::Target)] if denied(Side::Target) => refused(target),
        [Some(Side::Source)] => format!("writes of {tables} go to `{source}`"),
        [Some(Side::Target)] => format!("writes of {tables} go to `{target}`"),
        [None] => {
            format!("no routing rule leads writes of {tables}: they go to the keyspace that an application is connected to")
        }
        _ => format!("writes of {tables} are served differently by the cells, or by rules that disagree"),
    }
}

impl<'a> HalfSwitch<'a> {
    fn new(movement: &'a MoveTables, view: &'a View<'a>, to_target: bool) -> Self {
        let forward = movement.streams_of(view.facts, movement.target(), movement.workflow());
        let reverse = movement.streams_of(view.facts, movement.source(), &movement.workflow().reverse());
        let (driven, other) = if to_target { (forward, reverse) } else { (reverse, forward) };
        Self { movement, view, to_target, driven, other, from_denied: movement.denied(view.facts, to_target) }
    }

    fn from(&self) -> &'a KeyspaceName {
        if self.to_target { self.movement.source() } else { self.movement.target() }
    }

    fn to(&self) -> &'a KeyspaceName {
        if self.to_target { self.movement.target() } else { self.movement.source() }
    }

    fn forward_name(&self) -> (KeyspaceName, WorkflowName) {
        (self.movement.target().clone(), self.movement.workflow().clone())
    }

    fn reverse_name(&self) -> (KeyspaceName, WorkflowName) {
        (self.movement.source().clone(), self.movement.workflow().reverse())
    }

    fn driven_name(&self) -> (KeyspaceName, WorkflowName) {
        if self.to_target { self.forward_name() } else { self.reverse_name() }
    }

    fn other_name(&self) -> (KeyspaceName, WorkflowName) {
        if self.to_target { self.reverse_name() } else { self.forward_name() }
    }

    /// A journal is written on any shard, or the rules have been saved: then the target may have taken writes.
    fn is_past_return(&self) -> Reading<bool> {
        let wanted = if self.to_target { Side::Target } else { Side::Source };
        if self.movement.side_of_writes(self.view.facts) == Some(wanted) {
            return Ok(true);
        }
        let (keyspace, workflow) = self.driven_name();
        let Some(found) = self.view.facts.workflow(&keyspace, &workflow) else { return Ok(false) };
        let id = journal::id_of_streams(keyspace.as_str(), &found.streams);
        let by_shard = self.view.facts.journals(&Ask::Sql(Question::Journals { keyspace: self.from().clone() }))?;
        Ok(by_shard.values().any(|ids| ids.contains(&id)))
    }

    /// Locks of keyspaces: what a write of denied tables would wait for, and what a live switch still holds.
    fn keyspace_locks(&self) -> Reading<Vec<&'a HeldLock>> {
        let locks = self.view.facts.locks(&self.movement.lock_ask())?;
        let is_keyspace = |lock: &&HeldLock| [self.from().as_str(), self.to().as_str()].contains(&lock.of.as_str());
        Ok(locks.iter().filter(is_keyspace).collect())
    }

    fn set_streams(&self, name: (KeyspaceName, WorkflowName), wanted: StreamsWanted, message: &str) -> Step {
        let (keyspace, workflow) = name;
        Step::Finish(Mutation::SetStreams(SetStreams { keyspace, workflow, wanted, message: Some(message.to_owned()) }))
    }

    fn sees(&self) -> String {
        sees(self.movement, self.view.facts)
    }
}

impl MoveTables {
    /// Whom the global rules send writes to; none without rules, or when they disagree.
    fn side_of_writes(&self, facts: &Facts) -> Option<Side> {
        self.side(&facts.routing_rules, TabletType::Primary)
    }

    /// Those of our tables that a shard of a keyspace denies, or does not.
    fn tables_by_denial(
        &self,
        facts: &Facts,
        keyspace: &KeyspaceName,
        denied: bool,
    ) -> Vec<(crate::model::name::ShardName, Vec<TableName>)> {
        let Some(found) = facts.keyspaces.get(keyspace) else { return vec![] };
        let of = |record: &crate::model::topology::Shard| -> Vec<TableName> {
            let is = record.denied_tables();
            self.tables.iter().filter(|table| is.contains(table.as_str()) == denied).cloned().collect()
        };
        found.shards.iter().map(|(shard, record)| (shard.clone(), of(record))).filter(|(_, tables)| !tables.is_empty()).collect()
    }
}

#[cfg(test)]
mod tests;
