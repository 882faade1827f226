//! The table of kinds that can be injected, and the parser of requests.

use std::fmt;

use serde_json::{Map, Value};

use super::{InjectRequest, gifts::check_gift};
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
    let missing_or_wrong = |error: &dyn fmt::Display| {
        Problem::new(Code::BadRequest, format!("cannot inject this: {error}"))
            .hint("send JSON as described in GET /openapi.json")
    };
    let request: InjectRequest =
        serde_json::from_value(Value::Object(body)).map_err(|error| missing_or_wrong(&error))?;
    request.check().map_err(|error| missing_or_wrong(&error))?;
    if let InjectRequest::Gift { gift, diamonds, .. } = &request {
        check_gift(gift, *diamonds)?;
    }
    Ok(request)
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
