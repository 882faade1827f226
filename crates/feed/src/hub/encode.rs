//! Numbers events and encodes their JSON once for all subscribers.

use bytes::Bytes;
use livetape_core::{
    event::{Data, Event, Gift, finish_json},
    tikfinity,
    truth::Added,
};

use super::{
    Filter, Format,
    audience::Audience,
    entry::{Entry, StateRole},
    limits::Window,
    line::{self, Span, View},
};

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
        line::write(&mut self.buffer, |buffer| {
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
            line: line::Line::new(json.as_bytes()),
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

/// Replaces the JSON of events with TikFinity's format, and returns its total length in bytes. Called by
/// subscribers to this format and without a lock, so that nobody else waits or pays for it.
pub(super) fn to_tikfinity(view: View, events: &mut Vec<Bytes>) -> usize {
    let mut buffer = Vec::new();
    let spans = events.iter().filter_map(|native| {
        let mut is_converted = false;
        let span =
            line::write(&mut buffer, |buffer| is_converted = tikfinity::convert(native, buffer).is_ok());
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
