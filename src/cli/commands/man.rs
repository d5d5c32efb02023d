//! `cutover man`

use std::path::PathBuf;

use clap::{Args, CommandFactory as _};

use crate::cli::Cli;
use crate::cli::context::Context;
use crate::cli::error::Error;
use crate::cli::exit::Exit;

/// Print the manual page
///
/// With `--dir`, writes this page and one for each command.
#[derive(Debug, Args)]
pub struct ManArgs {
    /// A folder to write all pages to
    #[arg(long, value_name = "FOLDER")]
    dir: Option<PathBuf>,
}

pub fn run(args: ManArgs, context: &mut Context) -> Result<Exit, Error> {
    let command = Cli::command().after_help(exit_codes());
    let failed = |what: String| move |source| Error::Write { what, source };
    let Some(folder) = args.dir else {
        let mut page = Vec::new();
        clap_mangen::Man::new(command).render(&mut page).map_err(failed("the page".to_owned()))?;
        context.ui.data(&String::from_utf8_lossy(&page))?;
        return Ok(Exit::Done);
    };
    std::fs::create_dir_all(&folder)
        .and_then(|()| clap_mangen::generate_to(command, &folder))
        .map_err(failed(folder.display().to_string()))?;
    context.ui.note(&format!("wrote the pages to {}", folder.display()));
    Ok(Exit::Done)
}

fn exit_codes() -> String {
    let lines: Vec<String> = Exit::ALL.iter().map(|exit| format!("{:>4}  {}", exit.code(), exit.meaning())).collect();
    format!("Exit codes:\n{}", lines.join("\n"))
}
