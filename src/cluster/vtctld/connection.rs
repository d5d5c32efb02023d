//! How vtctld is reached: plaintext or TLS, with which certificates and credentials.

use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use tonic::codegen::InterceptedService;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};

use super::address::{Address, AddressError};
use super::credentials::{Credentials, CredentialsError, SignCalls};
use super::transport::Transport;

/// Of the connection, not of a call.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// vtctld closes the connection of a client that pings more often than each 10 s, or while no call is under way
/// (`go/vt/servenv/grpc_server.go`).
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(20);

/// Without an answer to the ping for so long, the connection is dead.
const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(20);

/// vtctld sends the whole text of an error, a line for each shard, in a header, where each byte that is not plain ASCII
/// takes three. When that is over the client's limit (16 KiB unless it says so) the call is reset and the text lost.
const HEADER_LIST_LIMIT_BYTES: u32 = 1024 * 1024;

/// Where vtctld is and how it is to be reached. Files are read by whoever makes this.
#[derive(Debug, Clone)]
pub struct ConnectionSettings {
    /// `host:port`.
    pub address: String,
    /// Allows plaintext to another machine, though never together with credentials.
    pub insecure: bool,
    /// Absent means plaintext.
    pub tls: Option<TlsSettings>,
    pub credentials: Option<Credentials>,
}

/// All texts are PEM.
#[derive(Debug, Clone, Default)]
pub struct TlsSettings {
    /// Who may have signed vtctld's certificate. Absent: whom this system trusts.
    pub certificate_authority: Option<String>,
    pub client_certificate: Option<ClientCertificate>,
    /// The name that vtctld's certificate has to bear, when it is not the address's.
    pub server_name: Option<String>,
}

#[derive(Debug, Clone)]
pub struct ClientCertificate {
    /// With those that lead from it to the authority.
    pub certificate: String,
    pub key: SecretString,
}

/// Settings that are not to be used, or cannot be. Nothing was sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConnectionError {
    #[error(transparent)]
    Address(#[from] AddressError),
    #[error(
        "plaintext to {0} is refused: on the way to another machine it can be read and changed; turn TLS on, or allow it with \"insecure\""
    )]
    Plaintext(Address),
    #[error("credentials in plaintext to {0} are refused, even with \"insecure\": turn TLS on")]
    PlaintextCredentials(Address),
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    #[error("there is no PEM {what} in the {setting}")]
    NoPem { what: &'static str, setting: &'static str },
    #[error("TLS to {address} cannot be set up: {why}")]
    Tls { address: Address, why: String },
}

impl ConnectionSettings {
    /// Plaintext, without credentials.
    pub fn plaintext(address: impl Into<String>) -> Self {
        Self { address: address.into(), insecure: false, tls: None, credentials: None }
    }

    /// The transport, and how to call it in messages. It connects with the first call, and again when it has to.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub(super) fn transport(&self) -> Result<(Transport, String), ConnectionError> {
        let address: Address = self.address.parse()?;
        if self.tls.is_none() && !address.is_loopback() {
            if self.credentials.is_some() {
                return Err(ConnectionError::PlaintextCredentials(address));
            }
            if !self.insecure {
                return Err(ConnectionError::Plaintext(address));
            }
        }
        let sign = SignCalls::new(self.credentials.as_ref())?;
        let (channel, how) = match &self.tls {
            None => (plaintext_channel(&address)?, "plaintext"),
            // vtctld that wants one closes the connection without a word when there is none.
            Some(tls) if tls.client_certificate.is_none() => (tls.channel(&address)?, "TLS, without a client certificate"),
            Some(tls) => (tls.channel(&address)?, "TLS, with a client certificate"),
        };
        let transport = Transport::Network(InterceptedService::new(channel, sign));
        Ok((transport, format!("vtctld at {address} ({how})")))
    }
}

impl TlsSettings {
    /// It connects with the first call, and again when it has to.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub(in crate::cluster) fn channel(&self, address: &Address) -> Result<Channel, ConnectionError> {
        let name = self.server_name.as_deref().unwrap_or(address.host());
        let mut config = ClientTlsConfig::new().domain_name(name).timeout(CONNECT_TIMEOUT);
        config = match &self.certificate_authority {
            Some(pem) => {
                require_pem(pem, "CERTIFICATE", "certificate authority")?;
                config.ca_certificate(Certificate::from_pem(pem))
            }
            None => config.with_native_roots(),
        };
        if let Some(client) = &self.client_certificate {
            let key = client.key.expose_secret();
            require_pem(&client.certificate, "CERTIFICATE", "client certificate")?;
            require_pem(key, "PRIVATE KEY", "client key")?;
            config = config.identity(Identity::from_pem(&client.certificate, key));
        }
        let endpoint = endpoint("https", address)?.tls_config(config).map_err(|error| tls_error(address, &error))?;
        Ok(endpoint.connect_lazy())
    }
}

/// A text without PEM would count as an empty list, and fail much later as "unknown issuer".
fn require_pem(text: &str, what: &'static str, setting: &'static str) -> Result<(), ConnectionError> {
    let has = text.lines().any(|line| line.starts_with("-----BEGIN ") && line.trim_end().ends_with(&format!("{what}-----")));
    has.then_some(()).ok_or(ConnectionError::NoPem { what, setting })
}

fn tls_error(address: &Address, error: &tonic::transport::Error) -> ConnectionError {
    ConnectionError::Tls { address: address.clone(), why: super::status::chain(error) }
}

/// As [`TlsSettings::channel`], without TLS.
pub(in crate::cluster) fn plaintext_channel(address: &Address) -> Result<Channel, ConnectionError> {
    Ok(endpoint("http", address)?.connect_lazy())
}

fn endpoint(scheme: &str, address: &Address) -> Result<Endpoint, ConnectionError> {
    let endpoint = Endpoint::from_shared(format!("{scheme}://{address}"))
        .and_then(|endpoint| endpoint.user_agent(concat!("cutover/", env!("CARGO_PKG_VERSION"))))
        .map_err(|error| tls_error(address, &error))?;
    Ok(endpoint
        .connect_timeout(CONNECT_TIMEOUT)
        .http2_keep_alive_interval(KEEP_ALIVE_INTERVAL)
        .keep_alive_timeout(KEEP_ALIVE_TIMEOUT)
        .keep_alive_while_idle(false)
        .http2_max_header_list_size(HEADER_LIST_LIMIT_BYTES))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(settings: &ConnectionSettings) -> ConnectionError {
        settings.transport().map(|(_, peer)| peer).unwrap_err()
    }

    fn credentials() -> Option<Credentials> {
        Some(Credentials { username: "plan".to_owned(), password: "hunter2".into() })
    }

    #[tokio::test]
    async fn plaintext_stays_on_this_machine() {
        let there = ConnectionSettings::plaintext("vtctld.example.com:15999");
        assert!(matches!(refusal(&there), ConnectionError::Plaintext(_)));
        let allowed = ConnectionSettings { insecure: true, ..there.clone() };
        assert_eq!(allowed.transport().unwrap().1, "vtctld at vtctld.example.com:15999 (plaintext)");
        let here = ConnectionSettings { credentials: credentials(), ..ConnectionSettings::plaintext("[::1]:15999") };
        assert!(here.transport().is_ok());
    }

    #[tokio::test]
    async fn credentials_never_go_out_in_plaintext() {
        for insecure in [false, true] {
            let settings =
                ConnectionSettings { insecure, credentials: credentials(), ..ConnectionSettings::plaintext("10.0.0.1:15999") };
            let error = refusal(&settings);
            assert!(matches!(error, ConnectionError::PlaintextCredentials(_)));
            assert!(!format!("{error} {error:?} {settings:?}").contains("hunter2"));
        }
    }

    #[tokio::test]
    async fn a_certificate_file_without_one_is_named() {
        let settings = |tls| ConnectionSettings { tls: Some(tls), ..ConnectionSettings::plaintext("localhost:15999") };
        let error = refusal(&settings(TlsSettings {
            certificate_authority: Some("not a certificate".to_owned()),
            ..TlsSettings::default()
        }));
        assert_eq!(error.to_string(), "there is no PEM CERTIFICATE in the certificate authority");
    }
}
