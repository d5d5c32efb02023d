//! Who is believed to be vtctld, and who is let in by it.

use std::net::SocketAddr;
use std::time::Duration;

use cutover::cluster::vtctld::generated::vschema::RoutingRules;
use cutover::cluster::vtctld::generated::vtctldata::{ApplyRoutingRulesRequest, GetRoutingRulesRequest};
use cutover::cluster::vtctld::{ConnectionSettings, TlsSettings, Vtctld};
use cutover::cluster::{ClusterError, Effect, ErrorKind};
use tonic::transport::{Certificate, Identity, ServerTlsConfig};

use crate::support::{Authority, FakeVtctld, Reply};

const NAME: &str = "vtctld.example.com";

/// A vtctld with a certificate of this authority for [`NAME`], on an address that it does not name.
fn serve(authority: &Authority, clients: Option<&Authority>) -> (FakeVtctld, SocketAddr) {
    let server = FakeVtctld::new(|_| Reply::Rules(RoutingRules::default()));
    let (certificate, key) = authority.sign(NAME);
    let mut tls = ServerTlsConfig::new().identity(Identity::from_pem(certificate, key));
    if let Some(clients) = clients {
        tls = tls.client_ca_root(Certificate::from_pem(clients.pem()));
    }
    let address = server.serve_tls(tls);
    (server, address)
}

async fn call(address: SocketAddr, tls: TlsSettings) -> Result<(), ClusterError> {
    let settings = ConnectionSettings { tls: Some(tls), ..ConnectionSettings::plaintext(address.to_string()) };
    let vtctld = Vtctld::connect(&settings).unwrap();
    vtctld.read(GetRoutingRulesRequest {}).await.map(|_| ())
}

fn trusting(authority: &Authority) -> TlsSettings {
    TlsSettings { certificate_authority: Some(authority.pem()), server_name: Some(NAME.to_owned()), ..TlsSettings::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn ones_own_authority_and_another_name() {
    let authority = Authority::new("servers");
    let (server, address) = serve(&authority, None);
    call(address, trusting(&authority)).await.unwrap();
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_name_or_another_authority_is_not_vtctld() {
    let authority = Authority::new("servers");
    let (server, address) = serve(&authority, None);
    let refused = [
        ("name", TlsSettings { server_name: None, ..trusting(&authority) }),
        ("name", TlsSettings { server_name: Some("vtctld.example.org".to_owned()), ..trusting(&authority) }),
        ("UnknownIssuer", trusting(&Authority::new("strangers"))),
        // Whom this system trusts.
        ("UnknownIssuer", TlsSettings { certificate_authority: None, ..trusting(&authority) }),
    ];
    for (word, tls) in refused {
        let settings = ConnectionSettings { tls: Some(tls), ..ConnectionSettings::plaintext(address.to_string()) };
        let vtctld = Vtctld::connect(&settings).unwrap();
        let write = vtctld.write(ApplyRoutingRulesRequest::default(), Duration::from_secs(30)).await;
        let error = write.unwrap_err();
        assert_eq!((error.kind, error.effect), (ErrorKind::Unreachable, Effect::None), "{error}");
        let text = error.to_string();
        assert!(
            text.contains(&format!("vtctld at {address} (TLS, without a client certificate): ")) && text.contains(word),
            "{text}"
        );
    }
    assert_eq!(server.seen().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_certificate_where_vtctld_wants_one() {
    let (authority, clients) = (Authority::new("servers"), Authority::new("clients"));
    let (server, address) = serve(&authority, Some(&clients));
    let without = call(address, trusting(&authority)).await.unwrap_err();
    assert_eq!(without.kind, ErrorKind::Unreachable, "{without}");
    assert!(without.to_string().contains("without a client certificate"), "vtctld itself closes without a word: {without}");
    let strangers = TlsSettings { client_certificate: Some(Authority::new("strangers").client()), ..trusting(&authority) };
    let stranger = call(address, strangers).await.unwrap_err();
    assert_eq!(stranger.kind, ErrorKind::Unreachable, "{stranger}");
    assert_eq!(server.seen().len(), 0);
    let ours = TlsSettings { client_certificate: Some(clients.client()), ..trusting(&authority) };
    call(address, ours).await.unwrap();
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_is_not_given_up_for_plaintext() {
    let authority = Authority::new("servers");
    let server = FakeVtctld::new(|_| Reply::Rules(RoutingRules::default()));
    let error = call(server.serve(), trusting(&authority)).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Unreachable, "{error}");
    assert_eq!(server.seen().len(), 0);
}
