//! Before the point of no return: the keyspace that had the writes takes them again.
//!
//! Denied tables are a part of a shard's record, and a write of that wants the keyspace's lock. A dead vtctld's lock is a lease, and
//! nothing can be done until it ends; one that stands may also be a live switch's, which may still go on by itself.

use jiff::{SignedDuration, Timestamp};

use super::super::Denied;
use super::HalfSwitch;
use crate::cluster::mutation::{ApplyRoutingRules, Mutation, RebuildVSchemaGraph, RefreshShard, SetDeniedTables, StreamsWanted};
use crate::cluster::port::HeldLock;
use crate::family::picture::StreamShape;
use crate::family::{Side, Step, Waiting};
use crate::model::name::{KeyspaceName, ShardName};
use crate::model::routing::Rule;
use crate::model::topology::{TabletType, shard_path};
use crate::model::workflow::FROZEN;
use crate::record::progress::Attempt;
use crate::words::{clock, length, list};

/// So many tables and shards are named.
const MOST_TABLES: usize = 6;
/// How much longer than a lease from the lock's own time a dead vtctld's lock may stand.
const SLACK: SignedDuration = SignedDuration::from_secs(15);

pub fn step(half: &HalfSwitch<'_>) -> Step {
    let had_them = if half.to_target { Side::Source } else { Side::Target };
    if half.movement.side_of_writes(half.view.facts) != Some(had_them) {
        return rules_by_hand(half);
    }
    if let Some(step) = waits_for_locks(half) {
        return step;
    }
    if let Some(mutation) = rules_that_disagree(half, &[TabletType::Rdonly, TabletType::Replica]) {
        return Step::Finish(mutation);
    }
    if let Some(step) = set_records(half, half.from(), false) {
        return step;
    }
    if let Some(mutation) = settle(half) {
        return Step::Finish(mutation);
    }
    if let Some(step) = set_denied(half, half.to(), true) {
        return step;
    }
    if half.driven.has(StreamShape::StoppedForCutover) || half.driven.has(StreamShape::Stopped) {
        return half.set_streams(half.driven_name(), StreamsWanted::Running, "");
    }
    // The workflow that leads forward again was made anew by the switch back, and stands still without a word.
    if !half.to_target && half.other.has(StreamShape::Stopped) && !half.other.has(StreamShape::Moving) {
        return half.set_streams(half.other_name(), StreamsWanted::Stopped, FROZEN);
    }
    Step::Between(format!("{}; writes are back where they were, and something is left that is not", half.sees()))
}

/// No switch has led the writes there: hands have. Where the other keyspace denies every table it has taken none of them, and the rules
/// go back; else only a person can say which rows count. So it is where streams still carry rows back: what they carry is newer.
fn rules_by_hand(half: &HalfSwitch<'_>) -> Step {
    let (from, to) = (half.from(), half.to());
    if !half.other.shapes.iter().all(|shape| matches!(shape, StreamShape::StoppedForCutover | StreamShape::Frozen)) {
        let (keyspace, workflow) = half.other_name();
        return Step::Between(format!(
            "{}; no journal says that a switch got so far, the rules are not those of before, and `{keyspace}.{workflow}` is not frozen: \
             `{from}` may lack rows that it carries. A person must say which keyspace has the newest rows: `vtctldclient Workflow --keyspace \
             {keyspace} show --workflow {workflow}` shows how far it is; then lead the rules of all tables there by hand (`vtctldclient \
             GetRoutingRules`, `ApplyRoutingRules`)",
            half.sees()
        ));
    }
    if half.movement.denied(half.view.facts, !half.to_target) == Denied::All {
        return match waits_for_locks(half) {
            Some(step) => step,
            None => match rules_that_disagree(half, &[TabletType::Primary]) {
                Some(mutation) => Step::Finish(mutation),
                None => Step::Between(format!("{}; no journal says that a switch got so far", half.sees())),
            },
        };
    }
    let open: Vec<String> = half
        .movement
        .tables_by_denial(half.view.facts, to, false)
        .into_iter()
        .map(|(shard, tables)| format!("{} on {}", list(&tables, MOST_TABLES, ", "), shard_path(to, &shard)))
        .collect();
    Step::Between(format!(
        "{}; no journal says that a switch got so far, the rules are not those of before, and `{to}` does not deny {}: both keyspaces may \
         have taken writes. A person must say which rows count: compare the tables in `{from}` and `{to}`, bring into `{from}` what only \
         `{to}` has, deny the tables there (`vtctldclient SetShardTabletControl --denied-tables TABLES {to}/SHARD primary`, then \
         `vtctldclient RefreshStateByShard {to}/SHARD`), and `cutover repair` leads all of them to `{from}`",
        half.sees(),
        list(&open, MOST_TABLES, "; ")
    ))
}

/// The rules of some types that disagree among themselves, led to the keyspace that has the writes: nobody is wrong there. A table that
/// has no rule is left alone: nothing says what has become of it.
fn rules_that_disagree(half: &HalfSwitch<'_>, types: &[TabletType]) -> Option<Mutation> {
    let now = &half.view.facts.routing_rules;
    let mut after = now.clone();
    for kind in types {
        if half.movement.side(now, *kind) == Some(Side::Mixed) && half.movement.each_has_rules(now, *kind) {
            half.movement.agree(&mut after, *kind, !half.to_target);
        }
    }
    let diff = now.diff(&after);
    let set: Vec<Rule> = diff
        .added
        .into_iter()
        .chain(diff.changed.into_iter().map(|change| Rule { from_table: change.from_table, to_table: change.after }))
        .collect();
    (!set.is_empty()).then(|| Mutation::ApplyRoutingRules(ApplyRoutingRules::edit(now, vec![], set)))
}

/// The tablets of the shards that have the writes read their records, and the cells are published anew, once since the switch.
pub fn settle(half: &HalfSwitch<'_>) -> Option<Mutation> {
    let attempts = &half.view.progress.attempts;
    let switch =
        attempts.iter().rev().find(|attempt| matches!(&attempt.mutation, Mutation::SwitchTraffic(it) if it.moves_writes()));
    let since = switch.map_or(0, |attempt| attempt.serial);
    let last_change = attempts
        .iter()
        .filter(|attempt| matches!(&attempt.mutation, Mutation::SetDeniedTables(it) if &it.keyspace == half.from() && !it.denied))
        .map(|attempt| attempt.serial)
        .max();
    let since = since.max(last_change.unwrap_or(0));
    let done = |is_it: &dyn Fn(&Mutation) -> bool, since: u64| {
        attempts
            .iter()
            .filter(|attempt| attempt.serial > since && is_done(attempt) && is_it(&attempt.mutation))
            .map(|attempt| attempt.serial)
            .max()
    };
    let mut refreshed_at = since;
    for shard in half.view.facts.keyspaces.get(half.from())?.shards.keys() {
        let is_it = |mutation: &Mutation| matches!(mutation, Mutation::RefreshShard(it) if &it.keyspace == half.from() && &it.shard == shard);
        match done(&is_it, since) {
            Some(serial) => refreshed_at = refreshed_at.max(serial),
            None => return Some(refresh(half.from(), shard)),
        }
    }
    let is_rebuild = |mutation: &Mutation| matches!(mutation, Mutation::RebuildVSchemaGraph(_));
    done(&is_rebuild, refreshed_at).is_none().then(|| Mutation::RebuildVSchemaGraph(RebuildVSchemaGraph { cells: vec![] }))
}

fn is_done(attempt: &Attempt) -> bool {
    super::super::attempts::was_seen_done(attempt)
}

fn refresh(keyspace: &KeyspaceName, shard: &ShardName) -> Mutation {
    Mutation::RefreshShard(RefreshShard { keyspace: keyspace.clone(), shard: shard.clone() })
}

/// The next write that makes each shard of a keyspace deny our tables, or none of them: the records first, then the tablets.
pub fn set_denied(half: &HalfSwitch<'_>, keyspace: &KeyspaceName, denied: bool) -> Option<Step> {
    set_records(half, keyspace, denied).or_else(|| unrefreshed(half, keyspace).map(Step::Finish))
}

fn set_records(half: &HalfSwitch<'_>, keyspace: &KeyspaceName, denied: bool) -> Option<Step> {
    let (shard, tables) = half.movement.tables_by_denial(half.view.facts, keyspace, !denied).into_iter().next()?;
    if let Some(step) = waits_for_locks(half) {
        return Some(step);
    }
    Some(Step::Finish(Mutation::SetDeniedTables(SetDeniedTables { keyspace: keyspace.clone(), shard, tables, denied })))
}

/// The refresh of a shard whose record we changed and whose tablets have not read it since.
fn unrefreshed(half: &HalfSwitch<'_>, keyspace: &KeyspaceName) -> Option<Mutation> {
    let attempts = &half.view.progress.attempts;
    let last = |is_it: &dyn Fn(&Mutation) -> bool| {
        attempts.iter().filter(|attempt| is_done(attempt) && is_it(&attempt.mutation)).map(|attempt| attempt.serial).max()
    };
    half.view.facts.keyspaces.get(keyspace)?.shards.keys().find_map(|shard| {
        let changed = last(
            &|mutation| matches!(mutation, Mutation::SetDeniedTables(it) if &it.keyspace == keyspace && &it.shard == shard),
        )?;
        let read =
            last(&|mutation| matches!(mutation, Mutation::RefreshShard(it) if &it.keyspace == keyspace && &it.shard == shard));
        (read < Some(changed)).then(|| refresh(keyspace, shard))
    })
}

/// What is waited for while somebody holds a lock of one of the keyspaces; none when nobody does.
fn waits_for_locks(half: &HalfSwitch<'_>) -> Option<Step> {
    let locks = match half.keyspace_locks() {
        Ok(locks) => locks,
        Err(unread) => {
            return Some(Step::Wait(Waiting::new(format!(
                "{}; who holds the keyspaces' locks can't be read: {}",
                half.sees(),
                unread.why
            ))));
        }
    };
    let lock = locks.first()?;
    Some(Step::Wait(Waiting::new(format!("{}; {}", half.sees(), words(half, lock)))))
}

fn words(half: &HalfSwitch<'_>, lock: &HeldLock) -> String {
    let HeldLock { of, host, action, time, .. } = lock;
    let holder = format!("the lock of `{of}` ({action}, vtctld on {host}, since {time})");
    let Some(lease) = lease(half) else { return format!("waits for {holder}") };
    let seconds = length(lease.as_secs());
    let Ok(since) = time.parse::<Timestamp>() else { return format!("waits for {holder}; a dead vtctld's ends after {seconds}") };
    let until = since + lease;
    // The lease was made anew at each of its checks, and etcd takes its time to end one.
    if until + SLACK > half.view.now {
        format!("goes back to `{}` when {holder} ends: at {} if its vtctld is dead", half.from(), clock(until))
    } else {
        format!("waits for {holder}; it has lasted longer than a dead vtctld's {seconds}, so somebody works on it")
    }
}

/// How long the keyspace locks of the last switch outlive a dead vtctld.
fn lease(half: &HalfSwitch<'_>) -> Option<SignedDuration> {
    let switch = half.view.progress.attempts.iter().rev().find_map(|attempt| match &attempt.mutation {
        Mutation::SwitchTraffic(switch) if switch.moves_writes() => Some(switch),
        _ => None,
    })?;
    Some(SignedDuration::from_secs(i64::try_from(switch.lease_seconds()).ok()?))
}
