//! `cutover snapshot`

use std::path::{Path, PathBuf};

use clap::Args;
use jiff::Timestamp;

use crate::cli::block_on;
use crate::cli::context::Context;
use crate::cli::error::Error;
use crate::cli::exit::Exit;
use crate::cli::files::{not_sealed, read_operator_config, read_text, replace};
use crate::cli::planning::Planning;
use crate::cli::session::{Session, Wants, first_look, read_spec, resolve_tables};
use crate::cli::take_up::store_of;
use crate::cluster::port::{Ask, Query, Reader as _};
use crate::family::Family as _;
use crate::family::move_tables::MoveTables;
use crate::operator;
use crate::plan::document::{Offline, Plan};
use crate::plan::snapshot::Snapshot;
use crate::record::who;
use crate::spec::Movement;

/// A cluster of many tables is some megabytes.
const MOST_BYTES: usize = 256 * 1024 * 1024;

/// Write what `plan` reads of the cluster into a file, for `plan --facts FILE.json`
///
/// Names, definitions and states, and who holds a write lock; of rows nothing but the largest id of a column that gets a sequence; no
/// secret. With it a pull request is planned without a credential, and a report of a bug is one file. Reads only.
#[derive(Debug, Args)]
pub struct SnapshotArgs {
    /// The plan file
    #[arg(default_value = "workflow.toml", value_name = "FILE")]
    file: PathBuf,
    /// Where to write it
    #[arg(long, default_value = "snapshot.json", value_name = "FILE.json")]
    out: PathBuf,
    /// Give slow questions about rows minutes instead of seconds, as in `plan`
    #[arg(long, conflicts_with = "no_sql")]
    deep: bool,
}

pub fn run(args: SnapshotArgs, context: &mut Context) -> Result<Exit, Error> {
    context.without_markdown()?;
    context.global.deep = args.deep;
    block_on(context, async |context| {
        let session = Session::open(context, &args.file, "snapshot", Wants::Nothing).await?;
        let movement = &session.movement;
        // All tables of both sides, so that a plan file that takes in another one can be planned from it too.
        let tables = |keyspace: &crate::model::name::KeyspaceName| Ask::Tables { keyspace: keyspace.clone(), names: None };
        let asks = [
            tables(movement.source()),
            tables(movement.target()),
            Ask::TableNames(movement.source().clone()),
            movement.lock_ask(),
        ];
        let more = Query { asks: asks.into(), ..Query::default() };
        let facts = session.planning().look(more, None).await.map_err(|error| session.failed(&error))?;
        let snapshot = Snapshot::new(session.cluster_name(), facts);
        let text =
            snapshot.text().map_err(|source| Error::Write { what: args.out.display().to_string(), source: source.into() })?;
        replace(&args.out, &text)?;
        if context.is_json() {
            context.ui.json(&serde_json::json!({ "snapshot": args.out.display().to_string(), "digest": snapshot.digest }))?;
        } else {
            let out = crate::cluster::mutation::shell(&args.out.display().to_string());
            context.ui.note(&format!("{out} holds what a plan reads, as of now; `cutover plan --facts {out}` plans from it"));
        }
        Ok(Exit::Done)
    })
}

/// The plan of a plan file on what a snapshot holds. Nobody is asked anything.
pub async fn plan(context: &mut Context, file: &Path, facts: &Path) -> Result<Plan, Error> {
    let spec = read_spec(context, file)?;
    let written = read_text(facts, MOST_BYTES, "`cutover snapshot --out FILE.json` writes one")?;
    let snapshot = Snapshot::read(&written).map_err(|error| not_sealed(facts, &error, "cutover snapshot --out FILE.json"))?;
    if snapshot.cluster.alias != spec.cluster {
        return Err(Error::usage(
            format!("the snapshot is of `{}`, and the plan file is for `{}`", snapshot.cluster.alias, spec.cluster),
            "take one of the cluster that the plan file names: `cutover snapshot`",
        ));
    }
    let config = read_operator_config(&context.global, &context.environment)?.of(&spec.cluster).cloned();
    let store = store_of(file, config.as_ref().and_then(|config| config.record_dir.clone()), &spec);
    let record = store.load_newest().map_err(Error::record)?;
    let Movement::MoveTables(options) = spec.movement.clone();
    let failed = |error| Error::ended(Exit::Refused, error, "`cutover snapshot` takes one for this plan file");
    let first = first_look(&spec, &options);
    let seen = snapshot.observe(&first).await.map_err(failed)?;
    let tables = resolve_tables(&options, &seen)?;
    let movement = MoveTables { spec, options, tables };
    let actor = who::this_process(context.environment.user.as_deref());
    let planning = Planning {
        movement: &movement,
        reader: &snapshot,
        store: &store,
        progress: record.as_ref().map(crate::record::store::Record::progress).unwrap_or_default(),
        actor: &actor,
        cluster: snapshot.cluster.clone(),
    };
    let facts_file = facts.display().to_string();
    let facts = planning.look(Query::default(), Some((first, seen))).await.map_err(failed)?;
    let offline = Offline { facts_file, as_of: facts.observed_at };
    // The page says it as well; who keeps only what a program reads learns it here.
    if context.is_json() {
        context.ui.note(&offline.words());
    }
    let ahead = movement.phases_ahead(&movement.situation(&facts, &planning.progress));
    let guards = config.map(|config| operator::guards(&movement.spec, &config, &ahead)).unwrap_or_default();
    let now: Timestamp = facts.observed_at;
    let plan = planning.plan(&facts, guards, now).await.map_err(failed)?;
    Ok(Plan { offline: Some(offline), ..plan })
}
