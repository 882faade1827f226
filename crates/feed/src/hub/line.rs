//! The bytes of an event: the head of a WebSocket frame, followed by the JSON.

use std::ops::Range;

use bytes::Bytes;
use livetape_core::ws_frame::{HEAD_BYTES_MAX, TEXT, head};

/// The bytes of an event, shared by all subscribers. A server does not mask its frames, so they are the same
/// for everyone.
#[derive(Clone, Debug)]
pub(super) struct Line {
    frame: Bytes,
    head: usize,
}

/// Position of a line in a buffer.
#[derive(Clone, Debug)]
pub(super) struct Span {
    frame: Range<usize>,
    head: usize,
}

/// The part of a line that a subscriber needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum View {
    Json,
    Frame,
}

impl Line {
    pub(super) fn new(json: &[u8]) -> Self {
        let mut buffer = Vec::with_capacity(HEAD_BYTES_MAX + json.len());
        let span = write(&mut buffer, |buffer| buffer.extend_from_slice(json));
        span.of(&Bytes::from(buffer))
    }

    /// Length of the JSON, in bytes.
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

impl Span {
    /// Length of the JSON, in bytes.
    pub(super) fn len(&self) -> usize {
        self.frame.len() - self.head
    }

    pub(super) fn of(&self, buffer: &Bytes) -> Line {
        Line { frame: buffer.slice(self.frame.clone()), head: self.head }
    }
}

/// Appends a frame: the JSON that `json` writes, preceded by the frame's head.
pub(super) fn write(buffer: &mut Vec<u8>, json: impl FnOnce(&mut Vec<u8>)) -> Span {
    // The length of the head depends on the length of the JSON, so reserve space for the longest.
    buffer.extend_from_slice(&[0; HEAD_BYTES_MAX]);
    let start = buffer.len();
    json(buffer);
    let (head, head_len) = head(TEXT, buffer.len() - start);
    let begin = start - head_len;
    buffer[begin..start].copy_from_slice(&head[..head_len]);
    Span { frame: begin..buffer.len(), head: head_len }
}

#[cfg(test)]
mod tests {
    use tungstenite::protocol::frame::{
        Frame,
        coding::{Data, OpCode},
    };

    use super::*;

    #[test]
    fn frames_match_those_of_the_library() {
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
