//! Exports a recording to other formats.

use std::{
    collections::BTreeSet,
    fmt,
    io::{self, Read, Write},
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use jiff::Timestamp;
use livetape_core::recording::{
    self, Body, Item, Loss, Opcode, Reader, What, record_type,
    records::{ConnClose, ConnOpen, Http, HttpHeader, conn_close::Who},
};
use serde::Serialize;
use serde_json::{Value, json};

use crate::text::count;

const CONNECTIONS_COUNTED_MAX: usize = 65_536;

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Exported {
    pub frames: u64,
    /// Number of connections with exported frames.
    pub connections: u64,
    pub exchanges: u64,
    /// Number of frames left out because the format only supports received binary ones.
    pub left_out: u64,
    pub loss: Loss,
}

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Recording(#[from] recording::Error),
    #[error("writing failed: {0}")]
    Write(#[from] io::Error),
}

/// Writes lines for `livetape import`: `{"offset_ms":350,"conn":1,"frame":"<base64>"}`.
///
/// # Errors
/// See [`Error`].
pub fn jsonl(input: impl Read, mut output: impl Write) -> Result<Exported, Error> {
    let mut reader = Reader::open(input)?;
    let (mut exported, mut conns) = (Exported::default(), BTreeSet::new());
    while let Some(head) = reader.next_head()? {
        if head.record_type != record_type::FRAME {
            continue;
        }
        if head.flags.is_sent() || head.opcode != Opcode::BINARY.0 {
            exported.left_out += 1;
            continue;
        }
        let frame = STANDARD.encode(reader.body().map(Body::payload).unwrap_or_default());
        let (offset_ms, conn) = (head.offset.as_nanos() as f64 / 1e6, head.conn);
        writeln!(output, "{{\"offset_ms\":{offset_ms},\"conn\":{conn},\"frame\":\"{frame}\"}}")?;
        exported.frames += 1;
        if conns.len() < CONNECTIONS_COUNTED_MAX {
            conns.insert(conn);
        }
    }
    exported.connections = conns.len() as u64;
    exported.loss = reader.report().loss();
    Ok(exported)
}

impl fmt::Display for Exported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [frames, connections] = [(self.frames, "frame"), (self.connections, "connection")]
            .map(|(number, noun)| count(number, noun));
        write!(f, "{frames} of {connections}")?;
        if self.exchanges > 0 {
            write!(f, ", {}", count(self.exchanges, "HTTP exchange"))?;
        }
        writeln!(f)?;
        if self.left_out > 0 {
            let frames = count(self.left_out, "frame");
            writeln!(f, "skipped: {frames} (only received binary frames are exported)")?;
        }
        if self.loss.is_some() {
            writeln!(f, "⚠️ Incomplete: {}", self.loss)?;
        }
        Ok(())
    }
}

/// Maximum number of exported connections. Each takes one pass over the recording.
const CONNECTIONS_MAX: usize = 1000;
const EXCHANGES_MAX: usize = 1000;
/// Opcode of a close frame (RFC 6455 §5.5.1), which contains a code and a reason.
const CLOSE: u8 = 8;
const TEXT: u8 = 1;
/// URL of the WebSocket, if the recording does not contain it.
const SOCKET: &str = "wss://webcast-ws.tiktok.com/webcast/im/ws_proxy/ws_reuse_supplement/";

/// A connection without its frames.
struct HarEntry {
    conn: u32,
    offset: Duration,
    open: ConnOpen,
}

/// Writes a HAR. `open` opens the recording, once for each connection in it.
///
/// # Errors
/// See [`Error`].
pub fn har<R: Read>(
    mut open: impl FnMut() -> Result<R, recording::Error>,
    mut out: impl Write,
) -> Result<Exported, Error> {
    let (wall_ns, entries, exchanges, loss) = look(open()?)?;
    let mut exported = Exported { loss, ..Exported::default() };
    let pages = Vec::from_iter(entries.iter().map(|entry| page(entry, wall_ns)));
    write!(
        out,
        "{{\"log\":{{\"version\":\"1.2\",\"creator\":{},",
        json!({"name": "livetape", "version": env!("CARGO_PKG_VERSION")})
    )?;
    write!(out, "\"pages\":{},\"entries\":[", Value::from(pages))?;
    let mut separator = "\n";
    for (offset, http) in exchanges {
        write!(out, "{separator}{}", exchange(offset, &http, wall_ns))?;
        separator = ",\n";
        exported.exchanges += 1;
    }
    for entry in entries {
        let head = socket(&entry, wall_ns).to_string();
        let head = head.strip_suffix('}').unwrap_or(&head);
        write!(out, "{separator}{head},\"_webSocketMessages\":[")?;
        separator = ",\n";
        exported.frames += messages(open()?, &mut out, entry.conn, wall_ns)?;
        exported.connections += 1;
        write!(out, "]}}")?;
    }
    writeln!(out, "\n]}}}}")?;
    Ok(exported)
}

type Found = (i64, Vec<HarEntry>, Vec<(Duration, Http)>, Loss);

/// Collects the connections and exchanges.
fn look(input: impl Read) -> Result<Found, recording::Error> {
    let mut reader = Reader::open(input)?;
    let (mut wall_ns, mut entries, mut exchanges) = (None, Vec::new(), Vec::new());
    while let Some(head) = reader.next_head()? {
        if !matches!(head.record_type, record_type::HEADER | record_type::CONN_OPEN | record_type::HTTP) {
            continue;
        }
        match reader.body().map(|body| body.item().what) {
            Some(What::Header(header)) => wall_ns = wall_ns.or(header.wall_anchor_ns),
            Some(What::ConnOpen(open)) if entries.len() < CONNECTIONS_MAX => {
                entries.push(HarEntry { conn: head.conn, offset: head.offset, open });
            }
            Some(What::Http(http)) if exchanges.len() < EXCHANGES_MAX => exchanges.push((head.offset, http)),
            _ => {}
        }
    }
    Ok((wall_ns.unwrap_or_default(), entries, exchanges, reader.report().loss()))
}

/// Writes the messages of one connection. Returns the number of frames among them.
fn messages(input: impl Read, out: &mut impl Write, conn: u32, wall_ns: i64) -> Result<u64, Error> {
    let mut reader = Reader::open(input)?;
    let (mut frames, mut separator) = (0, "\n");
    while let Some(head) = reader.next_head()? {
        if head.conn != conn || !matches!(head.record_type, record_type::FRAME | record_type::CONN_CLOSE) {
            continue;
        }
        let Some(item) = reader.body().map(|body| Item { offset: head.offset, ..body.item() }) else {
            continue;
        };
        let (sent, opcode, data) = match &item.what {
            What::Frame(frame) if frame.opcode.0 == TEXT => {
                (item.flags.is_sent(), TEXT, String::from_utf8_lossy(&frame.bytes).into_owned())
            }
            What::Frame(frame) => (item.flags.is_sent(), frame.opcode.0, STANDARD.encode(&frame.bytes)),
            What::ConnClose(close) => (close.who() == Who::Us, CLOSE, close_payload(close)),
            _ => continue,
        };
        let kind = if sent { "send" } else { "receive" };
        let (data, time) = (Value::from(data), seconds(item.offset, wall_ns));
        write!(out, r#"{separator}{{"type":"{kind}","time":{time},"opcode":{opcode},"data":{data}}}"#)?;
        separator = ",\n";
        frames += u64::from(opcode != CLOSE);
    }
    Ok(frames)
}

fn close_payload(close: &ConnClose) -> String {
    let code = u16::try_from(close.code).unwrap_or(u16::MAX);
    STANDARD.encode([&code.to_be_bytes(), close.reason.as_bytes()].concat())
}

fn unix_ns(offset: Duration, wall_ns: i64) -> i128 {
    i128::from(wall_ns) + i128::try_from(offset.as_nanos()).unwrap_or(i128::MAX >> 1)
}

/// Formats Unix seconds exactly. A floating-point number would lose fractions of a microsecond.
fn seconds(offset: Duration, wall_ns: i64) -> String {
    let ns = unix_ns(offset, wall_ns);
    format!("{}.{:09}", ns.div_euclid(1_000_000_000), ns.rem_euclid(1_000_000_000))
}

fn date(offset: Duration, wall_ns: i64) -> String {
    let time = Timestamp::from_nanosecond(unix_ns(offset, wall_ns)).unwrap_or(Timestamp::UNIX_EPOCH);
    format!("{time:.6}")
}

fn page(entry: &HarEntry, wall_ns: i64) -> Value {
    json!({
        "id": format!("page_{}", entry.conn),
        "title": format!("https://www.tiktok.com/@{}/live", entry.open.unique_id),
        "startedDateTime": date(entry.offset, wall_ns),
        "pageTimings": {},
    })
}

fn socket(entry: &HarEntry, wall_ns: i64) -> Value {
    let open = &entry.open;
    let url = if open.url.is_empty() { SOCKET } else { &open.url };
    let url = if url.contains("room_id=") {
        url.to_owned()
    } else {
        format!("{url}{}room_id={}", if url.contains('?') { '&' } else { '?' }, open.room_id)
    };
    let status = if open.handshake_status == 0 { 101 } else { open.handshake_status };
    let (started, content) = (date(entry.offset, wall_ns), json!({"size": 0, "mimeType": "x-unknown"}));
    let mut socket = http_entry(&started, "GET", &url, status, &open.headers, &content);
    socket["_resourceType"] = "websocket".into();
    socket["pageref"] = format!("page_{}", entry.conn).into();
    socket
}

fn exchange(offset: Duration, http: &Http, wall_ns: i64) -> Value {
    let (method, url) = http.request_line.split_once(' ').unwrap_or(("GET", &http.request_line));
    let url = url.split(' ').next().unwrap_or(url);
    let content = json!({
        "size": http.body.len(), "mimeType": "application/octet-stream",
        "text": STANDARD.encode(&http.body), "encoding": "base64",
    });
    http_entry(&date(offset, wall_ns), method, url, http.status, &http.headers, &content)
}

fn http_entry(
    started: &str,
    method: &str,
    url: &str,
    status: u32,
    headers: &[HttpHeader],
    content: &Value,
) -> Value {
    let headers =
        Vec::from_iter(headers.iter().map(|header| json!({"name": header.name, "value": header.value})));
    json!({
        "startedDateTime": started,
        "time": 0,
        "request": {
            "method": method, "url": url, "httpVersion": "HTTP/1.1", "headers": [], "queryString": [],
            "cookies": [], "headersSize": -1, "bodySize": 0,
        },
        "response": {
            "status": status, "statusText": "", "httpVersion": "HTTP/1.1", "headers": headers, "cookies": [],
            "content": content, "redirectURL": "", "headersSize": -1, "bodySize": -1,
        },
        "cache": {},
        "timings": {"send": 0, "wait": 0, "receive": 0},
    })
}
