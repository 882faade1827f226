//! A buffered window of untrusted JSON. It slides over the input, and grows up to a limit for strings needed
//! as a whole.

use std::io::{self, Read};

use super::super::Error;

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
