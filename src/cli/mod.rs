//! The shell round the pure parts: arguments, environment, files and streams in, an exit code out.
//!
//! A command is one file in [`commands`] and one line in its enum. Its doc comment is its help text. It is given a [`Context`],
//! says what it has to say through [`Ui`], and ends in an [`Exit`] or an [`Error`].

pub mod commands;
mod connect;
mod context;
mod drive;
mod environment;
mod error;
pub mod exit;
mod files;
mod foresee;
mod global;
mod log_lines;
mod notify;
mod plan_folder;
mod planning;
mod runtime;
mod sandbox;
mod saved_plan;
mod session;
mod survey;
mod take_up;
mod ui;
pub mod way;
mod without_streams;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser;
use clap::error::ErrorKind;

pub use commands::schema::schemas;
pub use context::Context;
pub use environment::Environment;
pub use error::Error;
pub use exit::Exit;
pub use files::{read_operator_config, read_plan_file};
pub use global::{Format, Global};
pub use runtime::block_on;
pub use ui::Ui;

use crate::report::problems::visible_line;

/// A declarative runner for Vitess data movements.
///
/// You write a plan file, review it, and apply it with hold points in a maintenance window. `plan` shows all that will change;
/// `apply` does it, stops where the gates say hold, and goes on from what the cluster says when it is run again.
#[derive(Debug, Parser)]
#[command(name = "cutover", version, max_term_width = 100, disable_help_subcommand = true, after_help = AFTER_HELP)]
pub struct Cli {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: commands::Command,
}

const AFTER_HELP: &str = "`cutover explain CODE` explains any code that a command prints. `cutover man` prints the manual, exit \
                          codes included.";

/// Runs the program: arguments and environment of this process.
pub fn main() -> ExitCode {
    run(std::env::args_os(), Environment::of_process()).into()
}

/// Runs one command.
pub fn run(arguments: impl IntoIterator<Item = OsString>, environment: Environment) -> Exit {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let cli = match Cli::try_parse_from(&arguments) {
        Ok(cli) => cli,
        Err(error) => return usage(&visible(&arguments).unwrap_or(error)),
    };
    let ui = Ui::of_process(&cli.global, &environment);
    let log = start_log(&cli.global, &environment);
    let mut context = Context { ui, global: cli.global, environment };
    match log.and_then(|()| cli.command.run(&mut context)) {
        Ok(exit) => exit,
        Err(error) => {
            context.ui.error(&error);
            error.exit()
        }
    }
}

/// The same error about arguments that act on no terminal: clap quotes them as they are.
fn visible(arguments: &[OsString]) -> Option<clap::Error> {
    Cli::try_parse_from(arguments.iter().map(|argument| visible_line(&argument.to_string_lossy()))).err()
}

/// What clap has to say: help and version are answers, everything else is an error of usage. (clap itself would exit 2, which
/// here means "there are changes".)
fn usage(error: &clap::Error) -> Exit {
    let exit = match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Exit::Done,
        _ => Exit::Usage,
    };
    // clap chooses the stream, and there is nobody left to tell when it is shut.
    error.print().ok();
    exit
}

/// The log for debugging, on stderr: `-v`, `-vv`, or `CUTOVER_LOG` with a filter. Never what a user is to read.
fn start_log(global: &Global, environment: &Environment) -> Result<(), Error> {
    use tracing_subscriber::Layer as _;
    use tracing_subscriber::filter::Targets;
    use tracing_subscriber::layer::SubscriberExt as _;
    use tracing_subscriber::util::SubscriberInitExt as _;
    let filter = match (environment.log.as_deref(), global.verbose) {
        (Some(filter), _) => filter,
        (None, 0) => return Ok(()),
        (None, 1) => "cutover=debug",
        (None, _) => "cutover=trace,tonic=debug,h2=info",
    };
    let targets: Targets = filter.parse().map_err(|error| {
        Error::usage(format!("CUTOVER_LOG: `{filter}` is no filter: {error}"), "write TARGET=LEVEL,…, such as `cutover=debug`")
    })?;
    let lines = tracing_subscriber::fmt::layer().with_writer(|| log_lines::LogLines).with_ansi(false);
    let started = tracing_subscriber::registry().with(lines.with_filter(targets)).try_init();
    // A second start in one process, as in tests, keeps the first.
    started.ok();
    Ok(())
}
