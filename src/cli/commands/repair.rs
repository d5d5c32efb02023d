//! `cutover repair`

use std::collections::BTreeSet;
use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::doctor::{examine, keyspace, movement_of};
use crate::cli::block_on;
use crate::cli::context::{Context, named};
use crate::cli::drive::drive_as;
use crate::cli::error::Error;
use crate::cli::exit::Exit;
use crate::cli::session::{Found, Session};
use crate::cli::survey::{Ward, Where};
use crate::cli::take_up::{store_of, store_of_repair};
use crate::cluster::mutation::shell;
use crate::cluster::port::{Ask, Facts, Reader as _};
use crate::driver::RunOptions;
use crate::family::Family as _;
use crate::family::mending::rehearsal::rehearse;
use crate::family::mending::{Mending, Scope};
use crate::family::move_tables::MoveTables;
use crate::leftovers::{Leftover, Mend, Survey, Weight, movement};
use crate::model::digest::Digest;
use crate::model::name::{KeyspaceName, TableName, WorkflowName};
use crate::report::repair::{RepairPlan, RepairVerdict, StepPlan};
use crate::report::repair_human::{self, RepairView};
use crate::run::machine::Options;
use crate::run::phase::PhaseId;
use crate::spec::{Movement, Spec, TableSelection};

/// Mend what `doctor` found: show the plan, ask, do it, and look again
///
/// Mends one thing that is named: the movement of the plan file; with `--cluster` a movement by its workflow, whoever made it, or
/// tables of a keyspace that no workflow carries, or what the cells serve. Nothing else is touched. A half-done switch goes back
/// before its journal was written, and forward after. What it can't mend it says, with the way by hand.
#[derive(Debug, Args)]
pub struct RepairArgs {
    /// The plan file whose movement is mended
    #[arg(default_value = "workflow.toml", value_name = "FILE")]
    file: PathBuf,
    /// Mend something of this cluster instead, without a plan file
    #[arg(long, value_name = "NAME", conflicts_with = "file")]
    cluster: Option<String>,
    /// The movement of this workflow
    #[arg(long, value_name = "KEYSPACE.NAME", requires = "cluster", conflicts_with_all = ["keyspace", "publish"])]
    workflow: Option<String>,
    /// Tables of this keyspace that no workflow carries
    #[arg(long, value_name = "KEYSPACE", requires_all = ["cluster", "tables"], conflicts_with = "publish")]
    keyspace: Option<String>,
    /// Which tables, separated by commas
    #[arg(long, value_name = "TABLES", value_delimiter = ',', requires = "keyspace")]
    tables: Vec<String>,
    /// Publish the routing rules and VSchemas that the topology holds to the cells that serve others
    #[arg(long, requires = "cluster")]
    publish: bool,
    /// Show the plan, and do nothing
    #[arg(long)]
    dry_run: bool,
    /// Answer the question before the first write
    #[arg(long, conflicts_with = "dry_run")]
    yes: bool,
}

/// What is to be mended.
enum Target {
    File(PathBuf),
    Workflow { cluster: String, keyspace: KeyspaceName, workflow: WorkflowName },
    Tables { cluster: String, keyspace: KeyspaceName, tables: Vec<TableName> },
    Publish { cluster: String },
}

pub fn run(args: RepairArgs, context: &mut Context) -> Result<Exit, Error> {
    context.without_markdown()?;
    let target = target(&args)?;
    block_on(context, async |context| {
        let ward = Ward::open(context, target.place())?;
        let (survey, leftovers) = examine(&ward).await?;
        let (mending, found) = target.found(context, &ward, &survey, &leftovers)?;
        let mut session = Session::of_found(context, &ward, found, &survey.facts, "repair")?;
        let facts = look(&ward, &mending, &session).await?;
        let plan = plan(&ward, &survey, &target, &mending, &leftovers, &session, &facts);
        if plan.verdict != RepairVerdict::Ready || args.dry_run {
            show(context, &plan, &target, false)?;
            return Ok(exit_of(&plan, args.dry_run));
        }
        if !args.yes && !ask(context, &plan, &target, &session)? {
            return Ok(Exit::Done);
        }
        if args.yes && !context.is_json() {
            show(context, &plan, &target, true)?;
        }
        session.begin()?;
        let machine = Options { finish_only: true, never_forward: true, mends: true, ..Options::default() };
        let exit = drive_as(context, &session, &mending, RunOptions { machine, ..RunOptions::patient() }).await?;
        if exit != Exit::Done {
            return Ok(exit);
        }
        prove(context, &ward, &target).await
    })
}

fn target(args: &RepairArgs) -> Result<Target, Error> {
    let Some(cluster) = args.cluster.clone() else { return Ok(Target::File(args.file.clone())) };
    if args.publish {
        return Ok(Target::Publish { cluster });
    }
    if let Some(name) = &args.workflow {
        let Some((of, workflow)) = name.split_once('.') else {
            return Err(Error::usage(format!("`{name}` is not `KEYSPACE.NAME`"), "such as `customer.commerce2customer`"));
        };
        // The reverse workflow is of the same movement, and is found by its forward name in the target.
        let workflow =
            WorkflowName::forward(workflow).map_err(|why| Error::usage(format!("the workflow name `{workflow}` {why}"), ""))?;
        return Ok(Target::Workflow { cluster, keyspace: keyspace(of)?, workflow });
    }
    let Some(name) = &args.keyspace else {
        return Err(Error::usage(
            "`--cluster` alone doesn't say what to mend",
            "`cutover doctor --cluster NAME` names each leftover with the command that mends it",
        ));
    };
    let table =
        |text: &String| TableName::new(text.as_str()).map_err(|why| Error::usage(format!("the table name `{text}` {why}"), ""));
    Ok(Target::Tables { cluster, keyspace: keyspace(name)?, tables: args.tables.iter().map(table).collect::<Result<_, _>>()? })
}

impl Target {
    /// Where to look.
    fn place(&self) -> Where<'_> {
        match self {
            Self::File(file) => Where::File(file),
            Self::Workflow { cluster, keyspace, .. } => Where::Cluster { alias: cluster, keyspaces: [keyspace.clone()].into() },
            // Whether another keyspace has a table of the same name, only a look at all of them says.
            Self::Tables { cluster, .. } | Self::Publish { cluster } => {
                Where::Cluster { alias: cluster, keyspaces: BTreeSet::new() }
            }
        }
    }

    /// The command, as it must be typed.
    fn command(&self) -> String {
        match self {
            Self::File(file) => {
                named(file).map_or_else(|| "cutover repair".to_owned(), |file| format!("cutover repair {}", shell(&file)))
            }
            Self::Workflow { cluster, keyspace, workflow } => {
                format!("cutover repair --cluster {} --workflow {}", shell(cluster), shell(&format!("{keyspace}.{workflow}")))
            }
            Self::Tables { cluster, keyspace, tables } => {
                let tables: Vec<&str> = tables.iter().map(TableName::as_str).collect();
                format!(
                    "cutover repair --cluster {} --keyspace {} --tables {}",
                    shell(cluster),
                    shell(keyspace.as_str()),
                    shell(&tables.join(","))
                )
            }
            Self::Publish { cluster } => format!("cutover repair --cluster {} --publish", shell(cluster)),
        }
    }

    /// The command that says what stands there.
    fn doctor(&self) -> String {
        match self {
            Self::File(file) => crate::report::command::for_file("cutover doctor", named(file).as_deref()),
            Self::Workflow { cluster, .. } | Self::Tables { cluster, .. } | Self::Publish { cluster } => {
                format!("cutover doctor --cluster {}", shell(cluster))
            }
        }
    }

    /// What is mended, with its record.
    fn found(
        &self,
        context: &mut Context,
        ward: &Ward,
        survey: &Survey,
        leftovers: &[Leftover],
    ) -> Result<(Mending, Found), Error> {
        let folder = ward.connection.record_folder();
        let may_remove_locks = ward.topology.is_some();
        let of = |movement: &MoveTables, scope, is_ours| Mending {
            movement: movement.clone(),
            scope,
            is_ours,
            may_remove_locks,
            dead_rules: BTreeSet::new(),
        };
        let cluster = &ward.scope.cluster;
        let foreign = |movement: &MoveTables, scope, file: PathBuf, name: String| -> Result<(Mending, Found), Error> {
            let store = store_of_repair(folder.clone(), &name);
            let record = store.load_newest().map_err(Error::record)?;
            Ok((of(movement, scope, false), Found { file, movement: movement.clone(), store, record }))
        };
        match self {
            Self::File(file) => {
                let (_, spec) = ward.spec.as_ref().ok_or_else(|| Error::usage("no plan file was read", ""))?;
                let store = store_of(file, folder.clone(), spec);
                if let Some(record) = store.load_newest().map_err(Error::record)? {
                    let movement = movement_of(spec, &record);
                    let found = Found { file: file.clone(), movement: movement.clone(), store, record: Some(record) };
                    return Ok((of(&movement, Scope::Movement, true), found));
                }
                context.ui.note("there is no record of this movement here: it is mended as one that was never ours");
                let Movement::MoveTables(options) = &spec.movement;
                let found = find(survey, &options.target_keyspace, &spec.workflow)?;
                let movement = MoveTables { tables: found.tables.clone(), ..movement_as_planned(spec) };
                foreign(&movement, Scope::Movement, file.clone(), name_of(cluster, &movement))
            }
            Self::Workflow { keyspace, workflow, .. } => {
                let movement = find(survey, keyspace, workflow)?;
                foreign(movement, Scope::Movement, PathBuf::from("workflow.toml"), name_of(cluster, movement))
            }
            Self::Tables { keyspace, tables, .. } => {
                refuse_carried(survey, keyspace, tables)?;
                refuse_copies(survey, keyspace, tables)?;
                let movement = movement::of_keyspace(cluster, keyspace, tables).map_err(|why| Error::usage(why, ""))?;
                let name = format!("{cluster}.{keyspace}.tables-{}", Digest::of(&movement.tables).short());
                let (mending, found) = foreign(&movement, Scope::Tables, PathBuf::from("workflow.toml"), name)?;
                let dead_rules = dead_rules(survey, keyspace, tables, leftovers);
                Ok((Mending { dead_rules, ..mending }, found))
            }
            Self::Publish { .. } => {
                let keyspace = survey.keyspaces.first().ok_or_else(|| {
                    Error::ended(Exit::Refused, format!("`{cluster}` has no keyspace"), "`vtctldclient GetKeyspaces` lists them")
                })?;
                let movement = movement::of_keyspace(cluster, keyspace, &[]).map_err(|why| Error::usage(why, ""))?;
                foreign(&movement, Scope::Publish, PathBuf::from("workflow.toml"), format!("{cluster}.publish"))
            }
        }
    }

    /// Whether a leftover is what is mended here.
    fn mends(&self, mend: &Mend, ward: &Ward) -> bool {
        match (self, mend) {
            (Self::Workflow { keyspace, workflow, .. }, Mend::Movement { keyspace: of, workflow: name }) => {
                of == keyspace.as_str() && name == workflow.as_str()
            }
            (Self::File(_), Mend::Movement { keyspace: of, workflow: name }) => ward.spec.as_ref().is_some_and(|(_, spec)| {
                let Movement::MoveTables(options) = &spec.movement;
                of == options.target_keyspace.as_str() && name == spec.workflow.as_str()
            }),
            (Self::Tables { keyspace, tables, .. }, Mend::Tables { keyspace: of, tables: names }) => {
                of == keyspace.as_str() && names.iter().any(|name| tables.iter().any(|table| table.as_str() == name))
            }
            (Self::Publish { .. }, Mend::Publish) => true,
            _ => false,
        }
    }
}

fn name_of(cluster: &str, movement: &MoveTables) -> String {
    format!("{cluster}.{}.{}", movement.target(), movement.workflow())
}

fn movement_as_planned(spec: &Spec) -> MoveTables {
    let Movement::MoveTables(options) = spec.movement.clone();
    let tables = match &options.tables {
        TableSelection::Named(tables) => tables.clone(),
        TableSelection::AllBut(_) => vec![],
    };
    MoveTables { spec: spec.clone(), options, tables }
}

/// What can't be seen is not gone: who mends what no workflow carries must have seen them all.
fn refuse_unread_workflows(survey: &Survey) -> Result<(), Error> {
    if survey.knows_every_workflow() {
        return Ok(());
    }
    let unread: Vec<String> = survey.unread.iter().map(|it| format!("{}: {}", it.what, it.why)).collect();
    Err(Error::ended(
        Exit::Refused,
        format!("the workflows could not be read, and nothing is mended on that: {}", unread.join("; ")),
        "start the tablet that gives no answer, or let another take its place, then run the same command again",
    ))
}

fn find<'a>(survey: &'a Survey, keyspace: &KeyspaceName, workflow: &WorkflowName) -> Result<&'a MoveTables, Error> {
    let found = survey.movements.iter().find(|it| it.target() == keyspace && it.plan.workflow() == workflow);
    if found.is_none() {
        refuse_unread_workflows(survey)?;
    }
    found.map(|movement| &movement.plan).ok_or_else(|| {
        Error::ended(
            Exit::Refused,
            format!("there is no workflow `{keyspace}.{workflow}`, and no reverse one of it"),
            "what a movement that is gone has left is named by its tables: `cutover doctor --cluster NAME` says how",
        )
    })
}

fn refuse_carried(survey: &Survey, keyspace: &KeyspaceName, tables: &[TableName]) -> Result<(), Error> {
    refuse_unread_workflows(survey)?;
    match tables.iter().find_map(|table| Some((table, survey.movement_of(keyspace, table.as_str())?))) {
        None => Ok(()),
        Some((table, movement)) => Err(Error::ended(
            Exit::Refused,
            format!("`{keyspace}.{table}` is carried by the workflow `{}`", movement.name()),
            format!("mend the movement: `cutover repair --cluster NAME --workflow {}`", movement.name()),
        )),
    }
}

/// Two keyspaces would take writes for one table.
fn refuse_copies(survey: &Survey, keyspace: &KeyspaceName, tables: &[TableName]) -> Result<(), Error> {
    let is_denied = |table: &TableName| {
        let shards = survey.facts.keyspaces.get(keyspace).into_iter().flat_map(|keyspace| keyspace.shards.values());
        shards.into_iter().any(|shard| shard.denied_tables().contains(table.as_str()))
    };
    let has = |of: &KeyspaceName, table: &TableName| survey.tables(of).is_some_and(|tables| tables.contains(table.as_str()));
    for table in tables.iter().filter(|table| is_denied(table) && has(keyspace, table)) {
        if let Some(other) = survey.keyspaces.iter().find(|other| *other != keyspace && has(other, table)) {
            return Err(Error::ended(
                Exit::Refused,
                format!("`{other}` has a table `{table}` too: were that of `{keyspace}` allowed again, both would take writes"),
                "find out which copy is the right one, drop the other; then repair, or allow it by hand \
                 (`cutover explain C502`)",
            ));
        }
    }
    if let Some(unread) = survey.unread.iter().find(|unread| unread.what.starts_with("the tables of")) {
        return Err(Error::ended(
            Exit::Refused,
            format!(
                "whether another keyspace has these tables too is not known: {} could not be read: {}",
                unread.what, unread.why
            ),
            "mend that first, then run the same command again",
        ));
    }
    Ok(())
}

/// The keys of the rules that lead to one of the tables, where that is not there.
fn dead_rules(survey: &Survey, keyspace: &KeyspaceName, tables: &[TableName], leftovers: &[Leftover]) -> BTreeSet<String> {
    let names: BTreeSet<String> = tables.iter().map(|table| format!("{keyspace}.{table}")).collect();
    let dead: BTreeSet<&String> =
        leftovers.iter().map(|leftover| &leftover.subject).filter(|subject| names.contains(*subject)).collect();
    let leads_there = |to: &[String]| to.iter().any(|to| dead.contains(to));
    survey.facts.routing_rules.iter().filter(|(_, to)| leads_there(to)).map(|(key, _)| key.clone()).collect()
}

async fn look(ward: &Ward, mending: &Mending, session: &Session) -> Result<Facts, Error> {
    let mut query = mending.finish_query(&PhaseId::REPAIR, &session.progress());
    query.asks.insert(Ask::AllVSchemas);
    ward.cluster.observe(&query).await.map_err(|error| ward.failed(&error))
}

fn plan(
    ward: &Ward,
    survey: &Survey,
    target: &Target,
    mending: &Mending,
    leftovers: &[Leftover],
    session: &Session,
    facts: &Facts,
) -> RepairPlan {
    let rehearsal = rehearse(mending, facts, &session.progress(), ward.clock.now());
    let names = [
        format!("{}.{}", mending.movement.target(), mending.movement.workflow()),
        format!("{}.{}", mending.movement.source(), mending.movement.workflow().reverse()),
    ];
    let stays = |leftover: &&Leftover| {
        let is_of_it = names.iter().any(|name| {
            leftover.subject == *name
                || leftover.subject.starts_with(&format!("{name} "))
                || leftover.subject == name.replacen('.', "/", 1)
        });
        let is_mended = leftover.code == "C530" && mending.may_remove_locks;
        mending.scope == Scope::Movement
            && leftover.weight != Weight::Note
            && leftover.mend == Mend::Hand
            && is_of_it
            && !is_mended
    };
    RepairPlan {
        format_version: 1,
        observed_at: facts.observed_at,
        cluster: ward.cluster_name(survey),
        subject: subject(mending),
        sees: mending.sees(facts),
        verdict: RepairVerdict::of(&rehearsal),
        tables: mending.tables(),
        leftovers: leftovers
            .iter()
            .filter(|leftover| leftover.weight != Weight::Note && target.mends(&leftover.mend, ward))
            .cloned()
            .collect(),
        waits: rehearsal.waits,
        steps: rehearsal.steps.iter().map(StepPlan::of).collect(),
        stuck: rehearsal.stuck,
        by_hand: leftovers.iter().filter(stays).cloned().collect(),
        record: session.store.path().display().to_string(),
    }
}

fn subject(mending: &Mending) -> String {
    let (source, target) = mending.keyspaces();
    match mending.scope {
        Scope::Movement => format!("the movement `{target}.{}`, from `{source}` to `{target}`", mending.movement.workflow()),
        Scope::Tables => format!("tables of `{source}` that no workflow carries"),
        Scope::Publish => "what the cells serve".to_owned(),
    }
}

fn show(context: &mut Context, plan: &RepairPlan, target: &Target, begins: bool) -> Result<(), Error> {
    if context.is_json() {
        return context.ui.json(&json!(plan));
    }
    let (command, doctor) = (target.command(), target.doctor());
    let view =
        RepairView { drawing: context.ui.drawing, begins, full: context.global.verbose > 0, command: &command, doctor: &doctor };
    context.ui.data(&repair_human::draw(plan, &view))
}

fn exit_of(plan: &RepairPlan, dry_run: bool) -> Exit {
    match plan.verdict {
        RepairVerdict::Ready if dry_run => Exit::Done,
        RepairVerdict::Ready | RepairVerdict::ByHand => Exit::NeedsHuman,
        RepairVerdict::NothingToDo if plan.by_hand.is_empty() => Exit::Done,
        RepairVerdict::NothingToDo => Exit::Refused,
    }
}

/// Shows the plan and asks. False is a no.
fn ask(context: &mut Context, plan: &RepairPlan, target: &Target, session: &Session) -> Result<bool, Error> {
    if !session.is_sandbox && (!context.ui.is_interactive || context.is_json()) {
        return Err(Error::usage(
            "nobody is here to be asked whether to repair",
            format!("read `{} --dry-run`, then run it with `--yes`", target.command()),
        ));
    }
    if !context.is_json() {
        show(context, plan, target, true)?;
    }
    // In the sandbox nothing is at stake.
    if session.is_sandbox {
        return Ok(true);
    }
    context.ui.ask(&format!("Repair {} on {} ({})?", plan.subject, plan.cluster.alias, plan.cluster.address))
}

/// Looks again: what was to be mended must be gone.
async fn prove(context: &mut Context, ward: &Ward, target: &Target) -> Result<Exit, Error> {
    let (survey, leftovers) = examine(ward).await?;
    let left: Vec<&Leftover> =
        leftovers.iter().filter(|leftover| leftover.weight != Weight::Note && target.mends(&leftover.mend, ward)).collect();
    let Some(first) = left.first() else {
        context.ui.note(&format!(
            "looked again at {}: nothing of it is left",
            crate::words::counted(survey.keyspaces.len(), "keyspace")
        ));
        return Ok(Exit::Done);
    };
    let exit = if first.weight == Weight::Between { Exit::NeedsHuman } else { Exit::Refused };
    let what = format!("{} {}: {}", first.code, first.subject, first.summary);
    let doctor = target.doctor();
    Err(Error::ended(exit, format!("it was mended in part; still there: {what}"), format!("`{doctor}` shows all of it")))
}
