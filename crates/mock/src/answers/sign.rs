//! The signing endpoint of the sign server (docs/protocol.md §1.6).

use std::time::Duration;

use bytes::Bytes;
use livetape_core::wire::{self, Batch, BatchInfo};
use serde_json::json;

use super::{FALLBACK_PATH, FETCH_PATH, SOCKET_PATH, page};
use crate::{
    http::{Request, Response},
    random::Random,
    room::script::Resolved,
    scenario::{FaultKind, Scenario},
    state::{
        MockState,
        journal::{Push, Sent},
    },
};

/// Misspelled, as on real sign servers, so that no client can rely on it.
const CONTENT_TYPE: &str = "application/protubuf";

/// Returns the first batch, with the address of the socket.
pub(super) fn sign(
    mock: &MockState,
    request: &Request,
    known: Option<Resolved>,
    fault: Option<&FaultKind>,
) -> Response {
    let Some(known) = known else {
        let body = json!({ "code": 400, "message": "send either room_id or unique_id" });
        return Response::json(400, &body);
    };
    let (push_server, idc) = {
        let state = mock.memory.lock();
        let Scenario { push_server, tt_target_idc, .. } = &state.script.scenario;
        let usual = || request.socket_origin() + SOCKET_PATH;
        (push_server.clone().unwrap_or_else(usual), tt_target_idc.clone())
    };
    let body = match fault {
        Some(FaultKind::Stub(_)) => stub(mock, request),
        Some(FaultKind::BadProtobuf) => Bytes::from_static(b"\xff\xff\xff this is not protobuf \xff\xff\xff"),
        _ => batch(mock, &known, push_server, fault == Some(&FaultKind::MissingCursor)),
    };
    let response = Response::new(200, CONTENT_TYPE, body)
        .with("x-room-id", known.room_id.to_string())
        .with("x-request-id", mock.memory.lock().random().hex(16))
        .with("x-agent-id", "mock")
        .with("x-log-code", "0");
    if fault == Some(&FaultKind::MissingCookie) {
        return response;
    }
    let ttwid = page::ttwid(mock);
    // The crate tiktoklive 0.0.19 signs this address, and takes its cookie from the response of TikTok
    // itself.
    let response = match request.path.trim_end_matches('/') {
        FETCH_PATH => response.with("Set-Cookie", page::set_cookie(&ttwid)),
        _ => response,
    };
    let idc = if idc.is_empty() { idc } else { format!("; tt-target-idc={idc}") };
    response.with("x-set-tt-cookie", ttwid + &idc)
}

fn batch(mock: &MockState, known: &Resolved, push_server: String, no_cursor: bool) -> Bytes {
    let (recorded, mut random) = {
        let mut state = mock.memory.lock();
        (state.room(known).initial_batch(mock.clock.now()), state.random())
    };
    let recorded = recorded.unwrap_or_default();
    let carried =
        wire::Push { payload_type: "msg".into(), payload: recorded.clone(), ..wire::Push::default() };
    let push = Push::Made(wire::write_push(&carried));
    mock.memory.lock().keep(Sent { connection: 0, offset: Duration::ZERO, push, is_whole: true });
    let had = wire::read_batch(&recorded, &mut Vec::new()).info;
    let now_ms = known.settings.show.wall_ms;
    let or = |had: &str, made: String| if had.is_empty() { made } else { String::new() };
    let info = BatchInfo {
        cursor: or(&had.cursor, format!("t-{now_ms}_r-1_d-1_u-1_h-{}", random.id())),
        internal_ext: or(&had.internal_ext, internal_ext(known, now_ms)),
        now_ms: if had.now_ms == 0 { now_ms } else { 0 },
        heartbeat_ms: if had.heartbeat_ms == 0 { 10_000 } else { 0 },
        push_server,
        route_params: if had.route_params.is_empty() { route_params(&mut random) } else { vec![] },
        is_first: true,
        need_ack: false,
    };
    if no_cursor {
        let Batch { messages, info: recorded } = wire::read_batch(&recorded, &mut Vec::new());
        let info = BatchInfo { cursor: String::new(), internal_ext: recorded.internal_ext, ..info };
        return wire::write_batch(&Batch { messages, info });
    }
    // Later fields override earlier ones, so appending leaves the recorded bytes unchanged.
    let added = wire::write_batch(&Batch { messages: vec![], info });
    Bytes::from([&recorded[..], FETCH_TYPE_SOCKET, NEEDS_NO_ACK, &added[..]].concat())
}

/// Field 6, `fetch_type`: 1 (socket).
const FETCH_TYPE_SOCKET: &[u8] = &[0x30, 0x01];
/// Field 9, `need_ack`: false. There is no frame to ack, and TikTokLive 6.6.5 fails if an ack is requested
/// here.
const NEEDS_NO_ACK: &[u8] = &[0x48, 0x00];

fn internal_ext(known: &Resolved, now_ms: i64) -> String {
    format!(
        "internal_src:dim|wss_push_room_id:{}|first_req_ms:{now_ms}|seq:1|wss_info:0-{now_ms}-0-0",
        known.room_id
    )
}

/// Route parameters with the keys of real answers (docs/protocol.md §2).
fn route_params(random: &mut Random) -> Vec<(String, String)> {
    vec![("imprp".into(), random.hex(16)), ("wrss".into(), random.hex(16))]
}

/// The answer seen in 2026-09, which announces a socket that then rejects the client.
fn stub(mock: &MockState, request: &Request) -> Bytes {
    let mut random = mock.memory.lock().random();
    let token = format!("{}.{}.{}", random.hex(16), random.hex(16), random.hex(16));
    let method = "Connected through Euler Stream fallback proxy".into();
    let message = wire::Message { method, ..wire::Message::default() };
    let info = BatchInfo {
        push_server: format!("{}{FALLBACK_PATH}?token={token}", request.socket_origin()),
        cursor: "0".into(),
        route_params: route_params(&mut random),
        ..BatchInfo::default()
    };
    wire::write_batch(&Batch { messages: vec![message], info })
}
