//! WorkflowSwitchTraffic, both halves and both ways (go/vt/vtctl/workflow/{server,traffic_switcher}.go). The write half is a row of
//! steps; before the journal a failure is rolled back, but for two places where Vitess doesn't; after it there is only forward.

use jiff::{SignedDuration, Timestamp};
use prost::Message as _;
use serde::{Deserialize, Serialize};

use super::create::make_streams;
use super::dry_run::{self, Wanted};
use super::workflow::{course, delete_streams, places};
use super::{Next, sequences};
use crate::cluster::vtctld::generated::{topodata, vtctldata as data};
use crate::model::journal;
use crate::sandbox::advance;
use crate::sandbox::calls::messages::said_by;
use crate::sandbox::calls::rules::rebuild_cells;
use crate::sandbox::calls::workflows::position_at;
use crate::sandbox::locks::{self, Holder};
use crate::sandbox::refusal::{Answer, refuse};
use crate::sandbox::state::{Journal, State};
use crate::sandbox::stream::{Stage, State as StreamState};
use crate::sandbox::topology::Kind;
use crate::sandbox::traffic::{Course, reverse_name};
use crate::sandbox::wire;

/// What vtctld takes when a request says nothing.
const DEFAULT: SignedDuration = SignedDuration::from_secs(30);
/// WaitForPos looks each second, and a stream saves a position that doesn't concern it a second later (experiments.md, Calm).
const CATCHES_UP: SignedDuration = SignedDuration::from_millis(2000);

const AT_ONCE: SignedDuration = SignedDuration::ZERO;

fn soon(milliseconds: i64) -> Next {
    Next::After(SignedDuration::from_millis(milliseconds))
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Switch {
    pub keyspace: String,
    pub workflow: String,
    #[serde(with = "wire")]
    request: data::WorkflowSwitchTrafficRequest,
    start_state: String,
    /// What is switched, once it has begun: of a switch back, the workflow of the way back.
    course: Option<Course>,
    /// Reads are led back by the workflow itself: its writes never went over.
    leads_reads_back: bool,
    pub step: Step,
    waits_since: Option<Timestamp>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Step {
    Begin,
    SwitchReads,
    BeginWrites,
    StopSourceWrites,
    LockTables,
    GatherPositions,
    WaitForCatchup,
    CreateReverse,
    InitializeSequences,
    CreateJournals,
    AllowTargetWrites,
    SaveRules,
    RebuildServed,
    StartReverse,
    Freeze,
    End,
}

impl Switch {
    pub fn new(request: data::WorkflowSwitchTrafficRequest) -> Self {
        Self {
            keyspace: request.keyspace.clone(),
            workflow: request.workflow.clone(),
            request,
            start_state: String::new(),
            course: None,
            leads_reads_back: false,
            step: Step::Begin,
            waits_since: None,
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

    fn timeout(&self) -> SignedDuration {
        let given = self.request.timeout.as_ref();
        given.map_or(DEFAULT, |given| SignedDuration::new(given.seconds, given.nanos))
    }

    fn lag_allowed(&self) -> SignedDuration {
        let given = self.request.max_replication_lag_allowed.as_ref();
        given.map_or(DEFAULT, |given| SignedDuration::new(given.seconds, given.nanos))
    }

    /// The workflow that does it: of a switch back of writes, the one of the way back, forward.
    pub fn driven(&self, state: &State) -> (String, String) {
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

    /// What is answered before any lock is taken.
    pub fn at_the_door(&mut self, state: &State) -> Answer<Option<Vec<u8>>> {
        if self.request.timeout.is_some() && self.timeout() < SignedDuration::from_secs(1) {
            return Ok(Some(data::WorkflowSwitchTrafficResponse::default().encode_to_vec()));
        }
        for kind in &self.request.tablet_types {
            let kind = topodata::TabletType::try_from(*kind).unwrap_or(topodata::TabletType::Unknown);
            use topodata::TabletType::{Primary, Rdonly, Replica};
            if !matches!(kind, Primary | Replica | Rdonly) {
                return refuse!("invalid tablet type passed {}", kind.as_str_name());
            }
        }
        let own = course(state, &self.keyspace, &self.workflow)?;
        self.start_state = own.state(&state.topology);
        let (keyspace, workflow) = self.driven(state);
        let driven = course(state, &keyspace, &workflow)?;
        if self.request.dry_run {
            return self.dry_run(state, driven).map(Some);
        }
        if self.request.tablet_types.is_empty() {
            return Ok(Some(self.answer(state, &own)));
        }
        Ok(None)
    }

    fn dry_run(&mut self, state: &State, course: Course) -> Answer<Vec<u8>> {
        self.take_course(state, course)?;
        let (course, kinds) = (self.course(), self.kinds(state));
        let lines = dry_run::switch(
            state,
            &Wanted {
                course: &course,
                kinds: &kinds,
                leads_reads_back: self.leads_reads_back,
                writes: self.switches_writes(),
                timeout_seconds: self.timeout().as_secs(),
                starts_reverse: self.request.enable_reverse_replication,
                initializes_sequences: self.request.initialize_target_sequences && self.has_sequences(state),
            },
        );
        let verb = if self.is_backward() { "ReverseTraffic" } else { "SwitchTraffic" };
        let time = dry_run::time(state);
        let summary = format!("{verb} dry run results for workflow {}.{} at {time}", self.keyspace, self.workflow);
        let dry_run_results = lines.into_iter().map(String::into_bytes).collect();
        let answer = data::WorkflowSwitchTrafficResponse { summary: summary.into_bytes(), dry_run_results, ..Default::default() };
        Ok(answer.encode_to_vec())
    }

    fn answer(&self, state: &State, course: &Course) -> Vec<u8> {
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

    fn course(&self) -> Course {
        self.course.clone().unwrap_or(Course {
            workflow: String::new(),
            source: String::new(),
            target: String::new(),
            tables: vec![],
        })
    }

    pub fn step(&mut self, state: &mut State, holder: &Holder) -> Answer<Next> {
        match self.step {
            Step::Begin => self.begin(state),
            Step::SwitchReads => self.switch_reads(state, holder),
            Step::BeginWrites => self.begin_writes(state, holder),
            Step::StopSourceWrites => Ok(self.stop_source_writes(state)),
            Step::LockTables => self.lock_tables(state),
            Step::GatherPositions => {
                self.waits_since = Some(state.now);
                Ok(self.then(Step::WaitForCatchup, AT_ONCE))
            }
            Step::WaitForCatchup => self.wait_for_catchup(state),
            Step::CreateReverse => Ok(self.create_reverse(state)),
            Step::InitializeSequences => {
                if self.request.initialize_target_sequences && self.has_sequences(state) {
                    sequences::initialize(state, &self.course());
                }
                Ok(self.then(Step::CreateJournals, AT_ONCE))
            }
            Step::CreateJournals => Ok(self.create_journals(state)),
            Step::AllowTargetWrites => {
                let course = self.course();
                if let Some(target) = state.topology.keyspaces.get_mut(&course.target) {
                    target.shards.iter_mut().for_each(|shard| shard.allow(&course.tables));
                }
                Ok(self.then(Step::SaveRules, AT_ONCE))
            }
            Step::SaveRules => {
                self.course().switch_writes(&mut state.topology.rules);
                Ok(self.then(Step::RebuildServed, AT_ONCE))
            }
            Step::RebuildServed => {
                state.topology.rebuild(&[]);
                Ok(self.then(Step::StartReverse, AT_ONCE))
            }
            Step::StartReverse => {
                let course = self.course();
                if self.request.enable_reverse_replication {
                    for place in places(state, &course.source, &course.reverse_name()) {
                        advance::start(state, place);
                    }
                }
                Ok(self.then(Step::Freeze, AT_ONCE))
            }
            Step::Freeze => {
                let course = self.course();
                for stream in state.streams_of_mut(&course.target, &course.workflow) {
                    stream.state = StreamState::Stopped;
                    "FROZEN".clone_into(&mut stream.message);
                }
                Ok(self.then(Step::End, AT_ONCE))
            }
            Step::End => Ok(Next::Done(self.answer(state, &self.course()))),
        }
    }

    fn then(&mut self, step: Step, after: SignedDuration) -> Next {
        self.step = step;
        Next::After(after)
    }

    fn begin(&mut self, state: &mut State) -> Answer<Next> {
        let (keyspace, workflow) = self.driven(state);
        let course = course(state, &keyspace, &workflow)?;
        self.take_course(state, course)?;
        let has_reads = !self.kinds(state).is_empty();
        Ok(self.then(if has_reads { Step::SwitchReads } else { Step::BeginWrites }, AT_ONCE))
    }

    /// Refuses where Vitess can't switch. What is there already, and reads led back, it doesn't ask about.
    fn take_course(&mut self, state: &State, course: Course) -> Answer<()> {
        self.leads_reads_back = self.is_backward() && course.workflow == self.workflow;
        let is_there_already = course.forward().writes_are_switched(&state.topology) != course.is_reverse();
        if !self.leads_reads_back && !is_there_already {
            self.can_switch(state, &course)?;
        }
        self.course = Some(course);
        Ok(())
    }

    fn can_switch(&self, state: &State, course: &Course) -> Answer<()> {
        let refused = |why: String| refuse!("cannot switch traffic for workflow {} at this time: {why}", course.workflow);
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

    /// The locks of both keyspaces, source first; waits for them as Vitess does.
    fn take_keyspaces(&mut self, state: &mut State, holder: &Holder, action: &str) -> Answer<bool> {
        let course = self.course();
        let timeout = self.timeout();
        let lease = timeout * 3 + timeout.max(DEFAULT);
        for keyspace in [&course.source, &course.target] {
            let path = locks::of_keyspace(keyspace);
            if !state.locks.take(path.clone(), holder.clone(), action, lease, state.now) {
                let since = *self.waits_since.get_or_insert(state.now);
                if state.now.duration_since(since) < locks::WAIT {
                    return Ok(false);
                }
                return refuse!("failed to lock the {keyspace} keyspace: deadline exceeded: {path}");
            }
        }
        self.waits_since = None;
        Ok(true)
    }

    fn switch_reads(&mut self, state: &mut State, holder: &Holder) -> Answer<Next> {
        let (course, kinds) = (self.course(), self.kinds(state));
        if self.leads_reads_back {
            let asked = |kind: topodata::TabletType| self.request.tablet_types.contains(&kind.into());
            let asked =
                [(Kind::Replica, asked(topodata::TabletType::Replica)), (Kind::Rdonly, asked(topodata::TabletType::Rdonly))];
            for (kind, _) in asked.iter().filter(|(_, is_asked)| *is_asked) {
                if course.cells_switched(&state.topology, *kind).is_empty() {
                    let name = if *kind == Kind::Replica { "REPLICA" } else { "RDONLY" };
                    return refuse!(
                        "invalid request: requesting reversal of read traffic for {name}s but {name} reads have not been switched"
                    );
                }
            }
        }
        if !self.take_keyspaces(state, holder, "SwitchReads")? {
            return Ok(soon(200));
        }
        course.switch_reads(&mut state.topology.rules, &kinds, self.leads_reads_back);
        // By then the rules are saved. With writes in the same call it is they who publish them.
        if !self.switches_writes() {
            rebuild_cells(state, &self.request.cells)
                .map_err(|refusal| refusal.within("failed to switch read traffic for the tables"))?;
        }
        let next = if self.switches_writes() { Step::BeginWrites } else { Step::End };
        Ok(self.then(next, SignedDuration::from_millis(50)))
    }

    fn has_sequences(&self, state: &State) -> bool {
        let course = self.course();
        state.topology.keyspaces.get(&course.source).is_some_and(|keyspace| !keyspace.is_sharded())
    }

    fn begin_writes(&mut self, state: &mut State, holder: &Holder) -> Answer<Next> {
        let course = self.course();
        if state.streams_of(&course.target, &course.workflow).all(|stream| stream.is_frozen()) {
            return Ok(self.then(Step::End, AT_ONCE));
        }
        if !self.take_keyspaces(state, holder, "SwitchWrites")? {
            return Ok(soon(200));
        }
        if self.request.initialize_target_sequences && self.has_sequences(state) {
            let settings = state.streams_of(&course.target, &course.workflow).next().map(|stream| stream.settings.clone());
            sequences::find(state, &course, &settings.unwrap_or_default().global_keyspace)?;
        }
        let streams = self.stream_ids(state);
        // Once they are written there is only forward.
        let has_journal = state.journals.iter().any(|journal| journal.workflow == course.workflow && journal.streams == streams);
        Ok(self.then(if has_journal { Step::CreateJournals } else { Step::StopSourceWrites }, SignedDuration::from_millis(50)))
    }

    fn stream_ids(&self, state: &State) -> Vec<u64> {
        let course = self.course();
        state.streams_of(&course.target, &course.workflow).map(|stream| stream.id).collect()
    }

    fn stop_source_writes(&mut self, state: &mut State) -> Next {
        let course = self.course();
        if let Some(source) = state.topology.keyspaces.get_mut(&course.source) {
            source.shards.iter_mut().for_each(|shard| shard.deny(&course.tables));
        }
        if let Some(target) = state.topology.keyspaces.get_mut(&course.target) {
            target.shards.iter_mut().for_each(|shard| shard.allow(&course.tables));
        }
        self.waits_since = Some(state.now);
        self.then(Step::LockTables, SignedDuration::from_millis(50))
    }

    /// `LOCK TABLES … READ`, twice: waits for every transaction that holds a write lock.
    fn lock_tables(&mut self, state: &mut State) -> Answer<Next> {
        let course = self.course();
        if state.write_locks(&course.source, &course.tables).next().is_none() {
            return Ok(self.then(Step::GatherPositions, SignedDuration::from_millis(150)));
        }
        let waited = state.now.duration_since(self.waits_since.unwrap_or(state.now));
        let lease = self.timeout() * 3 + self.timeout().max(DEFAULT);
        if waited >= lease {
            // Vitess does not roll this back: the source stays denied.
            return refuse!(
                "locks were lost: {} keyspace lock was lost: node doesn't exist: /vitess/global/keyspaces/{}/locks",
                course.source,
                course.source
            );
        }
        Ok(soon(100))
    }

    fn wait_for_catchup(&mut self, state: &mut State) -> Answer<Next> {
        let course = self.course();
        let waited = state.now.duration_since(self.waits_since.unwrap_or(state.now));
        let lag = crate::sandbox::trouble::lag(state, &course.target);
        let places = places(state, &course.target, &course.workflow);
        let all_stopped = places.iter().all(|place| state.streams[*place].message == "stopped for cutover");
        if !all_stopped {
            let stopped: Vec<String> = places
                .iter()
                .map(|place| &state.streams[*place])
                // A source's position goes on whatever is written: one that stands still is behind.
                .filter(|stream| !stream.is_running())
                .map(|stream| {
                    let alias = state.topology.primary_alias(&stream.keyspace, &stream.shard);
                    let words = format!(
                        "replication has stopped at {} before reaching position {}, message: {}",
                        if stream.stage == Stage::New {
                            "<nil>".to_owned()
                        } else {
                            position_at(state, stream, stream.applied_until)
                        },
                        position_at(state, stream, state.now),
                        stream.message
                    );
                    said_by("Unknown", "VReplicationWaitForPos", &alias, &words)
                })
                .collect();
            if !stopped.is_empty() {
                self.roll_back(state);
                return refuse!("failed to sync up replication between the source and target: {}", stopped.join("\n"));
            }
            let needed = CATCHES_UP.max(lag);
            if waited < needed.min(self.timeout()) {
                return Ok(soon(100));
            }
            if needed > self.timeout() {
                self.roll_back(state);
                let alias = state.topology.primary_alias(&course.target, &state.streams[places[0]].shard);
                return refuse!(
                    "failed to sync up replication between the source and target: tablet {alias}: error waiting for pos: context deadline exceeded"
                );
            }
            for place in places {
                if state.streams[place].stage == Stage::Replicating {
                    let now = state.now;
                    advance::apply_until(state, place, now);
                }
                let stream = &mut state.streams[place];
                stream.state = StreamState::Stopped;
                "stopped for cutover".clone_into(&mut stream.message);
            }
        }
        Ok(self.then(Step::CreateReverse, AT_ONCE))
    }

    fn create_reverse(&mut self, state: &mut State) -> Next {
        let course = self.course();
        let reverse = Course {
            workflow: course.reverse_name(),
            source: course.target.clone(),
            target: course.source.clone(),
            tables: course.tables.clone(),
        };
        let settings = state.streams_of(&course.target, &course.workflow).next().map(|stream| stream.settings.clone());
        delete_streams(state, &reverse.target, &reverse.workflow);
        make_streams(state, &reverse, &settings.unwrap_or_default(), true);
        self.then(Step::InitializeSequences, SignedDuration::from_millis(50))
    }

    fn create_journals(&mut self, state: &mut State) -> Next {
        let course = self.course();
        let streams = self.stream_ids(state);
        let numbered: Vec<(String, i64)> = state
            .streams_of(&course.target, &course.workflow)
            .map(|stream| (stream.shard.clone(), i64::try_from(stream.id).unwrap_or(i64::MAX)))
            .collect();
        let id = journal::id(&course.target, numbered.iter().map(|(shard, id)| (shard.as_str(), *id)));
        for shard in super::workflow::shard_names(state, &course.source) {
            let (keyspace, workflow, streams) = (course.source.clone(), course.workflow.clone(), streams.clone());
            let journal = Journal { keyspace, shard, workflow, streams, id };
            if !state.journals.contains(&journal) {
                state.journals.push(journal);
            }
        }
        self.then(Step::AllowTargetWrites, SignedDuration::from_millis(20))
    }

    /// `cancelMigration`
    fn roll_back(&mut self, state: &mut State) {
        let course = self.course();
        if let Some(source) = state.topology.keyspaces.get_mut(&course.source) {
            source.shards.iter_mut().for_each(|shard| shard.allow(&course.tables));
        }
        if let Some(target) = state.topology.keyspaces.get_mut(&course.target) {
            target.shards.iter_mut().for_each(|shard| shard.deny(&course.tables));
        }
        for place in places(state, &course.target, &course.workflow) {
            state.streams[place].message.clear();
            state.streams[place].settings.is_respelled = true;
            advance::start(state, place);
        }
        delete_streams(state, &course.source, &course.reverse_name());
    }

    /// Whether vtctld finishes it alone. If not, what it does then is done.
    pub fn client_is_gone(&mut self, state: &mut State) -> bool {
        match self.step {
            Step::Begin | Step::SwitchReads | Step::BeginWrites | Step::StopSourceWrites => false,
            Step::LockTables | Step::WaitForCatchup => {
                self.roll_back(state);
                false
            }
            // Noticed where Vitess rolls nothing back: the source stays denied.
            Step::GatherPositions | Step::CreateReverse | Step::InitializeSequences | Step::CreateJournals => false,
            _ => true,
        }
    }
}
