//! `cutover restore-rules`

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
    block_on(context, async |context| {
        let mut session = Session::open(context, &args.file, "restore-rules", Wants::Record).await?;
        refuse_without_rules(&session)?;
        session.choose(Way::RestoreRules, What::Goal { goal: Goal::RulesRestored, reason: args.reason.clone() }).await?;
        drive(context, &session, RunOptions::patient()).await
    })
}

/// Without the rules that stood before there is nothing to put back, and the goal would only bar the way.
fn refuse_without_rules(session: &Session) -> Result<(), Error> {
    let progress = session.progress();
    let Some(removed) = progress.last_removal_of_rules() else { return Ok(()) };
    let kept = removed.replaced.as_ref().map(|digest| session.store.kept().fetch(digest));
    match kept {
        Some(Ok(_)) => Ok(()),
        Some(Err(error)) => Err(Error::record(error)),
        None => Err(Error::ended(
            Exit::Refused,
            "C320: the routing rules that stood before `remove-rules` were not kept; nothing was put on record",
            "set the rules by hand: `cutover explain C320`",
        )),
    }
}
