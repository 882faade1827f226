//! Answers that go wrong.

use std::time::Duration;

use serde_json::json;

use super::{
    super::{
        http::{Request, Response},
        scenario::{DEFAULT_MESSAGE, Fault, FaultKind, Header},
        windows::TooMany,
        world::World,
    },
    Answer, Asked, Delivery, well, whole,
};

/// How long a 429 asks to wait, unless told otherwise.
const RETRY_AFTER: u64 = 5;

const HTML: &str = "<!DOCTYPE html><html><head><title>502</title></head><body>Bad gateway</body></html>";
/// What blocked pages have in common (docs/protocol.md §1.2).
const CAPTCHA: &str = "<!DOCTYPE html><html><head><title>tiktok-verify-page</title></head><body>\
    <script id=\"slardar-config\" type=\"application/json\">{}</script>Please wait...\
    <p id=\"wci\" class=\"_wafchallengeid\"></p></body></html>";

/// The answer to a request that a fault answers.
pub(super) fn faulty(world: &World, request: &Request, asked: Asked, fault: &Fault) -> Answer {
    match fault.kind {
        FaultKind::Stall => Answer::Stall,
        FaultKind::Reset => Answer::Reset,
        FaultKind::Status => whole(status(world, fault)),
        FaultKind::Empty => whole(Response::new(200, "application/protubuf", "")),
        FaultKind::Html => whole(Response::html(HTML)),
        FaultKind::Captcha => whole(Response::html(CAPTCHA)),
        FaultKind::Endless => Answer::Send(
            Response::new(200, "application/octet-stream", vec![b' '; 16 * 1024]),
            Delivery::Endless,
        ),
        FaultKind::Refuse => {
            let message = fault.message.as_deref().unwrap_or("DEVICE_BLOCKED");
            whole(refused(fault.status.unwrap_or(200), fault.handshake_status.unwrap_or(415), message))
        }
        _ => match well(world, request, asked, Some(fault)) {
            Answer::Send(response, _) => Answer::Send(response, delivery(fault)),
            other => other,
        },
    }
}

fn delivery(fault: &Fault) -> Delivery {
    match fault.kind {
        FaultKind::CutBody => Delivery::Half,
        FaultKind::Dribble => Delivery::Slow(fault.bytes_per_ms.unwrap_or(1)),
        _ => Delivery::Whole,
    }
}

/// What the push server of a stub answers: as the scenario's stub says, or what was seen most (docs/protocol.md §1.6).
pub(super) fn fallback(world: &World) -> Response {
    let state = world.lock();
    let stub = state.script.scenario.faults.iter().find(|fault| fault.kind == FaultKind::Stub);
    let status = stub.and_then(|stub| stub.status).unwrap_or(200);
    let handshake_status = stub.and_then(|stub| stub.handshake_status).unwrap_or(417);
    let message = stub.and_then(|stub| stub.message.as_deref()).unwrap_or("illegal app_id");
    refused(status, handshake_status, message)
}

/// The answer that stands for a refused upgrade (docs/protocol.md §3.8).
pub(super) fn refused(status: u16, handshake_status: u16, message: &str) -> Response {
    Response { status, headers: vec![], body: bytes::Bytes::new() }
        .with("Handshake-Status", handshake_status.to_string())
        .with("Handshake-Msg", message)
        .with("X-Tt-Logid", "00000000000000000000000000000000")
}

/// The bodies that were seen (docs/protocol.md §1.6).
fn status(world: &World, fault: &Fault) -> Response {
    let status = fault.status.unwrap_or(500);
    let says = |usual| fault.message.as_deref().unwrap_or(usual);
    let body = match status {
        429 => return too_many(world, fault),
        401 => json!({ "code": 401, "message": says("The provided API Key is invalid.") }),
        402 => json!({ "code": 402, "message": says("This feature needs a premium plan.") }),
        403 => json!({ "code": 403, "message": says("Access was denied to this resource.") }),
        500 => {
            json!({ "message": says("A 403 error occurred whilst fetching the webcast URL."), "code": 500 })
        }
        503 => json!({ "code": 503, "error": says("API is not ready for connections yet.") }),
        _ => json!({ "code": status, "message": says("The request could not be served.") }),
    };
    let response = Response::json(status, &body);
    match fault.retry_after {
        Some(seconds) => response.with("Retry-After", seconds.to_string()),
        None => response,
    }
}

fn too_many(world: &World, fault: &Fault) -> Response {
    let all = Header::all();
    let too_many = TooMany {
        message: fault.message.as_deref().unwrap_or(DEFAULT_MESSAGE),
        label: fault.label.as_deref().unwrap_or_default(),
        headers: fault.headers.as_ref().unwrap_or(&all),
        wait: Duration::from_secs(fault.retry_after.unwrap_or(RETRY_AFTER)),
        max: 5,
        wall_ms: world.wall_ms(),
    };
    too_many.response()
}
