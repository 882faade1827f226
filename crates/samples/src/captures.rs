//! Captures in the formats of their producers, generated from a recorded session.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use livetape_core::recording::{Frame, Item, What};
use serde_json::{Value, json};

use crate::session_items;

/// Time of the captures, in Unix ms: 2025-09-09T18:44:49Z.
pub const START_MS: i64 = 1_757_443_489_000;
pub const STARTED: &str = "2025-09-09T18:44:49.000Z";
pub const URL: &str = "wss://webcast-ws.tiktok.com/webcast/im/ws_proxy/ws_reuse_supplement/?aid=1988&room_id=7000000000000000001&msToken=planted-token-1&X-Bogus=planted-bogus&device_id=777123456";

/// Items of the session that captures are generated from, on connection 1.
pub fn session() -> Vec<Item> {
    let mut items = session_items(2);
    for item in &mut items {
        if let What::ConnOpen(open) = &mut item.what {
            open.room_id = 7_000_000_000_000_000_001;
        }
    }
    items
}

/// Offset in ms, whether the client sent it, bytes.
pub fn frames() -> Vec<(u64, bool, Vec<u8>)> {
    let frame = |item: &Item| match &item.what {
        What::Frame(Frame { bytes, .. }) => {
            Some((item.offset.as_millis() as u64, item.flags.is_sent(), bytes.to_vec()))
        }
        _ => None,
    };
    session().iter().filter_map(frame).collect()
}

/// Generates `_webSocketMessages`; `time` converts Unix ms to the format's times.
pub fn messages(time: impl Fn(f64) -> f64) -> Vec<Value> {
    let message = |(offset_ms, sent, bytes): (u64, bool, Vec<u8>)| {
        let kind = if sent { "send" } else { "receive" };
        let time = time(START_MS as f64 + offset_ms as f64);
        json!({ "type": kind, "time": time, "opcode": 2, "data": STANDARD.encode(bytes) })
    };
    frames().into_iter().map(message).collect()
}

/// An entry in Chrome's order: messages before the URL.
pub fn entry(url: &str, started: &str, messages: &[Value]) -> String {
    format!(
        r#"{{"_connectionId":"1","_resourceType":"websocket","_webSocketMessages":{},"cache":{{}},"request":{},"response":{},"startedDateTime":"{started}","time":1.5}}"#,
        serde_json::to_string_pretty(messages).unwrap(),
        json!({ "method": "GET", "url": url, "headers": [{ "name": "Cookie", "value": "sessionid=planted-session" }] }),
        json!({ "status": 101, "headers": [{ "name": "Handshake-Msg", "value": "OK" }, { "name": "Set-Cookie", "value": "ttwid=planted-ttwid" }], "content": { "size": 0 } }),
    )
}

pub fn har(producer: &str, version: &str, entries: &[String]) -> String {
    format!(
        r#"{{
  "log": {{
    "version": "1.2",
    "creator": {{ "name": "{producer}", "version": "{version}" }},
    "pages": [ {{ "id": "page_1", "title": "https://www.tiktok.com/@paged_host/live" }} ],
    "entries": [ {} ]
  }}
}}"#,
        entries.join(",")
    )
}

/// A HAR as Chrome exports it.
pub fn chrome() -> String {
    har("WebInspector", "537.36", &[entry(URL, STARTED, &messages(|ms| ms / 1e3))])
}

/// Encodes a typed netstring.
pub enum Net {
    Text(String),
    Bytes(Vec<u8>),
    Int(i64),
    Float(f64),
    Bool(bool),
    Null,
    List(Vec<Net>),
    Dict(Vec<(&'static str, Net)>),
}

impl Net {
    pub fn bytes(&self) -> Vec<u8> {
        let (value, kind) = match self {
            Self::Text(text) => (text.clone().into_bytes(), b';'),
            Self::Bytes(bytes) => (bytes.clone(), b','),
            Self::Int(number) => (number.to_string().into_bytes(), b'#'),
            Self::Float(number) => (format!("{number:?}").into_bytes(), b'^'),
            Self::Bool(bool) => (bool.to_string().into_bytes(), b'!'),
            Self::Null => (vec![], b'~'),
            Self::List(items) => (items.iter().flat_map(Self::bytes).collect(), b']'),
            Self::Dict(pairs) => {
                let pair = |(key, value): &(&str, Self)| {
                    [Self::Text((*key).to_owned()).bytes(), value.bytes()].concat()
                };
                (pairs.iter().flat_map(pair).collect(), b'}')
            }
        };
        let head = format!("{}:", value.len()).into_bytes();
        [head, value, vec![kind]].concat()
    }
}

/// Bytes, whether a client sent them, Unix ms, dropped, injected.
pub type Flowing = (Vec<u8>, bool, f64, bool, bool);

/// A flow of mitmproxy, with fields in the order of version 11.
pub fn flow(version: i64, messages: impl IntoIterator<Item = Flowing>) -> Vec<u8> {
    let message = |(bytes, sent, ms, dropped, injected): Flowing| {
        let (dropped, injected) = (Net::Bool(dropped), Net::Bool(injected));
        Net::List(vec![
            Net::Int(2),
            Net::Bool(sent),
            Net::Bytes(bytes),
            Net::Float(ms / 1e3),
            dropped,
            injected,
        ])
    };
    let messages: Vec<Flowing> = messages.into_iter().collect();
    let end_ms = messages.last().map_or(START_MS as f64, |message| message.2) + 1000.0;
    let path = URL.split_once(".com").unwrap().1.as_bytes().to_vec();
    let request = vec![
        ("host", Net::Text("webcast-ws.tiktok.com".into())),
        ("port", Net::Int(443)),
        ("method", Net::Bytes(b"GET".to_vec())),
        ("scheme", Net::Bytes(b"https".to_vec())),
        ("authority", Net::Bytes(vec![])),
        ("path", Net::Bytes(path)),
        ("timestamp_start", Net::Float(START_MS as f64 / 1e3)),
    ];
    let header =
        |name: &[u8], value: &[u8]| Net::List(vec![Net::Bytes(name.to_vec()), Net::Bytes(value.to_vec())]);
    let headers = vec![header(b"Handshake-Msg", b"OK"), header(b"Set-Cookie", b"ttwid=planted-ttwid")];
    let response =
        vec![("status_code", Net::Int(101)), ("headers", Net::List(headers)), ("content", Net::Null)];
    let websocket = vec![
        ("messages", Net::List(messages.into_iter().map(message).collect())),
        ("closed_by_client", Net::Bool(false)),
        ("close_code", Net::Int(4404)),
        ("close_reason", Net::Text("gone".into())),
        ("timestamp_end", Net::Float(end_ms / 1e3)),
    ];
    let flow = vec![
        ("version", Net::Int(version)),
        ("type", Net::Text("http".into())),
        ("request", Net::Dict(request)),
        ("response", Net::Dict(response)),
        ("websocket", Net::Dict(websocket)),
    ];
    Net::Dict(flow).bytes()
}

/// Converts the session to the messages of a flow.
pub fn flowing() -> Vec<Flowing> {
    let at = |offset_ms: u64| START_MS as f64 + offset_ms as f64;
    frames().into_iter().map(|(offset_ms, sent, bytes)| (bytes, sent, at(offset_ms), false, false)).collect()
}
