//! Puts the objects of a JSON list, or of JSON over several lines, on a line each.

use std::io::{self, BufRead, BufReader, Read};

use super::source::{BUFFER_BYTES, Stream};

/// Returns JSON lines. Input that already is JSON lines remains unchanged.
pub(super) fn lines(mut input: Stream) -> Stream {
    // An error will occur again.
    let start = input.fill_buf().unwrap_or_default().trim_ascii_start();
    let is_list = start.starts_with(b"[");
    let after = start.strip_prefix(b"{").unwrap_or_default();
    let is_spread = after[..after.len() - after.trim_ascii_start().len()].contains(&b'\n');
    if !is_list && !is_spread {
        return input;
    }
    let elements =
        Elements { input, is_list, depth: 0, is_string: false, is_escaped: false, out: Vec::new(), at: 0 };
    Box::new(BufReader::with_capacity(BUFFER_BYTES, elements))
}

struct Elements<R> {
    input: R,
    /// Whether the list has not ended.
    is_list: bool,
    /// Number of open brackets.
    depth: u32,
    is_string: bool,
    is_escaped: bool,
    /// Lines, returned up to `at`.
    out: Vec<u8>,
    at: usize,
}

impl<R> Elements<R> {
    fn take(&mut self, byte: u8) {
        /// Brackets around the elements of a list.
        const IN_LIST: u32 = 1;
        if self.is_string {
            self.is_string = byte != b'"' || self.is_escaped;
            self.is_escaped = byte == b'\\' && !self.is_escaped;
            return self.out.push(byte);
        }
        let is_between = self.is_list && self.depth == IN_LIST;
        match byte {
            b'\n' | b'\r' => self.out.push(b' '),
            b',' if is_between => self.out.push(b'\n'),
            b'{' | b'[' => {
                if !self.is_list || self.depth > 0 {
                    self.out.push(byte);
                }
                self.depth += 1;
            }
            b'}' | b']' => {
                self.depth = self.depth.saturating_sub(1);
                self.out.push(if is_between { b'\n' } else { byte });
                self.is_list &= !is_between;
                if self.depth == 0 && !is_between {
                    self.out.push(b'\n');
                }
            }
            _ => {
                self.is_string = byte == b'"';
                self.out.push(byte);
            }
        }
    }
}

impl<R: BufRead> Read for Elements<R> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        while self.at == self.out.len() {
            self.at = 0;
            self.out.clear();
            let chunk = self.input.fill_buf()?.to_vec();
            self.input.consume(chunk.len());
            if chunk.is_empty() {
                if !self.is_list {
                    return Ok(0);
                }
                // A list that breaks off must not pass for a complete one.
                self.is_list = false;
                self.out.extend_from_slice(b"\n[\n");
            }
            chunk.into_iter().for_each(|byte| self.take(byte));
        }
        let read = bytes.len().min(self.out.len() - self.at);
        bytes[..read].copy_from_slice(&self.out[self.at..self.at + read]);
        self.at += read;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    /// Returns the lines, without empty ones and surrounding spaces.
    fn read(text: &str) -> Vec<String> {
        let mut lines = String::new();
        super::lines(Box::new(Cursor::new(text.as_bytes().to_vec()))).read_to_string(&mut lines).unwrap();
        lines.lines().map(|line| line.trim().to_owned()).filter(|line| !line.is_empty()).collect()
    }

    #[test]
    fn elements_of_a_list_are_on_a_line_each() {
        let [a, b] = [r#"{"a":"],\"{","b":[1,{}]}"#, r#"{"c":2}"#];
        for list in [format!("[{a},{b}]"), format!(" [\n  {a},\n  {b}\n]\n"), format!("[{a}\r\n,{b}]")] {
            assert_eq!(read(&list), [a, b], "{list}");
        }
        assert_eq!(read("[]"), [""; 0]);
        assert_eq!(read(&format!("{{\n\"a\":\n1}}\n{{\n\"b\":2}} {a}")), ["{ \"a\": 1}", "{ \"b\":2}", a]);
        assert_eq!(read(&format!("[{a},{b}")), [a, b, "["], "it breaks off");
        assert_eq!(read(&format!("[{a},{{")), [a, "{", "["]);
        assert_eq!(read(&format!("[{a}] {b}")), [a, b]);
    }

    #[test]
    fn lines_remain_unchanged() {
        for text in ["", "{\"a\":1}\n{\"b\":2}\n", "{\n", "{", "x\n[1]"] {
            let mut lines = String::new();
            super::lines(Box::new(Cursor::new(text.as_bytes().to_vec()))).read_to_string(&mut lines).unwrap();
            assert_eq!(lines.replace(' ', ""), text.replace("{\n", "{"), "{text:?}");
        }
    }
}
