//! `cutover completions`

use clap::{Args, CommandFactory as _};
use clap_complete::Shell;

use crate::cli::Cli;
use crate::cli::context::Context;
use crate::cli::error::Error;
use crate::cli::exit::Exit;

/// Print completions for a shell
///
/// For bash: `source <(cutover completions bash)`.
#[derive(Debug, Args)]
pub struct CompletionsArgs {
    shell: Shell,
}

pub fn run(args: CompletionsArgs, context: &mut Context) -> Result<Exit, Error> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "cutover", &mut script);
    context.ui.data(&String::from_utf8_lossy(&script))?;
    Ok(Exit::Done)
}
