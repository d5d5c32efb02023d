//! One movement, opened: plan file, operator's file, cluster, record, lease. What every command but the offline ones stands on.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::connect::{self, Reached};
use super::context::Context;
use super::error::Error;
use super::exit::Exit;
use super::files::read_plan_file;
use super::planning::Planning;
use super::survey::Ward;
use super::take_up::{last_written_of, put_back, spec_on_record, store_of};
use crate::clock::Clock;
use crate::cluster::error::{ClusterError, ErrorKind};
use crate::cluster::fingerprint::Fingerprint;
use crate::cluster::port::{Ask, Facts, Query, Reader};
use crate::cluster::topo::Topology;
use crate::cluster::vtctld::{Cluster, SqlReads};
use crate::family::Family;
use crate::family::move_tables::MoveTables;
use crate::finding::Finding;
use crate::model::digest::Digest;
use crate::model::name::TableName;
use crate::operator::{self, Connection};
use crate::plan::checks;
use crate::plan::document::ClusterName;
use crate::record::entry::Actor;
use crate::record::file::FileStore;
use crate::record::kept;
use crate::record::lease::{Lease, LeaseError, LeaseInfo, LeaseKey, Leases, lease_folder};
use crate::record::progress::Progress;
use crate::record::store::Record;
use crate::record::who;
use crate::report::command::for_file;
use crate::report::on_record;
use crate::spec::{self, MoveTablesSpec, Movement, Problem, Reading, Spec, TableSelection};

pub struct Session {
    pub file: PathBuf,
    pub spec: Spec,
    pub connection: Connection,
    pub address: String,
    pub cluster: Arc<Cluster>,
    /// The topology server behind the vtctld, where the operator's file gives it.
    pub topology: Option<Arc<dyn Topology>>,
    pub clock: Arc<dyn Clock>,
    pub is_sandbox: bool,
    pub store: FileStore,
    pub record: Option<Record>,
    pub movement: MoveTables,
    pub actor: Actor,
    leases: Leases,
    /// What this cluster is, for the two keyspaces of the movement.
    pub fingerprint: Fingerprint,
    command: &'static str,
    /// The plan file can't be read, and what it meant when it was last taken up stands in its place.
    pub is_by_the_record: bool,
    /// Of the look that opened it, until somebody goes on with it.
    pub(super) seen: FirstLook,
}

/// What came of the look that opened a movement.
pub enum FirstLook {
    /// There was none, or it is too old.
    None,
    /// What was asked for and found.
    Found(Box<(Query, Facts)>),
    /// Everything but the streams, and why not those.
    WithoutStreams(ClusterError),
}

/// A movement that was found in a cluster, and where its record lies.
pub struct Found {
    /// The plan file, for the commands that messages name.
    pub file: PathBuf,
    pub movement: MoveTables,
    pub store: FileStore,
    pub record: Option<Record>,
}

/// What a command needs of the record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wants {
    /// It may or may not be there.
    Nothing,
    /// There must be one.
    Record,
}

/// What a missing record means to a command that needs one.
pub const NEVER_BEGUN: &str = "this movement was never begun from here";

/// There is none: `otherwise` says what that means on a host that never wrote one.
pub fn no_record(store: &FileStore, spec: &Spec, file: &Path, otherwise: &str) -> Error {
    let path = store.path();
    if last_written_of(store, spec, None).is_some() {
        return Error::ended(
            Exit::Refused,
            format!("the record `{}` is gone", path.display()),
            format!(
                "this host wrote one here once; if it is this movement's: `{}`, then run the same command again",
                put_back(store)
            ),
        );
    }
    let [plan, apply] = ["cutover plan", "cutover apply"].map(|command| for_file(command, file.to_str()));
    Error::ended(
        Exit::Refused,
        format!("there is no record `{}`: {otherwise}", path.display()),
        format!("`{plan}` shows what would happen, `{apply}` begins"),
    )
}

impl Session {
    /// Opens a movement: reads files, and looks at the cluster once.
    pub async fn open(context: &mut Context, file: &Path, command: &'static str, wants: Wants) -> Result<Self, Error> {
        let (spec, is_by_the_record) = match read_spec(context, file) {
            Err(error) if WITHOUT_THE_FILE.contains(&command) => (by_the_record(context, file, error)?, true),
            read => (read?, false),
        };
        let connection = context.connection(&spec.cluster)?;
        let Reached { vtctld, topology, address, clock, sandbox } = connect::reach(context, &connection, file)?;
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
        let cluster = Arc::new(Cluster::new(vtctld, clock.clone()).with_sql(sql).with_topology(topology.clone()));
        let record_folder = connection.record_folder();
        let store = store_of(file, record_folder, &spec);
        let record = store.load_newest().map_err(Error::record)?;
        if record.is_none() && wants == Wants::Record {
            return Err(no_record(&store, &spec, file, NEVER_BEGUN));
        }
        // As long as nothing was written, the plan file alone says what the movement is.
        let record_that_binds = record.as_ref().filter(|record| record.progress().is_bound());
        let Movement::MoveTables(options) = spec.movement.clone();
        let look = first_look(&spec, &options);
        let progress = record_that_binds.map(Record::progress).unwrap_or_default();
        let (facts, streams) = observe_with_or_without_streams(cluster.as_ref(), &look)
            .await
            .map_err(|error| Error::cluster(&error, &address, sandbox.is_some()).on_record(&progress))?;
        let tables = match record_that_binds.and_then(Record::begun) {
            Some(begun) => begun.tables.iter().filter_map(|name| TableName::new(name.clone()).ok()).collect(),
            None => resolve_tables(&options, &facts)?,
        };
        let fingerprint = facts.fingerprint(&[&options.source_keyspace, &options.target_keyspace]);
        let seen = match streams {
            Ok(()) => FirstLook::Found(Box::new((look, facts))),
            Err(error) => FirstLook::WithoutStreams(error),
        };
        refuse_another_cluster(&connection, &fingerprint, &address)?;
        if let Some(record) = record_that_binds {
            record.belongs_to(spec.workflow.as_str(), &spec.cluster, Some(&fingerprint)).map_err(Error::record)?;
        }
        let user = context.environment.user.clone();
        // Two sandboxes of the same shape are two clusters: nothing of theirs is the host's.
        let leases = match &sandbox {
            Some(place) => place.lease_folder(),
            None => context.environment.lease_folder.clone().unwrap_or_else(lease_folder),
        };
        Ok(Self {
            file: file.to_owned(),
            movement: MoveTables { spec: spec.clone(), options, tables },
            spec,
            connection,
            address,
            cluster,
            topology,
            clock,
            store,
            record,
            actor: who::this_process(user.as_deref()),
            leases: Leases::new(leases),
            is_sandbox: sandbox.is_some(),
            fingerprint,
            command,
            is_by_the_record,
            seen,
        })
    }

    /// Opens what was found in a cluster, with a record of its own or one that is known.
    ///
    /// # Errors
    /// When the operator's file, or the record, means another cluster.
    pub fn of_found(context: &Context, ward: &Ward, found: Found, facts: &Facts, command: &'static str) -> Result<Self, Error> {
        let Found { file, movement, store, record } = found;
        let fingerprint = facts.fingerprint(&[movement.source(), movement.target()]);
        refuse_another_cluster(&ward.connection, &fingerprint, &ward.address)?;
        if let Some(record) = record.as_ref().filter(|record| record.progress().is_bound()) {
            record
                .belongs_to(movement.spec.workflow.as_str(), &movement.spec.cluster, Some(&fingerprint))
                .map_err(Error::record)?;
        }
        let user = context.environment.user.clone();
        let leases = match &ward.sandbox {
            Some(place) => place.lease_folder(),
            None => context.environment.lease_folder.clone().unwrap_or_else(lease_folder),
        };
        Ok(Self {
            file,
            spec: movement.spec.clone(),
            movement,
            connection: ward.connection.clone(),
            address: ward.address.clone(),
            cluster: ward.cluster.clone(),
            topology: ward.topology.clone(),
            clock: ward.clock.clone(),
            store,
            record,
            actor: who::this_process(user.as_deref()),
            leases: Leases::new(leases),
            is_sandbox: ward.sandbox.is_some(),
            fingerprint,
            command,
            is_by_the_record: false,
            seen: FirstLook::None,
        })
    }

    pub fn progress(&self) -> Progress {
        self.record.as_ref().map(Record::progress).unwrap_or_default()
    }

    /// Whether anything was ever sent for this movement, or it was taken over.
    pub fn has_begun(&self) -> bool {
        self.record.as_ref().is_some_and(|record| record.progress().is_bound())
    }

    pub fn cluster_name(&self) -> ClusterName {
        ClusterName { alias: self.spec.cluster.clone(), address: self.address.clone(), fingerprint: self.fingerprint.to_string() }
    }

    pub fn intent(&self) -> Digest {
        self.spec.intent_digest(&self.movement.tables)
    }

    /// Looks at everything that plan and status show, and what the checks of the phases ahead need.
    ///
    /// The first time it goes on with the look that opened the movement.
    pub async fn look(&mut self) -> Result<Facts, Error> {
        let seen = match std::mem::replace(&mut self.seen, FirstLook::None) {
            FirstLook::None => None,
            FirstLook::Found(found) => Some(*found),
            FirstLook::WithoutStreams(error) => return Err(self.failed(&error)),
        };
        self.planning().look(Query::default(), seen).await.map_err(|error| self.failed(&error))
    }

    /// What a plan of this movement is made from.
    pub fn planning(&self) -> Planning<'_> {
        Planning {
            movement: &self.movement,
            reader: self.cluster.as_ref(),
            store: &self.store,
            progress: self.progress(),
            actor: &self.actor,
            cluster: self.cluster_name(),
        }
    }

    /// What the look found that opened the movement, until something is decided on it.
    pub fn opening_facts(&self) -> Option<&Facts> {
        match &self.seen {
            FirstLook::Found(found) => Some(&found.1),
            FirstLook::None | FirstLook::WithoutStreams(_) => None,
        }
    }

    /// One look at what every decision rests on.
    pub async fn observe(&self) -> Result<Facts, Error> {
        self.cluster.observe(&self.movement.query()).await.map_err(|error| self.failed(&error))
    }

    /// Why the cluster could not be asked, and where the movement stands on record.
    pub fn failed(&self, error: &ClusterError) -> Error {
        Error::cluster(error, &self.address, self.is_sandbox).on_record(&self.progress())
    }

    /// What the operator's file forbids of what is still ahead.
    pub fn guards(&self, facts: &Facts) -> Vec<Finding> {
        let Some(config) = &self.connection.config else { return vec![] };
        let situation = self.movement.situation(facts, &self.progress());
        operator::guards(&self.spec, config, &self.movement.phases_ahead(&situation))
    }

    /// Takes the lease, just before acting. A run of `apply` also has one for its whole life, under another key.
    pub fn take_lease(&self, suffix: &str) -> Result<Lease, LeaseError> {
        let info = LeaseInfo {
            who: self.actor.user.clone(),
            host: self.actor.host.clone(),
            pid: self.actor.process,
            operation: self.command.to_owned(),
            since: self.clock.now(),
        };
        // Before the record begins there is no place beside it, and nothing that may be written to the cluster.
        let leases = match &self.record {
            None => self.leases.clone(),
            Some(_) => self.leases.clone().beside(self.store.path().with_file_name(kept::FOLDER)),
        };
        leases.try_take(&self.lease_key(suffix), &info)
    }

    /// Who holds the lease, for people.
    pub fn lease_holder(&self, suffix: &str) -> Option<LeaseInfo> {
        self.leases.holder(&self.lease_key(suffix))
    }

    /// The same for every plan file of the movement, and when cells come and go.
    fn lease_key(&self, suffix: &str) -> LeaseKey {
        LeaseKey {
            cluster_fingerprint: self.fingerprint.shards_digest().to_string(),
            target_keyspace: self.movement.target().to_string(),
            workflow: format!("{}{suffix}", self.spec.workflow),
        }
    }

    pub fn command(&self) -> &'static str {
        self.command
    }
}

/// What an operator needs who has to get out of a movement, whatever somebody has done to its plan file.
const WITHOUT_THE_FILE: [&str; 3] = ["status", "switch-back", "pause"];

/// What the plan file meant when it was last taken up, in the place of one that can't be read any more.
pub fn by_the_record(context: &mut Context, file: &Path, error: Error) -> Result<Spec, Error> {
    let Some(spec) = spec_on_record(file) else { return Err(error) };
    context.ui.error(&error);
    context.ui.warn("going by what the plan file meant when the movement last took it up; `apply` needs it mended");
    Ok(spec)
}

/// One tablet that gives no answer keeps vtctld from reading the streams, and must not keep a command from its movement: `apply` waits
/// for it, and `status` says who it is.
async fn observe_with_or_without_streams(
    reader: &dyn Reader,
    look: &Query,
) -> Result<(Facts, Result<(), ClusterError>), ClusterError> {
    match reader.observe(look).await {
        Ok(facts) => Ok((facts, Ok(()))),
        Err(error) if error.call == "GetWorkflows" => {
            let without = Query { workflows: Default::default(), ..look.clone() };
            reader.observe(&without).await.map(|facts| (facts, Err(error)))
        }
        Err(error) => Err(error),
    }
}

/// The operator's file may say which cluster its alias is.
fn refuse_another_cluster(connection: &Connection, fingerprint: &Fingerprint, address: &str) -> Result<(), Error> {
    match connection.config.as_ref().and_then(|config| config.fingerprint.as_ref()) {
        Some(wanted) if !fingerprint.is_still(wanted) => Err(Error::ended(
            Exit::Stale,
            format!(
                "`{}` at {address} is not the cluster that the operator's file means: its fingerprint is {fingerprint}",
                connection.alias
            ),
            "check the address; if the cluster was rebuilt or resharded, write its new fingerprint into the operator's file",
        )),
        _ => Ok(()),
    }
}

fn bad_file(file: &Path, text: &str, problems: Vec<Problem>) -> Error {
    Error::BadFile { file: file.to_owned(), text: Some(text.to_owned()), problems }
}

/// The text of a plan file, and what it means.
pub fn read_plan(file: &Path) -> Result<(String, Reading), Error> {
    let text = read_plan_file(file)?;
    let reading = spec::read(&text).map_err(|problems| bad_file(file, &text, problems))?;
    Ok((text, reading))
}

/// What a plan file means; its warnings are shown.
pub fn read_spec(context: &mut Context, file: &Path) -> Result<Spec, Error> {
    let (text, reading) = read_plan(file)?;
    if !reading.warnings.is_empty() && !context.is_json() {
        context.ui.problems(&reading.warnings, &file.display().to_string(), Some(&text));
    }
    Ok(reading.spec)
}

/// What tells which tables move, which cluster it is, and how far the movement is.
pub fn first_look(spec: &Spec, options: &MoveTablesSpec) -> Query {
    Query {
        keyspaces: [options.source_keyspace.clone(), options.target_keyspace.clone()].into(),
        workflows: [
            (options.target_keyspace.clone(), spec.workflow.clone()),
            (options.source_keyspace.clone(), spec.workflow.reverse()),
        ]
        .into(),
        asks: [Ask::TableNames(options.source_keyspace.clone())].into(),
    }
}

/// The tables that move, by what the [`first_look`] found.
pub fn resolve_tables(options: &MoveTablesSpec, facts: &Facts) -> Result<Vec<TableName>, Error> {
    let source = &options.source_keyspace;
    let excluded = match &options.tables {
        TableSelection::Named(names) => return Ok(names.clone()),
        TableSelection::AllBut(excluded) => excluded,
    };
    let by_shard = facts.table_names(&Ask::TableNames(source.clone())).map_err(|unread| {
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

impl Error {
    pub fn ended(exit: Exit, message: impl ToString, help: impl Into<String>) -> Self {
        Self::Ended { exit, message: message.to_string(), help: help.into() }
    }

    pub fn cluster(error: &ClusterError, address: &str, is_sandbox: bool) -> Self {
        let (exit, help) = match error.kind {
            ErrorKind::Unreachable | ErrorKind::DeadlineExceeded if is_sandbox => {
                (Exit::Unreachable, "its sandbox.toml says what goes wrong there, and for how long".to_owned())
            }
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

    /// Of an error that leaves unknown what the cluster is: what the record says instead.
    fn on_record(self, progress: &Progress) -> Self {
        match (self, on_record::words(progress)) {
            (Self::Ended { exit, message, help }, Some(words)) => {
                Self::Ended { exit, message: format!("{message}. On record: {words}"), help }
            }
            (other, _) => other,
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::error::Effect;
    use crate::family::move_tables::fixtures::World;

    /// A call of these fails.
    struct Fails(&'static str, Facts);

    #[async_trait::async_trait]
    impl Reader for Fails {
        async fn observe(&self, query: &Query) -> Result<Facts, ClusterError> {
            if self.0 == "GetWorkflows" && query.workflows.is_empty() {
                return Ok(self.1.clone());
            }
            let message = "no answer".to_owned();
            let (kind, effect, code) = (ErrorKind::DeadlineExceeded, Effect::None, tonic::Code::DeadlineExceeded);
            Err(ClusterError { call: self.0, kind, effect, message, code })
        }
    }

    #[tokio::test]
    async fn a_movement_is_opened_also_when_its_streams_cannot_be_read() {
        let world = World::after(&["create"]);
        let look = first_look(&world.movement.spec, &world.movement.options);
        assert!(!look.workflows.is_empty());
        let opened = |call| {
            let reader = Fails(call, world.facts.clone());
            let look = look.clone();
            async move { observe_with_or_without_streams(&reader, &look).await }
        };
        let (facts, streams) = opened("GetWorkflows").await.unwrap();
        assert_eq!((facts.keyspaces, streams.unwrap_err().call), (world.facts.keyspaces.clone(), "GetWorkflows"));
        assert_eq!(opened("GetKeyspace").await.unwrap_err().call, "GetKeyspace", "without the topology nothing is known");
    }
}
