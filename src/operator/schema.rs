//! The JSON Schema of the operator's `config.toml`.

use serde_json::{Value, json};

use super::SANDBOX;
use super::config::CLUSTER;
use crate::spec::schema::{ALIAS, DRAFT, of_table};

/// The schema, draft 7.
pub fn schema() -> Value {
    json!({
        "$schema": DRAFT,
        "title": "Cutover's operator file",
        "description": "Where clusters are, how to log in, and which safety a plan file may not take away.",
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "clusters": {
                "description": "Clusters by the alias that plan files name. `sandbox` is built in.",
                "type": "object",
                "propertyNames": { "pattern": ALIAS, "maxLength": 63, "not": { "const": SANDBOX } },
                "additionalProperties": of_table(&CLUSTER),
            },
        },
    })
}
