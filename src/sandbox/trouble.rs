//! What goes wrong, as the description says: when it begins and ends, and what it does meanwhile.

#[cfg(test)]
#[path = "trouble_tests.rs"]
mod tests;

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::fault::{StepWhat, When};
use super::file::description::{Description, Trouble};
use super::state::{State, Transaction};
use super::topology::{Kind, Tablet};
use super::{advance, reparent, somebody};

/// A time of the description, as one of the sandbox.
fn at(began: Timestamp, seconds: u64) -> Timestamp {
    let after = SignedDuration::from_secs(i64::try_from(seconds).unwrap_or(i64::MAX));
    began.saturating_add(after).unwrap_or(Timestamp::MAX)
}

/// From when to when it lasts, for what lasts.
fn times(trouble: &Trouble, began: Timestamp) -> Option<(Timestamp, Timestamp)> {
    match trouble {
        Trouble::LongTransaction { after_seconds, lasts_seconds, .. }
        | Trouble::Lag { after_seconds, lasts_seconds, .. }
        | Trouble::StreamError { after_seconds, lasts_seconds, .. }
        | Trouble::TabletDown { after_seconds, lasts_seconds, .. }
        | Trouble::Throttled { after_seconds, lasts_seconds, .. }
        | Trouble::SchemaChange { after_seconds, lasts_seconds, .. }
        | Trouble::VdiffStuck { after_seconds, lasts_seconds }
        | Trouble::VtctldDown { after_seconds, lasts_seconds } => {
            Some((at(began, *after_seconds), at(began, after_seconds.saturating_add(*lasts_seconds))))
        }
        Trouble::SomebodyChangesRules { after_seconds, .. }
        | Trouble::SomebodyActs { after_seconds, .. }
        | Trouble::Reparent { after_seconds, .. } => {
            let then = at(began, *after_seconds);
            Some((then, then))
        }
        Trouble::RowsDiffer { .. }
        | Trouble::Refuse { .. }
        | Trouble::LoseAnswer { .. }
        | Trouble::KillCutover { .. }
        | Trouble::KillVtctld { .. }
        | Trouble::VdiffError { .. } => None,
    }
}

/// The transactions that the description promises.
pub fn transactions(description: &Description, began: Timestamp) -> Vec<Transaction> {
    let open = |(number, trouble): (usize, &Trouble)| {
        let Trouble::LongTransaction { keyspace, table, .. } = trouble else { return None };
        let (since, until) = times(trouble, began)?;
        Some(Transaction {
            keyspace: keyspace.clone(),
            table: table.clone(),
            connection: 1000 + number as u64,
            since,
            until: Some(until),
        })
    };
    description.goes_wrong.iter().enumerate().filter_map(open).collect()
}

/// When something next begins or ends after now.
pub fn next_due(state: &State) -> Option<Timestamp> {
    let edges = state.description.goes_wrong.iter().filter_map(|trouble| times(trouble, state.began));
    let edges = edges.flat_map(|(from, until)| [from, until]).filter(|edge| *edge > state.now);
    let ends = state.transactions.iter().filter_map(|transaction| transaction.until).filter(|until| *until > state.now);
    let starts = state.vtctld.starts_at.filter(|at| *at > state.now);
    let back = state.topology.tablets.iter().filter_map(|tablet| tablet.down_until);
    let caught_up = state.plan.lags.iter().map(|lag| lag.until).filter(|until| *until > state.now);
    edges.chain(ends).chain(starts).chain(back).chain(caught_up).min()
}

fn going_on(state: &State) -> impl Iterator<Item = &Trouble> {
    state
        .description
        .goes_wrong
        .iter()
        .filter(|trouble| times(trouble, state.began).is_some_and(|(from, until)| from <= state.now && state.now < until))
}

/// Begins and ends what is due.
pub fn happen(state: &mut State) {
    let errors: Vec<(String, String)> = going_on(state)
        .filter_map(|trouble| match trouble {
            Trouble::StreamError { keyspace, message, .. } => Some((keyspace.clone(), message.clone())),
            _ => None,
        })
        .collect();
    for place in 0..state.streams.len() {
        let stream = &state.streams[place];
        let message = errors.iter().find(|(keyspace, _)| *keyspace == stream.keyspace).map(|(_, message)| message.clone());
        match (&stream.error, message) {
            (None, Some(message)) if stream.is_running() => advance::fall(state, place, &message),
            (Some(_), None) if stream.error_passes_at.is_none() => advance::recover(state, place),
            _ => {}
        }
    }
    let now = state.now;
    for tablet in state.topology.tablets.iter_mut().filter(|tablet| tablet.down_until.is_some_and(|until| until <= now)) {
        (tablet.is_down, tablet.down_until) = (false, None);
    }
    for (place, trouble) in state.description.goes_wrong.clone().iter().enumerate() {
        let is_due = times(trouble, state.began).is_some_and(|(from, _)| from <= now);
        if is_due && !state.changes_made.contains(&place) && once(state, trouble) {
            state.changes_made.push(place);
        }
    }
}

/// What happens at one moment. Whether it is such a thing.
fn once(state: &mut State, trouble: &Trouble) -> bool {
    match trouble {
        Trouble::SomebodyChangesRules { rules, .. } => {
            for (from, to) in rules {
                if to.is_empty() {
                    state.topology.rules.remove(from);
                } else {
                    state.topology.rules.insert(from.clone(), vec![to.clone()]);
                }
            }
            state.topology.rebuild(&[]);
        }
        Trouble::SomebodyActs { does, keyspace, workflow, .. } => somebody::acts(state, *does, keyspace, workflow),
        Trouble::Reparent { keyspace, shard, .. } => reparent::reparent(state, keyspace, shard),
        Trouble::TabletDown { keyspace, shard, tablet_type, .. } => {
            let until = times(trouble, state.began).map(|(_, until)| until);
            tablet_down(state, keyspace, shard, *tablet_type, until);
        }
        _ => return false,
    }
    true
}

/// A tablet answers nobody any more; none: until it is said that it does.
pub fn tablet_down(state: &mut State, keyspace: &str, shard: &str, kind: Kind, until: Option<Timestamp>) {
    let is_it = |tablet: &&mut Tablet| tablet.keyspace == keyspace && tablet.shard == shard && tablet.kind == kind;
    if let Some(tablet) = state.topology.tablets.iter_mut().find(is_it) {
        (tablet.is_down, tablet.down_until) = (true, until);
    }
}

/// The online schema changes of a keyspace that run now: a number of their own, and the table.
pub fn schema_changes<'s>(state: &'s State, keyspace: &'s str) -> impl Iterator<Item = (usize, &'s str)> {
    let all = state.description.goes_wrong.iter().enumerate();
    all.filter_map(move |(number, trouble)| match trouble {
        Trouble::SchemaChange { keyspace: of, table, .. } if of == keyspace => {
            let (from, until) = times(trouble, state.began)?;
            (from <= state.now && state.now < until).then_some((number, table.as_str()))
        }
        _ => None,
    })
}

pub fn is_throttled(state: &State, keyspace: &str) -> bool {
    going_on(state).any(|trouble| matches!(trouble, Trouble::Throttled { keyspace: of, .. } if of == keyspace))
}

/// Whether that was so in the time that ends now.
pub fn was_throttled(state: &State, keyspace: &str) -> bool {
    state.description.goes_wrong.iter().any(|trouble| {
        let ended = |(from, until): (Timestamp, Timestamp)| from < state.now && state.now <= until;
        matches!(trouble, Trouble::Throttled { keyspace: of, .. } if of == keyspace)
            && times(trouble, state.began).is_some_and(ended)
    })
}

/// Until when no VDiff gets to its next table.
pub fn vdiffs_stand_until(state: &State) -> Option<Timestamp> {
    let stuck = going_on(state).filter(|trouble| matches!(trouble, Trouble::VdiffStuck { .. }));
    stuck.filter_map(|trouble| times(trouble, state.began)).map(|(_, until)| until).max()
}

/// The words that a VDiff ends with when it comes to a table.
pub fn vdiff_error(state: &State, call_number: u64, table: &str) -> Option<String> {
    state.description.goes_wrong.iter().find_map(|trouble| match trouble {
        Trouble::VdiffError { table: of, message, number } if of == table && *number == call_number => Some(message.clone()),
        _ => None,
    })
}

/// What the description has befall a micro-step; once.
pub fn at_step(state: &mut State, call: &str, call_number: u64, name: &str, place: &str, when: When) -> Vec<StepWhat> {
    let mut befalls = Vec::new();
    for (index, trouble) in state.description.goes_wrong.iter().enumerate() {
        if let Trouble::KillVtctld { call: of, number, step, at, when: then, restarts_after_seconds } = trouble
            && (of.as_str(), *number, step.as_str(), *then) == (call, call_number, name, when)
            && at.as_ref().is_none_or(|at| at == place)
            && !state.changes_made.contains(&index)
        {
            state.changes_made.push(index);
            befalls.push(StepWhat::KillVtctld { restart_after: Duration::from_secs(*restarts_after_seconds) });
        }
    }
    befalls
}

/// By how much the streams of a keyspace lag behind now.
pub fn lag(state: &State, keyspace: &str) -> SignedDuration {
    let lags = going_on(state).filter_map(|trouble| match trouble {
        Trouble::Lag { keyspace: of, seconds, .. } if of == keyspace => Some(*seconds),
        _ => None,
    });
    let described = SignedDuration::from_secs(i64::try_from(lags.max().unwrap_or(0)).unwrap_or(i64::MAX));
    let planned = state.plan.lags.iter().filter(|lag| lag.keyspace == keyspace && lag.until > state.now);
    planned.map(|lag| lag.lag).max().unwrap_or_default().max(described)
}

pub fn vtctld_is_down(state: &State) -> bool {
    state.vtctld.is_dead(state.now) || going_on(state).any(|trouble| matches!(trouble, Trouble::VtctldDown { .. }))
}

/// Rows that differ in a table: mismatched, missing on the target, extra on the target.
pub fn differences(state: &State, table: &str) -> (u64, u64, u64) {
    let mut sum = (0, 0, 0);
    for trouble in &state.description.goes_wrong {
        if let Trouble::RowsDiffer { table: of, mismatched, missing_on_target, extra_on_target } = trouble
            && of == table
        {
            sum = (sum.0 + mismatched, sum.1 + missing_on_target, sum.2 + extra_on_target);
        }
    }
    sum
}

/// Whether anything befalls a call by its number.
pub fn is_by_number(description: &Description) -> bool {
    description
        .goes_wrong
        .iter()
        .any(|trouble| matches!(trouble, Trouble::Refuse { .. } | Trouble::LoseAnswer { .. } | Trouble::KillCutover { .. }))
}

/// What befalls a call that came as the `number`th of its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    Refused(String),
    AnswerLost,
    /// After so many milliseconds.
    CutoverKilled(u64),
}

pub fn fate(state: &State, name: &str, number: u64) -> Option<Fate> {
    state.description.goes_wrong.iter().find_map(|trouble| match trouble {
        Trouble::Refuse { call, message, number: n } if call == name && *n == number => Some(Fate::Refused(message.clone())),
        Trouble::LoseAnswer { call, number: n } if call == name && *n == number => Some(Fate::AnswerLost),
        Trouble::KillCutover { call, number: n, after_milliseconds } if call == name && *n == number => {
            Some(Fate::CutoverKilled(*after_milliseconds))
        }
        _ => None,
    })
}
