//! Flags that every command takes.

use std::path::PathBuf;

use clap::{ArgAction, Args, ColorChoice, ValueEnum};

use crate::operator::{ConnectionSource, CredentialsSource};

/// How to say what there is to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    Human,
    /// For programs: the schemas are those of `cutover schema`.
    Json,
    /// For pull requests; `plan` and `history` only.
    Markdown,
}

#[derive(Debug, Clone, Args)]
pub struct Global {
    /// How to say it
    #[arg(long, global = true, value_enum, default_value = "human", help_heading = "Output")]
    pub format: Format,
    /// Use colours
    ///
    /// `auto` is when the stream is a terminal and neither NO_COLOR nor TERM=dumb is set.
    #[arg(long, global = true, default_value = "auto", value_name = "WHEN", help_heading = "Output")]
    pub color: ColorChoice,
    /// Leave out what is not an answer, a warning or an error
    #[arg(short, long, global = true, help_heading = "Output")]
    pub quiet: bool,
    /// Print a log for debugging on stderr; twice for more
    #[arg(short, long, global = true, action = ArgAction::Count, conflicts_with = "quiet", help_heading = "Output")]
    pub verbose: u8,

    /// The operator's file
    ///
    /// Otherwise $CUTOVER_CONFIG, or config.toml in $XDG_CONFIG_HOME/cutover or ~/.config/cutover.
    #[arg(long, global = true, value_name = "FILE", help_heading = "Cluster")]
    pub config: Option<PathBuf>,
    /// Read no table with SQL
    ///
    /// What only SQL can answer is then inconclusive.
    #[arg(long, global = true, help_heading = "Cluster")]
    pub no_sql: bool,
    /// Set by commands that have `--deep`.
    #[arg(skip)]
    pub deep: bool,
    /// Where vtctld answers gRPC
    ///
    /// Otherwise $CUTOVER_VTCTLD, or what the operator's file says about the cluster that the plan file names. The flags below
    /// and their variables go with this address; those of the operator's file go only with the address that stands there.
    #[arg(long, global = true, value_name = "HOST:PORT", help_heading = "Cluster")]
    pub vtctld: Option<String>,
    /// Allow plaintext to another machine; never together with credentials
    #[arg(long, global = true, help_heading = "Cluster")]
    pub insecure: bool,
    /// A PEM file with the authorities that may vouch for vtctld [$CUTOVER_VTCTLD_CA]
    #[arg(long, global = true, value_name = "FILE", help_heading = "Cluster")]
    pub tls_ca: Option<PathBuf>,
    /// A PEM file with our own certificate [$CUTOVER_VTCTLD_CERT]
    #[arg(long, global = true, value_name = "FILE", help_heading = "Cluster")]
    pub tls_cert: Option<PathBuf>,
    /// The PEM file with its key [$CUTOVER_VTCTLD_KEY]
    #[arg(long, global = true, value_name = "FILE", help_heading = "Cluster")]
    pub tls_key: Option<PathBuf>,
    /// The name that vtctld's certificate bears [$CUTOVER_VTCTLD_SERVER_NAME]
    #[arg(long, global = true, value_name = "NAME", help_heading = "Cluster")]
    pub tls_server_name: Option<String>,
    /// A JSON file with Username and Password [$CUTOVER_VTCTLD_CREDENTIALS]
    #[arg(long, global = true, value_name = "FILE", help_heading = "Cluster")]
    pub credentials_file: Option<PathBuf>,
}

impl Global {
    /// What the flags say about the connection.
    pub fn connection(&self) -> ConnectionSource {
        ConnectionSource {
            vtctld: self.vtctld.clone(),
            insecure: self.insecure,
            tls_ca: self.tls_ca.clone(),
            tls_cert: self.tls_cert.clone(),
            tls_key: self.tls_key.clone(),
            tls_server_name: self.tls_server_name.clone(),
            credentials: self.credentials_file.clone().map(CredentialsSource::File),
        }
    }
}
