//! `cutover restore-rules`

use std::path::PathBuf;

use clap::Args;

use crate::cli::block_on;
use crate::cli::context::Context;
use crate::cli::drive::drive;
use crate::cli::error::Error;
use crate::cli::exit::Exit;
use crate::cli::session::{Session, Wants};
use crate::driver::RunOptions;
use crate::record::entry::{Goal, What};

/// Put the movement's routing rules back after `remove-rules`
///
/// They lead every name of the moved tables to the target again, as they stood before they were removed. Nobody else's rule is
/// touched.
#[derive(Debug, Args)]
pub struct RestoreRulesArgs {
    /// The plan file
    #[arg(default_value = "workflow.toml", value_name = "FILE")]
    file: PathBuf,
    /// Why; stands in the record
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

pub fn run(args: RestoreRulesArgs, context: &mut Context) -> Result<Exit, Error> {
    context.without_markdown()?;
    block_on(async {
        let mut session = Session::open(context, &args.file, "restore-rules", Wants::Record).await?;
        session.append(vec![What::Goal { goal: Goal::RulesRestored, reason: args.reason.clone() }])?;
        drive(context, &session, RunOptions::patient()).await
    })
}
