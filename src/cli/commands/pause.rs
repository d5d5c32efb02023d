//! `cutover pause`

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
use crate::record::entry::What;

/// Stop the streams, to relieve the source
///
/// Nothing is lost: they go on where they stood with `resume`, as long as the source keeps its binary logs.
#[derive(Debug, Args)]
pub struct PauseArgs {
    /// The plan file
    #[arg(default_value = "workflow.toml", value_name = "FILE")]
    file: PathBuf,
    /// Why; stands in the record
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

pub fn run(args: PauseArgs, context: &mut Context) -> Result<Exit, Error> {
    context.without_markdown()?;
    block_on(context, async |context| {
        let mut session = Session::open(context, &args.file, "pause", Wants::Record).await?;
        session.choose(Way::Pause, What::Paused { reason: args.reason.clone() }).await?;
        drive(context, &session, RunOptions::patient()).await
    })
}
