//! A buffered window of a stream.

use std::io::{self, Read};

/// Minimum number of bytes to read at once.
const READ_BYTES: usize = 64 << 10;

/// Buffers a stream from `position` on, as far as needed. It grows with the data received, never with the
/// value of a length field.
#[derive(Debug)]
pub(super) struct Window<R> {
    source: R,
    /// Fully initialised, so that it need not be cleared before each read.
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    position: u64,
    ended: bool,
}

impl<R> Window<R> {
    pub(super) fn new(source: R) -> Self {
        Self { source, buffer: Vec::new(), start: 0, end: 0, position: 0, ended: false }
    }

    /// Returns the buffered bytes.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    /// Returns the position of [`Window::bytes`] in the stream.
    pub(super) fn position(&self) -> u64 {
        self.position
    }

    /// Advances by `count` buffered bytes.
    pub(super) fn consume(&mut self, count: usize) {
        self.start += count;
        self.position += count as u64;
        assert!(self.start <= self.end, "only buffered bytes can be consumed");
    }
}

impl<R: Read> Window<R> {
    /// Buffers at least `count` bytes; returns `false` if the stream ends before.
    pub(super) fn ensure(&mut self, count: usize) -> io::Result<bool> {
        while self.bytes().len() < count {
            let missing = count - self.bytes().len();
            let available = self.bytes().len();
            // A large window is moved less often than once per READ_BYTES.
            if !self.read(missing.min(available).max(available / 4).max(READ_BYTES))? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Reads up to `count` more bytes; returns `false` at the end of the stream.
    fn read(&mut self, count: usize) -> io::Result<bool> {
        if self.ended {
            return Ok(false);
        }
        self.buffer.copy_within(self.start..self.end, 0);
        (self.start, self.end) = (0, self.end - self.start);
        let wanted = self.end + count;
        if self.buffer.len() < wanted {
            self.buffer.reserve_exact(wanted - self.buffer.len());
            self.buffer.resize(wanted, 0);
        }
        let got = read_some(&mut self.source, &mut self.buffer[self.end..])?;
        self.end += got;
        self.ended = got == 0;
        Ok(!self.ended)
    }

    /// Reads at least one more byte; returns `false` at the end of the stream.
    pub(super) fn more(&mut self) -> io::Result<bool> {
        self.read(READ_BYTES)
    }
}

impl<R: io::Seek> Window<R> {
    /// Seeks to a position of the stream.
    pub(super) fn seek(&mut self, position: u64) -> io::Result<()> {
        self.source.seek(io::SeekFrom::Start(position))?;
        (self.start, self.end, self.position, self.ended) = (0, 0, position, false);
        Ok(())
    }
}

fn read_some(source: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        match source.read(buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_grows_only_with_received_data() {
        let mut window = Window::new(&[1; 100_000][..]);
        assert!(!window.ensure(16 << 20).unwrap());
        assert_eq!(window.bytes().len(), 100_000);
        assert!(window.buffer.capacity() <= 4 * READ_BYTES, "{}", window.buffer.capacity());
    }

    #[test]
    fn a_long_stream_is_not_kept() {
        let mut window = Window::new(io::repeat(1).take(100 << 20));
        while window.ensure(300).unwrap() {
            window.consume(300);
        }
        assert_eq!(window.position() + window.bytes().len() as u64, 100 << 20);
        assert!(window.buffer.capacity() <= 2 * READ_BYTES, "{}", window.buffer.capacity());
    }
}
