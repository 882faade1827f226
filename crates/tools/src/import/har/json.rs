//! JSON as it comes: objects and lists of which only some is wanted, and values of any kind, as whoever writes them may
//! have erred. What is not wanted is passed over without being kept, but it is JSON too.

use std::io::{self, Read};

use super::{
    super::Error,
    text::{self, Span},
    window::Window,
};

/// Deepest brackets, also in what is skipped: each costs memory.
const DEPTH_MAX: u32 = 256;

/// Takes the fields that it knows.
pub(super) trait Object {
    /// Reads the value of a field that is known; `false`, and nothing read, for one that is not.
    fn field<R: Read>(&mut self, name: &str, json: &mut Json<R>) -> Result<bool, Error>;
}

/// Takes the items of a list.
pub(super) trait List {
    /// Reads an item.
    fn item<R: Read>(&mut self, json: &mut Json<R>) -> Result<(), Error>;
}

/// JSON that is being read.
#[derive(Debug)]
pub(super) struct Json<R> {
    window: Window<R>,
    depth: u32,
    /// Of the field that is being read; kept for its memory.
    name: String,
}

impl Json<io::Empty> {
    /// JSON that is all there.
    pub(super) fn whole(bytes: Vec<u8>) -> Self {
        Self { window: Window::whole(bytes), depth: 0, name: String::new() }
    }

    /// Gives the bytes back.
    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.window.into_bytes()
    }
}

impl<R: Read> Json<R> {
    pub(super) fn new(input: R) -> Self {
        Self { window: Window::new(input), depth: 0, name: String::new() }
    }

    /// An object, if there is one: anything else is skipped.
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

    /// A list, if there is one.
    pub(super) fn list(&mut self, list: &mut impl List) -> Result<(), Error> {
        if self.next()? != b'[' {
            return self.skip();
        }
        self.members(b']', |json| list.item(json))
    }

    /// Any value, of which nothing is kept.
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

    /// A number, or a text that is one; anything else is none.
    pub(super) fn float(&mut self) -> Result<Option<f64>, Error> {
        match self.next()? {
            b'"' => self.text(|text| text.trim().parse().ok()),
            b'-' | b'0'..=b'9' => self.number(finite).map(Some),
            _ => self.skip().map(|()| None),
        }
    }

    /// A text, or a number as one; anything else is empty.
    pub(super) fn string(&mut self) -> Result<String, Error> {
        let mut string = String::new();
        self.string_into(&mut string)?;
        Ok(string)
    }

    /// As [`Json::string`], into memory that is there.
    pub(super) fn string_into(&mut self, string: &mut String) -> Result<(), Error> {
        string.clear();
        match self.next()? {
            b'"' => self.text(|text| string.push_str(text)),
            b'-' | b'0'..=b'9' => self.number(finite).map(|number| *string = number.to_string()),
            _ => self.skip(),
        }
    }

    /// As [`Json::string`]; `None` for a text that is too long to be kept, which is passed over.
    pub(super) fn string_if_short(&mut self) -> Result<Option<String>, Error> {
        match self.string() {
            // What is left of it is there still.
            Err(Error::TooLong { .. }) => text::skip(&mut self.window).map(|()| None),
            read => read.map(Some),
        }
    }

    /// Nothing else.
    pub(super) fn end(&mut self) -> Result<(), Error> {
        match self.peek()? {
            None => Ok(()),
            Some(_) => Err(self.broken("something stands behind it")),
        }
    }

    /// What stands between brackets, separated by commas.
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

    /// Reads the text that begins here.
    fn text<T>(&mut self, read: impl FnOnce(&str) -> T) -> Result<T, Error> {
        self.window.pass(1);
        let Span { bytes, has_escapes } = text::span(&mut self.window)?;
        let written = &self.window.rest()[..bytes];
        let value = if has_escapes {
            text::unescape(written).map(|text| read(&text))
        } else {
            std::str::from_utf8(written).ok().map(read)
        };
        let value = value.ok_or_else(|| self.broken("a text is broken"))?;
        self.window.pass(bytes + 1);
        Ok(value)
    }

    /// Reads the number that begins here.
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

    /// The next byte that is no space, which is not passed; there must be one.
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

fn finite(number: &str) -> Option<f64> {
    number.parse().ok().filter(|number: &f64| number.is_finite())
}
