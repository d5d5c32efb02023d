//! The port's adapter over a vtctld in this process, parts of which fail.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use cutover::clock::Clock;
use cutover::cluster::mutation::{Mutation, RebuildVSchemaGraph};
use cutover::cluster::port::{Ask, Facts, Query, Question, Reader as _, Writer as _};
use cutover::cluster::vtctld::generated::vtctlservice::vtctld_server::{Vtctld as Service, VtctldServer};
use cutover::cluster::vtctld::generated::{replicationdata, tabletmanagerdata, topodata, vschema, vtctldata as data};
use cutover::cluster::vtctld::{Cluster, Vtctld};
use cutover::cluster::{ClusterError, ErrorKind};
use cutover::model::name::{KeyspaceName, TableName};
use jiff::Timestamp;
use tonic::service::Routes;
use tonic::{Request, Response, Status, async_trait};

/// A vtctld with the keyspace `commerce`: a primary and a replica.
#[derive(Clone, Default)]
pub struct Small {
    cells: Vec<String>,
    /// Of the replica 101, and of `GetSchema`.
    tablet_error: Option<Status>,
    /// From then on nothing answers.
    gone: Arc<AtomicBool>,
    goes_with_a_tablet: bool,
    rebuilt: Arc<AtomicUsize>,
    held: Option<Arc<tokio::sync::Semaphore>>,
}

impl Small {
    pub fn new() -> Self {
        Self { cells: vec!["zone1".into()], ..Self::default() }
    }

    fn answer<T>(&self, answer: T) -> Result<Response<T>, Status> {
        if self.gone.load(Ordering::SeqCst) { Err(Status::unavailable("going down")) } else { Ok(Response::new(answer)) }
    }

    fn of_a_tablet<T>(&self, answer: T) -> Result<Response<T>, Status> {
        self.gone.fetch_or(self.goes_with_a_tablet, Ordering::SeqCst);
        match &self.tablet_error {
            Some(error) => Err(error.clone()),
            None => self.answer(answer),
        }
    }
}

fn alias(uid: u32) -> Option<topodata::TabletAlias> {
    Some(topodata::TabletAlias { cell: "zone1".into(), uid })
}

#[async_trait]
impl Service for Small {
    async fn get_cell_info_names(
        &self,
        _: Request<data::GetCellInfoNamesRequest>,
    ) -> Result<Response<data::GetCellInfoNamesResponse>, Status> {
        self.answer(data::GetCellInfoNamesResponse { names: self.cells.clone() })
    }

    async fn get_cells_aliases(
        &self,
        _: Request<data::GetCellsAliasesRequest>,
    ) -> Result<Response<data::GetCellsAliasesResponse>, Status> {
        self.answer(Default::default())
    }

    async fn get_routing_rules(
        &self,
        _: Request<data::GetRoutingRulesRequest>,
    ) -> Result<Response<data::GetRoutingRulesResponse>, Status> {
        self.answer(Default::default())
    }

    async fn get_workflows(&self, _: Request<data::GetWorkflowsRequest>) -> Result<Response<data::GetWorkflowsResponse>, Status> {
        self.answer(Default::default())
    }

    async fn get_shard_routing_rules(
        &self,
        _: Request<data::GetShardRoutingRulesRequest>,
    ) -> Result<Response<data::GetShardRoutingRulesResponse>, Status> {
        self.answer(Default::default())
    }

    async fn get_keyspace_routing_rules(
        &self,
        _: Request<data::GetKeyspaceRoutingRulesRequest>,
    ) -> Result<Response<data::GetKeyspaceRoutingRulesResponse>, Status> {
        self.answer(Default::default())
    }

    async fn get_mirror_rules(
        &self,
        _: Request<data::GetMirrorRulesRequest>,
    ) -> Result<Response<data::GetMirrorRulesResponse>, Status> {
        self.answer(Default::default())
    }

    async fn get_srv_v_schemas(
        &self,
        _: Request<data::GetSrvVSchemasRequest>,
    ) -> Result<Response<data::GetSrvVSchemasResponse>, Status> {
        let served = vschema::SrvVSchema { routing_rules: Some(Default::default()), ..Default::default() };
        // A cell that nothing was ever published to comes as an empty message.
        let served = [("zone1".to_owned(), served), ("zone2".to_owned(), Default::default())];
        self.answer(data::GetSrvVSchemasResponse { srv_v_schemas: served.into() })
    }

    async fn get_keyspace(&self, _: Request<data::GetKeyspaceRequest>) -> Result<Response<data::GetKeyspaceResponse>, Status> {
        let keyspace = data::Keyspace { name: "commerce".into(), keyspace: Some(Default::default()) };
        self.answer(data::GetKeyspaceResponse { keyspace: Some(keyspace) })
    }

    async fn find_all_shards_in_keyspace(
        &self,
        _: Request<data::FindAllShardsInKeyspaceRequest>,
    ) -> Result<Response<data::FindAllShardsInKeyspaceResponse>, Status> {
        let record = topodata::Shard { primary_alias: alias(100), ..Default::default() };
        let shard = data::Shard { keyspace: "commerce".into(), name: "0".into(), shard: Some(record) };
        self.answer(data::FindAllShardsInKeyspaceResponse { shards: [("0".to_owned(), shard)].into() })
    }

    async fn get_v_schema(&self, _: Request<data::GetVSchemaRequest>) -> Result<Response<data::GetVSchemaResponse>, Status> {
        Err(Status::unknown("node doesn't exist: keyspaces/commerce/VSchema"))
    }

    async fn get_tablets(&self, _: Request<data::GetTabletsRequest>) -> Result<Response<data::GetTabletsResponse>, Status> {
        let tablet = |uid, kind: topodata::TabletType| topodata::Tablet {
            alias: alias(uid),
            keyspace: "commerce".into(),
            shard: "0".into(),
            r#type: kind.into(),
            ..Default::default()
        };
        let tablets = vec![tablet(101, topodata::TabletType::Replica), tablet(100, topodata::TabletType::Primary)];
        self.answer(data::GetTabletsResponse { tablets })
    }

    async fn get_full_status(
        &self,
        request: Request<data::GetFullStatusRequest>,
    ) -> Result<Response<data::GetFullStatusResponse>, Status> {
        let status = replicationdata::FullStatus { version: "9.7.4".into(), ..Default::default() };
        let answer = data::GetFullStatusResponse { status: Some(status) };
        match request.into_inner().tablet_alias.map(|alias| alias.uid) {
            Some(101) => self.of_a_tablet(answer),
            _ => self.answer(answer),
        }
    }

    async fn get_schema(&self, _: Request<data::GetSchemaRequest>) -> Result<Response<data::GetSchemaResponse>, Status> {
        let schema = tabletmanagerdata::SchemaDefinition::default();
        self.of_a_tablet(data::GetSchemaResponse { schema: Some(schema) })
    }

    async fn execute_fetch_as_dba(
        &self,
        _: Request<data::ExecuteFetchAsDbaRequest>,
    ) -> Result<Response<data::ExecuteFetchAsDbaResponse>, Status> {
        Err(Status::unknown(
            "rpc error: code = Unknown desc = Query execution was interrupted, maximum statement execution time exceeded (errno 3024) (sqlstate HY000) during query: select secret",
        ))
    }

    async fn rebuild_v_schema_graph(
        &self,
        _: Request<data::RebuildVSchemaGraphRequest>,
    ) -> Result<Response<data::RebuildVSchemaGraphResponse>, Status> {
        if let Some(held) = &self.held {
            held.acquire().await.unwrap().forget();
        }
        self.rebuilt.fetch_add(1, Ordering::SeqCst);
        self.answer(data::RebuildVSchemaGraphResponse {})
    }
}

/// One second later each time it is asked.
struct Ticking(AtomicUsize);

impl Clock for Ticking {
    fn now(&self) -> Timestamp {
        Timestamp::from_second(self.0.fetch_add(1, Ordering::SeqCst) as i64).unwrap()
    }

    fn elapsed(&self) -> std::time::Duration {
        std::time::Duration::ZERO
    }
}

fn cluster(service: &Small) -> Cluster {
    let vtctld = Vtctld::in_process(Routes::new(VtctldServer::new(service.clone())), "a vtctld in this process");
    Cluster::new(vtctld, Arc::new(Ticking(AtomicUsize::new(1000))))
}

fn commerce() -> KeyspaceName {
    KeyspaceName::new("commerce").unwrap()
}

fn schema() -> Ask {
    Ask::Tables { keyspace: commerce(), names: None }
}

async fn observe(service: &Small, asks: &[Ask]) -> Result<Facts, ClusterError> {
    let query = Query { keyspaces: [commerce()].into(), asks: asks.iter().cloned().collect(), ..Query::default() };
    cluster(service).observe(&query).await
}

#[tokio::test]
async fn a_look_is_as_old_as_its_beginning() {
    let facts = observe(&Small::new(), &[Ask::TabletStatus(commerce())]).await.unwrap();
    assert_eq!(facts.observed_at, Timestamp::from_second(1000).unwrap());
    assert_eq!(facts.served.keys().collect::<Vec<_>>(), ["zone1"]);
    assert!(facts.vschemas.is_empty() && facts.keyspaces.contains_key("commerce"));
}

#[tokio::test]
async fn a_keyspace_that_only_an_ask_needs_is_not_among_the_facts() {
    let query = Query { asks: [schema()].into(), ..Query::default() };
    let facts = cluster(&Small::new()).observe(&query).await.unwrap();
    assert!(facts.keyspaces.is_empty());
    assert!(facts.tables(&schema()).unwrap().contains_key("0"));
}

#[tokio::test]
async fn an_ask_that_fails_leaves_the_others_answers() {
    let mut service = Small::new();
    service.tablet_error = Some(Status::unknown("table corder is broken"));
    let facts = observe(&service, &[schema(), Ask::Tablets(commerce())]).await.unwrap();
    assert_eq!(facts.tables(&schema()).unwrap_err().why, "GetSchema: table corder is broken");
    let tablets = facts.tablets(&Ask::Tablets(commerce())).unwrap();
    assert_eq!(tablets.iter().map(|tablet| tablet.alias.uid).collect::<Vec<_>>(), [100, 101]);
}

/// As Vitess 22 reports it, with the code that means to others that vtctld itself can't be reached.
#[tokio::test(start_paused = true)]
async fn a_tablet_that_cannot_be_reached_is_no_vtctld_that_cannot() {
    let mut service = Small::new();
    service.tablet_error = Some(Status::unavailable("connection refused"));
    let facts = observe(&service, &[schema(), Ask::TabletStatus(commerce())]).await.unwrap();
    assert!(facts.tables(&schema()).is_err());
    let status = facts.tablet_status(&Ask::TabletStatus(commerce())).unwrap();
    assert!(status[0].status.is_ok() && status[1].status.is_err(), "{status:?}");
}

#[tokio::test(start_paused = true)]
async fn a_vtctld_that_goes_in_the_middle_leaves_nothing_to_use() {
    let mut service = Small::new();
    service.goes_with_a_tablet = true;
    let error = observe(&service, &[schema()]).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unreachable);
}

#[tokio::test]
async fn a_name_that_cannot_be_one_is_no_observation() {
    let mut service = Small::new();
    service.cells = vec!["zone\u{202e}1".into()];
    let error = observe(&service, &[]).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Garbled);
    assert!(!error.message.contains('\u{202e}'), "{error}");
}

#[tokio::test]
async fn a_statement_that_takes_too_long_says_so_and_no_more() {
    let ask = Ask::Sql(Question::HasRows { keyspace: commerce(), tables: vec![TableName::new("corder").unwrap()] });
    let facts = observe(&Small::new(), std::slice::from_ref(&ask)).await.unwrap();
    assert_eq!(
        facts.has_rows(&ask).unwrap_err().why,
        "it could not be read within 2 s on zone1-0000000100; --deep allows more time"
    );
}

#[tokio::test]
async fn a_write_goes_on_when_nobody_waits_for_it() {
    let mut service = Small::new();
    let held = Arc::new(tokio::sync::Semaphore::new(0));
    service.held = Some(Arc::clone(&held));
    let rebuild = Mutation::RebuildVSchemaGraph(RebuildVSchemaGraph { cells: vec![] });
    let cluster = cluster(&service);
    let waiting = tokio::time::timeout(Duration::from_millis(50), cluster.perform(&rebuild));
    assert!(waiting.await.is_err(), "it was answered too early");
    held.add_permits(1);
    let done = async {
        while service.rebuilt.load(Ordering::SeqCst) == 0 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), done).await.unwrap();
}
