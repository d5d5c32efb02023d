//! `cutover plan`

use std::path::PathBuf;

use clap::Args;

use crate::cli::block_on;
use crate::cli::context::Context;
use crate::cli::error::Error;
use crate::cli::exit::Exit;
use crate::cli::session::{Session, Wants};
use crate::family::Family as _;
use crate::plan::document::{Plan, Verdict, plan};

/// Show everything that would happen, and change nothing
///
/// Runs the checks, and shows phase by phase what would be written: routing rules, denied tables, VSchema, streams. Reads only.
/// Exits 4 when something stands in the way.
#[derive(Debug, Args)]
pub struct PlanArgs {
    /// The plan file
    #[arg(default_value = "workflow.toml", value_name = "FILE")]
    file: PathBuf,
    /// Exit 2 when there are changes, 0 only when there is nothing to do
    #[arg(long)]
    detailed_exitcode: bool,
}

pub fn run(args: PlanArgs, context: &mut Context) -> Result<Exit, Error> {
    context.without_markdown()?;
    let plan = block_on(async {
        let session = Session::open(context, &args.file, "plan", Wants::Nothing).await?;
        make(&session).await
    })?;
    context.show_plan(&plan, &args.file)?;
    Ok(match plan.verdict {
        Verdict::Blocked => Exit::Refused,
        Verdict::Ready if args.detailed_exitcode => Exit::Changes,
        Verdict::Ready | Verdict::NothingToDo => Exit::Done,
    })
}

/// Looks, checks, and forecasts.
pub async fn make(session: &Session) -> Result<Plan, Error> {
    let facts = session.look().await?;
    let progress = session.progress();
    let mut findings = session.guards(&facts);
    findings.extend(session.movement.check(&facts, &progress, None));
    Ok(plan(&session.movement, &facts, &progress, session.intent(), findings, session.cluster_name()))
}
