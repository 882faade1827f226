//! An element of `entries`: a connection or an exchange.

use std::{io::Read, ops::RangeInclusive};

use base64::Engine as _;
use livetape_core::recording::{HTTP_BODY_BYTES_MAX, records::HttpHeader};

use super::{
    super::{
        Error,
        captured::{About, CaptureEntry, Said, URL_BYTES_MAX},
        lines::BASE64,
        times::parse_date,
    },
    Context, LONE, Texts,
    json::{Json, List, Object},
    lines,
    message::MessageFields,
    window::TEXT_BYTES_MAX,
};

const HEADERS_MAX: usize = 200;
/// Possible values of a status. Browsers write 0 or -1 for a request that had no answer.
const STATUSES: RangeInclusive<f64> = -1.0..=999.0;

/// The fields of an entry read so far.
pub(super) struct EntryFields<'a, 'v> {
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
    pub(super) fn new(id: u64, context: &'a Context<'a, 'v>) -> Self {
        let (file, text) = (String::new(), Some(String::new()));
        let message = MessageFields::default();
        let entry = CaptureEntry::default();
        Self { id, context, entry, status: None, file, text, is_base64: false, message }
    }

    /// Whether the entry is a connection, as far as known.
    pub(super) fn is_socket(&self) -> bool {
        self.entry.is_socket
    }

    /// Emits the entry, once all fields are known.
    pub(super) fn finish(mut self) -> Result<(), Error> {
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
