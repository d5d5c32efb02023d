//! One step after the other: what is due is done, what fails is rolled back or not, and what was planned befalls.

use jiff::{SignedDuration, Timestamp};

use super::act::{self, Did};
use super::step::{Act, Alone, Step};
use super::{First, Operation, Outcome, kill_vtctld, refused};
use crate::sandbox::fault::{Lag, StepDone, StepWhat, When, signed};
use crate::sandbox::refusal::Refusal;
use crate::sandbox::state::{State, Transaction};
use crate::sandbox::{mysql_by_hand, reparent, somebody, trouble, wire};

/// What a step leads to.
enum Next {
    /// The next one is due after so much time.
    After(SignedDuration),
    Ended(Outcome),
    /// vtctld died, or let go of it.
    Gone,
}

const AT_ONCE: Next = Next::After(SignedDuration::ZERO);

/// Does what is due.
pub fn step(state: &mut State) {
    let due = |state: &State| state.operations.iter().position(|it| it.due.is_some_and(|due| due <= state.now));
    while let Some(place) = due(state) {
        let mut operation = state.operations.remove(place);
        match go_on(state, &mut operation) {
            Next::After(wait) => operation.due = Some(state.now + wait),
            Next::Ended(outcome) => {
                operation.due = None;
                operation.outcome = Some(outcome);
                state.locks.give_back(&operation.holder());
                // One that went on alone has nobody to answer to.
                if operation.client.is_empty() {
                    continue;
                }
            }
            Next::Gone => continue,
        }
        let place = place.min(state.operations.len());
        state.operations.insert(place, operation);
    }
}

fn go_on(state: &mut State, operation: &mut Operation) -> Next {
    if !operation.has_begun {
        operation.has_begun = true;
        match operation.first(state) {
            Ok(First::Answered(answer)) => return Next::Ended(Outcome::Done(wire::text(&answer))),
            Ok(First::Steps(steps)) => operation.left = steps.into(),
            Err(refusal) => return Next::Ended(refused(refusal)),
        }
    }
    let Some(step) = operation.left.front().cloned() else { return end(state, operation) };
    // What only looks, or refuses, leaves nothing behind.
    let counts = !matches!(step.act, Act::Look | Act::Refuse(_));
    let is_first_try = !std::mem::replace(&mut operation.is_tried, true);
    if counts && is_first_try {
        match befall(state, operation, &step, When::Before) {
            Befallen::Nothing => {}
            Befallen::Failed(words) => return fail(state, operation, &step, Refusal(words)),
            Befallen::Gone => return Next::Gone,
            Befallen::LeftAlone => return AT_ONCE,
        }
    }
    if step.checks_locks
        && is_first_try
        && let Err(lost) = act::has_locks(state, operation)
    {
        // Vitess does not roll this back: the source stays denied.
        return Next::Ended(refused(lost));
    }
    match act::perform(state, operation, &step.act) {
        Ok(Did::NotYet(wait)) => return Next::After(wait),
        Ok(Did::Found(steps)) => {
            operation.left.pop_front();
            operation.is_tried = false;
            for found in steps.into_iter().rev() {
                operation.left.push_front(found);
            }
            return Next::After(step.then);
        }
        Ok(Did::It) => {}
        Err(refusal) => return fail(state, operation, &step, refusal),
    }
    operation.left.pop_front();
    operation.is_tried = false;
    state.plan.done(done(&step.operation, operation.call_number, &step.name, &step.place));
    state.watch();
    match befall(state, operation, &step, When::After) {
        Befallen::Nothing => Next::After(step.then),
        Befallen::Failed(words) => fail(state, operation, &step, Refusal(words)),
        Befallen::Gone => Next::Gone,
        Befallen::LeftAlone => AT_ONCE,
    }
}

fn done(operation: &str, call_number: u64, step: &str, place: &str) -> StepDone {
    let (operation, step, shard_or_cell) = (operation.to_owned(), step.to_owned(), place.to_owned());
    StepDone { operation, call_number, step, shard_or_cell }
}

fn end(state: &State, operation: &Operation) -> Next {
    let Some(refusal) = &operation.refusal else {
        return Next::Ended(operation.answer(state).map_or_else(refused, |answer| Outcome::Done(wire::text(&answer))));
    };
    let mut words = refusal.clone();
    if !operation.failed_in_rollback.is_empty() {
        words.push_str("\n\ncancel migration failed, manual cleanup work may be necessary: ");
        words.push_str(&operation.failed_in_rollback.join("\n"));
    }
    Next::Ended(Outcome::Refused(words))
}

fn fail(state: &State, operation: &mut Operation, step: &Step, refusal: Refusal) -> Next {
    let refusal = if step.within.is_empty() { refusal } else { refusal.within(&step.within) };
    operation.is_tried = false;
    if operation.refusal.is_some() {
        // In a rollback all else is tried.
        operation.failed_in_rollback.push(refusal.0);
        if operation.left.front() == Some(step) {
            operation.left.pop_front();
        }
        return AT_ONCE;
    }
    if !step.is_rolled_back {
        return Next::Ended(refused(refusal));
    }
    operation.refusal = Some(refusal.0);
    operation.left = operation.roll_back(state).into();
    AT_ONCE
}

enum Befallen {
    Nothing,
    Failed(String),
    Gone,
    /// It goes on from somewhere else.
    LeftAlone,
}

fn befall(state: &mut State, operation: &mut Operation, step: &Step, when: When) -> Befallen {
    let mut whats = state.plan.take_at_step(when);
    whats.extend(trouble::at_step(state, &operation.call, operation.call_number, &step.name, &step.place, when));
    let mut befallen = Befallen::Nothing;
    for what in whats {
        match what {
            StepWhat::KillVtctld { restart_after } => {
                kill_vtctld(state, restart_after);
                befallen = Befallen::Gone;
            }
            StepWhat::Refuse(words) => befallen = Befallen::Failed(words),
            StepWhat::LoseAnswer => operation.client.clear(),
            StepWhat::CallerGone => match without_caller(state, operation.clone()) {
                Some(alone) => {
                    *operation = alone;
                    befallen = Befallen::LeftAlone;
                }
                None => befallen = Befallen::Gone,
            },
            what => befall_state(state, what),
        }
    }
    befallen
}

/// What is not about the operation.
fn befall_state(state: &mut State, what: StepWhat) {
    match what {
        StepWhat::KillVtctld { restart_after } => kill_vtctld(state, restart_after),
        StepWhat::ReparentPrimary { keyspace, shard } => reparent::reparent(state, &keyspace, &shard),
        StepWhat::LeasesEnd => state.locks.end_leases_of_keyspaces(),
        StepWhat::TabletGone { keyspace, shard, kind, lasts } => {
            let until = state.now.saturating_add(signed(lasts)).ok();
            trouble::tablet_down(state, &keyspace, &shard, kind, until);
        }
        StepWhat::AddColumn { keyspace, table, column } => mysql_by_hand::add_column(state, &keyspace, &table, &column),
        StepWhat::Somebody { does, keyspace, workflow } => somebody::acts(state, does, &keyspace, &workflow),
        StepWhat::Lag { keyspace, lag, lasts } => {
            let until = state.now.saturating_add(signed(lasts)).unwrap_or(Timestamp::MAX);
            state.plan.lags.push(Lag { keyspace, lag: signed(lag), until });
        }
        StepWhat::OpenTransaction { keyspace, table, lasts } => {
            let connection = 5000 + state.next_number();
            let until = state.now.saturating_add(signed(lasts)).ok();
            state.transactions.push(Transaction { keyspace, table, connection, since: state.now, until });
        }
        StepWhat::Refuse(_) | StepWhat::LoseAnswer | StepWhat::CallerGone => {}
    }
}

/// At a step of a VDiff, which is vttablet's own: vtctld's death does not touch it. The words that it fails with, if it does.
pub fn befall_vdiff(state: &mut State, number: u64, name: &str, place: &str, when: When) -> Option<String> {
    if when == When::After {
        state.plan.done(done("vdiff", number, name, place));
        state.watch();
    }
    let mut whats = state.plan.take_at_step(when);
    whats.extend(trouble::at_step(state, "VDiffCreate", number, name, place, when));
    let mut failed = None;
    for what in whats {
        match what {
            StepWhat::Refuse(words) => failed = Some(words),
            what => befall_state(state, what),
        }
    }
    failed
}

/// What becomes of it when nobody waits for it any more: none, when it ends here.
pub fn without_caller(state: &mut State, mut operation: Operation) -> Option<Operation> {
    let alone = match operation.left.front() {
        _ if !operation.has_begun => Alone::Dropped,
        // A rollback is its own.
        _ if operation.refusal.is_some() => Alone::GoesOn,
        Some(step) => step.alone,
        None => Alone::GoesOn,
    };
    match alone {
        Alone::Dropped => {
            state.locks.give_back(&operation.holder());
            return None;
        }
        Alone::RolledBack => {
            operation.refusal = Some("context canceled".to_owned());
            operation.left = operation.roll_back(state).into();
            operation.is_tried = false;
            operation.due = Some(state.now);
        }
        Alone::GoesOn => {}
    }
    operation.client.clear();
    Some(operation)
}
