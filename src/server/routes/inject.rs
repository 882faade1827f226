//! `POST /inject`: what TikTok did not send, as if it had.

use std::time::Duration;

use axum::{
    Json,
    body::Bytes,
    extract::{State, rejection::BytesRejection},
    http::Uri,
};
use serde_json::{Map, Value};
use tokio::{select, time::sleep_until};

use super::{
    App,
    body::parse_body,
    query::{self, unknown},
};
use crate::{
    clock,
    control::{InjectRequest, Injected},
    sans_io::error::{Code, Problem},
    server::state::refusal::Refusal,
};

/// What each type is made of, beside `type`.
const FIELDS: &[(&str, &[&str])] = &[
    ("chat", &["user", "comment"]),
    ("gift", &["user", "gift", "count", "combo", "diamonds", "pictureUrl"]),
    ("like", &["user", "count", "total"]),
    ("member", &["user", "memberCount"]),
    ("join", &["user", "memberCount"]),
    ("follow", &["user", "followCount"]),
    ("share", &["user", "shareCount"]),
    ("subscribe", &["user", "months"]),
    ("question", &["user", "question"]),
    ("room_user", &["viewerCount"]),
];

/// How long it waits for clients.
const WAIT_CLIENTS_MAX: Duration = Duration::from_secs(30);

pub(crate) async fn inject(
    State(app): State<App>,
    uri: Uri,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<Injected>, Refusal> {
    let wait_clients = wait_clients(&uri, app.shared.subscribers_max)?;
    let request = read(parse_body(body)?)?;
    wait_for(&app, wait_clients).await?;
    Ok(Json(app.shared.control.inject(request).await?))
}

/// How many clients are to be there first.
fn wait_clients(uri: &Uri, clients_max: usize) -> Result<usize, Problem> {
    let mut wait_clients = 0;
    for (key, value) in query::pairs(uri)? {
        if key != "wait_clients" {
            return Err(query::unknown_key(&key, &["wait_clients"]));
        }
        wait_clients = value.parse().ok().filter(|&count| count <= clients_max).ok_or_else(|| {
            let message = format!("`wait_clients` cannot be `{value}`");
            Problem::new(Code::BadRequest, message).hint(format!("write a number from 0 to {clients_max}"))
        })?;
    }
    Ok(wait_clients)
}

async fn wait_for(app: &App, clients: usize) -> Result<(), Problem> {
    select! {
        biased;
        () = app.shared.hub.wait_for_subscribers(clients) => Ok(()),
        () = app.shared.control.shutdown().cancelled() => {
            Err(Problem::new(Code::ShuttingDown, "the server is shutting down"))
        }
        () = sleep_until(clock::now() + WAIT_CLIENTS_MAX) => {
            let (there, seconds) = (app.shared.hub.subscriber_count(), WAIT_CLIENTS_MAX.as_secs());
            let message = format!("{there} of {clients} clients were connected after {seconds} s");
            Err(Problem::new(Code::TooFewClients, message))
        }
    }
}

/// Reads a request; whatever it has that nobody knows is refused, and the nearest named.
fn read(body: Map<String, Value>) -> Result<InjectRequest, Problem> {
    let names = || FIELDS.iter().map(|(name, _)| *name).collect::<Vec<_>>();
    let kind = match body.get("type") {
        Some(Value::String(kind)) => kind.as_str(),
        _ => {
            let hint = format!("it is one of: {}", names().join(", "));
            return Err(Problem::new(Code::BadRequest, "`type` says what to inject").hint(hint));
        }
    };
    let Some((_, fields)) = FIELDS.iter().find(|(name, _)| *name == kind) else {
        return Err(unknown(format!("nothing of type `{kind}` can be injected"), kind, &names()));
    };
    if let Some(field) = body.keys().find(|key| *key != "type" && !fields.contains(&key.as_str())) {
        return Err(unknown(format!("`{kind}` has no `{field}`"), field, fields));
    }
    let missing_or_wrong = |error: &dyn std::fmt::Display| {
        Problem::new(Code::BadRequest, format!("this cannot be injected: {error}"))
            .hint("send JSON as the documentation shows it")
    };
    let request: InjectRequest =
        serde_json::from_value(Value::Object(body)).map_err(|error| missing_or_wrong(&error))?;
    request.check().map_err(|error| missing_or_wrong(&error))?;
    Ok(request)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use schemars::SchemaGenerator;

    use super::*;

    /// The table and the type say the same; `join` is another name.
    #[test]
    fn the_fields_are_those_of_the_type() {
        let schema = SchemaGenerator::default().into_root_schema_for::<InjectRequest>();
        let variants = schema.get("oneOf").and_then(Value::as_array).unwrap();
        let mut of_type: Vec<(String, BTreeSet<String>)> = vec![];
        for variant in variants {
            let properties = variant["properties"].as_object().unwrap();
            let kind = properties["type"]["const"].as_str().unwrap().to_owned();
            let fields = properties.keys().filter(|key| *key != "type").cloned().collect();
            of_type.push((kind, fields));
        }
        let table = FIELDS.iter().filter(|(name, _)| *name != "join");
        let table: Vec<(String, BTreeSet<String>)> = table
            .map(|(name, fields)| ((*name).to_owned(), fields.iter().map(|it| (*it).to_owned()).collect()))
            .collect();
        assert_eq!(table, of_type);
    }
}
