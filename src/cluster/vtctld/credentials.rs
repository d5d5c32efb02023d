//! The user name and the password of vtctld's static authentication.

use std::fmt;

use secrecy::{ExposeSecret as _, SecretString};
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::{Request, Status};

/// Neither part of it is ever shown.
#[derive(Clone)]
pub struct Credentials {
    pub username: String,
    pub password: SecretString,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CredentialsError {
    /// The text of the JSON error is left out: it may quote the password.
    #[error(
        "the credentials are not a JSON object like {{\"Username\": \"…\", \"Password\": \"…\"}} (line {line}, column {column})"
    )]
    Json { line: usize, column: usize },
    #[error("the {0} holds a character that cannot be sent: only visible ASCII characters can")]
    NotAscii(&'static str),
}

impl Credentials {
    /// Reads what vtctldclient's `--grpc-auth-static-client-creds` reads (`go/vt/grpcclient/client_auth_static.go`): one
    /// object, not the server's list.
    ///
    /// # Errors
    /// When it is no such object.
    pub fn from_json(json: &str) -> Result<Self, CredentialsError> {
        #[derive(serde::Deserialize)]
        struct File {
            // Go takes the keys in any case.
            #[serde(rename = "Username", alias = "username")]
            username: String,
            #[serde(rename = "Password", alias = "password")]
            password: String,
        }
        let file: File =
            serde_json::from_str(json).map_err(|error| CredentialsError::Json { line: error.line(), column: error.column() })?;
        Ok(Self { username: file.username, password: file.password.into() })
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(not shown)")
    }
}

/// Puts the credentials, if there are any, on each call, as the headers `username` and `password`
/// (`go/vt/servenv/grpc_server_auth_static.go`).
#[derive(Clone)]
pub struct SignCalls(Option<[(&'static str, MetadataValue<Ascii>); 2]>);

impl SignCalls {
    /// # Errors
    /// When a part can't be a header.
    pub fn new(credentials: Option<&Credentials>) -> Result<Self, CredentialsError> {
        let header = |name: &'static str, value: &str| {
            let mut value: MetadataValue<Ascii> = value.parse().map_err(|_| CredentialsError::NotAscii(name))?;
            // Kept out of the compression table of HTTP/2, and out of Debug.
            value.set_sensitive(true);
            Ok((name, value))
        };
        let headers = match credentials {
            Some(credentials) => {
                Some([header("username", &credentials.username)?, header("password", credentials.password.expose_secret())?])
            }
            None => None,
        };
        Ok(Self(headers))
    }
}

impl fmt::Debug for SignCalls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "SignCalls(not shown)" } else { "SignCalls(none)" })
    }
}

impl Interceptor for SignCalls {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        for (name, value) in self.0.iter().flatten() {
            request.metadata_mut().insert(*name, value.clone());
        }
        Ok(request)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vtctldclients_file_is_read() {
        let credentials = Credentials::from_json(r#"{"Username": "plan", "Password": "hunter2", "Other": 1}"#).unwrap();
        assert_eq!(credentials.username, "plan");
        assert_eq!(credentials.password.expose_secret(), "hunter2");
    }

    #[test]
    fn nothing_of_the_file_is_in_errors() {
        for json in [
            r#"[{"Username": "plan", "Password": "hunter2"}]"#,
            r#"{"Username": "plan", "Password": ["hunter2"]}"#,
            r#""hunter2""#,
            r#"{"Username": "hunter2""#,
        ] {
            let error = Credentials::from_json(json).unwrap_err();
            assert!(!format!("{error} {error:?}").contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn nothing_is_shown() {
        let credentials = Credentials { username: "plan".to_owned(), password: "hunter2".into() };
        let sign = SignCalls::new(Some(&credentials)).unwrap();
        let mut request = sign.clone().call(Request::new(())).unwrap();
        assert_eq!(request.metadata().get("password").unwrap(), "hunter2");
        let shown = format!("{credentials:?} {sign:?} {request:?}");
        assert!(!shown.contains("hunter2") && !shown.contains("plan"), "{shown}");
        request.metadata_mut().clear();
    }

    #[test]
    fn what_no_header_can_hold_is_refused() {
        let credentials = Credentials { username: "plan".to_owned(), password: "hunter2\n".into() };
        let error = SignCalls::new(Some(&credentials)).unwrap_err();
        assert_eq!(error, CredentialsError::NotAscii("password"));
    }
}
