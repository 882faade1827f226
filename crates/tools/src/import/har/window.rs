//! A window on JSON from strangers: it slides over the input, and grows for a text that is wanted whole, up to a bound.

use std::io::{self, Read};

use super::super::Error;

/// Longest text that is kept, and longest message on a line of its own, in bytes: the base64 of the largest frame, and some.
pub(super) const TEXT_BYTES_MAX: u64 = 24 << 20;
/// What is read at once, at most.
const WINDOW_BYTES: usize = 64 << 10;

/// The bytes around the place that is read.
#[derive(Debug)]
pub(super) struct Window<R> {
    input: R,
    /// What was read, up to `end`; what comes next stands at `at`.
    bytes: Vec<u8>,
    at: usize,
    end: usize,
    /// Where `bytes` begin in the input.
    passed: u64,
}

impl<R: Read> Window<R> {
    pub(super) fn new(input: R) -> Self {
        Self { input, bytes: Vec::new(), at: 0, end: 0, passed: 0 }
    }

    /// What was read and not passed yet. May be empty before the end.
    pub(super) fn rest(&self) -> &[u8] {
        &self.bytes[self.at..self.end]
    }

    /// Passes bytes of [`Window::rest`].
    pub(super) fn pass(&mut self, bytes: usize) {
        self.at += bytes;
    }

    /// The next byte; `None` at the end.
    pub(super) fn peek(&mut self) -> Result<Option<u8>, Error> {
        if self.at == self.end && !self.more()? {
            return Ok(None);
        }
        Ok(Some(self.bytes[self.at]))
    }

    /// Reads on behind [`Window::rest`]; `false` at the end.
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

    /// Where the next byte stands in the input.
    pub(super) fn place(&self) -> u64 {
        self.passed + self.at as u64
    }

    /// The input ended too early.
    pub(super) fn cut_off(&self) -> Error {
        Error::CutOff { at: self.passed + self.end as u64 }
    }
}

impl Window<io::Empty> {
    /// A window on bytes that are all there.
    pub(super) fn whole(bytes: Vec<u8>) -> Self {
        let end = bytes.len();
        Self { input: io::empty(), bytes, at: 0, end, passed: 0 }
    }

    /// Gives the bytes back, to be used again.
    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}
