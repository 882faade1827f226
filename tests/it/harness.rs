//! A server in memory, and clients for it.

use std::time::Duration;

use futures_util::{FutureExt as _, StreamExt as _};
use livetape::{
    clock,
    control::{Control, Driver},
    demo::{DEMO, DEMO_BYTES},
    hub::{Hub, Limits},
    mock::ScenarioFile,
    sans_io::event::{Chat, Data, Event, Millis},
    server::{Config, Server, memory, serve},
};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream},
    task::JoinHandle,
};
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{Error, Message},
};

/// What each connection holds of what is not read yet.
pub(crate) const SOCKET_BYTES: usize = 4 * 1024;

pub(crate) type Socket = WebSocketStream<DuplexStream>;

/// A scenario whose rooms may play the demo.
pub(crate) fn with_demo(scenario: impl Into<ScenarioFile>) -> ScenarioFile {
    scenario.into().with_recording(DEMO, DEMO_BYTES)
}

/// A running server.
pub(crate) struct Rig {
    pub(crate) hub: Hub,
    pub(crate) control: Control,
    pub(crate) driver: Driver,
    pub(crate) connector: memory::MemoryConnector,
    pub(crate) serving: JoinHandle<()>,
}

impl Rig {
    pub(crate) fn start() -> Self {
        Self::with(Limits::default(), Config::default())
    }

    /// With a ring of so many events.
    pub(crate) fn ring(events_max: u64) -> Self {
        Self::with(Limits { events_max, ..Limits::default() }, Config::default())
    }

    pub(crate) fn with(limits: Limits, config: Config) -> Self {
        let hub = Hub::new("s".to_owned(), limits);
        let (control, driver) = Control::new();
        let (listener, connector) = memory::listener(SOCKET_BYTES);
        let server = Server { hub: hub.clone(), control: control.clone(), config };
        Self { hub, control, driver, connector, serving: tokio::spawn(serve(listener, server)) }
    }

    /// A WebSocket client; `query` with its question mark, or empty.
    pub(crate) async fn ws(&self, query: &str) -> Socket {
        self.try_ws(query).await.unwrap()
    }

    pub(crate) async fn try_ws(&self, query: &str) -> Result<Socket, Error> {
        let stream = self.connector.connect().await.unwrap();
        let (socket, _) = client_async(format!("ws://localhost/{query}"), stream).await?;
        Ok(socket)
    }

    /// A request with a `Host`, and its whole answer.
    pub(crate) async fn http(&self, method: &str, target: &str, body: &str) -> Answer {
        let length = body.len();
        let head = format!("{method} {target} HTTP/1.1\r\nhost: localhost\r\ncontent-length: {length}\r\n");
        self.raw(&format!("{head}connection: close\r\n\r\n{body}")).await
    }

    /// Whatever is said, and the whole answer to it.
    pub(crate) async fn raw(&self, request: &str) -> Answer {
        let (mut reading, mut writing) = tokio::io::split(self.connector.connect().await.unwrap());
        let mut answer = Vec::new();
        // A server that has heard enough does not listen to the end.
        let (_, read) = tokio::join!(writing.write_all(request.as_bytes()), reading.read_to_end(&mut answer));
        read.unwrap();
        Answer::parse(&answer)
    }
}

/// An HTTP answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn parse(bytes: &[u8]) -> Self {
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {text:?}"));
        let mut lines = head.lines();
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let header = |line: &str| line.split_once(": ").map(|(a, b)| (a.to_lowercase(), b.to_owned()));
        let mut answer = Self { status, headers: lines.filter_map(header).collect(), body: body.to_owned() };
        if answer.header("transfer-encoding") == Some("chunked") {
            answer.body = dechunk(body);
        }
        answer
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    /// The code of an error.
    pub(crate) fn code(&self) -> String {
        self.json()["error"]["code"].as_str().unwrap_or_default().to_owned()
    }
}

/// The content of chunks; the last one may be missing.
fn dechunk(mut body: &str) -> String {
    let mut content = String::new();
    while let Some((size, rest)) = body.split_once("\r\n") {
        let size = usize::from_str_radix(size, 16).unwrap();
        content.push_str(&rest[..size]);
        body = rest[size..].strip_prefix("\r\n").unwrap_or_default();
    }
    content
}

/// What a socket got until it ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Log {
    pub(crate) texts: Vec<String>,
    /// The close code and its reason, 1005 if there was none; `None` if the connection just broke.
    pub(crate) close: Option<(u16, String)>,
}

impl Log {
    pub(crate) fn seqs(&self) -> Vec<u64> {
        seqs(&self.texts)
    }
}

pub(crate) fn seqs(texts: &[String]) -> Vec<u64> {
    texts.iter().map(|text| json(text)["seq"].as_u64().unwrap_or_else(|| panic!("{text}"))).collect()
}

pub(crate) fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// Reads to the end.
pub(crate) async fn read_all(socket: &mut Socket) -> Log {
    let mut log = Log { texts: Vec::new(), close: None };
    while let Some(Ok(message)) = socket.next().await {
        match message {
            Message::Text(text) => log.texts.push(text.to_string()),
            Message::Close(frame) => {
                let frame = frame.map(|frame| (frame.code.into(), frame.reason.to_string()));
                log.close = Some(frame.unwrap_or((1005, String::new())));
            }
            _ => {}
        }
    }
    log
}

/// Reads so many texts.
pub(crate) async fn read(socket: &mut Socket, count: usize) -> Vec<String> {
    let mut texts = Vec::new();
    while texts.len() < count {
        match socket.next().await.unwrap().unwrap() {
            Message::Text(text) => texts.push(text.to_string()),
            Message::Ping(_) | Message::Pong(_) => {}
            other => panic!("{other:?} after {texts:?}"),
        }
    }
    texts
}

/// Waits on the paused clock; everything that can happen by then has.
pub(crate) async fn wait(time: Duration) {
    tokio::time::sleep_until(clock::now() + time).await;
}

/// Whether nothing is there to be read now.
pub(crate) fn is_quiet(socket: &mut Socket) -> bool {
    socket.next().now_or_never().is_none()
}

pub(crate) fn event(data: Data) -> Event {
    let time = Millis(1_757_443_453_511);
    Event {
        username: "ann".into(),
        user: None,
        timestamp: time,
        ts: time,
        id: None,
        replay: true,
        injected: false,
        data,
    }
}

pub(crate) fn chat(comment: &str) -> Event {
    event(Data::Chat(Chat { comment: comment.into(), ..Chat::default() }))
}

/// Chats of some 300 bytes.
pub(crate) fn chats(count: usize) -> Vec<Event> {
    (0..count).map(|i| chat(&format!("{i}{}", ".".repeat(100)))).collect()
}
