//! A tab of a browser as a source, against a double of Chrome's DevTools in memory, under a paused clock.

use std::{
    io::ErrorKind,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use futures_util::{SinkExt as _, StreamExt as _};
use livetape_core::{
    error::Code,
    event::compose,
    recording::{Item, What},
};
use livetape_engine::source::{
    browser::{Browser, TabOptions, follow, way},
    live::{Live, LiveOptions, Outcome, Url, Way, diagnose},
};
use livetape_io::net::{
    Listener as _,
    memory::{self, MemoryListener},
};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream},
    sync::mpsc,
};
use tokio_tungstenite::WebSocketStream;
use tungstenite::{Message, handshake::derive_accept_key, protocol::Role};

use crate::{
    live::{self, msg},
    support::scripted::{Act, Reply, Server, ok, status},
};

/// Capacity of each connection, in bytes.
const PIPE_BYTES: usize = 64 << 10;
const ANN: &str = "https://www.tiktok.com/@ann/live";
const BEN: &str = "https://www.tiktok.com/@ben/live";

/// A browser with the tabs that a test opens.
struct Chrome {
    /// Answer to the request for its tabs.
    list: Arc<Mutex<String>>,
    is_running: Arc<AtomicBool>,
    attached: mpsc::UnboundedReceiver<WebSocketStream<DuplexStream>>,
    browser: Browser,
}

impl Chrome {
    fn start() -> Self {
        let (listener, connector) = memory::listener(PIPE_BYTES);
        let (list, is_running) = (Arc::new(Mutex::new(String::new())), Arc::new(AtomicBool::new(true)));
        let (sender, attached) = mpsc::unbounded_channel();
        tokio::spawn(serve(listener, Arc::clone(&list), sender));
        let runs = Arc::clone(&is_running);
        let browser = Browser::new("127.0.0.1:9222", move || {
            let (connector, runs) = (connector.clone(), runs.load(Ordering::Relaxed));
            async move { if runs { connector.connect().await } else { Err(ErrorKind::ConnectionRefused.into()) } }
        });
        let chrome = Self { list, is_running, attached, browser };
        chrome.shows(&[]);
        chrome
    }

    /// Sets the addresses of its tabs, whose ids are their numbers.
    fn shows(&self, urls: &[&str]) {
        let tab = |(number, url): (usize, &&str)| {
            let socket = format!("ws://localhost/devtools/page/{number}");
            json!({ "type": "page", "title": "LIVE", "url": url, "webSocketDebuggerUrl": socket })
        };
        let tabs: Vec<Value> = urls.iter().enumerate().map(tab).collect();
        *self.list.lock().unwrap() = json!(tabs).to_string();
    }

    fn runs(&self, runs: bool) {
        self.is_running.store(runs, Ordering::Relaxed);
    }

    fn follow(&self, user: Option<&str>, options: &LiveOptions) -> Live {
        let user = user.map(str::to_owned);
        follow(TabOptions { browser: self.browser.clone(), user, number: None }, options)
    }

    /// Waits until the source has attached to a tab.
    async fn attached(&mut self) -> Tab {
        let mut tab = Tab(self.attached.recv().await.unwrap());
        while !matches!(tab.0.next().await, Some(Ok(Message::Text(text))) if text.contains("Network.enable"))
        {
        }
        tab.say(json!({ "id": 1, "result": {} })).await;
        tab
    }
}

async fn serve(
    mut listener: MemoryListener,
    list: Arc<Mutex<String>>,
    attached: mpsc::UnboundedSender<WebSocketStream<DuplexStream>>,
) {
    loop {
        let (mut stream, _) = listener.accept().await;
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        let head = String::from_utf8(head).unwrap();
        if head.starts_with("GET /json/list ") {
            let body = list.lock().unwrap().clone();
            let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len());
            stream.write_all(answer.as_bytes()).await.unwrap();
            continue;
        }
        let key = head.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: ")).unwrap();
        let accept = derive_accept_key(key.as_bytes());
        let answer = format!(
            "HTTP/1.1 101 X\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-accept: {accept}\r\n\r\n"
        );
        stream.write_all(answer.as_bytes()).await.unwrap();
        let socket = WebSocketStream::from_raw_socket(stream, Role::Server, None).await;
        attached.send(socket).unwrap();
    }
}

/// The browser's end of an attachment.
struct Tab(WebSocketStream<DuplexStream>);

impl Tab {
    async fn say(&mut self, message: Value) {
        self.0.send(Message::text(message.to_string())).await.unwrap();
    }

    async fn event(&mut self, method: &str, params: Value) {
        self.say(json!({ "method": method, "params": params })).await;
    }

    /// Opens a socket of the page.
    async fn open(&mut self, request: &str) {
        let url = "wss://webcast-ws.tiktok.com/webcast/im/?room_id=7";
        self.event("Network.webSocketCreated", json!({ "requestId": request, "url": url })).await;
        let params = json!({ "requestId": request, "response": { "status": 101, "headers": {} } });
        self.event("Network.webSocketHandshakeResponseReceived", params).await;
    }

    async fn receive(&mut self, request: &str, frame: &[u8]) {
        let response = json!({ "opcode": 2, "payloadData": STANDARD.encode(frame) });
        self.event("Network.webSocketFrameReceived", json!({ "requestId": request, "response": response }))
            .await;
    }

    async fn navigate(&mut self, url: &str) {
        self.event("Page.frameNavigated", json!({ "frame": { "url": url } })).await;
    }
}

/// Returns what happened, in short.
fn outline(item: &Item) -> String {
    let secs = item.offset.as_secs();
    match &item.what {
        What::ConnOpen(open) => format!("{secs} s: {} opened for {}", item.conn, open.unique_id),
        What::ConnClose(close) => {
            format!("{secs} s: {} closed: {} {}", item.conn, close.reason, close.will_retry)
        }
        What::Frame(_) => format!("{secs} s: {} frame", item.conn),
        What::Gap(gap) => format!("{secs} s: {} missing {}: {}", item.conn, gap.records, gap.reason),
        What::Status(status) => {
            format!("{secs} s: {} {} {}", status.code, status.attempt, status.retrying)
        }
        other => format!("{other:?}"),
    }
}

/// Expects these items next.
async fn expect(live: &mut Live, lines: &[&str]) {
    for line in lines {
        assert_eq!(outline(&live.next().await.unwrap()), *line);
    }
}

/// Expects these items, and then the end.
async fn expect_end(mut live: Live, lines: &[&str]) -> Outcome {
    expect(&mut live, lines).await;
    assert_eq!(live.next().await, None);
    live.outcome().await
}

fn chat() -> Vec<u8> {
    msg(1, vec![]).to_vec()
}

#[tokio::test(start_paused = true)]
async fn a_tab_is_followed_when_it_is_reloaded_crashes_and_comes_back() {
    let mut chrome = Chrome::start();
    chrome.runs(false);
    let options = LiveOptions { attempts_max: 9, ..LiveOptions::new("") };
    let mut live = chrome.follow(Some("Ann"), &options);
    expect(&mut live, &["0 s: browser_unreachable 1 true"]).await;
    chrome.runs(true);
    expect(&mut live, &["30 s: tab_not_found 2 true"]).await;
    chrome.shows(&[BEN, ANN]);
    let mut tab = chrome.attached().await;
    tab.open("a").await;
    tab.receive("a", &chat()).await;
    expect(&mut live, &["31 s: 1 opened for Ann", "31 s: 1 frame"]).await;

    tab.navigate(ANN).await;
    tab.open("b").await;
    expect(&mut live, &["31 s: 1 closed: the page was left true", "31 s: 2 opened for Ann"]).await;

    tab.event("Inspector.targetCrashed", json!({})).await;
    expect(&mut live, &["31 s: 2 closed: the tab has crashed true", "31 s: tab_lost 3 true"]).await;
    expect(&mut live, &["61 s: tab_lost 4 true"]).await;
    tab.navigate(ANN).await;
    tab.open("c").await;
    expect(&mut live, &["61 s: 3 opened for Ann"]).await;

    // Connections of another LIVE are not this user's.
    tab.event("Page.navigatedWithinDocument", json!({ "frameId": "1", "url": BEN })).await;
    tab.open("d").await;
    tab.receive("d", &chat()).await;
    expect(&mut live, &["61 s: 3 closed: the tab has left the LIVE true", "61 s: tab_lost 5 true"]).await;
    tab.event("Page.navigatedWithinDocument", json!({ "frameId": "1", "url": ANN })).await;
    tab.open("e").await;
    expect(&mut live, &["61 s: 4 opened for Ann"]).await;

    chrome.runs(false);
    drop(tab);
    expect(&mut live, &["61 s: 4 closed: the browser is gone true", "61 s: tab_lost 6 true"]).await;
    chrome.runs(true);
    let mut tab = chrome.attached().await;
    tab.open("a").await;
    expect(&mut live, &["62 s: 5 opened for Ann"]).await;
    live.stop();
    assert_eq!(expect_end(live, &[]).await, Outcome::Stopped);
}

#[tokio::test(start_paused = true)]
async fn a_tab_without_connections_is_reported_until_the_attempts_are_used_up() {
    let mut chrome = Chrome::start();
    chrome.shows(&[ANN]);
    let options = LiveOptions { attempts_max: 2, ..LiveOptions::new("") };
    let live = chrome.follow(None, &options);
    let _tab = chrome.attached().await;
    let lines = ["30 s: tab_silent 1 true", "60 s: tab_silent 2 false"];
    let Outcome::Failed(problem) = expect_end(live, &lines).await else { panic!() };
    assert_eq!(problem.message, "the tab has opened no connection to a LIVE for 30 s");

    let waits = LiveOptions { wait_live: Some(Duration::ZERO), ..options };
    let mut live = chrome.follow(None, &waits);
    let _tab = chrome.attached().await;
    for secs in [30, 60, 90, 120] {
        expect(&mut live, &[&format!("{secs} s: tab_silent 1 true")]).await;
    }
}

#[tokio::test(start_paused = true)]
async fn only_a_source_that_does_not_wait_for_its_tab_advises_to_wait() {
    for (wait_live, is_advised) in [(None, true), (Some(Duration::ZERO), false)] {
        let chrome = Chrome::start();
        let mut live = chrome.follow(Some("ann"), &LiveOptions { wait_live, ..LiveOptions::new("") });
        let status = loop {
            if let What::Status(status) = live.next().await.unwrap().what {
                break status;
            }
        };
        assert_eq!(status.code, "tab_not_found");
        let hint = if status.hint.is_empty() { Code::TabNotFound.hint() } else { &status.hint };
        let shown = Code::TabNotFound.terminal_hint(hint, |_| true);
        assert_eq!(shown.contains("--wait-live"), is_advised, "{shown}");
        assert!(shown.contains("live in that browser"), "{shown}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_long_connection_resets_the_attempts() {
    let mut chrome = Chrome::start();
    chrome.shows(&[ANN]);
    let options = LiveOptions { attempts_max: 2, ..LiveOptions::new("") };
    let mut live = chrome.follow(Some("ann"), &options);
    for at in [0, 61] {
        let mut tab = chrome.attached().await;
        tab.open("a").await;
        expect(&mut live, &[&format!("{at} s: {} opened for ann", 1 + at / 61)]).await;
        tokio::time::advance(Duration::from_secs(60)).await;
        tab.receive("a", &chat()).await;
        drop(tab);
        let (conn, end) = (1 + at / 61, at + 60);
        let lines = [
            format!("{end} s: {conn} frame"),
            format!("{end} s: {conn} closed: the browser is gone true"),
            format!("{end} s: tab_lost 1 true"),
        ];
        expect(&mut live, &lines.each_ref().map(String::as_str)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_read_of_a_tab_counts_as_missing() {
    let mut chrome = Chrome::start();
    chrome.shows(&[ANN]);
    let mut live = chrome.follow(Some("ann"), &LiveOptions::new(""));
    let mut tab = chrome.attached().await;
    tab.open("a").await;
    expect(&mut live, &["0 s: 1 opened for ann"]).await;
    let frame = |request: &str, response: Value| json!({ "requestId": request, "response": response });
    let of_socket = "0 s: 1 missing 1: a frame could not be read";
    let of_any = "0 s: 0 missing 1: a message of the browser could not be read";
    let (received, sent) = ("Network.webSocketFrameReceived", "Network.webSocketFrameSent");
    for (method, params, line) in [
        (received, frame("a", json!({ "opcode": 2, "payloadData": "***" })), of_socket),
        (sent, frame("a", json!({ "opcode": 2, "payloadData": "***" })), of_socket),
        (received, frame("a", json!({ "payloadData": "AAAA" })), of_socket),
        (received, frame("a", json!({ "opcode": 2000, "payloadData": "AAAA" })), of_socket),
        (received, frame("a", json!({ "opcode": 2, "payloadData": 7 })), of_any),
    ] {
        tab.event(method, params).await;
        expect(&mut live, &[line]).await;
    }
    tab.0.send(Message::text("{\"method\":")).await.unwrap();
    expect(&mut live, &[of_any]).await;
    // Nothing of a room is missing.
    tab.event("Network.dataReceived", json!({ "requestId": 7 })).await;
    let other = json!({ "requestId": "b", "url": "wss://im-ws.tiktok.com/ws/v2" });
    tab.event("Network.webSocketCreated", other).await;
    tab.event(received, frame("b", json!({ "opcode": 2, "payloadData": "***" }))).await;
    tab.receive("a", &chat()).await;
    expect(&mut live, &["0 s: 1 frame"]).await;

    // A first batch that the browser no longer has.
    let response = json!({ "url": "https://webcast.tiktok.com/webcast/im/fetch/?room_id=7", "status": 200 });
    tab.event("Network.responseReceived", frame("c", response)).await;
    tab.event("Network.loadingFinished", json!({ "requestId": "c" })).await;
    let asked = loop {
        let Some(Ok(Message::Text(text))) = tab.0.next().await else { panic!("nothing is asked for") };
        let command: Value = serde_json::from_str(&text).unwrap();
        if command["method"] == "Network.getResponseBody" {
            break command["id"].clone();
        }
    };
    tab.say(json!({ "id": asked, "error": { "message": "No resource with given identifier found" } })).await;
    expect(&mut live, &["0 s: 1 missing 1: the first batch could not be read"]).await;
}

#[tokio::test(start_paused = true)]
async fn the_end_of_the_room_ends_the_source() {
    let mut chrome = Chrome::start();
    chrome.shows(&[ANN]);
    let live = chrome.follow(Some("ann"), &LiveOptions::new(""));
    let mut tab = chrome.attached().await;
    tab.open("a").await;
    tab.receive("a", &msg(1, vec![compose::control(compose::Stamp::default(), 3)])).await;
    let lines = ["0 s: 1 opened for ann", "0 s: 1 frame", "0 s: 1 closed: stream_ended false"];
    assert_eq!(expect_end(live, &lines).await, Outcome::Ended("stream_ended"));
}

#[tokio::test(start_paused = true)]
async fn without_a_user_the_tab_may_show_another_room() {
    let mut chrome = Chrome::start();
    chrome.shows(&[ANN, "https://www.tiktok.com/@cid"]);
    let mut live = chrome.follow(None, &LiveOptions::new(""));
    let mut tab = chrome.attached().await;
    tab.open("a").await;
    tab.navigate(BEN).await;
    tab.open("b").await;
    let lines = ["0 s: 1 opened for ann", "0 s: 1 closed: the page was left true", "0 s: 2 opened for ben"];
    expect(&mut live, &lines).await;
}

#[tokio::test(start_paused = true)]
async fn another_tab_takes_over_from_one_that_shows_something_else() {
    let mut chrome = Chrome::start();
    chrome.shows(&[ANN]);
    let mut live = chrome.follow(Some("ann"), &LiveOptions::new(""));
    let mut first = chrome.attached().await;
    first.navigate(BEN).await;
    chrome.shows(&[BEN, ANN]);
    let mut second = chrome.attached().await;
    second.open("a").await;
    expect(&mut live, &["0 s: tab_lost 1 true", "30 s: 1 opened for ann"]).await;
}

#[tokio::test(start_paused = true)]
async fn what_only_a_person_can_correct_is_not_retried() {
    let chrome = Chrome::start();
    let options = LiveOptions::new("");
    let other = "what listens at 127.0.0.1:9222 is not a browser: it does not list tabs as JSON";
    for (list, code, message) in [
        (None, Code::TabAmbiguous, "2 tabs show the LIVE of @ann: 1, 3"),
        (Some("<html>"), Code::NotABrowser, other),
        (Some(r#"{"error":"not here"}"#), Code::NotABrowser, other),
    ] {
        chrome.shows(&[ANN, BEN, "https://www.tiktok.com/@ANN/live?x"]);
        list.into_iter().for_each(|list| list.clone_into(&mut chrome.list.lock().unwrap()));
        let live = chrome.follow(Some("ann"), &options);
        let Outcome::Failed(problem) = expect_end(live, &[&format!("0 s: {code} 1 false")]).await else {
            panic!()
        };
        assert_eq!((problem.code, &*problem.message), (code, message));
    }
    chrome.shows(&[ANN, "https://bank.example/"]);
    let tab = TabOptions { browser: chrome.browser.clone(), user: None, number: Some(9) };
    let mut live = follow(tab, &options);
    let item = live.next().await.unwrap();
    let What::Status(status) = &item.what else { panic!("{item:?}") };
    assert_eq!(status.detail, "no tab has the number 9: the browser has 2, with a LIVE: 1 (@ann)");
    assert_eq!(status.hint, "choose a number from 1 to 2, or none to find the tab by its user");
    // Something that does not speak HTTP.
    let other = Browser::new("127.0.0.1:22", || async {
        let (mut server, client) = tokio::io::duplex(PIPE_BYTES);
        server.write_all(b"SSH-2.0-x\r\n").await?;
        Ok(client)
    });
    assert_eq!(other.pages().await.unwrap_err().code, Code::NotABrowser);
}

#[tokio::test(start_paused = true)]
async fn a_port_that_sends_garbage_is_not_taken_for_a_closed_tab() {
    const GARBAGE: [u8; 64] = [0xff; 64];
    for (is_attached, garbage, seconds, why) in [
        (false, true, 0, "the server does not speak the WebSocket protocol"),
        (false, false, 10, "its messages are not of the DevTools protocol"),
        (true, true, 0, "the server does not speak the WebSocket protocol"),
    ] {
        let mut chrome = Chrome::start();
        chrome.shows(&[ANN]);
        let live = chrome.follow(Some("ann"), &LiveOptions::new(""));
        let mut socket = match is_attached {
            true => chrome.attached().await.0,
            false => chrome.attached.recv().await.unwrap(),
        };
        if garbage {
            socket.get_mut().write_all(&GARBAGE).await.unwrap();
        } else {
            socket.send(Message::text("hello")).await.unwrap();
        }
        let end = [format!("{seconds} s: not_a_browser 1 false")];
        let Outcome::Failed(problem) = expect_end(live, &end.each_ref().map(String::as_str)).await else {
            panic!("{why}")
        };
        assert_eq!(problem.message, format!("what listens at 127.0.0.1:9222 is not a browser: {why}"));
        drop(socket);
    }
}

/// Returns the options of a source that reaches the tab by a way.
fn by_ways(chrome: &Chrome, ways: &[Way]) -> LiveOptions {
    let tab = TabOptions { browser: chrome.browser.clone(), user: Some("ann".to_owned()), number: None };
    LiveOptions { ways: ways.to_vec(), tab: Some(way(tab)), ..live::options() }
}

/// Returns what happened in connections, and the failures with their messages.
fn told(items: &[Item]) -> Vec<String> {
    let shown = items.iter().filter_map(|item| match &item.what {
        What::Http(_) => None,
        What::Status(status) => Some(format!("{}: {}", status.code, status.detail)),
        What::Frame(_) if item.flags.is_sent() => None,
        _ => Some(outline(item)),
    });
    shown.collect()
}

#[tokio::test(start_paused = true)]
async fn a_tab_takes_over_from_a_way_that_fails_for_good() {
    let refused = live::live(vec![status(403, &[], "")]);
    let captcha = || ok("<html>");
    let blocked = Server::new([(live::API, vec![captcha()]), (live::PAGE, vec![captcha()])]);
    let cases = [
        (&refused, "handshake_refused: direct: TikTok rejected the WebSocket with 403"),
        (&blocked, "blocked: TikTok sent a web page instead of JSON, probably a captcha"),
    ];
    for (server, failure) in cases {
        let mut chrome = Chrome::start();
        chrome.shows(&[BEN, ANN]);
        let options = by_ways(&chrome, &[Way::Direct, Way::Tab]);
        let page = async {
            let mut tab = chrome.attached().await;
            tab.open("a").await;
            tab.receive("a", &msg(1, vec![compose::control(compose::Stamp::default(), 3)])).await;
            tab
        };
        let ((items, outcome), _tab) = tokio::join!(live::run(server, options), page);
        assert_eq!(outcome, Outcome::Ended("stream_ended"));
        let told = told(&items);
        let last = told.iter().position(|line| line.ends_with("; trying tab next (127.0.0.1:9222)")).unwrap();
        assert!(told[last].starts_with(failure), "{told:?}");
        let seconds = items.last().unwrap().offset.as_secs();
        let lines = ["1 opened for ann", "1 frame", "1 closed: stream_ended false"];
        assert_eq!(told[last + 1..], lines.map(|line| format!("{seconds} s: {line}")));
    }
}

#[tokio::test(start_paused = true)]
async fn a_tab_hands_over_at_once_to_the_next_way() {
    let socket = || vec![Reply::Socket(vec![live::ended(1), Act::Hang])];
    let mut chrome = Chrome::start();
    chrome.shows(&[BEN]);
    let (items, outcome) = live::run(&live::live(socket()), by_ways(&chrome, &[Way::Tab, Way::Direct])).await;
    assert_eq!(outcome, Outcome::Ended("stream_ended"));
    let failure = "tab_not_found: tab: no tab shows the LIVE of @ann; trying direct next (mock)";
    let opened = ["0 s: 1 opened for ann", "0 s: 1 frame", "0 s: 1 closed: stream_ended false"];
    assert_eq!(told(&items), [&[failure], &opened[..]].concat());

    // The hint names the server of the way that is not set.
    let sign_url = Some(Url::parse("http://sign.example:8080/").unwrap());
    let options = LiveOptions { sign_url, ..by_ways(&chrome, &[Way::Tab, Way::Direct]) };
    let (_, outcome) = live::run(&live::live(vec![status(403, &[], "")]), options).await;
    let Outcome::Failed(problem) = outcome else { panic!("{outcome:?}") };
    assert_eq!(
        problem.hint,
        "try again later, or let a sign server help: set `ways = [\"tab\", \"direct\", \"sign\"]` under [live] in \
         livetape.toml; this sends the room's id and the user agent to sign.example:8080, a third party"
    );

    // Also a tab that is lost; the next connection has the next number.
    chrome.shows(&[ANN]);
    let server = live::live(socket());
    let mut live = Live::start(by_ways(&chrome, &[Way::Tab, Way::Direct]), server.transport());
    let mut tab = chrome.attached().await;
    tab.open("a").await;
    expect(&mut live, &["0 s: 1 opened for ann"]).await;
    drop(tab);
    let mut items = Vec::new();
    while let Some(item) = live.next().await {
        items.push(item);
    }
    let failure = "tab_lost: tab: the browser is gone; trying direct next (mock)";
    let opened = ["0 s: 2 opened for ann", "0 s: 2 frame", "0 s: 2 closed: stream_ended false"];
    let closed = "0 s: 1 closed: the browser is gone true";
    assert_eq!(told(&items), [&[closed, failure], &opened[..]].concat());
}

#[tokio::test(start_paused = true)]
async fn no_tab_helps_with_a_user_who_is_offline() {
    let chrome = Chrome::start();
    let options = by_ways(&chrome, &[Way::Direct, Way::Tab]);
    let server = Server::new([(live::API, vec![live::room(4)])]);
    let (items, outcome) = live::run(&server, options.clone()).await;
    live::assert_failed(&outcome, Code::UserOffline);
    assert_eq!(live::codes(&items), [(0, "user_offline", false)]);
    let (_, outcome) = live::run(&server, LiveOptions { tab: None, ..options }).await;
    live::assert_failed(&outcome, Code::BadRequest);
}

#[tokio::test(start_paused = true)]
async fn stopping_leaves_a_tab_that_is_a_way() {
    let mut chrome = Chrome::start();
    chrome.shows(&[ANN]);
    let server = live::live(vec![]);
    let mut live = Live::start(by_ways(&chrome, &[Way::Tab, Way::Direct]), server.transport());
    let mut tab = chrome.attached().await;
    tab.open("a").await;
    expect(&mut live, &["0 s: 1 opened for ann"]).await;
    live.stop();
    assert_eq!(expect_end(live, &[]).await, Outcome::Stopped);
}

#[tokio::test(start_paused = true)]
async fn the_doctor_finds_a_tab_that_works() {
    let mut chrome = Chrome::start();
    chrome.shows(&[ANN]);
    let server = Server::new([
        (live::API, vec![live::room(2)]),
        (live::PAGE, vec![ok("<html>")]),
        ("/", vec![live::cookie()]),
        (live::SOCKET, vec![status(403, &[], "")]),
    ]);
    let options = LiveOptions { ways: vec![Way::Direct], ..by_ways(&chrome, &[]) };
    let page = async {
        let mut tab = chrome.attached().await;
        tab.open("a").await;
        tab.receive("a", &chat()).await;
        tab
    };
    let (found, _tab) = tokio::join!(diagnose(&options, server.transport(), |_| true, |_| ()), page);
    let found = found.unwrap();
    assert_eq!(found.works, ["tab"]);
    let run = "run `livetape live ann --upstream http://mock --cdp 127.0.0.1:9222`";
    assert_eq!(found.next, [run, "direct: try again later"]);

    // Another page is not that of the user.
    chrome.shows(&[BEN]);
    let found = diagnose(&options, server.transport(), |_| true, |_| ()).await.unwrap();
    let tab = found.steps.last().unwrap();
    assert_eq!((tab.way, tab.step, tab.code), (Some("tab"), "tab", Some(Code::TabNotFound)));
    assert!(found.works.is_empty() && found.next[0].contains("--way direct --way sign"), "{:?}", found.next);
    assert!(found.next.last().unwrap().starts_with("open https://www.tiktok.com/@ann/live in that browser"));
}
