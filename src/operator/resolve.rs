//! Which cluster an alias is, and how to reach it: flags before the environment before the operator's file.
//!
//! What says where the cluster is says also how to log in. Certificates and credentials of a lower level are never sent to an
//! address of a higher one, unless it is the same address: who redirects the connection may not take the password along.

use std::path::PathBuf;

use secrecy::{ExposeSecret as _, SecretString};

use super::SANDBOX;
use super::config::{ClusterConfig, OperatorConfig};
use crate::cluster::topo::TopologyAddress;
use crate::cluster::vtctld::Address;
use crate::spec::suggest::nearest;

/// What flags say, or what the environment says. Nothing of it is required.
#[derive(Debug, Clone, Default)]
pub struct ConnectionSource {
    pub vtctld: Option<String>,
    pub insecure: bool,
    pub tls_ca: Option<PathBuf>,
    pub tls_cert: Option<PathBuf>,
    pub tls_key: Option<PathBuf>,
    pub tls_server_name: Option<String>,
    pub credentials: Option<CredentialsSource>,
}

/// Where user name and password are.
#[derive(Debug, Clone)]
pub enum CredentialsSource {
    File(PathBuf),
    /// The JSON itself, from a variable of the environment.
    Text(SecretString),
}

impl PartialEq for CredentialsSource {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::File(a), Self::File(b)) => a == b,
            (Self::Text(a), Self::Text(b)) => a.expose_secret() == b.expose_secret(),
            _ => false,
        }
    }
}

/// How to reach the cluster of an alias, and what its operators ask.
#[derive(Debug, Clone, PartialEq)]
pub struct Connection {
    pub alias: String,
    pub endpoint: Endpoint,
    /// The topology server behind that vtctld, where the operator's file gives it.
    pub topology: Option<TopologyEndpoint>,
    /// What the operator's file says about the cluster; none when it names no cluster at all, and then there are no guards.
    pub config: Option<ClusterConfig>,
    /// What somebody should know, for stderr.
    pub notes: Vec<String>,
}

impl Connection {
    /// Where the operator's file says that records are.
    pub fn record_folder(&self) -> Option<PathBuf> {
        self.config.as_ref()?.record_dir.clone()
    }
}

#[derive(Debug, Clone, PartialEq)]
pub enum Endpoint {
    /// Simulated, in this process.
    Sandbox,
    Vtctld {
        address: Address,
        /// Plaintext to another machine was asked for.
        insecure: bool,
        /// None is plaintext.
        tls: Option<TlsFiles>,
        credentials: Option<CredentialsSource>,
    },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopologyEndpoint {
    pub address: TopologyAddress,
    /// Counts where the address says TLS.
    pub tls: TlsFiles,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TlsFiles {
    pub ca: Option<PathBuf>,
    /// Certificate and key.
    pub client: Option<(PathBuf, PathBuf)>,
    pub server_name: Option<String>,
}

/// Why an alias leads nowhere. Nothing was sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ResolveError {
    #[error("nothing says where the cluster `{alias}` is")]
    NoAddress { alias: String, nearest: Option<String> },
    #[error("the operator's file does not know the cluster `{alias}`, at {address} or elsewhere")]
    Unknown { alias: String, address: Address, nearest: Option<String> },
    #[error("{address} is where `{}` is, says the operator's file, and the plan file means `{alias}`", .owners.join("` and `"))]
    AnotherCluster { alias: String, address: Address, owners: Vec<String> },
    #[error("the cluster `sandbox` is built in and takes no `--vtctld`")]
    SandboxAddress,
    #[error("{0}")]
    Address(String),
    #[error("`--tls-cert` and `--tls-key` are given together")]
    HalfCertificate,
    #[error("{0} and plaintext exclude each other: they would travel where everybody can read them")]
    PlaintextSecrets(&'static str),
}

impl ResolveError {
    /// What to do.
    pub fn help(&self) -> String {
        match self {
            Self::NoAddress { alias, nearest: Some(nearest) } => {
                format!(
                    "did you mean `{nearest}`? or pass --vtctld host:port, or add [clusters.{alias}] to the operator's config.toml"
                )
            }
            Self::NoAddress { alias, nearest: None } => format!(
                "pass --vtctld host:port, set CUTOVER_VTCTLD, or add [clusters.{alias}] with `vtctld = \"host:port\"` to the \
                 operator's config.toml"
            ),
            Self::Unknown { alias, address, nearest } => {
                let meant = nearest.as_ref().map(|nearest| format!("did you mean `{nearest}`? or ")).unwrap_or_default();
                format!(
                    "{meant}add [clusters.{alias}] with `vtctld = \"{address}\"` to the operator's config.toml: without it nothing \
                     says what is forbidden there"
                )
            }
            Self::AnotherCluster { owners, .. } => format!(
                "write `cluster = \"{}\"` into the plan file, or give another address: what is forbidden hangs on the name",
                owners.first().map_or("", String::as_str)
            ),
            Self::SandboxAddress => "name another cluster in the plan file, or leave `--vtctld` out".to_owned(),
            Self::Address(_) => "give vtctld's gRPC port, without `http://`".to_owned(),
            Self::HalfCertificate => "give both, or neither".to_owned(),
            Self::PlaintextSecrets(_) => "leave `--insecure` out: then the connection is TLS".to_owned(),
        }
    }
}

/// How to reach the cluster that `alias` names.
pub fn resolve(
    alias: &str,
    flags: &ConnectionSource,
    environment: &ConnectionSource,
    config: &OperatorConfig,
) -> Result<Connection, ResolveError> {
    if alias == SANDBOX {
        // The environment speaks of real clusters; only a flag means this call.
        if flags.vtctld.is_some() {
            return Err(ResolveError::SandboxAddress);
        }
        let (alias, notes) = (alias.to_owned(), Vec::new());
        return Ok(Connection { alias, endpoint: Endpoint::Sandbox, topology: None, config: config.sandbox.clone(), notes });
    }
    let parse = |text: &String| text.parse::<Address>().map_err(|error| ResolveError::Address(error.to_string()));
    let given = flags.vtctld.as_ref().or(environment.vtctld.as_ref()).map(parse).transpose()?;
    let cluster = entry(alias, given.as_ref(), config)?;
    let of_config = cluster.map(of_config).unwrap_or_default();
    let levels = [flags, environment, &of_config];
    let Some(level) = levels.iter().position(|level| level.vtctld.is_some()) else {
        let nearest = nearest(alias, config.clusters.keys().map(String::as_str)).map(str::to_owned);
        return Err(ResolveError::NoAddress { alias: alias.to_owned(), nearest });
    };
    let address = levels[level].vtctld.as_ref().map(parse).transpose()?;
    let Some(address) = address else { return Err(ResolveError::NoAddress { alias: alias.to_owned(), nearest: None }) };

    // Levels below the one that gives the address count only when they give the same.
    let is_same = |source: &ConnectionSource| source.vtctld.as_ref().and_then(|text| parse(text).ok()).as_ref() == Some(&address);
    let (trusted, others): (Vec<_>, Vec<_>) =
        levels.into_iter().enumerate().partition(|(index, source)| *index <= level || is_same(source));
    let trusted: Vec<&ConnectionSource> = trusted.into_iter().map(|(_, source)| source).collect();
    let mut notes = Vec::new();
    if others.iter().any(|(_, source)| source.credentials.is_some() || source.tls_cert.is_some()) {
        notes.push(format!("the credentials of `{alias}` are kept for another address than {address}; they are not sent"));
    }

    let topology = cluster.and_then(topology);
    let is_behind = cluster.and_then(|cluster| cluster.vtctld.as_ref()).is_none_or(|configured| *configured == address);
    if topology.is_some() && !is_behind {
        notes.push(format!("the topology server of `{alias}` is that of another vtctld than {address}; it is not asked"));
    }

    fn first<T: Clone>(sources: &[&ConnectionSource], of: impl Fn(&ConnectionSource) -> Option<T>) -> Option<T> {
        sources.iter().find_map(|source| of(source))
    }
    let tls = TlsFiles {
        ca: first(&trusted, |source| source.tls_ca.clone()),
        client: match (first(&trusted, |source| source.tls_cert.clone()), first(&trusted, |source| source.tls_key.clone())) {
            (Some(cert), Some(key)) => Some((cert, key)),
            (None, None) => None,
            _ => return Err(ResolveError::HalfCertificate),
        },
        server_name: first(&trusted, |source| source.tls_server_name.clone()),
    };
    let credentials = first(&trusted, |source| source.credentials.clone());
    let insecure = trusted.iter().any(|source| source.insecure);
    let says_tls = tls != TlsFiles::default();
    if insecure && says_tls {
        return Err(ResolveError::PlaintextSecrets("TLS files"));
    }
    if insecure && credentials.is_some() && !address.is_loopback() {
        return Err(ResolveError::PlaintextSecrets("credentials"));
    }
    // To this machine itself plaintext is the rule, to any other TLS.
    let tls = (says_tls || !(insecure || address.is_loopback())).then_some(tls);
    Ok(Connection {
        alias: alias.to_owned(),
        endpoint: Endpoint::Vtctld { address, insecure, tls, credentials },
        topology: topology.filter(|_| is_behind),
        config: cluster.cloned(),
        notes,
    })
}

/// What the operator's file says about the cluster. A pull request may edit `cluster`, so the guards must not hang on the alias alone:
/// where an address is given, they are those of the cluster that is there, and a file that names clusters must know this one.
fn entry<'a>(
    alias: &str,
    given: Option<&Address>,
    config: &'a OperatorConfig,
) -> Result<Option<&'a ClusterConfig>, ResolveError> {
    let own = config.clusters.get(alias);
    let Some(address) = given else { return Ok(own) };
    let owners: Vec<(&String, &ClusterConfig)> =
        config.clusters.iter().filter(|(_, cluster)| cluster.vtctld.as_ref() == Some(address)).collect();
    match (own, owners.as_slice()) {
        (Some(own), owners) if owners.is_empty() || owners.iter().any(|(name, _)| *name == alias) => Ok(Some(own)),
        (None, []) if config.clusters.is_empty() => Ok(None),
        (None, []) => {
            let nearest = nearest(alias, config.clusters.keys().map(String::as_str)).map(str::to_owned);
            Err(ResolveError::Unknown { alias: alias.to_owned(), address: address.clone(), nearest })
        }
        (None, [(_, owner)]) => Ok(Some(owner)),
        (_, owners) => Err(ResolveError::AnotherCluster {
            alias: alias.to_owned(),
            address: address.clone(),
            owners: owners.iter().map(|(name, _)| (*name).clone()).collect(),
        }),
    }
}

fn topology(cluster: &ClusterConfig) -> Option<TopologyEndpoint> {
    let client = cluster.topo_tls_cert.clone().zip(cluster.topo_tls_key.clone());
    let tls = TlsFiles { ca: cluster.topo_tls_ca.clone(), client, server_name: None };
    Some(TopologyEndpoint { address: cluster.topo.clone()?, tls })
}

fn of_config(cluster: &ClusterConfig) -> ConnectionSource {
    ConnectionSource {
        vtctld: cluster.vtctld.as_ref().map(ToString::to_string),
        insecure: cluster.insecure,
        tls_ca: cluster.tls_ca.clone(),
        tls_cert: cluster.tls_cert.clone(),
        tls_key: cluster.tls_key.clone(),
        tls_server_name: cluster.tls_server_name.clone(),
        credentials: cluster.credentials_file.clone().map(CredentialsSource::File),
    }
}

#[cfg(test)]
#[path = "resolve_tests.rs"]
mod tests;
