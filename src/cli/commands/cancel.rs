//! `cutover cancel`

use std::path::PathBuf;

use clap::Args;

use crate::cli::block_on;
use crate::cli::context::Context;
use crate::cli::drive::drive;
use crate::cli::error::Error;
use crate::cli::exit::Exit;
use crate::cli::session::{Session, Wants};
use crate::cli::way::{self, Way};
use crate::driver::RunOptions;
use crate::family::Family as _;
use crate::record::entry::{Goal, What};
use crate::words::names;

/// End the movement: drop the copy, and leave everything at the source
///
/// Only while writes are at the source; reads are brought back first. It drops tables, so it wants the workflow's name.
#[derive(Debug, Args)]
pub struct CancelArgs {
    /// The plan file
    #[arg(default_value = "workflow.toml", value_name = "FILE")]
    file: PathBuf,
    /// The workflow's name
    #[arg(long, value_name = "WORKFLOW")]
    confirm: Option<String>,
    /// Why; stands in the record
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

/// So many of the tables that go are named.
const MOST_TABLES: usize = 6;

pub fn run(args: CancelArgs, context: &mut Context) -> Result<Exit, Error> {
    context.without_markdown()?;
    block_on(context, async |context| {
        let mut session = Session::open(context, &args.file, "cancel", Wants::Record).await?;
        let situation = session.movement.situation(&session.observe().await?, &session.progress());
        way::judge(Way::Cancel, &situation, &session.progress())?;
        let workflow = session.spec.workflow.to_string();
        if args.confirm.as_deref() != Some(workflow.as_str()) {
            let of_target = |table: &String| format!("`{}.{table}`", session.movement.target());
            let tables: Vec<String> = session.movement.tables().iter().map(of_target).collect();
            return Err(Error::usage(
                format!("cancel drops {}", names(&tables, MOST_TABLES)),
                format!("if that is meant: `cutover cancel --confirm {workflow}`"),
            ));
        }
        session.choose(Way::Cancel, What::Goal { goal: Goal::Cancelled, reason: args.reason.clone() }).await?;
        drive(context, &session, RunOptions::patient()).await
    })
}
