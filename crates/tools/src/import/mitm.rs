//! Reads flow files of mitmproxy: one typed netstring per flow. The complete messages of a truncated flow are
//! imported.

use std::io::{BufRead, ErrorKind, Read};

use bytes::Bytes;
use livetape_core::{
    recording::{HTTP_BODY_BYTES_MAX, records::HttpHeader},
    wire,
};

use super::{
    Error,
    captured::{
        About, Capture, CaptureEntry, CaptureItem, CapturedFrame, Said, URL_BYTES_MAX, Visit, closed,
    },
    source::{Stream, Unpacked},
};

/// Minimum version of the format. Before it, WebSockets were a separate kind of flow.
const VERSION_MIN: u32 = 12;
/// Maximum length of a frame, in bytes, as in a recording.
const FRAME_BYTES_MAX: u64 = 16 << 20;
/// Maximum length of any other text, in bytes.
const TEXT_BYTES_MAX: u64 = 4 << 10;
const HEADERS_MAX: usize = 200;

type Input = Netstrings<Stream>;

pub(super) struct Mitmproxy<'a>(pub(super) &'a Unpacked<'a>);

impl Capture for Mitmproxy<'_> {
    fn read(&self, visit: &mut dyn Visit) -> Result<(), Error> {
        visit.about(About::Producer("mitmproxy".into(), String::new()));
        let mut input = Netstrings::new(self.0.open()?);
        for id in 0.. {
            let Some(flow) = input.next()? else { return Ok(()) };
            let mut reading = Flow {
                id,
                visit: &mut *visit,
                entry: CaptureEntry::default(),
                url: Url::default(),
                end: None,
            };
            let read = reading.read(&mut input, flow);
            // The known fields of a truncated flow help to import its messages.
            if read.is_ok() || reading.entry.is_socket {
                reading.finish()?;
            }
            read?;
        }
        Ok(())
    }
}

struct Flow<'v> {
    id: u64,
    visit: &'v mut dyn Visit,
    entry: CaptureEntry,
    url: Url,
    end: Option<CaptureItem>,
}

#[derive(Default)]
struct Url {
    scheme: String,
    host: String,
    port: Option<f64>,
    authority: String,
    path: String,
}

impl Flow<'_> {
    fn read(&mut self, input: &mut Input, flow: Value) -> Result<(), Error> {
        input.pairs(flow, |input, name, value| match name {
            "version" => {
                let version = input.number(value)?.unwrap_or_default() as u32;
                if version < VERSION_MIN { Err(Error::OldMitmproxy { version }) } else { Ok(()) }
            }
            "request" => self.request(input, value),
            "response" => self.response(input, value),
            "websocket" => self.websocket(input, value),
            _ => input.skip(value),
        })
    }

    fn request(&mut self, input: &mut Input, request: Value) -> Result<(), Error> {
        input.pairs(request, |input, name, value| {
            match name {
                "method" => self.entry.method = input.text(value, TEXT_BYTES_MAX)?,
                "scheme" => self.url.scheme = input.text(value, TEXT_BYTES_MAX)?,
                "host" => self.url.host = input.text(value, TEXT_BYTES_MAX)?,
                "authority" => self.url.authority = input.text(value, TEXT_BYTES_MAX)?,
                "port" => self.url.port = input.number(value)?,
                "path" => self.url.path = input.text(value, URL_BYTES_MAX as u64)?,
                "timestamp_start" => {
                    self.entry.started_ms = input.number(value)?.map(|seconds| seconds * 1e3);
                }
                _ => input.skip(value)?,
            }
            Ok(())
        })
    }

    fn response(&mut self, input: &mut Input, response: Value) -> Result<(), Error> {
        input.pairs(response, |input, name, value| {
            match name {
                "status_code" => self.entry.status = input.number(value)?.unwrap_or_default() as u16,
                "headers" => self.entry.headers = headers(input, value)?,
                "content" => {
                    self.entry.body = Bytes::from(input.bytes(value, HTTP_BODY_BYTES_MAX as u64 + 1)?);
                }
                _ => input.skip(value)?,
            }
            Ok(())
        })
    }

    fn websocket(&mut self, input: &mut Input, websocket: Value) -> Result<(), Error> {
        let (mut code, mut reason, mut by_us, mut time) = (None, String::new(), false, None);
        input.pairs(websocket, |input, name, value| {
            match name {
                "messages" => {
                    self.entry.is_socket = true;
                    return input.items(value, |input, item| self.message(input, item));
                }
                "close_code" => code = input.number(value)?,
                "close_reason" => reason = input.text(value, TEXT_BYTES_MAX)?,
                "closed_by_client" => by_us = input.is_true(value)?,
                "timestamp_end" => time = input.number(value)?,
                _ => input.skip(value)?,
            }
            Ok(())
        })?;
        self.end = code.map(|code| CaptureItem::said(time, Said::Closed(closed(code as u16, reason, by_us))));
        Ok(())
    }

    /// Reads `[opcode, from_client, content, timestamp, dropped, injected]`; the last field exists since
    /// version 15.
    fn message(&mut self, input: &mut Input, message: Value) -> Result<(), Error> {
        let (mut opcode, mut sent, mut bytes, mut time) = (0_u8, false, None, None);
        let (mut dropped, mut injected, mut field) = (false, false, 0);
        input.items(message, |input, value| {
            match field {
                0 => opcode = input.number(value)?.unwrap_or_default() as u8,
                1 => sent = input.is_true(value)?,
                2 if Input::is_longer(value, FRAME_BYTES_MAX) => input.skip(value)?,
                2 => bytes = Some(Bytes::from(input.bytes(value, FRAME_BYTES_MAX)?)),
                3 => time = input.number(value)?,
                4 => dropped = input.is_true(value)?,
                5 => injected = input.is_true(value)?,
                _ => input.skip(value)?,
            }
            field += 1;
            Ok(())
        })?;
        let said = match bytes {
            _ if dropped => Said::Dropped(()),
            Some(bytes) => {
                Said::Frame(CapturedFrame { opcode: opcode.into(), sent, injected, bytes }.by_content())
            }
            None => Said::Bad("a frame is too large".into()),
        };
        self.visit.message(self.id, CaptureItem::said(time, said))
    }

    fn finish(mut self) -> Result<(), Error> {
        let Url { scheme, host, port, authority, path } = self.url;
        // HTTP/2 requests and requests through a transparent proxy have the host here.
        let host = if host.is_empty() { authority } else { host };
        let scheme = match (self.entry.is_socket, scheme.as_str()) {
            (true, "http") => "ws",
            (true, _) => "wss",
            (false, scheme) => scheme,
        };
        let usual = if matches!(scheme, "http" | "ws") { 80.0 } else { 443.0 };
        let port = port.filter(|port| *port != usual).map(|port| format!(":{port}")).unwrap_or_default();
        if !host.is_empty() {
            self.entry.url = format!("{scheme}://{host}{port}{path}");
        }
        if self.entry.role().is_some() {
            self.entry.body = wire::unzip(self.entry.body, &mut Vec::new());
        }
        self.visit.entry(self.id, self.entry)?;
        self.end.map_or(Ok(()), |end| self.visit.message(self.id, end))
    }
}

fn headers(input: &mut Input, list: Value) -> Result<Vec<HttpHeader>, Error> {
    let mut headers = Vec::new();
    input.items(list, |input, pair| {
        let mut parts = Vec::new();
        input.items(pair, |input, part| {
            parts.push(input.text(part, TEXT_BYTES_MAX)?);
            Ok(())
        })?;
        if let Ok([name, value]) = <[String; 2]>::try_from(parts)
            && headers.len() < HEADERS_MAX
        {
            headers.push(HttpHeader { name, value });
        }
        Ok(())
    })?;
    Ok(headers)
}

/// Maximum number of digits in a length.
const DIGITS_MAX: usize = 12;
/// Maximum length of a number, key or other short text, in bytes.
const SHORT_BYTES_MAX: u64 = 1 << 10;

struct Netstrings<R> {
    input: R,
    at: u64,
}

/// A value of known length. It must be read or skipped before anything else.
#[derive(Clone, Copy, Debug)]
#[must_use]
struct Value {
    length: u64,
}

impl<R: BufRead> Netstrings<R> {
    fn new(input: R) -> Self {
        Self { input, at: 0 }
    }

    /// Returns the next value; `None` at the end of the input.
    fn next(&mut self) -> Result<Option<Value>, Error> {
        if self.input.fill_buf().map_err(Error::Read)?.is_empty() {
            return Ok(None);
        }
        self.value().map(Some)
    }

    fn value(&mut self) -> Result<Value, Error> {
        let mut length: u64 = 0;
        for digits in 0..=DIGITS_MAX {
            match self.byte()? {
                digit @ b'0'..=b'9' => length = length * 10 + u64::from(digit - b'0'),
                b':' if digits > 0 => return Ok(Value { length }),
                _ => break,
            }
        }
        Err(self.broken("a length is missing"))
    }

    /// Passes the pairs of a dictionary to `act`, which must read or skip each value.
    fn pairs(
        &mut self,
        dictionary: Value,
        mut act: impl FnMut(&mut Self, &str, Value) -> Result<(), Error>,
    ) -> Result<(), Error> {
        self.items(dictionary, |input, key| {
            let key = input.text(key, SHORT_BYTES_MAX)?;
            let value = input.value()?;
            act(input, &key, value)
        })
    }

    /// Passes the items of a list to `act`. Other types have no items.
    fn items(
        &mut self,
        list: Value,
        mut act: impl FnMut(&mut Self, Value) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let end = self.at + list.length;
        while self.at < end {
            let item = self.value()?;
            act(self, item)?;
        }
        if self.at > end {
            return Err(self.broken("a value longer than its container"));
        }
        self.byte().map(|_| ())
    }

    /// Reads the bytes of a value, at most `max`, and skips the rest.
    fn bytes(&mut self, value: Value, max: u64) -> Result<Vec<u8>, Error> {
        let mut bytes = Vec::new();
        let wanted = value.length.min(max);
        // Memory grows with the available bytes, regardless of the stated length.
        self.input.by_ref().take(wanted).read_to_end(&mut bytes).map_err(Error::Read)?;
        self.at += bytes.len() as u64;
        if (bytes.len() as u64) < wanted {
            return Err(Error::CutOff { at: self.at });
        }
        self.skip(Value { length: value.length - wanted })?;
        Ok(bytes)
    }

    fn text(&mut self, value: Value, max: u64) -> Result<String, Error> {
        Ok(String::from_utf8_lossy(&self.bytes(value, max)?).into_owned())
    }

    /// Reads a number; returns `None` for other values such as null.
    fn number(&mut self, value: Value) -> Result<Option<f64>, Error> {
        Ok(self.text(value, SHORT_BYTES_MAX)?.parse().ok())
    }

    fn is_true(&mut self, value: Value) -> Result<bool, Error> {
        Ok(self.text(value, SHORT_BYTES_MAX)? == "true")
    }

    /// Skips a value and its type.
    fn skip(&mut self, value: Value) -> Result<(), Error> {
        let mut left = value.length.saturating_add(1);
        while left > 0 {
            let there = match self.input.fill_buf() {
                Ok(bytes) => bytes.len() as u64,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(Error::Read(error)),
            };
            if there == 0 {
                return Err(Error::CutOff { at: self.at });
            }
            let step = left.min(there);
            self.input.consume(step as usize);
            self.at += step;
            left -= step;
        }
        Ok(())
    }

    fn is_longer(value: Value, bytes: u64) -> bool {
        value.length > bytes
    }

    fn byte(&mut self) -> Result<u8, Error> {
        let byte =
            *self.input.fill_buf().map_err(Error::Read)?.first().ok_or(Error::CutOff { at: self.at })?;
        self.input.consume(1);
        self.at += 1;
        Ok(byte)
    }

    fn broken(&self, reason: &str) -> Error {
        Error::Broken { at: self.at, reason: reason.to_owned() }
    }
}
