//! HTML pages (docs/protocol.md §1.2, §1.7): `/@{user}/live` with its state, `/@{user}` with state and
//! cookie, `/` and `/live` with the cookie.

use serde_json::{Value, json};

use super::lookup;
use crate::{http::Response, room::script::Resolved, scenario::FaultKind, state::MockState};

/// `statusCode` in the profile of an unknown user.
const NO_SUCH_USER: u32 = 10_221;

pub(super) fn page(mock: &MockState, known: Option<Resolved>, fault: Option<&FaultKind>) -> Response {
    let status = known.as_ref().and_then(|known| lookup::status(mock, known, fault));
    let state = match known.zip(status) {
        Some((known, status)) => {
            let mut live_room = lookup::live_room(&known, status);
            // The Node client reads the id here; newer versions and the Python client read it from the user.
            live_room["roomId"] = known.room_id.to_string().into();
            let info = json!({ "user": lookup::user(&known, status), "liveRoom": live_room });
            json!({ "LiveRoom": { "liveRoomUserInfo": info } })
        }
        // The page of an unknown user has no room.
        None => json!({}),
    };
    with_state("TikTok LIVE", "SIGI_STATE", &state)
}

/// The profile page of a user, with the status codes of real pages.
pub(super) fn profile(mock: &MockState, known: Option<Resolved>, fault: Option<&FaultKind>) -> Response {
    let status = known.as_ref().and_then(|known| lookup::status(mock, known, fault));
    let detail = match known.zip(status) {
        Some((known, status)) => {
            json!({ "statusCode": 0, "userInfo": { "user": lookup::user(&known, status) } })
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
