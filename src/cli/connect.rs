//! From where a cluster is to what the client needs: certificates and credentials, read from their files.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use secrecy::{ExposeSecret as _, SecretString};

use super::error::Error;
use super::exit::Exit;
use crate::cluster::vtctld::{ClientCertificate, ConnectionSettings, Credentials, TlsSettings};
use crate::operator::{CredentialsSource, Endpoint};

/// Chains of certificates are a few kilobytes.
const MOST_BYTES: u64 = 1024 * 1024;

/// The settings of the client; none for the sandbox. Errors never hold what a secret file says.
pub fn settings(endpoint: &Endpoint) -> Result<Option<ConnectionSettings>, Error> {
    let Endpoint::Vtctld { address, insecure, tls, credentials } = endpoint else { return Ok(None) };
    let tls = tls.as_ref().map(|files| -> Result<TlsSettings, Error> {
        let client = files.client.as_ref().map(|(certificate, key)| -> Result<ClientCertificate, Error> {
            Ok(ClientCertificate { certificate: read(certificate)?, key: SecretString::from(read(key)?) })
        });
        Ok(TlsSettings {
            certificate_authority: files.ca.as_deref().map(read).transpose()?,
            client_certificate: client.transpose()?,
            server_name: files.server_name.clone(),
        })
    });
    Ok(Some(ConnectionSettings {
        address: address.to_string(),
        insecure: *insecure,
        tls: tls.transpose()?,
        credentials: credentials.as_ref().map(read_credentials).transpose()?,
    }))
}

fn read_credentials(source: &CredentialsSource) -> Result<Credentials, Error> {
    let (json, place) = match source {
        CredentialsSource::File(path) => (SecretString::from(read(path)?), path.display().to_string()),
        CredentialsSource::Text(json) => (json.clone(), "CUTOVER_VTCTLD_CREDENTIALS".to_owned()),
    };
    Credentials::from_json(json.expose_secret()).map_err(|error| Error::Ended {
        exit: Exit::Usage,
        message: format!("{place}: {error}"),
        help: String::new(),
    })
}

fn read(path: &Path) -> Result<String, Error> {
    let mut text = String::new();
    let done = File::open(path).and_then(|file| file.take(MOST_BYTES).read_to_string(&mut text));
    match done {
        Ok(_) => Ok(text),
        Err(error) => Err(Error::Ended {
            exit: Exit::Usage,
            message: format!("can't read {}: {error}", path.display()),
            help: "it is named by a flag, the environment or the operator's config.toml".to_owned(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operator::TlsFiles;

    fn endpoint(folder: &Path) -> Endpoint {
        Endpoint::Vtctld {
            address: "far:1".parse().unwrap(),
            insecure: false,
            tls: Some(TlsFiles { ca: Some(folder.join("ca.pem")), ..Default::default() }),
            credentials: Some(CredentialsSource::File(folder.join("c.json"))),
        }
    }

    #[test]
    fn files_are_read_and_secrets_are_never_shown() {
        let folder = tempfile::tempdir().unwrap();
        let error = settings(&endpoint(folder.path())).unwrap_err();
        assert!(error.to_string().contains("ca.pem") && error.exit() == Exit::Usage);

        std::fs::write(folder.path().join("ca.pem"), "PEM").unwrap();
        std::fs::write(folder.path().join("c.json"), "{\"Username\": \"u\", \"Password\": geheim}").unwrap();
        let error = settings(&endpoint(folder.path())).unwrap_err();
        assert!(error.to_string().contains("c.json") && !error.to_string().contains("geheim"), "{error}");

        std::fs::write(folder.path().join("c.json"), "{\"Username\": \"u\", \"Password\": \"geheim\"}").unwrap();
        let found = settings(&endpoint(folder.path())).unwrap().unwrap();
        assert_eq!(found.tls.as_ref().unwrap().certificate_authority.as_deref(), Some("PEM"));
        assert!(found.credentials.is_some() && !format!("{found:?}").contains("geheim"));
    }

    #[test]
    fn the_sandbox_needs_none() {
        assert!(settings(&Endpoint::Sandbox).unwrap().is_none());
    }
}
