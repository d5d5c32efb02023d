//! The JSON Schema of `sandbox.toml`, draft 7 as editors' TOML tools read it.

use serde_json::Value;

use super::description::Description;

/// What the types say; what must hold between the parts only [`super::reading::read`] can say.
pub fn schema() -> Value {
    let generator = schemars::generate::SchemaSettings::draft07().for_deserialize().into_generator();
    let mut schema = generator.into_root_schema_for::<Description>().to_value();
    schema["title"] = "Cutover's sandbox file".into();
    schema
}
