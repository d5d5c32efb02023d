//! `cutover sandbox show`

use clap::Args;
use serde_json::json;

use super::Beside;
use crate::cli::block_on;
use crate::cli::context::Context;
use crate::cli::error::Error;
use crate::cli::exit::Exit;
use crate::cli::sandbox::Place;

/// Show what the sandbox's application has seen
///
/// Where the reads and writes of each table go, what was acknowledged, and whether anything of it is lost.
#[derive(Debug, Args)]
pub struct ShowArgs {
    #[command(flatten)]
    beside: Beside,
}

pub fn run(args: &ShowArgs, context: &mut Context) -> Result<Exit, Error> {
    let place = Place::beside(&args.beside.file);
    let account = block_on(context, async |context| {
        let (sandbox, _) = place.open(context)?;
        sandbox.account().map_err(|error| place.failed(&error))
    })?;
    if context.is_json() {
        context.ui.json(&json!({ "account": account }))?;
    } else {
        context.ui.data(&account)?;
    }
    Ok(Exit::Done)
}
