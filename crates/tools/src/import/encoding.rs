//! Converts text to UTF-8, in which all formats are read. Windows PowerShell redirects in UTF-16.

use std::io::{self, BufRead, BufReader, Cursor, Read};

use super::source::{BUFFER_BYTES, Stream};

const BYTE_ORDER_MARK: u16 = 0xfeff;

/// Number of characters that must be ASCII for a text to be recognised as UTF-16. A binary format does not have as many.
const CHARS_EXAMINED: usize = 8;

/// Returns the stream as UTF-8, without a byte order mark. Anything that is not UTF-16 remains unchanged.
pub(super) fn utf8(mut input: impl Read + 'static) -> Stream {
    let mut start = Vec::new();
    let examined_bytes = 2 + 2 * CHARS_EXAMINED as u64;
    let failed = Failed(input.by_ref().take(examined_bytes).read_to_end(&mut start).err());
    let input = failed.chain(input);
    let units = [u16::from_be_bytes, u16::from_le_bytes];
    let Some(unit) = units.into_iter().find(|unit| is_utf16(&start, *unit)) else {
        start.drain(..if start.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 });
        return buffered(Cursor::new(start).chain(input));
    };
    start.drain(..if unit([start[0], start[1]]) == BYTE_ORDER_MARK { 2 } else { 0 });
    let input = BufReader::with_capacity(BUFFER_BYTES, Cursor::new(start).chain(input));
    buffered(Utf16 { input, unit, odd: None, high: None, text: Vec::new(), at: 0 })
}

/// Fails once if there is an error.
struct Failed(Option<io::Error>);

impl Read for Failed {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        self.0.take().map_or(Ok(0), Err)
    }
}

fn buffered(input: impl Read + 'static) -> Stream {
    Box::new(BufReader::with_capacity(BUFFER_BYTES, input))
}

/// Whether these bytes are a byte order mark or none, and then ASCII characters.
fn is_utf16(start: &[u8], unit: fn([u8; 2]) -> u16) -> bool {
    let units = start.chunks_exact(2).map(|pair| unit([pair[0], pair[1]]));
    let mut units = units.skip_while(|unit| *unit == BYTE_ORDER_MARK).take(CHARS_EXAMINED).peekable();
    let is_text = |unit: u16| matches!(unit, 0x20..0x7f | 0x09 | 0x0a | 0x0d);
    units.peek().is_some() && units.all(is_text)
}

/// Decodes UTF-16. Invalid units become U+FFFD.
struct Utf16<R> {
    input: R,
    unit: fn([u8; 2]) -> u16,
    /// The first byte of a unit.
    odd: Option<u8>,
    /// The first half of a surrogate pair.
    high: Option<u16>,
    /// Decoded text, returned up to `at`.
    text: Vec<u8>,
    at: usize,
}

impl<R: BufRead> Utf16<R> {
    /// Decodes the buffered bytes, or the end of the input.
    fn decode(&mut self) -> io::Result<()> {
        self.at = 0;
        self.text.clear();
        let bytes = self.input.fill_buf()?;
        let count = bytes.len();
        let mut units = Vec::with_capacity(count / 2 + 2);
        units.extend(self.high.take());
        for byte in bytes {
            match self.odd.take() {
                Some(odd) => units.push((self.unit)([odd, *byte])),
                None => self.odd = Some(*byte),
            }
        }
        self.input.consume(count);
        if count > 0 {
            self.high = units.pop_if(|unit| matches!(unit, 0xd800..0xdc00));
        } else if self.odd.take().is_some() {
            units.push(0xfffd);
        }
        let mut buffer = [0; 4];
        for decoded in char::decode_utf16(units) {
            let decoded = decoded.unwrap_or(char::REPLACEMENT_CHARACTER);
            self.text.extend_from_slice(decoded.encode_utf8(&mut buffer).as_bytes());
        }
        Ok(())
    }
}

impl<R: BufRead> Read for Utf16<R> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        while self.at == self.text.len() {
            let is_end = self.input.fill_buf()?.is_empty() && self.odd.is_none() && self.high.is_none();
            if is_end {
                return Ok(0);
            }
            self.decode()?;
        }
        let read = bytes.len().min(self.text.len() - self.at);
        bytes[..read].copy_from_slice(&self.text[self.at..self.at + read]);
        self.at += read;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    /// Reads these bytes, however few arrive at once.
    fn read(bytes: &[u8]) -> Vec<u8> {
        let read = |step: usize| {
            let mut text = Vec::new();
            utf8(Dribble(Cursor::new(bytes.to_vec()), step)).read_to_end(&mut text).unwrap();
            text
        };
        let whole = read(1 << 16);
        assert_eq!([1, 2, 7].map(read), [(); 3].map(|()| whole.clone()));
        whole
    }

    struct Dribble(Cursor<Vec<u8>>, usize);

    impl Read for Dribble {
        fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
            let most = bytes.len().min(self.1);
            self.0.read(&mut bytes[..most])
        }
    }

    #[test]
    fn utf16_with_and_without_a_mark_becomes_utf8() {
        let text = "{\"log\": {\"title\": \"é ☃ 🎁\"}}\n";
        for unit in [u16::to_le_bytes, u16::to_be_bytes] {
            let written: Vec<u8> = text.encode_utf16().flat_map(unit).collect();
            assert_eq!(read(&written), text.as_bytes());
            assert_eq!(read(&[&unit(0xfeff)[..], &written].concat()), text.as_bytes());
            // A pair and a unit that break off are visible.
            let gift = text.find('🎁').unwrap();
            let before = text[..gift].encode_utf16().count() * 2;
            let broken = format!("{}\u{fffd}", &text[..gift]);
            assert_eq!(
                [1, 2].map(|more| read(&written[..before + more])),
                [(); 2].map(|()| broken.as_bytes())
            );
        }
        assert_eq!(read(format!("\u{feff}{text}").as_bytes()), text.as_bytes());
    }

    #[test]
    fn other_bytes_remain_unchanged() {
        for bytes in [
            &b""[..],
            b"{",
            b"{\"log\": 1}",
            b"1234:7:version;2:21#",
            b"\x04\0\0\0\x3a\x02hb\x04\0\0\0\x3a\x02hb",
            b"\xff\xfe\x01\0\x08\x01\x10\x02\x18\x03 and more",
        ] {
            assert_eq!(read(bytes), bytes);
        }
    }
}
