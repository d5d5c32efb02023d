//! From where a cluster is to a client for it: certificates and credentials, read from their files, or the sandbox.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;

use secrecy::{ExposeSecret as _, SecretString};

use super::context::Context;
use super::error::Error;
use super::exit::Exit;
use super::sandbox::Place;
use crate::clock::{Clock, SystemClock};
use crate::cluster::topo::{Etcd, Topology};
use crate::cluster::vtctld::{ClientCertificate, ConnectionSettings, Credentials, TlsSettings, Vtctld};
use crate::operator::{Connection, CredentialsSource, Endpoint, TlsFiles};

/// Chains of certificates are a few kilobytes.
const MOST_BYTES: u64 = 1024 * 1024;

/// A cluster that can be talked to.
pub struct Reached {
    pub vtctld: Vtctld,
    /// The topology server, where the operator's file gives it.
    pub topology: Option<Arc<dyn Topology>>,
    /// For messages.
    pub address: String,
    /// The cluster's time: everything about the movement is told in it.
    pub clock: Arc<dyn Clock>,
    /// None for a real cluster.
    pub sandbox: Option<Place>,
}

/// Reaches the cluster of `connection` for the plan file `file`. Nothing is sent yet.
pub fn reach(context: &mut Context, connection: &Connection, file: &Path) -> Result<Reached, Error> {
    match settings(connection)? {
        None => {
            let place = Place::beside(file);
            let (sandbox, address) = place.open(context)?;
            let vtctld = Vtctld::in_process(sandbox.routes(), "the sandbox");
            Ok(Reached { vtctld, topology: None, address, clock: sandbox.clock(), sandbox: Some(place) })
        }
        Some((settings, address)) => {
            context.refuse_time_that_jumps(&format!("`{}` at {address} is a real cluster", connection.alias))?;
            let vtctld = Vtctld::connect(&settings)
                .map_err(|error| Error::ended(Exit::Usage, error, "see `cutover apply --help` under Cluster"))?;
            let topology = topology(connection)?;
            Ok(Reached { vtctld, topology, address, clock: Arc::new(SystemClock), sandbox: None })
        }
    }
}

/// The settings of the client, and the address for messages; none for the sandbox. Errors never hold what a secret file says.
fn settings(connection: &Connection) -> Result<Option<(ConnectionSettings, String)>, Error> {
    let Endpoint::Vtctld { address, insecure, tls, credentials } = &connection.endpoint else { return Ok(None) };
    let tls = tls.as_ref().map(read_tls);
    let settings = ConnectionSettings {
        address: address.to_string(),
        insecure: *insecure,
        tls: tls.transpose()?,
        credentials: credentials.as_ref().map(read_credentials).transpose()?,
    };
    Ok(Some((settings, address.to_string())))
}

fn topology(connection: &Connection) -> Result<Option<Arc<dyn Topology>>, Error> {
    let Some(endpoint) = &connection.topology else { return Ok(None) };
    let tls = endpoint.address.is_tls().then(|| read_tls(&endpoint.tls)).transpose()?;
    let etcd = Etcd::connect(&endpoint.address, tls.as_ref())
        .map_err(|error| Error::ended(Exit::Usage, error, "see the keys `topo-tls-…` of the operator's config.toml"))?;
    Ok(Some(Arc::new(etcd)))
}

fn read_tls(files: &TlsFiles) -> Result<TlsSettings, Error> {
    let client = files.client.as_ref().map(|(certificate, key)| -> Result<ClientCertificate, Error> {
        Ok(ClientCertificate { certificate: read(certificate)?, key: SecretString::from(read(key)?) })
    });
    Ok(TlsSettings {
        certificate_authority: files.ca.as_deref().map(read).transpose()?,
        client_certificate: client.transpose()?,
        server_name: files.server_name.clone(),
    })
}

fn read_credentials(source: &CredentialsSource) -> Result<Credentials, Error> {
    let (json, place) = match source {
        CredentialsSource::File(path) => (SecretString::from(read(path)?), path.display().to_string()),
        CredentialsSource::Text(json) => (json.clone(), "CUTOVER_VTCTLD_CREDENTIALS".to_owned()),
    };
    Credentials::from_json(json.expose_secret()).map_err(|error| Error::Ended {
        exit: Exit::Usage,
        message: format!("{place}: {error}"),
        help: "a JSON object with `Username` and `Password`, as vtctldclient reads it".to_owned(),
    })
}

fn read(path: &Path) -> Result<String, Error> {
    let refused = |why: String| Error::Ended {
        exit: Exit::Usage,
        message: format!("can't read {}: {why}", path.display()),
        help: "it is named by a flag, the environment or the operator's config.toml".to_owned(),
    };
    let mut text = String::new();
    let done = File::open(path).and_then(|file| file.take(MOST_BYTES + 1).read_to_string(&mut text));
    match done {
        Ok(read) if read as u64 > MOST_BYTES => Err(refused(format!("it is longer than {MOST_BYTES} bytes"))),
        Ok(_) => Ok(text),
        Err(error) => Err(refused(error.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connection(endpoint: Endpoint) -> Connection {
        Connection { alias: "far".into(), endpoint, topology: None, config: None, notes: vec![] }
    }

    fn far(folder: &Path) -> Connection {
        connection(Endpoint::Vtctld {
            address: "far:1".parse().unwrap(),
            insecure: false,
            tls: Some(TlsFiles { ca: Some(folder.join("ca.pem")), ..Default::default() }),
            credentials: Some(CredentialsSource::File(folder.join("c.json"))),
        })
    }

    #[test]
    fn files_are_read_and_secrets_are_never_shown() {
        let folder = tempfile::tempdir().unwrap();
        let error = settings(&far(folder.path())).unwrap_err();
        assert!(error.to_string().contains("ca.pem") && error.exit() == Exit::Usage);

        std::fs::write(folder.path().join("ca.pem"), "PEM").unwrap();
        std::fs::write(folder.path().join("c.json"), "{\"Username\": \"u\", \"Password\": geheim}").unwrap();
        let error = settings(&far(folder.path())).unwrap_err();
        assert!(error.to_string().contains("c.json") && !error.to_string().contains("geheim"), "{error}");

        std::fs::write(folder.path().join("c.json"), "{\"Username\": \"u\", \"Password\": \"geheim\"}").unwrap();
        let (found, address) = settings(&far(folder.path())).unwrap().unwrap();
        assert_eq!(address, "far:1");
        assert_eq!(found.tls.as_ref().unwrap().certificate_authority.as_deref(), Some("PEM"));
        assert!(found.credentials.is_some() && !format!("{found:?}").contains("geheim"));
    }

    #[test]
    fn a_file_that_never_ends_is_refused_and_not_cut() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("ca.pem"), vec![b'x'; MOST_BYTES as usize + 1]).unwrap();
        let error = settings(&far(folder.path())).unwrap_err();
        assert!(error.to_string().contains("longer than") && error.exit() == Exit::Usage, "{error}");
    }

    #[test]
    fn the_sandbox_has_none() {
        assert!(settings(&connection(Endpoint::Sandbox)).unwrap().is_none());
    }
}
