//! `cutover history`

use std::path::PathBuf;

use clap::Args;

use crate::cli::context::Context;
use crate::cli::error::Error;
use crate::cli::exit::Exit;
use crate::cli::global::Format;
use crate::cli::session::{no_record, read_plan};
use crate::cli::take_up::store_of;
use crate::report::history::History;

/// Tell who did what, when, why, and on what evidence
///
/// From the record alone; the cluster is not asked.
#[derive(Debug, Args)]
pub struct HistoryArgs {
    /// The plan file
    #[arg(default_value = "workflow.toml", value_name = "FILE")]
    file: PathBuf,
}

pub fn run(args: HistoryArgs, context: &mut Context) -> Result<Exit, Error> {
    let (_, reading) = read_plan(&args.file)?;
    let record_folder = context.record_folder(&reading.spec.cluster)?;
    let store = store_of(&args.file, record_folder, &reading.spec);
    let Some((entries, missing)) = store.history().map_err(Error::record)? else {
        return Err(no_record(&store, &reading.spec, &args.file, "nothing was done from here"));
    };
    if missing > 0 {
        context
            .ui
            .warn(&format!("{missing} older entries were moved out of the record, and `.cutover/` here does not have them"));
    }
    let history = History::of(&entries);
    match context.global.format {
        Format::Json => context.ui.json(&serde_json::json!(history))?,
        Format::Markdown => context.ui.data(&history.markdown())?,
        Format::Human => context.ui.data(&history.draw(context.ui.drawing))?,
    }
    Ok(Exit::Done)
}
