//! `/__admin/`: read the log, change the scenario. For whoever sits at this machine.

use std::net::IpAddr;

use serde_json::json;

use super::{
    http::{Request, Response},
    journal::{Entry, Happened},
    visit::Visitor,
};

const PREFIX: &str = "/__admin/";

/// The answer, if that is what is asked for.
pub(super) fn answer(visitor: &Visitor, request: &Request) -> Option<Response> {
    let what = request.path.strip_prefix(PREFIX)?;
    if !is_local(visitor, request) {
        return Some(error(403, "only for programs on this machine"));
    }
    let world = &visitor.world;
    Some(match (request.method.as_str(), what) {
        ("GET", "log") => log(visitor, request),
        ("GET", "scenario") => {
            let text = world.lock().script.scenario.to_toml();
            Response::new(200, "application/toml", text)
        }
        ("PUT", "scenario") => match std::str::from_utf8(&request.body) {
            Err(_) => error(422, "the scenario is no text"),
            Ok(text) => match world.replace(text) {
                Ok(()) => Response::json(200, &json!({ "ok": true })),
                Err(wrong) => error(422, &wrong.to_string()),
            },
        },
        ("POST", "reset") => {
            world.reset();
            Response::json(200, &json!({ "ok": true }))
        }
        (_, "log" | "scenario" | "reset") => error(405, "GET log, GET or PUT scenario, POST reset"),
        _ => error(404, "there are log, scenario and reset"),
    })
}

/// The log, or the entries of `what`: names of [`Happened`], with commas.
fn log(visitor: &Visitor, request: &Request) -> Response {
    let wanted: Vec<&str> = request.param("what").map(|what| what.split(',').collect()).unwrap_or_default();
    if let Some(unknown) = wanted.iter().find(|name| !Happened::NAMES.contains(name)) {
        let names = Happened::NAMES.join(", ");
        return error(400, &format!("`what` must be of {names}, not `{unknown}`"));
    }
    let state = visitor.world.lock();
    let is_wanted = |entry: &&Entry| wanted.is_empty() || wanted.contains(&entry.what.name());
    let entries: Vec<&Entry> = state.journal.entries.iter().filter(is_wanted).collect();
    Response::json(200, &json!({ "entries": entries, "dropped": state.journal.dropped }))
}

/// Pages in browsers are not local, wherever the browser runs: they name their origin, or call this server by a name
/// that was made to lead here.
fn is_local(visitor: &Visitor, request: &Request) -> bool {
    let address = visitor.address.parse().map_or(visitor.address.is_empty(), |it: IpAddr| it.is_loopback());
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
