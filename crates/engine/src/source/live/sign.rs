//! How a socket is addressed: by a sign server, which returns the first batch, the socket URL and cookies, or without one,
//! by a cookie of TikTok and a URL without cursor and signature, which follows the crate piratetok-live-rs 0.5.0.

use std::time::Duration;

use livetape_core::{
    error::{Code, explanation},
    recording::records::http::Role,
    redact::Place,
    retry::SplitMix,
    wire::{self, BatchInfo},
};

use super::{
    LiveOptions, Way,
    request::{Group, Requests},
    secrets::{SecretKind, Secrets},
    transport::{HttpResponse, Request},
    upstream::{Failure, PROXY_HINT, RATE_LIMITED, Upstream},
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

/// How to open the socket.
pub(super) struct SocketTarget {
    pub(super) url: String,
    /// Cookie for the socket's upgrade.
    pub(super) cookie: String,
    /// Room id; the sign server may correct it.
    pub(super) room_id: i64,
    /// Request to the sign server and its response with the first batch, recorded once the connection is open.
    pub(super) batch: Option<(Request, HttpResponse)>,
}

/// Requests a signature from the sign server.
pub(super) async fn sign(
    upstream: &mut Upstream,
    options: &LiveOptions,
    way: Way,
    room_id: i64,
    random: &mut SplitMix,
) -> Result<SocketTarget, Failure> {
    let request = request(&upstream.origins.sign, options, way, room_id);
    let lost = |failure: Failure| match failure.code {
        Code::OfflineMode => failure,
        _ if failure.hint.as_deref() == Some(PROXY_HINT) => failure,
        _ => Failure { code: Code::SignFailed, recurs: true, ..failure },
    };
    let answer = upstream.get(Role::Sign, &request, false).await.map_err(lost)?;
    let (info, cookie) = read(&answer, &url::host(&upstream.origins.sign), upstream.wall())?;
    upstream.redact.hide(&cookie);
    let room_id = answer.header("x-room-id").and_then(|id| id.parse().ok()).unwrap_or(room_id);
    let url = socket_url(&upstream.requests, &upstream.secrets, &info, room_id, random);
    Ok(SocketTarget { url, cookie, room_id, batch: Some((request, answer)) })
}

/// Returns the request without its secrets.
fn request(origin: &str, options: &LiveOptions, way: Way, room_id: i64) -> Request {
    let (requests, room) = (&options.requests, room_id.to_string());
    let values = [("{room}", room.as_str())];
    let (path, group) = match way {
        Way::SignConnect => ("sign_connect", Group::SignConnect),
        _ => ("sign_fetch", Group::SignFetch),
    };
    let url = url::with_query(&requests.url(origin, path, &values), requests.query(group, &values));
    let headers = vec![
        ("user-agent".into(), concat!("livetape/", env!("CARGO_PKG_VERSION")).to_owned()),
        ("accept".into(), "application/protobuf,application/json".to_owned()),
        ("accept-encoding".into(), "gzip".to_owned()),
    ];
    Request { url, headers }
}

/// Says what a sign server gets, read off the request to it.
pub(super) fn sends(options: &LiveOptions) -> String {
    const ROOM: i64 = 7_300_000_000_000_000_001;
    let way = options.ways.iter().copied().find(|way| way.is_signed()).unwrap_or(Way::Sign);
    let mut sent = request(&super::Origins::new(options).sign, options, way, ROOM);
    Secrets::new(options).add(SecretKind::OF_SIGN, &mut sent);
    let Request { url, headers } = sent;
    let has = |value: &str| !value.is_empty() && url.contains(&url::segment(value));
    let known = [
        ("the room's id", has(&ROOM.to_string())),
        ("the user agent", has(options.requests.user_agent())),
        ("the session", options.cookies().get("sessionid").is_some_and(|id| has(id.reveal()))),
        ("the API key", headers.iter().any(|(name, _)| name == "x-api-key")),
    ];
    let known: Vec<_> = known.into_iter().filter(|(_, is_sent)| *is_sent).map(|(what, _)| what).collect();
    let known = known.join(", ");
    // Every request contains the room's id.
    let known = known.rsplit_once(", ").map_or(known.clone(), |(first, last)| format!("{first} and {last}"));
    format!("this sends {known} to {}", options.sign_server())
}

/// Parses the batch's metadata and the cookies. `server` is for people.
fn read(answer: &HttpResponse, server: &str, wall: Duration) -> Result<(BatchInfo, String), Failure> {
    check_status(answer, server, wall)?;
    let empty = |what: &str| Failure::new(Code::SignEmpty, format!("the sign server {server} sent {what}"));
    if answer.body.is_empty() {
        return Err(empty("an empty response"));
    }
    // No message begins with this byte, which would end a group.
    if answer.body.trim_ascii_start().starts_with(b"<") {
        return Err(empty("a web page instead of a signature"));
    }
    let info = wire::read_batch(&wire::unzip(answer.body.clone(), &mut Vec::new()), &mut Vec::new()).info;
    let is_stub =
        memchr::memmem::find(&answer.body, STUB_TEXT).is_some() || info.push_server.contains(STUB_HOST);
    if is_stub {
        return Err(Failure { recurs: true, ..empty("a stub, which leads nowhere") });
    }
    if info.cursor.is_empty() {
        return Err(empty("a response without a cursor"));
    }
    if !["ws://", "wss://"].iter().any(|scheme| info.push_server.starts_with(scheme)) {
        return Err(empty("a response without the address of a socket"));
    }
    match answer.header("x-set-tt-cookie").filter(|cookie| !cookie.is_empty()) {
        Some(cookie) => Ok((info, cookie.to_owned())),
        None => Err(empty("a response without cookies")),
    }
}

fn check_status(answer: &HttpResponse, server: &str, wall: Duration) -> Result<(), Failure> {
    let said = explanation(&answer.body);
    let said = if said.is_empty() { said } else { format!(" ({said})") };
    let failed = format!("the sign server {server} returned {}{said}", answer.status);
    match answer.status {
        200 => Ok(()),
        429 => {
            let failure = Failure::rate_limited(answer, wall);
            Err(Failure { detail: format!("{RATE_LIMITED}: {failed}"), ..failure })
        }
        401..=403 => Err(Failure::new(Code::SignUnauthorized, failed)),
        500.. => Err(Failure { wait: answer.wait(wall), ..Failure::new(Code::SignFailed, failed) }),
        _ => Err(Failure::new(Code::SignFailed, failed)),
    }
}

/// Builds the URL as npm tiktok-live-connector does: the server's parameters take precedence, and the version
/// appears a second time.
fn socket_url(
    requests: &Requests,
    secrets: &Secrets,
    info: &BatchInfo,
    room_id: i64,
    random: &mut SplitMix,
) -> String {
    let shared = |pairs| secrets.shared(Place::Pair, pairs, &info.push_server);
    let ours = shared(parameters(requests, room_id, random, "0"));
    let ours = ours.iter().map(|(name, value)| (*name, value.as_str()));
    let resume = [("cursor", info.cursor.as_str()), ("internal_ext", info.internal_ext.as_str())];
    let theirs: Vec<_> =
        info.route_params.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let is_theirs = |name: &str| theirs.iter().any(|(known, _)| *known == name);
    let kept = ours.chain(resume).filter(|(name, value)| !value.is_empty() && !is_theirs(name));
    let theirs = theirs.iter().copied().filter(|(_, value)| !value.is_empty());
    let url = url::with_query(&info.push_server, kept.chain(theirs));
    url::with_query(&url, shared(requests.query(Group::Signed, &[])))
}

/// Requests the cookie: `ttwid=…`.
pub(super) async fn get_cookie(upstream: &mut Upstream) -> Result<String, Failure> {
    let request = upstream.requests.get(url::with_path(&upstream.origins.www, "/"));
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
    use bytes::Bytes;
    use livetape_core::wire::Batch;

    use super::{super::Pairs, *};

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

    fn read(answer: &HttpResponse) -> Result<(BatchInfo, String), Failure> {
        super::read(answer, "sign.example", Duration::ZERO)
    }

    #[track_caller]
    fn check(answer: &HttpResponse, code: Code, message: &str) {
        let failure = read(answer).unwrap_err();
        let expected = (code, format!("the sign server sign.example {message}"), message.contains("a stub"));
        assert_eq!((failure.code, failure.detail, failure.recurs), expected);
    }

    #[test]
    fn rejections_map_to_error_codes() {
        let (denied, failed) = (Code::SignUnauthorized, Code::SignFailed);
        for (status, body, code, message) in [
            (
                401,
                r#"{"code":401,"message":"The provided API Key is invalid."}"#,
                denied,
                "returned 401 (The provided API Key is invalid.)",
            ),
            (402, "", denied, "returned 402"),
            (403, "", denied, "returned 403"),
            (404, "<html>", failed, "returned 404"),
            (420, "", failed, "returned 420"),
            (
                500,
                r#"{"message":"A 403 error occurred whilst fetching the webcast URL.","code":500}"#,
                failed,
                "returned 500 (A 403 error occurred whilst fetching the webcast URL.)",
            ),
            (
                500,
                r#"{"code":500,"error":"Internal Server Error - 1"}"#,
                failed,
                "returned 500 (Internal Server Error - 1)",
            ),
            (500, "", failed, "returned 500"),
        ] {
            check(&answer(status, body), code, message);
        }
    }

    #[test]
    fn invalid_responses_map_to_error_codes() {
        let check = |body: Bytes, message: &str| check(&answer(200, body), Code::SignEmpty, message);
        check(Bytes::new(), "sent an empty response");
        check("\n<!doctype html><title>hello</title>".into(), "sent a web page instead of a signature");
        check(good(BatchInfo { cursor: String::new(), ..info() }), "sent a response without a cursor");
        let nowhere = BatchInfo { push_server: String::new(), ..info() };
        check(good(nowhere), "sent a response without the address of a socket");
        let stub = BatchInfo { push_server: format!("wss://{STUB_HOST}/?token=x"), ..info() };
        check(good(stub), "sent a stub, which leads nowhere");
        let text = BatchInfo { internal_ext: String::from_utf8(STUB_TEXT.to_vec()).unwrap(), ..info() };
        check(good(text), "sent a stub, which leads nowhere");
        let mut without = answer(200, good(info()));
        without.headers.clear();
        assert!(read(&without).unwrap_err().detail.ends_with("sent a response without cookies"));
    }

    #[test]
    fn a_rate_limit_includes_the_servers_message() {
        let body = r#"{"message":"You have reached the rate limit.","limit_label":"rate_limit_account_day"}"#;
        let mut limited = answer(429, body);
        limited.headers.insert("retry-after", "7".parse().unwrap());
        let failure = read(&limited).unwrap_err();
        let detail = format!(
            "{RATE_LIMITED}: the sign server sign.example returned 429 (rate_limit_account_day: You have reached the \
             rate limit.)"
        );
        let expected = (Code::RateLimited, detail, Some(Duration::from_secs(7)));
        assert_eq!((failure.code, failure.detail, failure.wait), expected);
    }

    #[test]
    fn the_socket_url_comes_from_the_server() {
        let (read, cookie) = read(&answer(200, good(info()))).unwrap();
        assert_eq!(cookie, "ttwid=1; msToken=2");
        let url = socket_url(
            &Requests::default(),
            &Secrets::new(&LiveOptions::new("ann")),
            &read,
            7,
            &mut SplitMix(1),
        );
        assert!(url.starts_with("wss://host/path?version_code=180800&"), "{url}");
        assert!(url.ends_with("&aid=7&wrss=a%20b&version_code=270000"), "{url}");
        assert!(url.contains("&room_id=7&") && url.contains("&cursor=1_2&internal_ext=ext%3A1&"), "{url}");
        assert!(!url.contains("imprp") && !url.contains("aid=1988"), "{url}");
    }

    #[test]
    fn what_is_sent_is_said_as_it_is() {
        let options = LiveOptions::new("ann");
        let sent = "this sends the room's id and the user agent to api.eulerstream.com, a third party";
        assert_eq!(sends(&options), sent);
        let session = super::super::Cookies::parse("sessionid=planted", "it", Duration::ZERO).unwrap();
        let (session, sign_key) = (Some(session), Some("planted".parse().unwrap()));
        let options = LiveOptions { session, sign_key, ..options };
        let sent =
            "this sends the room's id, the user agent and the API key to api.eulerstream.com, a third party";
        assert_eq!(sends(&options), sent);
        let sign_url = Some("http://127.0.0.1:7".parse().unwrap());
        let sent = "this sends the room's id, the user agent, the session and the API key to 127.0.0.1:7";
        assert_eq!(sends(&LiveOptions { sign_url, ..options }), sent);
    }

    /// Values that settings add may be secret. No default is.
    #[test]
    fn a_socket_elsewhere_gets_only_harmless_parameters() {
        let (added, more) = (
            Pairs(vec![("msToken".into(), "planted".into())]),
            Pairs(vec![("verifyFp".into(), "planted".into())]),
        );
        let changed = Requests::new(None, &[(Group::Socket, &added), (Group::Signed, &more)]).unwrap();
        let secrets = Secrets::new(&LiveOptions::new("ann"));
        let url = |requests: &Requests, push_server: &str| {
            let info = BatchInfo { push_server: push_server.into(), ..info() };
            socket_url(requests, &secrets, &info, 7, &mut SplitMix(1)).replacen(push_server, "", 1)
        };
        let (here, elsewhere) = ("wss://webcast-ws.tiktok.com/path", "wss://host/path");
        let plain = url(&Requests::default(), here);
        assert_eq!(url(&Requests::default(), elsewhere), plain);
        assert_eq!(url(&changed, elsewhere), plain);
        assert_eq!(url(&changed, here).matches("planted").count(), 2);
    }

    #[test]
    fn the_key_is_sent_in_a_header_only() {
        let sign_url = Some("http://host".parse().unwrap());
        let options =
            LiveOptions { sign_key: Some("the-key".parse().unwrap()), sign_url, ..LiveOptions::new("ann") };
        for way in [Way::Sign, Way::SignConnect] {
            let mut request = request("http://host", &options, way, 7);
            Secrets::new(&options).add(SecretKind::OF_SIGN, &mut request);
            assert!(
                !request.url.contains("the-key") && !format!("{request:?} {options:?}").contains("the-key")
            );
            assert!(request.headers.contains(&("x-api-key".into(), "the-key".to_owned())));
        }
        assert!(request("http://host", &options, Way::Sign, 7).url.starts_with("http://host/webcast/fetch?"));
    }

    #[test]
    fn the_address_may_have_a_key_of_its_own() {
        let url = |way| request("http://host/?key=k", &LiveOptions::new("ann"), way, 7).url;
        assert!(url(Way::Sign).starts_with("http://host/webcast/fetch?key=k&client=livetape&"));
        assert!(
            url(Way::SignConnect).starts_with("http://host/webcast/rooms/7/connect?key=k&client=livetape&")
        );
    }

    proptest::proptest! {
        #[test]
        fn no_body_causes_a_panic(status in 0_u16..600, body in proptest::collection::vec(proptest::num::u8::ANY, 0..80)) {
            for status in [200, status] {
                let _ = read(&answer(status, body.clone()));
            }
        }
    }
}
