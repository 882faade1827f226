//! Bounds for JSON from strangers: a reader that gives up where a text is too long, or brackets are too deep.

use std::{
    cell::Cell,
    io::{self, BufRead, Read},
};

use super::super::Error;

/// Longest text that is read, and longest message, in bytes: the base64 of the largest frame, and some.
pub(super) const STRING_BYTES_MAX: u64 = 24 << 20;
/// Deepest brackets, also in what is skipped: each costs memory.
const DEPTH_MAX: u32 = 256;

/// Held by those who know what comes next.
#[derive(Debug, Default)]
pub(super) struct Reins {
    /// Bytes that may be read; `None`: any number.
    left: Cell<Option<u64>>,
    broken: Cell<Option<Broken>>,
    /// Bytes read so far.
    at: Cell<u64>,
}

#[derive(Clone, Copy, Debug)]
enum Broken {
    TooLong,
    TooDeep,
}

impl Reins {
    /// What comes next is kept: it must not be long.
    pub(super) fn tighten(&self) {
        self.left.set(Some(STRING_BYTES_MAX));
    }

    /// What comes next is skipped, however long it is.
    pub(super) fn loosen(&self) {
        self.left.set(None);
    }

    /// What went wrong.
    pub(super) fn explain(&self, error: &serde_json::Error) -> Error {
        let at = self.at.get();
        match self.broken.get() {
            Some(Broken::TooLong) => Error::TooLong { bytes: STRING_BYTES_MAX },
            Some(Broken::TooDeep) => Error::TooDeep { at },
            None if error.is_eof() => Error::CutOff { at },
            None if error.is_io() => Error::Read(io::Error::other(error.to_string())),
            None => Error::NotJsonAt { at, reason: error.to_string() },
        }
    }
}

/// JSON on the reins. It is read byte by byte, so that they hold where they are told to.
pub(super) struct Reined<'a, R> {
    inner: R,
    reins: &'a Reins,
    depth: u32,
    in_text: bool,
    escaped: bool,
}

impl<'a, R: BufRead> Reined<'a, R> {
    pub(super) fn new(inner: R, reins: &'a Reins) -> Self {
        Self { inner, reins, depth: 0, in_text: false, escaped: false }
    }

    fn note(&mut self, byte: u8) -> Result<(), Broken> {
        self.reins.at.set(self.reins.at.get() + 1);
        if let Some(left) = self.reins.left.get() {
            self.reins.left.set(Some(left.checked_sub(1).ok_or(Broken::TooLong)?));
        }
        if self.in_text {
            self.in_text = self.escaped || byte != b'"';
            self.escaped = !self.escaped && byte == b'\\';
            return Ok(());
        }
        match byte {
            b'"' => self.in_text = true,
            b'[' | b'{' => self.depth += 1,
            b']' | b'}' => self.depth = self.depth.saturating_sub(1),
            _ => {}
        }
        if self.depth > DEPTH_MAX { Err(Broken::TooDeep) } else { Ok(()) }
    }
}

impl<R: BufRead> Read for Reined<'_, R> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let (Some(first), Some(&byte)) = (bytes.first_mut(), self.inner.fill_buf()?.first()) else {
            return Ok(0);
        };
        self.inner.consume(1);
        *first = byte;
        self.note(byte).map_err(|broken| {
            self.reins.broken.set(Some(broken));
            io::Error::other("given up")
        })?;
        Ok(1)
    }
}
