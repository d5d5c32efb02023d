//! The commands, one file each.

pub mod completions;
pub mod explain;
pub mod man;
pub mod schema;
pub mod validate;

use clap::Subcommand;

use super::context::Context;
use super::error::Error;
use super::exit::Exit;

/// Every command, in the order of the help.
#[derive(Debug, Subcommand)]
pub enum Command {
    Validate(validate::ValidateArgs),
    Explain(explain::ExplainArgs),
    Schema(schema::SchemaArgs),
    Completions(completions::CompletionsArgs),
    Man(man::ManArgs),
}

impl Command {
    pub fn run(self, context: &mut Context) -> Result<Exit, Error> {
        match self {
            Self::Validate(args) => validate::run(args, context),
            Self::Explain(args) => explain::run(args, context),
            Self::Schema(args) => schema::run(args, context),
            Self::Completions(args) => completions::run(args, context),
            Self::Man(args) => man::run(args, context),
        }
    }
}
