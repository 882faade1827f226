//! Reads HAR files of any length as a stream. Only the current element is kept in memory.
//!
//! Fields can come in any order: Chrome writes the messages of a connection before its URL. Their names are compared without
//! case, `_` and `-`, in which producers differ.

mod trace;

use std::{
    io::{BufRead, Read},
    ops::RangeInclusive,
};

use base64::Engine as _;
use bytes::Bytes;
use livetape_core::{
    observer::is_push_frame,
    recording::{HTTP_BODY_BYTES_MAX, records::HttpHeader},
};

use super::{
    Error,
    captured::{About, Capture, CaptureEntry, CaptureItem, CapturedFrame, Said, URL_BYTES_MAX, Visit},
    content::{BASE64, PLACEHOLDER, decode_plain, frame_as, frame_in, is_destroyed, is_placeholder, is_sent},
    json::{Data, Json, LONE, TEXT_BYTES_MAX},
    merge::parse_date,
    source::{RESOURCES, Unpacked, next_line},
};

pub(super) use trace::Trace;

pub(super) struct Har<'a>(pub(super) &'a Unpacked<'a>);

impl Capture for Har<'_> {
    fn read(&self, visit: &mut dyn Visit) -> Result<(), Error> {
        let (mut json, mut entries) = (Json::new(self.0.open()?), 0);
        if json.is_list()? {
            json.list(|json| self.entry(json, &mut entries, visit))?;
        } else {
            // Some producers omit the object `log`.
            json.object(|json, name| match name {
                "log" => {
                    json.object(|json, name| self.log(name, json, &mut entries, visit))?;
                    Ok(true)
                }
                _ => self.log(name, json, &mut entries, visit),
            })?;
        }
        json.end()
    }
}

impl Har<'_> {
    /// Reads a field of the log. `entries` is the number of entries so far.
    fn log(
        &self,
        name: &str,
        json: &mut Json<impl Read>,
        entries: &mut u64,
        visit: &mut dyn Visit,
    ) -> Result<bool, Error> {
        match name {
            "creator" => {
                let [name, version] = json.texts(["name", "version"])?;
                visit.about(About::Producer(name, version));
            }
            "pages" => json.list(|json| {
                let [title] = json.texts(["title"])?;
                visit.about(About::Page(title));
                Ok(())
            })?,
            "entries" => json.list(|json| self.entry(json, entries, visit))?,
            // The messages of one connection, without its exchange.
            _ if MESSAGES.contains(&name) && json.is_list()? => {
                let mut fields = EntryFields::new(*entries, visit, self.0);
                *entries += 1;
                fields.messages(json)?;
                fields.finish()?;
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn entry(
        &self,
        json: &mut Json<impl Read>,
        entries: &mut u64,
        visit: &mut dyn Visit,
    ) -> Result<(), Error> {
        *entries += 1;
        entry(self.0, *entries - 1, json, visit)
    }
}

fn entry(
    har: &Unpacked<'_>,
    id: u64,
    json: &mut Json<impl Read>,
    visit: &mut dyn Visit,
) -> Result<(), Error> {
    if !json.is_object()? {
        visit.about(About::Skipped(id, "not an object".into()));
        return json.skip();
    }
    let mut fields = EntryFields::new(id, visit, har);
    json.take_lone();
    json.object(|json, name| fields.field(name, json))?;
    if json.take_lone() && !fields.entry.is_socket {
        fields.visit.about(About::Skipped(id, format!("not Unicode ({LONE})")));
        return Ok(());
    }
    fields.finish()
}

/// Playwright's `.jsonl` of frames, without its HAR.
pub(super) struct Messages<'a>(pub(super) &'a Unpacked<'a>);

impl Capture for Messages<'_> {
    fn read(&self, visit: &mut dyn Visit) -> Result<(), Error> {
        visit.about(About::Producer("Playwright".into(), String::new()));
        visit.entry(0, CaptureEntry { is_socket: true, ..CaptureEntry::default() })?;
        lines(self.0.open_lines()?, 0, visit)
    }
}

/// Reads messages, one per line.
fn lines(mut input: impl BufRead, id: u64, visit: &mut dyn Visit) -> Result<(), Error> {
    let (mut line, mut fields) = (Vec::new(), MessageFields::default());
    while next_line(&mut input, &mut line, TEXT_BYTES_MAX)? {
        let wants_data = visit.wants_data(id);
        visit.message(id, parse(&mut line, &mut fields, wants_data))?;
    }
    Ok(())
}

const HEADERS_MAX: usize = 200;
/// Names of the list of messages.
pub(super) const MESSAGES: [&str; 6] =
    ["websocketmessages", "websocketframes", "wsmessages", "wsframes", "messages", "frames"];
/// Possible values of a status. Browsers write 0 or -1 for a request that had no answer.
const STATUSES: RangeInclusive<f64> = -1.0..=999.0;

/// Status of an exchange that opened a WebSocket, whatever the scheme of its address.
const SWITCHING_PROTOCOLS: u16 = 101;
/// Opcode of a pong.
const OPCODE_MAX: f64 = 10.0;

/// The fields of an entry read so far.
struct EntryFields<'a> {
    id: u64,
    visit: &'a mut dyn Visit,
    har: &'a Unpacked<'a>,
    entry: CaptureEntry,
    status: Option<u16>,
    /// Separate file with the body or the frames.
    file: String,
    /// The body; `None` if it is too long to keep.
    text: Option<String>,
    is_base64: bool,
    has_messages: bool,
    /// Name of an unknown list.
    unread: Option<String>,
    message: MessageFields,
}

impl<'a> EntryFields<'a> {
    fn new(id: u64, visit: &'a mut dyn Visit, har: &'a Unpacked<'a>) -> Self {
        let (file, text) = (String::new(), Some(String::new()));
        let (entry, message) = (CaptureEntry::default(), MessageFields::default());
        let (status, is_base64, has_messages, unread) = (None, false, false, None);
        Self { id, visit, har, entry, status, file, text, is_base64, has_messages, unread, message }
    }

    /// Emits the entry, once all fields are known.
    fn finish(mut self) -> Result<(), Error> {
        if !self.entry.is_socket && self.entry.url.is_empty() {
            self.visit.about(About::Skipped(self.id, "without an address".into()));
            return Ok(());
        }
        self.entry.status = self.status.unwrap_or_default();
        if !self.entry.is_socket && self.entry.role().is_some() {
            match self.missing().map_or_else(|| self.read_body(), |what| Err(what.to_owned())) {
                Ok(body) => self.entry.body = body.into(),
                Err(error) => self.entry.unreadable = Some(error),
            }
        }
        let is_socket = self.entry.is_socket;
        self.visit.entry(self.id, self.entry)?;
        match is_socket {
            true if !self.file.is_empty() => match self.har.open_beside(&self.file) {
                Ok(input) => lines(input, self.id, self.visit),
                Err(error) => {
                    self.visit.message(self.id, CaptureItem::said(None, Said::Bad(error.to_string())))
                }
            },
            true if !self.has_messages => {
                self.visit.about(About::WithoutMessages(self.unread));
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Returns what an exchange lacks: a default in its place would look like something that was captured.
    fn missing(&self) -> Option<&'static str> {
        let parts = [
            (self.entry.method.is_empty(), "an exchange without a method"),
            (self.status.is_none(), "an exchange without a status"),
            (self.entry.started_ms.is_none(), "an exchange without a time"),
        ];
        parts.into_iter().find_map(|(is_missing, what)| is_missing.then_some(what))
    }

    fn read_body(&mut self) -> Result<Vec<u8>, String> {
        if !self.file.is_empty() {
            return self.read_file().map_err(|error| error.to_string());
        }
        let text = self.text.take().ok_or_else(|| Error::TooLong { bytes: TEXT_BYTES_MAX }.to_string())?;
        match self.is_base64 {
            true => BASE64.decode(text).map_err(|error| format!("a body is not base64: {error}")),
            false => Ok(text.into()),
        }
    }

    fn read_file(&self) -> Result<Vec<u8>, Error> {
        let mut body = Vec::new();
        let limit = HTTP_BODY_BYTES_MAX as u64 + 1;
        let input = self.har.open_beside(&self.file)?;
        input.take(limit).read_to_end(&mut body).map_err(Error::Read)?;
        Ok(body)
    }

    /// Whether the body may be worth recording, as far as known.
    fn wants_body(&self) -> bool {
        !self.entry.is_socket && (self.entry.url.is_empty() || self.entry.role().is_some())
    }

    fn field(&mut self, name: &str, json: &mut Json<impl Read>) -> Result<bool, Error> {
        match name {
            "resourcetype" => self.entry.is_socket |= json.string()?.eq_ignore_ascii_case("websocket"),
            "starteddatetime" => self.entry.started_ms = parse_date(&json.string()?),
            "request" => json.object(|json, name| self.request(name, json))?,
            "response" => json.object(|json, name| self.response(name, json))?,
            // Charles has them in an object.
            "websocket" if json.is_object()? => json.object(|json, name| match name {
                "messages" => self.messages(json).map(|()| true),
                _ => Ok(false),
            })?,
            _ if MESSAGES.contains(&name) => self.messages(json)?,
            _ if json.is_list()? => {
                self.unread.get_or_insert_with(|| json.name().to_owned());
                return Ok(false);
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn messages(&mut self, json: &mut Json<impl Read>) -> Result<(), Error> {
        (self.entry.is_socket, self.has_messages) = (true, true);
        if !json.is_list_or_null()? {
            self.visit.about(About::Skipped(self.id, "messages that are not a list".into()));
        }
        json.list(|json| self.message(json))
    }

    fn message(&mut self, json: &mut Json<impl Read>) -> Result<(), Error> {
        self.message.begin(self.visit.wants_data(self.id));
        let had_lone = json.take_lone();
        json.object(|json, name| self.message.field(name, json))?;
        let mut item = self.message.read();
        if json.take_lone() && item.said.is_some() {
            item.said = Some(Said::Bad(format!("a message that is not Unicode ({LONE})")));
        }
        json.set_lone(had_lone);
        self.visit.message(self.id, item)
    }

    fn request(&mut self, name: &str, json: &mut Json<impl Read>) -> Result<bool, Error> {
        match name {
            "method" => self.entry.method = json.string()?,
            "url" => {
                let mut url = json.string()?;
                url.truncate(url.floor_char_boundary(URL_BYTES_MAX));
                self.entry.is_socket |= url.starts_with("ws:") || url.starts_with("wss:");
                self.entry.url = url;
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn response(&mut self, name: &str, json: &mut Json<impl Read>) -> Result<bool, Error> {
        match name {
            "status" => {
                let status = json.float()?.filter(|status| STATUSES.contains(status));
                self.status = status.map(|status| status as u16);
                self.entry.is_socket |= self.status == Some(SWITCHING_PROTOCOLS);
            }
            "headers" => json.list(|json| {
                let [name, value] = json.texts(["name", "value"])?;
                if self.entry.headers.len() < HEADERS_MAX {
                    self.entry.headers.push(HttpHeader { name, value });
                }
                Ok(())
            })?,
            "content" => json.object(|json, name| {
                match name {
                    "text" if self.wants_body() => self.text = json.string_if_short()?,
                    "encoding" => self.is_base64 = json.string()? == "base64",
                    // In traces of Playwright before 1.65, the name of a file in a folder.
                    "sha1" => self.file = format!("{RESOURCES}{}", json.string()?),
                    "file" => self.file = json.string()?,
                    _ => return Ok(false),
                }
                Ok(true)
            })?,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

/// The fields of a message. Reused for each message.
#[derive(Default)]
struct MessageFields {
    wants_data: bool,
    is_error: bool,
    /// Whether the client sent it, if known.
    sent: Option<bool>,
    /// A direction that is not known.
    kind: String,
    time: Option<f64>,
    opcode: Option<f64>,
    data: Option<Data>,
    text: String,
}

impl MessageFields {
    fn field(&mut self, name: &str, json: &mut Json<impl Read>) -> Result<bool, Error> {
        match name {
            "type" | "direction" | "source" => {
                json.string_into(&mut self.text)?;
                match self.text.to_ascii_lowercase().as_str() {
                    "send" | "sent" | "outgoing" | "client" => self.sent = Some(true),
                    "receive" | "received" | "incoming" | "server" => self.sent = Some(false),
                    "error" => self.is_error = true,
                    "binary" => self.opcode = self.opcode.or(Some(2.0)),
                    "text" => self.opcode = self.opcode.or(Some(1.0)),
                    _ => self.kind.clone_from(&self.text),
                }
            }
            "time" | "timestamp" | "start" => self.time = json.time()?,
            "opcode" => self.opcode = json.float()?,
            "data" | "payload" | "payloaddata" | "content" if self.wants_data => self.data = json.data()?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Clears the previous message.
    fn begin(&mut self, wants_data: bool) {
        self.kind.clear();
        (self.time, self.opcode, self.sent, self.data) = (None, None, None, None);
        (self.wants_data, self.is_error) = (wants_data, false);
    }

    fn read(&mut self) -> CaptureItem {
        // -1 means that the time is unknown.
        let time = self.time.filter(|time| *time >= 0.0 && time.is_finite());
        CaptureItem { time, said: self.wants_data.then(|| self.said().unwrap_or_else(Said::Bad)) }
    }

    fn said(&mut self) -> Result<Said, String> {
        if self.is_error || self.opcode.is_some_and(|opcode| opcode < 0.0) {
            let text = match self.data.take() {
                Some(Data::Text(text)) => text,
                _ => String::new(),
            };
            return Ok(Said::Trouble(text));
        }
        let (opcode, bytes) = self.content()?;
        let sent = match self.sent {
            Some(sent) => sent,
            None if self.kind.is_empty() && is_sent(&bytes) => true,
            None if self.kind.is_empty() && is_push_frame(&bytes) => false,
            None => return Err("a message that is neither sent nor received".into()),
        };
        Ok(Said::Frame(CapturedFrame { opcode, sent, injected: false, bytes }))
    }

    /// Returns the opcode and the bytes. A frame of TikTok LIVE is recognised, whatever its opcode.
    fn content(&mut self) -> Result<(u32, Bytes), String> {
        const BINARY: u32 = 2;
        let text = match self.data.take() {
            Some(Data::Text(text)) => text,
            Some(Data::Bytes(bytes)) => return Ok((BINARY, frame_in(&bytes).unwrap_or(bytes))),
            None => return Err("a message without data".into()),
        };
        if let Some(frame) = frame_as(&text) {
            return Ok((BINARY, frame));
        }
        match self.opcode.map(|opcode| (opcode, opcode as u8)) {
            _ if is_placeholder(&text) => Err(format!("a frame {PLACEHOLDER}")),
            None | Some((_, 1)) if is_destroyed(&text) => {
                Err("a binary frame that was stored as text, which lost its bytes".into())
            }
            None | Some((_, 1)) => Ok((1, text.into())),
            Some((exact, _)) if exact > OPCODE_MAX || exact.fract() != 0.0 => {
                Err(format!("a message with opcode {exact}"))
            }
            Some((_, opcode)) => {
                let bytes = decode_plain(&text).map_err(|reason| format!("a frame {reason}"))?;
                Ok(frame_in(&bytes).map_or((opcode.into(), bytes), |frame| (BINARY, frame)))
            }
        }
    }
}

/// Parses a message on its own line. Leaves the line empty.
fn parse(line: &mut Vec<u8>, fields: &mut MessageFields, wants_data: bool) -> CaptureItem {
    fields.begin(wants_data);
    let mut json = Json::whole(std::mem::take(line));
    let read = json.object(|json, name| fields.field(name, json)).and_then(|()| json.end());
    *line = json.into_bytes();
    line.clear();
    match read {
        Err(error) => CaptureItem::said(None, Said::Bad(error.to_string())),
        Ok(()) => fields.read(),
    }
}
