//! A streaming JSON parser. It skips unwanted parts without storing them, but validates them. It tolerates
//! values of unexpected types.

use std::io::{self, Read};

use super::{
    super::Error,
    text::{self, Span},
    window::Window,
};

/// Maximum nesting of brackets, even in skipped parts. Each level takes memory.
const DEPTH_MAX: u32 = 256;

/// Receives the fields of an object.
pub(super) trait Object {
    /// Reads the value of a known field. For any other field, reads nothing and returns `false`.
    fn field<R: Read>(&mut self, name: &str, json: &mut Json<R>) -> Result<bool, Error>;
}

/// Receives the items of a list.
pub(super) trait List {
    fn item<R: Read>(&mut self, json: &mut Json<R>) -> Result<(), Error>;
}

#[derive(Debug)]
pub(super) struct Json<R> {
    window: Window<R>,
    depth: u32,
    /// Name of the current field; kept for its capacity.
    name: String,
    /// Whether a string had half of a surrogate pair since [`Json::take_lone`].
    has_lone: bool,
}

impl Json<io::Empty> {
    /// Parses JSON that is already in memory.
    pub(super) fn whole(bytes: Vec<u8>) -> Self {
        Self { window: Window::whole(bytes), depth: 0, name: String::new(), has_lone: false }
    }

    /// Returns the buffer for reuse.
    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.window.into_bytes()
    }
}

impl<R: Read> Json<R> {
    pub(super) fn new(input: R) -> Self {
        Self { window: Window::new(input), depth: 0, name: String::new(), has_lone: false }
    }

    /// Reads an object, or skips any other value.
    pub(super) fn object(&mut self, object: &mut impl Object) -> Result<(), Error> {
        if self.next()? != b'{' {
            return self.skip();
        }
        let mut name = std::mem::take(&mut self.name);
        self.members(b'}', |json| {
            json.name_into(&mut name)?;
            if object.field(&name, json)? { Ok(()) } else { json.skip() }
        })?;
        self.name = name;
        Ok(())
    }

    pub(super) fn is_object(&mut self) -> Result<bool, Error> {
        Ok(self.next()? == b'{')
    }

    /// Reads a list, or skips any other value.
    pub(super) fn list(&mut self, list: &mut impl List) -> Result<(), Error> {
        if self.next()? != b'[' {
            return self.skip();
        }
        self.members(b']', |json| list.item(json))
    }

    pub(super) fn skip(&mut self) -> Result<(), Error> {
        match self.next()? {
            b'{' => self.members(b'}', |json| {
                json.expect(b'"', "a name is missing")?;
                text::skip(&mut json.window)?;
                json.expect(b':', "a colon is missing")?;
                json.skip()
            }),
            b'[' => self.members(b']', Self::skip),
            b'"' => {
                self.window.pass(1);
                text::skip(&mut self.window)
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
            Err(Error::TooLong { .. }) => text::skip(&mut self.window).map(|()| None),
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

    fn name_into(&mut self, name: &mut String) -> Result<(), Error> {
        if self.next()? != b'"' {
            return Err(self.broken("a name is missing"));
        }
        name.clear();
        self.text(|text| name.push_str(text))?;
        self.expect(b':', "a colon is missing")
    }

    /// Reads the string that starts here.
    fn text<T>(&mut self, read: impl FnOnce(&str) -> T) -> Result<T, Error> {
        self.window.pass(1);
        let Span { bytes, has_escapes } = text::span(&mut self.window)?;
        let written = &self.window.rest()[..bytes];
        let value = if has_escapes {
            text::unescape(written).map(|(text, is_lone)| {
                self.has_lone |= is_lone;
                read(&text)
            })
        } else {
            std::str::from_utf8(written).ok().map(read)
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
        let number = text::number(&self.window.rest()[..bytes]).and_then(read);
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
