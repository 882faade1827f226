//! `/__admin/`: lets programs on this machine read the log and change the scenario.

use std::net::IpAddr;

use serde_json::json;

use super::{
    connection::Connection,
    http::{Request, Response},
    journal::{Happened, LogEntry},
};

const PREFIX: &str = "/__admin/";

/// Answers a request to `/__admin/`; returns `None` for any other path.
pub(super) fn answer(connection: &Connection, request: &Request) -> Option<Response> {
    let what = request.path.strip_prefix(PREFIX)?;
    if !is_local(connection, request) {
        return Some(error(403, "only programs on this machine may use the admin API"));
    }
    let mock = &connection.mock;
    Some(match (request.method.as_str(), what) {
        ("GET", "log") => log(connection, request),
        ("GET", "scenario") => {
            let text = mock.lock().script.scenario.to_toml();
            Response::new(200, "application/toml", text)
        }
        ("PUT", "scenario") => match std::str::from_utf8(&request.body) {
            Err(_) => error(422, "the scenario is not UTF-8 text"),
            Ok(text) => match mock.replace(text) {
                Ok(()) => Response::json(200, &json!({ "ok": true })),
                Err(wrong) => error(422, &wrong.to_string()),
            },
        },
        ("POST", "reset") => {
            mock.reset();
            Response::json(200, &json!({ "ok": true }))
        }
        (_, "log" | "scenario" | "reset") => error(405, "use GET log, GET or PUT scenario, or POST reset"),
        _ => error(404, "unknown path: use log, scenario or reset"),
    })
}

/// Returns the log. The parameter `what` limits it to a comma-separated list of [`Happened`] kinds.
fn log(connection: &Connection, request: &Request) -> Response {
    let wanted: Vec<&str> = request.param("what").map(|what| what.split(',').collect()).unwrap_or_default();
    if let Some(unknown) = wanted.iter().find(|name| !Happened::NAMES.contains(name)) {
        let names = Happened::NAMES.join(", ");
        return error(400, &format!("`what` has the unknown value `{unknown}`: use {names}"));
    }
    let state = connection.mock.lock();
    let is_wanted = |entry: &&LogEntry| wanted.is_empty() || wanted.contains(&entry.what.name());
    let entries: Vec<&LogEntry> = state.journal.entries.iter().filter(is_wanted).collect();
    Response::json(200, &json!({ "entries": entries, "dropped": state.journal.dropped }))
}

/// Whether a program on this machine sent the request. Web pages are rejected even in a local browser: they
/// send an `Origin`, or use a foreign host name that resolves to this server.
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
