//! The table of kinds that can be injected, and the parser of requests.

use serde::Deserialize as _;
use serde_json::{Map, Value};

use super::{InjectRequest, InjectUser, check_gift};
use crate::{
    error::{Code, Problem},
    nearest,
};

/// Kinds and their fields, apart from `type`.
pub const KINDS: &[(&str, &[&str])] = &[
    ("chat", &["user", "comment"]),
    ("gift", &["user", "gift", "count", "combo", "diamonds", "pictureUrl"]),
    ("like", &["user", "count", "total"]),
    ("member", &["user", "memberCount"]),
    ("join", &["user", "memberCount"]),
    ("follow", &["user", "followCount"]),
    ("share", &["user", "shareCount"]),
    ("subscribe", &["user", "months"]),
    ("question", &["user", "question"]),
    ("emote", &["user", "emoteId", "pictureUrl"]),
    ("envelope", &["user", "diamonds", "people"]),
    ("battle", &["user", "opponent", "points", "opponentPoints", "over"]),
    ("poll", &["user", "question", "options"]),
    ("end", &[]),
    ("raw", &["method", "payload"]),
    ("room_user", &["viewerCount"]),
    ("viewers", &["viewerCount"]),
];

/// Parses a request. Rejects unknown types, fields and gifts, and suggests the nearest known one.
///
/// # Errors
/// `bad_request`.
pub fn parse(body: Map<String, Value>) -> Result<InjectRequest, Problem> {
    let names = || KINDS.iter().map(|(name, _)| *name).collect::<Vec<_>>();
    let kind = match body.get("type") {
        Some(Value::String(kind)) => kind.as_str(),
        _ => {
            let hint = format!("choose one of: {}", names().join(", "));
            return Err(Problem::new(Code::BadRequest, "`type` is missing").hint(hint));
        }
    };
    let Some((_, fields)) = KINDS.iter().find(|(name, _)| *name == kind) else {
        return Err(unknown(format!("events of type `{kind}` cannot be injected"), kind, &names()));
    };
    if let Some(field) = body.keys().find(|key| *key != "type" && !fields.contains(&key.as_str())) {
        return Err(unknown(format!("`{kind}` has no `{field}`"), field, fields));
    }
    let body = Value::Object(body);
    let request = InjectRequest::deserialize(&body).map_err(|error| mistake(fields, &body, &error))?;
    request.check()?;
    if let InjectRequest::Gift { gift, diamonds, .. } = &request {
        check_gift(gift, *diamonds)?;
    }
    Ok(request)
}

/// Describes the field because of which a request does not parse.
fn mistake(fields: &[&str], body: &Value, error: &serde_json::Error) -> Problem {
    let error = error.to_string();
    let missing = error.strip_prefix("missing field `").and_then(|rest| rest.strip_suffix('`'));
    let misfit = |field: &&&str| body.get(**field).is_some_and(|value| !(form(field).2)(value));
    let (message, field) = match (missing, fields.iter().find(misfit)) {
        (Some(field), _) => (format!("`{field}` is missing"), field),
        (None, Some(field)) => (format!("`{field}` is not {}", form(field).0), *field),
        (None, None) => return Problem::new(Code::BadRequest, format!("cannot inject this: {error}")),
    };
    Problem::new(Code::BadRequest, message).hint(format!(r#"send for example "{field}": {}"#, form(field).1))
}

/// Returns the form of a field's value, an example in JSON, and a test whether a value has this form.
fn form(field: &str) -> (&'static str, &'static str, fn(&Value) -> bool) {
    match field {
        "user" | "opponent" => (
            "a name, or an object with `uniqueId`",
            r#""ann", or {"uniqueId": "ann", "nickname": "Ann"}"#,
            |it| InjectUser::deserialize(it).is_ok(),
        ),
        "options" => ("a list of texts", r#"["yes", "no"]"#, |it| Vec::<String>::deserialize(it).is_ok()),
        "combo" | "over" => ("true or false", "true", Value::is_boolean),
        "gift" => ("a text", r#""Rose""#, Value::is_string),
        "method" => ("a text", r#""WebcastChatMessage""#, Value::is_string),
        "payload" => ("a text", r#""GgJoaQ==""#, Value::is_string),
        "pictureUrl" => ("a text", r#""https://example.com/picture.webp""#, Value::is_string),
        "comment" | "question" | "emoteId" => ("a text", r#""hello""#, Value::is_string),
        "followCount" | "months" | "points" | "opponentPoints" | "viewerCount" => {
            ("a whole number", "5", Value::is_i64)
        }
        "total" => ("a whole number", "500", |it| Option::<i64>::deserialize(it).is_ok()),
        "diamonds" => ("a whole number up to 2147483647", "5", |it| Option::<i32>::deserialize(it).is_ok()),
        _ => ("a whole number up to 2147483647", "5", |it| i32::deserialize(it).is_ok()),
    }
}

fn unknown(message: String, given: &str, known: &[&str]) -> Problem {
    Problem::new(Code::BadRequest, message).hint(nearest::hint(given, known))
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use schemars::SchemaGenerator;

    use super::*;

    /// Other names of a kind.
    const ALIASES: [&str; 2] = ["join", "viewers"];

    #[test]
    fn the_table_lists_the_fields_of_the_type() {
        let schema = SchemaGenerator::default().into_root_schema_for::<InjectRequest>();
        let variants = schema.get("oneOf").and_then(Value::as_array).unwrap();
        let mut of_type: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for variant in variants {
            let properties = variant["properties"].as_object().unwrap();
            let kind = properties["type"]["const"].as_str().unwrap().to_owned();
            let fields = properties.keys().filter(|key| *key != "type").cloned().collect();
            of_type.insert(kind, fields);
        }
        let table = KINDS.iter().filter(|(name, _)| !ALIASES.contains(name));
        let table: BTreeMap<String, BTreeSet<String>> = table
            .map(|(name, fields)| ((*name).to_owned(), fields.iter().map(|it| (*it).to_owned()).collect()))
            .collect();
        assert_eq!(table, of_type);
    }

    #[test]
    fn unknown_gifts_are_rejected_with_the_nearest_name_unless_their_price_is_given() {
        let gift = |name: &str, diamonds: Value| {
            let body =
                serde_json::json!({ "type": "gift", "user": "ann", "gift": name, "diamonds": diamonds });
            parse(body.as_object().unwrap().clone())
        };
        assert!(gift("rose", Value::Null).is_ok() && gift("Rsoe", 5.into()).is_ok());
        let problem = gift("Rsoe", Value::Null).unwrap_err();
        assert_eq!(problem.message, "unknown gift `Rsoe`");
        assert!(
            problem.hint.starts_with("did you mean `Rose`? choose one of: TikTok, Coffee"),
            "{}",
            problem.hint
        );
        assert!(problem.hint.ends_with("or set `diamonds` for any other gift"), "{}", problem.hint);
    }
}
