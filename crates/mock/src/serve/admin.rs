//! `/__admin/`: lets programs on this machine read the log, change the scenario and the network, and advance
//! the clock.

use std::{net::IpAddr, time::Duration};

use serde::Deserialize;
use serde_json::json;

use crate::{
    http::{Request, Response},
    link::connection::ClientConnection,
    scenario::ScenarioError,
    state::{
        MockState,
        journal::{Happened, LogEntry},
        millis,
    },
};

const PREFIX: &str = "/__admin/";

/// Answers a request to `/__admin/`; returns `None` for any other path.
pub(crate) fn answer(connection: &ClientConnection, request: &Request) -> Option<Response> {
    let what = request.path.strip_prefix(PREFIX)?;
    if !is_local(connection, request) {
        return Some(error(403, "only programs on this machine may use the admin API"));
    }
    let mock = &connection.mock;
    Some(match (request.method.as_str(), what) {
        ("GET", "log") => log(connection, request),
        ("GET", "scenario") => toml(mock.memory.lock().script.scenario.to_toml()),
        ("PUT", "scenario") => change(request, |text| mock.replace(text)),
        ("GET", "network") => toml(mock.memory.lock().networks.to_toml()),
        ("PUT", "network") => change(request, |text| mock.set_networks(text)),
        ("DELETE", "network") => change(request, |_| mock.set_networks("")),
        ("GET", "clock") => clock(mock),
        ("POST", "clock") => advance(mock, &request.body),
        ("POST", "reset") => {
            mock.reset();
            Response::json(200, &json!({ "ok": true }))
        }
        (_, "log") => error(405, "use GET"),
        (_, "scenario") => error(405, "use GET or PUT"),
        (_, "network") => error(405, "use GET, PUT or DELETE"),
        (_, "clock") => error(405, "use GET or POST"),
        (_, "reset") => error(405, "use POST"),
        _ => error(404, "unknown path: use log, scenario, network, clock or reset"),
    })
}

fn toml(text: String) -> Response {
    Response::new(200, "application/toml", text)
}

/// Applies the TOML in the body of a request.
fn change(request: &Request, apply: impl FnOnce(&str) -> Result<(), ScenarioError>) -> Response {
    let Ok(text) = std::str::from_utf8(&request.body) else {
        return error(422, "the body is not UTF-8 text");
    };
    match apply(text) {
        Ok(()) => Response::json(200, &json!({ "ok": true })),
        Err(wrong) => error(422, &wrong.to_string()),
    }
}

/// Body of `POST /__admin/clock`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Advance {
    advance_ms: u64,
}

fn advance(mock: &MockState, body: &[u8]) -> Response {
    let Advance { advance_ms } = match serde_json::from_slice(body) {
        Ok(advance) => advance,
        Err(wrong) => {
            return error(
                422,
                &format!("send {{\"advance_ms\": 30000}}, a whole number, 0 or more: {wrong}"),
            );
        }
    };
    if mock.advance(Duration::from_millis(advance_ms)) {
        clock(mock)
    } else {
        error(422, "the clock can be advanced by at most a year after the start or a reset")
    }
}

fn clock(mock: &MockState) -> Response {
    let (elapsed_ms, advanced_ms) = {
        let memory = mock.memory.lock();
        (millis(mock.since_start(&memory)), millis(mock.clock.advanced() - memory.advanced))
    };
    let clock = json!({ "elapsed_ms": elapsed_ms, "wall_ms": mock.wall_ms(), "advanced_ms": advanced_ms });
    Response::json(200, &clock)
}

/// Returns the log. The parameter `what` limits it to a comma-separated list of [`Happened`] kinds.
fn log(connection: &ClientConnection, request: &Request) -> Response {
    let wanted: Vec<&str> = request.param("what").map(|what| what.split(',').collect()).unwrap_or_default();
    if let Some(unknown) = wanted.iter().find(|name| !Happened::NAMES.contains(name)) {
        let names = Happened::NAMES.join(", ");
        return error(400, &format!("`what` has the unknown value `{unknown}`: use {names}"));
    }
    let state = connection.mock.memory.lock();
    let is_wanted = |entry: &&LogEntry| wanted.is_empty() || wanted.contains(&entry.what.name());
    let entries: Vec<&LogEntry> = state.journal.entries.iter().filter(is_wanted).collect();
    Response::json(200, &json!({ "entries": entries, "dropped": state.journal.dropped }))
}

/// Whether a program on this machine sent the request. Web pages are rejected even in a local browser: they
/// send an `Origin`, or use a foreign host name that resolves to this server.
fn is_local(connection: &ClientConnection, request: &Request) -> bool {
    let address =
        connection.address.parse().map_or(connection.address.is_empty(), |it: IpAddr| it.is_loopback());
    let name = request.host_name();
    let named = name == "localhost" || name.parse().is_ok_and(|it: IpAddr| it.is_loopback());
    address && named && request.header("origin").is_none()
}

fn error(status: u16, message: &str) -> Response {
    Response::json(status, &json!({ "error": message }))
}
