//! The parts of a JSON Schema or OpenAPI document that programs rely on, and what a newer document changes in
//! them.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

/// Keys that may change: documentation, and limits of values.
const FREE: [&str; 13] = [
    "$schema",
    "default",
    "description",
    "example",
    "examples",
    "info",
    "maximum",
    "minimum",
    "openapi",
    "pattern",
    "summary",
    "tags",
    "title",
];
/// Keys whose value is a map with names of its own.
const NAMED: [&str; 3] = ["$defs", "properties", "schemas"];
const REFERENCE: &str = "#/components/schemas/";

/// Returns a document without the parts that may change.
pub(super) fn shape(document: &Value) -> Value {
    match document {
        Value::Object(map) => Value::Object(stripped(map, true)),
        Value::Array(items) => items.iter().map(shape).collect(),
        other => other.clone(),
    }
}

fn stripped(map: &Map<String, Value>, has_free_keys: bool) -> Map<String, Value> {
    // A request that accepts more fields breaks nobody; a response with unknown fields is promised anyway.
    let is_free = |key: &str, value: &Value| {
        FREE.contains(&key) || (key == "additionalProperties" && value.is_boolean())
    };
    let kept = map.iter().filter(|(key, value)| !has_free_keys || !is_free(key, value));
    let shaped = kept.map(|(key, value)| match value {
        Value::Object(inner) if has_free_keys && NAMED.contains(&key.as_str()) => {
            (key.clone(), Value::Object(stripped(inner, false)))
        }
        _ => (key.clone(), shape(value)),
    });
    shaped.collect()
}

/// Returns what breaks programs that rely on `old`. Requests may require less, and responses may contain
/// more.
pub(super) fn breaks(old: &Value, new: &Value) -> Vec<String> {
    let mut requests = BTreeSet::new();
    collect_requests(old, &old["paths"], false, &mut requests);
    let mut compared = Comparison { requests, found: Vec::new() };
    compared.values(old, new, "", false);
    compared.found
}

/// Collects the names of all schemas that requests use, with those that they refer to.
fn collect_requests(document: &Value, part: &Value, is_request: bool, found: &mut BTreeSet<String>) {
    match part {
        Value::Object(map) => {
            let name = map.get("$ref").and_then(Value::as_str).and_then(|it| it.strip_prefix(REFERENCE));
            if let Some(name) = name.filter(|name| is_request && found.insert((*name).to_owned())) {
                collect_requests(document, &document["components"]["schemas"][name], true, found);
            }
            for (key, value) in map {
                collect_requests(document, value, is_request || is_sent_by_clients(key), found);
            }
        }
        Value::Array(items) => {
            items.iter().for_each(|item| collect_requests(document, item, is_request, found));
        }
        _ => {}
    }
}

fn is_sent_by_clients(key: &str) -> bool {
    ["parameters", "requestBody", "client"].contains(&key)
}

struct Comparison {
    /// Names of the schemas of requests.
    requests: BTreeSet<String>,
    found: Vec<String>,
}

impl Comparison {
    fn values(&mut self, old: &Value, new: &Value, at: &str, is_request: bool) {
        match (old, new) {
            (Value::Object(old), Value::Object(new)) => self.objects(old, new, at, is_request),
            _ if old == new => {}
            // Two forms of the schema of any value.
            (Value::Bool(true), Value::Object(any)) if any.is_empty() => {}
            _ => self.found.push(format!("{at} was {old} and is {new}")),
        }
    }

    fn objects(&mut self, old: &Map<String, Value>, new: &Map<String, Value>, at: &str, is_request: bool) {
        for (key, was) in old {
            let (at, is) = (format!("{at}/{key}"), new.get(key).unwrap_or(&Value::Null));
            let is_request = is_request
                || is_sent_by_clients(key)
                || at == format!("/components/schemas/{key}") && self.requests.contains(key);
            match (key.as_str(), was, is) {
                ("required", Value::Array(_), _) => {}
                ("enum" | "oneOf" | "anyOf" | "parameters", Value::Array(was), Value::Array(is)) => {
                    self.items(was, is, &at, is_request);
                }
                ("type", Value::Array(was), Value::Array(is)) if is_request => {
                    self.items(was, is, &at, is_request);
                }
                (_, _, Value::Null) => self.found.push(format!("{at} is gone")),
                _ => self.values(was, is, &at, is_request),
            }
        }
        self.required(&names(old), &names(new), at, is_request);
        let is_required = |map: &Map<String, Value>| map.get("required") == Some(&Value::Bool(true));
        if is_required(new) && !is_required(old) {
            self.found.push(format!("{at} is required now"));
        }
    }

    fn required(&mut self, old: &BTreeSet<&str>, new: &BTreeSet<&str>, at: &str, is_request: bool) {
        let (missing, what) =
            if is_request { (new - old, "is required now") } else { (old - new, "is not always there") };
        self.found.extend(missing.into_iter().map(|name| format!("{at}/properties/{name} {what}")));
    }

    /// Each old value, alternative or parameter fits a new one, and every new parameter is optional.
    fn items(&mut self, old: &[Value], new: &[Value], at: &str, is_request: bool) {
        for was in old {
            let fits = |is: &&Value| {
                let mut tried = Self { requests: self.requests.clone(), found: Vec::new() };
                tried.values(was, is, at, is_request);
                tried.found.is_empty()
            };
            if !new.iter().any(|is| fits(&is)) {
                self.found.push(format!("{at} has no {was}"));
            }
        }
        let known = |name: &Value| old.iter().any(|it| it["name"] == *name);
        let added = new.iter().filter(|it| it["required"] == true && !known(&it["name"]));
        self.found.extend(added.map(|it| format!("{at} requires {}", it["name"])));
    }
}

/// Returns the names of required properties.
fn names(map: &Map<String, Value>) -> BTreeSet<&str> {
    map.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect()
}
