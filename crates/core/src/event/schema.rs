//! The JSON Schema of events, made from the types that their JSON is made from.

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::{Value, json};

use super::EventJson;

/// The schema of an event whose `data` is a `D`: that of what is serialised, with what is written by hand.
pub(super) fn of_kind<D: JsonSchema + 'static>(
    generator: &mut SchemaGenerator,
    kind: &'static str,
    doc: &str,
) -> Schema {
    let mut schema = EventJson::<'static, D>::json_schema(generator);
    schema.insert("description".into(), doc.trim().into());
    if let Some(properties) = schema.get_mut("properties").and_then(Value::as_object_mut) {
        properties.insert("type".into(), json!({ "const": kind }));
        // `finish_json` appends it.
        let seq = json!({
            "description": "Its number, from 1. Numbers that are not seen belong to events that were not asked for.",
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
