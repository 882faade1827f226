//! Which secrets reach which server, in every way into a room, whatever the answers of other servers name.

use std::time::Duration;

use livetape_core::{
    error::Code,
    recording::What,
    wire::{self, Batch, BatchInfo},
};
use livetape_engine::source::live::{
    Cookies, Group, LiveOptions, Outcome, Pairs, Requests, StepResult, Url, Way, diagnose,
};

use crate::{
    live::{API, FETCH, PAGE, SOCKET, assert_failed, cookie, ended, live, options, room, run},
    support::scripted::{Act, Reply, Seen, Server, status},
};

const CONNECT: &str = "/webcast/rooms/7300000000000000001/connect";
const SIGNED: &str = "/signed";
/// Way, and the path of its request to the sign server.
const SIGN_WAYS: [(Way, &str); 2] = [(Way::Sign, FETCH), (Way::SignConnect, CONNECT)];

fn url(text: &str) -> Option<Url> {
    Some(Url::parse(text).unwrap())
}

/// Options with every secret, and values of requests that may be secret.
fn with_secrets(upstream: Option<&str>) -> LiveOptions {
    let pairs = |name: &str| Pairs(vec![(name.to_owned(), "planted-value".to_owned())]);
    let changes = [(Group::Socket, &pairs("verifyFp")), (Group::SocketHeaders, &pairs("x-own"))];
    LiveOptions {
        upstream: upstream.and_then(url),
        sign_key: Some("planted-key".parse().unwrap()),
        session: Some(
            Cookies::parse("sessionid=planted-session; ttwid=planted-ttwid", "it", Duration::ZERO).unwrap(),
        ),
        requests: Requests::new(None, &changes).unwrap().into(),
        attempts_max: 1,
        ..options()
    }
}

/// A sign server in `path` that names this socket, whose upgrade gets `socket`.
fn signing(path: &'static str, push_server: &str, socket: Reply) -> Server {
    let info = BatchInfo { cursor: "c".into(), push_server: push_server.into(), ..Default::default() };
    let batch = wire::write_batch(&Batch { info, ..Default::default() });
    let brought = vec![("x-set-tt-cookie", "ttwid=brought; msToken=brought".to_owned())];
    let signed = Reply::Http(200, brought, batch);
    Server::new([(API, vec![room(2)]), (PAGE, vec![room(2)]), (path, vec![signed]), (SIGNED, vec![socket])])
}

/// Returns the heads of requests whose line contains a path.
fn heads(server: &Server, path: &str) -> Vec<String> {
    let head = |seen| match seen {
        Seen::Request(_, head) => Some(head),
        Seen::Frame(..) => None,
    };
    let is_of = |head: &String| head.lines().next().unwrap().contains(path);
    server.seen().into_iter().filter_map(head).filter(is_of).collect()
}

/// Sockets that a sign server names: whether TikTok, or the upstream `http://mock` or `https://mock:8443`, gets the
/// session there.
const NAMED: &[(&str, [bool; 3])] = &[
    ("wss://webcast-ws.tiktok.com/signed", [true; 3]),
    ("wss://webcast-ws.eu.tiktok.com:443/signed", [true; 3]),
    ("ws://webcast-ws.tiktok.com/signed", [false; 3]),
    ("wss://webcast-ws.tiktok.com:9999/signed", [false; 3]),
    ("wss://eviltiktok.com/signed", [false; 3]),
    ("wss://webcast-ws.tiktok.com.evil.example/signed", [false; 3]),
    ("ws://webcast-ws.tiktok.com@127.0.0.1:9999/signed", [false; 3]),
    ("wss://webcast-ws.tiktok.com@evil.example/signed", [false; 3]),
    ("ws://127.0.0.1:9999/signed", [false; 3]),
    ("wss://api.eulerstream.com/signed", [false; 3]),
    ("ws://mock/signed", [false, true, false]),
    ("ws://mock:81/signed", [false; 3]),
    ("wss://mock/signed", [false; 3]),
    ("wss://mock:8443/signed", [false, false, true]),
    ("ws://mock:8443/signed", [false; 3]),
    ("ws://MOCK:80/signed", [false, true, false]),
];

#[tokio::test(start_paused = true)]
async fn a_session_reaches_no_socket_that_only_a_sign_server_names() {
    for (push_server, reached) in NAMED {
        for (way, path) in SIGN_WAYS {
            for (upstream, expected) in
                [None, Some("http://mock"), Some("https://mock:8443")].into_iter().zip(reached)
            {
                let case = format!("{push_server} named to {upstream:?} by {}", way.name());
                let options = LiveOptions { ways: vec![way], ..with_secrets(upstream) };
                let server = signing(path, push_server, Reply::Socket(vec![ended(1), Act::Hang]));
                let (items, outcome) = run(&server, options).await;
                assert_eq!(outcome, Outcome::Ended("stream_ended"), "{case}");
                assert!(!format!("{items:?}").contains("planted"), "{case}");
                let socket = heads(&server, SIGNED).concat();
                let (all, own) = (
                    "ttwid=brought; msToken=brought; sessionid=planted-session",
                    "ttwid=brought; msToken=brought",
                );
                let cookie = format!("\r\ncookie: {}\r\n", if *expected { all } else { own });
                assert!(socket.contains(&cookie), "{case}: {socket}");
                // What settings add to requests may be a secret, too.
                assert_eq!(
                    socket.matches("planted-value").count(),
                    if *expected { 2 } else { 0 },
                    "{case}: {socket}"
                );
                assert!(
                    !socket.contains("planted-key") && !socket.contains("planted-ttwid"),
                    "{case}: {socket}"
                );
                assert!(heads(&server, API).concat().contains("sessionid=planted-session"), "{case}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_failure_names_the_host_that_got_no_session() {
    let (way, path) = SIGN_WAYS[0];
    let options = LiveOptions { ways: vec![way], ..with_secrets(Some("http://mock")) };
    let told = "the session is not sent to ws://127.0.0.1:9999, which the sign server named";
    let push_server = "ws://webcast-ws.tiktok.com@127.0.0.1:9999/signed?token=planted";
    for (socket, code) in [
        (status(403, &[], ""), Code::HandshakeRefused),
        (Reply::Socket(vec![Act::Hang]), Code::ConnectionLost),
    ] {
        let server = signing(path, push_server, socket);
        let (items, outcome) = run(&server, options.clone()).await;
        assert_failed(&outcome, code);
        let Outcome::Failed(problem) = outcome else { unreachable!() };
        assert!(problem.message.ends_with(&format!("; {told}")), "{problem:?}");
        let statuses = items.iter().filter_map(|item| match &item.what {
            What::Status(status) => Some(status.detail.as_str()),
            _ => None,
        });
        assert_eq!(statuses.collect::<Vec<_>>(), [problem.message]);
    }
    // Nothing is told where nothing is withheld.
    let without = LiveOptions { session: None, ..options };
    let (_, outcome) = run(&signing(path, push_server, status(403, &[], "")), without).await;
    assert!(!format!("{outcome:?}").contains("the session is not sent"), "{outcome:?}");
}

#[tokio::test(start_paused = true)]
async fn a_diagnosis_names_the_host_that_got_no_session() {
    let (way, path) = SIGN_WAYS[0];
    let options = LiveOptions { ways: vec![way], ..with_secrets(Some("http://mock")) };
    for (socket, verdict) in
        [(Reply::Socket(vec![Act::Hang]), StepResult::Works), (status(403, &[], ""), StepResult::Fails)]
    {
        let server = signing(path, "ws://127.0.0.1:9999/signed", socket);
        let found = diagnose(&options, server.transport(), |_| true, |_| ()).await.unwrap();
        let step = found.steps.iter().find(|step| step.step == "handshake").unwrap();
        assert_eq!(step.verdict, verdict, "{found:?}");
        let told = "the session is not sent to ws://127.0.0.1:9999, which the sign server named";
        assert!(step.detail.ends_with(told), "{step:?}");
        assert!(!heads(&server, SIGNED).concat().contains("planted"), "{found:?}");
        let json = serde_json::to_string(&found).unwrap();
        assert!(!json.contains("planted"), "{json}");
        if verdict == StepResult::Works {
            assert!(
                found.next.iter().any(|advice| advice.contains("use a sign server that names")),
                "{found:?}"
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_redirect_takes_no_secret_along() {
    let to = |to: &str| status(302, &[("location", to)], "");
    for (upstream, target, is_followed) in [
        (None, "https://m.tiktok.com/moved", true),
        (None, "http://m.tiktok.com/moved", false),
        (None, "https://m.tiktok.com@evil.example/moved", false),
        (None, "https://api.eulerstream.com/moved", false),
        (Some("http://mock"), "/moved", true),
        (Some("http://mock"), "http://mock:81/moved", false),
        (Some("http://mock"), "//mock.evil.example/moved", false),
        (Some("http://mock"), "https://www.tiktok.com/moved", false),
    ] {
        let answers = [(API, vec![to(target)]), (PAGE, vec![to(target)]), ("/moved", vec![room(4)])];
        let server = Server::new(answers);
        let (_, outcome) = run(&server, with_secrets(upstream)).await;
        let moved = heads(&server, "/moved");
        assert_eq!(!moved.is_empty(), is_followed, "{target}");
        assert!(moved.iter().all(|head| head.contains("sessionid=planted-session")), "{moved:?}");
        let Outcome::Failed(problem) = outcome else { panic!("{outcome:?}") };
        let host = target.rsplit_once("//").map_or(target, |(_, rest)| rest).trim_end_matches("/moved");
        let host = host.rsplit('@').next().unwrap();
        let expected = format!("TikTok redirects to {host}, which is not followed");
        assert!(is_followed || problem.message == expected, "{problem:?}");
    }
    // A sign server is not followed anywhere.
    for (way, path) in SIGN_WAYS {
        let server = Server::new([
            (API, vec![room(2)]),
            (path, vec![to("http://mock/moved")]),
            ("/moved", vec![room(2)]),
        ]);
        let sign_url = url("http://mock");
        let (_, outcome) =
            run(&server, LiveOptions { ways: vec![way], sign_url, ..with_secrets(None) }).await;
        assert_failed(&outcome, Code::SignFailed);
        assert!(heads(&server, "/moved").is_empty());
    }
}

/// Without TLS, a proxy could read them.
#[tokio::test(start_paused = true)]
async fn a_proxy_reads_no_secret() {
    let told = "the session is not sent to mock without TLS, because the proxy proxy.example:1 could read it";
    for (upstream, is_kept) in [("http://mock", false), ("https://mock", true)] {
        let proxy = url("http://user:password@proxy.example:1");
        let options = LiveOptions { proxy, ..with_secrets(Some(upstream)) };
        let direct = live(vec![Reply::Socket(vec![Act::Hang])]);
        let (_, outcome) =
            run(&direct, LiveOptions { ways: vec![Way::Direct], sign_key: None, ..options.clone() }).await;
        let Outcome::Failed(problem) = outcome else { panic!("{outcome:?}") };
        assert_eq!(problem.message.ends_with(told), !is_kept, "{problem:?}");
        let signed = signing(FETCH, "ws://mock/signed", Reply::Socket(vec![ended(1), Act::Hang]));
        run(&signed, LiveOptions { ways: vec![Way::Sign], sign_url: url(upstream), ..options }).await;
        for (server, path) in [(&direct, API), (&direct, SOCKET), (&signed, API), (&signed, FETCH)] {
            let heads = heads(server, path);
            assert!(!heads.is_empty(), "{path}");
            let has = |secret: &str| heads.iter().all(|head| head.contains(secret));
            assert_eq!(has("planted-session"), is_kept, "{path}: {heads:?}");
            assert_eq!(has("planted-key"), is_kept && path == FETCH, "{path}: {heads:?}");
            let has_any = |secret: &str| heads.iter().any(|head| head.contains(secret));
            assert!(is_kept || !has_any("planted-session") && !has_any("planted-key"), "{path}: {heads:?}");
        }
    }
}

/// A cookie that TikTok sets may go to its sockets, but that of the session only where the session may.
#[tokio::test(start_paused = true)]
async fn a_cookie_of_the_session_is_not_reused_where_it_may_not_go() {
    let proxy = url("http://proxy.example:1");
    let server = Server::new([
        (API, vec![room(2)]),
        ("/", vec![cookie()]),
        (SOCKET, vec![Reply::Socket(vec![ended(1), Act::Hang])]),
    ]);
    let options = LiveOptions { proxy, sign_key: None, ..with_secrets(Some("http://mock")) };
    let options = LiveOptions {
        session: Some(Cookies::parse("sid_tt=a; ttwid=of-session", "it", Duration::ZERO).unwrap()),
        ..options
    };
    let (_, outcome) = run(&server, options).await;
    assert_eq!(outcome, Outcome::Ended("stream_ended"));
    let seen = format!("{:?}", server.seen());
    assert!(!seen.contains("of-session") && seen.contains("cookie: ttwid=planted-ttwid\\r\\n"), "{seen}");
}
