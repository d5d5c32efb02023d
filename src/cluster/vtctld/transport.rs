//! What carries a call: the network, or a service in this process.

use std::fmt;
use std::task::{Context, Poll};

use tonic::body::Body;
use tonic::codegen::{BoxFuture, InterceptedService, Service, StdError, http};
use tonic::service::Routes;
use tonic::transport::Channel;

use super::credentials::SignCalls;

#[derive(Clone)]
pub(super) enum Transport {
    Network(InterceptedService<Channel, SignCalls>),
    InProcess(Routes),
}

impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Network(_) => "Network",
            Self::InProcess(_) => "InProcess",
        })
    }
}

impl Service<http::Request<Body>> for Transport {
    type Response = http::Response<Body>;
    type Error = StdError;
    type Future = BoxFuture<Self::Response, Self::Error>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), StdError>> {
        match self {
            Self::Network(service) => service.poll_ready(context).map_err(Into::into),
            Self::InProcess(service) => Service::<http::Request<Body>>::poll_ready(service, context).map_err(Into::into),
        }
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        match self {
            Self::Network(service) => {
                let answer = service.call(request);
                Box::pin(async move { Ok(answer.await?.map(Body::new)) })
            }
            Self::InProcess(service) => {
                let answer = service.call(request);
                Box::pin(async move { Ok(answer.await?) })
            }
        }
    }
}
