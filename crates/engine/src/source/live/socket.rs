//! The WebSocket upgrade, and the meaning of its rejections.

use livetape_core::error::Code;

use super::{
    failure::Failure,
    transport::{HttpResponse, OpenError, Opened, Request},
    upstream::{USER_AGENT, Upstream},
};

/// Value of `handshake-status` for a device that TikTok blocks.
const DEVICE_BLOCKED: &str = "415";

/// Opens the socket. TikTok uses no subprotocol.
pub(super) async fn open(upstream: &mut Upstream, url: String, cookie: &str) -> Result<Opened, Failure> {
    let headers = vec![
        ("user-agent", USER_AGENT.to_owned()),
        ("referer", "https://www.tiktok.com/".to_owned()),
        ("origin", "https://www.tiktok.com".to_owned()),
        ("accept-language", "en-US,en;q=0.9".to_owned()),
        ("cache-control", "no-cache".to_owned()),
        ("cookie", cookie.to_owned()),
    ];
    let wall = upstream.wall();
    upstream.open(&Request { url, headers }).await.map_err(|error| match error {
        OpenError::Unreached(unreached) => unreached.into(),
        OpenError::Refused(answer) => refusal(&answer, wall),
    })
}

/// Converts a rejection into a failure. TikTok rejects with status 200 and puts the reason into custom
/// headers.
fn refusal(answer: &HttpResponse, wall: std::time::Duration) -> Failure {
    let (status, message) = (answer.header("handshake-status"), answer.header("handshake-msg"));
    let said = [status, message].into_iter().flatten().collect::<Vec<_>>().join(" ");
    let separator = if said.is_empty() { "" } else { ": " };
    let detail = format!("TikTok rejected the WebSocket with {}{separator}{said}", answer.status);
    if status == Some(DEVICE_BLOCKED) || message.is_some_and(|message| message.contains("DEVICE_BLOCKED")) {
        return Failure::new(Code::Blocked, detail);
    }
    match answer.status {
        429 => Failure::rate_limited(answer, wall),
        500.. => Failure { wait: answer.wait(wall), ..Failure::new(Code::ConnectionLost, detail) },
        _ => Failure::new(Code::HandshakeRefused, detail),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(status: u16, headers: &[(&'static str, &str)], code: Code) {
        let mut answer = HttpResponse { status, ..HttpResponse::default() };
        for (name, value) in headers {
            answer.headers.insert(*name, value.parse().unwrap());
        }
        assert_eq!(refusal(&answer, std::time::Duration::ZERO).code, code, "{status} {headers:?}");
    }

    #[test]
    fn rejections_map_to_error_codes() {
        check(200, &[("handshake-status", "415"), ("handshake-msg", "DEVICE_BLOCKED")], Code::Blocked);
        check(200, &[("handshake-msg", "DEVICE_BLOCKED")], Code::Blocked);
        check(
            200,
            &[("handshake-status", "417"), ("handshake-msg", "illegal secret key")],
            Code::HandshakeRefused,
        );
        check(
            200,
            &[("handshake-status", "417"), ("handshake-msg", "illegal app_id")],
            Code::HandshakeRefused,
        );
        check(200, &[], Code::HandshakeRefused);
        check(400, &[], Code::HandshakeRefused);
        check(403, &[], Code::HandshakeRefused);
        check(429, &[], Code::RateLimited);
        check(503, &[], Code::ConnectionLost);
    }
}
