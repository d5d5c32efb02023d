//! The JSON Schema of the plan file, made from the same declarations that decode it.
//!
//! Draft 7, for that is what the TOML tools of editors read. It says what a key may hold; what several keys must hold together
//! (`source` and `target` differ, a window fits a switch) only [`super::read`] can say.

use serde_json::{Map, Value, json};

use super::gates::GATE;
use super::key::{Fallback, Key, Kind, NameKind, Table};
use super::{TABLES, length};
use crate::model::name::{CellName, KeyspaceName, TableName, WorkflowName};

/// The schema of `workflow.toml`.
pub fn workflow() -> Value {
    let mut schema = file("Cutover's plan file", TABLES);
    // Either the tables by name, or all of them.
    schema["properties"]["move-tables"]["anyOf"] =
        json!([{ "required": ["tables"] }, { "required": ["all-tables"], "properties": { "all-tables": { "const": true } } }]);
    schema
}

/// What editors' TOML tools read.
pub const DRAFT: &str = "http://json-schema.org/draft-07/schema#";
/// Of a cluster.
pub const ALIAS: &str = "^[A-Za-z0-9][A-Za-z0-9._-]*$";

/// The schema of a file of ours from its tables; the one without a name is the top.
fn file(title: &str, tables: &[&Table]) -> Value {
    let mut schema = Map::new();
    schema.insert("$schema".into(), json!(DRAFT));
    schema.insert("title".into(), json!(title));
    let mut properties = Map::new();
    let mut required = Vec::new();
    for table in tables {
        if table.name.is_empty() {
            schema.insert("description".into(), json!(table.doc));
            for key in table.keys {
                properties.insert(key.name.into(), of_key(key));
                if key.fallback == Fallback::Required {
                    required.push(key.name);
                }
            }
        } else {
            properties.insert(table.name.into(), of_table(table));
            if table.required {
                required.push(table.name);
            }
        }
    }
    schema.insert("type".into(), json!("object"));
    schema.insert("required".into(), json!(required));
    schema.insert("additionalProperties".into(), json!(false));
    schema.insert("properties".into(), Value::Object(properties));
    Value::Object(schema)
}

/// The schema of one table.
pub fn of_table(table: &Table) -> Value {
    let required: Vec<&str> = table.keys.iter().filter(|key| key.fallback == Fallback::Required).map(|key| key.name).collect();
    let properties: Map<String, Value> = table.keys.iter().map(|key| (key.name.to_owned(), of_key(key))).collect();
    let mut schema = json!({
        "description": table.doc,
        "type": "object",
        "additionalProperties": false,
        "properties": properties,
    });
    if !required.is_empty() {
        schema["required"] = json!(required);
    }
    schema
}

fn of_key(key: &Key) -> Value {
    let mut doc = key.doc.to_owned();
    if let Kind::Length(bounds) = key.kind {
        let words = length::milliseconds_words;
        let unit = if bounds.whole_seconds { ", in whole seconds" } else { "" };
        doc.push_str(&format!(
            " A length of time such as \"90s\" or \"2h 30m\", from {} to {}{unit}.",
            words(bounds.least_milliseconds),
            words(bounds.most_milliseconds)
        ));
    }
    let mut schema = of_kind(key.kind);
    schema["description"] = json!(doc);
    match key.fallback {
        Fallback::Text(text) => schema["default"] = json!(text),
        Fallback::Flag(flag) => schema["default"] = json!(flag),
        Fallback::Words(words) => schema["default"] = json!(words),
        Fallback::Required | Fallback::Nothing => {}
    }
    schema
}

fn of_kind(kind: Kind) -> Value {
    match kind {
        Kind::Text | Kind::Zone => json!({ "type": "string", "minLength": 1 }),
        Kind::Flag => json!({ "type": "boolean" }),
        Kind::Count { least, most } if least == most => json!({ "type": "integer", "const": least }),
        Kind::Count { least, most } => json!({ "type": "integer", "minimum": least, "maximum": most }),
        // Its grammar is jiff's; the pattern only tells a length from a bare number.
        Kind::Length(_) => json!({ "type": "string", "pattern": "^\\s*\\+?[0-9].*[A-Za-zµ]" }),
        Kind::Name(kind) => of_name(kind),
        Kind::Names(kind) => {
            json!({ "type": "array", "uniqueItems": true, "items": of_name(kind) })
        }
        Kind::Word(words) => json!({ "type": "string", "enum": words }),
        Kind::Words(words) => {
            json!({ "type": "array", "minItems": 1, "uniqueItems": true, "items": { "type": "string", "enum": words } })
        }
        Kind::Windows => json!({ "type": "array", "minItems": 1, "items": { "type": "string", "pattern": WINDOW } }),
        Kind::Gate => {
            let policy = of_kind(GATE.keys[0].kind);
            json!({ "anyOf": [policy, of_table(&GATE)] })
        }
        Kind::Texts => json!({ "type": "array", "minItems": 1, "items": { "type": "string", "minLength": 1 } }),
    }
}

/// Both forms of a window, days in any case.
const WINDOW: &str = concat!(
    r"^\s*(",
    r"[A-Za-z]{3}(\s*[-,]\s*[A-Za-z]{3})*\s+[0-2][0-9]:[0-5][0-9]-[0-2][0-9]:[0-5][0-9]",
    r"|",
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}\s*/\s*[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}",
    r")\s*$"
);

fn of_name(kind: NameKind) -> Value {
    let (most, forbidden) = match kind {
        NameKind::Workflow => (WorkflowName::MOST_CHARACTERS, WorkflowName::FORBIDDEN),
        NameKind::Keyspace => (KeyspaceName::MOST_CHARACTERS, KeyspaceName::FORBIDDEN),
        NameKind::Table => (TableName::MOST_CHARACTERS, TableName::FORBIDDEN),
        NameKind::Cell => (CellName::MOST_CHARACTERS, CellName::FORBIDDEN),
        NameKind::Cluster => {
            return json!({ "type": "string", "maxLength": 63, "pattern": ALIAS });
        }
    };
    let class: String = forbidden
        .iter()
        .map(|c| if matches!(c, '\\' | ']' | '^' | '-' | '[' | '/') { format!("\\{c}") } else { c.to_string() })
        .collect();
    let mut schema = json!({ "type": "string", "minLength": 1, "maxLength": most, "pattern": format!("^[^{class}]+$") });
    if kind == NameKind::Workflow {
        schema["not"] = json!({ "pattern": "_reverse$" });
    }
    schema
}

/// Every key of a schema by path, as [`super::known_keys`] has them.
pub fn keys(schema: &Value) -> std::collections::BTreeSet<String> {
    let mut found = std::collections::BTreeSet::new();
    collect(schema, "", &mut found);
    found
}

fn collect(schema: &Value, path: &str, found: &mut std::collections::BTreeSet<String>) {
    let alternatives = schema["anyOf"].as_array().into_iter().flatten();
    for alternative in alternatives.filter(|alternative| alternative["type"] == "object") {
        collect(alternative, path, found);
    }
    for (name, inner) in schema["properties"].as_object().into_iter().flatten() {
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        collect(inner, &path, found);
        found.insert(path);
    }
}
