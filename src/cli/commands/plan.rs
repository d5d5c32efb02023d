//! `cutover plan`

use std::path::PathBuf;

use clap::Args;

use super::snapshot;
use crate::cli::block_on;
use crate::cli::context::Context;
use crate::cli::error::Error;
use crate::cli::exit::Exit;
use crate::cli::saved_plan;
use crate::cli::session::{Session, Wants};
use crate::cluster::port::Query;
use crate::plan::document::{Plan, Verdict};

/// Show everything that would happen, and change nothing
///
/// Runs the checks, and shows phase by phase what would be written: routing rules, denied tables, VSchema, streams. Reads only.
/// Exits 4 when something stands in the way.
#[derive(Debug, Args)]
pub struct PlanArgs {
    /// The plan file; or a saved plan, FILE.json, which is shown as it was made
    #[arg(default_value = "workflow.toml", value_name = "FILE")]
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
    let shown = args.file.clone();
    let (plan, file) = if saved_plan::is_one(&args.file) {
        if args.out.is_some() {
            return Err(saved_plan::is_one_already(&args.file));
        }
        let (saved, _) = saved_plan::read(&args.file)?;
        (saved.plan, args.file)
    } else {
        let plan = block_on(context, async |context| match &args.facts {
            Some(facts) => snapshot::plan(context, &args.file, facts).await,
            None => make(&Session::open(context, &args.file, "plan", Wants::Nothing).await?).await,
        })?;
        if let Some(out) = &args.out {
            saved_plan::write(out, &plan, &args.file)?;
        }
        // What was saved is what is applied.
        (plan, args.out.unwrap_or(args.file))
    };
    context.show_plan(&plan, &file, false)?;
    context.show_to_reviewers(&plan, &shown, &file)?;
    Ok(match plan.verdict {
        Verdict::Blocked => Exit::Refused,
        Verdict::Ready if args.detailed_exitcode => Exit::Changes,
        Verdict::Ready | Verdict::NothingToDo => Exit::Done,
    })
}

/// Looks, checks, and forecasts.
pub async fn make(session: &Session) -> Result<Plan, Error> {
    let planning = session.planning();
    let facts = planning.look(Query::default()).await.map_err(|error| session.failed(&error))?;
    let guards = session.guards(&facts);
    planning.plan(&facts, guards, session.clock.now()).await.map_err(|error| session.failed(&error))
}
