//! `/schema/events.json` and `/schema/inject.json`: the JSON Schemas of the feed's messages and of injected events, generated
//! from their Rust types.

use axum::{
    http::header,
    response::{IntoResponse, Response},
};
use livetape_core::{event, inject};
use schemars::{JsonSchema, SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value, json};

/// Names of the schemas of an outage, and of events and outages of type `error`.
const OUTAGE: &str = "OutageMessage";
const ERROR: &str = "ErrorMessage";

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

/// The settings of the saved overlay that the client shows (`overlay=`): sent when it connects, and when they change. It has
/// no number, because it is not part of a stream.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "written elsewhere; a test compares them")]
struct OverlaySettings {
    /// `overlay`
    r#type: String,
    /// Kind and name: `alerts/Main`.
    overlay: String,
    /// The settings, as in the query of a link; `null` if the overlay is not saved.
    settings: Option<String>,
}

/// Reports why a client is rejected, or why a process that shares its channel receives no events. It has no number, because
/// it is not part of a stream: no client can continue from it.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "written elsewhere; tests compare them")]
struct Outage {
    /// `error`
    r#type: String,
    /// Description of the failure.
    data: OutageData,
    /// Empty.
    #[serde(skip_serializing_if = "Option::is_none")]
    username: Option<String>,
    /// Time of the failure.
    #[serde(skip_serializing_if = "Option::is_none")]
    ts: Option<String>,
    /// `false`
    #[serde(skip_serializing_if = "Option::is_none")]
    replay: Option<bool>,
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
    /// Short headline.
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<String>,
    /// Number of the connection attempt; 0 if there was none.
    #[serde(skip_serializing_if = "Option::is_none")]
    attempt: Option<u32>,
    /// Time until another request makes sense, in milliseconds.
    #[serde(rename = "retryAfterMs", skip_serializing_if = "Option::is_none")]
    retry_after_ms: Option<u64>,
    /// Time of the failure.
    #[serde(skip_serializing_if = "Option::is_none")]
    timestamp: Option<String>,
}

pub(crate) async fn events() -> Response {
    document(&schema())
}

pub(crate) async fn inject() -> Response {
    document(inject::schema())
}

/// Responds with a JSON document that does not change while the server runs.
pub(crate) fn document(json: &Value) -> Response {
    let headers = [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-cache")];
    (headers, json.to_string()).into_response()
}

/// Builds the schema: one of the event types, a gap, settings of an overlay, or an outage.
fn schema() -> Value {
    let mut generator = SchemaSettings::draft2020_12().for_serialize().into_generator();
    let (mut message, mut definitions) = definitions(&mut generator, "/$defs");
    definitions.values_mut().for_each(remove_null_from_optional);
    message["$schema"] = "https://json-schema.org/draft/2020-12/schema".into();
    message["title"] = "Message".into();
    message["$defs"] = definitions.into();
    message
}

/// Returns the schema of any message of the feed, and all definitions that it needs, which are at `path` in
/// the document.
pub(crate) fn definitions(generator: &mut SchemaGenerator, path: &str) -> (Value, Map<String, Value>) {
    let mut messages: Vec<(&str, String, Value)> = event::schemas(generator)
        .into_iter()
        .map(|(kind, schema)| (kind, format!("{}Event", camel(kind)), schema.to_value()))
        .collect();
    let mut gap = Gap::json_schema(generator).to_value();
    gap["properties"]["type"] = json!({ "const": "gap" });
    messages.push(("gap", "GapMessage".to_owned(), gap));
    let mut overlay = OverlaySettings::json_schema(generator).to_value();
    overlay["properties"]["type"] = json!({ "const": "overlay" });
    messages.push(("overlay", "OverlayMessage".to_owned(), overlay));
    let mut outage = Outage::json_schema(generator).to_value();
    outage["properties"]["type"] = json!({ "const": "error" });
    // Otherwise an event would be both.
    outage["not"] = json!({ "required": ["seq"] });

    let mut definitions = generator.take_definitions(true);
    let reference = |name: &str| format!("#{path}/{name}");
    // A discriminator maps each type to a single schema.
    let error = json!({
        "description": "A failure: an event, or the outage of a node.",
        "anyOf": [{ "$ref": reference("ErrorEvent") }, { "$ref": reference(OUTAGE) }],
    });
    let name_of = |kind: &str, name: &str| reference(if kind == "error" { ERROR } else { name });
    let mapping: Map<String, Value> =
        messages.iter().map(|(kind, name, _)| ((*kind).to_owned(), name_of(kind, name).into())).collect();
    let one_of: Vec<Value> =
        messages.iter().map(|(kind, name, _)| json!({ "$ref": name_of(kind, name) })).collect();
    definitions.extend(messages.into_iter().map(|(_, name, schema)| (name, schema)));
    definitions.extend([(OUTAGE.to_owned(), outage), (ERROR.to_owned(), error)]);
    let message = json!({
        "description": "A message of livetape's event feed.",
        "oneOf": one_of,
        "discriminator": { "propertyName": "type", "mapping": mapping },
    });
    (message, definitions)
}

/// Removes `null` from the types of optional properties, which the derived schemas allow: without a value, a
/// field is either `null` or absent, always the same.
pub(crate) fn remove_null_from_optional(schema: &mut Value) {
    let null = json!({ "type": "null" });
    match schema {
        Value::Object(map) => {
            let required = map.get("required").cloned().unwrap_or_default();
            let is_required =
                |key: &str| required.as_array().is_some_and(|all| all.iter().any(|it| it == key));
            let properties = map.get_mut("properties").and_then(Value::as_object_mut).into_iter().flatten();
            for (_, property) in properties.filter(|(key, _)| !is_required(key)) {
                let Value::Object(property) = property else { continue };
                if let Some(Value::Array(types)) = property.get_mut("type") {
                    types.retain(|it| it != "null");
                    if let [one] = &types[..] {
                        let one = one.clone();
                        property.insert("type".into(), one);
                    }
                }
                if let Some(Value::Array(options)) = property.get_mut("anyOf") {
                    options.retain(|it| *it != null);
                    if let [Value::Object(one)] = &options[..] {
                        let one = one.clone();
                        property.remove("anyOf");
                        // The description of the property precedes that of its type.
                        for (key, value) in one {
                            property.entry(key).or_insert(value);
                        }
                    }
                }
            }
            map.values_mut().for_each(remove_null_from_optional);
        }
        Value::Array(parts) => parts.iter_mut().for_each(remove_null_from_optional),
        _ => {}
    }
}

fn camel(name: &str) -> String {
    name.split('_').flat_map(|word| [word[..1].to_uppercase(), word[1..].to_owned()]).collect()
}
