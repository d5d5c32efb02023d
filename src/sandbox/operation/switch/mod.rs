//! WorkflowSwitchTraffic, both halves and both ways (go/vt/vtctl/workflow/{server,traffic_switcher}.go): what is asked, what is
//! refused, and which rows of steps follow.

mod reads;
mod writes;

use jiff::SignedDuration;
use prost::Message as _;
use serde::{Deserialize, Serialize};

use super::dry_run::{self, Wanted};
use super::step::{Act, Alone, Row, Step};
use super::workflow::{course, shard_names};
use super::{First, sequences};
use crate::cluster::vtctld::generated::{topodata, vtctldata as data};
use crate::sandbox::refusal::{Answer, refuse};
use crate::sandbox::state::State;
use crate::sandbox::topology::Kind;
use crate::sandbox::traffic::{Course, reverse_name};
use crate::sandbox::wire;

pub use writes::roll_back;

/// What vtctld takes when a request says nothing.
const DEFAULT: SignedDuration = SignedDuration::from_secs(30);

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Switch {
    pub keyspace: String,
    pub workflow: String,
    #[serde(with = "wire")]
    request: data::WorkflowSwitchTrafficRequest,
    start_state: String,
    /// Reads are led back by the workflow itself: its writes never went over.
    leads_reads_back: bool,
}

impl Switch {
    pub fn new(request: data::WorkflowSwitchTrafficRequest) -> Self {
        Self {
            keyspace: request.keyspace.clone(),
            workflow: request.workflow.clone(),
            request,
            start_state: String::new(),
            leads_reads_back: false,
        }
    }

    fn is_backward(&self) -> bool {
        self.request.direction == 1
    }

    fn kinds(&self, state: &State) -> Vec<Kind> {
        let asked = |kind: topodata::TabletType| self.request.tablet_types.contains(&kind.into());
        let mut kinds = Vec::new();
        if asked(topodata::TabletType::Replica) {
            kinds.push(Kind::Replica);
        }
        // Where no tablet is for batch reads, they go along.
        let there_is_none = !state.topology.tablets.iter().any(|tablet| tablet.kind == Kind::Rdonly);
        if asked(topodata::TabletType::Rdonly) || (there_is_none && !kinds.is_empty()) {
            kinds.push(Kind::Rdonly);
        }
        kinds
    }

    fn switches_writes(&self) -> bool {
        self.request.tablet_types.contains(&topodata::TabletType::Primary.into())
    }

    pub fn timeout(&self) -> SignedDuration {
        let given = self.request.timeout.as_ref();
        given.map_or(DEFAULT, |given| SignedDuration::new(given.seconds, given.nanos))
    }

    /// Of the locks of both keyspaces while writes are switched.
    fn lease(&self) -> SignedDuration {
        self.timeout() * 3 + self.timeout().max(DEFAULT)
    }

    fn lag_allowed(&self) -> SignedDuration {
        let given = self.request.max_replication_lag_allowed.as_ref();
        given.map_or(DEFAULT, |given| SignedDuration::new(given.seconds, given.nanos))
    }

    fn initializes_sequences(&self, state: &State, course: &Course) -> bool {
        let source = state.topology.keyspaces.get(&course.source);
        self.request.initialize_target_sequences && source.is_some_and(|keyspace| !keyspace.is_sharded())
    }

    /// The workflow that does it: of a switch back of writes, the one of the way back, forward.
    fn driven(&self, state: &State) -> (String, String) {
        let own = (self.keyspace.clone(), self.workflow.clone());
        if !self.is_backward() {
            return own;
        }
        match course(state, &self.keyspace, &self.workflow) {
            Ok(course) if self.switches_writes() || course.writes_are_switched(&state.topology) => {
                (course.source, reverse_name(&self.workflow))
            }
            _ => own,
        }
    }

    /// What is answered before any lock is taken, and the lock of the workflow.
    pub fn first(&mut self, state: &State) -> Answer<First> {
        if self.request.timeout.is_some() && self.timeout() < SignedDuration::from_secs(1) {
            return Ok(First::Answered(data::WorkflowSwitchTrafficResponse::default().encode_to_vec()));
        }
        for kind in &self.request.tablet_types {
            let kind = topodata::TabletType::try_from(*kind).unwrap_or(topodata::TabletType::Unknown);
            use topodata::TabletType::{Primary, Rdonly, Replica};
            if !matches!(kind, Primary | Replica | Rdonly) {
                return refuse!("invalid tablet type passed {}", kind.as_str_name());
            }
        }
        let own = course(state, &self.keyspace, &self.workflow)?;
        if own.source == own.target {
            let (keyspace, workflow) = (&self.keyspace, &self.workflow);
            let why = format!("MoveTables source keyspace matches target keyspace ({keyspace})");
            return refuse!("workflow {keyspace}.{workflow} is invalid: {why}");
        }
        self.start_state = own.state(&state.topology);
        let (keyspace, workflow) = self.driven(state);
        let driven = course(state, &keyspace, &workflow)?;
        if self.request.dry_run {
            return self.dry_run(state, &driven).map(First::Answered);
        }
        if self.request.tablet_types.is_empty() {
            return Ok(First::Answered(self.answer(state, &own)));
        }
        let mut row = Row::of("switch");
        row.lock_workflow(&keyspace, &workflow, "WorkflowSwitchTraffic");
        row.step("look", "", Act::Look);
        Ok(First::Steps(row.steps()))
    }

    /// With the workflow's lock: what may be switched is, and how.
    pub fn look(&mut self, state: &State, course: &mut Option<Course>) -> Answer<Vec<Step>> {
        let (keyspace, workflow) = self.driven(state);
        let driven = super::workflow::course(state, &keyspace, &workflow)?;
        self.may_switch(state, &driven)?;
        let is_frozen = state.streams_of(&driven.target, &driven.workflow).any(|stream| stream.is_frozen());
        let kinds = self.kinds(state);
        let mut steps = Vec::new();
        if self.asks_whether_it_can(state, &driven) {
            steps.extend(refresh_all(state, &driven));
        }
        if !kinds.is_empty() {
            steps.extend(self.reads(state, &driven, &kinds)?);
        }
        if self.switches_writes() && !is_frozen {
            steps.extend(self.lock_for_writes(&driven));
        }
        *course = Some(driven);
        Ok(steps)
    }

    fn dry_run(&mut self, state: &State, course: &Course) -> Answer<Vec<u8>> {
        self.may_switch(state, course)?;
        let kinds = self.kinds(state);
        let lines = dry_run::switch(
            state,
            &Wanted {
                course,
                kinds: &kinds,
                leads_reads_back: self.leads_reads_back,
                writes: self.switches_writes(),
                timeout_seconds: self.timeout().as_secs(),
                starts_reverse: self.request.enable_reverse_replication,
                initializes_sequences: self.initializes_sequences(state, course),
            },
        );
        let verb = if self.is_backward() { "ReverseTraffic" } else { "SwitchTraffic" };
        let time = dry_run::time(state);
        let summary = format!("{verb} dry run results for workflow {}.{} at {time}", self.keyspace, self.workflow);
        let dry_run_results = lines.into_iter().map(String::into_bytes).collect();
        let answer = data::WorkflowSwitchTrafficResponse { summary: summary.into_bytes(), dry_run_results, ..Default::default() };
        Ok(answer.encode_to_vec())
    }

    pub fn answer(&self, state: &State, course: &Course) -> Vec<u8> {
        let verb = if self.is_backward() { "ReverseTraffic" } else { "SwitchTraffic" };
        let summary = format!("{verb} was successful for workflow {}.{}", self.keyspace, self.workflow).into_bytes();
        data::WorkflowSwitchTrafficResponse {
            summary,
            start_state: self.start_state.clone(),
            current_state: course.state(&state.topology),
            dry_run_results: vec![],
        }
        .encode_to_vec()
    }

    /// What is there already, and reads led back, Vitess doesn't ask about.
    fn asks_whether_it_can(&self, state: &State, course: &Course) -> bool {
        let is_there_already = course.forward().writes_are_switched(&state.topology) != course.is_reverse();
        !self.leads_reads_back && !is_there_already
    }

    /// Refuses where Vitess can't switch.
    fn may_switch(&mut self, state: &State, course: &Course) -> Answer<()> {
        self.leads_reads_back = self.is_backward() && course.workflow == self.workflow;
        if self.asks_whether_it_can(state, course) { self.can_switch(state, course) } else { Ok(()) }
    }

    fn can_switch(&self, state: &State, course: &Course) -> Answer<()> {
        let refused = |why: String| refuse!("{}: {why}", cannot_switch(course));
        let streams: Vec<_> = state.streams_of(&course.target, &course.workflow).collect();
        let copies = streams.iter().any(|stream| stream.reported_state() == "Copying");
        let lag = streams.iter().map(|stream| state.now.duration_since(stream.applied_until)).max().unwrap_or_default();
        if !copies && lag.as_secs() > self.lag_allowed().as_secs() {
            let allowed = self.lag_allowed().as_secs();
            return refused(format!("replication lag {}s is higher than allowed lag {allowed}s", lag.as_secs()));
        }
        if streams.iter().any(|stream| stream.is_frozen()) {
            return refused("workflow is frozen".to_owned());
        }
        if copies {
            return refused("copy is still in progress".to_owned());
        }
        if streams.iter().any(|stream| stream.reported_state() == "Error") {
            return refused("workflow has errors".to_owned());
        }
        Ok(())
    }
}

fn cannot_switch(course: &Course) -> String {
    format!("cannot switch traffic for workflow {} at this time", course.workflow)
}

/// The last of what is asked: every tablet of both sides reads the topology anew.
fn refresh_all(state: &State, course: &Course) -> Vec<Step> {
    let mut row = Row::of("switch");
    row.fails(format!("{}: could not refresh all of the tablets involved in the operation", cannot_switch(course)), false);
    for keyspace in [&course.source, &course.target] {
        for shard in shard_names(state, keyspace) {
            let place = format!("{keyspace}/{shard}");
            row.step("refresh-tablets", place, Act::Refresh { keyspace: keyspace.clone(), shard });
        }
    }
    row.alone(Alone::Dropped);
    row.steps()
}
