//! `cutover init`

use std::io::Write as _;
use std::path::{Path, PathBuf};

use clap::Args;

use crate::cli::block_on;
use crate::cli::connect::{Reached, reach};
use crate::cli::context::{Context, named};
use crate::cli::error::Error;
use crate::cli::exit::Exit;
use crate::cluster::port::{Ask, Query, Reader as _};
use crate::cluster::vtctld::Cluster;
use crate::model::name::{KeyspaceName, TableName, WorkflowName};
use crate::report::command::for_file;
use crate::spec;
use crate::spec::template::{InitFacts, workflow_toml};

/// What the plan file's first line names, for editors; it lies beside the plan file.
const SCHEMA_FILE: &str = "workflow.schema.json";

/// Write a plan file from the live cluster
///
/// Asks the cluster for the source's tables and writes a file with every key, its meaning and its default. Changes nothing in the
/// cluster, and never replaces a file.
#[derive(Debug, Args)]
pub struct InitArgs {
    /// The keyspace whose tables move
    source_keyspace: String,
    /// The keyspace to which they move
    target_keyspace: String,
    /// Where to write it; `-` is standard output
    #[arg(default_value = "workflow.toml", value_name = "FILE")]
    file: PathBuf,
    /// The alias of the cluster
    #[arg(long, default_value = "production", value_name = "ALIAS")]
    cluster: String,
    /// The workflow's name [default: SOURCE2TARGET]
    #[arg(long, value_name = "NAME")]
    workflow: Option<String>,
    /// Only these tables, separated by commas [default: all of the source]
    #[arg(long, value_delimiter = ',', value_name = "TABLES")]
    tables: Vec<String>,
}

pub fn run(args: InitArgs, context: &mut Context) -> Result<Exit, Error> {
    context.without_markdown()?;
    let keyspace =
        |text: &str| KeyspaceName::new(text).map_err(|why| Error::usage(format!("the keyspace name `{text}` {why}"), ""));
    let (source, target) = (keyspace(&args.source_keyspace)?, keyspace(&args.target_keyspace)?);
    let name = args.workflow.clone().unwrap_or_else(|| format!("{source}2{target}"));
    let workflow = WorkflowName::forward(name.clone())
        .map_err(|why| Error::usage(format!("the workflow name `{name}` {why}"), "choose one with --workflow"))?;
    let text = block_on(context, async |context| {
        let connection = context.connection(&args.cluster)?;
        let Reached { vtctld, address, clock, sandbox, .. } = reach(context, &connection, &args.file)?;
        let cluster = Cluster::new(vtctld, clock);
        let names = Ask::TableNames(source.clone());
        let query = Query {
            keyspaces: [source.clone(), target.clone()].into(),
            asks: [names.clone(), Ask::AllVSchemas].into(),
            ..Query::default()
        };
        let facts = cluster.observe(&query).await.map_err(|error| Error::cluster(&error, &address, sandbox.is_some()))?;
        for keyspace in [&source, &target] {
            if !facts.keyspaces.contains_key(keyspace) {
                return Err(Error::ended(
                    Exit::Refused,
                    format!("there is no keyspace `{keyspace}` on `{}` ({address})", args.cluster),
                    "`vtctldclient GetKeyspaces` lists them",
                ));
            }
        }
        let found = facts.table_names(&names).map_err(|unread| {
            Error::ended(
                Exit::Refused,
                format!("the tables of `{source}` could not be read: {unread}"),
                "is its primary serving?",
            )
        })?;
        let found: std::collections::BTreeSet<&String> = found.values().flatten().collect();
        let is_sequence = |table: &str| {
            facts
                .vschemas
                .get(&source)
                .and_then(|vschema| vschema.tables.get(table))
                .is_some_and(|table| table.kind == "sequence")
        };
        let mut tables = Vec::new();
        if args.tables.is_empty() {
            // Sequences stay where they are: they are what hands out the ids.
            tables.extend(found.iter().filter(|name| !is_sequence(name)).filter_map(|name| TableName::new(name.as_str()).ok()));
        }
        for name in &args.tables {
            if !found.contains(name) {
                let nearest = crate::spec::suggest::nearest(name, found.iter().map(|name| name.as_str()))
                    .map(|near| format!("did you mean `{near}`?"));
                return Err(Error::usage(format!("`{source}` has no table `{name}`"), nearest.unwrap_or_default()));
            }
            tables.push(TableName::new(name.as_str()).map_err(|why| Error::usage(format!("the table name `{name}` {why}"), ""))?);
        }
        let unsharded = facts.all_vschemas(&Ask::AllVSchemas).map(|all| {
            all.iter()
                .filter(|(_, vschema)| !vschema.sharded)
                .filter_map(|(name, _)| KeyspaceName::new(name.as_str()).ok())
                .collect()
        });
        Ok(workflow_toml(&InitFacts {
            cluster: args.cluster.clone(),
            workflow,
            source,
            target,
            tables,
            cells: facts.cells.names.clone(),
            global_keyspaces: unsharded.unwrap_or_default(),
            schema: Some(SCHEMA_FILE.to_owned()),
        }))
    })?;
    if args.file.as_os_str() == "-" {
        context.ui.data(&text)?;
        context.ui.note(&format!("its first line names the schema, for editors: cutover schema workflow > {SCHEMA_FILE}"));
        return Ok(Exit::Done);
    }
    let failed = |source| Error::Write { what: args.file.display().to_string(), source };
    let mut file = std::fs::File::create_new(&args.file).map_err(|error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => Error::usage(
            format!("`{}` is there already, and init replaces nothing", args.file.display()),
            "name another file, or `-` for standard output",
        ),
        _ => failed(error),
    })?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(failed)?;
    context.ui.note(&format!("wrote {}", args.file.display()));
    if let Some(path) = write_schema(&args.file)? {
        context.ui.note(&format!("wrote {}, by which editors check it", path.display()));
    }
    let plan = for_file("cutover plan", named(&args.file).as_deref());
    context.ui.note(&format!("it renames the source tables at the end ([complete] can say otherwise); next: {plan}"));
    Ok(Exit::Done)
}

/// Puts the schema beside the plan file, where its first line says; one that is there is left alone.
fn write_schema(plan_file: &Path) -> Result<Option<PathBuf>, Error> {
    let path = plan_file.with_file_name(SCHEMA_FILE);
    let failed = |source| Error::Write { what: path.display().to_string(), source };
    let mut file = match std::fs::File::create_new(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    file.write_all(format!("{:#}\n", spec::schema::workflow()).as_bytes()).map_err(failed)?;
    Ok(Some(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_lies_where_the_first_line_names_it_and_replaces_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let plan_file = folder.path().join("workflow.toml");
        let path = write_schema(&plan_file).unwrap().unwrap();
        assert_eq!(path, folder.path().join(SCHEMA_FILE));
        let written: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        assert_eq!(written, spec::schema::workflow());
        std::fs::write(&path, "mine").unwrap();
        assert_eq!(write_schema(&plan_file).unwrap(), None);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "mine");
    }
}
