//! Effects that pages of other sites can have: requests to every route, as browsers send them. Which pages are answered is
//! in `sessions/access.snap`.

use futures_util::FutureExt as _;
use livetape_feed::hub::{CloseReason, Limits};
use livetape_server::{Access, Config};

use crate::{
    openapi::document,
    support::{HttpResponse, Rig},
};

/// Returns a server whose feed has ended, so that every response ends, and the methods and paths of all its
/// routes.
async fn all_routes(access: Access) -> (Rig, Vec<(String, String)>) {
    let rig = Rig::with(Limits::default(), Config { access, ..Config::default() });
    rig.hub.close(CloseReason::new(1000, ""));
    let api = document(&rig, "/openapi.json").await;
    let mut routes = Vec::new();
    for (path, methods) in api["paths"].as_object().unwrap() {
        let path = path.replace("{name}", "none").replace("{user}", "ann").replace(['{', '}'], "");
        routes.extend(methods.as_object().unwrap().keys().map(|it| (it.to_uppercase(), path.clone())));
    }
    assert!(routes.len() > 40, "{routes:?}");
    (rig, routes)
}

async fn ask(rig: &Rig, method: &str, path: &str, headers: &[(&str, &str)]) -> HttpResponse {
    let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let head = format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\ncontent-length: 0\r\n");
    rig.raw(&format!("{head}{headers}connection: close\r\n\r\n")).await
}

const IMAGE: [(&str, &str); 3] =
    [("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "no-cors"), ("sec-fetch-dest", "image")];
const LINK: [(&str, &str); 3] =
    [("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document")];
const FRAME: [(&str, &str); 3] =
    [("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "iframe")];

#[tokio::test(start_paused = true)]
async fn every_route_rejects_pages_of_other_sites() {
    let (rig, routes) = all_routes(Access::default()).await;
    let foreign = [("origin", "https://evil.example")];
    let opaque = [("origin", "null"), ("sec-fetch-site", "cross-site")];
    // An allowed `Sec-Fetch-Site` does not override a foreign origin.
    let mixed = [("origin", "https://evil.example"), ("sec-fetch-site", "same-origin")];
    let obs = [("origin", "http://absolute")];
    for (method, path) in routes.iter().chain([&("GET".to_owned(), "/nowhere".to_owned())]) {
        for headers in [&IMAGE[..], &FRAME, &foreign, &opaque, &mixed, &obs] {
            let answer = ask(&rig, method, path, headers).await;
            if method == "GET" && ["/", "/events"].contains(&path.as_str()) && headers == obs {
                assert_eq!(answer.status, 200, "{path}");
                continue;
            }
            assert_eq!(
                (answer.status, &*answer.code()),
                (403, "forbidden_origin"),
                "{method} {path} {headers:?}"
            );
            let hint = answer.json()["error"]["hint"].to_string();
            let is_feed = ["/", "/events"].contains(&path.as_str());
            if headers == opaque && !is_feed {
                // No setting lets a page from disk in here.
                assert!(hint.contains("cannot use this address"), "{hint}");
            } else {
                assert!(hint.contains("server.origins") && hint.contains("LIVETAPE_ORIGINS"), "{hint}");
            }
            assert_eq!(answer.header("access-control-allow-origin"), None);
        }
        let answer = ask(&rig, method, path, &LINK).await;
        let opens = method == "GET" && !ACTING.contains(&path.as_str());
        assert_eq!(answer.status == 403, !opens, "a link, {method} {path}");
    }
    assert!(!rig.control.shutdown().is_cancelled());
}

/// Routes that do more than read, although their method is `GET`: look-ups at TikTok, and sockets that send
/// messages or open the room of a token.
const ACTING: [&str; 4] = ["/test/ann", "/ws", "/ws/echo", "/ws/token"];

#[tokio::test(start_paused = true)]
async fn every_route_that_acts_rejects_pages_of_other_servers_of_this_machine() {
    let (rig, routes) = all_routes(Access::default()).await;
    let elsewhere = [("origin", "http://localhost:8000")];
    let nameless =
        [("sec-fetch-site", "same-site"), ("sec-fetch-mode", "no-cors"), ("sec-fetch-dest", "image")];
    for (method, path) in &routes {
        for headers in [&elsewhere[..], &nameless] {
            let answer = ask(&rig, method, path, headers).await;
            let acts = method != "GET" || ACTING.contains(&path.as_str());
            assert_eq!(answer.status == 403, acts, "{method} {path} {headers:?}: {}", answer.body);
        }
    }
    for path in ACTING {
        assert!(routes.contains(&("GET".to_owned(), path.to_owned())), "{path}");
    }
    assert!(!rig.control.shutdown().is_cancelled());
}

#[tokio::test(start_paused = true)]
async fn every_response_restricts_embedding() {
    let (rig, routes) = all_routes(Access::default()).await;
    let local = [("origin", "http://localhost:8000")];
    for (method, path) in routes.iter().chain([&("GET".to_owned(), "/nowhere".to_owned())]) {
        for (headers, embedders) in [(&[][..], "same-site"), (&local, "cross-origin"), (&IMAGE, "same-site")]
        {
            // Without a source, these requests would wait.
            if (method != "GET" || path == "/test/ann") && headers != IMAGE {
                continue;
            }
            let answer = ask(&rig, method, path, headers).await;
            let header = |name| answer.header(name).unwrap_or_else(|| panic!("{method} {path}: {answer:?}"));
            assert_eq!(header("x-content-type-options"), "nosniff");
            // The page that sets up overlays shows them in a frame.
            let is_framed = ["/overlays/", "/try", "/livetape-client"].iter().any(|it| path.starts_with(it));
            let framers = if is_framed && answer.status == 200 { "'self'" } else { "'none'" };
            assert!(
                header("content-security-policy").contains(&format!("frame-ancestors {framers}")),
                "{path}"
            );
            let given = header("cross-origin-resource-policy");
            assert!(
                given == embedders || (given == "same-origin" && (is_framed || path.starts_with("/assets"))),
                "{path}"
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn only_look_ups_have_effects_among_get_requests() {
    let (mut rig, routes) = all_routes(Access::default()).await;
    let mut state = Vec::new();
    for _ in 0..2 {
        let mut told = Vec::new();
        for path in ["/status", "/rooms", "/connections", "/stats", "/replay", "/recordings"] {
            told.push(ask(&rig, "GET", path, &[]).await.body);
        }
        state.push(told);
        for (method, path) in routes.iter().filter(|(_, path)| path != "/test/ann") {
            for method in ["GET", "HEAD"].iter().filter(|_| method == "GET") {
                drop(ask(&rig, method, path, &[]).await);
            }
        }
    }
    assert_eq!(state[0], state[1]);
    assert!(!rig.control.shutdown().is_cancelled());
    assert!(rig.take_driver().next_order().now_or_never().is_none(), "an order was given");
}
