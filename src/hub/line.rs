//! An event as it is written: its JSON, and before it the head of the WebSocket frame that carries it.

use std::ops::Range;

use bytes::Bytes;

/// The longest head of a frame that is not masked, in bytes.
pub(super) const HEAD_BYTES_MAX: usize = 10;
/// A whole text.
const TEXT: u8 = 0x81;
/// The length is in the two bytes behind this, or in the eight.
const LENGTH_16: u8 = 126;
const LENGTH_64: u8 = 127;

/// The bytes of an event, shared by all who read it: a server's frames are not masked, so they are alike for everybody.
#[derive(Clone, Debug)]
pub(super) struct Line {
    frame: Bytes,
    head: usize,
}

/// Where a line is in a buffer.
#[derive(Clone, Debug)]
pub(super) struct Place {
    frame: Range<usize>,
    head: usize,
}

/// What a reader wants of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum View {
    Json,
    Frame,
}

impl Line {
    pub(super) fn new(json: &[u8]) -> Self {
        let mut buffer = Vec::with_capacity(HEAD_BYTES_MAX + json.len());
        let place = write(&mut buffer, |buffer| buffer.extend_from_slice(json));
        place.of(&Bytes::from(buffer))
    }

    /// How long its JSON is, in bytes.
    pub(super) fn len(&self) -> usize {
        self.frame.len() - self.head
    }

    pub(super) fn view(&self, view: View) -> Bytes {
        match view {
            View::Json => self.frame.slice(self.head..),
            View::Frame => self.frame.clone(),
        }
    }
}

impl Place {
    /// How long its JSON is, in bytes.
    pub(super) fn len(&self) -> usize {
        self.frame.len() - self.head
    }

    pub(super) fn of(&self, buffer: &Bytes) -> Line {
        Line { frame: buffer.slice(self.frame.clone()), head: self.head }
    }
}

/// Appends the JSON that `json` writes, with its head before it.
pub(super) fn write(buffer: &mut Vec<u8>, json: impl FnOnce(&mut Vec<u8>)) -> Place {
    // The head is as long as the length says that it is: there is room for the longest.
    buffer.extend_from_slice(&[0; HEAD_BYTES_MAX]);
    let start = buffer.len();
    json(buffer);
    let (head, head_len) = head(buffer.len() - start);
    let begin = start - head_len;
    buffer[begin..start].copy_from_slice(&head[..head_len]);
    Place { frame: begin..buffer.len(), head: head_len }
}

fn head(length: usize) -> ([u8; HEAD_BYTES_MAX], usize) {
    let mut head = [0; HEAD_BYTES_MAX];
    head[0] = TEXT;
    match (u8::try_from(length), u16::try_from(length)) {
        (Ok(short), _) if short < LENGTH_16 => {
            head[1] = short;
            (head, 2)
        }
        (_, Ok(length)) => {
            head[1] = LENGTH_16;
            head[2..4].copy_from_slice(&length.to_be_bytes());
            (head, 4)
        }
        _ => {
            head[1] = LENGTH_64;
            head[2..].copy_from_slice(&(length as u64).to_be_bytes());
            (head, HEAD_BYTES_MAX)
        }
    }
}

#[cfg(test)]
mod tests {
    use tungstenite::protocol::frame::{
        Frame,
        coding::{Data, OpCode},
    };

    use super::*;

    #[test]
    fn frames_are_those_of_the_library() {
        for length in [0, 1, 125, 126, 127, 300, 65_535, 65_536, 70_000] {
            let json = vec![b'x'; length];
            let mut expected = Vec::new();
            let frame = Frame::message(json.clone(), OpCode::Data(Data::Text), true);
            frame.format(&mut expected).unwrap();
            let line = Line::new(&json);
            assert_eq!(line.view(View::Frame), expected, "{length}");
            assert_eq!((line.view(View::Json), line.len()), (json.into(), length));
        }
    }
}
