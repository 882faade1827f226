//! Reads HAR files of any length as a stream. Only the current element is kept in memory.
//!
//! Fields can come in any order: Chrome writes the messages of a connection before its URL.

mod json;
#[cfg(test)]
mod tests;

use std::{
    cell::RefCell,
    io::{BufRead, Read},
    ops::RangeInclusive,
};

use base64::Engine as _;
use bytes::Bytes;
use livetape_core::recording::{HTTP_BODY_BYTES_MAX, records::HttpHeader};

use super::{
    Error,
    captured::{About, Capture, CaptureEntry, CaptureItem, CapturedFrame, Said, URL_BYTES_MAX, Visit},
    lines::BASE64,
    merge::parse_date,
    source::{Unpacked, next_line},
};

use json::{Json, List, Object, TEXT_BYTES_MAX};

/// Why a string is not Unicode.
const LONE: &str = "half of a surrogate pair";

pub(super) struct Har<'a>(pub(super) &'a Unpacked<'a>);

impl Capture for Har<'_> {
    fn read(&self, visit: &mut dyn Visit) -> Result<(), Error> {
        let context = Context { visit: RefCell::new(visit), har: self.0 };
        let mut json = Json::new(self.0.open()?);
        json.object(&mut Root(&context))?;
        json.end()
    }
}

/// Playwright's `.jsonl` of frames, without its HAR.
pub(super) struct Messages<'a>(pub(super) &'a Unpacked<'a>);

impl Capture for Messages<'_> {
    fn read(&self, visit: &mut dyn Visit) -> Result<(), Error> {
        visit.about(About::Producer("Playwright".into(), String::new()));
        visit.entry(0, CaptureEntry { is_socket: true, ..CaptureEntry::default() })?;
        lines(self.0.open()?, 0, visit)
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

/// Shared by all parts of the reader.
struct Context<'a, 'v> {
    visit: RefCell<&'v mut dyn Visit>,
    har: &'a Unpacked<'a>,
}

struct Root<'a, 'v>(&'a Context<'a, 'v>);

impl Object for Root<'_, '_> {
    fn field<R: Read>(&mut self, name: &str, json: &mut Json<R>) -> Result<bool, Error> {
        if name != "log" {
            return Ok(false);
        }
        json.object(&mut Log { context: self.0, entries: 0 })?;
        Ok(true)
    }
}

struct Log<'a, 'v> {
    context: &'a Context<'a, 'v>,
    entries: u64,
}

impl Object for Log<'_, '_> {
    fn field<R: Read>(&mut self, name: &str, json: &mut Json<R>) -> Result<bool, Error> {
        match name {
            "creator" => {
                let mut creator = Texts::new(["name", "version"]);
                json.object(&mut creator)?;
                let [name, version] = creator.values;
                self.context.visit.borrow_mut().about(About::Producer(name, version));
            }
            "pages" => json.list(&mut Pages(self.context))?,
            "entries" => json.list(self)?,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

impl List for Log<'_, '_> {
    fn item<R: Read>(&mut self, json: &mut Json<R>) -> Result<(), Error> {
        let (id, context) = (self.entries, self.context);
        self.entries += 1;
        if !json.is_object()? {
            context.visit.borrow_mut().about(About::Skipped(id, "not an object".into()));
            return json.skip();
        }
        let mut fields = EntryFields::new(id, context);
        json.take_lone();
        json.object(&mut fields)?;
        if json.take_lone() && !fields.is_socket() {
            let why = format!("not Unicode ({LONE})");
            context.visit.borrow_mut().about(About::Skipped(id, why));
            return Ok(());
        }
        fields.finish()
    }
}

struct Pages<'a, 'v>(&'a Context<'a, 'v>);

impl List for Pages<'_, '_> {
    fn item<R: Read>(&mut self, json: &mut Json<R>) -> Result<(), Error> {
        let mut page = Texts::new(["title"]);
        json.object(&mut page)?;
        let [title] = page.values;
        self.0.visit.borrow_mut().about(About::Page(title));
        Ok(())
    }
}

/// Selected fields of an object, as strings.
struct Texts<const N: usize> {
    names: [&'static str; N],
    values: [String; N],
}

impl<const N: usize> Texts<N> {
    fn new(names: [&'static str; N]) -> Self {
        Self { names, values: std::array::from_fn(|_| String::new()) }
    }
}

impl<const N: usize> Object for Texts<N> {
    fn field<R: Read>(&mut self, name: &str, json: &mut Json<R>) -> Result<bool, Error> {
        let Some(at) = self.names.iter().position(|known| *known == name) else { return Ok(false) };
        json.string_into(&mut self.values[at])?;
        Ok(true)
    }
}

const HEADERS_MAX: usize = 200;
/// Possible values of a status. Browsers write 0 or -1 for a request that had no answer.
const STATUSES: RangeInclusive<f64> = -1.0..=999.0;

/// The fields of an entry read so far.
struct EntryFields<'a, 'v> {
    id: u64,
    context: &'a Context<'a, 'v>,
    entry: CaptureEntry,
    status: Option<u16>,
    /// Separate file with the body or the frames.
    file: String,
    /// The body; `None` if it is too long to keep.
    text: Option<String>,
    is_base64: bool,
    message: MessageFields,
}

impl<'a, 'v> EntryFields<'a, 'v> {
    fn new(id: u64, context: &'a Context<'a, 'v>) -> Self {
        let (file, text) = (String::new(), Some(String::new()));
        let message = MessageFields::default();
        let entry = CaptureEntry::default();
        Self { id, context, entry, status: None, file, text, is_base64: false, message }
    }

    /// Whether the entry is a connection, as far as known.
    fn is_socket(&self) -> bool {
        self.entry.is_socket
    }

    /// Emits the entry, once all fields are known.
    fn finish(mut self) -> Result<(), Error> {
        if !self.entry.is_socket && self.entry.url.is_empty() {
            self.context.visit.borrow_mut().about(About::Skipped(self.id, "without an address".into()));
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
        let mut visit = self.context.visit.borrow_mut();
        visit.entry(self.id, self.entry)?;
        if !is_socket || self.file.is_empty() {
            return Ok(());
        }
        lines(self.context.har.open_beside(&self.file)?, self.id, *visit)
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
        let input = self.context.har.open_beside(&self.file)?;
        input.take(limit).read_to_end(&mut body).map_err(Error::Read)?;
        Ok(body)
    }

    /// Whether the body may be worth recording, as far as known.
    fn wants_body(&self) -> bool {
        !self.entry.is_socket && (self.entry.url.is_empty() || self.entry.role().is_some())
    }
}

impl Object for EntryFields<'_, '_> {
    fn field<R: Read>(&mut self, name: &str, json: &mut Json<R>) -> Result<bool, Error> {
        match name {
            "_resourceType" => {
                self.entry.is_socket |= json.string()? == "websocket";
            }
            "startedDateTime" => {
                self.entry.started_ms = parse_date(&json.string()?);
            }
            "request" => json.object(&mut Request(self))?,
            "response" => json.object(&mut Response(self))?,
            "_webSocketMessages" => {
                self.entry.is_socket = true;
                json.list(self)?;
            }
            _ => return Ok(false),
        }
        Ok(true)
    }
}

/// The elements of `_webSocketMessages`.
impl List for EntryFields<'_, '_> {
    fn item<R: Read>(&mut self, json: &mut Json<R>) -> Result<(), Error> {
        let mut visit = self.context.visit.borrow_mut();
        self.message.begin(visit.wants_data(self.id));
        let had_lone = json.take_lone();
        json.object(&mut self.message)?;
        let mut item = self.message.read();
        if json.take_lone() && item.said.is_some() {
            item.said = Some(Said::Bad(format!("a message that is not Unicode ({LONE})")));
        }
        json.set_lone(had_lone);
        visit.message(self.id, item)
    }
}

struct Request<'e, 'a, 'v>(&'e mut EntryFields<'a, 'v>);

impl Object for Request<'_, '_, '_> {
    fn field<R: Read>(&mut self, name: &str, json: &mut Json<R>) -> Result<bool, Error> {
        match name {
            "method" => self.0.entry.method = json.string()?,
            "url" => {
                let mut url = json.string()?;
                url.truncate(url.floor_char_boundary(URL_BYTES_MAX));
                self.0.entry.is_socket |= url.starts_with("ws:") || url.starts_with("wss:");
                self.0.entry.url = url;
            }
            _ => return Ok(false),
        }
        Ok(true)
    }
}

struct Response<'e, 'a, 'v>(&'e mut EntryFields<'a, 'v>);

impl Object for Response<'_, '_, '_> {
    fn field<R: Read>(&mut self, name: &str, json: &mut Json<R>) -> Result<bool, Error> {
        match name {
            "status" => {
                let status = json.float()?.filter(|status| STATUSES.contains(status));
                self.0.status = status.map(|status| status as u16);
            }
            "headers" => json.list(&mut Headers(self.0))?,
            "content" => json.object(&mut Content(self.0))?,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

struct Headers<'e, 'a, 'v>(&'e mut EntryFields<'a, 'v>);

impl List for Headers<'_, '_, '_> {
    fn item<R: Read>(&mut self, json: &mut Json<R>) -> Result<(), Error> {
        let mut header = Texts::new(["name", "value"]);
        json.object(&mut header)?;
        let [name, value] = header.values;
        if self.0.entry.headers.len() < HEADERS_MAX {
            self.0.entry.headers.push(HttpHeader { name, value });
        }
        Ok(())
    }
}

struct Content<'e, 'a, 'v>(&'e mut EntryFields<'a, 'v>);

impl Object for Content<'_, '_, '_> {
    fn field<R: Read>(&mut self, name: &str, json: &mut Json<R>) -> Result<bool, Error> {
        match name {
            "text" if self.0.wants_body() => self.0.text = json.string_if_short()?,
            "encoding" => self.0.is_base64 = json.string()? == "base64",
            "_file" => self.0.file = json.string()?,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

/// The fields of a message. Reused for each message.
#[derive(Default)]
struct MessageFields {
    wants_data: bool,
    kind: String,
    time: Option<f64>,
    opcode: Option<f64>,
    data: String,
}

impl Object for MessageFields {
    fn field<R: Read>(&mut self, name: &str, json: &mut Json<R>) -> Result<bool, Error> {
        match name {
            "type" => json.string_into(&mut self.kind)?,
            "time" => self.time = json.float()?,
            "opcode" => self.opcode = json.float()?,
            "data" if self.wants_data => json.string_into(&mut self.data)?,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

impl MessageFields {
    /// Clears the previous message.
    fn begin(&mut self, wants_data: bool) {
        self.kind.clear();
        self.data.clear();
        (self.time, self.opcode, self.wants_data) = (None, None, wants_data);
    }

    fn read(&mut self) -> CaptureItem {
        // -1 means that the time is unknown.
        let time = self.time.filter(|time| *time >= 0.0);
        CaptureItem { time, said: self.wants_data.then(|| self.said()) }
    }

    fn said(&mut self) -> Said {
        let Some(opcode) = self.opcode else { return Said::Bad("a message without an opcode".into()) };
        if self.kind == "error" || opcode < 0.0 {
            return Said::Trouble(std::mem::take(&mut self.data));
        }
        let sent = match self.kind.as_str() {
            "send" | "sent" => true,
            "receive" | "received" => false,
            _ => return Said::Bad("a message that is neither sent nor received".into()),
        };
        let opcode = opcode as u8;
        let bytes = match opcode {
            1 => Bytes::from(std::mem::take(&mut self.data)),
            _ => match BASE64.decode(&self.data) {
                Ok(bytes) => Bytes::from(bytes),
                Err(error) => return Said::Bad(format!("a frame is not base64: {error}")),
            },
        };
        Said::Frame(CapturedFrame { opcode: opcode.into(), sent, injected: false, bytes })
    }
}

/// Parses a message on its own line. Leaves the line empty.
fn parse(line: &mut Vec<u8>, fields: &mut MessageFields, wants_data: bool) -> CaptureItem {
    fields.begin(wants_data);
    let mut json = Json::whole(std::mem::take(line));
    let read = json.object(fields).and_then(|()| json.end());
    *line = json.into_bytes();
    line.clear();
    match read {
        Err(error) => CaptureItem::said(None, Said::Bad(error.to_string())),
        Ok(()) => fields.read(),
    }
}
