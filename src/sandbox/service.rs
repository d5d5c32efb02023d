//! The generated server trait: each call is counted, meets its fate, and is one transaction; those that take their time are an
//! operation, waited for.

use std::time::Duration;

use prost::Message;
use tonic::{Request, Response, Status};

use super::calls::{controls, rules, schema, sql, status, tablets, topology, update, vdiff, workflows};
use super::operation::{self, Outcome, Switch, Work};
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

impl Sandbox {
    /// A read.
    fn look<T>(&self, name: &'static str, call: impl FnOnce(&State) -> Answer<T>) -> Reply<T> {
        // Where a call is told by its number, each is counted for good.
        let counts = self.inner.counts_calls;
        self.reply(name, if counts { Keeping::Always } else { Keeping::WhenDue }, |state| call(state))
    }

    /// A write that is over at once.
    fn answer<T>(&self, name: &'static str, call: impl FnOnce(&mut State) -> Answer<T>) -> Reply<T> {
        self.reply(name, Keeping::Always, call)
    }

    fn reply<T>(&self, name: &'static str, keeping: Keeping, call: impl FnOnce(&mut State) -> Answer<T>) -> Reply<T> {
        let (answer, fate) = self.transact_keeping(keeping, |state| {
            let fate = arrive(state, name);
            match &fate {
                Some(Fate::Refused(words)) => (Err(Status::from(Refusal::new(words.clone()))), fate),
                Some(Fate::CutoverKilled(_)) => (Err(Status::unavailable("cutover is killed")), fate),
                _ if trouble::vtctld_is_down(state) => (Err(down()), None),
                _ => (call(state).map_err(Status::from), fate),
            }
        })?;
        match fate {
            Some(Fate::CutoverKilled(_)) => die(),
            Some(Fate::AnswerLost) => Err(Status::unavailable("connection reset by peer")),
            _ => answer.map(Response::new),
        }
    }

    /// A call that takes its time.
    async fn operate<T: Message + Default>(&self, name: &'static str, work: Work) -> Reply<T> {
        let client = self.client_name();
        let (begun, fate) = self.transact(|state| {
            let fate = arrive(state, name);
            let begun = match &fate {
                Some(Fate::Refused(words)) => Err(Status::from(Refusal::new(words.clone()))),
                Some(Fate::CutoverKilled(0)) => Err(Status::unavailable("cutover is killed")),
                _ if trouble::vtctld_is_down(state) => Err(down()),
                _ => Ok(operation::begin(state, &client, work)),
            };
            (begun, fate)
        })?;
        if fate == Some(Fate::CutoverKilled(0)) {
            die();
        }
        let number = begun?;
        let waiting = Waiting { sandbox: self, number, is_over: false };
        let outcome = self.outcome(waiting, fate.as_ref()).await?;
        match (outcome, fate) {
            (_, Some(Fate::AnswerLost)) => Err(Status::unavailable("connection reset by peer")),
            (Outcome::Refused(words), _) => Err(Refusal(words).into()),
            (Outcome::Done(text), _) => {
                let bytes = wire::bytes(&text).unwrap_or_default();
                T::decode(bytes.as_slice()).map(Response::new).map_err(|error| Status::internal(error.to_string()))
            }
        }
    }

    async fn outcome(&self, mut waiting: Waiting<'_>, fate: Option<&Fate>) -> Result<Outcome, Status> {
        let began = tokio::time::Instant::now();
        loop {
            let (outcome, due) = self.transact(|state| {
                let outcome = operation::take_outcome(state, waiting.number);
                (outcome, super::advance::next_due(state).map(|due| due.duration_since(state.now)))
            })?;
            if let Some(outcome) = outcome {
                waiting.is_over = true;
                return Ok(outcome);
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

/// Counts the call, and says what befalls it.
fn arrive(state: &mut State, name: &str) -> Option<Fate> {
    let number = state.calls.entry(name.to_owned()).or_default();
    *number += 1;
    let number = *number;
    trouble::fate(state, name, number)
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
        self.look("WorkflowStatus", |state| status::status(state, &request))
    }

    async fn get_workflows(&self, request: Request<data::GetWorkflowsRequest>) -> Reply<data::GetWorkflowsResponse> {
        let request = request.into_inner();
        self.look("GetWorkflows", |state| workflows::workflows(state, &request))
    }

    async fn v_diff_show(&self, request: Request<data::VDiffShowRequest>) -> Reply<data::VDiffShowResponse> {
        let request = request.into_inner();
        self.look("VDiffShow", |state| vdiff::show(state, &request))
    }

    async fn get_routing_rules(&self, _: Request<data::GetRoutingRulesRequest>) -> Reply<data::GetRoutingRulesResponse> {
        self.look("GetRoutingRules", |state| Ok(rules::routing_rules(state)))
    }

    async fn get_shard_routing_rules(
        &self,
        _: Request<data::GetShardRoutingRulesRequest>,
    ) -> Reply<data::GetShardRoutingRulesResponse> {
        self.look("GetShardRoutingRules", |_| Ok(Default::default()))
    }

    async fn get_keyspace_routing_rules(
        &self,
        _: Request<data::GetKeyspaceRoutingRulesRequest>,
    ) -> Reply<data::GetKeyspaceRoutingRulesResponse> {
        self.look("GetKeyspaceRoutingRules", |_| Ok(Default::default()))
    }

    async fn get_mirror_rules(&self, _: Request<data::GetMirrorRulesRequest>) -> Reply<data::GetMirrorRulesResponse> {
        self.look("GetMirrorRules", |_| Ok(Default::default()))
    }

    async fn get_v_schema(&self, request: Request<data::GetVSchemaRequest>) -> Reply<data::GetVSchemaResponse> {
        let request = request.into_inner();
        self.look("GetVSchema", |state| rules::vschema(state, &request))
    }

    async fn get_srv_v_schemas(&self, request: Request<data::GetSrvVSchemasRequest>) -> Reply<data::GetSrvVSchemasResponse> {
        let request = request.into_inner();
        self.look("GetSrvVSchemas", |state| Ok(rules::served(state, &request)))
    }

    async fn get_keyspace(&self, request: Request<data::GetKeyspaceRequest>) -> Reply<data::GetKeyspaceResponse> {
        let request = request.into_inner();
        self.look("GetKeyspace", |state| topology::keyspace(state, &request))
    }

    async fn get_keyspaces(&self, _: Request<data::GetKeyspacesRequest>) -> Reply<data::GetKeyspacesResponse> {
        self.look("GetKeyspaces", |state| Ok(topology::keyspaces(state)))
    }

    async fn find_all_shards_in_keyspace(
        &self,
        request: Request<data::FindAllShardsInKeyspaceRequest>,
    ) -> Reply<data::FindAllShardsInKeyspaceResponse> {
        let request = request.into_inner();
        self.look("FindAllShardsInKeyspace", |state| topology::shards(state, &request))
    }

    async fn get_shard(&self, request: Request<data::GetShardRequest>) -> Reply<data::GetShardResponse> {
        let request = request.into_inner();
        self.look("GetShard", |state| topology::shard(state, &request))
    }

    async fn get_tablets(&self, request: Request<data::GetTabletsRequest>) -> Reply<data::GetTabletsResponse> {
        let request = request.into_inner();
        self.look("GetTablets", |state| tablets::tablets(state, &request))
    }

    async fn get_cell_info_names(&self, _: Request<data::GetCellInfoNamesRequest>) -> Reply<data::GetCellInfoNamesResponse> {
        self.look("GetCellInfoNames", |state| Ok(topology::cell_names(state)))
    }

    async fn get_cells_aliases(&self, _: Request<data::GetCellsAliasesRequest>) -> Reply<data::GetCellsAliasesResponse> {
        self.look("GetCellsAliases", |_| Ok(Default::default()))
    }

    async fn get_topology_path(&self, request: Request<data::GetTopologyPathRequest>) -> Reply<data::GetTopologyPathResponse> {
        let request = request.into_inner();
        self.look("GetTopologyPath", |state| topology::path(state, &request))
    }

    async fn get_schema(&self, request: Request<data::GetSchemaRequest>) -> Reply<data::GetSchemaResponse> {
        let request = request.into_inner();
        self.look("GetSchema", |state| schema::schema(state, &request))
    }

    async fn get_full_status(&self, request: Request<data::GetFullStatusRequest>) -> Reply<data::GetFullStatusResponse> {
        let request = request.into_inner();
        self.look("GetFullStatus", |state| tablets::full_status(state, &request))
    }

    async fn execute_fetch_as_dba(
        &self,
        request: Request<data::ExecuteFetchAsDbaRequest>,
    ) -> Reply<data::ExecuteFetchAsDbaResponse> {
        let request = request.into_inner();
        self.answer("ExecuteFetchAsDBA", |state| sql::execute(state, &request))
    }

    async fn get_throttler_status(
        &self,
        request: Request<data::GetThrottlerStatusRequest>,
    ) -> Reply<data::GetThrottlerStatusResponse> {
        let request = request.into_inner();
        self.look("GetThrottlerStatus", |state| tablets::throttler_status(state, &request))
    }

    async fn check_throttler(&self, request: Request<data::CheckThrottlerRequest>) -> Reply<data::CheckThrottlerResponse> {
        let request = request.into_inner();
        self.look("CheckThrottler", |state| tablets::check_throttler(state, &request))
    }

    async fn get_version(&self, request: Request<data::GetVersionRequest>) -> Reply<data::GetVersionResponse> {
        let request = request.into_inner();
        self.look("GetVersion", |state| tablets::version(state, &request))
    }

    async fn get_schema_migrations(
        &self,
        _: Request<data::GetSchemaMigrationsRequest>,
    ) -> Reply<data::GetSchemaMigrationsResponse> {
        self.look("GetSchemaMigrations", |_| Ok(Default::default()))
    }

    async fn workflow_update(&self, request: Request<data::WorkflowUpdateRequest>) -> Reply<data::WorkflowUpdateResponse> {
        let request = request.into_inner();
        self.answer("WorkflowUpdate", |state| update::update(state, &request))
    }

    async fn v_diff_create(&self, request: Request<data::VDiffCreateRequest>) -> Reply<data::VDiffCreateResponse> {
        let request = request.into_inner();
        self.answer("VDiffCreate", |state| vdiff::create(state, &request))
    }

    async fn v_diff_stop(&self, request: Request<data::VDiffStopRequest>) -> Reply<data::VDiffStopResponse> {
        let request = request.into_inner();
        self.answer("VDiffStop", |state| vdiff::stop(state, &request))
    }

    async fn v_diff_resume(&self, request: Request<data::VDiffResumeRequest>) -> Reply<data::VDiffResumeResponse> {
        let request = request.into_inner();
        self.answer("VDiffResume", |state| vdiff::resume(state, &request))
    }

    async fn v_diff_delete(&self, request: Request<data::VDiffDeleteRequest>) -> Reply<data::VDiffDeleteResponse> {
        let request = request.into_inner();
        self.answer("VDiffDelete", |state| vdiff::delete(state, &request))
    }

    async fn apply_routing_rules(
        &self,
        request: Request<data::ApplyRoutingRulesRequest>,
    ) -> Reply<data::ApplyRoutingRulesResponse> {
        let request = request.into_inner();
        self.answer("ApplyRoutingRules", |state| rules::apply(state, &request))
    }

    async fn rebuild_v_schema_graph(
        &self,
        request: Request<data::RebuildVSchemaGraphRequest>,
    ) -> Reply<data::RebuildVSchemaGraphResponse> {
        let request = request.into_inner();
        self.answer("RebuildVSchemaGraph", |state| rules::rebuild(state, &request))
    }

    async fn set_shard_tablet_control(
        &self,
        request: Request<data::SetShardTabletControlRequest>,
    ) -> Reply<data::SetShardTabletControlResponse> {
        let request = request.into_inner();
        self.answer("SetShardTabletControl", |state| controls::set(state, &request))
    }

    async fn refresh_state_by_shard(
        &self,
        request: Request<data::RefreshStateByShardRequest>,
    ) -> Reply<data::RefreshStateByShardResponse> {
        let request = request.into_inner();
        self.look("RefreshStateByShard", |state| controls::refresh(state, &request))
    }
}
