//! `/schema/events.json`: the JSON Schema of what a reader of the feed gets, made from the types that it is made from.

use axum::{
    http::header,
    response::{IntoResponse, Response},
};
use schemars::{JsonSchema, SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value, json};

use crate::sans_io::event;

/// What stands in the place of events that are gone: see `on_gap=skip`.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "the hub writes it by hand; a test checks that it fits")]
struct Gap {
    /// `gap`
    r#type: String,
    /// The first event that is gone.
    from: u64,
    /// The last event that is gone.
    to: u64,
}

pub(crate) async fn events() -> Response {
    document(&schema())
}

/// A document that stays as it is as long as the server runs.
pub(crate) fn document(json: &Value) -> Response {
    let headers = [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-cache")];
    (headers, json.to_string()).into_response()
}

/// One of the types of events, or a gap.
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

/// The names of all messages of the feed, and all definitions that they need.
pub(crate) fn definitions(generator: &mut SchemaGenerator) -> (Vec<String>, Map<String, Value>) {
    let mut messages: Vec<(String, Value)> = event::schemas(generator)
        .into_iter()
        .map(|(kind, schema)| (format!("{}Event", camel(kind)), schema.to_value()))
        .collect();
    let mut gap = Gap::json_schema(generator).to_value();
    gap["properties"]["type"] = json!({ "const": "gap" });
    messages.push(("GapMessage".to_owned(), gap));
    let mut definitions = generator.take_definitions(true);
    let names = messages.iter().map(|(name, _)| name.clone()).collect();
    definitions.extend(messages);
    (names, definitions)
}

fn camel(name: &str) -> String {
    name.split('_').flat_map(|word| [word[..1].to_uppercase(), word[1..].to_owned()]).collect()
}
