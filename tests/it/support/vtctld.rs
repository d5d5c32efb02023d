use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use cutover::cluster::vtctld::generated::vschema::RoutingRules;
use cutover::cluster::vtctld::generated::vtctldata::{
    ApplyRoutingRulesRequest, ApplyRoutingRulesResponse, GetRoutingRulesRequest, GetRoutingRulesResponse,
};
use cutover::cluster::vtctld::generated::vtctlservice::vtctld_server::{Vtctld, VtctldServer};
use tonic::metadata::MetadataMap;
use tonic::service::Routes;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Server, ServerTlsConfig};
use tonic::{Request, Response, Status, async_trait};

/// What a call is answered with.
pub enum Reply {
    Rules(RoutingRules),
    Error(Status),
    /// Never.
    Nothing,
}

/// Knows one read (GetRoutingRules) and one write (ApplyRoutingRules); every other call is not implemented. What it
/// answers is decided by the number of the call, from 0.
#[derive(Clone)]
pub struct FakeVtctld {
    reply: Arc<dyn Fn(usize) -> Reply + Send + Sync>,
    seen: Arc<Mutex<Vec<MetadataMap>>>,
}

impl FakeVtctld {
    pub fn new(reply: impl Fn(usize) -> Reply + Send + Sync + 'static) -> Self {
        Self { reply: Arc::new(reply), seen: Arc::default() }
    }

    /// The headers of each call that came.
    pub fn seen(&self) -> Vec<MetadataMap> {
        self.seen.lock().unwrap().clone()
    }

    pub fn routes(&self) -> Routes {
        Routes::new(self.service())
    }

    /// Serves on a free port of this machine until the test's runtime ends.
    pub fn serve(&self) -> SocketAddr {
        self.serve_on(Server::builder())
    }

    pub fn serve_tls(&self, tls: ServerTlsConfig) -> SocketAddr {
        self.serve_on(Server::builder().tls_config(tls).unwrap())
    }

    fn serve_on(&self, mut server: Server) -> SocketAddr {
        let incoming = TcpIncoming::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = incoming.local_addr().unwrap();
        let router = server.add_service(self.service());
        tokio::spawn(async move { router.serve_with_incoming(incoming).await.unwrap() });
        address
    }

    fn service(&self) -> VtctldServer<Self> {
        VtctldServer::new(self.clone()).max_decoding_message_size(usize::MAX)
    }

    async fn answer(&self, headers: &MetadataMap) -> Result<RoutingRules, Status> {
        let number = {
            let mut seen = self.seen.lock().unwrap();
            seen.push(headers.clone());
            seen.len() - 1
        };
        match (self.reply)(number) {
            Reply::Rules(rules) => Ok(rules),
            Reply::Error(status) => Err(status),
            Reply::Nothing => std::future::pending().await,
        }
    }
}

#[async_trait]
impl Vtctld for FakeVtctld {
    async fn get_routing_rules(
        &self,
        request: Request<GetRoutingRulesRequest>,
    ) -> Result<Response<GetRoutingRulesResponse>, Status> {
        let rules = self.answer(request.metadata()).await?;
        Ok(Response::new(GetRoutingRulesResponse { routing_rules: Some(rules) }))
    }

    async fn apply_routing_rules(
        &self,
        request: Request<ApplyRoutingRulesRequest>,
    ) -> Result<Response<ApplyRoutingRulesResponse>, Status> {
        self.answer(request.metadata()).await?;
        Ok(Response::new(ApplyRoutingRulesResponse {}))
    }
}
