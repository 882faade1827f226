//! `/__admin/`: read the log, change the scenario. For whoever sits at this machine.

use std::net::IpAddr;

use serde_json::json;

use super::{
    connection::Connection,
    http::{Request, Response},
    journal::{Happened, LogEntry},
};

const PREFIX: &str = "/__admin/";

/// The answer, if that is what is asked for.
pub(super) fn answer(connection: &Connection, request: &Request) -> Option<Response> {
    let what = request.path.strip_prefix(PREFIX)?;
    if !is_local(connection, request) {
        return Some(error(403, "only for programs on this machine"));
    }
    let mock = &connection.mock;
    Some(match (request.method.as_str(), what) {
        ("GET", "log") => log(connection, request),
        ("GET", "scenario") => {
            let text = mock.lock().script.scenario.to_toml();
            Response::new(200, "application/toml", text)
        }
        ("PUT", "scenario") => match std::str::from_utf8(&request.body) {
            Err(_) => error(422, "the scenario is no text"),
            Ok(text) => match mock.replace(text) {
                Ok(()) => Response::json(200, &json!({ "ok": true })),
                Err(wrong) => error(422, &wrong.to_string()),
            },
        },
        ("POST", "reset") => {
            mock.reset();
            Response::json(200, &json!({ "ok": true }))
        }
        (_, "log" | "scenario" | "reset") => error(405, "GET log, GET or PUT scenario, POST reset"),
        _ => error(404, "there are log, scenario and reset"),
    })
}

/// The log, or the entries of `what`: names of [`Happened`], with commas.
fn log(connection: &Connection, request: &Request) -> Response {
    let wanted: Vec<&str> = request.param("what").map(|what| what.split(',').collect()).unwrap_or_default();
    if let Some(unknown) = wanted.iter().find(|name| !Happened::NAMES.contains(name)) {
        let names = Happened::NAMES.join(", ");
        return error(400, &format!("`what` must be of {names}, not `{unknown}`"));
    }
    let state = connection.mock.lock();
    let is_wanted = |entry: &&LogEntry| wanted.is_empty() || wanted.contains(&entry.what.name());
    let entries: Vec<&LogEntry> = state.journal.entries.iter().filter(is_wanted).collect();
    Response::json(200, &json!({ "entries": entries, "dropped": state.journal.dropped }))
}

/// Pages in browsers are not local, wherever the browser runs: they name their origin, or call this server by a name
/// that was made to lead here.
fn is_local(connection: &Connection, request: &Request) -> bool {
    let address =
        connection.address.parse().map_or(connection.address.is_empty(), |it: IpAddr| it.is_loopback());
    let host = request.host();
    let name = match host.rfind(']') {
        Some(end) => &host[..=end],
        None => host.split(':').next().unwrap_or_default(),
    };
    let bare = name.trim_start_matches('[').trim_end_matches(']');
    let named = name == "localhost" || bare.parse().is_ok_and(|it: IpAddr| it.is_loopback());
    address && named && request.header("origin").is_none()
}

fn error(status: u16, message: &str) -> Response {
    Response::json(status, &json!({ "error": message }))
}
