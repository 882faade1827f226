//! The setting `offline`: only loopback addresses are contacted.

use livetape_core::error::Code;
use livetape_engine::source::live::{
    Live, LiveOptions, NetTransport, OpenError, Outcome, Request, Transport as _, Url, check,
};
use tokio::net::TcpListener;
use wiremock::{Mock, MockServer, ResponseTemplate, matchers::any, matchers::path};

/// An address for documentation (RFC 5737).
const ELSEWHERE: &str = "192.0.2.1";

fn url(text: &str) -> Option<Url> {
    Some(Url::parse(text).unwrap())
}

fn offline() -> LiveOptions {
    LiveOptions { offline: true, attempts_max: 3, ..LiveOptions::new("ann") }
}

async fn code(options: LiveOptions) -> Code {
    let network = NetTransport::new(&options).unwrap();
    check(&options, network).await.why.unwrap().code
}

#[tokio::test]
async fn tiktok_and_other_addresses_are_rejected_at_once() {
    assert_eq!(code(offline()).await, Code::OfflineMode, "TikTok itself");
    for host in [ELSEWHERE, "[2001:db8::1]", "0.0.0.0", "upstream.invalid", "a.localhost"] {
        let options = LiveOptions { upstream: url(&format!("http://{host}:1")), ..offline() };
        assert_eq!(code(options).await, Code::OfflineMode, "{host}");
    }
    let why = check(&offline(), NetTransport::new(&offline()).unwrap()).await.why.unwrap();
    assert_eq!(why.message, "`www.tiktok.com` is not a loopback address, and livetape runs offline");
    let hint = why.code.terminal_hint(&why.hint, |_| true);
    assert!(hint.contains("--upstream") && hint.contains("LIVETAPE_OFFLINE"), "{hint}");
}

#[tokio::test]
async fn loopback_is_contacted_and_redirects_are_not_followed() {
    let server = MockServer::start().await;
    let to = format!("http://{ELSEWHERE}/");
    let redirect = ResponseTemplate::new(302).insert_header("location", to.as_str());
    Mock::given(any()).respond_with(redirect).mount(&server).await;
    let network = NetTransport::new(&offline()).unwrap();
    let port = server.address().port();
    for host in ["127.0.0.1", "localhost"] {
        let request = Request { url: format!("http://{host}:{port}/"), headers: vec![] };
        assert_eq!(network.get(&request).await.unwrap().status, 302, "{host}");
    }
}

#[tokio::test]
async fn sockets_elsewhere_are_rejected() {
    let network = NetTransport::new(&offline()).unwrap();
    for host in [ELSEWHERE, "webcast-ws.tiktok.com"] {
        let request = Request { url: format!("wss://{host}/"), headers: vec![] };
        let Err(OpenError::Unreached(unreached)) = network.open(&request).await else { panic!("{host}") };
        assert_eq!(unreached.code, Code::OfflineMode);
    }
}

#[tokio::test]
async fn a_sign_server_elsewhere_is_an_error_and_not_bypassed() {
    let server = MockServer::start().await;
    let live = r#"{"data":{"user":{"roomId":"7","status":2},"liveRoom":{"status":2}},"statusCode":0}"#;
    let live = ResponseTemplate::new(200).set_body_string(live);
    Mock::given(path("/api-live/user/room/")).respond_with(live).mount(&server).await;
    let sign_url = url(&format!("http://{ELSEWHERE}/"));
    let options = LiveOptions { upstream: url(&server.uri()), sign_url, ..offline() };
    let network = NetTransport::new(&options).unwrap();
    let mut live = Live::start(options, network);
    while live.next().await.is_some() {}
    let Outcome::Failed(problem) = live.outcome().await else { panic!() };
    assert_eq!(problem.code, Code::OfflineMode, "{problem}");
}

#[tokio::test]
async fn proxies_elsewhere_are_rejected_and_others_are_not_asked() {
    let elsewhere = LiveOptions { proxy: url(&format!("http://{ELSEWHERE}:1")), ..offline() };
    assert_eq!(NetTransport::new(&elsewhere).unwrap_err().code, Code::OfflineMode);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    for scheme in ["http", "socks5"] {
        let through = LiveOptions { proxy: url(&format!("{scheme}://{address}")), ..offline() };
        let network = NetTransport::new(&through).unwrap();
        assert_eq!(check(&through, network.clone()).await.why.unwrap().code, Code::OfflineMode);
        let request = Request { url: format!("ws://{ELSEWHERE}/"), headers: vec![] };
        let Err(OpenError::Unreached(unreached)) = network.open(&request).await else { panic!("{scheme}") };
        assert_eq!(unreached.code, Code::OfflineMode);
    }
    listener.into_std().unwrap().accept().expect_err("the proxy is not even asked");
}
