//! The JSON Schema of events, derived from the types that are serialised.

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::{Value, json};

use super::EventJson;

/// Returns the schema of an event with `data` of type `D`, including the fields that are written by hand.
pub(super) fn of_kind<D: JsonSchema + 'static>(
    generator: &mut SchemaGenerator,
    kind: &'static str,
    doc: &str,
) -> Schema {
    let mut schema = EventJson::<'static, D>::json_schema(generator);
    schema.insert("description".into(), doc.trim().into());
    if let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) {
        properties.insert("type".into(), json!({ "const": kind }));
        // `finish_json` appends this field.
        let seq = json!({
            "description": "Sequence number, from 1. Gaps belong to events that were filtered out.",
            "type": "integer",
            "minimum": 1,
        });
        properties.insert("seq".into(), seq);
    }
    if let Some(required) = schema.get_mut("required").and_then(Value::as_array_mut) {
        required.push("seq".into());
    }
    schema
}
