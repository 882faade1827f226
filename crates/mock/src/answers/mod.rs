//! Maps requests to answers, good or faulty.

mod poll;
mod sign;
mod tiktok;

use std::time::Duration;

use livetape_core::host;
use serde_json::json;

use crate::{
    http::{Request, Response},
    room::script::Resolved,
    scenario::{DEFAULT_MESSAGE, Endpoint, FaultKind, Header, STUB},
    state::{
        MockState,
        memory::{Purpose, TooMany},
    },
};

/// Path of the WebSocket (docs/protocol.md §1.7).
const SOCKET_PATH: &str = "/webcast/im/ws_proxy/ws_reuse_supplement/";

/// Path of TikTok's own counterpart to the sign response (docs/protocol.md §1).
const FETCH_PATH: &str = "/webcast/im/fetch";
/// Path of a stub's push server, which rejects every socket.
const FALLBACK_PATH: &str = "/ws-fallback/";

/// Action to take on a request.
#[derive(Debug)]
pub(super) enum Action {
    /// Send a response.
    Send(Response, Delivery),
    /// Open a WebSocket, after a delay.
    Upgrade(Box<Resolved>, Duration),
    /// Send nothing and keep the connection open.
    Stall,
    /// Reset the connection.
    Reset,
}

/// Method of sending a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Delivery {
    /// Complete.
    Whole,
    /// Half of the body, then the end of the connection.
    Half,
    /// The body, repeated endlessly.
    Endless,
    /// Throttled, in bytes per millisecond.
    Slow(u32),
}

/// A parsed request.
struct Parsed {
    route: Route,
    /// The requested user or room, if the request names one.
    known: Option<Resolved>,
}

/// Routes of the server. Several can belong to one [`Endpoint`].
#[derive(Clone, Copy)]
enum Route {
    Lookup,
    Page,
    Profile,
    Home,
    CheckAlive,
    RoomInfo,
    AnchorInfo,
    Gifts,
    RoomGifts,
    GiftGallery,
    Sign,
    SignUrl,
    RoomId,
    RateLimits,
    Socket,
    /// Push server of a stub.
    Fallback,
}

impl Route {
    fn endpoint(self) -> Endpoint {
        match self {
            Self::Lookup => Endpoint::Lookup,
            Self::Page => Endpoint::Page,
            Self::Profile => Endpoint::Profile,
            Self::Home => Endpoint::Cookie,
            Self::CheckAlive => Endpoint::CheckAlive,
            Self::RoomInfo | Self::AnchorInfo => Endpoint::RoomInfo,
            Self::Gifts | Self::RoomGifts | Self::GiftGallery => Endpoint::Gifts,
            Self::Sign => Endpoint::Sign,
            Self::SignUrl => Endpoint::SignUrl,
            Self::RoomId => Endpoint::RoomId,
            Self::RateLimits => Endpoint::RateLimits,
            Self::Socket | Self::Fallback => Endpoint::Socket,
        }
    }
}

/// Returns the answer to a request and the fault that shaped it, if any.
pub(super) fn answer(mock: &MockState, request: &Request, address: &str) -> (Action, Option<FaultKind>) {
    let Some(asked) = asked(mock, request) else {
        return (whole(unknown(mock, request)), None);
    };
    let at = asked.route.endpoint();
    if let Some(response) = mock.limit(at, request, address) {
        return (whole(response), None);
    }
    let fault = mock.memory.lock().http_fault(at, asked.known.as_ref(), request);
    let fault = fault.map(|fault| fault.kind);
    match fault {
        Some(fault) => (faulty(mock, request, asked, &fault), Some(fault)),
        None => (well(mock, request, asked, None), None),
    }
}

/// Returns the answer to a request without a route.
fn unknown(mock: &MockState, request: &Request) -> Response {
    let (status, message) = match mock.is_answered(request) {
        _ if request.method == "CONNECT" => {
            (405, "this is the mock's own port; its proxy is at the address of --proxy-listen".to_owned())
        }
        true => (404, format!("no route {}", request.path)),
        false => {
            let (domains, host) = (host::DOMAINS.join(", "), request.host());
            (421, format!("this server answers for its own address, {domains} and below, not for {host}"))
        }
    };
    Response::json(status, &serde_json::json!({ "code": status, "message": message }))
}

/// Returns what the connection of a request is for.
pub(super) fn purpose(mock: &MockState, request: &Request) -> Purpose {
    let asked = asked(mock, request);
    asked.map_or_else(Purpose::default, |asked| Purpose {
        at: Some(asked.route.endpoint()),
        known: asked.known,
    })
}

fn whole(response: Response) -> Action {
    Action::Send(response, Delivery::Whole)
}

/// Returns the normal answer of the endpoint. Some faults only change its content.
fn well(mock: &MockState, request: &Request, asked: Parsed, fault: Option<&FaultKind>) -> Action {
    let known = asked.known;
    whole(match asked.route {
        Route::Lookup => tiktok::lookup(mock, request, known, fault),
        Route::Page => tiktok::page(mock, known, fault),
        Route::Profile => tiktok::profile(mock, known, fault),
        Route::Home => tiktok::home(mock, fault),
        Route::CheckAlive => tiktok::check_alive(mock, request),
        Route::RoomInfo => tiktok::room_info(mock, known),
        Route::AnchorInfo => sign::anchor_info(mock, known),
        Route::Gifts => tiktok::gifts(mock, fault),
        Route::RoomGifts => sign::room_gifts(known, fault),
        Route::GiftGallery => sign::gift_gallery(mock, known.as_ref(), fault),
        Route::RateLimits => sign::rate_limits(),
        Route::RoomId => sign::room_id(mock, known, fault),
        Route::SignUrl => sign::sign_url(mock, request),
        Route::Sign => sign::sign(mock, request, known, fault),
        Route::Fallback => fallback(mock),
        Route::Socket => match known {
            Some(known) if request.is_upgrade() => {
                return Action::Upgrade(Box::new(known), Duration::ZERO);
            }
            Some(_) => Response::text(400, "this address needs a WebSocket upgrade"),
            None => refused(200, 400, "room_id is missing"),
        },
    })
}

/// Matches a request to a route; returns `None` for an unknown path, or another host.
fn asked(mock: &MockState, request: &Request) -> Option<Parsed> {
    if !mock.is_answered(request) {
        return None;
    }
    let path = request.path.strip_suffix('/').unwrap_or(&request.path);
    let user = |name: Option<&str>| {
        let name = name.map(|name| name.trim_start_matches('@')).filter(|name| !name.is_empty());
        name.map(|name| mock.by_name(name))
    };
    let room = |id: Option<&str>| {
        let id = id.and_then(|id| id.parse().ok()).filter(|id| *id > 0);
        id.map(|id| mock.by_id(id))
    };
    let unique_id = || user(request.param("uniqueId").or_else(|| request.param("unique_id")));
    let room_or_user = || room(request.param("room_id")).or_else(unique_id);
    let (route, known) = match path {
        "" | "/live" => (Route::Home, None),
        "/api-live/user/room" => (Route::Lookup, unique_id()),
        "/webcast/room/check_alive" => (Route::CheckAlive, None),
        "/webcast/room/info" | "/webcast/room/info_by_user" => (Route::RoomInfo, room_or_user()),
        "/webcast/gift/list" => (Route::Gifts, None),
        "/webcast/fetch" | FETCH_PATH => (Route::Sign, room_or_user()),
        "/webcast/room_id" => (Route::RoomId, unique_id()),
        "/webcast/rate_limits" => (Route::RateLimits, None),
        "/webcast/sign_url" | "/tiktok/sign_url" => (Route::SignUrl, None),
        _ if path == SOCKET_PATH.trim_end_matches('/') => (Route::Socket, room(request.param("room_id"))),
        _ if path == FALLBACK_PATH.trim_end_matches('/') => (Route::Fallback, None),
        _ => match path.split('/').collect::<Vec<_>>()[..] {
            ["", at] if at.starts_with('@') => (Route::Profile, user(Some(at))),
            ["", at, "live"] if at.starts_with('@') => (Route::Page, user(Some(at))),
            ["", "webcast", "rooms", id, "connect"] => (Route::Sign, room(Some(id))),
            ["", "webcast", "rooms", id, "gifts"] => (Route::RoomGifts, room(Some(id))),
            ["", "webcast", "anchors", name, "room_id"] => (Route::RoomId, user(Some(name))),
            ["", "webcast", "anchors", name, "room_info"] => (Route::AnchorInfo, user(Some(name))),
            ["", "webcast", "anchors", name, "gift_gallery"] => (Route::GiftGallery, user(Some(name))),
            _ => return None,
        },
    };
    Some(Parsed { route, known })
}

/// How long a 429 asks the client to wait unless the scenario says so, in seconds.
const WAIT_SECONDS: u64 = 5;
const HTML: &str = "<!DOCTYPE html><html><head><title>502</title></head><body>Bad gateway</body></html>";
/// The markers that blocked pages share (docs/protocol.md §1.2).
const CAPTCHA: &str = "<!DOCTYPE html><html><head><title>tiktok-verify-page</title></head><body>\
    <script id=\"slardar-config\" type=\"application/json\">{}</script>Please wait...\
    <p id=\"wci\" class=\"_wafchallengeid\"></p></body></html>";

/// Answers a request as the fault demands.
fn faulty(mock: &MockState, request: &Request, asked: Parsed, fault: &FaultKind) -> Action {
    use FaultKind as K;
    let delivery = match fault {
        K::Stall => return Action::Stall,
        K::Reset => return Action::Reset,
        K::Status { status: 429, message, label, retry_after, headers } => {
            let (message, label) = (message.as_deref().unwrap_or(DEFAULT_MESSAGE), label.as_deref());
            let wait = Duration::from_secs(retry_after.unwrap_or(WAIT_SECONDS));
            let (all, wall_ms) = (Header::all(), mock.wall_ms());
            let headers = headers.as_ref().unwrap_or(&all);
            let label = label.unwrap_or_default();
            return whole(TooMany { message, label, headers, wait, max: 5, wall_ms }.response());
        }
        K::Status { status, message, retry_after, .. } => {
            return whole(error(*status, message.as_deref(), *retry_after));
        }
        K::Empty => return whole(Response::empty()),
        K::Html => return whole(Response::html(HTML)),
        K::Captcha => return whole(Response::html(CAPTCHA)),
        K::Endless => {
            let spaces = Response::new(200, "application/octet-stream", vec![b' '; 16 * 1024]);
            return Action::Send(spaces, Delivery::Endless);
        }
        K::Refuse { status, handshake_status, message } => {
            return whole(refused(*status, *handshake_status, message));
        }
        K::CutBody => Delivery::Half,
        K::Dribble { bytes_per_ms } => Delivery::Slow(*bytes_per_ms),
        // These change the content of the answer.
        K::NotFound
        | K::Offline
        | K::NoGifts
        | K::Stub { .. }
        | K::MissingCookie
        | K::MissingCursor
        | K::BadProtobuf
        // These start once a socket is open.
        | K::Drop
        | K::Close { .. }
        | K::CloseFrame
        | K::Cut
        | K::BadGzip { .. }
        | K::Truncated { .. }
        | K::UnknownMethod { .. }
        | K::Duplicate { .. }
        | K::Reorder { .. }
        | K::RepeatHistory
        | K::NoHeartbeat
        | K::Deaf
        | K::Hang { .. }
        | K::Quiet { .. }
        | K::Lose { .. } => Delivery::Whole,
    };
    match (well(mock, request, asked, Some(fault)), fault) {
        (Action::Send(response, _), _) => Action::Send(response, delivery),
        (Action::Upgrade(known, _), K::Hang { for_ms }) => {
            let delay = Duration::from_millis(*for_ms);
            if !known.is_away() {
                mock.memory.lock().room(&known).hold(mock.clock.now(), delay);
            }
            Action::Upgrade(known, delay)
        }
        (other, _) => other,
    }
}

/// The answer of a stub's push server: as in the scenario's stub, or the most common real one
/// (docs/protocol.md §1.6).
fn fallback(mock: &MockState) -> Response {
    let state = mock.memory.lock();
    let mut faults = state.script.scenario.faults.iter();
    let stub = faults.find_map(|fault| {
        let FaultKind::Stub { status, handshake_status, message } = &fault.kind else { return None };
        Some(refused(*status, *handshake_status, message))
    });
    stub.unwrap_or_else(|| refused(200, STUB.0, STUB.1))
}

/// An HTTP answer in place of an upgrade (docs/protocol.md §3.8).
fn refused(status: u16, handshake_status: u16, message: &str) -> Response {
    if message.is_empty() {
        return Response { status, ..Response::empty() };
    }
    Response { status, headers: vec![], body: bytes::Bytes::new(), wait: None }
        .with("Handshake-Status", handshake_status.to_string())
        .with("Handshake-Msg", message)
        .with("X-Tt-Logid", "00000000000000000000000000000000")
}

/// Error bodies as seen from real servers (docs/protocol.md §1.6).
fn error(status: u16, message: Option<&str>, retry_after: Option<u64>) -> Response {
    let message_or = |usual| message.unwrap_or(usual);
    let body = match status {
        401 => json!({ "code": 401, "message": message_or("The provided API Key is invalid.") }),
        402 => json!({ "code": 402, "message": message_or("This feature needs a premium plan.") }),
        403 => json!({ "code": 403, "message": message_or("Access was denied to this resource.") }),
        500 => {
            json!({ "message": message_or("A 403 error occurred whilst fetching the webcast URL."), "code": 500 })
        }
        503 => json!({ "code": 503, "error": message_or("API is not ready for connections yet.") }),
        _ => json!({ "code": status, "message": message_or("The request could not be served.") }),
    };
    let response = Response::json(status, &body);
    match retry_after {
        Some(seconds) => Response { wait: Some(Duration::from_secs(seconds)), ..response }
            .with("Retry-After", seconds.to_string()),
        None => response,
    }
}
