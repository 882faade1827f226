//! Pages: `/@{user}/live` with its state, `/` and `/live` with the cookie (docs/protocol.md §1.2, §1.7).

use serde_json::json;

use super::{
    super::{http::Response, scenario::FaultKind, script::Known, world::World},
    lookup,
};

pub(super) fn page(world: &World, known: Option<Known>, fault: Option<FaultKind>) -> Response {
    let status = known.as_ref().and_then(|known| lookup::status(world, known, fault));
    let state = match known.zip(status) {
        Some((known, status)) => {
            let mut live_room = lookup::live_room(&known, status);
            // Node reads the id here, newer versions and Python at the user.
            live_room["roomId"] = known.room_id.to_string().into();
            let info = json!({ "user": lookup::user(&known, status), "liveRoom": live_room });
            json!({ "LiveRoom": { "liveRoomUserInfo": info } })
        }
        // A page of nobody has no room.
        None => json!({}),
    };
    // The text of a user must not end the script.
    let state = state.to_string().replace('<', "\\u003c");
    Response::html(format!(
        "<!DOCTYPE html><html><head><title>TikTok LIVE</title></head><body>\
         <script id=\"SIGI_STATE\" type=\"application/json\">{state}</script></body></html>"
    ))
}

pub(super) fn home(world: &World, fault: Option<FaultKind>) -> Response {
    let response =
        Response::html("<!DOCTYPE html><html><head><title>TikTok</title></head><body></body></html>");
    if fault == Some(FaultKind::MissingCookie) {
        return response;
    }
    response.with("Set-Cookie", format!("{}; Path=/; HttpOnly", ttwid(world)))
}

/// The cookie without which sockets are refused.
pub(super) fn ttwid(world: &World) -> String {
    let mut random = world.lock().random();
    format!("ttwid=1%7C{}{}%7C{}", random.hex(16), random.hex(16), random.hex(16))
}
