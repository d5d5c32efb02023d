//! `cutover resume`

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
use crate::run::machine::Options;

/// Start the streams again after `pause`, or after somebody stopped them
#[derive(Debug, Args)]
pub struct ResumeArgs {
    /// The plan file
    #[arg(default_value = "workflow.toml", value_name = "FILE")]
    file: PathBuf,
    /// Why; stands in the record
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

pub fn run(args: ResumeArgs, context: &mut Context) -> Result<Exit, Error> {
    context.without_markdown()?;
    block_on(context, async |context| {
        let mut session = Session::open(context, &args.file, "resume", Wants::Record).await?;
        session.choose(Way::Resume, What::Resumed { reason: args.reason.clone() }).await?;
        let machine = Options { start_streams: true, ..Options::default() };
        drive(context, &session, RunOptions { machine, ..RunOptions::patient() }).await
    })
}
