//! `/openapi.json`: every path, with schemas generated from the types of bodies and responses.
//!
//! Every address is a [`Route`] of the router's table, which this and the list of addresses describe.

use std::convert::Infallible;

use axum::{
    extract::State,
    handler::Handler,
    response::Response,
    routing::{self, MethodFilter, MethodRouter},
};
use livetape_core::{event::KINDS, pace::Speed, recording::NAME_BYTES_MAX};
use schemars::{JsonSchema, Schema, SchemaGenerator, generate::SchemaSettings};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::{
    App,
    query::{Param, Values},
    schema,
};
use crate::{lobby, state};

/// One method of a path: what handles it, and what describes it.
pub(crate) struct Route {
    pub(crate) path: &'static str,
    pub(crate) handler: MethodRouter<App, Infallible>,
    method: &'static str,
    summary: &'static str,
    query: Vec<Param>,
    body: Option<Body>,
    /// Statuses of the successful response; all others have the error schema.
    statuses: &'static [u16],
    answer: Option<Content>,
    /// Media types that the path serves without an upgrade.
    page: &'static [&'static str],
}

struct Body {
    content: Content,
    is_required: bool,
}

/// Content of a request or response body.
enum Content {
    Json(fn(&mut SchemaGenerator) -> Schema),
    /// Any JSON object.
    Object,
    Other(&'static str),
}

/// Defines a constructor for each method.
macro_rules! methods {
    ($($method:ident $filter:ident),*) => {
        $(pub(crate) fn $method<T: 'static>(
            path: &'static str,
            handler: impl Handler<T, App>,
            summary: &'static str,
        ) -> Self {
            let (method, handler) = (stringify!($method), routing::on(MethodFilter::$filter, handler));
            let (query, statuses): (_, &[_]) = (Vec::new(), &[200]);
            Self { path, handler, method, summary, query, body: None, statuses, answer: None, page: &[] }
        })*
    };
}

impl Route {
    methods!(get GET, post POST, put PUT, patch PATCH, delete DELETE);

    /// Sends a WebSocket upgrade as its response.
    pub(crate) fn upgrades(self) -> Self {
        Self { statuses: &[101], ..self }
    }

    /// Serves these media types without an upgrade.
    pub(crate) fn or_serves(self, page: &'static [&'static str]) -> Self {
        Self { page, ..self }
    }

    /// Sends 201, because it creates something.
    pub(crate) fn creates(self) -> Self {
        Self { statuses: &[201], ..self }
    }

    /// Sends 201, or 200 if it replaces something.
    pub(crate) fn creates_or_replaces(self) -> Self {
        Self { statuses: &[201, 200], ..self }
    }

    pub(crate) fn takes(mut self, query: &[Param]) -> Self {
        self.query.extend(query);
        self
    }

    /// Reads a JSON body. An empty body is read as `{}`, so the body is required if `T` rejects that.
    pub(crate) fn reads<T: JsonSchema + DeserializeOwned>(self) -> Self {
        let is_required = serde_json::from_str::<T>("{}").is_err();
        let content = Content::Json(SchemaGenerator::subschema_for::<T>);
        Self { body: Some(Body { content, is_required }), ..self }
    }

    /// Requires a body of this media type.
    pub(crate) fn reads_other(self, media_type: &'static str) -> Self {
        Self { body: Some(Body { content: Content::Other(media_type), is_required: true }), ..self }
    }

    /// Requires any JSON object.
    pub(crate) fn reads_object(self) -> Self {
        Self { body: Some(Body { content: Content::Object, is_required: true }), ..self }
    }

    /// Responds with JSON.
    pub(crate) fn writes<T: JsonSchema>(self) -> Self {
        Self { answer: Some(Content::Json(SchemaGenerator::subschema_for::<T>)), ..self }
    }

    /// Responds with any JSON object.
    pub(crate) fn writes_object(self) -> Self {
        Self { answer: Some(Content::Object), ..self }
    }

    /// Responds with this media type.
    pub(crate) fn writes_other(self, media_type: &'static str) -> Self {
        Self { answer: Some(Content::Other(media_type)), ..self }
    }
}

/// Separate schemas for reading and writing: fields that are optional when read are always written.
struct Schemas {
    read: SchemaGenerator,
    write: SchemaGenerator,
}

const DEFINITIONS: &str = "/components/schemas";
/// Names of the schemas of messages on `/ws`: sent by the server, and by clients.
const SERVER_MESSAGE: &str = "ServerMessage";
const CLIENT_MESSAGE: &str = "ClientMessage";

pub(crate) async fn openapi(State(app): State<App>) -> Response {
    schema::document(&document(&(app.table)()))
}

/// Returns a line for each method of each path, for people.
pub(crate) fn addresses(table: &[Route]) -> String {
    let line = |Route { method, path, summary, query, .. }: &Route| {
        let names = Vec::from_iter(query.iter().map(|param| format!("{}=", param.name)));
        let query = if names.is_empty() { String::new() } else { format!("\n       ?{}", names.join("&")) };
        format!("{:<6} {path}  {summary}{query}\n", method.to_uppercase())
    };
    table.iter().map(line).collect()
}

impl Schemas {
    fn new() -> Self {
        let settings =
            || SchemaSettings::draft2020_12().with(|settings| settings.definitions_path = DEFINITIONS.into());
        Self {
            read: settings().for_deserialize().into_generator(),
            write: settings().for_serialize().into_generator(),
        }
    }
}

fn document(table: &[Route]) -> Value {
    let mut schemas = Schemas::new();
    let failure = schemas.write.subschema_for::<state::ErrorBody>().to_value();
    let mut paths = Map::new();
    for route in table {
        let operation = route.operation(&mut schemas, &failure);
        let path = paths.entry(route.path).or_insert_with(|| json!({}));
        path[route.method] = operation;
    }
    let (message, mut definitions) = schema::definitions(&mut schemas.write, DEFINITIONS);
    definitions.insert("Message".to_owned(), message);
    let (sent, received) = lobby::schemas(&mut schemas.write, &mut schemas.read);
    definitions.extend(schemas.write.take_definitions(true));
    definitions.insert(SERVER_MESSAGE.to_owned(), sent.to_value());
    definitions.values_mut().for_each(schema::remove_null_from_optional);
    definitions.insert(CLIENT_MESSAGE.to_owned(), received.to_value());
    let mut read = schemas.read.take_definitions(true);
    read.values_mut().for_each(state_range);
    definitions.extend(read);
    paths["/ws"]["get"]["x-messages"] = messages(&[SERVER_MESSAGE, "Message"], &[CLIENT_MESSAGE]);
    for feed in ["/", "/ws/{token}", "/ws/test/{token}", "/ws/play/{recording}"] {
        paths[feed]["get"]["x-messages"] = messages(&["Message"], &[]);
    }
    definitions.values_mut().for_each(write_any_as_object);
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "livetape",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Record a TikTok LIVE once, then test against it offline.",
            "license": { "name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0" },
        },
        "paths": paths,
        "components": { "schemas": definitions },
    })
}

/// Formats of whole numbers, with their ranges.
const RANGES: [(&str, i64, i64); 4] = [
    ("uint16", 0, u16::MAX as i64),
    ("uint32", 0, u32::MAX as i64),
    ("int32", i32::MIN as i64, i32::MAX as i64),
    ("int64", i64::MIN, i64::MAX),
];

/// States the range of a number's format, because few programs know these formats.
fn state_range(schema: &mut Value) {
    match schema {
        Value::Object(map) => {
            let format = map.get("format").and_then(Value::as_str);
            if let Some((_, min, max)) = RANGES.iter().find(|(name, ..)| format == Some(name)) {
                map.entry("minimum").or_insert((*min).into());
                map.entry("maximum").or_insert((*max).into());
            }
            map.values_mut().for_each(state_range);
        }
        Value::Array(parts) => parts.iter_mut().for_each(state_range),
        _ => {}
    }
}

/// Writes the schema of any value as `{}`, because few generators know its other form, `true`. Removes `null` as a default: it
/// is not a value of the property, which may be left out.
fn write_any_as_object(schema: &mut Value) {
    let Value::Object(map) = schema else { return };
    if map.get("default") == Some(&Value::Null) {
        map.remove("default");
    }
    for value in
        map.get_mut("properties").and_then(Value::as_object_mut).into_iter().flat_map(Map::values_mut)
    {
        if *value == true {
            *value = json!({});
        }
    }
    for part in map.values_mut() {
        match part {
            Value::Array(parts) => parts.iter_mut().for_each(write_any_as_object),
            part => write_any_as_object(part),
        }
    }
}

/// Describes the messages of a WebSocket in an extension, because OpenAPI cannot.
fn messages(sent: &[&str], received: &[&str]) -> Value {
    let refs = |names: &[&str]| -> Vec<Value> {
        names.iter().map(|name| json!({ "$ref": format!("#{DEFINITIONS}/{name}") })).collect()
    };
    json!({ "sent": refs(sent), "received": refs(received) })
}

impl Route {
    fn operation(&self, schemas: &mut Schemas, failure: &Value) -> Value {
        let in_path = self.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
        let in_path = in_path.map(|name| {
            let longest = (name == "name" && self.path.starts_with("/recordings")).then_some(NAME_BYTES_MAX);
            let schema = json!({ "type": "string", "minLength": 1, "maxLength": longest });
            json!({ "name": name, "in": "path", "required": true, "schema": without_null(schema) })
        });
        let in_query = self.query.iter().map(|Param { name, what, values }| {
            let mut parameter =
                json!({ "name": name, "in": "query", "description": what, "schema": values.schema() });
            if matches!(values, Values::Types) {
                // Comma-separated.
                parameter["explode"] = false.into();
            }
            parameter
        });
        let parameters: Vec<Value> = in_path.chain(in_query).collect();
        let mut good = json!({ "description": self.summary });
        if let Some(answer) = &self.answer {
            good["content"] = answer.describe(&mut schemas.write);
        }
        let bad =
            json!({ "description": "An error.", "content": { "application/json": { "schema": failure } } });
        let good = self.statuses.iter().map(|status| (status.to_string(), good.clone()));
        let responses = Map::from_iter(good.chain([("default".to_owned(), bad)]));
        let mut operation = json!({ "summary": self.summary, "responses": responses });
        if !self.page.is_empty() {
            let content =
                Map::from_iter(self.page.iter().map(|media_type| ((*media_type).to_owned(), text())));
            operation["responses"]["200"] =
                json!({ "description": "Without a WebSocket upgrade: a page.", "content": content });
        }
        if !parameters.is_empty() {
            operation["parameters"] = parameters.into();
        }
        if let Some(body) = &self.body {
            let content = body.content.describe(&mut schemas.read);
            operation["requestBody"] = json!({ "content": content, "required": body.is_required });
        }
        operation
    }
}

impl Values {
    fn schema(self) -> Value {
        match self {
            Self::OneOf(values) => json!({ "type": "string", "enum": values }),
            Self::Pattern(pattern) => json!({ "type": "string", "pattern": pattern }),
            Self::Numbers(min, max) => {
                without_null(json!({ "type": "integer", "minimum": min, "maximum": max }))
            }
            Self::Types => json!({ "type": "array", "items": { "type": "string", "enum": KINDS } }),
            Self::Speed => Speed::json_schema(&mut SchemaGenerator::default()).to_value(),
        }
    }
}

/// Removes null properties, which stand for unknown limits.
fn without_null(mut schema: Value) -> Value {
    if let Value::Object(map) = &mut schema {
        map.retain(|_, value| !value.is_null());
    }
    schema
}

impl Content {
    fn describe(&self, schemas: &mut SchemaGenerator) -> Value {
        let (media_type, content) = match self {
            Self::Json(schema) => ("application/json", json!({ "schema": schema(schemas) })),
            Self::Object => ("application/json", json!({ "schema": { "type": "object" } })),
            Self::Other(media_type) => (*media_type, text()),
        };
        json!({ (media_type): content })
    }
}

/// Describes a body that is not JSON.
fn text() -> Value {
    json!({ "schema": { "type": "string" } })
}
