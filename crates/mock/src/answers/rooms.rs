//! `/webcast/room/…` and `/webcast/gift/list/` (docs/protocol.md §1.5).

use serde_json::{Value, json};

use super::lookup;
use crate::{
    http::{Request, Response},
    room::script::Resolved,
    scenario::State,
    state::MockState,
};

/// Maximum number of rooms in one request.
const ROOMS_MAX: usize = 100;

pub(super) fn check_alive(mock: &MockState, request: &Request) -> Response {
    let ids = request.param("room_ids").unwrap_or_default().split(',');
    let ids = ids.filter_map(|id| id.trim().parse().ok()).take(ROOMS_MAX);
    let rooms: Vec<Value> = ids
        .map(|id: i64| {
            let known = mock.by_id(id);
            let status = lookup::status(mock, &known, None);
            let alive = matches!(status, Some(lookup::LIVE | lookup::PAUSED));
            json!({ "alive": alive, "room_id": id, "room_id_str": id.to_string() })
        })
        .collect();
    Response::json(200, &json!({ "data": rooms, "extra": extra(mock), "status_code": 0 }))
}

pub(super) fn room_info(mock: &MockState, known: Option<Resolved>) -> Response {
    let status = known.as_ref().and_then(|known| lookup::status(mock, known, None));
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
    let user = lookup::user(known, status);
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

pub(super) fn gifts(mock: &MockState) -> Response {
    let gift = |(id, name, diamonds, kind)| {
        let image = json!({ "url_list": [] });
        json!({
            "id": id, "name": name, "describe": format!("sent {name}"), "diamond_count": diamonds,
            "type": kind, "combo": kind == 1, "image": image, "icon": image,
        })
    };
    let gifts: Vec<Value> = GIFTS.into_iter().map(gift).collect();
    Response::json(200, &json!({ "data": { "gifts": gifts }, "extra": extra(mock), "status_code": 0 }))
}

fn extra(mock: &MockState) -> Value {
    json!({ "now": mock.wall_ms() })
}
