//! The top of the plan file: which format, which workflow, which cluster.

use toml::de::DeValue;

use super::key::{Fallback, Key, Kind, NameKind, Table};
use super::problem::Problem;
use super::section::Section;
use super::value::Placed;
use crate::model::name::WorkflowName;

/// The one format that this version reads.
pub const VERSION: u32 = 1;

pub static TABLE: Table = Table {
    name: "",
    doc: "A movement of tables between Vitess keyspaces: what moves, what holds it, and when it may go on.",
    required: true,
    keys: &[&FORMAT, &WORKFLOW, &CLUSTER],
};

static FORMAT: Key = Key {
    name: "version",
    doc: "The format of this file.",
    kind: Kind::Count { least: VERSION, most: VERSION },
    fallback: Fallback::Required,
};
static WORKFLOW: Key = Key {
    name: "workflow",
    doc: "The name of the Vitess workflow. Vitess keeps names that end in `_reverse` for the way back.",
    kind: Kind::Name(NameKind::Workflow),
    fallback: Fallback::Required,
};
static CLUSTER: Key = Key {
    name: "cluster",
    doc: "An alias of the cluster. Where it is and how to log in is the operator's to say; `sandbox` is built in.",
    kind: Kind::Name(NameKind::Cluster),
    fallback: Fallback::Required,
};

pub struct Top {
    pub workflow: Option<Placed<WorkflowName>>,
    pub cluster: Option<String>,
}

/// Whether the file is of a format that is newer than this version: then nothing else of it can be judged.
pub fn is_newer(root: &mut Section<'_>) -> bool {
    let Some(value) = root.find(FORMAT.name) else { return false };
    let DeValue::Integer(number) = value.value else { return false };
    match number.as_str().parse::<i128>() {
        Ok(found) if found > i128::from(VERSION) => {
            root.log.push(
                Problem::error("C114", value.path.clone(), Some(value.span.clone()), format!("the file is of version {found}"))
                    .label(format!("this cutover reads version {VERSION}"))
                    .help("use a cutover that knows this version: its keys may mean something that this one would miss"),
            );
            true
        }
        _ => false,
    }
}

pub fn decode(root: &mut Section<'_>) -> Top {
    root.count(&FORMAT);
    let workflow = root.name::<WorkflowName>(&WORKFLOW);
    let cluster = root.text(&CLUSTER).and_then(|text| alias(root, text));
    Top { workflow, cluster }
}

/// The shape of an alias: it stands in file names, environment and messages, so it is kept plain.
pub fn is_alias(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    text.len() <= 63 && text.starts_with(|c: char| c.is_ascii_alphanumeric()) && text.chars().all(plain)
}

fn alias(root: &Section<'_>, text: Placed<String>) -> Option<String> {
    if is_alias(&text.value) {
        return Some(text.value);
    }
    let shown = super::section::clip(&text.value);
    root.log.push(
        Problem::error("C107", text.path, Some(text.span), format!("the cluster alias `{shown}` is not plain"))
            .label("not a cluster alias")
            .help("letters, digits, `-`, `_` and `.`, a letter or digit first, 63 characters at most; no address"),
    );
    None
}
