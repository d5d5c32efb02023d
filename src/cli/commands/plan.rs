//! `cutover plan`

use std::path::{Path, PathBuf};

use clap::Args;

use super::snapshot;
use crate::cli::block_on;
use crate::cli::context::Context;
use crate::cli::error::Error;
use crate::cli::exit::Exit;
use crate::cli::plan_folder::{self, Found};
use crate::cli::saved_plan;
use crate::cli::session::{Session, Wants};
use crate::plan::conflicts;
use crate::plan::document::{Plan, Verdict};
use crate::plan::folder::{FailedFile, FiledPlan, FolderPlan, SkippedFile};

/// Show everything that would happen, and change nothing
///
/// Runs the checks, and shows phase by phase what would be written: routing rules, denied tables, VSchema, streams. Reads only.
/// Exits 4 when something stands in the way. Of a folder each plan file below it is planned, and what they have against each other is
/// found; the worst of them says how it exits.
#[derive(Debug, Args)]
pub struct PlanArgs {
    /// The plan file; or a saved plan, FILE.json, which is shown as it was made; or a folder
    #[arg(default_value = "workflow.toml", value_name = "FILE|DIR")]
    file: PathBuf,
    /// Save the plan, for `apply FILE.json` to do exactly that or nothing
    #[arg(long, value_name = "FILE.json")]
    out: Option<PathBuf>,
    /// Plan offline, from what `cutover snapshot` has written
    #[arg(long, value_name = "FILE.json", conflicts_with_all = ["deep", "no_sql"])]
    facts: Option<PathBuf>,
    /// Exit 2 when there are changes, 0 only when there is nothing to do
    #[arg(long)]
    detailed_exitcode: bool,
    /// Give slow questions about rows minutes instead of seconds
    ///
    /// Whether a column holds NULL and what its largest value is may need a whole table to be read.
    #[arg(long, conflicts_with = "no_sql")]
    deep: bool,
}

pub fn run(args: PlanArgs, context: &mut Context) -> Result<Exit, Error> {
    context.global.deep = args.deep;
    if args.file.is_dir() {
        return run_folder(&args, context);
    }
    let shown = args.file.clone();
    let (plan, file) = if saved_plan::is_one(&args.file) {
        if args.out.is_some() {
            return Err(saved_plan::is_one_already(&args.file));
        }
        if args.facts.is_some() {
            return Err(saved_plan::needs_no_facts(&args.file));
        }
        let (saved, _) = saved_plan::read(&args.file)?;
        (saved.plan, args.file)
    } else {
        let plan = plan_file(context, &args.file, &args)?;
        if let Some(out) = &args.out {
            saved_plan::write(out, &plan, &args.file)?;
        }
        // What was saved is what is applied.
        (plan, args.out.unwrap_or(args.file))
    };
    context.show_plan(&plan, &file, false)?;
    context.show_to_reviewers(&plan, &shown, &file)?;
    Ok(exit(plan.verdict, args.detailed_exitcode))
}

fn exit(verdict: Verdict, detailed: bool) -> Exit {
    match verdict {
        Verdict::Blocked => Exit::Refused,
        Verdict::Ready if detailed => Exit::Changes,
        Verdict::Ready | Verdict::NothingToDo => Exit::Done,
    }
}

fn plan_file(context: &mut Context, file: &Path, args: &PlanArgs) -> Result<Plan, Error> {
    block_on(context, async |context| match &args.facts {
        Some(facts) => snapshot::plan(context, file, facts).await,
        None => make(&mut Session::open(context, file, "plan", Wants::Nothing).await?).await,
    })
}

/// Each plan file below a folder. One that can't be planned does not keep the others from it.
fn run_folder(args: &PlanArgs, context: &mut Context) -> Result<Exit, Error> {
    if args.out.is_some() {
        return Err(Error::usage(
            format!("`{}` is a folder, and a saved plan is of one plan file", args.file.display()),
            "name the plan file, or leave `--out` out",
        ));
    }
    let Found { plan_files, skipped } = plan_folder::find(&args.file)?;
    for SkippedFile { file, why } in &skipped {
        context.ui.note(&format!("`{file}` is no plan file and left out: {why}"));
    }
    let (mut plans, mut failed, mut errors) = (Vec::new(), Vec::new(), Vec::new());
    for path in plan_files {
        let file = path.display().to_string();
        match plan_file(context, &path, args) {
            Ok(plan) => plans.push(FiledPlan { file, plan }),
            Err(error) => {
                let (message, help, exit) = (error.to_string(), error.help(), error.exit().code());
                failed.push(FailedFile { file, message, help, exit });
                errors.push(error);
            }
        }
    }
    conflicts::add(&mut plans);
    let folder = FolderPlan::new(args.file.display().to_string(), plans, failed, skipped);
    context.show_folder(&folder)?;
    for (failed, error) in folder.failed.iter().zip(&errors) {
        context.ui.failure(&failed.file, error);
    }
    context.show_folder_to_reviewers(&folder)?;
    // What could not be planned at all is worse than what stands in the way of a plan.
    Ok(errors.first().map_or_else(|| exit(folder.verdict, args.detailed_exitcode), Error::exit))
}

/// Looks, checks, and forecasts.
pub async fn make(session: &mut Session) -> Result<Plan, Error> {
    let facts = session.look().await?;
    let mut guards = session.guards(&facts);
    guards.extend(session.refused_edit());
    session.planning().plan(&facts, guards, session.clock.now()).await.map_err(|error| session.failed(&error))
}
