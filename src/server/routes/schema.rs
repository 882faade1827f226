//! `/schema/events.json`: the JSON Schema of the feed's messages, generated from their Rust types.

use axum::{
    http::header,
    response::{IntoResponse, Response},
};
use schemars::{JsonSchema, SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value, json};

use crate::sans_io::event;

/// Replaces events that are no longer available; see `on_gap=skip`.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "the hub writes the JSON by hand; a test compares them")]
struct Gap {
    /// `gap`
    r#type: String,
    /// Sequence number of the first missing event.
    from: u64,
    /// Sequence number of the last missing event.
    to: u64,
}

/// Says why no events arrive at a node of a cluster. It has no number, because nobody can assign one.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "the node writes the JSON by hand; a test compares them")]
struct Outage {
    /// `error`
    r#type: String,
    /// Description of the failure.
    data: OutageData,
}

/// Data of an outage: fields of an `error` event.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "see above")]
struct OutageData {
    /// Stable code.
    code: String,
    /// Description of the failure.
    message: String,
    /// Advice on what to do.
    hint: String,
    /// Whether events will continue by themselves.
    retrying: bool,
}

pub(crate) async fn events() -> Response {
    document(&schema())
}

/// Responds with a JSON document that does not change while the server runs.
pub(crate) fn document(json: &Value) -> Response {
    let headers = [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-cache")];
    (headers, json.to_string()).into_response()
}

/// Builds the schema: one of the event types, a gap, or an outage.
fn schema() -> Value {
    let mut generator = SchemaSettings::draft2020_12().for_serialize().into_generator();
    let (names, definitions) = definitions(&mut generator);
    let one_of: Vec<Value> = names.iter().map(|name| json!({ "$ref": format!("#/$defs/{name}") })).collect();
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Message",
        "description": "A message of livetape's event feed.",
        "oneOf": one_of,
        "$defs": definitions,
    })
}

/// Returns the names of all messages of the feed, and all definitions that they need.
pub(crate) fn definitions(generator: &mut SchemaGenerator) -> (Vec<String>, Map<String, Value>) {
    let mut messages: Vec<(String, Value)> = event::schemas(generator)
        .into_iter()
        .map(|(kind, schema)| (format!("{}Event", camel(kind)), schema.to_value()))
        .collect();
    let mut gap = Gap::json_schema(generator).to_value();
    gap["properties"]["type"] = json!({ "const": "gap" });
    messages.push(("GapMessage".to_owned(), gap));
    let mut outage = Outage::json_schema(generator).to_value();
    outage["properties"]["type"] = json!({ "const": "error" });
    // Otherwise an event would be both.
    outage["not"] = json!({ "required": ["seq"] });
    messages.push(("OutageMessage".to_owned(), outage));
    let mut definitions = generator.take_definitions(true);
    let names = messages.iter().map(|(name, _)| name.clone()).collect();
    definitions.extend(messages);
    (names, definitions)
}

fn camel(name: &str) -> String {
    name.split('_').flat_map(|word| [word[..1].to_uppercase(), word[1..].to_owned()]).collect()
}
