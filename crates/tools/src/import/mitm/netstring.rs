//! A streaming parser for typed netstrings (`LENGTH:BYTES TYPE`). The type follows the value, so the caller
//! has to know which type to expect.

use std::io::{BufRead, ErrorKind, Read};

use super::super::Error;

/// Maximum number of digits in a length.
const DIGITS_MAX: usize = 12;
/// Maximum length of a number, key or other short text, in bytes.
const SHORT_BYTES_MAX: u64 = 1 << 10;

pub(super) struct Netstrings<R> {
    input: R,
    pub(super) at: u64,
}

/// A value of known length. It must be read or skipped before anything else.
#[derive(Clone, Copy, Debug)]
#[must_use]
pub(super) struct Value {
    length: u64,
}

impl<R: BufRead> Netstrings<R> {
    pub(super) fn new(input: R) -> Self {
        Self { input, at: 0 }
    }

    /// Returns the next value; `None` at the end of the input.
    pub(super) fn next(&mut self) -> Result<Option<Value>, Error> {
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
    pub(super) fn pairs(
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
    pub(super) fn items(
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
    pub(super) fn bytes(&mut self, value: Value, max: u64) -> Result<Vec<u8>, Error> {
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

    pub(super) fn text(&mut self, value: Value, max: u64) -> Result<String, Error> {
        Ok(String::from_utf8_lossy(&self.bytes(value, max)?).into_owned())
    }

    /// Reads a number; returns `None` for other values such as null.
    pub(super) fn number(&mut self, value: Value) -> Result<Option<f64>, Error> {
        Ok(self.text(value, SHORT_BYTES_MAX)?.parse().ok())
    }

    pub(super) fn is_true(&mut self, value: Value) -> Result<bool, Error> {
        Ok(self.text(value, SHORT_BYTES_MAX)? == "true")
    }

    /// Skips a value and its type.
    pub(super) fn skip(&mut self, value: Value) -> Result<(), Error> {
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

    pub(super) fn is_longer(value: Value, bytes: u64) -> bool {
        value.length > bytes
    }

    fn byte(&mut self) -> Result<u8, Error> {
        let byte =
            *self.input.fill_buf().map_err(Error::Read)?.first().ok_or(Error::CutOff { at: self.at })?;
        self.input.consume(1);
        self.at += 1;
        Ok(byte)
    }

    pub(super) fn broken(&self, reason: &str) -> Error {
        Error::Broken { at: self.at, reason: reason.to_owned() }
    }
}
