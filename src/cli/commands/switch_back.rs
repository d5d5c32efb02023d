//! `cutover switch-back`

use std::path::PathBuf;

use clap::Args;

use crate::cli::block_on;
use crate::cli::context::Context;
use crate::cli::drive::drive;
use crate::cli::error::Error;
use crate::cli::exit::Exit;
use crate::cli::session::{Session, Wants};
use crate::cli::way::Way;
use crate::driver::RunOptions;
use crate::record::entry::{Goal, What};

/// Bring all traffic back to the source, at once
///
/// Works from the first switch until `complete` is sent, in any window. It is sticky: every approval is void, and going forward
/// again needs a new one.
#[derive(Debug, Args)]
pub struct SwitchBackArgs {
    /// The plan file
    #[arg(default_value = "workflow.toml", value_name = "FILE")]
    file: PathBuf,
    /// Why; stands in the record
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

pub fn run(args: SwitchBackArgs, context: &mut Context) -> Result<Exit, Error> {
    context.without_markdown()?;
    block_on(context, async |context| {
        let mut session = Session::open(context, &args.file, "switch-back", Wants::Record).await?;
        session.choose(Way::SwitchBack, What::Goal { goal: Goal::SwitchedBack, reason: args.reason.clone() }).await?;
        drive(context, &session, RunOptions::patient()).await
    })
}
