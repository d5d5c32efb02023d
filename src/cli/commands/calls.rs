//! `cutover calls`

use clap::Args;
use serde_json::json;

use crate::cli::context::Context;
use crate::cli::error::Error;
use crate::cli::exit::Exit;
use crate::plan::reads;

/// List the calls of vtctld that a plan needs
///
/// vtctld knows no credential that may only read. A proxy before it that lets these calls through, and no other, makes one: paths are
/// `/vtctlservice.Vtctld/CALL`. `ExecuteFetchAsDBA` carries SELECTs here and could carry anything; `plan --no-sql` does without it.
#[derive(Debug, Args)]
pub struct CallsArgs {}

pub fn run(_: CallsArgs, context: &mut Context) -> Result<Exit, Error> {
    context.without_markdown()?;
    let no_sql = context.global.no_sql;
    let needed = || reads::CALLS.iter().filter(|call| !no_sql || call.name != reads::SQL);
    if context.is_json() {
        let list =
            needed().map(|call| json!({ "call": call.name, "what": call.what, "avoidable": call.name == reads::SQL })).collect();
        context.ui.json(&serde_json::Value::Array(list))?;
        return Ok(Exit::Done);
    }
    let width = needed().map(|call| call.name.len()).max().unwrap_or(0);
    let lines: String = needed().map(|call| format!("{:width$}  {}\n", call.name, call.what)).collect();
    context.ui.data(&lines)?;
    Ok(Exit::Done)
}
