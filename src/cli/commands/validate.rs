//! `cutover validate`

use std::path::{Path, PathBuf};

use clap::Args;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::cli::context::Context;
use crate::cli::error::Error;
use crate::cli::exit::Exit;
use crate::cli::files::read_plan_file;
use crate::clock::{Clock as _, SystemClock};
use crate::report::problems;
use crate::spec::{self, GATES, GatePolicy, Movement, Problem, Reading, Spec, TableSelection};

/// Check plan files, offline
///
/// Shows everything that is wrong with them at once, with line and column. Talks to no cluster and reads nothing but the files.
#[derive(Debug, Args)]
pub struct ValidateArgs {
    /// Plan files; `-` is standard input
    #[arg(default_value = "workflow.toml", value_name = "FILE")]
    files: Vec<PathBuf>,
}

pub fn run(args: ValidateArgs, context: &mut Context) -> Result<Exit, Error> {
    context.without_markdown()?;
    let now = SystemClock.now();
    let mut exit = Exit::Done;
    for file in &args.files {
        match read_plan_file(file).and_then(|text| judge(file, text, now)) {
            Ok((reading, text)) => show(context, file, &reading, &text)?,
            Err(error) => {
                exit = error.exit();
                context.ui.error(&error);
            }
        }
    }
    Ok(exit)
}

fn judge(file: &Path, text: String, now: Timestamp) -> Result<(Reading, String), Error> {
    match spec::read_at(&text, now) {
        Ok(reading) => Ok((reading, text)),
        Err(problems) => Err(Error::BadFile { file: file.to_owned(), text: Some(text), problems }),
    }
}

fn show(context: &mut Context, file: &Path, reading: &Reading, text: &str) -> Result<(), Error> {
    let name = file.display().to_string();
    if context.is_json() {
        let mut value = json!({ "file": name, "valid": true, "problems": problems::json(&reading.warnings, Some(text)) });
        value["summary"] = summary_json(&reading.spec);
        return context.ui.json(&value);
    }
    if !reading.warnings.is_empty() {
        let warnings: &[Problem] = &reading.warnings;
        context.ui.problems(warnings, &name, Some(text));
    }
    context.ui.data(&format!("{}: valid\n{}", problems::visible_line(&name), summary(&reading.spec)))
}

/// What the file says, in three lines.
fn summary(spec: &Spec) -> String {
    let Movement::MoveTables(of) = &spec.movement;
    let tables = match &of.tables {
        TableSelection::Named(names) if names.len() == 1 => "1 table".to_owned(),
        TableSelection::Named(names) => format!("{} tables", names.len()),
        TableSelection::AllBut(names) if names.is_empty() => "all tables".to_owned(),
        TableSelection::AllBut(names) => format!("all tables but {}", names.len()),
    };
    let mut text = format!(
        "  {} on `{}`: {tables} from `{}` to `{}`\n",
        spec.workflow, spec.cluster, of.source_keyspace, of.target_keyspace
    );
    for (policy, word) in [(GatePolicy::OperatorHold, "hold"), (GatePolicy::AutoAdvance, "auto-advance")] {
        let names: Vec<&str> = GATES
            .iter()
            .filter(|phase| spec.gates.get(phase).is_some_and(|gate| gate.policy == policy))
            .map(|phase| phase.as_str())
            .collect();
        if !names.is_empty() {
            text.push_str(&format!("  {word}: {}\n", names.join(", ")));
        }
    }
    for phase in GATES {
        let Some(gate) = spec.gates.get(phase).filter(|gate| !gate.windows.is_empty()) else { continue };
        let windows: Vec<String> = gate.windows.iter().map(ToString::to_string).collect();
        text.push_str(&format!("  {phase} only in: {} ({})\n", windows.join("; "), gate.time_zone));
    }
    text
}

fn summary_json(spec: &Spec) -> Value {
    let Movement::MoveTables(of) = &spec.movement;
    let gates: serde_json::Map<String, Value> =
        GATES.iter().filter_map(|phase| Some((phase.to_string(), json!(spec.gates.get(phase)?.policy)))).collect();
    json!({
        "workflow": spec.workflow,
        "cluster": spec.cluster,
        "source_keyspace": of.source_keyspace,
        "target_keyspace": of.target_keyspace,
        "tables": of.tables,
        "gates": gates,
    })
}
