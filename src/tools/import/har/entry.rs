//! One of `entries`: a connection or an exchange.

use base64::Engine as _;
use serde::de::{MapAccess, SeqAccess};

use super::{
    super::{
        captured::{Entry, URL_BYTES_MAX},
        lines::BASE64,
        times::parse_date,
    },
    Context, Failed, Texts,
    json::{AsList, AsObject, List, Object, Scalar},
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
}

impl<'a, 'v> EntryFields<'a, 'v> {
    pub(super) fn new(id: u64, context: &'a Context<'a, 'v>) -> Self {
        let (file, text) = (String::new(), String::new());
        Self { id, context, entry: Entry::default(), file, text, is_base64: false }
    }

    /// All fields are known: hands the entry out.
    pub(super) fn finish<E: serde::de::Error>(mut self) -> Result<(), E> {
        let with_body = self.context.visit.borrow().wants_bodies();
        if !self.entry.is_socket && with_body && self.entry.role().is_some() {
            self.read_body().map_err(|error| self.context.fail(Failed::Error(error)))?;
        }
        let is_socket = self.entry.is_socket;
        let told = self.context.visit.borrow_mut().entry(self.id, self.entry);
        self.context.go_on(told)?;
        if !is_socket || self.file.is_empty() {
            return Ok(());
        }
        let input = self.context.har.open_beside(&self.file);
        let read = input.and_then(|input| lines(input, self.id, *self.context.visit.borrow_mut()));
        let told = read.map_err(|error| self.context.fail(Failed::Error(error)))?;
        self.context.go_on(told)
    }

    fn read_body(&mut self) -> Result<(), super::Error> {
        use std::io::Read as _;
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
    fn field<'de, A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<bool, A::Error> {
        let reins = self.context.reins;
        match name {
            "_resourceType" => {
                self.entry.is_socket |= map.next_value::<Scalar>()?.into_text() == "websocket";
            }
            "startedDateTime" => {
                self.entry.started_ms = parse_date(&map.next_value::<Scalar>()?.into_text());
            }
            "request" => map.next_value_seed(AsObject(&mut Request(self), reins))?,
            "response" => map.next_value_seed(AsObject(&mut Response(self), reins))?,
            "_webSocketMessages" => {
                self.entry.is_socket = true;
                map.next_value_seed(AsList(self, reins))?;
            }
            _ => return Ok(false),
        }
        Ok(true)
    }
}

/// The messages.
impl List for EntryFields<'_, '_> {
    fn item<'de, A: SeqAccess<'de>>(&mut self, list: &mut A) -> Result<bool, A::Error> {
        let mut fields = MessageFields::default();
        if list.next_element_seed(AsObject(&mut fields, self.context.reins))?.is_none() {
            return Ok(false);
        }
        let told = self.context.visit.borrow_mut().message(self.id, fields.read());
        self.context.go_on(told)?;
        Ok(true)
    }
}

struct Request<'e, 'a, 'v>(&'e mut EntryFields<'a, 'v>);

impl Object for Request<'_, '_, '_> {
    fn field<'de, A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<bool, A::Error> {
        match name {
            "method" => self.0.entry.method = map.next_value::<Scalar>()?.into_text(),
            "url" => {
                let mut url = map.next_value::<Scalar>()?.into_text();
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
    fn field<'de, A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<bool, A::Error> {
        let reins = self.0.context.reins;
        match name {
            "status" => {
                let status = map.next_value::<Scalar>()?.number().unwrap_or_default();
                self.0.entry.status = status as u16;
            }
            "headers" => map.next_value_seed(AsList(&mut Headers(self.0), reins))?,
            "content" => map.next_value_seed(AsObject(&mut Content(self.0), reins))?,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

struct Headers<'e, 'a, 'v>(&'e mut EntryFields<'a, 'v>);

impl List for Headers<'_, '_, '_> {
    fn item<'de, A: SeqAccess<'de>>(&mut self, list: &mut A) -> Result<bool, A::Error> {
        let mut header = Texts::new(["name", "value"]);
        if list.next_element_seed(AsObject(&mut header, self.0.context.reins))?.is_none() {
            return Ok(false);
        }
        let [name, value] = header.values;
        if self.0.entry.headers.len() < HEADERS_MAX {
            self.0.entry.headers.push(HttpHeader { name, value });
        }
        Ok(true)
    }
}

struct Content<'e, 'a, 'v>(&'e mut EntryFields<'a, 'v>);

impl Object for Content<'_, '_, '_> {
    fn field<'de, A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<bool, A::Error> {
        match name {
            "text" if self.0.context.visit.borrow().wants_bodies() => {
                self.0.text = map.next_value::<Scalar>()?.into_text();
            }
            "encoding" => self.0.is_base64 = map.next_value::<Scalar>()?.into_text() == "base64",
            "_file" => self.0.file = map.next_value::<Scalar>()?.into_text(),
            _ => return Ok(false),
        }
        Ok(true)
    }
}
