//! An event, numbered and encoded once for all subscribers, with the filters that let it pass.

use std::ops::Range;

use bytes::Bytes;
use livetape_core::{
    event::{Data, Event, Gift, finish_json},
    tikfinity,
    truth::Added,
    ws_frame::{HEAD_BYTES_MAX, TEXT, head},
};

use super::{Filter, Format, Window, filter::Audience};

/// An event in the ring.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub line: Line,
    /// Replacement for subscribers that [count since the last final](Filter::counts_since_final), if
    /// different.
    pub line_of_final: Option<Line>,
    pub audience: Audience,
    pub state_role: StateRole,
    /// What it adds to the [`Truth`](livetape_core::truth::Truth).
    pub added: Added,
}

impl Entry {
    /// Returns the bytes for a subscriber with this filter, or `None` if the filter drops the event.
    pub(super) fn shown_to(&self, filter: &Filter) -> Option<&Line> {
        if !self.audience.includes(filter) {
            return None;
        }
        let of_final = self.line_of_final.as_ref().filter(|_| filter.counts_since_final());
        Some(of_final.unwrap_or(&self.line))
    }

    /// Share of the ring, in bytes.
    pub(super) fn len(&self) -> u64 {
        (self.line.len() + self.line_of_final.as_ref().map_or(0, Line::len)) as u64
    }
}

/// Whether new subscribers get an event as part of the current state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum StateRole {
    /// Starts a new state and replaces the previous one.
    Begins,
    /// Ends the current state; both are sent.
    Ends,
    /// Not part of the state.
    Passes,
}

impl StateRole {
    pub(super) fn of(event: &Event) -> Self {
        match &event.data {
            // The connection stays as it is.
            Data::Failure(failure) if failure.attempt == 0 && failure.retrying => Self::Passes,
            Data::ConnectionCreated(_) | Data::Failure(_) => Self::Begins,
            Data::Disconnected(_) => Self::Ends,
            Data::ConnectionClosed(closed) if !closed.will_retry => Self::Ends,
            _ => Self::Passes,
        }
    }
}

/// The bytes of an event, shared by all subscribers. A server does not mask its frames, so they are the same
/// for everyone.
#[derive(Clone, Debug)]
pub(super) struct Line {
    frame: Bytes,
    head: usize,
}

/// Position of a line in a buffer.
#[derive(Clone, Debug)]
struct Span {
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
        let span = write_line(&mut buffer, |buffer| buffer.extend_from_slice(json));
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
    fn len(&self) -> usize {
        self.frame.len() - self.head
    }

    fn of(&self, buffer: &Bytes) -> Line {
        Line { frame: buffer.slice(self.frame.clone()), head: self.head }
    }
}

/// Numbers and encodes events. Reuses its buffer for each batch.
#[derive(Debug, Default)]
pub(super) struct Encoder {
    buffer: Vec<u8>,
    drafts: Vec<Draft>,
    /// JSON members that each event gets.
    members: &'static str,
}

/// An entry whose bytes are still in the buffer.
#[derive(Debug)]
struct Draft {
    line: Span,
    line_of_final: Option<Span>,
    audience: Audience,
    state_role: StateRole,
    added: Added,
}

impl Encoder {
    /// Encodes a prefix of `events`, numbered from `head + 1`: as many as fit into `window`, but at least
    /// one.
    pub(super) fn encode<'a>(
        &'a mut self,
        stream: &str,
        head: u64,
        events: &[Event],
        window: Window,
    ) -> impl ExactSizeIterator<Item = Entry> + use<'a> {
        self.buffer.clear();
        self.drafts.clear();
        let mut bytes = 0;
        for (seq, event) in (head + 1..).zip(events) {
            let before = self.buffer.len();
            let draft = self.draft(stream, seq, event);
            bytes += draft.len();
            let full = self.drafts.len() as u64 >= window.events || bytes > window.bytes;
            if full && !self.drafts.is_empty() {
                self.buffer.truncate(before);
                break;
            }
            self.drafts.push(draft);
        }
        // Allocates the exact size once for the whole batch; entries are slices of it.
        let batch = Bytes::copy_from_slice(&self.buffer);
        self.drafts.drain(..).map(move |draft| draft.finish(&batch))
    }

    fn draft(&mut self, stream: &str, seq: u64, event: &Event) -> Draft {
        Draft {
            line: self.write(stream, seq, event),
            line_of_final: since_final(event).map(|event| self.write(stream, seq, &event)),
            audience: Audience::of(event),
            state_role: StateRole::of(event),
            added: Added::by(event),
        }
    }

    fn write(&mut self, stream: &str, seq: u64, event: &Event) -> Span {
        let members = self.members;
        write_line(&mut self.buffer, |buffer| {
            event.begin_json(stream, buffer);
            buffer.extend_from_slice(members.as_bytes());
            finish_json(seq, buffer);
        })
    }

    /// Encodes a message of any type, and adds members to each later event.
    pub(super) fn encode_foreign(
        &mut self,
        message: &str,
        members: &'static str,
        stream: &str,
        seq: u64,
    ) -> Entry {
        self.members = members;
        let json = format!(r#"{{{message},"stream":{stream:?},"seq":{seq}}}"#);
        Entry {
            line: Line::new(json.as_bytes()),
            line_of_final: None,
            audience: Audience::of_foreign(),
            state_role: StateRole::Passes,
            added: Added::default(),
        }
    }
}

impl Draft {
    /// Share of the ring, in bytes.
    fn len(&self) -> u64 {
        (self.line.len() + self.line_of_final.as_ref().map_or(0, Span::len)) as u64
    }

    fn finish(self, batch: &Bytes) -> Entry {
        Entry {
            line: self.line.of(batch),
            line_of_final: self.line_of_final.map(|span| span.of(batch)),
            audience: self.audience,
            state_role: self.state_role,
            added: self.added,
        }
    }
}

impl Filter {
    /// Appends the JSON of `event` as this filter shows it, for callers that number events without a hub.
    /// Returns `false` and appends nothing if the filter drops the event.
    pub fn encode(&self, stream: &str, seq: u64, event: &Event, out: &mut Vec<u8>) -> bool {
        if !self.passes(event) {
            return false;
        }
        let final_event = self.counts_since_final().then(|| since_final(event)).flatten();
        let start = out.len();
        final_event.as_ref().unwrap_or(event).begin_json(stream, out);
        finish_json(seq, out);
        match self.format {
            Format::Native => true,
            Format::Tikfinity => {
                let native = out.split_off(start);
                tikfinity::convert(&native, out).is_ok()
            }
        }
    }
}

/// Appends a frame: the JSON that `json` writes, preceded by the frame's head.
fn write_line(buffer: &mut Vec<u8>, json: impl FnOnce(&mut Vec<u8>)) -> Span {
    // The length of the head depends on the length of the JSON, so reserve space for the longest.
    buffer.extend_from_slice(&[0; HEAD_BYTES_MAX]);
    let start = buffer.len();
    json(buffer);
    let (head, head_len) = head(TEXT, buffer.len() - start);
    let begin = start - head_len;
    buffer[begin..start].copy_from_slice(&head[..head_len]);
    Span { frame: begin..buffer.len(), head: head_len }
}

/// Replaces the JSON of events with TikFinity's format, and returns its total length in bytes. Called by
/// subscribers to this format and without a lock, so that nobody else waits or pays for it.
pub(super) fn to_tikfinity(view: View, events: &mut Vec<Bytes>) -> usize {
    let mut buffer = Vec::new();
    let spans = events.iter().filter_map(|native| {
        let mut is_converted = false;
        let span =
            write_line(&mut buffer, |buffer| is_converted = tikfinity::convert(native, buffer).is_ok());
        is_converted.then_some(span)
    });
    let spans: Vec<Span> = spans.collect();
    let batch = Bytes::from(buffer);
    *events = spans.iter().map(|span| span.of(&batch).view(view)).collect();
    spans.iter().map(Span::len).sum()
}

/// Returns the gift event for subscribers that count since the last final, if it differs. A final reports its
/// increment. Other events, visible only in TikFinity's format, report the running total.
fn since_final(event: &Event) -> Option<Event> {
    let Data::Gift(gift) = &event.data else { return None };
    let since = gift.delta_since_final;
    let changed = match gift.is_final {
        true if since != gift.repeat_delta => {
            let diamonds = i64::from(gift.diamond_count) * i64::from(since);
            Gift { repeat_delta: since, diamonds, ..gift.clone() }
        }
        false if !gift.streak_id.is_empty() && since < gift.repeat_count => {
            Gift { repeat_count: since, ..gift.clone() }
        }
        _ => return None,
    };
    Some(Event { data: Data::Gift(changed), ..event.clone() })
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
