//! `cutover sandbox`: what concerns the sandbox and no single movement in it.

mod forget;
mod reset;
mod serve;
mod show;

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::cli::context::Context;
use crate::cli::error::Error;
use crate::cli::exit::Exit;

/// Begin the sandbox anew, look into it, or give it a port
///
/// A plan file whose cluster is `sandbox` moves tables in a simulated Vitess. `sandbox.toml` beside the plan file says what it begins
/// as; without one it is a built-in shop. Its state stands in `.cutover/sandbox/` there, for all plan files of the folder, and its
/// time stands still while no command runs.
#[derive(Debug, Args)]
pub struct SandboxArgs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Reset(reset::ResetArgs),
    Show(show::ShowArgs),
    Serve(serve::ServeArgs),
}

/// Whose sandbox it is.
#[derive(Debug, Args)]
struct Beside {
    /// A plan file; the sandbox is that of its folder
    #[arg(default_value = "workflow.toml", value_name = "FILE")]
    file: PathBuf,
}

pub fn run(args: SandboxArgs, context: &mut Context) -> Result<Exit, Error> {
    context.without_markdown()?;
    match args.command {
        Command::Reset(args) => reset::run(&args, context),
        Command::Show(args) => show::run(&args, context),
        Command::Serve(args) => serve::run(&args, context),
    }
}
