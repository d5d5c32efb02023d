//! `cutover sandbox reset`

use clap::Args;
use serde_json::json;

use super::{Beside, forget};
use crate::cli::context::Context;
use crate::cli::error::Error;
use crate::cli::exit::Exit;
use crate::cli::sandbox::Place;
use crate::record::lease::Leases;

/// Forget the sandbox, and the records of what ran in it
///
/// The next command begins anew. A record whose cluster is gone is of no use, so the lockfiles that say `sandbox` go as well; those of
/// other clusters are left alone.
#[derive(Debug, Args)]
pub struct ResetArgs {
    #[command(flatten)]
    beside: Beside,
}

pub fn run(args: &ResetArgs, context: &mut Context) -> Result<Exit, Error> {
    let place = Place::beside(&args.beside.file);
    Leases::new(place.lease_folder()).none_is_held().map_err(Error::lease)?;
    let forgotten = forget::sandbox(&place)?;
    if context.is_json() {
        context.ui.json(&json!({ "forgotten": forgotten.what, "left": forgotten.left }))?;
        return Ok(Exit::Done);
    }
    for left in &forgotten.left {
        context.ui.note(&format!("left alone: {left}"));
    }
    if forgotten.what.is_empty() {
        context.ui.data("there was nothing to forget\n")?;
    }
    for what in &forgotten.what {
        context.ui.data(&format!("forgot {what}\n"))?;
    }
    Ok(Exit::Done)
}
