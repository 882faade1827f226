//! A streaming JSON parser. It skips unwanted parts without storing them, but validates them. It tolerates
//! values of unexpected types.

#[cfg(test)]
mod tests;

use std::{
    borrow::Cow,
    io::{self, Read},
};

use bytes::Bytes;
use livetape_core::json::has_control;
use memchr::memchr2;
use serde::de::IgnoredAny;

use super::{Error, content, merge::parse_date};

/// Why a string is not Unicode.
pub(super) const LONE: &str = "half of a surrogate pair";
/// Maximum nesting of brackets, even in skipped parts. Each level takes memory.
const DEPTH_MAX: u32 = 256;

/// Bytes, as they are stored in JSON.
#[derive(Debug)]
pub(super) enum Data {
    /// A text in which they are encoded.
    Text(String),
    Bytes(Bytes),
}

#[derive(Debug)]
pub(super) struct Json<R> {
    window: Window<R>,
    depth: u32,
    /// Name of the current field; kept for its capacity.
    name: String,
    /// The same name in the spelling in which names are compared.
    spelling: String,
    /// Whether a string had half of a surrogate pair since [`Json::take_lone`].
    has_lone: bool,
}

impl Json<io::Empty> {
    /// Parses JSON that is already in memory.
    pub(super) fn whole(bytes: Vec<u8>) -> Self {
        Self::of(Window::whole(bytes))
    }

    /// Returns the buffer for reuse.
    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.window.into_bytes()
    }
}

impl<R: Read> Json<R> {
    pub(super) fn new(input: R) -> Self {
        Self::of(Window::new(input))
    }

    fn of(window: Window<R>) -> Self {
        let (name, spelling) = (String::new(), String::new());
        Self { window, depth: 0, name, spelling, has_lone: false }
    }

    /// Reads an object, or skips any other value. `field` reads the value of a field that it knows. For any other, it
    /// reads nothing and returns `false`. Names are in lower case, without `_` and `-`.
    pub(super) fn object(
        &mut self,
        mut field: impl FnMut(&mut Self, &str) -> Result<bool, Error>,
    ) -> Result<(), Error> {
        if self.next()? != b'{' {
            return self.skip();
        }
        let mut spelling = std::mem::take(&mut self.spelling);
        self.members(b'}', |json| {
            json.read_name()?;
            spelling.clone_from(&json.name);
            // Nearly all names are in lower case already.
            if !json.name.bytes().all(|byte| byte.is_ascii_lowercase()) {
                spelling.retain(|c| !matches!(c, '_' | '-'));
                spelling.make_ascii_lowercase();
            }
            if field(json, &spelling)? { Ok(()) } else { json.skip() }
        })?;
        self.spelling = spelling;
        Ok(())
    }

    /// Returns the name of the current field as it is written.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Reads these fields of an object as strings, or skips any other value.
    pub(super) fn texts<const N: usize>(&mut self, names: [&str; N]) -> Result<[String; N], Error> {
        let mut values = std::array::from_fn(|_| String::new());
        self.object(|json, name| {
            let Some(at) = names.iter().position(|known| *known == name) else { return Ok(false) };
            json.string_into(&mut values[at])?;
            Ok(true)
        })?;
        Ok(values)
    }

    pub(super) fn is_object(&mut self) -> Result<bool, Error> {
        Ok(self.next()? == b'{')
    }

    pub(super) fn is_list(&mut self) -> Result<bool, Error> {
        Ok(self.next()? == b'[')
    }

    /// Whether the value is a list, or `null`.
    pub(super) fn is_list_or_null(&mut self) -> Result<bool, Error> {
        Ok(matches!(self.next()?, b'[' | b'n'))
    }

    pub(super) fn is_null(&mut self) -> Result<bool, Error> {
        Ok(self.next()? == b'n')
    }

    pub(super) fn is_number(&mut self) -> Result<bool, Error> {
        Ok(matches!(self.next()?, b'-' | b'0'..=b'9'))
    }

    /// Whether the value is a string, or a number, which is read as one.
    pub(super) fn is_text(&mut self) -> Result<bool, Error> {
        Ok(matches!(self.next()?, b'"' | b'-' | b'0'..=b'9'))
    }

    /// Reads the bytes of a frame or a message; returns `None` for a value that cannot be any.
    pub(super) fn data(&mut self) -> Result<Option<Data>, Error> {
        if self.is_text()? {
            return self.string().map(|text| Some(Data::Text(text)));
        }
        Ok(self.bytes()?.map(|bytes| Data::Bytes(bytes.into())))
    }

    /// Reads a time: a number, a string with one, or a date, of which it returns the Unix milliseconds.
    pub(super) fn time(&mut self) -> Result<Option<f64>, Error> {
        if self.is_number()? {
            return self.float();
        }
        let text = self.string()?;
        Ok(text.trim().parse().ok().or_else(|| parse_date(&text)))
    }

    /// Reads a list of bytes, or an object with one: `[8,1]`, `{"0":8,"1":1}`, `{"type":"Buffer","data":[8,1]}`. Returns
    /// `None` for any other value.
    fn bytes(&mut self) -> Result<Option<Vec<u8>>, Error> {
        let (mut bytes, mut read, mut are_all) = (Vec::new(), 0, true);
        // Some programs sort the names of fields as text.
        let mut byte = |json: &mut Self, at: Option<usize>| {
            let value = json.float()?.and_then(content::byte);
            let at = at.unwrap_or(bytes.len());
            are_all &= value.is_some() && at < TEXT_BYTES_MAX as usize;
            if are_all {
                bytes.resize(bytes.len().max(at + 1), 0);
                bytes[at] = value.unwrap_or_default();
                read += 1;
            }
            Ok(())
        };
        if self.is_list()? {
            self.list(|json| byte(json, None))?;
        } else {
            self.object(|json, name| match name.parse() {
                Ok(at) => byte(json, Some(at)).map(|()| true),
                Err(_) if name == "data" => json.list(|json| byte(json, None)).map(|()| true),
                Err(_) => Ok(false),
            })?;
        }
        Ok(Some(bytes).filter(|bytes| are_all && read > 0 && read == bytes.len()))
    }

    /// Reads a list, or skips any other value.
    pub(super) fn list(&mut self, item: impl FnMut(&mut Self) -> Result<(), Error>) -> Result<(), Error> {
        if self.next()? != b'[' {
            return self.skip();
        }
        self.members(b']', item)
    }

    pub(super) fn skip(&mut self) -> Result<(), Error> {
        match self.next()? {
            b'{' => self.members(b'}', |json| {
                json.expect(b'"', "a name is missing")?;
                skip(&mut json.window)?;
                json.expect(b':', "a colon is missing")?;
                json.skip()
            }),
            b'[' => self.members(b']', Self::skip),
            b'"' => {
                self.window.pass(1);
                skip(&mut self.window)
            }
            b't' => self.word("true"),
            b'f' => self.word("false"),
            b'n' => self.word("null"),
            _ => self.number(|_| Some(())),
        }
    }

    /// Reads a number, or a string that contains one; returns `None` for any other value.
    pub(super) fn float(&mut self) -> Result<Option<f64>, Error> {
        match self.next()? {
            b'"' => self.text(|text| text.trim().parse().ok()),
            b'-' | b'0'..=b'9' => self.number(parse_finite).map(Some),
            _ => self.skip().map(|()| None),
        }
    }

    /// Reads a string, or a number as one; returns an empty string for any other value.
    pub(super) fn string(&mut self) -> Result<String, Error> {
        let mut string = String::new();
        self.string_into(&mut string)?;
        Ok(string)
    }

    /// Reads like [`Json::string`], into an existing string.
    pub(super) fn string_into(&mut self, string: &mut String) -> Result<(), Error> {
        string.clear();
        match self.next()? {
            b'"' => self.text(|text| string.push_str(text)),
            b'-' | b'0'..=b'9' => self.number(parse_finite).map(|number| *string = number.to_string()),
            _ => self.skip(),
        }
    }

    /// Reads like [`Json::string`], but skips a string that is too long, returning `None`.
    pub(super) fn string_if_short(&mut self) -> Result<Option<String>, Error> {
        match self.string() {
            // The rest of the string has not been read yet.
            Err(Error::TooLong { .. }) => skip(&mut self.window).map(|()| None),
            read => read.map(Some),
        }
    }

    /// Whether a string that was read since the last call is not Unicode: half of a surrogate pair was
    /// replaced in it.
    pub(super) fn take_lone(&mut self) -> bool {
        std::mem::take(&mut self.has_lone)
    }

    /// Restores what [`Json::take_lone`] returned.
    pub(super) fn set_lone(&mut self, has_lone: bool) {
        self.has_lone |= has_lone;
    }

    /// Checks that nothing follows.
    pub(super) fn end(&mut self) -> Result<(), Error> {
        match self.peek()? {
            None => Ok(()),
            Some(_) => Err(self.broken("data after the end")),
        }
    }

    /// Reads the comma-separated members up to a closing bracket.
    fn members(
        &mut self,
        close: u8,
        mut member: impl FnMut(&mut Self) -> Result<(), Error>,
    ) -> Result<(), Error> {
        self.window.pass(1);
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(Error::TooDeep { at: self.window.place() });
        }
        if self.next()? != close {
            loop {
                member(self)?;
                match self.next()? {
                    b',' => self.window.pass(1),
                    next if next == close => break,
                    _ => return Err(self.broken("a comma is missing")),
                }
                self.next()?;
            }
        }
        self.window.pass(1);
        self.depth -= 1;
        Ok(())
    }

    fn read_name(&mut self) -> Result<(), Error> {
        if self.next()? != b'"' {
            return Err(self.broken("a name is missing"));
        }
        let mut name = std::mem::take(&mut self.name);
        name.clear();
        self.text(|text| name.push_str(text))?;
        self.name = name;
        self.expect(b':', "a colon is missing")
    }

    /// Reads the string that starts here.
    fn text<T>(&mut self, read: impl FnOnce(&str) -> T) -> Result<T, Error> {
        self.window.pass(1);
        let Span { bytes, has_escapes } = span(&mut self.window)?;
        // Bytes that are not UTF-8 are Latin-1: the default of old programs on Windows.
        let written = match std::str::from_utf8(&self.window.rest()[..bytes]) {
            Ok(text) => Cow::Borrowed(text),
            Err(_) => self.window.rest()[..bytes].iter().copied().map(char::from).collect(),
        };
        let value = if has_escapes {
            unescape(written.as_bytes()).map(|(text, is_lone)| {
                self.has_lone |= is_lone;
                read(&text)
            })
        } else {
            Some(read(&written))
        };
        let value = value.ok_or_else(|| self.broken("invalid string"))?;
        self.window.pass(bytes + 1);
        Ok(value)
    }

    /// Reads the number that starts here.
    fn number<T>(&mut self, read: impl FnOnce(&str) -> Option<T>) -> Result<T, Error> {
        let is_part = |byte: &u8| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E');
        let bytes = loop {
            match self.window.rest().iter().position(|byte| !is_part(byte)) {
                Some(bytes) => break bytes,
                None if self.window.more()? => {}
                None => break self.window.rest().len(),
            }
        };
        let number = number(&self.window.rest()[..bytes]).and_then(read);
        let number = number.ok_or_else(|| self.broken("a value is missing"))?;
        self.window.pass(bytes);
        Ok(number)
    }

    fn word(&mut self, word: &str) -> Result<(), Error> {
        for expected in word.bytes() {
            match self.window.peek()? {
                None => return Err(self.window.cut_off()),
                Some(byte) if byte != expected => return Err(self.broken("a value is missing")),
                Some(_) => self.window.pass(1),
            }
        }
        Ok(())
    }

    fn expect(&mut self, byte: u8, reason: &str) -> Result<(), Error> {
        if self.next()? != byte {
            return Err(self.broken(reason));
        }
        self.window.pass(1);
        Ok(())
    }

    /// Returns the next byte that is not whitespace, without consuming it. There must be one.
    fn next(&mut self) -> Result<u8, Error> {
        self.peek()?.ok_or_else(|| self.window.cut_off())
    }

    fn peek(&mut self) -> Result<Option<u8>, Error> {
        loop {
            match self.window.peek()? {
                Some(b' ' | b'\n' | b'\r' | b'\t') => self.window.pass(1),
                other => return Ok(other),
            }
        }
    }

    fn broken(&self, reason: &str) -> Error {
        Error::NotJsonAt { at: self.window.place(), reason: reason.to_owned() }
    }
}

fn parse_finite(number: &str) -> Option<f64> {
    number.parse().ok().filter(|number: &f64| number.is_finite())
}

/// A string in the window, after its opening quote.
pub(super) struct Span {
    /// Length up to the closing quote, in bytes.
    pub(super) bytes: usize,
    pub(super) has_escapes: bool,
}

/// Finds the end of a string, reading all of it into the window.
pub(super) fn span<R: Read>(window: &mut Window<R>) -> Result<Span, Error> {
    let (mut seen, mut has_escapes) = (0, false);
    loop {
        let rest = window.rest();
        match memchr2(b'"', b'\\', &rest[seen..]).map(|found| seen + found) {
            Some(quote) if rest[quote] == b'"' => {
                check(window, quote)?;
                return Ok(Span { bytes: quote, has_escapes });
            }
            // The byte after a backslash cannot end the string. It may not have been read yet.
            Some(backslash) if backslash + 1 < rest.len() => (seen, has_escapes) = (backslash + 2, true),
            found => {
                seen = found.unwrap_or(rest.len());
                if !window.more()? {
                    return Err(window.cut_off());
                }
            }
        }
    }
}

/// Skips a string, after its opening quote.
pub(super) fn skip<R: Read>(window: &mut Window<R>) -> Result<(), Error> {
    loop {
        let rest = window.rest();
        let found = memchr2(b'"', b'\\', rest);
        let bytes = found.unwrap_or(rest.len());
        let is_end = found.is_some_and(|found| rest[found] == b'"');
        check(window, bytes)?;
        window.pass(bytes);
        match found {
            Some(_) if is_end => {
                window.pass(1);
                return Ok(());
            }
            Some(_) => skip_escape(window)?,
            None if window.more()? => {}
            None => return Err(window.cut_off()),
        }
    }
}

fn skip_escape<R: Read>(window: &mut Window<R>) -> Result<(), Error> {
    let wanted = |rest: &[u8]| if rest.get(1) == Some(&b'u') { 6 } else { 2 };
    while window.rest().len() < wanted(window.rest()) {
        if !window.more()? {
            return Err(window.cut_off());
        }
    }
    let bytes = wanted(window.rest());
    let is_escape = match &window.rest()[1..bytes] {
        [b'u', digits @ ..] => digits.iter().all(u8::is_ascii_hexdigit),
        [letter] => br#""\/bfnrt"#.contains(letter),
        _ => false,
    };
    if !is_escape {
        return Err(Error::NotJsonAt { at: window.place(), reason: "unknown escape sequence".into() });
    }
    window.pass(bytes);
    Ok(())
}

/// Rejects control characters in a string.
fn check<R: Read>(window: &Window<R>, bytes: usize) -> Result<(), Error> {
    if !has_control(&window.rest()[..bytes]) {
        return Ok(());
    }
    let reason = "a control character in a string".into();
    Err(Error::NotJsonAt { at: window.place(), reason })
}

/// Decodes a string with escapes; returns `None` if one is invalid. Replaces halves of surrogate pairs, and
/// returns whether there are any: JSON can hold them, but text cannot.
pub(super) fn unescape(written: &[u8]) -> Option<(String, bool)> {
    let quoted = [b"\"", written, b"\""].concat();
    match serde_json::from_slice(&quoted) {
        Ok(text) => Some((text, false)),
        Err(_) => serde_json::from_slice(&whole_surrogates(quoted)).ok().map(|text| (text, true)),
    }
}

/// Replaces each half of a surrogate pair with U+FFFD.
fn whole_surrogates(mut text: Vec<u8>) -> Vec<u8> {
    let unit = |text: &[u8], at: usize| {
        let digits = text.get(at..at + 6)?.strip_prefix(b"\\u")?;
        u16::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
    };
    let mut at = 0;
    while at < text.len() {
        at += match (unit(&text, at), unit(&text, at + 6)) {
            (Some(0xd800..0xdc00), Some(0xdc00..0xe000)) => 12,
            (Some(0xd800..0xe000), _) => {
                text[at + 2..at + 6].copy_from_slice(b"fffd");
                6
            }
            _ if text[at] == b'\\' => 2,
            _ => 1,
        };
    }
    text
}

/// Returns the number as text; `None` if it is invalid.
fn number(written: &[u8]) -> Option<&str> {
    serde_json::from_slice::<IgnoredAny>(written).ok()?;
    std::str::from_utf8(written).ok()
}

/// Maximum length of a stored string or of a message on its own line, in bytes: the base64 of the largest
/// frame with some margin.
pub(super) const TEXT_BYTES_MAX: u64 = 24 << 20;
/// Maximum number of bytes to read at once.
const WINDOW_BYTES: usize = 64 << 10;

/// The bytes around the current position.
#[derive(Debug)]
pub(super) struct Window<R> {
    input: R,
    /// Buffered bytes, valid up to `end`. The next byte is at `at`.
    bytes: Vec<u8>,
    at: usize,
    end: usize,
    /// Position of `bytes` in the input.
    passed: u64,
}

impl<R: Read> Window<R> {
    pub(super) fn new(input: R) -> Self {
        Self { input, bytes: Vec::new(), at: 0, end: 0, passed: 0 }
    }

    /// Returns the buffered bytes that are not consumed yet. Can be empty before the end.
    pub(super) fn rest(&self) -> &[u8] {
        &self.bytes[self.at..self.end]
    }

    /// Consumes bytes of [`Window::rest`].
    pub(super) fn pass(&mut self, bytes: usize) {
        self.at += bytes;
    }

    /// Returns the next byte; `None` at the end.
    pub(super) fn peek(&mut self) -> Result<Option<u8>, Error> {
        if self.at == self.end && !self.more()? {
            return Ok(None);
        }
        Ok(Some(self.bytes[self.at]))
    }

    /// Reads more bytes after [`Window::rest`]; returns `false` at the end.
    pub(super) fn more(&mut self) -> Result<bool, Error> {
        self.bytes.copy_within(self.at..self.end, 0);
        self.passed += self.at as u64;
        (self.at, self.end) = (0, self.end - self.at);
        if self.end == self.bytes.len() {
            if self.end as u64 > TEXT_BYTES_MAX {
                return Err(Error::TooLong { bytes: TEXT_BYTES_MAX });
            }
            self.bytes.resize((self.end * 2).clamp(WINDOW_BYTES, TEXT_BYTES_MAX as usize + WINDOW_BYTES), 0);
        }
        loop {
            match self.input.read(&mut self.bytes[self.end..]) {
                Ok(read) => {
                    self.end += read;
                    return Ok(read > 0);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(Error::Read(error)),
            }
        }
    }

    /// Returns the position of the next byte in the input.
    pub(super) fn place(&self) -> u64 {
        self.passed + self.at as u64
    }

    pub(super) fn cut_off(&self) -> Error {
        Error::CutOff { at: self.passed + self.end as u64 }
    }
}

impl Window<io::Empty> {
    /// Creates a window of bytes already in memory.
    pub(super) fn whole(bytes: Vec<u8>) -> Self {
        let end = bytes.len();
        Self { input: io::empty(), bytes, at: 0, end, passed: 0 }
    }

    /// Returns the buffer for reuse.
    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}
