//! Endpoints of the sign server: signing (docs/protocol.md §1.6) and others (§1.4, §1.6). The shapes of the
//! others follow npm `@eulerstream/euler-api-sdk` 0.1.5, `tiktok-live-api-sdk` 0.4.0 and
//! `tiktok-live-connector` 1.2.3 (all MIT).

use bytes::Bytes;
use livetape_core::wire::{self, Batch, BatchInfo};
use serde_json::{Value, json};

use super::{FALLBACK_PATH, FETCH_PATH, SOCKET_PATH, poll, tiktok};
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
pub(super) const PROTOBUF: &str = "application/protubuf";

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
    let is_fetch = request.path.trim_end_matches('/') == FETCH_PATH;
    if is_fetch
        && !matches!(fault, Some(FaultKind::Stub { .. } | FaultKind::BadProtobuf | FaultKind::MissingCursor))
        && let Some(polled) = poll::poll(mock, request, &known)
    {
        return polled;
    }
    let (push_server, idc) = {
        let state = mock.memory.lock();
        let Scenario { push_server, tt_target_idc, .. } = &state.script.scenario;
        let usual = || request.socket_origin() + SOCKET_PATH;
        (push_server.clone().unwrap_or_else(usual), tt_target_idc.clone())
    };
    let body = match fault {
        Some(FaultKind::Stub { .. }) => stub(mock, request),
        Some(FaultKind::BadProtobuf) => Bytes::from_static(b"\xff\xff\xff this is not protobuf \xff\xff\xff"),
        _ => batch(mock, &known, push_server, fault == Some(&FaultKind::MissingCursor)),
    };
    let response = Response::new(200, PROTOBUF, body)
        .with("x-room-id", known.room_id.to_string())
        .with("x-request-id", mock.memory.lock().random().hex(16))
        .with("x-agent-id", "mock")
        .with("x-log-code", "0");
    if fault == Some(&FaultKind::MissingCookie) {
        return response;
    }
    let ttwid = tiktok::ttwid(mock);
    // The crate tiktoklive 0.0.19 signs this address, and takes its cookie from the response of TikTok
    // itself.
    let response = if is_fetch { response.with("Set-Cookie", tiktok::set_cookie(&ttwid)) } else { response };
    let idc = if idc.is_empty() { idc } else { format!("; tt-target-idc={idc}") };
    response.with("x-set-tt-cookie", ttwid + &idc)
}

fn batch(mock: &MockState, known: &Resolved, push_server: String, no_cursor: bool) -> Bytes {
    let ((position, recorded), mut random) = {
        let mut state = mock.memory.lock();
        (state.room(known).initial_batch(mock.clock.now()), state.random())
    };
    let recorded = recorded.unwrap_or_default();
    let carried =
        wire::Push { payload_type: "msg".into(), payload: recorded.clone(), ..wire::Push::default() };
    let push = Push::Made(wire::write_push(&carried));
    let offset = known.settings.show.segments[position.segment].signed();
    mock.memory.lock().keep(Sent { connection: 0, offset, push, is_whole: true });
    let had = wire::read_batch(&recorded, &mut Vec::new()).info;
    let now_ms = known.settings.show.wall_ms;
    let or = |had: &str, made: String| if had.is_empty() { made } else { String::new() };
    let info = BatchInfo {
        cursor: or(&had.cursor, poll::cursor(now_ms, position)),
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

pub(super) fn internal_ext(known: &Resolved, now_ms: i64) -> String {
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

/// User agent of the signing browser, for clients that do not send their own.
const USER_AGENT: &str =
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36";

pub(super) fn room_id(mock: &MockState, known: Option<Resolved>, fault: Option<&FaultKind>) -> Response {
    let status = known.as_ref().and_then(|known| tiktok::status(mock, known, fault));
    let Some((known, status)) = known.zip(status) else {
        return not_found(json!({ "is_live": false, "room_id": null }));
    };
    let is_live = status != tiktok::OFFLINE;
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

/// A user and their room.
pub(super) fn anchor_info(mock: &MockState, known: Option<Resolved>) -> Response {
    let status = known.as_ref().and_then(|known| tiktok::status(mock, known, None));
    let Some((known, status)) = known.zip(status) else { return not_found(json!({ "data": null })) };
    let user = tiktok::user(&known, status);
    let data = json!({
        "raw": { "_note": "" },
        "unique_id": known.name,
        "user": {
            "unique_id": known.name, "nickname": known.name, "numeric_uid": user["id"], "sec_uid": user["secUid"],
            "avatar_url": "", "signature": "", "is_verified": false, "following": 1, "followers": 1,
        },
        "room_info": {
            "id": user["roomId"], "status": status, "is_live": status != tiktok::OFFLINE, "title": "", "cover_url": "",
            "start_time": known.settings.show.wall_ms / 1000, "current_viewers": 1, "total_viewers": 7,
        },
    });
    Response::json(
        200,
        &json!({ "code": 200, "ok": true, "message": "", "routes_attempted": [], "data": data }),
    )
}

/// The gifts of a room, in the order of its gift panel.
pub(super) fn room_gifts(known: Option<Resolved>, fault: Option<&FaultKind>) -> Response {
    let Some(known) = known else { return not_found(json!({ "response": null })) };
    let room_id = known.room_id.to_string();
    let page_gifts = (fault != Some(&FaultKind::NoGifts)).then(|| Vec::from_iter(tiktok::gift_ids()));
    let gifts = json!({ "room_id": room_id, "page_gifts": page_gifts, "gift_overrides": {} });
    Response::json(200, &json!({ "code": 200, "message": "", "response": gifts }))
}

/// The gift gallery of a user, always empty.
pub(super) fn gift_gallery(
    mock: &MockState,
    known: Option<&Resolved>,
    fault: Option<&FaultKind>,
) -> Response {
    if known.and_then(|known| tiktok::status(mock, known, None)).is_none() {
        return not_found(json!({ "data": null }));
    }
    let now = mock.wall_ms() / 1000;
    let gifts: Option<[Value; 0]> = (fault != Some(&FaultKind::NoGifts)).then_some([]);
    let data = json!({
        "normal_gifts": gifts, "current_timestamp": now,
        "current_period_starts_at": now, "current_period_ends_at": now,
    });
    Response::json(200, &json!({ "code": 200, "message": "", "data": data }))
}

/// Parameters of signed URLs, in the order reported for 2026-09 (docs/protocol.md §1.6).
const SIGNATURES: [&str; 4] = ["X-Dynosaur", "msToken", "X-Bogus", "X-Gnarly"];

/// Signs the URL of a later request. Clients 1.x send GET and read the fields at the top level of the answer.
pub(super) fn sign_url(mock: &MockState, request: &Request) -> Response {
    let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
    let Some(url) = body["url"].as_str().or_else(|| request.param("url")) else {
        return Response::json(400, &json!({ "code": 400, "message": "`url` is missing" }));
    };
    let mut random = mock.memory.lock().random();
    let mut token = || format!("{}{}", random.hex(16), random.hex(16));
    let mut signed = url.to_owned();
    let mut tokens = json!({});
    for name in SIGNATURES {
        let (value, separator) = (token(), if signed.contains('?') { '&' } else { '?' });
        signed.push_str(&format!("{separator}{name}={value}"));
        tokens[name] = value.into();
    }
    let agent = body["userAgent"].as_str().unwrap_or(USER_AGENT);
    let answer = json!({
        "code": 200,
        "message": "",
        "signedUrl": signed, "User-Agent": agent, "msToken": tokens["msToken"],
        "response": { "signedUrl": signed, "userAgent": agent, "tokens": tokens },
    });
    Response::json(200, &answer)
}

/// Returns a 404 for an unknown user. `body` holds the empty fields of a successful answer.
fn not_found(mut body: Value) -> Response {
    body["code"] = 404.into();
    body["ok"] = false.into();
    body["message"] = "user_not_found".into();
    body["routes_attempted"] = json!([]);
    Response::json(404, &body)
}
