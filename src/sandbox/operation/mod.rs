//! Calls that take their time, as data: the micro-steps that are left of one, and when the next is due. Whoever dies in between, or
//! lets vtctld die, leaves behind what stands there.
//!
//! | module | one reason to change |
//! |---|---|
//! | [`step`], [`act`] | micro-steps as data; what each does |
//! | [`create`], [`switch`], [`cancel`], [`complete`], [`small`] | the rows of steps of each call, in Vitess's order |
//! | [`names`] | what the steps are called |
//! | [`run`] | one step after the other, what fails, what befalls |
//! | [`workflow`], [`sequences`], [`dry_run`] | what those are made of |

mod act;
mod cancel;
mod complete;
mod create;
mod dry_run;
mod names;
mod run;
mod sequences;
mod small;
mod step;
mod switch;
mod workflow;

use std::collections::VecDeque;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use prost::Message as _;
use serde::{Deserialize, Serialize};

use super::fault::signed;
use super::locks::{self, Holder};
use super::refusal::{Answer, Refusal};
use super::state::State;
use super::traffic::Course;
use super::{calls, wire};
use crate::cluster::vtctld::generated::vtctldata as data;
use step::Step;

pub use act::refresh;
pub use complete::renamed;
pub use names::STEPS;
pub use run::{befall_vdiff, step};
pub use switch::Switch;
pub use workflow::{course, no_shards, places};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Operation {
    pub number: u64,
    /// The process that waits for the answer. Empty: nobody does.
    pub client: String,
    /// The call, and which of its name it is.
    pub call: String,
    pub call_number: u64,
    pub due: Option<Timestamp>,
    pub work: Work,
    /// What is moved, once that is known: of a switch back, by the workflow of the way back.
    pub course: Option<Course>,
    pub has_begun: bool,
    pub left: VecDeque<Step>,
    /// The first of those that are left has been tried.
    pub is_tried: bool,
    /// How often it has looked what there is.
    looks: u32,
    /// The last number that was given when it read which tablets are primaries.
    saw: u64,
    waits_since: Option<Timestamp>,
    positions_at: Option<Timestamp>,
    /// Entries that it added to a VSchema.
    added: Vec<String>,
    /// What it ends with, when what is left is its rollback; and what went wrong in that.
    refusal: Option<String>,
    failed_in_rollback: Vec<String>,
    pub outcome: Option<Outcome>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Work {
    Create(#[serde(with = "wire")] Box<data::MoveTablesCreateRequest>),
    Switch(Box<Switch>),
    Complete(#[serde(with = "wire")] data::MoveTablesCompleteRequest),
    Cancel(#[serde(with = "wire")] data::WorkflowDeleteRequest),
    Control(#[serde(with = "wire")] data::SetShardTabletControlRequest),
    ApplyRules(#[serde(with = "wire")] data::ApplyRoutingRulesRequest),
    Rebuild(#[serde(with = "wire")] data::RebuildVSchemaGraphRequest),
    Update(#[serde(with = "wire")] Box<data::WorkflowUpdateRequest>, calls::update::Updated),
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// The answer's bytes in hexadecimal.
    Done(String),
    Refused(String),
}

/// How one begins.
pub enum First {
    Answered(Vec<u8>),
    Steps(Vec<Step>),
}

impl Work {
    /// What a real one takes to look round (experiments.md, Calm).
    fn looks_round_milliseconds(&self) -> i64 {
        match self {
            Self::Create(_) => 200,
            Self::Switch(_) => 50,
            Self::Complete(_) | Self::Cancel(_) => 100,
            Self::Control(_) | Self::ApplyRules(_) | Self::Rebuild(_) | Self::Update(..) => 0,
        }
    }
}

impl Operation {
    pub fn holder(&self) -> Holder {
        Holder::Operation(self.number)
    }

    /// How long a switch waits for its streams.
    fn timeout(&self) -> SignedDuration {
        if let Work::Switch(switch) = &self.work { switch.timeout() } else { locks::LEASE }
    }

    fn first(&mut self, state: &State) -> Answer<First> {
        self.saw = state.last_number;
        match &mut self.work {
            Work::Create(request) => create::first(state, request, &mut self.course),
            Work::Switch(switch) => switch.first(state),
            Work::Complete(request) => complete::first(state, request, &mut self.course),
            Work::Cancel(request) => cancel::first(state, request, &mut self.course),
            Work::Control(request) => Ok(small::control(request)),
            Work::ApplyRules(request) => Ok(small::apply_rules(state, request)),
            Work::Rebuild(request) => Ok(small::rebuild(state, &request.cells)),
            Work::Update(request, _) => small::update(state, request),
        }
    }

    fn look(&mut self, state: &mut State) -> Answer<Vec<Step>> {
        self.looks += 1;
        let course = self.course.clone().unwrap_or_default();
        match &mut self.work {
            Work::Create(request) => create::look(state, request, &course),
            Work::Switch(switch) if self.looks == 1 => switch.look(state, &mut self.course),
            Work::Switch(switch) => switch.look_for_writes(state, &course),
            Work::Complete(request) => complete::look(state, request, &course),
            _ => Ok(vec![]),
        }
    }

    /// What vtctld does when a step failed that it rolls back.
    fn roll_back(&self, state: &State) -> Vec<Step> {
        let course = self.course.clone().unwrap_or_default();
        match &self.work {
            Work::Create(_) => create::clean_up(state, &course, &self.added),
            Work::Switch(_) => switch::roll_back(state, &course),
            _ => vec![],
        }
    }

    /// The answer when all is done.
    fn answer(&self, state: &State) -> Answer<Vec<u8>> {
        let course = self.course.clone().unwrap_or_default();
        match &self.work {
            Work::Create(request) => Ok(calls::status::of(state, &request.target_keyspace, &request.workflow)?.encode_to_vec()),
            Work::Switch(switch) => Ok(switch.answer(state, &course)),
            Work::Complete(request) => Ok(complete::answer(state, request, &course)),
            Work::Cancel(request) => Ok(cancel::answer(state, request)),
            Work::Control(request) => Ok(calls::controls::answer(state, request).encode_to_vec()),
            Work::ApplyRules(_) => Ok(data::ApplyRoutingRulesResponse {}.encode_to_vec()),
            Work::Rebuild(_) => Ok(data::RebuildVSchemaGraphResponse {}.encode_to_vec()),
            Work::Update(request, done) => Ok(calls::update::answer(request, done)?.encode_to_vec()),
        }
    }
}

/// Begins one.
pub fn begin(state: &mut State, client: &str, call: &str, work: Work) -> u64 {
    let number = state.next_number();
    let due = Some(state.now + SignedDuration::from_millis(work.looks_round_milliseconds()));
    state.operations.push(Operation {
        number,
        client: client.to_owned(),
        call: call.to_owned(),
        call_number: state.calls.get(call).copied().unwrap_or(0),
        due,
        work,
        course: None,
        has_begun: false,
        left: VecDeque::new(),
        is_tried: false,
        looks: 0,
        saw: 0,
        waits_since: None,
        positions_at: None,
        added: vec![],
        refusal: None,
        failed_in_rollback: vec![],
        outcome: None,
    });
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
    let is_it = |operation: &Operation| operation.number == number && !operation.client.is_empty();
    let Some(place) = state.operations.iter().position(is_it) else { return Told::CutOff };
    if state.operations[place].outcome.is_none() {
        return Told::NotYet;
    }
    state.operations.remove(place).outcome.map_or(Told::CutOff, Told::Over)
}

pub fn next_due(state: &State) -> Option<Timestamp> {
    state.operations.iter().filter_map(|operation| operation.due).min()
}

/// Drops what is under way where it is. Nothing is rolled back, no lock is given back.
pub fn kill_vtctld(state: &mut State, restart_after: Duration) {
    // One that is over has been answered: that the answer was on its way is not in the model.
    state.operations.retain(|operation| operation.outcome.is_some());
    let starts_at = state.now.saturating_add(signed(restart_after)).unwrap_or(Timestamp::MAX);
    state.vtctld.starts_at = Some(starts_at);
    state.vtctld.deaths += 1;
}

/// Whoever waited for an operation's answer is gone, and the call with him: vtctld notices, and does what it does then
/// (experiments.md, "The client killed inside the switch").
pub fn abandon(state: &mut State, number: u64) {
    let Some(place) = state.operations.iter().position(|operation| operation.number == number) else { return };
    let operation = state.operations.remove(place);
    if operation.outcome.is_none()
        && let Some(left_alone) = run::without_caller(state, operation)
    {
        state.operations.insert(place, left_alone);
    }
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

/// A refusal's words as the outcome.
fn refused(Refusal(words): Refusal) -> Outcome {
    Outcome::Refused(words)
}
