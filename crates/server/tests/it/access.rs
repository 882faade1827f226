//! Access by host and origin, and by bearer tokens, in all the ways a client can send them.

use futures_util::StreamExt as _;
use livetape_feed::hub::Limits;
use livetape_server::{Access, Config, Tokens};
use tokio_tungstenite::{
    client_async,
    tungstenite::{
        Error,
        client::IntoClientRequest as _,
        handshake::client::Response,
        http::{HeaderName, HeaderValue},
    },
};

use crate::support::{HttpResponse, Rig, Socket, chat, read_all};

fn with_access(access: Access) -> Rig {
    Rig::with(Limits::default(), Config { access, ..Config::default() })
}

async fn ask(rig: &Rig, line: &str, headers: &[(&str, &str)]) -> HttpResponse {
    let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    rig.raw(&format!("{line}\r\n{headers}connection: close\r\n\r\n")).await
}

#[tokio::test(start_paused = true)]
async fn foreign_hosts_are_rejected() {
    let rig = with_access(Access { hosts: vec!["tape.example".to_owned()], ..Access::default() });
    for host in ["localhost", "[::1]:3000", "TAPE.example:80"] {
        assert_eq!(ask(&rig, "GET /health HTTP/1.1", &[("host", host)]).await.status, 200, "{host}");
    }
    for host in ["", "evil.example", "x@localhost", "a.tape.example", "tape.example.evil.example"] {
        let answer = ask(&rig, "GET /health HTTP/1.1", &[("host", host)]).await;
        assert_eq!((answer.status, answer.code().as_str()), (403, "forbidden_host"), "{host}");
        assert!(host.ends_with(".example") || !answer.body.contains("hosts = ["), "{}", answer.body);
    }
    // The line that would change it, also for an upgrade.
    for (host, line) in [
        ("Host.docker.internal:21213", r#"hosts = ["host.docker.internal"]"#),
        ("192.168.0.1:3000", r#"hosts = ["192.168.0.1"]"#),
        ("[2001:DB8::1]", r#"hosts = ["[2001:db8::1]"]"#),
    ] {
        for more in [&[][..], &UPGRADE] {
            let answer = ask(&rig, "GET / HTTP/1.1", &[more, &[("host", host)]].concat()).await;
            assert_eq!((answer.status, answer.code().as_str()), (403, "forbidden_host"), "{host}");
            assert!(answer.json()["error"]["hint"].as_str().unwrap().contains(line), "{}", answer.body);
            let listed = line.trim_start_matches("hosts = [\"").trim_end_matches("\"]").to_owned();
            let access = Access { hosts: vec![listed], ..Access::default() };
            assert_eq!(access.check(), Ok(()));
            let answer = ask(&with_access(access), "GET /health HTTP/1.1", &[("host", host)]).await;
            assert_eq!(answer.status, 200, "{host}");
        }
    }
    for line in ["GET /health HTTP/1.1", "GET /health HTTP/1.0", "GET /nowhere HTTP/1.1"] {
        assert_eq!(ask(&rig, line, &[]).await.code(), "forbidden_host", "{line}");
    }
    let twice = [("host", "localhost"), ("host", "localhost")];
    assert_eq!(ask(&rig, "GET /health HTTP/1.1", &twice).await.status, 403);
    let host = [("host", "localhost")];
    let answer = ask(&rig, "GET http://evil.example/health HTTP/1.1", &host).await;
    assert_eq!((answer.status, answer.code().as_str()), (403, "forbidden_host"));
    assert!(answer.body.contains("names another host than its Host header, `localhost`"), "{answer:?}");
    assert_eq!(ask(&rig, "GET http://localhost/health HTTP/1.1", &host).await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn foreign_origins_are_rejected() {
    let access = Access {
        hosts: vec!["tape.example".to_owned()],
        origins: vec!["https://overlay.example".to_owned()],
        ..Access::default()
    };
    let rig = with_access(access);
    let status = async |method: &str, path: &str, origin: &str| {
        let headers = [("host", "localhost:3000"), ("origin", origin), ("content-length", "0")];
        ask(&rig, &format!("{method} {path} HTTP/1.1"), &headers).await
    };
    for origin in ["http://localhost:3000", "HTTP://127.0.0.1:3000", "https://overlay.example"] {
        let answer = status("POST", "/replay/play", origin).await;
        assert_eq!((answer.status, answer.code().as_str()), (409, "no_replay"), "{origin}");
        assert_eq!(answer.header("access-control-allow-origin"), Some(origin));
        assert_eq!(answer.header("vary"), Some("origin"));
    }
    let others = [
        "",
        "https://evil.example",
        "null",
        "https://overlay.example.evil.example",
        "http://overlay.example",
        "http://tape.example",
    ];
    for origin in others {
        let answer = status("POST", "/shutdown", origin).await;
        assert_eq!((answer.status, answer.code().as_str()), (403, "forbidden_origin"), "{origin}");
        assert_eq!(answer.header("access-control-allow-origin"), None);
    }
    assert!(!rig.control.shutdown().is_cancelled());
    let same = [("host", "tape.example:3000"), ("origin", "http://tape.example:3000")];
    assert_eq!(ask(&rig, "GET /health HTTP/1.1", &same).await.status, 200);
}

const UPGRADE: [(&str, &str); 4] = [
    ("upgrade", "websocket"),
    ("connection", "upgrade"),
    ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ("sec-websocket-version", "13"),
];

#[tokio::test(start_paused = true)]
async fn orders_want_the_own_origin_or_a_listed_one() {
    let access = Access {
        hosts: vec!["tape.example".to_owned()],
        origins: vec![
            "tauri://localhost".to_owned(),
            "file://".to_owned(),
            "https://a.example:443".to_owned(),
        ],
        ..Access::default()
    };
    let rig = with_access(access);
    let order = async |host: &str, origin: &str| {
        let headers = [("host", host), ("origin", origin), ("content-length", "0")];
        ask(&rig, "POST /replay/play HTTP/1.1", &headers).await
    };
    for (host, origin) in [
        ("localhost:3000", "http://localhost:3000"),
        ("127.0.0.1:3000", "http://127.0.0.1:3000"),
        ("[::1]:3000", "http://[::1]:3000"),
        // The names of the loopback addresses that the server listens on.
        ("127.0.0.1:3000", "http://localhost:3000"),
        ("localhost:3000", "http://[::1]:3000"),
        ("[::1]:3000", "http://localhost.:3000"),
        ("a.localhost:3000", "http://a.localhost:3000"),
        // Default ports, also behind a proxy that speaks TLS.
        ("localhost", "http://localhost"),
        ("localhost:80", "http://localhost"),
        ("tape.example", "https://tape.example"),
        ("tape.example:443", "https://tape.example"),
        ("tape.example:8443", "https://tape.example:8443"),
        // Listed ones, of any scheme.
        ("localhost:3000", "tauri://localhost"),
        ("localhost:3000", "Tauri://LOCALHOST"),
        ("localhost:3000", "file://"),
        ("localhost:3000", "https://a.example"),
    ] {
        let answer = order(host, origin).await;
        assert_eq!((answer.status, answer.code().as_str()), (409, "no_replay"), "{origin} to {host}");
        assert_eq!(answer.header("access-control-allow-origin"), Some(origin));
    }
    for (host, origin) in [
        ("localhost:3000", "http://localhost:5173"),
        ("localhost:3000", "http://localhost"),
        ("localhost:3000", "https://localhost"),
        ("localhost", "http://localhost:3000"),
        ("127.0.0.1:3000", "http://127.0.0.2:3000"),
        ("localhost:3000", "http://a.localhost:3000"),
        ("a.localhost:3000", "http://localhost:3000"),
        ("tape.example:3000", "http://tape.example:3001"),
        ("tape.example:3000", "http://localhost:3000"),
    ] {
        let answer = order(host, origin).await;
        assert_eq!((answer.status, answer.code().as_str()), (403, "forbidden_origin"), "{origin} to {host}");
        let is_readable = answer.header("access-control-allow-origin").is_some();
        let reads = [("host", host), ("origin", origin)];
        assert_eq!(
            ask(&rig, "GET /health HTTP/1.1", &reads).await.status == 200,
            is_readable,
            "{origin} to {host}"
        );
        let line = format!("origins = [\"{origin}\"]");
        assert!(answer.json()["error"]["hint"].as_str().unwrap().contains(&line), "{}", answer.body);
    }
    for origin in ["tauri://other", "file://x", "chrome-extension://abcdefgh", "http://tauri", "xfile://"] {
        let answer = order("localhost:3000", origin).await;
        assert_eq!(answer.code(), "forbidden_origin", "{origin}");
        let line = format!("origins = [\"{origin}\"]");
        assert!(answer.json()["error"]["hint"].as_str().unwrap().contains(&line), "{}", answer.body);
    }
    for origin in
        ["", "x", "chrome-extension://a@b", "chrome-extension://*", "a b://c", "http://a/b", "://a", "1a://b"]
    {
        let answer = order("localhost:3000", origin).await;
        assert_eq!(answer.code(), "forbidden_origin", "{origin}");
        assert!(!answer.body.contains("origins = ["), "{}", answer.body);
    }
}

#[tokio::test(start_paused = true)]
async fn pages_of_other_local_servers_only_read() {
    let rig = Rig::start();
    rig.hub.close(livetape_feed::hub::CloseReason::new(1000, ""));
    let elsewhere = [("host", "localhost:3000"), ("origin", "http://localhost:5173")];
    // Browsers send no origin with images and links. Another port is another page of the same site.
    let nameless =
        [("host", "localhost:3000"), ("sec-fetch-site", "same-site"), ("sec-fetch-mode", "no-cors")];
    let link = [
        ("host", "localhost:3000"),
        ("sec-fetch-site", "same-site"),
        ("sec-fetch-mode", "navigate"),
        ("sec-fetch-dest", "document"),
    ];
    for page in [&elsewhere[..], &nameless, &link] {
        for line in
            ["GET /health", "GET /events", "GET /", "GET /status", "HEAD /recordings", "OPTIONS /connect/ann"]
        {
            let answer = ask(&rig, &format!("{line} HTTP/1.1"), page).await;
            assert_ne!(answer.status, 403, "{line}: {page:?}");
        }
        for line in
            ["GET /test/ann", "HEAD /test/ann", "POST /connect/ann", "DELETE /recordings/a", "PROPFIND /"]
        {
            let answer = ask(&rig, &format!("{line} HTTP/1.1"), page).await;
            assert_eq!(answer.status, 403, "{line}: {page:?}");
        }
    }
    for (method, status) in [("GET", 204), ("HEAD", 204), ("POST", 403), ("DELETE", 403), ("get", 403)] {
        let asked = [&elsewhere[..], &[("access-control-request-method", method)]].concat();
        let answer = ask(&rig, "OPTIONS /replay/play HTTP/1.1", &asked).await;
        assert_eq!(answer.status, status, "{method}");
    }
    let typed = [("host", "localhost:3000"), ("sec-fetch-site", "none"), ("sec-fetch-mode", "navigate")];
    let own = [("host", "localhost:3000"), ("sec-fetch-site", "same-origin")];
    for who in [&typed[..], &own] {
        assert_ne!(ask(&rig, "GET /replay/nothing HTTP/1.1", who).await.status, 403);
        assert_eq!(ask(&rig, "POST /replay/play HTTP/1.1", who).await.code(), "no_replay");
    }
    for (path, is_open) in [
        ("", true),
        ("?since=0", true),
        ("ws/test/none", true),
        ("ws", false),
        ("ws?feed=0", false),
        ("ws/echo", false),
        ("ws/token", false),
    ] {
        for (origin, may) in [("http://localhost:5173", is_open), ("http://localhost", true)] {
            let opened = open(&rig, path, Some(("origin", origin))).await;
            assert_eq!(opened.is_ok(), may, "{path} of {origin}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn pages_from_disk_may_only_read_the_feed() {
    let origins = vec!["null".to_owned()];
    let rigs = [Rig::start(), with_access(Access { origins, ..Access::default() })];
    for (rig, listed) in rigs.iter().zip([false, true]) {
        rig.hub.close(livetape_feed::hub::CloseReason::new(1000, ""));
        // OBS opens a local file as the second one. All sandboxed frames share the first one, so it must be
        // listed.
        for (origin, reads) in [("null", listed), ("http://absolute", true)] {
            let from_file = [("host", "localhost"), ("origin", origin)];
            for path in ["/", "/events"] {
                let answer = ask(rig, &format!("GET {path} HTTP/1.1"), &from_file).await;
                let allowed = answer.header("access-control-allow-origin");
                let expected = if reads { (200, Some(origin)) } else { (403, None) };
                assert_eq!((answer.status, allowed), expected, "{path}");
                assert_eq!(answer.body.contains("LIVETAPE_ORIGINS"), !reads, "{path}");
            }
            for line in ["GET /health", "GET /status", "POST /shutdown", "GET /events/", "OPTIONS /events"] {
                let answer = ask(rig, &format!("{line} HTTP/1.1"), &from_file).await;
                assert_eq!(answer.code(), "forbidden_origin", "{line}");
                let says_readable = answer.body.contains("can only read the feed, on `/` and `/events`");
                assert_eq!(says_readable, origin == "null" && listed, "{line}: {}", answer.body);
                let names_setting = answer.body.contains("LIVETAPE_ORIGINS");
                assert_eq!(names_setting, !says_readable, "{line}: {}", answer.body);
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_socket_is_rejected_before_the_101() {
    let rig = Rig::start();
    let upgrade = [&UPGRADE[..], &[("host", "localhost"), ("origin", "http://evil.example")]].concat();
    let answer = ask(&rig, "GET / HTTP/1.1", &upgrade).await;
    assert_eq!((answer.status, answer.code().as_str()), (403, "forbidden_origin"));
}

#[tokio::test(start_paused = true)]
async fn preflights_are_answered() {
    let rig = Rig::start();
    let ask_for = async |origin: &str| {
        let headers = [("host", "localhost"), ("origin", origin), ("access-control-request-method", "POST")];
        ask(&rig, "OPTIONS /replay/seek HTTP/1.1", &headers).await
    };
    let answer = ask_for("http://localhost").await;
    assert_eq!(answer.status, 204);
    assert_eq!(answer.header("access-control-allow-origin"), Some("http://localhost"));
    assert_eq!(
        answer.header("access-control-allow-methods"),
        Some("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS")
    );
    assert_eq!(answer.header("access-control-allow-headers"), Some("authorization, content-type"));
    assert_eq!(ask_for("http://evil.example").await.status, 403);
}

#[tokio::test(start_paused = true)]
async fn beyond_loopback_any_address_is_allowed_but_no_foreign_name() {
    let rig = with_access(Access { any_address: true, ..Access::default() });
    for (host, status) in
        [("192.168.0.1:3000", 200), ("[2001:db8::1]", 200), ("evil.example", 403), ("", 403)]
    {
        assert_eq!(ask(&rig, "GET /health HTTP/1.1", &[("host", host)]).await.status, status, "{host}");
    }
    let other = [("host", "192.168.0.1"), ("origin", "http://192.168.0.2")];
    assert_eq!(ask(&rig, "GET /health HTTP/1.1", &other).await.code(), "forbidden_origin");
}

#[test]
fn invalid_hosts_and_origins_are_rejected() {
    let check = |host: &str, origin: &str| {
        let access =
            Access { hosts: vec![host.to_owned()], origins: vec![origin.to_owned()], ..Access::default() };
        access.check().map_err(|problem| problem.to_string())
    };
    assert_eq!(check("tape.example", "https://overlay.example:8443"), Ok(()));
    assert_eq!(check("[2001:db8::1]", "http://10.0.0.1"), Ok(()));
    assert_eq!(check("a", "null"), Ok(()));
    for host in ["tape.example:3000", "http://tape.example", "a b", ""] {
        assert!(check(host, "http://a").unwrap_err().contains("is not a host"), "{host}");
    }
    for origin in [
        "tauri://localhost",
        "chrome-extension://abcdefgh",
        "file://",
        "app://obsidian.md",
        "Capacitor://localhost:1",
    ] {
        assert_eq!(check("a", origin), Ok(()), "{origin}");
    }
    for (origin, like) in [
        ("overlay.example", "https://overlay.example"),
        ("https://a.example/", "https://a.example"),
        ("https://a.example:8443/b.html?c#d", "https://a.example:8443"),
        ("file:///C:/overlay.html", "file://"),
        ("chrome-extension://*", "chrome-extension://ID"),
        ("https://*.example", "https://overlay.example"),
        ("http://", "https://overlay.example"),
        ("https://ann@b.example", "https://overlay.example"),
        ("*", "https://overlay.example"),
        ("NULL", "https://overlay.example"),
        ("", "https://overlay.example"),
    ] {
        let said = check("a", origin).unwrap_err();
        assert!(
            said.contains("is not an origin") && said.ends_with(&format!("write it like {like}")),
            "{said}"
        );
    }
}

// Bearer tokens, in all the ways a client can send them.

const TOKEN: &str = "first-token-of-two";
const SECOND: &str = "second-token-of-two";
const WRONG: &str = "first-token-of-twp";

fn guarded() -> Rig {
    let tokens = Tokens::new([TOKEN, SECOND].map(|token| token.to_owned().into()).into());
    Rig::with(
        Limits::default(),
        Config { access: Access { tokens, ..Access::default() }, ..Config::default() },
    )
}

async fn ask_with(rig: &Rig, line: &str, header: &str) -> HttpResponse {
    rig.raw(&format!("{line} HTTP/1.1\r\nhost: localhost\r\n{header}connection: close\r\n\r\n")).await
}

async fn open(
    rig: &Rig,
    query: &str,
    header: Option<(&str, &str)>,
) -> Result<(Socket, Response), Box<Error>> {
    let mut request = format!("ws://localhost/{query}").into_client_request().unwrap();
    if let Some((name, value)) = header {
        let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
        request.headers_mut().insert(name, HeaderValue::from_str(value).unwrap());
    }
    client_async(request, rig.connect().await).await.map_err(Box::new)
}

#[tokio::test(start_paused = true)]
async fn requests_are_authorized_by_a_token() {
    let rig = guarded();
    for header in
        [format!("authorization: Bearer {TOKEN}\r\n"), format!("authorization: bearer {SECOND}\r\n")]
    {
        assert_eq!(ask_with(&rig, "GET /status", &header).await.status, 200, "{header}");
    }
    assert_eq!(ask_with(&rig, &format!("GET /status?token={SECOND}"), "").await.status, 200);
    for (target, header) in [
        ("/status".to_owned(), String::new()),
        ("/status".to_owned(), format!("authorization: Bearer {WRONG}\r\n")),
        ("/status".to_owned(), format!("authorization: Basic {TOKEN}\r\n")),
        ("/status".to_owned(), format!("authorization: {TOKEN}\r\n")),
        ("/status".to_owned(), "authorization: Bearer \r\n".to_owned()),
        (format!("/status?token={WRONG}"), String::new()),
        (format!("/status?TOKEN={TOKEN}"), String::new()),
        (format!("/status?token={}", "a".repeat(1_000)), String::new()),
        // But not for an upgrade.
        ("/status".to_owned(), format!("sec-websocket-protocol: bearer.{TOKEN}\r\n")),
        ("/nowhere".to_owned(), String::new()),
    ] {
        let answer = ask_with(&rig, &format!("GET {target}"), &header).await;
        assert_eq!((answer.status, answer.code().as_str()), (401, "unauthorized"), "{target} {header}");
        assert_eq!(answer.header("www-authenticate"), Some("Bearer realm=\"livetape\""));
        assert!(!answer.body.contains(WRONG) && !answer.body.contains(TOKEN), "{}", answer.body);
    }
    assert_eq!(ask_with(&rig, "POST /shutdown", "content-length: 0\r\n").await.status, 401);
    assert!(!rig.control.shutdown().is_cancelled());
}

#[tokio::test(start_paused = true)]
async fn without_a_token_only_health_and_readiness_are_visible() {
    let rig = guarded();
    let answer = ask_with(&rig, "GET /health", "").await;
    assert_eq!((answer.status, answer.body.as_str()), (200, r#"{"status":"ok"}"#));
    let whole = ask_with(&rig, &format!("GET /health?token={TOKEN}"), "").await;
    assert!(whole.body.contains("uptime"), "{}", whole.body);
    let api = ask_with(&rig, &format!("GET /openapi.json?token={TOKEN}"), "").await.json();
    let schema = &api["paths"]["/health"]["get"]["responses"]["200"];
    [answer, whole].iter().for_each(|answer| crate::openapi::fits(&api, schema, answer));
    assert!(ask_with(&rig, "GET /", "").await.body.contains("livetape"));
    assert_eq!(ask_with(&rig, "POST /health", "content-length: 0\r\n").await.status, 401);
    let ready = ask_with(&rig, "GET /ready", "").await;
    assert_eq!((ready.status, ready.body.as_str()), (200, r#"{"status":"ok"}"#));
    assert_eq!(ask_with(&rig, "POST /ready", "content-length: 0\r\n").await.status, 401);
}

#[tokio::test(start_paused = true)]
async fn sockets_are_authorized_by_a_token() {
    let rig = guarded();
    let query = format!("?since=0&token={TOKEN}");
    let bearer = format!("Bearer {TOKEN}");
    let alone = format!("bearer.{TOKEN}");
    let beside = format!("livetape, bearer.{TOKEN}");
    let behind = format!("bearer.{SECOND},  livetape");
    let ways = [
        (query.as_str(), None, None),
        ("?since=0", Some(("authorization", bearer.as_str())), None),
        ("?since=0", Some(("sec-websocket-protocol", alone.as_str())), Some(alone.as_str())),
        ("?since=0", Some(("sec-websocket-protocol", beside.as_str())), Some("livetape")),
        ("?since=0", Some(("sec-websocket-protocol", behind.as_str())), Some("livetape")),
    ];
    rig.hub.publish(&[chat("hello")]);
    for (query, header, chosen) in ways {
        let (mut socket, response) = open(&rig, query, header).await.unwrap();
        let protocol = response.headers().get("sec-websocket-protocol").map(|value| value.to_str().unwrap());
        assert_eq!(protocol, chosen, "{header:?}");
        assert!(socket.next().await.unwrap().unwrap().to_text().unwrap().contains("hello"));
    }
    let wrong = format!("livetape, bearer.{WRONG}");
    for (query, header) in [
        ("", None),
        ("", Some(("sec-websocket-protocol", "livetape"))),
        ("", Some(("sec-websocket-protocol", wrong.as_str()))),
        ("?token=nonsense", None),
    ] {
        match *open(&rig, query, header).await.unwrap_err() {
            Error::Http(response) => assert_eq!(response.status(), 401, "{header:?}"),
            other => panic!("{other:?}"),
        }
    }
}

/// Browsers and some libraries fail a connection whose response names none of the subprotocols that they offered.
#[tokio::test(start_paused = true)]
async fn the_first_offered_subprotocol_is_accepted_on_every_socket() {
    let rig = Rig::start();
    let forty = (0..40).map(|number| format!("v{number}")).collect::<Vec<_>>().join(", ");
    for path in ["", "ws", "ws/echo", "ws/nonsense", "?nonsense=1"] {
        for (offered, chosen) in [
            ("tiktok", Some("tiktok")),
            ("chat, livetape", Some("chat")),
            (",, a b, bearer.x,chat.v1", Some("chat.v1")),
            ("bearer.x", Some("bearer.x")),
            (forty.as_str(), Some("v0")),
        ] {
            let header = Some(("sec-websocket-protocol", offered));
            let (_, response) = open(&rig, path, header).await.unwrap();
            let protocol =
                response.headers().get("sec-websocket-protocol").map(|value| value.to_str().unwrap());
            assert_eq!(protocol, chosen, "{path} {offered}");
        }
    }
}

/// A client that sends tokens also works with a server that requires none.
#[tokio::test(start_paused = true)]
async fn an_unneeded_token_is_ignored() {
    let rig = Rig::start();
    assert_eq!(ask_with(&rig, "GET /status?token=x", "authorization: Bearer x\r\n").await.status, 200);
    let (_socket, response) =
        open(&rig, "?token=x", Some(("sec-websocket-protocol", "livetape, bearer.x"))).await.unwrap();
    assert_eq!(response.headers()["sec-websocket-protocol"], "livetape");
    let (mut refused, _) = open(&rig, "?nonsense=1&token=x", None).await.unwrap();
    let log = read_all(&mut refused).await;
    assert_eq!(log.close, Some((1008, "bad_request".to_owned())), "other parameters are still read");
}

#[tokio::test(start_paused = true)]
async fn a_preflight_needs_no_token() {
    let rig = guarded();
    let headers = "origin: http://localhost\r\naccess-control-request-method: DELETE\r\naccess-control-request-headers: authorization\r\n";
    let answer = ask_with(&rig, "OPTIONS /connect/ann", headers).await;
    assert_eq!(answer.status, 204);
    assert!(answer.header("access-control-allow-methods").unwrap().contains("DELETE"));
    assert!(answer.header("access-control-allow-headers").unwrap().contains("authorization"));
    // The browser lets the page read the response.
    let answer = ask_with(&rig, "GET /status", "origin: http://localhost:5173\r\n").await;
    assert_eq!(
        (answer.status, answer.header("access-control-allow-origin")),
        (401, Some("http://localhost:5173"))
    );
}

#[tokio::test(start_paused = true)]
async fn a_token_for_reading_reads_the_feed_and_controls_nothing() {
    let tokens = Tokens::new(vec![TOKEN.to_owned().into()]).with_read_only(vec![SECOND.to_owned().into()]);
    let access = Access { tokens, ..Access::default() };
    let rig = Rig::with(Limits::default(), Config { access, ..Config::default() });
    let header = format!("authorization: Bearer {SECOND}\r\n");
    for (line, status) in [
        ("GET /status", 200),
        ("GET /recordings", 200),
        ("HEAD /health", 200),
        ("POST /shutdown", 403),
        ("POST /connect/ann", 403),
        ("DELETE /recordings/show", 403),
        ("GET /test/ann", 403),
        ("GET /ws/echo", 403),
        ("GET /ws/token", 403),
    ] {
        let answer = ask_with(&rig, line, &header).await;
        assert_eq!(answer.status, status, "{line}");
        assert!(status == 200 || answer.code() == "read_only_token", "{line}");
    }
    for (token, read_only) in [(TOKEN, false), (SECOND, true)] {
        let answer = ask_with(&rig, "GET /health", &format!("authorization: Bearer {token}\r\n")).await;
        assert!(answer.body.contains(&format!("\"readOnly\":{read_only}")), "{answer:?}");
    }
    let protocol = format!("livetape, bearer.{SECOND}");
    let header = Some(("sec-websocket-protocol", protocol.as_str()));
    assert!(open(&rig, "?since=0", header).await.is_ok());
    assert!(open(&rig, "ws", header).await.is_err());
}
