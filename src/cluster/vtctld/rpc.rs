//! The calls of vtctld, each known by its request: a read or a write, and what answers it.

use tonic::{Request, Response, Status};

use super::generated::vtctldata as data;
use super::generated::vtctlservice::vtctld_client::VtctldClient;
use super::transport::Transport;

/// Whether a call changes the cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    Read,
    Write,
}

/// A request, which says by its type which call it is.
pub trait Rpc: prost::Message + Clone + sealed::Send + 'static {
    const NAME: &'static str;
}

/// May be sent again when the connection breaks.
pub trait Read: Rpc {}

/// Is sent once.
pub trait Write: Rpc {}

pub(super) mod sealed {
    use super::{Request, Response, Status, Transport, VtctldClient};

    /// Keeps the generated client inside.
    pub trait Send: Sized {
        type Answer: std::marker::Send;

        #[allow(private_interfaces, reason = "nobody outside can name this trait")]
        fn send(
            client: VtctldClient<Transport>,
            request: Request<Self>,
        ) -> impl Future<Output = Result<Response<Self::Answer>, Status>> + std::marker::Send;
    }
}

/// The answer to a request.
pub type Answer<R> = <R as sealed::Send>::Answer;

macro_rules! rpcs {
    ($($access:ident { $($request:ident -> $answer:ident = $name:literal, $method:ident;)* })*) => { $($(
        impl Rpc for data::$request {
            const NAME: &'static str = $name;
        }

        impl $access for data::$request {}

        impl sealed::Send for data::$request {
            type Answer = data::$answer;

            #[allow(private_interfaces, reason = "nobody outside can name this trait")]
            async fn send(
                mut client: VtctldClient<Transport>,
                request: Request<Self>,
            ) -> Result<Response<Self::Answer>, Status> {
                client.$method(request).await
            }
        }
    )*)*

        /// The names of all of them.
        pub const CALLS: &[&str] = &[$($($name,)*)*];

        /// Sends an empty request of each, and returns their names.
        #[cfg(test)]
        async fn send_each(client: &VtctldClient<Transport>) -> Vec<&'static str> {
            use sealed::Send as _;
            let mut names = Vec::new();
            $($(
                let answer = data::$request::send(client.clone(), Request::new(data::$request::default())).await;
                assert!(answer.is_err(), "{}", $name);
                names.push($name);
            )*)*
            names
        }
    };
}

rpcs! {
    Read {
        WorkflowStatusRequest -> WorkflowStatusResponse = "WorkflowStatus", workflow_status;
        GetWorkflowsRequest -> GetWorkflowsResponse = "GetWorkflows", get_workflows;
        VDiffShowRequest -> VDiffShowResponse = "VDiffShow", v_diff_show;
        GetRoutingRulesRequest -> GetRoutingRulesResponse = "GetRoutingRules", get_routing_rules;
        GetShardRoutingRulesRequest -> GetShardRoutingRulesResponse = "GetShardRoutingRules", get_shard_routing_rules;
        GetKeyspaceRoutingRulesRequest -> GetKeyspaceRoutingRulesResponse = "GetKeyspaceRoutingRules", get_keyspace_routing_rules;
        GetMirrorRulesRequest -> GetMirrorRulesResponse = "GetMirrorRules", get_mirror_rules;
        GetVSchemaRequest -> GetVSchemaResponse = "GetVSchema", get_v_schema;
        GetSrvVSchemasRequest -> GetSrvVSchemasResponse = "GetSrvVSchemas", get_srv_v_schemas;
        GetKeyspaceRequest -> GetKeyspaceResponse = "GetKeyspace", get_keyspace;
        GetKeyspacesRequest -> GetKeyspacesResponse = "GetKeyspaces", get_keyspaces;
        FindAllShardsInKeyspaceRequest -> FindAllShardsInKeyspaceResponse = "FindAllShardsInKeyspace", find_all_shards_in_keyspace;
        GetShardRequest -> GetShardResponse = "GetShard", get_shard;
        GetTabletsRequest -> GetTabletsResponse = "GetTablets", get_tablets;
        GetCellInfoNamesRequest -> GetCellInfoNamesResponse = "GetCellInfoNames", get_cell_info_names;
        GetCellsAliasesRequest -> GetCellsAliasesResponse = "GetCellsAliases", get_cells_aliases;
        GetTopologyPathRequest -> GetTopologyPathResponse = "GetTopologyPath", get_topology_path;
        GetSchemaRequest -> GetSchemaResponse = "GetSchema", get_schema;
        GetFullStatusRequest -> GetFullStatusResponse = "GetFullStatus", get_full_status;
        ExecuteFetchAsDbaRequest -> ExecuteFetchAsDbaResponse = "ExecuteFetchAsDBA", execute_fetch_as_dba;
        GetThrottlerStatusRequest -> GetThrottlerStatusResponse = "GetThrottlerStatus", get_throttler_status;
        CheckThrottlerRequest -> CheckThrottlerResponse = "CheckThrottler", check_throttler;
        GetVersionRequest -> GetVersionResponse = "GetVersion", get_version;
        GetSchemaMigrationsRequest -> GetSchemaMigrationsResponse = "GetSchemaMigrations", get_schema_migrations;
    }
    Write {
        MoveTablesCreateRequest -> WorkflowStatusResponse = "MoveTablesCreate", move_tables_create;
        MoveTablesCompleteRequest -> MoveTablesCompleteResponse = "MoveTablesComplete", move_tables_complete;
        WorkflowSwitchTrafficRequest -> WorkflowSwitchTrafficResponse = "WorkflowSwitchTraffic", workflow_switch_traffic;
        WorkflowUpdateRequest -> WorkflowUpdateResponse = "WorkflowUpdate", workflow_update;
        WorkflowDeleteRequest -> WorkflowDeleteResponse = "WorkflowDelete", workflow_delete;
        VDiffCreateRequest -> VDiffCreateResponse = "VDiffCreate", v_diff_create;
        VDiffStopRequest -> VDiffStopResponse = "VDiffStop", v_diff_stop;
        VDiffResumeRequest -> VDiffResumeResponse = "VDiffResume", v_diff_resume;
        VDiffDeleteRequest -> VDiffDeleteResponse = "VDiffDelete", v_diff_delete;
        ApplyRoutingRulesRequest -> ApplyRoutingRulesResponse = "ApplyRoutingRules", apply_routing_rules;
        RebuildVSchemaGraphRequest -> RebuildVSchemaGraphResponse = "RebuildVSchemaGraph", rebuild_v_schema_graph;
        SetShardTabletControlRequest -> SetShardTabletControlResponse = "SetShardTabletControl", set_shard_tablet_control;
        RefreshStateByShardRequest -> RefreshStateByShardResponse = "RefreshStateByShard", refresh_state_by_shard;
        ReloadSchemaKeyspaceRequest -> ReloadSchemaKeyspaceResponse = "ReloadSchemaKeyspace", reload_schema_keyspace;
    }
}

/// A statement may be a SELECT of ours or the one write that goes this way, the renaming of tables.
impl Write for data::ExecuteFetchAsDbaRequest {}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::sync::{Arc, Mutex};
    use std::task::{Context, Poll};

    use tonic::body::Body;
    use tonic::codegen::{BoxFuture, Service, http};
    use tonic::service::Routes;

    use super::*;

    /// Notes the paths and answers nothing of use.
    #[derive(Clone, Default)]
    struct Paths(Arc<Mutex<Vec<String>>>);

    impl tonic::server::NamedService for Paths {
        const NAME: &'static str = "vtctlservice.Vtctld";
    }

    impl Service<http::Request<Body>> for Paths {
        type Response = http::Response<Body>;
        type Error = Infallible;
        type Future = BoxFuture<Self::Response, Infallible>;

        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
            Poll::Ready(Ok(()))
        }

        fn call(&mut self, request: http::Request<Body>) -> Self::Future {
            self.0.lock().unwrap().push(request.uri().path().to_owned());
            Box::pin(async { Ok(Status::unimplemented("").into_http()) })
        }
    }

    #[tokio::test]
    async fn each_request_goes_to_the_call_of_its_name() {
        let paths = Paths::default();
        let client = VtctldClient::new(Transport::InProcess(Routes::new(paths.clone())));
        let names = send_each(&client).await;
        let wanted: Vec<String> = names.iter().map(|name| format!("/vtctlservice.Vtctld/{name}")).collect();
        assert_eq!(*paths.0.lock().unwrap(), wanted);
    }
}
