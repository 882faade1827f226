//! Reads requests. One schema, generated from their types, says which fields there are, and names what is wrong with one.

use std::sync::LazyLock;

use schemars::SchemaGenerator;
use serde::Deserialize as _;
use serde_json::{Map, Value};

use super::{InjectRequest, check_gift, wrong};
use crate::{error::Problem, event::Millis, nearest};

/// Values of `type`, with other names of two kinds.
pub const KINDS: [&str; 18] = [
    "chat",
    "gift",
    "like",
    "member",
    "join",
    "follow",
    "share",
    "repost",
    "subscribe",
    "question",
    "emote",
    "envelope",
    "battle",
    "poll",
    "end",
    "raw",
    "room_user",
    "viewers",
];

/// Fields of events whose requests have a shorter name: kind, event, request.
pub(super) const RENAMED: [(&str, &str, &str); 12] = [
    ("gift", "giftName", "gift"),
    ("gift", "repeatCount", "count"),
    ("gift", "diamondCount", "diamonds"),
    ("gift", "giftPictureUrl", "pictureUrl"),
    ("like", "likeCount", "count"),
    ("like", "totalLikeCount", "total"),
    ("subscribe", "subMonth", "months"),
    ("question", "questionText", "question"),
    ("envelope", "diamondCount", "diamonds"),
    ("envelope", "peopleCount", "people"),
    ("poll", "title", "question"),
    ("social", "action", "type"),
];

/// Fields of events that livetape derives from others: kind, or any, and name.
pub(super) const DERIVED: [(&str, &str); 7] = [
    ("", "sender"),
    ("", "timestamp"),
    ("gift", "streakId"),
    ("gift", "repeatDelta"),
    ("gift", "isFinal"),
    ("gift", "diamonds"),
    ("gift", "inferred"),
];

/// The schema of an unknown kind.
static NONE: Value = Value::Null;

static SCHEMA: LazyLock<Value> = LazyLock::new(|| {
    let mut schema = SchemaGenerator::default().into_root_schema_for::<InjectRequest>().to_value();
    schema["title"] = "Request".into();
    schema
});

/// Returns the JSON Schema of requests.
#[must_use]
pub fn schema() -> &'static Value {
    &SCHEMA
}

/// Returns the schema of a kind, or null.
fn schema_of(kind: &str) -> &'static Value {
    let kind = match kind {
        "join" => "member",
        "viewers" => "room_user",
        kind => kind,
    };
    let mut kinds = SCHEMA["oneOf"].as_array().into_iter().flatten();
    kinds.find(|schema| schema["properties"]["type"]["const"] == kind).unwrap_or(&NONE)
}

/// Returns the fields of a kind, apart from `type`; none if it is unknown.
#[must_use]
pub fn fields(kind: &str) -> Vec<&'static str> {
    names(schema_of(kind)).filter(|name| *name != "type").collect()
}

fn names(schema: &'static Value) -> impl Iterator<Item = &'static str> {
    schema["properties"].as_object().into_iter().flat_map(Map::keys).map(String::as_str)
}

/// Whether the field at this path is a text: `user.nickname`.
#[must_use]
pub fn is_text(kind: &str, path: &[&str]) -> bool {
    let mut schemas = vec![schema_of(kind)];
    for name in path {
        let options = schemas.into_iter().flat_map(options);
        schemas = options.map(|schema| &schema["properties"][*name]).filter(|it| !it.is_null()).collect();
    }
    let mut all = schemas.into_iter().flat_map(options);
    all.any(|schema| {
        types(schema).any(|it| it == "string") || schema.get("const").is_some_and(Value::is_string)
    })
}

/// Parses a request, or an event of the feed. Rejects unknown types, fields and gifts, and suggests the nearest known one.
///
/// # Errors
/// `bad_request`.
pub fn parse(body: Map<String, Value>) -> Result<InjectRequest, Problem> {
    let body = of_event(body);
    let kind = match body.get("type") {
        Some(Value::String(kind)) => kind.as_str(),
        _ => return Err(wrong("`type` is missing", format!("choose one of: {}", KINDS.join(", ")))),
    };
    if !KINDS.contains(&kind) {
        let message = format!("events of type `{kind}` cannot be injected");
        return Err(wrong(message, nearest::hint(kind, &KINDS)));
    }
    let value = Value::Object(body.clone());
    check(schema_of(kind), &value, &Place { owner: kind, path: "" })?;
    let request = InjectRequest::deserialize(&value)
        .map_err(|error| wrong(format!("cannot inject this: {error}"), "compare it with its schema"))?;
    request.check()?;
    if let InjectRequest::Gift { gift, diamonds, .. } = &request {
        check_gift(gift, *diamonds)?;
    }
    Ok(request)
}

/// Converts an event of the feed to a request: its `data`, without what livetape derives. Requests remain unchanged.
#[must_use]
pub fn of_event(mut event: Map<String, Value>) -> Map<String, Value> {
    if !event.get("data").is_some_and(Value::is_object) {
        return event;
    }
    let kind = event.get("type").and_then(Value::as_str).unwrap_or_default().to_owned();
    let Some(Value::Object(data)) = event.remove("data") else { return event };
    let mut body = Map::from_iter([("type".to_owned(), Value::from(kind.clone()))]);
    for (name, value) in data {
        if DERIVED.iter().any(|(of, derived)| (of.is_empty() || *of == kind) && *derived == name) {
            continue;
        }
        let renamed = RENAMED.iter().find(|(of, from, _)| *of == kind && *from == name);
        body.insert(renamed.map_or(name, |(.., to)| (*to).to_owned()), value);
    }
    // The first emote of an event has two fields of a request.
    if kind == "emote"
        && let Some(Value::Array(emotes)) = body.get_mut("emotes")
        && !emotes.is_empty()
    {
        let mut first = emotes.remove(0);
        body.insert("emoteId".to_owned(), first["emoteId"].take());
        body.insert("pictureUrl".to_owned(), first["imageUrl"].take());
    }
    body.values_mut().for_each(name_by_id);
    // A `social` event has the fields of all its actions.
    if kind == "social" {
        let known = fields(body["type"].as_str().unwrap_or_default());
        body.retain(|name, value| name == "type" || known.contains(&name.as_str()) || *value != 0);
    }
    body
}

/// Gives people whom TikTok names only by an id, such as guests, this id as their name. The parser of JSON limits the depth.
fn name_by_id(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            if fields.get("uniqueId").is_some_and(|name| name == "")
                && let Some(id) = fields.get("userId").cloned()
            {
                fields.insert("uniqueId".to_owned(), id);
            }
            fields.values_mut().for_each(name_by_id);
        }
        Value::Array(items) => items.iter_mut().for_each(name_by_id),
        _ => {}
    }
}

/// Where a value is.
#[derive(Clone, Copy)]
struct Place<'a> {
    /// The kind of event.
    owner: &'a str,
    /// Path of fields; empty for the event itself.
    path: &'a str,
}

impl Place<'_> {
    fn name(&self) -> &str {
        if self.path.is_empty() { self.owner } else { self.path }
    }

    fn field(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }
}

/// Compares a value with a schema.
fn check(schema: &'static Value, value: &Value, place: &Place<'_>) -> Result<(), Problem> {
    let Some(schema) = options(schema).into_iter().find(|schema| fits(schema, value)) else {
        let (form, example) = form(schema);
        let field = place.path.rsplit('.').next().unwrap_or_default();
        let field = field.split('[').next().unwrap_or_default();
        let hint = format!(r#"send for example "{field}": {example}"#);
        return Err(wrong(format!("`{}` is not {form}", place.name()), hint));
    };
    match value {
        Value::Object(fields) => check_object(schema, fields, place),
        Value::Array(items) => items.iter().enumerate().try_for_each(|(at, item)| {
            let path = format!("{}[{at}]", place.path);
            check(&schema["items"], item, &Place { path: &path, ..*place })
        }),
        Value::String(text) if schema["pattern"] == r"\S" && text.trim().is_empty() => {
            let user = place.path.strip_suffix(".uniqueId").unwrap_or(place.path);
            Err(wrong(format!("`{user}` has no name"), "name a user, for example `ann`"))
        }
        _ => Ok(()),
    }
}

fn check_object(
    schema: &'static Value,
    fields: &Map<String, Value>,
    place: &Place<'_>,
) -> Result<(), Problem> {
    let known = Vec::from_iter(names(schema));
    if let Some(field) = fields.keys().find(|field| !known.contains(&field.as_str())) {
        let message = format!("`{}` has no `{field}`", place.name());
        let known = Vec::from_iter(known.into_iter().filter(|name| *name != "type"));
        return Err(wrong(message, nearest::hint(field, &known)));
    }
    let mut required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
    if let Some(field) = required.find(|field| !fields.contains_key(*field)) {
        let example = match field {
            "gift" => r#""Rose""#,
            _ => form(&schema["properties"][field]).1,
        };
        let hint = format!(r#"send for example "{field}": {example}"#);
        return Err(wrong(format!("`{}` is missing", place.field(field)), hint));
    }
    fields.iter().filter(|(name, _)| *name != "type").try_for_each(|(name, value)| {
        let path = place.field(name);
        check(&schema["properties"][name], value, &Place { path: &path, ..*place })
    })
}

/// Returns the schemas of which a value has to fit one.
fn options(schema: &'static Value) -> Vec<&'static Value> {
    if let Some(reference) = schema["$ref"].as_str() {
        let name = reference.rsplit('/').next().unwrap_or_default();
        return options(&SCHEMA["$defs"][name]);
    }
    let all = schema.get("anyOf").or(schema.get("oneOf")).and_then(Value::as_array);
    all.map_or_else(|| vec![schema], |all| all.iter().flat_map(options).collect())
}

fn types(schema: &'static Value) -> impl Iterator<Item = &'static str> {
    let many = schema["type"].as_array().into_iter().flatten().filter_map(Value::as_str);
    schema["type"].as_str().into_iter().chain(many)
}

/// Whether a value has a type of a schema, and is in the range of its numbers.
fn fits(schema: &'static Value, value: &Value) -> bool {
    if let Some(constant) = schema.get("const") {
        return constant == value;
    }
    types(schema).any(|of| match of {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        "integer" if is_narrow(schema) => value.as_i64().is_some_and(|number| i32::try_from(number).is_ok()),
        "integer" => value.is_i64(),
        "string" => value.as_str().is_some_and(|text| match kind_of_text(schema) {
            OfText::Id => text.parse::<i64>().is_ok(),
            OfText::Time => Millis::deserialize(value).is_ok(),
            OfText::Any => true,
        }),
        _ => false,
    })
}

fn is_narrow(schema: &Value) -> bool {
    schema["format"] == "int32"
}

/// What a text has to be.
enum OfText {
    Any,
    Id,
    Time,
}

fn kind_of_text(schema: &Value) -> OfText {
    match schema["format"].as_str() {
        Some("date-time") => OfText::Time,
        _ if schema["pattern"].as_str().is_some_and(|pattern| pattern.contains("[0-9]{1,19}")) => OfText::Id,
        _ => OfText::Any,
    }
}

/// Returns what a schema requires, and an example in JSON.
fn form(schema: &'static Value) -> (String, &'static str) {
    let options = options(schema);
    let constants = Vec::from_iter(options.iter().filter_map(|schema| schema["const"].as_str()));
    if !constants.is_empty() {
        return (format!("one of: {}", constants.join(", ")), r#""started""#);
    }
    let of = |wanted: &str| options.iter().copied().find(|schema| types(schema).any(|of| of == wanted));
    let (form, example) = match (of("string"), of("object")) {
        (Some(_), Some(user)) if user["properties"].get("uniqueId").is_some() => {
            ("a name, or an object with `uniqueId`", r#""ann", or {"uniqueId": "ann", "nickname": "Ann"}"#)
        }
        (Some(_), Some(_)) => ("a text, or an object with `text`", r#""yes""#),
        (Some(text), None) => match kind_of_text(text) {
            OfText::Id => ("a 64-bit number as a text", r#""9100000000000000001""#),
            OfText::Time => ("a time in UTC", r#""2026-01-01T00:00:00.000Z""#),
            OfText::Any => ("a text", r#""hello""#),
        },
        (None, Some(_)) => ("an object", "{}"),
        (None, None) => match (of("integer"), of("array")) {
            (Some(number), _) if is_narrow(number) => ("a whole number up to 2147483647", "5"),
            (Some(_), _) => ("a whole number", "5"),
            (None, Some(list)) if list["items"]["$ref"].as_str().is_some_and(|it| it.ends_with("Option")) => {
                ("a list of texts", r#"["yes", "no"]"#)
            }
            (None, Some(_)) => ("a list", "[]"),
            (None, None) => ("true or false", "true"),
        },
    };
    (form.to_owned(), example)
}
