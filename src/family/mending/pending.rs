//! What is left to mend besides a movement between whole states: the next write, from what is there and what this record has done.

use super::{Mending, Scope};
use crate::cluster::mutation::{
    ApplyRoutingRules, Mutation, RebuildVSchemaGraph, RefreshShard, RemoveStaleLock, Rename, RenameTables, SetDeniedTables,
    SetStreams, StreamsWanted,
};
use crate::cluster::port::{Ask, Facts, HeldLock};
use crate::family::picture::StreamShape;
use crate::family::{Family as _, Side, Step, View, Waiting};
use crate::model::name::{KeyspaceName, ShardName, TableName, WorkflowName};
use crate::model::topology::{TabletType, shard_path};
use crate::record::entry::OutcomeResult;
use crate::record::progress::Progress;
use crate::run::forsaken;
use crate::run::locks::{self, Holder};

/// The next write, and what it is for.
pub fn next(mending: &Mending, facts: &Facts, progress: &Progress) -> Option<(Mutation, String)> {
    if let Some(next) = unread_records(mending, facts, progress) {
        return Some(next);
    }
    match mending.scope {
        Scope::Movement => reverse_streams(mending, facts).or_else(|| stale_lock(mending, facts, progress)),
        Scope::Tables => denied(mending, facts).or_else(|| dead_rules(mending, facts)).or_else(|| half_renamed(mending, facts)),
        Scope::Publish => {
            let behind = cells_behind(facts);
            (!behind.is_empty()).then(|| (rebuild(), format!("{} don't serve what the topology holds", behind.join(", "))))
        }
    }
}

fn rebuild() -> Mutation {
    Mutation::RebuildVSchemaGraph(RebuildVSchemaGraph { cells: vec![] })
}

/// The shards whose record we changed: their tablets read it, and then vtgates let waiting writes go on.
fn unread_records(mending: &Mending, facts: &Facts, progress: &Progress) -> Option<(Mutation, String)> {
    let last = |is_it: &dyn Fn(&Mutation) -> bool| {
        let done = |attempt: &&crate::record::progress::Attempt| {
            matches!(attempt.outcome, Some((OutcomeResult::Done | OutcomeResult::Differs, _))) && is_it(&attempt.mutation)
        };
        progress.attempts.iter().filter(done).map(|attempt| attempt.serial).max()
    };
    let mut refreshed = None;
    for keyspace in [mending.movement.source(), mending.movement.target()] {
        for shard in facts.keyspaces.get(keyspace)?.shards.keys() {
            let of = |at: &KeyspaceName, name: &ShardName| at == keyspace && name == shard;
            let changed = last(&|it| matches!(it, Mutation::SetDeniedTables(it) if of(&it.keyspace, &it.shard)));
            let read = last(&|it| matches!(it, Mutation::RefreshShard(it) if of(&it.keyspace, &it.shard)));
            if changed.is_some() && read < changed {
                let refresh = RefreshShard { keyspace: keyspace.clone(), shard: shard.clone() };
                let why = format!("the tablets of {} have not read their record", shard_path(keyspace, shard));
                return Some((Mutation::RefreshShard(refresh), why));
            }
            refreshed = refreshed.max(read);
        }
    }
    let published = last(&|it| matches!(it, Mutation::RebuildVSchemaGraph(_)));
    (refreshed.is_some() && published < refreshed)
        .then(|| (rebuild(), "vtgates may still hold back what is allowed again".to_owned()))
}

/// After a switch the reverse streams keep the way back open.
fn reverse_streams(mending: &Mending, facts: &Facts) -> Option<(Mutation, String)> {
    let movement = &mending.movement;
    if movement.side(&facts.routing_rules, TabletType::Primary) != Some(Side::Target) {
        return None;
    }
    let (keyspace, workflow) = (movement.source().clone(), movement.workflow().reverse());
    let streams = movement.streams_of(facts, &keyspace, &workflow);
    streams.shapes.contains(&StreamShape::Stopped).then(|| {
        let why = format!("the streams of `{keyspace}.{workflow}` stand still");
        (Mutation::SetStreams(SetStreams { keyspace, workflow, wanted: StreamsWanted::Running, message: None }), why)
    })
}

/// The lock that a dead vtctld seems to have left on the workflow's name, or on that of the reverse one.
fn stale_lock(mending: &Mending, facts: &Facts, progress: &Progress) -> Option<(Mutation, String)> {
    if !mending.may_remove_locks {
        return None;
    }
    let movement = &mending.movement;
    let asks = [movement.source(), movement.target()].map(|keyspace| Ask::AllLocks(keyspace.clone()));
    let mut held: Vec<&HeldLock> = Vec::new();
    for ask in &asks {
        // What could not be read may be held.
        held.extend(facts.locks(ask).ok()?);
    }
    let beside = held.iter().any(|lock| !lock.is_named());
    let names: [(KeyspaceName, WorkflowName); 2] =
        [(movement.target().clone(), movement.workflow().clone()), (movement.source().clone(), movement.workflow().reverse())];
    names.into_iter().find_map(|(keyspace, workflow)| {
        let name = format!("{keyspace}/{workflow}");
        let lock = held.iter().find(|lock| lock.of == name && !lock.waits)?;
        // Nobody's to take away: whoever has it may come to life again, and act.
        let is_stale = locks::looks_dead(lock, beside, facts.observed_at) && !forsaken::may_hang(lock, progress);
        is_stale.then(|| {
            let why = format!("a vtctld that is gone has left `{name}` locked");
            (Mutation::RemoveStaleLock(RemoveStaleLock { keyspace, workflow, node: lock.node.clone() }), why)
        })
    })
}

/// Taken away is a lock only when its holder has been watched for a while: an age hangs on two clocks.
pub fn step(mutation: Mutation, mending: &Mending, view: &View<'_>) -> Step {
    let Mutation::RemoveStaleLock(remove) = &mutation else { return Step::Finish(mutation) };
    let name = (remove.keyspace.clone(), remove.workflow.clone());
    match locks::of_name(view.facts.locks(&mending.movement.lock_ask()), &name, view.watch, false, view.now) {
        Holder::Dead(held) if held.node == remove.node => Step::Finish(mutation),
        Holder::MayLive(held) => {
            Step::Wait(Waiting::new(format!("looks whether anybody works under it for a while: {}", locks::words(held))))
        }
        Holder::Unknown(why) => Step::Wait(Waiting::new(format!("who holds its locks can't be read: {why}"))),
        Holder::Dead(_) | Holder::Nobody => Step::Wait(Waiting::new("the lock has changed hands")),
    }
}

fn denied(mending: &Mending, facts: &Facts) -> Option<(Mutation, String)> {
    let keyspace = mending.movement.source();
    facts.keyspaces.get(keyspace)?.shards.iter().find_map(|(shard, record)| {
        let denied = record.denied_tables();
        let tables: Vec<TableName> =
            mending.movement.tables.iter().filter(|table| denied.contains(table.as_str())).cloned().collect();
        (!tables.is_empty()).then(|| {
            let why = format!("{} denies tables that no workflow carries", shard_path(keyspace, shard));
            let allow = SetDeniedTables { keyspace: keyspace.clone(), shard: shard.clone(), tables, denied: false };
            (Mutation::SetDeniedTables(allow), why)
        })
    })
}

/// Judged anew at each look: a table that has come since has no dead rules.
fn dead_rules(mending: &Mending, facts: &Facts) -> Option<(Mutation, String)> {
    let keyspace = mending.movement.source();
    let by_shard = facts.table_names(&Ask::TableNames(keyspace.clone())).ok()?;
    let is_dead = |to: &str| {
        to.split_once('.').is_some_and(|(of, table)| {
            of == keyspace.as_str()
                && mending.movement.tables.iter().any(|name| name.as_str() == table)
                && !by_shard.values().any(|tables| tables.contains(table))
        })
    };
    let keys = mending.dead_rules.iter().filter(|key| facts.routing_rules.target(key).is_some_and(is_dead));
    let keys: Vec<String> = keys.cloned().collect();
    (!keys.is_empty()).then(|| {
        let edit = ApplyRoutingRules::edit(&facts.routing_rules, keys, vec![]);
        (Mutation::ApplyRoutingRules(edit), "routing rules lead to tables that are not there".to_owned())
    })
}

/// Tables that have their own name on some shards and the new one on others get their own back everywhere.
fn half_renamed(mending: &Mending, facts: &Facts) -> Option<(Mutation, String)> {
    let keyspace = mending.movement.source();
    let by_shard = facts.table_names(&Ask::TableNames(keyspace.clone())).ok()?;
    let has_own_somewhere = |table: &TableName| by_shard.values().any(|tables| tables.contains(table.as_str()));
    facts.keyspaces.get(keyspace)?.shards.iter().find_map(|(shard, record)| {
        let tables = by_shard.get(shard.as_str())?;
        let renames: Vec<Rename> = mending
            .movement
            .tables
            .iter()
            .filter(|table| !tables.contains(table.as_str()) && tables.contains(&table.renamed()) && has_own_somewhere(table))
            .map(|table| Rename { from: table.renamed(), to: table.to_string() })
            .collect();
        let tablet = record.primary_alias.clone()?;
        (!renames.is_empty()).then(|| {
            let why = format!("tables of {} have only their new names", shard_path(keyspace, shard));
            let rename = RenameTables { keyspace: keyspace.clone(), shard: shard.clone(), tablet, renames };
            (Mutation::RenameTables(rename), why)
        })
    })
}

/// The cells that serve other rules or VSchemas than the topology holds.
pub fn cells_behind(facts: &Facts) -> Vec<String> {
    let saved = facts.all_vschemas(&Ask::AllVSchemas).ok();
    let empty = crate::model::vschema::VSchema::default();
    let cells = facts.cells.names.iter().map(|cell| cell.as_str());
    let is_behind = |cell: &&str| {
        let Some(served) = facts.served.get(*cell) else { return true };
        let differs = saved.is_some_and(|saved| {
            let mut names = saved.keys().chain(served.vschemas.keys());
            names.any(|name| saved.get(name).unwrap_or(&empty) != served.vschemas.get(name).unwrap_or(&empty))
        });
        served.routing_rules != facts.routing_rules || differs
    };
    cells.filter(is_behind).map(str::to_owned).collect()
}
