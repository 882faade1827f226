//! How a socket is addressed: by a sign server, which returns the first batch, the socket URL and cookies, or without one,
//! by a cookie of TikTok and a URL without cursor and signature, which follows the crate piratetok-live-rs 0.5.0.

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
    LiveOptions, SignForm,
    request::{Group, Requests},
    transport::{HttpResponse, Request},
    upstream::{Failure, RATE_LIMITED, Upstream},
    url,
};

/// Markers of the sign server's placeholder response (seen since September 2026), whose socket rejects every
/// client.
const STUB_TEXT: &[u8] = b"Connected through Euler Stream fallback proxy";
const STUB_HOST: &str = "ws-fallback.eulerstream.com";
/// Maximum number of requests for the cookie, because not every response sets it.
const COOKIE_TRIES: u32 = 8;
/// Name of the cookie without which TikTok accepts no socket.
pub(super) const TTWID: &str = "ttwid";
const COOKIE_EVERY: Duration = Duration::from_millis(750);

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
    Ok(Signed {
        socket_url: socket_url(&options.requests, &info, room_id, random),
        cookie,
        room_id,
        request,
        answer,
    })
}

fn request(origin: &str, options: &LiveOptions, room_id: i64) -> Request {
    let (requests, room) = (&options.requests, room_id.to_string());
    let values = [("{room}", room.as_str())];
    let (path, group) = match options.sign_form {
        SignForm::Fetch => ("sign_fetch", Group::SignFetch),
        SignForm::Connect => ("sign_connect", Group::SignConnect),
    };
    let url = url::with_query(&requests.url(origin, path, &values), requests.query(group, &values));
    // Only the server that the user named may know the session.
    let session = options.session.as_ref().filter(|_| options.sign_url.is_some());
    let of_session = [("session_id", "sessionid"), ("tt_target_idc", "tt-target-idc")];
    let of_session = of_session
        .into_iter()
        .filter_map(|(parameter, cookie)| Some((parameter, session?.get(cookie)?.reveal())));
    let url = url::with_query(&url, of_session);
    let mut headers = vec![
        ("user-agent".into(), concat!("livetape/", env!("CARGO_PKG_VERSION")).to_owned()),
        ("accept".into(), "application/protobuf,application/json".to_owned()),
        ("accept-encoding".into(), "gzip".to_owned()),
    ];
    if let Some(key) = &options.sign_key {
        headers.push(("x-api-key".into(), key.reveal().to_owned()));
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
fn socket_url(requests: &Requests, info: &BatchInfo, room_id: i64, random: &mut SplitMix) -> String {
    let ours = parameters(requests, room_id, random, "0");
    let ours = ours.iter().map(|(name, value)| (*name, value.as_str()));
    let resume = [("cursor", info.cursor.as_str()), ("internal_ext", info.internal_ext.as_str())];
    let theirs: Vec<_> =
        info.route_params.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let is_theirs = |name: &str| theirs.iter().any(|(known, _)| *known == name);
    let kept = ours.chain(resume).filter(|(name, value)| !value.is_empty() && !is_theirs(name));
    let theirs = theirs.iter().copied().filter(|(_, value)| !value.is_empty());
    let url = url::with_query(&info.push_server, kept.chain(theirs));
    url::with_query(&url, requests.query(Group::Signed, &[]))
}

/// Requests the cookie: `ttwid=…`.
pub(super) async fn get_cookie(upstream: &mut Upstream) -> Result<String, Failure> {
    let request = upstream.requests.get(url::with_path(&upstream.origins.www, "/"), "");
    let mut due = upstream.now();
    for _ in 0..COOKIE_TRIES {
        tokio::time::sleep_until(upstream.at(due)).await;
        due += COOKIE_EVERY;
        // The body of the page is long and not needed.
        let answer = upstream.get(Role::Unknown, &request, false).await?;
        if answer.status == 429 {
            return Err(Failure::rate_limited(&answer, upstream.wall()));
        }
        if let Some(cookie) = ttwid(&answer) {
            upstream.redact.hide(&cookie);
            return Ok(cookie);
        }
    }
    Err(Failure::new(Code::Blocked, format!("TikTok sent no cookie in {COOKIE_TRIES} responses")))
}

fn ttwid(answer: &HttpResponse) -> Option<String> {
    let cookies = answer.headers.get_all("set-cookie").iter().filter_map(|value| value.to_str().ok());
    let mut pairs = cookies.filter_map(|cookie| cookie.split(';').next()).map(str::trim);
    let is_it = |(name, value): (&str, &str)| name == TTWID && !value.is_empty();
    pairs.find(|pair| pair.split_once('=').is_some_and(is_it)).map(str::to_owned)
}

pub(super) fn direct_url(requests: &Requests, origin: &str, room_id: i64, random: &mut SplitMix) -> String {
    url::with_query(&requests.url(origin, "socket", &[]), parameters(requests, room_id, random, "1"))
}

/// Parameters that every client sends.
fn parameters<'a>(
    requests: &'a Requests,
    room_id: i64,
    random: &mut SplitMix,
    direct: &str,
) -> Vec<(&'a str, String)> {
    let values = [("{room}", &*room_id.to_string()), ("{rtt}", &*last_rtt(random)), ("{direct}", direct)];
    requests.query(Group::Socket, &values)
}

/// Returns a random value from 100.000 to 200.000 ms.
fn last_rtt(random: &mut SplitMix) -> String {
    let micros = 100_000 + random.up_to(100_000);
    format!("{}.{:03}", micros / 1000, micros % 1000)
}

#[cfg(test)]
mod tests {
    use livetape_core::wire::Batch;

    use super::*;

    #[test]
    fn the_socket_url_contains_the_room_and_is_reproducible() {
        let url = direct_url(&Requests::default(), "wss://webcast-ws.tiktok.com", 7, &mut SplitMix(1));
        assert!(url.starts_with(
            "wss://webcast-ws.tiktok.com/webcast/im/ws_proxy/ws_reuse_supplement/?version_code=180800&"
        ));
        assert!(
            url.contains("&browser_version=5.0%20%28Windows%20NT") && url.contains("&room_id=7&"),
            "{url}"
        );
        assert_eq!(url, direct_url(&Requests::default(), "wss://webcast-ws.tiktok.com", 7, &mut SplitMix(1)));
    }

    #[test]
    fn the_cookie_is_found_among_other_cookies() {
        let mut answer = HttpResponse::default();
        assert_eq!(ttwid(&answer), None);
        for cookie in
            ["tt_csrf_token=1; Path=/", "ttwid=; Path=/", "ttwid=1%7Cabc; Domain=.tiktok.com; HttpOnly"]
        {
            answer.headers.append("set-cookie", cookie.parse().unwrap());
        }
        assert_eq!(ttwid(&answer).as_deref(), Some("ttwid=1%7Cabc"));
    }

    fn info() -> BatchInfo {
        BatchInfo {
            cursor: "1_2".into(),
            internal_ext: "ext:1".into(),
            push_server: "wss://host/path".into(),
            route_params: vec![
                ("wrss".into(), "a b".into()),
                ("aid".into(), "7".into()),
                ("imprp".into(), String::new()),
            ],
            ..Default::default()
        }
    }

    fn answer(status: u16, body: impl Into<Bytes>) -> HttpResponse {
        let mut answer = HttpResponse { status, body: body.into(), ..HttpResponse::default() };
        answer.headers.insert("x-set-tt-cookie", "ttwid=1; msToken=2".parse().unwrap());
        answer
    }

    fn good(info: BatchInfo) -> Bytes {
        wire::write_batch(&Batch { info, ..Default::default() })
    }

    #[track_caller]
    fn check(answer: &HttpResponse, code: Code, may_fall_back: bool) {
        let failure = read(answer, Duration::ZERO).unwrap_err();
        assert_eq!((failure.code, failure.may_fall_back), (code, may_fall_back), "{}", failure.detail);
    }

    #[test]
    fn rejections_map_to_error_codes() {
        check(
            &answer(401, r#"{"code":401,"message":"The provided API Key is invalid."}"#),
            Code::SignUnauthorized,
            false,
        );
        check(&answer(402, ""), Code::SignUnauthorized, false);
        check(&answer(403, ""), Code::SignUnauthorized, false);
        check(&answer(404, "<html>"), Code::SignFailed, false);
        check(&answer(420, ""), Code::SignFailed, false);
        for body in [
            r#"{"message":"A 403 error occurred whilst fetching the webcast URL.","code":500}"#,
            r#"{"code":500,"error":"Internal Server Error - 1"}"#,
            "",
        ] {
            check(&answer(500, body), Code::SignFailed, true);
        }
        check(
            &answer(503, r#"{"code":503,"error":"API is not ready for connections yet."}"#),
            Code::SignFailed,
            true,
        );
    }

    #[test]
    fn invalid_responses_map_to_error_codes() {
        check(&answer(200, ""), Code::SignEmpty, false);
        check(&answer(200, "<!doctype html><title>hello</title>"), Code::SignEmpty, false);
        check(&answer(200, good(BatchInfo { cursor: String::new(), ..info() })), Code::SignEmpty, false);
        check(&answer(200, good(BatchInfo { push_server: String::new(), ..info() })), Code::SignEmpty, false);
        let stub = BatchInfo { push_server: format!("wss://{STUB_HOST}/?token=x"), ..info() };
        check(&answer(200, good(stub)), Code::SignEmpty, true);
        let text = BatchInfo { internal_ext: String::from_utf8(STUB_TEXT.to_vec()).unwrap(), ..info() };
        check(&answer(200, good(text)), Code::SignEmpty, true);
        let mut without = answer(200, good(info()));
        without.headers.clear();
        check(&without, Code::SignEmpty, false);
    }

    #[test]
    fn a_rate_limit_includes_the_servers_message() {
        let body = r#"{"message":"You have reached the rate limit.","limit_label":"rate_limit_account_day"}"#;
        let mut limited = answer(429, body);
        limited.headers.insert("retry-after", "7".parse().unwrap());
        let failure = read(&limited, Duration::ZERO).unwrap_err();
        let detail = format!("{RATE_LIMITED} (rate_limit_account_day: You have reached the rate limit.)");
        assert_eq!((failure.code, failure.detail), (Code::RateLimited, detail));
        assert_eq!((failure.wait, failure.may_fall_back), (Some(Duration::from_secs(7)), false));
        assert_eq!(read(&answer(429, ""), Duration::ZERO).unwrap_err().detail, RATE_LIMITED);
    }

    #[test]
    fn the_socket_url_comes_from_the_server() {
        let (read, cookie) = read(&answer(200, good(info())), Duration::ZERO).unwrap();
        assert_eq!(cookie, "ttwid=1; msToken=2");
        let url = socket_url(&Requests::default(), &read, 7, &mut SplitMix(1));
        assert!(url.starts_with("wss://host/path?version_code=180800&"), "{url}");
        assert!(url.ends_with("&aid=7&wrss=a%20b&version_code=270000"), "{url}");
        assert!(url.contains("&room_id=7&") && url.contains("&cursor=1_2&internal_ext=ext%3A1&"), "{url}");
        assert!(!url.contains("imprp") && !url.contains("aid=1988"), "{url}");
    }

    #[test]
    fn the_key_is_sent_in_a_header_only() {
        let options = LiveOptions { sign_key: Some("the-key".parse().unwrap()), ..LiveOptions::new("ann") };
        for sign_form in [SignForm::Fetch, SignForm::Connect] {
            let options = LiveOptions { sign_form, ..options.clone() };
            let request = request("http://host", &options, 7);
            assert!(
                !request.url.contains("the-key") && !format!("{request:?} {options:?}").contains("the-key")
            );
            assert!(request.headers.contains(&("x-api-key".into(), "the-key".to_owned())));
        }
        assert!(request("http://host", &options, 7).url.starts_with("http://host/webcast/fetch?"));
    }

    #[test]
    fn the_address_may_have_a_key_of_its_own() {
        let url = |sign_form| {
            request("http://host/?key=k", &LiveOptions { sign_form, ..LiveOptions::new("ann") }, 7).url
        };
        assert!(url(SignForm::Fetch).starts_with("http://host/webcast/fetch?key=k&client=livetape&"));
        assert!(
            url(SignForm::Connect).starts_with("http://host/webcast/rooms/7/connect?key=k&client=livetape&")
        );
    }

    proptest::proptest! {
        #[test]
        fn no_body_causes_a_panic(status in 0_u16..600, body in proptest::collection::vec(proptest::num::u8::ANY, 0..80)) {
            for status in [200, status] {
                let _ = read(&answer(status, body.clone()), Duration::ZERO);
            }
        }
    }
}
