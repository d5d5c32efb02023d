//! What goes wrong, as the description says: when it begins and ends, and what it does meanwhile.

#[cfg(test)]
#[path = "trouble_tests.rs"]
mod tests;

use jiff::{SignedDuration, Timestamp};

use super::file::description::{Description, Trouble};
use super::state::{State, Transaction};
use super::stream::State as StreamState;

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
        | Trouble::VtctldDown { after_seconds, lasts_seconds } => {
            Some((at(began, *after_seconds), at(began, after_seconds.saturating_add(*lasts_seconds))))
        }
        Trouble::SomebodyChangesRules { after_seconds, .. } => {
            let then = at(began, *after_seconds);
            Some((then, then))
        }
        Trouble::RowsDiffer { .. } | Trouble::Refuse { .. } | Trouble::LoseAnswer { .. } | Trouble::KillCutover { .. } => None,
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
    edges.chain(ends).chain(starts).min()
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
    let now = state.now;
    for stream in &mut state.streams {
        let message = errors.iter().find(|(keyspace, _)| *keyspace == stream.keyspace).map(|(_, message)| message.clone());
        match (&stream.error, message) {
            (None, Some(message)) if stream.state == StreamState::Running => {
                stream.message.clone_from(&message);
                stream.error = Some(message);
            }
            (Some(_), None) => {
                stream.error = None;
                stream.message.clear();
                stream.updated_at = now;
            }
            _ => {}
        }
    }
    for (place, trouble) in state.description.goes_wrong.clone().iter().enumerate() {
        let Trouble::SomebodyChangesRules { after_seconds, rules } = trouble else { continue };
        if state.changes_made.contains(&place) || at(state.began, *after_seconds) > now {
            continue;
        }
        state.changes_made.push(place);
        for (from, to) in rules {
            if to.is_empty() {
                state.topology.rules.remove(from);
            } else {
                state.topology.rules.insert(from.clone(), vec![to.clone()]);
            }
        }
        state.topology.rebuild(&[]);
    }
}

/// By how much the streams of a keyspace lag behind now.
pub fn lag(state: &State, keyspace: &str) -> SignedDuration {
    let lags = going_on(state).filter_map(|trouble| match trouble {
        Trouble::Lag { keyspace: of, seconds, .. } if of == keyspace => Some(*seconds),
        _ => None,
    });
    SignedDuration::from_secs(i64::try_from(lags.max().unwrap_or(0)).unwrap_or(i64::MAX))
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
