//! Faulty HTTP answers.

use std::time::Duration;

use serde_json::json;

use super::{Action, Delivery, Parsed, well, whole};
use crate::{
    http::{Request, Response},
    scenario::{FaultKind, Refusal},
    state::{MockState, windows::TooMany},
};

const HTML: &str = "<!DOCTYPE html><html><head><title>502</title></head><body>Bad gateway</body></html>";
/// The markers that blocked pages share (docs/protocol.md §1.2).
const CAPTCHA: &str = "<!DOCTYPE html><html><head><title>tiktok-verify-page</title></head><body>\
    <script id=\"slardar-config\" type=\"application/json\">{}</script>Please wait...\
    <p id=\"wci\" class=\"_wafchallengeid\"></p></body></html>";

/// Answers a request as the fault demands.
pub(super) fn faulty(mock: &MockState, request: &Request, asked: Parsed, fault: &FaultKind) -> Action {
    use FaultKind as K;
    let delivery = match fault {
        K::Stall => return Action::Stall,
        K::Reset => return Action::Reset,
        K::Status { status, message, retry_after } => {
            return whole(error(*status, message.as_deref(), *retry_after));
        }
        K::RateLimited { message, label, retry_after, headers } => {
            let (wait, wall_ms) = (Duration::from_secs(*retry_after), mock.wall_ms());
            return whole(TooMany { message, label, headers, wait, max: 5, wall_ms }.response());
        }
        K::Empty => return whole(Response::new(200, "application/protubuf", "")),
        K::Html => return whole(Response::html(HTML)),
        K::Captcha => return whole(Response::html(CAPTCHA)),
        K::Endless => {
            let spaces = Response::new(200, "application/octet-stream", vec![b' '; 16 * 1024]);
            return Action::Send(spaces, Delivery::Endless);
        }
        K::Refuse(refusal) => return whole(refused(refusal)),
        K::CutBody => Delivery::Half,
        K::Dribble { bytes_per_ms } => Delivery::Slow(*bytes_per_ms),
        // These change the content of the answer.
        K::NotFound | K::Offline | K::Stub(_) | K::MissingCookie | K::MissingCursor | K::BadProtobuf => {
            Delivery::Whole
        }
        // These start once a socket is open.
        K::Drop
        | K::Close { .. }
        | K::CloseFrame
        | K::Cut
        | K::Frames(..)
        | K::RepeatHistory
        | K::NoHeartbeat => Delivery::Whole,
    };
    match well(mock, request, asked, Some(fault)) {
        Action::Send(response, _) => Action::Send(response, delivery),
        other @ (Action::Upgrade(_) | Action::Stall | Action::Reset) => other,
    }
}

/// The answer of a stub's push server: as in the scenario's stub, or the most common real one
/// (docs/protocol.md §1.6).
pub(super) fn fallback(mock: &MockState) -> Response {
    let state = mock.memory.lock();
    let mut faults = state.script.scenario.faults.iter();
    let refusal = faults
        .find_map(|fault| if let FaultKind::Stub(refusal) = &fault.kind { Some(refusal) } else { None });
    refused(refusal.unwrap_or(&Refusal::stub()))
}

/// An HTTP answer in place of an upgrade (docs/protocol.md §3.8).
pub(super) fn refused(refusal: &Refusal) -> Response {
    Response { status: refusal.status, headers: vec![], body: bytes::Bytes::new(), wait: None }
        .with("Handshake-Status", refusal.handshake_status.to_string())
        .with("Handshake-Msg", &*refusal.message)
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
