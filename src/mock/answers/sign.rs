//! The sign server (docs/protocol.md §1.6).

use bytes::Bytes;
use serde_json::json;

use super::{
    super::{
        http::{Request, Response},
        scenario::FaultKind,
        script::Known,
        world::World,
    },
    SOCKET_PATH, lookup, page,
};
use crate::{
    clock,
    sans_io::wire::{self, Batch, BatchInfo},
};

/// As sign servers spell it: no client may rely on it.
const CONTENT_TYPE: &str = "application/protubuf";

/// The first batch, with the address of the socket.
pub(super) fn sign(
    world: &World,
    request: &Request,
    known: Option<Known>,
    fault: Option<FaultKind>,
) -> Response {
    let Some(known) = known else {
        let body = json!({ "code": 400, "message": "exactly one of room_id and unique_id is needed" });
        return Response::json(400, &body);
    };
    let push_server = format!("ws://{}{SOCKET_PATH}", request.host());
    let body = match fault {
        Some(FaultKind::Stub) => stub(world),
        Some(FaultKind::BadProtobuf) => Bytes::from_static(b"\xff\xff\xff this is no protobuf \xff\xff\xff"),
        _ => batch(world, &known, push_server, fault == Some(FaultKind::MissingCursor)),
    };
    let response = Response::new(200, CONTENT_TYPE, body)
        .with("x-room-id", known.room_id.to_string())
        .with("x-request-id", world.lock().random().hex(16))
        .with("x-agent-id", "mock")
        .with("x-log-code", "0");
    if fault == Some(FaultKind::MissingCookie) {
        return response;
    }
    response.with("x-set-tt-cookie", format!("{}; tt-target-idc=useast1a", page::ttwid(world)))
}

fn batch(world: &World, known: &Known, push_server: String, no_cursor: bool) -> Bytes {
    let (recorded, mut random) = {
        let mut state = world.lock();
        (state.room(known).initial_batch(clock::now()), state.random())
    };
    let recorded = recorded.unwrap_or_default();
    let had = wire::read_batch(&recorded, &mut Vec::new()).info;
    let now_ms = known.settings.show.wall_ms;
    let or = |had: &str, made: String| if had.is_empty() { made } else { String::new() };
    let info = BatchInfo {
        cursor: or(&had.cursor, format!("t-{now_ms}_r-1_d-1_u-1_h-{}", random.id())),
        internal_ext: or(&had.internal_ext, internal_ext(known, now_ms)),
        now_ms: if had.now_ms == 0 { now_ms } else { 0 },
        heartbeat_ms: if had.heartbeat_ms == 0 { 10_000 } else { 0 },
        push_server,
        route_params: if had.route_params.is_empty() {
            vec![("imprp".into(), random.hex(16)), ("wrss".into(), random.hex(16))]
        } else {
            vec![]
        },
        is_first: true,
        need_ack: false,
    };
    if no_cursor {
        let Batch { messages, info: recorded } = wire::read_batch(&recorded, &mut Vec::new());
        let info = BatchInfo { cursor: String::new(), internal_ext: recorded.internal_ext, ..info };
        return wire::write_batch(&Batch { messages, info });
    }
    // What stands last wins, and the recorded bytes stay as they are.
    let added = wire::write_batch(&Batch { messages: vec![], info });
    Bytes::from([&recorded[..], FETCH_TYPE_SOCKET, &added[..]].concat())
}

/// Field 6, `fetch_type`: 1, by socket.
const FETCH_TYPE_SOCKET: &[u8] = &[0x30, 0x01];

fn internal_ext(known: &Known, now_ms: i64) -> String {
    format!(
        "internal_src:dim|wss_push_room_id:{}|first_req_ms:{now_ms}|seq:1|wss_info:0-{now_ms}-0-0",
        known.room_id
    )
}

/// The answer of 2026-09 that promises a socket and has none: the host does not exist.
fn stub(world: &World) -> Bytes {
    let mut random = world.lock().random();
    let token = format!("{}.{}.{}", random.hex(16), random.hex(16), random.hex(16));
    let method = "Connected through Euler Stream fallback proxy".into();
    let message = wire::Message { method, ..wire::Message::default() };
    let info = BatchInfo {
        push_server: format!("wss://ws-fallback.invalid/?token={token}"),
        cursor: "0".into(),
        ..BatchInfo::default()
    };
    wire::write_batch(&Batch { messages: vec![message], info })
}

pub(super) fn room_id(world: &World, known: Option<Known>, fault: Option<FaultKind>) -> Response {
    let status = known.as_ref().and_then(|known| lookup::status(world, known, fault));
    let Some((known, status)) = known.zip(status) else {
        let body = json!({
            "code": 404, "ok": false, "message": "user_not_found", "is_live": false, "room_id": null,
            "routes_attempted": [],
        });
        return Response::json(404, &body);
    };
    let is_live = status != lookup::OFFLINE;
    let room_id = known.room_id.to_string();
    let body = json!({
        "code": 200, "ok": true, "message": "", "is_live": is_live, "room_id": room_id, "routes_attempted": [],
    });
    Response::json(200, &body)
}

pub(super) fn rate_limits() -> Response {
    let window = |max: u32| json!({ "max": max, "remaining": max, "reset_at": null });
    Response::json(
        200,
        &json!({
            "code": 200,
            "message": "Successfully retrieved WEBCAST rate limits!",
            "day": window(100), "hour": window(30), "minute": window(5),
        }),
    )
}
