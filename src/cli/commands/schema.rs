//! `cutover schema`

use clap::Args;
use serde_json::Value;

use crate::cli::context::Context;
use crate::cli::error::Error;
use crate::cli::exit::Exit;
use crate::cli::notify;
use crate::{operator, record, report, sandbox, spec};

/// Print a JSON Schema
///
/// Of the files that people write, for editors, and of what `--format json` prints, for programs.
#[derive(Debug, Args)]
pub struct SchemaArgs {
    /// Which one; left out, their names are printed
    name: Option<String>,
}

/// Every schema by name; each stands in `schemas/NAME.schema.json`.
pub fn schemas() -> Vec<(&'static str, Value)> {
    vec![
        ("workflow", spec::schema::workflow()),
        ("config", operator::schema()),
        ("sandbox", sandbox::file::schema::schema()),
        ("lockfile", record::format::schema()),
        ("plan", report::schema::plan()),
        ("folder-plan", report::schema::folder_plan()),
        ("saved-plan", report::schema::saved_plan()),
        ("snapshot", report::schema::snapshot()),
        ("status", report::schema::status()),
        ("events", report::schema::events()),
        ("history", report::schema::history()),
        ("doctor", report::schema::doctor()),
        ("repair", report::schema::repair()),
        ("adopt", report::schema::adopt()),
        ("notify", notify::schema()),
    ]
}

pub fn run(args: SchemaArgs, context: &mut Context) -> Result<Exit, Error> {
    let schemas = schemas();
    let names = || spec::suggest::one_of(schemas.iter().map(|(name, _)| *name));
    let Some(wanted) = args.name else {
        let lines: String = schemas.iter().map(|(name, _)| format!("{name}\n")).collect();
        context.ui.data(&lines)?;
        return Ok(Exit::Done);
    };
    let Some((_, schema)) = schemas.iter().find(|(name, _)| *name == wanted) else {
        return Err(Error::usage(format!("there is no schema `{wanted}`"), format!("take {}", names())));
    };
    context.ui.data(&format!("{schema:#}\n"))?;
    Ok(Exit::Done)
}
