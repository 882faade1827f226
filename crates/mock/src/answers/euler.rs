//! Endpoints of the sign server other than the signing itself (docs/protocol.md §1.4, §1.6). The shapes
//! follow npm `@eulerstream/euler-api-sdk` 0.1.5, `tiktok-live-api-sdk` 0.4.0 and `tiktok-live-connector`
//! 1.2.3 (all MIT).

use serde_json::{Value, json};

use super::{lookup, rooms};
use crate::{
    http::{Request, Response},
    room::script::Resolved,
    scenario::FaultKind,
    state::MockState,
};

/// User agent of the signing browser, for clients that do not send their own.
const USER_AGENT: &str =
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36";

pub(super) fn room_id(mock: &MockState, known: Option<Resolved>, fault: Option<&FaultKind>) -> Response {
    let status = known.as_ref().and_then(|known| lookup::status(mock, known, fault));
    let Some((known, status)) = known.zip(status) else {
        return not_found(json!({ "is_live": false, "room_id": null }));
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

/// A user and their room.
pub(super) fn anchor_info(mock: &MockState, known: Option<Resolved>) -> Response {
    let status = known.as_ref().and_then(|known| lookup::status(mock, known, None));
    let Some((known, status)) = known.zip(status) else { return not_found(json!({ "data": null })) };
    let user = lookup::user(&known, status);
    let data = json!({
        "raw": { "_note": "" },
        "unique_id": known.name,
        "user": {
            "unique_id": known.name, "nickname": known.name, "numeric_uid": user["id"], "sec_uid": user["secUid"],
            "avatar_url": "", "signature": "", "is_verified": false, "following": 1, "followers": 1,
        },
        "room_info": {
            "id": user["roomId"], "status": status, "is_live": status != lookup::OFFLINE, "title": "", "cover_url": "",
            "start_time": known.settings.show.wall_ms / 1000, "current_viewers": 1, "total_viewers": 7,
        },
    });
    Response::json(
        200,
        &json!({ "code": 200, "ok": true, "message": "", "routes_attempted": [], "data": data }),
    )
}

/// The gifts of a room, in the order of its gift panel.
pub(super) fn room_gifts(known: Option<Resolved>) -> Response {
    let Some(known) = known else { return not_found(json!({ "response": null })) };
    let room_id = known.room_id.to_string();
    let page_gifts: Vec<Value> = rooms::gift_ids().map(Value::from).collect();
    let gifts = json!({ "room_id": room_id, "page_gifts": page_gifts, "gift_overrides": {} });
    Response::json(200, &json!({ "code": 200, "message": "", "response": gifts }))
}

/// The gift gallery of a user, always empty.
pub(super) fn gift_gallery(mock: &MockState, known: Option<&Resolved>) -> Response {
    if known.and_then(|known| lookup::status(mock, known, None)).is_none() {
        return not_found(json!({ "data": null }));
    }
    let now = mock.wall_ms() / 1000;
    let data = json!({
        "normal_gifts": [], "current_timestamp": now,
        "current_period_starts_at": now, "current_period_ends_at": now,
    });
    Response::json(200, &json!({ "code": 200, "message": "", "data": data }))
}

/// Signs the URL of a later request. Clients 1.x send GET and read the fields at the top level of the answer.
pub(super) fn sign_url(mock: &MockState, request: &Request) -> Response {
    let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
    let Some(url) = body["url"].as_str().or_else(|| request.param("url")) else {
        return Response::json(400, &json!({ "code": 400, "message": "`url` is missing" }));
    };
    let mut random = mock.memory.lock().random();
    let mut token = || format!("{}{}", random.hex(16), random.hex(16));
    let tokens = json!({ "X-Bogus": token(), "X-Gnarly": token(), "msToken": token() });
    let mut signed = url.to_owned();
    for (name, value) in tokens.as_object().into_iter().flatten() {
        let separator = if signed.contains('?') { '&' } else { '?' };
        signed.push_str(&format!("{separator}{name}={}", value.as_str().unwrap_or_default()));
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
