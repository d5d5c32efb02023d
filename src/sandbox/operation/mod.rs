//! Calls that take their time, as data: what is left of one, and when its next step is due. A call is one operation; its steps are
//! transactions of their own, so whoever dies in between leaves behind what stands there.

mod cancel;
mod complete;
mod create;
mod dry_run;
mod sequences;
mod switch;
mod workflow;

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::fault::signed;
use super::locks::{self, Holder};
use super::refusal::{Answer, Refusal};
use super::state::State;
use super::wire;
use crate::cluster::vtctld::generated::vtctldata as data;

pub use switch::Switch;
pub use workflow::{course, no_shards, places};

/// How often a taken lock is looked at again.
const TRIES_LOCK_EACH: SignedDuration = SignedDuration::from_millis(200);

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Operation {
    pub number: u64,
    /// The process that waits for the answer.
    pub client: String,
    pub began: Timestamp,
    pub due: Option<Timestamp>,
    /// It waits for the workflow's lock.
    pub has_locks: bool,
    pub work: Work,
    pub outcome: Option<Outcome>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Work {
    Create(#[serde(with = "wire")] Box<data::MoveTablesCreateRequest>),
    Switch(Box<Switch>),
    Complete(#[serde(with = "wire")] data::MoveTablesCompleteRequest),
    Cancel(#[serde(with = "wire")] data::WorkflowDeleteRequest),
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// The answer's bytes in hexadecimal.
    Done(String),
    Refused(String),
}

/// What a step leads to.
pub enum Next {
    /// The next step is due after so much time.
    After(SignedDuration),
    Done(Vec<u8>),
}

impl Work {
    /// The lock that it needs: the one of a workflow, by target keyspace and name.
    fn lock(&self, state: &State) -> Option<(String, &'static str)> {
        match self {
            // It has none to begin with.
            Self::Create(_) => None,
            Self::Switch(switch) => {
                let (keyspace, workflow) = switch.driven(state);
                Some((locks::of_workflow(&keyspace, &workflow), "SwitchTraffic"))
            }
            Self::Complete(request) => {
                Some((locks::of_workflow(&request.target_keyspace, &request.workflow), "MoveTablesComplete"))
            }
            Self::Cancel(request) => Some((locks::of_workflow(&request.keyspace, &request.workflow), "WorkflowDelete")),
        }
    }

    fn words(&self) -> (&str, &str) {
        match self {
            Self::Create(request) => (&request.target_keyspace, &request.workflow),
            Self::Switch(switch) => (&switch.keyspace, &switch.workflow),
            Self::Complete(request) => (&request.target_keyspace, &request.workflow),
            Self::Cancel(request) => (&request.keyspace, &request.workflow),
        }
    }
}

/// Begins one. Its first step is due after what a real one takes to look round (experiments.md, Calm).
pub fn begin(state: &mut State, client: &str, work: Work) -> u64 {
    let number = state.next_number();
    let milliseconds = match &work {
        Work::Create(_) => 200,
        Work::Switch(_) => 50,
        Work::Complete(_) | Work::Cancel(_) => 100,
    };
    let (began, due) = (state.now, Some(state.now + SignedDuration::from_millis(milliseconds)));
    state.operations.push(Operation { number, client: client.to_owned(), began, due, has_locks: false, work, outcome: None });
    number
}

/// What there is to tell whoever waits for an operation.
pub enum Told {
    NotYet,
    Over(Outcome),
    /// vtctld died, or the connection did.
    CutOff,
}

/// Its outcome, once it is over; then it is forgotten.
pub fn take_outcome(state: &mut State, number: u64) -> Told {
    let Some(place) = state.operations.iter().position(|operation| operation.number == number && !operation.client.is_empty())
    else {
        return Told::CutOff;
    };
    if state.operations[place].outcome.is_none() {
        return Told::NotYet;
    }
    state.operations.remove(place).outcome.map_or(Told::CutOff, Told::Over)
}

/// Drops what is under way where it is. Nothing is rolled back, no lock is given back.
pub fn kill_vtctld(state: &mut State, restart_after: Duration) {
    state.operations.clear();
    let starts_at = state.now.saturating_add(signed(restart_after)).unwrap_or(Timestamp::MAX);
    state.vtctld.starts_at = Some(starts_at);
    state.vtctld.deaths += 1;
}

pub fn next_due(state: &State) -> Option<Timestamp> {
    state.operations.iter().filter_map(|operation| operation.due).min()
}

/// Does what is due.
pub fn step(state: &mut State) {
    let due = |state: &State| {
        let due = state.operations.iter().find(|operation| operation.due.is_some_and(|due| due <= state.now));
        due.map(|operation| operation.number)
    };
    while let Some(number) = due(state) {
        let Some(place) = state.operations.iter().position(|operation| operation.number == number) else { return };
        let mut operation = state.operations.remove(place);
        let next = step_of(state, &mut operation);
        let holder = Holder::Operation(number);
        match next {
            Ok(Next::After(wait)) => operation.due = Some(state.now + wait),
            Ok(Next::Done(answer)) => end(state, &mut operation, Outcome::Done(wire::text(&answer)), &holder),
            Err(Refusal(words)) => end(state, &mut operation, Outcome::Refused(words), &holder),
        }
        // One that went on alone has nobody to answer to.
        if operation.outcome.is_none() || !operation.client.is_empty() {
            state.operations.insert(place, operation);
        }
    }
}

fn end(state: &mut State, operation: &mut Operation, outcome: Outcome, holder: &Holder) {
    operation.due = None;
    operation.outcome = Some(outcome);
    state.locks.give_back(holder);
}

fn step_of(state: &mut State, operation: &mut Operation) -> Answer<Next> {
    let holder = Holder::Operation(operation.number);
    if !operation.has_locks {
        if let Work::Switch(switch) = &mut operation.work {
            // What is refused before any lock is taken.
            if let Some(answer) = switch.at_the_door(state)? {
                return Ok(Next::Done(answer));
            }
        }
        if let Some((path, action)) = operation.work.lock(state)
            && !state.locks.take(path.clone(), holder.clone(), action, locks::NAMED_LEASE, state.now)
        {
            if state.now.duration_since(operation.began) < locks::WAIT {
                return Ok(Next::After(TRIES_LOCK_EACH));
            }
            let (keyspace, workflow) = operation.work.words();
            return Err(Refusal(format!("failed to lock the {keyspace}/{workflow} workflow: deadline exceeded: {path}")));
        }
        operation.has_locks = true;
    }
    match &mut operation.work {
        Work::Create(request) => create::run(state, request),
        Work::Switch(switch) => switch.step(state, &holder),
        Work::Complete(request) => complete::run(state, request),
        Work::Cancel(request) => cancel::run(state, request),
    }
}

/// Whoever waited for an operation's answer is gone, and the call with him: vtctld notices, and does what it does then
/// (experiments.md, "The client killed inside the switch").
pub fn abandon(state: &mut State, number: u64) {
    let Some(place) = state.operations.iter().position(|operation| operation.number == number) else { return };
    let mut operation = state.operations.remove(place);
    if operation.outcome.is_none()
        && operation.has_locks
        && let Work::Switch(switch) = &mut operation.work
        && switch.client_is_gone(state)
    {
        // Past its point of no return: vtctld finishes it alone.
        operation.client.clear();
        state.operations.insert(place, operation);
        return;
    }
    state.locks.give_back(&Holder::Operation(number));
}

/// The clients that wait for answers.
pub fn clients(state: &State) -> Vec<String> {
    state.operations.iter().map(|operation| operation.client.clone()).filter(|client| !client.is_empty()).collect()
}

pub fn abandon_all_of(state: &mut State, client: &str) {
    let gone: Vec<u64> =
        state.operations.iter().filter(|operation| operation.client == client).map(|operation| operation.number).collect();
    for number in gone {
        abandon(state, number);
    }
}
