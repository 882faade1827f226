//! The part of a stream that is being looked at.

use std::io::{self, Read};

/// Least number of bytes that are asked for at once.
const READ_BYTES: usize = 64 << 10;

/// Buffers a stream from `position` on, as far as somebody looked. It grows with what really came, never with what a
/// length field says.
#[derive(Debug)]
pub(super) struct Window<R> {
    source: R,
    /// All of it may be read into: it is cleared once, not for every read.
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

    /// What is there to look at.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    /// Where in the stream [`Window::bytes`] start.
    pub(super) fn position(&self) -> u64 {
        self.position
    }

    /// Moves on by `count` bytes, all of which were looked at.
    pub(super) fn consume(&mut self, count: usize) {
        self.start += count;
        self.position += count as u64;
        assert!(self.start <= self.end, "only what is there can be consumed");
    }
}

impl<R: Read> Window<R> {
    /// Makes `count` bytes available; `false` if the stream ends before.
    pub(super) fn ensure(&mut self, count: usize) -> io::Result<bool> {
        while self.bytes().len() < count {
            let missing = count - self.bytes().len();
            let available = self.bytes().len();
            if !self.read(missing.min(available).max(READ_BYTES))? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Reads up to `count` bytes more; `false` at the end of the stream.
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

    /// Reads at least one byte more; `false` at the end of the stream.
    pub(super) fn more(&mut self) -> io::Result<bool> {
        self.read(READ_BYTES)
    }
}

impl<R: io::Seek> Window<R> {
    /// Goes to another place of the stream.
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
    fn only_what_is_there_takes_memory() {
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
