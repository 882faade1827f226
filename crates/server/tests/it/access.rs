//! Access by host and origin.

use livetape_feed::hub::Limits;
use livetape_server::{Access, Config};

use crate::support::{HttpResponse, Rig};

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
    for host in ["localhost", "LOCALHOST:3000", "a.localhost.", "127.0.0.1", "[::1]:3000", "TAPE.example:80"]
    {
        assert_eq!(ask(&rig, "GET /health HTTP/1.1", &[("host", host)]).await.status, 200, "{host}");
    }
    let others = [
        "",
        "evil.example",
        "127.0.0.1.evil.example",
        "localhost.evil.example",
        "x@localhost",
        "a.tape.example",
        "192.168.0.1",
        "tape.example.evil.example",
    ];
    for host in others {
        let answer = ask(&rig, "GET /health HTTP/1.1", &[("host", host)]).await;
        assert_eq!((answer.status, answer.code().as_str()), (403, "forbidden_host"), "{host}");
    }
    for line in ["GET /health HTTP/1.1", "GET /health HTTP/1.0", "GET /nowhere HTTP/1.1"] {
        assert_eq!(ask(&rig, line, &[]).await.code(), "forbidden_host", "{line}");
    }
    let twice = [("host", "localhost"), ("host", "localhost")];
    assert_eq!(ask(&rig, "GET /health HTTP/1.1", &twice).await.status, 403);
    let host = [("host", "localhost")];
    assert_eq!(ask(&rig, "GET http://evil.example/health HTTP/1.1", &host).await.status, 403);
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
    for origin in
        ["http://localhost:5173", "http://[::1]:5173", "HTTPS://127.0.0.1", "https://overlay.example"]
    {
        let answer = status("POST", "/replay/play", origin).await;
        assert_eq!((answer.status, answer.code().as_str()), (409, "no_replay"), "{origin}");
        assert_eq!(answer.header("access-control-allow-origin"), Some(origin));
        assert_eq!(answer.header("vary"), Some("origin"));
    }
    let others = [
        "",
        "https://evil.example",
        "http://localhost.evil.example",
        "http://localhost@evil.example",
        "null",
        "https://overlay.example.evil.example",
        "http://overlay.example",
        "http://tape.example",
        "file://",
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

#[tokio::test(start_paused = true)]
async fn pages_from_disk_may_only_read_the_feed() {
    let origins = vec!["null".to_owned()];
    let rigs = [Rig::start(), with_access(Access { origins, ..Access::default() })];
    for (rig, listed) in rigs.iter().zip([false, true]) {
        rig.hub.close(livetape_feed::hub::CloseReason { code: 1000, reason: "".into() });
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
    let upgrade = [
        ("host", "localhost"),
        ("upgrade", "websocket"),
        ("connection", "upgrade"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ("sec-websocket-version", "13"),
        ("origin", "http://evil.example"),
    ];
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
    let answer = ask_for("http://localhost:5173").await;
    assert_eq!(answer.status, 204);
    assert_eq!(answer.header("access-control-allow-origin"), Some("http://localhost:5173"));
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
    for origin in ["overlay.example", "https://overlay.example/", "*", "NULL", ""] {
        assert!(check("a", origin).unwrap_err().contains("is not an origin"), "{origin}");
    }
}
