//! Requests → answers.

mod faulty;
mod lookup;
mod page;
mod rooms;
mod sign;

use faulty::faulty;

use super::{
    http::{Request, Response},
    scenario::{Endpoint, Fault, FaultKind},
    script::Known,
    world::World,
};

/// Where sockets are opened (docs/protocol.md §1.7).
pub(super) const SOCKET_PATH: &str = "/webcast/im/ws_proxy/ws_reuse_supplement/";

/// What is done about a request.
#[derive(Debug)]
pub(super) enum Answer {
    /// This is sent.
    Send(Response, Delivery),
    /// A WebSocket is opened.
    Upgrade(Box<Known>),
    /// Nothing is sent.
    Stall,
    /// The connection is reset.
    Reset,
}

/// How an answer is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Delivery {
    /// As it should be.
    Whole,
    /// Half of its body, then the end.
    Half,
    /// Its body again and again.
    Endless,
    /// So many bytes in a millisecond.
    Slow(u32),
}

/// What a request asks for.
struct Asked {
    at: Endpoint,
    /// The user or room, if one is named.
    known: Option<Known>,
}

/// The answer to a request, and the fault that had a part in it.
pub(super) fn answer(world: &World, request: &Request, address: &str) -> (Answer, Option<FaultKind>) {
    let Some(asked) = asked(world, request) else {
        let body = serde_json::json!({ "code": 404, "message": format!("no route {}", request.path) });
        return (whole(Response::json(404, &body)), None);
    };
    if let Some(response) = world.limit(asked.at, request, address) {
        return (whole(response), None);
    }
    let fault = world.lock().http_fault(asked.at, asked.known.as_ref());
    match fault {
        Some(fault) => (faulty(world, request, asked, &fault), Some(fault.kind)),
        None => (well(world, request, asked, None), None),
    }
}

fn whole(response: Response) -> Answer {
    Answer::Send(response, Delivery::Whole)
}

/// What the endpoint answers when all is well, or nearly so: some faults only change what it says.
fn well(world: &World, request: &Request, asked: Asked, fault: Option<&Fault>) -> Answer {
    let kind = fault.map(|fault| fault.kind);
    let known = asked.known;
    whole(match asked.at {
        Endpoint::Lookup => lookup::lookup(world, request, known, kind),
        Endpoint::Page => page::page(world, known, kind),
        Endpoint::Cookie => page::home(world, kind),
        Endpoint::CheckAlive => rooms::check_alive(world, request),
        Endpoint::RoomInfo => rooms::room_info(world, known),
        Endpoint::Gifts => rooms::gifts(world),
        Endpoint::RateLimits => sign::rate_limits(),
        Endpoint::RoomId => sign::room_id(world, known, kind),
        Endpoint::Sign => sign::sign(world, request, known, kind),
        Endpoint::Socket => match known {
            Some(known) if request.is_upgrade() => return Answer::Upgrade(Box::new(known)),
            Some(_) => Response::text(400, "this is a WebSocket"),
            None => faulty::refused(200, 400, "room_id is missing"),
        },
    })
}

/// What is asked for; `None` if there is no such address.
fn asked(world: &World, request: &Request) -> Option<Asked> {
    let path = request.path.strip_suffix('/').unwrap_or(&request.path);
    let user = |name: Option<&str>| {
        let name = name.map(|name| name.trim_start_matches('@')).filter(|name| !name.is_empty());
        name.map(|name| world.lock().script.by_name(name))
    };
    let room = |id: Option<&str>| {
        let id = id.and_then(|id| id.parse().ok()).filter(|id| *id > 0);
        id.map(|id| world.lock().script.by_id(id))
    };
    let unique_id = || user(request.param("uniqueId").or_else(|| request.param("unique_id")));
    let (at, known) = match path {
        "" | "/live" => (Endpoint::Cookie, None),
        "/api-live/user/room" => (Endpoint::Lookup, unique_id()),
        "/webcast/room/check_alive" => (Endpoint::CheckAlive, None),
        "/webcast/room/info" | "/webcast/room/info_by_user" => {
            (Endpoint::RoomInfo, room(request.param("room_id")).or_else(unique_id))
        }
        "/webcast/gift/list" => (Endpoint::Gifts, None),
        "/webcast/fetch" => (Endpoint::Sign, room(request.param("room_id")).or_else(unique_id)),
        "/webcast/room_id" => (Endpoint::RoomId, unique_id()),
        "/webcast/rate_limits" => (Endpoint::RateLimits, None),
        _ if path == SOCKET_PATH.trim_end_matches('/') => (Endpoint::Socket, room(request.param("room_id"))),
        _ => match path.split('/').collect::<Vec<_>>()[..] {
            ["", at, "live"] if at.starts_with('@') => (Endpoint::Page, user(Some(at))),
            ["", "webcast", "rooms", id, "connect"] => (Endpoint::Sign, room(Some(id))),
            ["", "webcast", "anchors", name, "room_id"] => (Endpoint::RoomId, user(Some(name))),
            _ => return None,
        },
    };
    Some(Asked { at, known })
}
