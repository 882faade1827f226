//! Connecting through a sign server, which returns the first batch, the socket URL and cookies.

use std::time::Duration;

use bytes::Bytes;
use livetape_core::{
    error::Code,
    recording::records::http::Role,
    retry::SplitMix,
    wire::{self, BatchInfo},
};
use serde_json::Value;

use super::{
    LiveOptions, SignForm, direct,
    failure::{Failure, RATE_LIMITED},
    transport::{HttpResponse, Request},
    upstream::{USER_AGENT, Upstream},
    url,
};

/// Markers of the sign server's placeholder response (seen since September 2026), whose socket rejects every
/// client.
const STUB_TEXT: &[u8] = b"Connected through Euler Stream fallback proxy";
const STUB_HOST: &str = "ws-fallback.eulerstream.com";

/// Response of the sign server.
#[derive(Debug)]
pub(super) struct Signed {
    pub(super) socket_url: String,
    /// Cookie for the socket's upgrade.
    pub(super) cookie: String,
    /// Room id; the sign server may correct it.
    pub(super) room_id: i64,
    /// Request and response with the first batch, recorded once the connection is open.
    pub(super) request: Request,
    pub(super) answer: HttpResponse,
}

/// Requests a signature from the sign server.
pub(super) async fn sign(
    upstream: &mut Upstream,
    options: &LiveOptions,
    room_id: i64,
    random: &mut SplitMix,
) -> Result<Signed, Failure> {
    let request = request(&upstream.origins.sign, options, room_id);
    let lost = |failure: Failure| match failure.code {
        Code::OfflineMode => failure,
        _ => Failure::new(Code::SignFailed, failure.detail).may_fall_back(),
    };
    let answer = upstream.get(Role::Sign, &request, false).await.map_err(lost)?;
    let (info, cookie) = read(&answer, upstream.wall())?;
    upstream.redact.hide(&cookie);
    let room_id = answer.header("x-room-id").and_then(|id| id.parse().ok()).unwrap_or(room_id);
    Ok(Signed { socket_url: socket_url(&info, room_id, random), cookie, room_id, request, answer })
}

fn request(origin: &str, options: &LiveOptions, room_id: i64) -> Request {
    let room = room_id.to_string();
    let url = match options.sign_form {
        SignForm::Fetch => url::with_query(
            &url::with_path(origin, "/webcast/fetch"),
            [
                ("client", "livetape"),
                ("room_id", &room),
                ("user_agent", USER_AGENT),
                ("platform", "web"),
                ("client_enter", "true"),
            ],
        ),
        SignForm::Connect => url::with_query(
            &url::with_path(origin, &format!("/webcast/rooms/{room}/connect")),
            [
                ("client", "livetape"),
                ("cursor", ""),
                ("user_agent", USER_AGENT),
                ("client_enter", "true"),
                ("platform", "web"),
            ],
        ),
    };
    let mut headers = vec![
        ("user-agent", concat!("livetape/", env!("CARGO_PKG_VERSION")).to_owned()),
        ("accept", "application/protobuf,application/json".to_owned()),
        ("accept-encoding", "gzip".to_owned()),
    ];
    if let Some(key) = &options.sign_key {
        headers.push(("x-api-key", key.reveal().to_owned()));
    }
    Request { url, headers }
}

/// Parses the batch's metadata and the cookies.
fn read(answer: &HttpResponse, wall: Duration) -> Result<(BatchInfo, String), Failure> {
    check_status(answer, wall)?;
    let empty = |why: &str| Failure::new(Code::SignEmpty, why);
    if answer.body.is_empty() {
        return Err(empty("the sign server's response is empty"));
    }
    let info = wire::read_batch(&wire::unzip(answer.body.clone(), &mut Vec::new()), &mut Vec::new()).info;
    let is_stub =
        memchr::memmem::find(&answer.body, STUB_TEXT).is_some() || info.push_server.contains(STUB_HOST);
    if is_stub {
        return Err(empty("the sign server's response is a stub").may_fall_back());
    }
    if info.cursor.is_empty() {
        return Err(empty("the sign server's response has no cursor"));
    }
    if !["ws://", "wss://"].iter().any(|scheme| info.push_server.starts_with(scheme)) {
        return Err(empty("the sign server's response has no socket address"));
    }
    match answer.header("x-set-tt-cookie").filter(|cookie| !cookie.is_empty()) {
        Some(cookie) => Ok((info, cookie.to_owned())),
        None => Err(empty("the sign server sent no cookies")),
    }
}

fn check_status(answer: &HttpResponse, wall: Duration) -> Result<(), Failure> {
    let explanation = explanation(&answer.body);
    let failed = format!("the sign server returned {}{explanation}", answer.status);
    match answer.status {
        200 => Ok(()),
        429 => {
            let failure = Failure::rate_limited(answer, wall);
            Err(Failure { detail: format!("{RATE_LIMITED}{explanation}"), ..failure })
        }
        401..=403 => Err(Failure::new(Code::SignUnauthorized, failed)),
        500.. => {
            let failure = Failure::new(Code::SignFailed, failed).may_fall_back();
            Err(Failure { wait: answer.wait(wall), ..failure })
        }
        _ => Err(Failure::new(Code::SignFailed, failed)),
    }
}

/// Formats the server's explanation of a rejection: ` (label: message)`, or nothing.
fn explanation(body: &Bytes) -> String {
    let json: Value = serde_json::from_slice(body).unwrap_or_default();
    let texts =
        ["limit_label", "message", "error"].map(|name| json[name].as_str().filter(|text| !text.is_empty()));
    let texts: Vec<_> = texts.into_iter().flatten().collect();
    if texts.is_empty() { String::new() } else { format!(" ({})", texts.join(": ")) }
}

/// Builds the URL as npm tiktok-live-connector does: the server's parameters take precedence, and the version
/// appears a second time.
fn socket_url(info: &BatchInfo, room_id: i64, random: &mut SplitMix) -> String {
    let (room_id, last_rtt) = (room_id.to_string(), direct::last_rtt(random));
    let ours = direct::parameters(&room_id, &last_rtt, "0").into_iter();
    let resume = [("cursor", info.cursor.as_str()), ("internal_ext", info.internal_ext.as_str())];
    let theirs: Vec<_> =
        info.route_params.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let is_theirs = |name: &str| theirs.iter().any(|(known, _)| *known == name);
    let kept = ours.chain(resume).filter(|(name, value)| !value.is_empty() && !is_theirs(name));
    let theirs = theirs.iter().copied().filter(|(_, value)| !value.is_empty());
    url::with_query(&info.push_server, kept.chain(theirs).chain([("version_code", "270000")]))
}

#[cfg(test)]
mod tests;
