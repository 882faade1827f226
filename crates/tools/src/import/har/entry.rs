//! One of `entries`: a connection or an exchange.

use std::io::Read;

use base64::Engine as _;

use super::{
    super::{
        captured::{Entry, URL_BYTES_MAX},
        lines::BASE64,
        times::parse_date,
    },
    Context, Failed, Texts,
    json::{Json, List, Object},
    lines,
    message::MessageFields,
};
use crate::sans_io::recording::{HTTP_BODY_BYTES_MAX, records::HttpHeader};

/// Most headers of an exchange.
const HEADERS_MAX: usize = 200;

/// What is known of an entry so far.
pub(super) struct EntryFields<'a, 'v> {
    id: u64,
    context: &'a Context<'a, 'v>,
    entry: Entry,
    /// The file beside the HAR that holds body or frames.
    file: String,
    text: String,
    is_base64: bool,
    message: MessageFields,
}

impl<'a, 'v> EntryFields<'a, 'v> {
    pub(super) fn new(id: u64, context: &'a Context<'a, 'v>) -> Self {
        let (file, text) = (String::new(), String::new());
        let message = MessageFields::default();
        Self { id, context, entry: Entry::default(), file, text, is_base64: false, message }
    }

    /// All fields are known: hands the entry out.
    pub(super) fn finish(mut self) -> Result<(), Failed> {
        let with_body = self.context.visit.borrow().wants_bodies();
        if !self.entry.is_socket && with_body && self.entry.role().is_some() {
            self.read_body()?;
        }
        let is_socket = self.entry.is_socket;
        self.context.visit.borrow_mut().entry(self.id, self.entry)?;
        if !is_socket || self.file.is_empty() {
            return Ok(());
        }
        let input = self.context.har.open_beside(&self.file)?;
        Ok(lines(input, self.id, *self.context.visit.borrow_mut())??)
    }

    fn read_body(&mut self) -> Result<(), super::Error> {
        if !self.file.is_empty() {
            let mut body = Vec::new();
            let limit = HTTP_BODY_BYTES_MAX as u64 + 1;
            let input = self.context.har.open_beside(&self.file)?;
            input.take(limit).read_to_end(&mut body).map_err(super::Error::Read)?;
            self.entry.body = body.into();
        } else if self.is_base64 {
            self.entry.body = BASE64.decode(&self.text).unwrap_or_default().into();
        } else {
            self.entry.body = std::mem::take(&mut self.text).into();
        }
        Ok(())
    }
}

impl Object for EntryFields<'_, '_> {
    fn field<R: Read>(&mut self, name: &str, json: &mut Json<R>) -> Result<bool, Failed> {
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

/// The messages.
impl List for EntryFields<'_, '_> {
    fn item<R: Read>(&mut self, json: &mut Json<R>) -> Result<(), Failed> {
        let mut visit = self.context.visit.borrow_mut();
        self.message.begin(visit.wants_data(self.id));
        json.object(&mut self.message)?;
        Ok(visit.message(self.id, self.message.read())?)
    }
}

struct Request<'e, 'a, 'v>(&'e mut EntryFields<'a, 'v>);

impl Object for Request<'_, '_, '_> {
    fn field<R: Read>(&mut self, name: &str, json: &mut Json<R>) -> Result<bool, Failed> {
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
    fn field<R: Read>(&mut self, name: &str, json: &mut Json<R>) -> Result<bool, Failed> {
        match name {
            "status" => {
                let status = json.float()?.unwrap_or_default();
                self.0.entry.status = status as u16;
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
    fn item<R: Read>(&mut self, json: &mut Json<R>) -> Result<(), Failed> {
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
    fn field<R: Read>(&mut self, name: &str, json: &mut Json<R>) -> Result<bool, Failed> {
        match name {
            "text" if self.0.context.visit.borrow().wants_bodies() => {
                self.0.text = json.string()?;
            }
            "encoding" => self.0.is_base64 = json.string()? == "base64",
            "_file" => self.0.file = json.string()?,
            _ => return Ok(false),
        }
        Ok(true)
    }
}
