//! The lookup endpoint, `/api-live/user/room/` (docs/protocol.md §1.3).

use serde_json::{Value, json};

use crate::{
    http::{Request, Response},
    random::Random,
    room::script::Resolved,
    scenario::{FaultKind, State},
    state::{MockState, windows::compact_date},
};

/// Stream status codes in lookups.
pub(super) const LIVE: i32 = 2;
pub(super) const PAUSED: i32 = 3;
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

pub(super) fn live_room(known: &Resolved, status: i32) -> Value {
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
