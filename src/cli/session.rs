//! One movement, opened: plan file, operator's file, cluster, record, lease. What every command but the offline ones stands on.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use uuid::Uuid;

use super::context::Context;
use super::error::Error;
use super::exit::Exit;
use super::files::read_plan_file;
use crate::clock::{Clock, SystemClock};
use crate::cluster::error::{ClusterError, ErrorKind};
use crate::cluster::port::{Ask, Facts, Query, Reader};
use crate::cluster::vtctld::{ClientCertificate, Cluster, ConnectionSettings, Credentials, SqlReads, TlsSettings, Vtctld};
use crate::family::move_tables::MoveTables;
use crate::family::{Family, SituationKind};
use crate::finding::Finding;
use crate::model::digest::Digest;
use crate::model::name::TableName;
use crate::operator::{self, Connection, CredentialsSource, Endpoint, TlsFiles};
use crate::plan::checks;
use crate::plan::document::ClusterName;
use crate::record::entry::{Actor, Goal, What};
use crate::record::file::FileStore;
use crate::record::file_system::{HostFileSystem, ThreadSleeper};
use crate::record::lease::{LeaseInfo, LeaseKey, Leases, lease_folder};
use crate::record::progress::Progress;
use crate::record::store::{NewEntry, Record, RecordStore};
use crate::record::who;
use crate::spec::{self, Movement, Problem, Spec, TableSelection};

pub struct Session {
    pub file: PathBuf,
    pub spec: Spec,
    pub connection: Connection,
    pub address: String,
    pub cluster: Arc<Cluster>,
    pub clock: Arc<dyn Clock>,
    pub store: FileStore,
    pub record: Option<Record>,
    pub movement: MoveTables,
    pub actor: Actor,
    pub leases: Leases,
    /// What this cluster is, for the two keyspaces of the movement.
    pub fingerprint: Digest,
    command: &'static str,
}

/// What a command needs of the record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wants {
    /// It may or may not be there.
    Nothing,
    /// There must be one.
    Record,
}

impl Session {
    /// Opens a movement: reads files, and looks at the cluster once.
    pub async fn open(context: &mut Context, file: &Path, command: &'static str, wants: Wants) -> Result<Self, Error> {
        let text = read_plan_file(file)?;
        let reading = spec::read(&text).map_err(|problems| bad_file(file, &text, problems))?;
        if !reading.warnings.is_empty() && !context.is_json() {
            context.ui.problems(&reading.warnings, &file.display().to_string(), Some(&text));
        }
        let spec = reading.spec;
        let connection = context.connection(&spec.cluster)?;
        let (settings, address) = settings(&connection)?;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let vtctld = Vtctld::connect(&settings)
            .map_err(|error| Error::ended(Exit::Usage, error, "see `cutover apply --help` under Cluster"))?;
        let sql = match (context.global.no_sql, context.global.deep) {
            (true, _) => SqlReads::Forbidden,
            (false, deep) => {
                if deep {
                    SqlReads::DEEP
                } else {
                    SqlReads::BOUNDED
                }
            }
        };
        let cluster = Arc::new(Cluster::new(vtctld, clock.clone()).with_sql(sql));
        let store = store_of(file, connection.config.as_ref().and_then(|config| config.record_dir.clone()));
        let record = store.load().map_err(Error::record)?;
        if record.is_none() && wants == Wants::Record {
            return Err(Error::ended(
                Exit::Refused,
                format!("there is no record `{}`: this movement was never begun from here", store.path().display()),
                "`cutover plan` shows what would happen, `cutover apply` begins",
            ));
        }
        let begun = record.as_ref().and_then(Record::begun);
        let Movement::MoveTables(options) = spec.movement.clone();
        let look = Query {
            keyspaces: [options.source_keyspace.clone(), options.target_keyspace.clone()].into(),
            asks: [Ask::TableNames(options.source_keyspace.clone())].into(),
            ..Query::default()
        };
        let facts = cluster.observe(&look).await.map_err(|error| Error::cluster(&error, &address))?;
        let tables = match &begun {
            Some(begun) => begun.tables.iter().filter_map(|name| TableName::new(name.clone()).ok()).collect(),
            None => resolve_tables(&options.tables, &facts, &look, &options.source_keyspace)?,
        };
        let fingerprint = facts.fingerprint(&[&options.source_keyspace, &options.target_keyspace]);
        if let Some(wanted) = connection.config.as_ref().and_then(|config| config.fingerprint.as_ref())
            && wanted != fingerprint.as_str()
        {
            return Err(Error::ended(
                Exit::Stale,
                format!(
                    "`{}` at {address} is not the cluster that the operator's file means: its fingerprint is {fingerprint}",
                    spec.cluster
                ),
                "check the address; if the cluster was rebuilt or resharded, write its new fingerprint into the operator's file",
            ));
        }
        if let Some(record) = &record {
            record.belongs_to(spec.workflow.as_str(), &spec.cluster, Some(fingerprint.as_str())).map_err(Error::record)?;
        }
        let user = context.environment.user.clone();
        Ok(Self {
            file: file.to_owned(),
            movement: MoveTables { spec: spec.clone(), options, tables },
            spec,
            connection,
            address,
            cluster,
            clock,
            store,
            record,
            actor: who::this_process(user.as_deref()),
            leases: Leases::new(lease_folder(
                context.environment.runtime_folder.as_deref(),
                &std::env::temp_dir(),
                rustix::process::getuid().as_raw(),
            )),
            fingerprint,
            command,
        })
    }

    pub fn progress(&self) -> Progress {
        self.record.as_ref().map(Record::progress).unwrap_or_default()
    }

    pub fn cluster_name(&self) -> ClusterName {
        ClusterName { alias: self.spec.cluster.clone(), address: self.address.clone(), fingerprint: self.fingerprint.to_string() }
    }

    pub fn intent(&self) -> Digest {
        self.spec.intent_digest(&self.movement.tables)
    }

    /// Looks at everything that plan and status show, and what the checks of the phases ahead need.
    pub async fn look(&self) -> Result<Facts, Error> {
        let progress = self.progress();
        let mut more = self.movement.query();
        for phase in self.movement.phases() {
            more.merge(self.movement.query_for(&phase.id, &progress));
        }
        let ahead: Vec<_> = self.movement.phases().into_iter().map(|phase| phase.id).collect();
        let result = checks::look(self.cluster.as_ref(), &self.movement, &ahead, more).await;
        result.map_err(|error| Error::cluster(&error, &self.address))
    }

    /// What the operator's file forbids.
    pub fn guards(&self) -> Vec<Finding> {
        self.connection.config.as_ref().map(|config| operator::guards(&self.spec, config)).unwrap_or_default()
    }

    /// Appends to the record, beginning it if there is none.
    pub fn append(&mut self, whats: Vec<What>) -> Result<(), Error> {
        let at = self.clock.now();
        let serial = self.record.as_ref().map_or(0, Record::serial);
        let entries = whats.into_iter().map(|what| NewEntry { at, by: self.actor.clone(), what }).collect();
        self.record = Some(self.store.append(serial, entries).map_err(Error::record)?);
        Ok(())
    }

    /// Refuses to begin a record where a workflow of that name lives: it is somebody's, or ours and its lockfile is gone. Before anything
    /// is written, for a new record would take the place of the last copy of the old one too.
    pub async fn refuse_foreign(&self) -> Result<(), Error> {
        if self.record.is_some() {
            return Ok(());
        }
        let facts = self.cluster.observe(&self.movement.query()).await.map_err(|error| Error::cluster(&error, &self.address))?;
        let situation = self.movement.situation(&facts, &self.progress());
        if situation.kind != SituationKind::Foreign {
            return Ok(());
        }
        let lockfile = self.store.path();
        let last_good = crate::record::error::last_good(&lockfile);
        let is_of_this = |record: &Record| {
            record.belongs_to(self.spec.workflow.as_str(), &self.spec.cluster, Some(self.fingerprint.as_str())).is_ok()
        };
        let help = if self.store.last_written().as_ref().is_some_and(is_of_this) {
            format!(
                "this host wrote a record of it here once; if it is this movement's: `cp {} {}`",
                last_good.display(),
                lockfile.display()
            )
        } else {
            format!(
                "it is not ours to touch. Choose another `workflow` name, or run this where its `{}` lies",
                file_name(&lockfile)
            )
        };
        Err(Error::ended(Exit::Refused, format!("C402 workflow: {}", situation.words), help))
    }

    /// Begins the record, or takes an edited plan file up into it.
    pub fn begin(&mut self) -> Result<(), Error> {
        let bytes = crate::driver::bytes_of(&self.spec);
        let digest = self.store.kept().keep(&bytes).map_err(Error::record)?;
        let intent = self.intent();
        let Some(record) = &self.record else {
            return self.append(vec![
                What::Begun {
                    workflow: self.spec.workflow.to_string(),
                    cluster: self.spec.cluster.clone(),
                    fingerprint: self.fingerprint.to_string(),
                    intent,
                    frozen: self.spec.frozen_digest(),
                    tables: self.movement.tables.iter().map(ToString::to_string).collect(),
                    spec: Some(digest),
                },
                What::Goal { goal: Goal::Forward, reason: None },
            ]);
        };
        let progress = record.progress();
        let before: Option<Spec> = progress
            .spec
            .as_ref()
            .and_then(|digest| self.store.kept().fetch(digest).ok())
            .and_then(|bytes| serde_json::from_slice(&bytes).ok());
        self.refuse_frozen_edits(&progress, before.as_ref())?;
        if progress.intent.as_ref() == Some(&intent) {
            return Ok(());
        }
        // Without the old meaning, every approval is void.
        let gates = match &before {
            Some(before) => before.gates_that_differ(&self.spec),
            None => self.spec.gates.keys().cloned().collect(),
        };
        self.append(vec![What::Edited { intent, gates, spec: Some(digest) }])
    }

    fn refuse_frozen_edits(&self, progress: &Progress, before: Option<&Spec>) -> Result<(), Error> {
        let Some(begun) = &progress.begun else { return Ok(()) };
        if begun.frozen == self.spec.frozen_digest() {
            return Ok(());
        }
        let changes: Vec<String> = before
            .map(|before| before.frozen_changes(&self.spec))
            .unwrap_or_default()
            .into_iter()
            .map(|change| format!("`{}` was {} and is {}", change.path, change.was, change.is))
            .collect();
        let what = if changes.is_empty() {
            "`workflow`, `cluster` or `[move-tables]` was edited".to_owned()
        } else {
            changes.join("; ")
        };
        Err(Error::ended(
            Exit::Stale,
            format!("the movement is under way, and what it moves can't be edited any more: {what}"),
            format!(
                "put it back in `{}`; or end this movement first: `cutover cancel --confirm {}`",
                self.file.display(),
                begun.workflow
            ),
        ))
    }

    /// The lease, taken just before acting. A run of `apply` also has one for its whole life, under another key.
    pub fn lease_key(&self, suffix: &str) -> LeaseKey {
        LeaseKey {
            cluster_fingerprint: self.progress().begun.map_or_else(|| self.fingerprint.to_string(), |begun| begun.fingerprint),
            target_keyspace: self.movement.target().to_string(),
            workflow: format!("{}{suffix}", self.spec.workflow),
        }
    }

    pub fn lease_info(&self) -> LeaseInfo {
        LeaseInfo {
            who: self.actor.user.clone(),
            host: self.actor.host.clone(),
            pid: self.actor.process,
            operation: self.command.to_owned(),
            since: Timestamp::now(),
        }
    }

    pub fn command(&self) -> &'static str {
        self.command
    }
}

fn file_name(path: &Path) -> String {
    path.file_name().map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned())
}

pub fn bad_file(file: &Path, text: &str, problems: Vec<Problem>) -> Error {
    Error::BadFile { file: file.to_owned(), text: Some(text.to_owned()), problems }
}

/// The record's store: beside the plan file, or in the operator's `record-dir`; `workflow.toml` has `workflow.lock`.
pub fn store_of(file: &Path, record_folder: Option<PathBuf>) -> FileStore {
    let stem = file.file_stem().map_or_else(|| "workflow".into(), |stem| stem.to_string_lossy().into_owned());
    let beside =
        file.parent().filter(|parent| !parent.as_os_str().is_empty()).map_or_else(|| PathBuf::from("."), Path::to_path_buf);
    let folder = record_folder.unwrap_or(beside);
    FileStore::new(Arc::new(HostFileSystem), Arc::new(ThreadSleeper), folder, format!("{stem}.lock"), Uuid::new_v4())
}

fn resolve_tables(
    selection: &TableSelection,
    facts: &Facts,
    look: &Query,
    source: &crate::model::name::KeyspaceName,
) -> Result<Vec<TableName>, Error> {
    let excluded = match selection {
        TableSelection::Named(names) => return Ok(names.clone()),
        TableSelection::AllBut(excluded) => excluded,
    };
    let ask = look.asks.iter().next().cloned().unwrap_or(Ask::TableNames(source.clone()));
    let by_shard = facts.table_names(&ask).map_err(|unread| {
        Error::ended(
            Exit::Refused,
            format!("the tables of `{source}` could not be read: {unread}"),
            "name them in `move-tables.tables`",
        )
    })?;
    let names: std::collections::BTreeSet<&String> = by_shard.values().flatten().collect();
    let mut tables = Vec::new();
    for name in names {
        if excluded.iter().any(|table| table.as_str() == name) {
            continue;
        }
        tables.push(TableName::new(name.clone()).map_err(|why| {
            Error::ended(
                Exit::Refused,
                format!("the table name `{name}` of `{source}` {why}"),
                "exclude it with `move-tables.exclude-tables`",
            )
        })?);
    }
    if tables.is_empty() {
        return Err(Error::ended(
            Exit::Refused,
            format!("`{source}` has no table to move"),
            "check `move-tables.source-keyspace`",
        ));
    }
    Ok(tables)
}

/// Reads what the connection names: certificates, keys, credentials.
pub fn settings(connection: &Connection) -> Result<(ConnectionSettings, String), Error> {
    let Endpoint::Vtctld { address, insecure, tls, credentials } = &connection.endpoint else {
        return Err(Error::usage(
            "the built-in sandbox is not in this version",
            "name a cluster of the operator's file, or pass `--vtctld host:port` with another alias in the plan file",
        ));
    };
    let read = |path: &Path| {
        std::fs::read_to_string(path).map_err(|error| Error::Unreadable {
            file: path.to_owned(),
            why: error.to_string(),
            help: "it was named for the connection to vtctld".into(),
        })
    };
    let tls = match tls {
        None => None,
        Some(TlsFiles { ca, client, server_name }) => Some(TlsSettings {
            certificate_authority: ca.as_deref().map(read).transpose()?,
            client_certificate: match client {
                None => None,
                Some((certificate, key)) => Some(ClientCertificate { certificate: read(certificate)?, key: read(key)?.into() }),
            },
            server_name: server_name.clone(),
        }),
    };
    let json = match credentials {
        None => None,
        Some(CredentialsSource::File(path)) => Some(secrecy::SecretString::from(read(path)?)),
        Some(CredentialsSource::Text(text)) => Some(text.clone()),
    };
    let credentials =
        json.map(|json| Credentials::from_json(secrecy::ExposeSecret::expose_secret(&json))).transpose().map_err(|error| {
            Error::ended(Exit::Usage, error, "a JSON object with `Username` and `Password`, as vtctldclient reads it")
        })?;
    let settings = ConnectionSettings { address: address.to_string(), insecure: *insecure, tls, credentials };
    Ok((settings, address.to_string()))
}

impl Error {
    pub fn ended(exit: Exit, message: impl ToString, help: impl Into<String>) -> Self {
        Self::Ended { exit, message: message.to_string(), help: help.into() }
    }

    pub fn cluster(error: &ClusterError, address: &str) -> Self {
        let (exit, help) = match error.kind {
            ErrorKind::Unreachable | ErrorKind::DeadlineExceeded => {
                let Finding { code, subject, summary, help, .. } = checks::unreachable(&error.to_string(), address);
                return Self::ended(Exit::Unreachable, format!("{code} {subject}: {summary}"), help);
            }
            ErrorKind::Unauthenticated | ErrorKind::PermissionDenied => (
                Exit::NotAllowed,
                "vtctld wants other credentials: `--credentials-file`, $CUTOVER_VTCTLD_CREDENTIALS, or the operator's file"
                    .to_owned(),
            ),
            _ => (Exit::Failed, "`cutover status` shows where the movement stands".to_owned()),
        };
        Self::ended(exit, error, help)
    }

    pub fn record(error: crate::record::error::RecordError) -> Self {
        let exit = Exit::ALL.into_iter().find(|exit| exit.code() == error.exit_code()).unwrap_or(Exit::Failed);
        let help = error.help();
        Self::ended(exit, chain(&error), help)
    }

    pub fn lease(error: crate::record::lease::LeaseError) -> Self {
        let exit = Exit::ALL.into_iter().find(|exit| exit.code() == error.exit_code()).unwrap_or(Exit::Failed);
        let help = error.help();
        Self::ended(exit, chain(&error), help)
    }
}

/// An error with what caused it.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(&format!(": {cause}"));
        source = cause.source();
    }
    text
}
