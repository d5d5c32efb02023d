//! The environment, read once and in one place; everything else is given values.

use std::ffi::OsString;
use std::path::PathBuf;

use crate::operator::{ConnectionSource, CredentialsSource};

/// What the environment says.
#[derive(Debug, Clone, Default)]
pub struct Environment {
    pub connection: ConnectionSource,
    /// `CUTOVER_CONFIG`: the operator's file, which must then exist.
    pub config: Option<PathBuf>,
    /// Where the operator's file lies when nothing says so.
    pub default_config: Option<PathBuf>,
    /// `CUTOVER_LOG`.
    pub log: Option<String>,
    /// `CI` is set: no prompts, no animations.
    pub ci: bool,
    /// `GITHUB_ACTIONS`: what is found is annotated in the log.
    pub annotates: bool,
    /// `GITHUB_STEP_SUMMARY`: what is shown of a step.
    pub step_summary: Option<PathBuf>,
    /// The terminal may be sent box characters.
    pub unicode: bool,
    /// `USER`, or in a pipeline `GITHUB_ACTOR`: who acts, for the record.
    pub user: Option<String>,
    /// `CUTOVER_LEASE_FOLDER`: leases apart from those of the host. For tests; whoever acts on a movement must have the same.
    pub lease_folder: Option<PathBuf>,
    /// `CUTOVER_SANDBOX_CLOCK`: `jump` lets the sandbox's time jump to the next thing that is waited for. For tests.
    pub sandbox_clock: Option<String>,
    /// `COLUMNS`.
    pub columns: Option<usize>,
}

impl Environment {
    /// The environment of this process.
    pub fn of_process() -> Self {
        Self::of(|name| std::env::var_os(name))
    }

    /// From a look-up of variables. Empty ones count as unset.
    pub fn of(look_up: impl Fn(&str) -> Option<OsString>) -> Self {
        let get = |name: &str| look_up(name).filter(|value| !value.is_empty());
        let text = |name: &str| get(name).map(|value| value.to_string_lossy().into_owned());
        let path = |name: &str| get(name).map(PathBuf::from);
        let is_true = |name: &str| text(name).is_some_and(|value| !matches!(value.as_str(), "0" | "false" | "no"));
        let credentials = text("CUTOVER_VTCTLD_CREDENTIALS").map(|value| {
            // A path, or for CI systems that keep secrets in variables the JSON itself.
            if value.trim_start().starts_with('{') {
                CredentialsSource::Text(value.into())
            } else {
                CredentialsSource::File(value.into())
            }
        });
        let default_config = path("XDG_CONFIG_HOME")
            .filter(|folder| folder.is_absolute())
            .or_else(|| path("HOME").map(|home| home.join(".config")))
            .map(|folder| folder.join("cutover").join("config.toml"));
        let locale = text("LC_ALL").or_else(|| text("LC_CTYPE")).or_else(|| text("LANG")).unwrap_or_default();
        Self {
            connection: ConnectionSource {
                vtctld: text("CUTOVER_VTCTLD"),
                insecure: is_true("CUTOVER_VTCTLD_INSECURE"),
                tls_ca: path("CUTOVER_VTCTLD_CA"),
                tls_cert: path("CUTOVER_VTCTLD_CERT"),
                tls_key: path("CUTOVER_VTCTLD_KEY"),
                tls_server_name: text("CUTOVER_VTCTLD_SERVER_NAME"),
                credentials,
            },
            config: path("CUTOVER_CONFIG"),
            default_config,
            log: text("CUTOVER_LOG"),
            ci: is_true("CI"),
            annotates: is_true("GITHUB_ACTIONS"),
            step_summary: path("GITHUB_STEP_SUMMARY"),
            unicode: !(matches!(locale.as_str(), "C" | "POSIX") || text("TERM").is_some_and(|term| term == "dumb")),
            user: text("GITHUB_ACTOR").or_else(|| text("USER")),
            lease_folder: path("CUTOVER_LEASE_FOLDER"),
            sandbox_clock: text("CUTOVER_SANDBOX_CLOCK"),
            columns: text("COLUMNS").and_then(|columns| columns.parse().ok()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(variables: &[(&str, &str)]) -> Environment {
        Environment::of(|name| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| value.into()))
    }

    #[test]
    fn the_operators_file_has_its_usual_places() {
        let at = |variables: &[(&str, &str)]| of(variables).default_config.map(|path| path.display().to_string());
        assert_eq!(at(&[("HOME", "/home/o")]).as_deref(), Some("/home/o/.config/cutover/config.toml"));
        assert_eq!(at(&[("HOME", "/home/o"), ("XDG_CONFIG_HOME", "/x")]).as_deref(), Some("/x/cutover/config.toml"));
        assert_eq!(at(&[("HOME", "/home/o"), ("XDG_CONFIG_HOME", "x")]).as_deref(), Some("/home/o/.config/cutover/config.toml"));
        assert_eq!(at(&[]), None);
    }

    #[test]
    fn time_jumps_only_where_it_is_said() {
        let jumps = |variables: &[(&str, &str)]| of(variables).sandbox_clock;
        assert_eq!(jumps(&[("CUTOVER_SANDBOX_CLOCK", "jump")]).as_deref(), Some("jump"));
        assert_eq!(jumps(&[("CUTOVER_SANDBOX_CLOCK", "")]), None);
    }

    #[test]
    fn credentials_are_a_file_or_the_json_itself() {
        let credentials = |value: &str| of(&[("CUTOVER_VTCTLD_CREDENTIALS", value)]).connection.credentials;
        assert_eq!(credentials("/run/c.json"), Some(CredentialsSource::File("/run/c.json".into())));
        assert!(matches!(credentials(" {\"Username\": \"u\"}"), Some(CredentialsSource::Text(_))));
        assert_eq!(credentials(""), None);
        let shown = format!("{:?}", of(&[("CUTOVER_VTCTLD_CREDENTIALS", "{\"Password\": \"geheim\"}")]));
        assert!(!shown.contains("geheim"), "{shown}");
    }
}
