//! `cutover sandbox serve`

use std::net::SocketAddr;
use std::time::Duration;

use clap::Args;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;

use super::Beside;
use crate::cli::block_on;
use crate::cli::context::Context;
use crate::cli::error::Error;
use crate::cli::exit::Exit;
use crate::cli::sandbox::Place;
use crate::clock::Clock as _;
use crate::record::lease::{Lease, LeaseInfo, LeaseKey, Leases};
use crate::record::who;
use crate::sandbox::Sandbox;

/// For calls that are under way at the end.
const PATIENCE: Duration = Duration::from_secs(2);

/// Answer gRPC for the sandbox, until Ctrl-C
///
/// What vtctldclient reads there is what the other commands see and change. The sandbox's time passes meanwhile.
#[derive(Debug, Args)]
pub struct ServeArgs {
    #[command(flatten)]
    beside: Beside,
    /// Where to listen; another machine may reach it only with `--insecure`
    #[arg(long, default_value = "127.0.0.1:15999", value_name = "ADDRESS:PORT")]
    listen: SocketAddr,
}

pub fn run(args: &ServeArgs, context: &mut Context) -> Result<Exit, Error> {
    context.refuse_time_that_jumps("a port needs time that passes")?;
    if !args.listen.ip().is_loopback() && !context.global.insecure {
        return Err(Error::usage(
            format!("{} can be reached from other machines, in plaintext and without a password", args.listen),
            "listen at 127.0.0.1, or allow it with `--insecure`",
        ));
    }
    let place = Place::beside(&args.beside.file);
    block_on(context, async |context| {
        let (sandbox, address) = place.open(context)?;
        let _lease = lease(context, &place, &sandbox)?;
        let failed = |error: &dyn std::error::Error| {
            Error::ended(Exit::Failed, format!("can't listen at {}: {error}", args.listen), "choose another place with --listen")
        };
        let listener = TcpListener::bind(args.listen).await.map_err(|error| failed(&error))?;
        let at = listener.local_addr().map_err(|error| failed(&error))?;
        tell(context, &address, at)?;
        serve(&sandbox, listener).await.map_err(|error| failed(error.as_ref()))?;
        Ok(Exit::Done)
    })
}

/// So that nobody forgets the sandbox while it is served.
fn lease(context: &Context, place: &Place, sandbox: &Sandbox) -> Result<Lease, Error> {
    let actor = who::this_process(context.environment.user.as_deref());
    let info = LeaseInfo {
        who: actor.user,
        host: actor.host,
        pid: actor.process,
        operation: "sandbox serve".to_owned(),
        since: sandbox.clock().now(),
    };
    let key = LeaseKey { cluster_fingerprint: String::new(), target_keyspace: String::new(), workflow: " serve".to_owned() };
    Leases::new(place.lease_folder()).try_take(&key, &info).map_err(Error::lease)
}

fn tell(context: &mut Context, address: &str, at: SocketAddr) -> Result<(), Error> {
    if context.is_json() {
        return context.ui.json(&json!({ "sandbox": address, "listening": at.to_string() }));
    }
    context.ui.data(&format!(
        "SANDBOX ({address}) answers at {at} until Ctrl-C\n  vtctldclient --server {at} GetKeyspaces\n  vtctldclient --server {at} \
         GetRoutingRules\n"
    ))
}

/// Until a signal; then what is under way may end.
async fn serve(sandbox: &Sandbox, listener: TcpListener) -> Result<(), Box<dyn std::error::Error>> {
    let mut interrupted = signal(SignalKind::interrupt())?;
    let mut terminated = signal(SignalKind::terminate())?;
    let (stop, stopped) = oneshot::channel::<()>();
    let asked = async {
        // Dropped is asked as well.
        stopped.await.ok();
    };
    let server = Server::builder()
        .add_routes(sandbox.routes())
        .serve_with_incoming_shutdown(TcpIncoming::from(listener).with_nodelay(Some(true)), asked);
    tokio::pin!(server);
    tokio::select! {
        ended = &mut server => return Ok(ended?),
        _ = interrupted.recv() => {}
        _ = terminated.recv() => {}
    }
    drop(stop);
    match tokio::time::timeout(PATIENCE, server).await {
        Ok(ended) => Ok(ended?),
        Err(_) => Ok(()),
    }
}
