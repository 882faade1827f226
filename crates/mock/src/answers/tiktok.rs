//! Endpoints of TikTok (docs/protocol.md): the lookup, `/api-live/user/room/` (§1.3); HTML pages,
//! `/@{user}/live` with its state, `/@{user}` with state and cookie, `/` and `/live` with the cookie (§1.2,
//! §1.7); `/webcast/room/…` and `/webcast/gift/list/` (§1.5).

use serde_json::{Value, json};

use crate::{
    http::{Request, Response},
    random::Random,
    room::script::Resolved,
    scenario::{FaultKind, State},
    state::{MockState, memory::compact_date},
};

/// Stream status codes in lookups.
const LIVE: i32 = 2;
const PAUSED: i32 = 3;
pub(super) const OFFLINE: i32 = 4;

pub(super) fn lookup(
    mock: &MockState,
    request: &Request,
    known: Option<Resolved>,
    fault: Option<&FaultKind>,
) -> Response {
    let Some(known) = known.filter(|_| request.param("aid").is_some()) else {
        return Response::json(200, &refusal(mock, "params_error", 19_881_005));
    };
    let Some(status) = status(mock, &known, fault) else {
        return Response::json(200, &refusal(mock, "user_not_found", 19_881_007));
    };
    let mut user = user(&known, status);
    user["status"] = status.into();
    let data = json!({
        "user": user,
        "stats": { "followingCount": 1, "followerCount": 1 },
        "liveRoom": live_room(&known, status),
    });
    Response::json(200, &json!({ "data": data, "message": "", "statusCode": 0 }))
}

/// Returns the status of a user's stream, or `None` if the user does not exist.
pub(super) fn status(mock: &MockState, known: &Resolved, fault: Option<&FaultKind>) -> Option<i32> {
    match (fault, known.state) {
        (Some(FaultKind::NotFound), _) | (_, State::NotFound) => return None,
        (Some(FaultKind::Offline), _) | (_, State::Offline) => return Some(OFFLINE),
        (_, State::Paused) => return Some(PAUSED),
        (_, State::NotFoundOnce) => {
            if mock.memory.lock().looked_up.insert(known.room_id) {
                return None;
            }
        }
        (_, State::Live | State::AgeRestricted) => {}
    }
    let is_over = mock.memory.lock().room(known).is_over(mock.clock.now());
    Some(if is_over { OFFLINE } else { LIVE })
}

pub(super) fn user(known: &Resolved, status: i32) -> Value {
    let mut random = Random::new(0, known.room_id.cast_unsigned());
    json!({
        "id": random.id().to_string(),
        "uniqueId": known.name,
        "nickname": known.name,
        "secUid": format!("MS4wLjABAAAA{}", random.hex(16)),
        "roomId": known.room_id.to_string(),
        "avatarLarger": "",
        "signature": "",
        "followStatus": 0,
        "status": status,
    })
}

fn live_room(known: &Resolved, status: i32) -> Value {
    json!({
        "status": status,
        "startTime": known.settings.show.wall_ms / 1000,
        "title": "",
        "liveRoomStats": { "enterCount": 7, "userCount": 1 },
    })
}

fn refusal(mock: &MockState, message: &str, code: u32) -> Value {
    let digits = mock.memory.lock().random().hex(16).to_uppercase();
    let id = format!("{}{digits}01", compact_date(mock.wall_ms() / 1000));
    json!({ "data": null, "message": message, "extra": { "id": id }, "statusCode": code })
}

/// `statusCode` in the profile of an unknown user.
const NO_SUCH_USER: u32 = 10_221;

pub(super) fn page(mock: &MockState, known: Option<Resolved>, fault: Option<&FaultKind>) -> Response {
    let status = known.as_ref().and_then(|known| status(mock, known, fault));
    let state = match known.zip(status) {
        Some((known, status)) => {
            let mut live_room = live_room(&known, status);
            // The Node client reads the id here; newer versions and the Python client read it from the user.
            live_room["roomId"] = known.room_id.to_string().into();
            let info = json!({ "user": user(&known, status), "liveRoom": live_room });
            json!({ "LiveRoom": { "liveRoomUserInfo": info } })
        }
        // The page of an unknown user has no room.
        None => json!({}),
    };
    with_state("TikTok LIVE", "SIGI_STATE", &state)
}

/// The profile page of a user, with the status codes of real pages.
pub(super) fn profile(mock: &MockState, known: Option<Resolved>, fault: Option<&FaultKind>) -> Response {
    let status = known.as_ref().and_then(|known| status(mock, known, fault));
    let detail = match known.zip(status) {
        Some((known, status)) => {
            json!({ "statusCode": 0, "userInfo": { "user": user(&known, status) } })
        }
        None => json!({ "statusCode": NO_SUCH_USER }),
    };
    let state = json!({ "__DEFAULT_SCOPE__": { "webapp.user-detail": detail } });
    with_cookie(mock, with_state("TikTok", "__UNIVERSAL_DATA_FOR_REHYDRATION__", &state), fault)
}

/// Returns a page with its state as JSON, in a script element with this id.
fn with_state(title: &str, name: &str, state: &Value) -> Response {
    // User text must not be able to end the script element.
    let state = state.to_string().replace('<', "\\u003c");
    Response::html(format!(
        "<!DOCTYPE html><html><head><title>{title}</title></head><body>\
         <script id=\"{name}\" type=\"application/json\">{state}</script></body></html>"
    ))
}

pub(super) fn home(mock: &MockState, fault: Option<&FaultKind>) -> Response {
    let page = Response::html("<!DOCTYPE html><html><head><title>TikTok</title></head><body></body></html>");
    with_cookie(mock, page, fault)
}

fn with_cookie(mock: &MockState, response: Response, fault: Option<&FaultKind>) -> Response {
    if fault == Some(&FaultKind::MissingCookie) {
        return response;
    }
    response.with("Set-Cookie", set_cookie(&ttwid(mock)))
}

/// Returns the header that sets a cookie for all paths.
pub(super) fn set_cookie(cookie: &str) -> String {
    format!("{cookie}; Path=/; HttpOnly")
}

/// The cookie that TikTok requires for opening a socket.
pub(super) fn ttwid(mock: &MockState) -> String {
    let mut random = mock.memory.lock().random();
    format!("ttwid=1%7C{}{}%7C{}", random.hex(16), random.hex(16), random.hex(16))
}

/// Maximum number of rooms in one request.
const ROOMS_MAX: usize = 100;

pub(super) fn check_alive(mock: &MockState, request: &Request) -> Response {
    let ids = request.param("room_ids").unwrap_or_default().split(',');
    let ids = ids.filter_map(|id| id.trim().parse().ok()).take(ROOMS_MAX);
    let rooms: Vec<Value> = ids
        .map(|id: i64| {
            let known = mock.by_id(id);
            let status = status(mock, &known, None);
            let alive = matches!(status, Some(LIVE | PAUSED));
            json!({ "alive": alive, "room_id": id, "room_id_str": id.to_string() })
        })
        .collect();
    Response::json(200, &json!({ "data": rooms, "extra": extra(mock), "status_code": 0 }))
}

pub(super) fn room_info(mock: &MockState, known: Option<Resolved>) -> Response {
    let status = known.as_ref().and_then(|known| status(mock, known, None));
    let body = match known.zip(status) {
        Some((known, _)) if known.state == State::AgeRestricted => {
            json!({ "data": { "prompts": "" }, "extra": extra(mock), "status_code": 4_003_110 })
        }
        Some((known, status)) => {
            json!({ "data": info(&known, status), "extra": extra(mock), "status_code": 0 })
        }
        None => {
            let data = json!({ "message": "Request params error", "prompts": "Request params error" });
            json!({ "data": data, "extra": extra(mock), "status_code": 10_011 })
        }
    };
    Response::json(200, &body)
}

fn info(known: &Resolved, status: i32) -> Value {
    let user = user(known, status);
    json!({
        "id": known.room_id,
        "id_str": known.room_id.to_string(),
        "title": "",
        "status": status,
        "create_time": known.settings.show.wall_ms / 1000,
        "user_count": 1,
        "stats": { "total_user": 7, "like_count": 0, "comment_count": 0, "share_count": 0, "follow_count": 0 },
        "cover": { "url_list": [] },
        "share_url": format!("https://www.tiktok.com/@{}/live", known.name),
        "owner": {
            "id_str": user["id"],
            "display_id": known.name,
            "nickname": known.name,
            "sec_uid": user["secUid"],
            "avatar_thumb": { "url_list": [] },
            "follow_info": { "follower_count": 1, "following_count": 1 },
        },
        "stream_url": {},
        "age_restricted": { "restricted": false },
        "link_mic": {},
    })
}

/// Id, name, diamonds and type of each known gift.
const GIFTS: [(i64, &str, i64, i64); 6] = [
    (5655, "Rose", 1, 1),
    (5269, "TikTok", 1, 1),
    (5487, "Finger Heart", 5, 1),
    (6064, "GG", 1, 1),
    (5879, "Doughnut", 30, 1),
    (6369, "Lion", 29_999, 2),
];

pub(super) fn gift_ids() -> impl Iterator<Item = i64> {
    GIFTS.into_iter().map(|(id, ..)| id)
}

pub(super) fn gifts(mock: &MockState, fault: Option<&FaultKind>) -> Response {
    let gift = |(id, name, diamonds, kind)| {
        let image = json!({ "url_list": [] });
        json!({
            "id": id, "name": name, "describe": format!("sent {name}"), "diamond_count": diamonds,
            "type": kind, "combo": kind == 1, "image": image, "icon": image,
        })
    };
    let gifts = (fault != Some(&FaultKind::NoGifts)).then(|| Vec::from_iter(GIFTS.into_iter().map(gift)));
    Response::json(200, &json!({ "data": { "gifts": gifts }, "extra": extra(mock), "status_code": 0 }))
}

fn extra(mock: &MockState) -> Value {
    json!({ "now": mock.wall_ms() })
}
