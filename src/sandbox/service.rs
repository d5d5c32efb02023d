//! The generated server trait: each call is counted, meets its fate, and is one transaction; those that take their time are an
//! operation, waited for.

use std::sync::atomic::Ordering;
use std::time::Duration;

use prost::Message;
use tonic::{Request, Response, Status};

use super::calls::update::Updated;
use super::calls::{controls, rules, schema, schema_changes, sql, status, tablets, throttler, topology, vdiff, workflows};
use super::fault::CallWhat;
use super::operation::{self, Outcome, Switch, Told, Work};
use super::refusal::{Answer, Refusal};
use super::state::State;
use super::store::Keeping;
use super::trouble::{self, Fate};
use super::{Sandbox, wire};
use crate::cluster::vtctld::generated::vtctldata as data;
use crate::cluster::vtctld::generated::vtctlservice::vtctld_server::Vtctld;

/// How often a call that takes its time is looked at, at the most.
const STEP: Duration = Duration::from_millis(100);

type Reply<T> = Result<Response<T>, Status>;

/// What came of a call before its answer is sent.
struct Arrived<T> {
    answer: Result<T, Status>,
    dies: bool,
}

impl Sandbox {
    /// A read.
    async fn look<T: Message>(&self, name: &'static str, call: impl Fn(&State) -> Answer<T> + Send + Sync) -> Reply<T> {
        // Where a call is told by its number, each is counted for good.
        let counts = self.inner.counts_calls.load(Ordering::Relaxed);
        self.reply(name, if counts { Keeping::Always } else { Keeping::WhenDue }, |state| call(state)).await
    }

    /// A write that is over at once.
    async fn answer<T: Message>(&self, name: &'static str, call: impl Fn(&mut State) -> Answer<T> + Send + Sync) -> Reply<T> {
        self.reply(name, Keeping::Always, call).await
    }

    async fn reply<T: Message>(
        &self,
        name: &'static str,
        keeping: Keeping,
        call: impl Fn(&mut State) -> Answer<T> + Send + Sync,
    ) -> Reply<T> {
        let serve = |state: &mut State, fate: &Option<Fate>, befalls: &Option<CallWhat>| {
            let answer = match fate {
                Some(Fate::Refused(words)) => Err(Status::from(Refusal::new(words.clone()))),
                Some(Fate::CutoverKilled(_)) => return Arrived { answer: Err(cut_off()), dies: true },
                _ if *befalls == Some(CallWhat::LostBefore) => Err(cut_off()),
                _ if trouble::vtctld_is_down(state) => Err(down()),
                _ => {
                    let answer = call(state).map_err(Status::from);
                    if *befalls == Some(CallWhat::Twice) {
                        // Whatever it says: nobody hears it.
                        call(state).ok();
                    }
                    answer
                }
            };
            Arrived { answer, dies: false }
        };
        let (fate, befalls, served) = self.transact_keeping(keeping, |state| {
            let (fate, befalls) = arrive(state, name);
            let hangs = matches!(befalls, Some(CallWhat::Hang(_)));
            let served = (!hangs).then(|| serve(state, &fate, &befalls));
            (fate, befalls, served)
        })?;
        let Arrived { answer, dies } = match (served, &befalls) {
            (Some(served), _) => served,
            (None, Some(CallWhat::Hang(duration))) => {
                tokio::time::sleep(*duration).await;
                self.transact_keeping(keeping, |state| serve(state, &fate, &befalls))?
            }
            (None, _) => Arrived { answer: Err(cut_off()), dies: false },
        };
        if dies {
            die();
        }
        if let Some(CallWhat::AnswerLate(duration)) = befalls {
            tokio::time::sleep(duration).await;
        }
        if fate == Some(Fate::AnswerLost) || befalls == Some(CallWhat::AnswerLost) {
            return Err(cut_off());
        }
        self.fits(answer?)
    }

    /// grpc-go's server sends no larger message than vtctld allows it (`--grpc-max-message-size`), and says so.
    fn fits<T: Message>(&self, answer: T) -> Reply<T> {
        let (bytes, limit) = (answer.encoded_len(), self.inner.answer_limit_bytes.load(Ordering::Relaxed));
        if bytes > limit {
            return Err(Status::resource_exhausted(format!(
                "grpc: trying to send message larger than max ({bytes} vs. {limit})"
            )));
        }
        Ok(Response::new(answer))
    }

    /// A call that takes its time.
    async fn operate<T: Message + Default>(&self, name: &'static str, work: Work) -> Reply<T> {
        let client = self.client_name();
        let (fate, befalls) = self.transact(|state| arrive(state, name))?;
        if let Some(CallWhat::Hang(duration)) = befalls {
            tokio::time::sleep(duration).await;
        }
        let begun = self.transact(|state| match &fate {
            Some(Fate::Refused(words)) => Err(Status::from(Refusal::new(words.clone()))),
            Some(Fate::CutoverKilled(0)) => Err(cut_off()),
            _ if befalls == Some(CallWhat::LostBefore) => Err(cut_off()),
            _ if trouble::vtctld_is_down(state) => Err(down()),
            _ => {
                let begun = operation::begin(state, &client, name, work.clone());
                if befalls == Some(CallWhat::Twice) {
                    operation::begin(state, "", name, work);
                }
                Ok(begun)
            }
        })?;
        if fate == Some(Fate::CutoverKilled(0)) {
            die();
        }
        let number = begun?;
        let waiting = Waiting { sandbox: self, number, is_over: false };
        let outcome = self.outcome(waiting, fate.as_ref()).await?;
        if let Some(CallWhat::AnswerLate(duration)) = befalls {
            tokio::time::sleep(duration).await;
        }
        if fate == Some(Fate::AnswerLost) || befalls == Some(CallWhat::AnswerLost) {
            return Err(cut_off());
        }
        match outcome {
            Outcome::Refused(words) => Err(Refusal(words).into()),
            Outcome::Done(text) => {
                let bytes = wire::bytes(&text).unwrap_or_default();
                let answer = T::decode(bytes.as_slice()).map_err(|error| Status::internal(error.to_string()))?;
                self.fits(answer)
            }
        }
    }

    async fn outcome(&self, mut waiting: Waiting<'_>, fate: Option<&Fate>) -> Result<Outcome, Status> {
        let began = tokio::time::Instant::now();
        loop {
            let (told, due) = self.transact(|state| {
                let told = operation::take_outcome(state, waiting.number);
                (told, super::advance::next_due(state).map(|due| due.duration_since(state.now)))
            })?;
            match told {
                Told::NotYet => {}
                Told::Over(outcome) => {
                    waiting.is_over = true;
                    return Ok(outcome);
                }
                Told::CutOff => {
                    waiting.is_over = true;
                    return Err(cut_off());
                }
            }
            if let Some(Fate::CutoverKilled(milliseconds)) = fate
                && began.elapsed() >= Duration::from_millis(*milliseconds)
            {
                die();
            }
            let wait = due.and_then(|due| Duration::try_from(due).ok()).unwrap_or(STEP);
            tokio::time::sleep(wait.clamp(Duration::from_millis(1), STEP)).await;
        }
    }
}

fn cut_off() -> Status {
    Status::unavailable("connection reset by peer")
}

/// Counts the call, and says what befalls it: as the description says, and as a test planned.
fn arrive(state: &mut State, name: &str) -> (Option<Fate>, Option<CallWhat>) {
    let number = state.calls.entry(name.to_owned()).or_default();
    *number += 1;
    let number = *number;
    (trouble::fate(state, name, number), state.plan.arrive(name))
}

fn down() -> Status {
    Status::unavailable("connection refused")
}

/// As `kill -9` does: nothing is cleaned up, nothing is said.
fn die() -> ! {
    rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL).ok();
    std::process::abort()
}

/// An operation whose answer somebody waits for. Dropped before it is over: the call was cut off.
struct Waiting<'a> {
    sandbox: &'a Sandbox,
    number: u64,
    is_over: bool,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if !self.is_over {
            let number = self.number;
            let abandoned = self.sandbox.transact(|state| operation::abandon(state, number));
            if let Err(error) = abandoned {
                tracing::debug!(%error, "the call was cut off");
            }
        }
    }
}

#[tonic::async_trait]
impl Vtctld for Sandbox {
    async fn move_tables_create(&self, request: Request<data::MoveTablesCreateRequest>) -> Reply<data::WorkflowStatusResponse> {
        self.operate("MoveTablesCreate", Work::Create(Box::new(request.into_inner()))).await
    }

    async fn move_tables_complete(
        &self,
        request: Request<data::MoveTablesCompleteRequest>,
    ) -> Reply<data::MoveTablesCompleteResponse> {
        self.operate("MoveTablesComplete", Work::Complete(request.into_inner())).await
    }

    async fn workflow_switch_traffic(
        &self,
        request: Request<data::WorkflowSwitchTrafficRequest>,
    ) -> Reply<data::WorkflowSwitchTrafficResponse> {
        self.operate("WorkflowSwitchTraffic", Work::Switch(Box::new(Switch::new(request.into_inner())))).await
    }

    async fn workflow_delete(&self, request: Request<data::WorkflowDeleteRequest>) -> Reply<data::WorkflowDeleteResponse> {
        self.operate("WorkflowDelete", Work::Cancel(request.into_inner())).await
    }

    async fn workflow_status(&self, request: Request<data::WorkflowStatusRequest>) -> Reply<data::WorkflowStatusResponse> {
        let request = request.into_inner();
        self.look("WorkflowStatus", |state| status::status(state, &request)).await
    }

    async fn get_workflows(&self, request: Request<data::GetWorkflowsRequest>) -> Reply<data::GetWorkflowsResponse> {
        let request = request.into_inner();
        self.look("GetWorkflows", |state| workflows::workflows(state, &request)).await
    }

    async fn v_diff_show(&self, request: Request<data::VDiffShowRequest>) -> Reply<data::VDiffShowResponse> {
        let request = request.into_inner();
        self.look("VDiffShow", |state| vdiff::show(state, &request)).await
    }

    async fn get_routing_rules(&self, _: Request<data::GetRoutingRulesRequest>) -> Reply<data::GetRoutingRulesResponse> {
        self.look("GetRoutingRules", |state| Ok(rules::routing_rules(state))).await
    }

    async fn get_shard_routing_rules(
        &self,
        _: Request<data::GetShardRoutingRulesRequest>,
    ) -> Reply<data::GetShardRoutingRulesResponse> {
        self.look("GetShardRoutingRules", |state| Ok(rules::shard_routing_rules(state))).await
    }

    async fn get_keyspace_routing_rules(
        &self,
        _: Request<data::GetKeyspaceRoutingRulesRequest>,
    ) -> Reply<data::GetKeyspaceRoutingRulesResponse> {
        self.look("GetKeyspaceRoutingRules", |state| Ok(rules::keyspace_routing_rules(state))).await
    }

    async fn get_mirror_rules(&self, _: Request<data::GetMirrorRulesRequest>) -> Reply<data::GetMirrorRulesResponse> {
        self.look("GetMirrorRules", |state| Ok(rules::mirror_rules(state))).await
    }

    async fn get_v_schema(&self, request: Request<data::GetVSchemaRequest>) -> Reply<data::GetVSchemaResponse> {
        let request = request.into_inner();
        self.look("GetVSchema", |state| rules::vschema(state, &request)).await
    }

    async fn get_srv_v_schemas(&self, request: Request<data::GetSrvVSchemasRequest>) -> Reply<data::GetSrvVSchemasResponse> {
        let request = request.into_inner();
        self.look("GetSrvVSchemas", |state| Ok(rules::served(state, &request))).await
    }

    async fn get_keyspace(&self, request: Request<data::GetKeyspaceRequest>) -> Reply<data::GetKeyspaceResponse> {
        let request = request.into_inner();
        self.look("GetKeyspace", |state| topology::keyspace(state, &request)).await
    }

    async fn get_keyspaces(&self, _: Request<data::GetKeyspacesRequest>) -> Reply<data::GetKeyspacesResponse> {
        self.look("GetKeyspaces", |state| Ok(topology::keyspaces(state))).await
    }

    async fn find_all_shards_in_keyspace(
        &self,
        request: Request<data::FindAllShardsInKeyspaceRequest>,
    ) -> Reply<data::FindAllShardsInKeyspaceResponse> {
        let request = request.into_inner();
        self.look("FindAllShardsInKeyspace", |state| topology::shards(state, &request)).await
    }

    async fn get_shard(&self, request: Request<data::GetShardRequest>) -> Reply<data::GetShardResponse> {
        let request = request.into_inner();
        self.look("GetShard", |state| topology::shard(state, &request)).await
    }

    async fn get_tablets(&self, request: Request<data::GetTabletsRequest>) -> Reply<data::GetTabletsResponse> {
        let request = request.into_inner();
        self.look("GetTablets", |state| tablets::tablets(state, &request)).await
    }

    async fn get_cell_info_names(&self, _: Request<data::GetCellInfoNamesRequest>) -> Reply<data::GetCellInfoNamesResponse> {
        self.look("GetCellInfoNames", |state| Ok(topology::cell_names(state))).await
    }

    async fn get_cells_aliases(&self, _: Request<data::GetCellsAliasesRequest>) -> Reply<data::GetCellsAliasesResponse> {
        self.look("GetCellsAliases", |_| Ok(Default::default())).await
    }

    async fn get_topology_path(&self, request: Request<data::GetTopologyPathRequest>) -> Reply<data::GetTopologyPathResponse> {
        let request = request.into_inner();
        self.look("GetTopologyPath", |state| topology::path(state, &request)).await
    }

    async fn get_schema(&self, request: Request<data::GetSchemaRequest>) -> Reply<data::GetSchemaResponse> {
        let request = request.into_inner();
        self.look("GetSchema", |state| schema::schema(state, &request)).await
    }

    async fn get_full_status(&self, request: Request<data::GetFullStatusRequest>) -> Reply<data::GetFullStatusResponse> {
        let request = request.into_inner();
        self.look("GetFullStatus", |state| tablets::full_status(state, &request)).await
    }

    async fn execute_fetch_as_dba(
        &self,
        request: Request<data::ExecuteFetchAsDbaRequest>,
    ) -> Reply<data::ExecuteFetchAsDbaResponse> {
        let request = request.into_inner();
        self.answer("ExecuteFetchAsDBA", |state| sql::execute(state, &request)).await
    }

    async fn get_throttler_status(
        &self,
        request: Request<data::GetThrottlerStatusRequest>,
    ) -> Reply<data::GetThrottlerStatusResponse> {
        let request = request.into_inner();
        self.look("GetThrottlerStatus", |state| throttler::status(state, &request)).await
    }

    async fn check_throttler(&self, request: Request<data::CheckThrottlerRequest>) -> Reply<data::CheckThrottlerResponse> {
        let request = request.into_inner();
        self.look("CheckThrottler", |state| throttler::check(state, &request)).await
    }

    async fn get_version(&self, request: Request<data::GetVersionRequest>) -> Reply<data::GetVersionResponse> {
        let request = request.into_inner();
        self.look("GetVersion", |state| tablets::version(state, &request)).await
    }

    async fn get_schema_migrations(
        &self,
        request: Request<data::GetSchemaMigrationsRequest>,
    ) -> Reply<data::GetSchemaMigrationsResponse> {
        let request = request.into_inner();
        self.look("GetSchemaMigrations", |state| schema_changes::migrations(state, &request)).await
    }

    async fn workflow_update(&self, request: Request<data::WorkflowUpdateRequest>) -> Reply<data::WorkflowUpdateResponse> {
        self.operate("WorkflowUpdate", Work::Update(Box::new(request.into_inner()), Updated::default())).await
    }

    async fn v_diff_create(&self, request: Request<data::VDiffCreateRequest>) -> Reply<data::VDiffCreateResponse> {
        let request = request.into_inner();
        self.answer("VDiffCreate", |state| vdiff::create(state, &request)).await
    }

    async fn v_diff_stop(&self, request: Request<data::VDiffStopRequest>) -> Reply<data::VDiffStopResponse> {
        let request = request.into_inner();
        self.answer("VDiffStop", |state| vdiff::stop(state, &request)).await
    }

    async fn v_diff_resume(&self, request: Request<data::VDiffResumeRequest>) -> Reply<data::VDiffResumeResponse> {
        let request = request.into_inner();
        self.answer("VDiffResume", |state| vdiff::resume(state, &request)).await
    }

    async fn v_diff_delete(&self, request: Request<data::VDiffDeleteRequest>) -> Reply<data::VDiffDeleteResponse> {
        let request = request.into_inner();
        self.answer("VDiffDelete", |state| vdiff::delete(state, &request)).await
    }

    async fn apply_routing_rules(
        &self,
        request: Request<data::ApplyRoutingRulesRequest>,
    ) -> Reply<data::ApplyRoutingRulesResponse> {
        self.operate("ApplyRoutingRules", Work::ApplyRules(request.into_inner())).await
    }

    async fn rebuild_v_schema_graph(
        &self,
        request: Request<data::RebuildVSchemaGraphRequest>,
    ) -> Reply<data::RebuildVSchemaGraphResponse> {
        self.operate("RebuildVSchemaGraph", Work::Rebuild(request.into_inner())).await
    }

    async fn set_shard_tablet_control(
        &self,
        request: Request<data::SetShardTabletControlRequest>,
    ) -> Reply<data::SetShardTabletControlResponse> {
        self.operate("SetShardTabletControl", Work::Control(request.into_inner())).await
    }

    async fn reload_schema_keyspace(
        &self,
        request: Request<data::ReloadSchemaKeyspaceRequest>,
    ) -> Reply<data::ReloadSchemaKeyspaceResponse> {
        let request = request.into_inner();
        self.answer("ReloadSchemaKeyspace", |state| controls::reload(state, &request)).await
    }

    async fn refresh_state_by_shard(
        &self,
        request: Request<data::RefreshStateByShardRequest>,
    ) -> Reply<data::RefreshStateByShardResponse> {
        let request = request.into_inner();
        self.answer("RefreshStateByShard", |state| controls::refresh(state, &request)).await
    }
}
