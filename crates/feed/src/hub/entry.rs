//! An event, numbered and encoded once for all subscribers, and what a subscriber asks for: which events, in which
//! format, and from where.

use std::{fmt, ops::Range, str::FromStr};

use bytes::Bytes;
use livetape_core::{
    event::{Data, Event, Gift, KINDS, Layout, finish_json},
    tikfinity::Tikfinity,
    truth::Added,
};
use tungstenite::protocol::frame::{
    FrameHeader,
    coding::{self, OpCode},
};

use super::Window;

// One bit for each type, and one for the types of newer versions.
const _: () = assert!(KINDS.len() < 128);

/// Defines an enum with the name of each value in a query.
macro_rules! choice {
    ($(#[$of_enum:meta])* pub enum $Choice:ident { $($(#[$of_value:meta])* $Value:ident = $name:literal,)* }) => {
        $(#[$of_enum])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub enum $Choice {
            $($(#[$of_value])* $Value,)*
        }

        impl $Choice {
            pub const ALL: &[Self] = &[$(Self::$Value),*];
            pub const NAMES: &[&str] = &[$($name),*];

            #[must_use]
            pub fn named(name: &str) -> Option<Self> {
                match name {
                    $($name => Some(Self::$Value),)*
                    _ => None,
                }
            }

            #[must_use]
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$Value => $name,)*
                }
            }
        }
    };
}

/// Which events a subscriber receives. The default is everything that TikTok sent, except `unknown` events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Event types: `types=gift,chat`.
    pub types: Types,
    /// Gift mode: `gifts=raw|delta|final`.
    pub gifts: Gifts,
    /// Whether `unknown` events pass, too: `raw=1`.
    pub raw: bool,
    /// Wire format: `format=NAME`.
    pub format: Format,
}

impl Filter {
    /// Whether gifts are counted since the previous final of their streak, not since its previous event.
    pub(super) fn counts_since_final(&self) -> bool {
        self.format.layout().map_or(self.gifts == Gifts::Final, Layout::counts_finals)
    }

    /// Whether the event `disconnected` passes, which tells the end.
    #[must_use]
    pub fn has_end(&self) -> bool {
        self.types.contains(Types::only("disconnected"))
    }

    /// Whether finals that livetape infers pass.
    #[must_use]
    pub fn has_inferred(&self) -> bool {
        self.gifts != Gifts::Raw || self.counts_since_final()
    }

    #[must_use]
    pub fn passes(&self, event: &Event) -> bool {
        Audience::of(event).includes(self)
    }

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
        self.format.layout().is_none_or(|layout| {
            let native = out.split_off(start);
            layout.convert(&native, out).is_ok()
        })
    }
}

choice! {
    /// How the JSON of an event is laid out.
    pub enum Format {
        /// livetape's own format.
        #[default]
        Native = "native",
        /// TikFinity's format, which only has names for some types of event.
        Tikfinity = "tikfinity",
    }
}

impl Format {
    /// Returns the layout; `None` for livetape's own.
    pub(super) fn layout(self) -> Option<&'static dyn Layout> {
        match self {
            Self::Native => None,
            Self::Tikfinity => Some(&Tikfinity),
        }
    }

    /// Returns the flags of all layouts that match.
    fn flags(matches: impl Fn(&dyn Layout) -> bool) -> u32 {
        let layouts = Self::ALL.iter().filter_map(|format| format.layout());
        layouts.filter(|layout| matches(*layout)).fold(0, |flags, layout| flags | layout.flag())
    }
}

choice! {
    /// Which events of a gift streak a subscriber receives. The sum of `repeatDelta` over a streak is the
    /// same in each mode.
    pub enum Gifts {
        /// All events that TikTok sent; in formats that count finals, inferred ones, too.
        #[default]
        Raw = "raw",
        /// Events that add gifts, and finals, including inferred ones.
        Delta = "delta",
        /// Finals only, including inferred ones.
        Final = "final",
    }
}

/// A set of event types. Packed, because subscribers are kept in arrays, and an alignment of 16 bytes would lengthen each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(Rust, packed(8))]
pub struct Types(u128);

impl Types {
    pub const ALL: Self = Self(u128::MAX);
    /// Types that only newer versions know, and no filter can name.
    const NEWER: Self = Self(1 << 127);

    /// Returns the set with one type, or the empty set if the type does not exist.
    pub(super) fn only(kind: &str) -> Self {
        KINDS.iter().position(|&name| name == kind).map_or(Self(0), |index| Self(1 << index))
    }

    /// Whether the sets overlap. `other` has at most one type.
    pub(super) fn contains(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

impl Default for Types {
    fn default() -> Self {
        Self::ALL
    }
}

impl fmt::Display for Types {
    /// Formats the set the way it is parsed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = KINDS.iter().copied().filter(|name| self.contains(Self::only(name))).collect();
        f.write_str(&names.join(","))
    }
}

impl FromStr for Types {
    /// Name of the first type that does not exist.
    type Err = String;

    /// Parses comma-separated names: `gift,chat`.
    fn from_str(text: &str) -> Result<Self, String> {
        text.split(',').try_fold(Self(0), |types, name| match Self::only(name.trim()) {
            Self(0) => Err(name.trim().to_owned()),
            Self(bit) => Ok(Self(types.0 | bit)),
        })
    }
}

/// Value of `?since=`: `0` or `STREAM:SEQ`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Since {
    /// From the oldest event in the backlog.
    Start,
    /// After this event.
    After {
        /// Name of the channel, as in its events.
        stream: String,
        /// Sequence number of the last event already received; 0 for none.
        seq: u64,
    },
}

impl FromStr for Since {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "0" {
            return Ok(Self::Start);
        }
        let parts = text.rsplit_once(':').filter(|(stream, _)| !stream.is_empty());
        let position = parts.and_then(|(stream, seq)| {
            Some(Self::After { stream: stream.to_owned(), seq: seq.parse().ok()? })
        });
        position.ok_or_else(|| {
            format!(
                "`since` must be 0 or STREAM:SEQ, from `stream` and `seq` of the last event, not `{text}`"
            )
        })
    }
}

impl fmt::Display for Since {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Start => f.write_str("0"),
            Self::After { stream, seq } => write!(f, "{stream}:{seq}"),
        }
    }
}

choice! {
    /// Value of `?on_gap=`: what to do if the event after `since` is no longer in the backlog.
    pub enum OnGap {
        /// Reject the position.
        #[default]
        Close = "close",
        /// Send `{"type":"gap","from":…,"to":…}` for the missing events, then continue with the oldest event.
        Skip = "skip",
    }
}

/// The filter settings under which a subscriber receives an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Audience {
    kind: Types,
    needs_raw: bool,
    gifts_raw: bool,
    gifts_delta: bool,
    gifts_final: bool,
    /// The [flags](Layout::flag) of the layouts that show it.
    layouts: u32,
}

impl Audience {
    pub(super) fn of(event: &Event) -> Self {
        let all = Self {
            needs_raw: matches!(event.data, Data::Unknown(_)),
            layouts: Format::flags(|layout| layout.shows(event)),
            ..Self::of_notice(event.kind())
        };
        match &event.data {
            Data::Gift(gift) => Self {
                gifts_raw: !gift.inferred,
                gifts_delta: gift.repeat_delta > 0 || gift.is_final,
                gifts_final: gift.is_final,
                ..all
            },
            _ => all,
        }
    }

    /// Returns the audience of a message that is not an event. Other layouts do not show it.
    pub(super) fn of_notice(kind: &str) -> Self {
        Self {
            kind: Types::only(kind),
            needs_raw: false,
            gifts_raw: true,
            gifts_delta: true,
            gifts_final: true,
            layouts: 0,
        }
    }

    pub(super) fn includes(self, filter: &Filter) -> bool {
        let (format, needs_inferred) = match filter.format.layout() {
            None => (true, false),
            Some(layout) => (self.layouts & layout.flag() != 0, layout.counts_finals()),
        };
        let gifts = match filter.gifts {
            Gifts::Raw => self.gifts_raw || needs_inferred,
            Gifts::Delta => self.gifts_delta,
            Gifts::Final => self.gifts_final,
        };
        gifts && format && (filter.raw || !self.needs_raw) && filter.types.contains(self.kind)
    }
}

/// Each flag with its bit between processes. Never reuse a bit; those from 4 on belong to layouts, those from 16 on to
/// `relay.rs`.
macro_rules! bits {
    ($($flag:ident = $bit:literal),*) => {
        impl Audience {
            /// Returns the flags as bits, for other processes. The type of event is passed by name.
            pub(super) fn bits(self) -> u32 {
                self.layouts $(| if self.$flag { 1 << $bit } else { 0 })*
            }

            pub(super) fn from_bits(kind: &str, bits: u32) -> Self {
                let kind = if KINDS.contains(&kind) { Types::only(kind) } else { Types::NEWER };
                Self { kind, layouts: bits & Format::flags(|_| true), $($flag: bits & (1 << $bit) != 0),* }
            }
        }
    };
}

bits!(needs_raw = 0, gifts_raw = 1, gifts_delta = 2, gifts_final = 3);

/// An event in the ring; with a [`Span`], one whose bytes are still in the encoder's buffer.
#[derive(Clone, Debug)]
pub(super) struct Entry<L = Line> {
    pub line: L,
    /// Replacement for subscribers that [count since the last final](Filter::counts_since_final), if
    /// different.
    pub line_of_final: Option<L>,
    pub audience: Audience,
    pub state_role: StateRole,
    /// What it adds to the [`Truth`](livetape_core::truth::Truth).
    pub added: Added,
}

impl Entry {
    /// Creates a message that is not an event.
    pub(super) fn of_notice(json: &[u8], audience: Audience) -> Self {
        let (line, added) = (Line::new(json), Added::default());
        Self { line, line_of_final: None, audience, state_role: StateRole::Passes, added }
    }

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
    drafts: Vec<Entry<Span>>,
    /// JSON members that each event gets.
    members: &'static str,
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

    fn draft(&mut self, stream: &str, seq: u64, event: &Event) -> Entry<Span> {
        Entry {
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
        // No filter names its type.
        Entry::of_notice(json.as_bytes(), Audience { kind: Types::ALL, ..Audience::of_notice("") })
    }
}

impl Entry<Span> {
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

/// Maximum length of the head of a server's frame, in bytes (RFC 6455 §5.2).
const HEAD_BYTES_MAX: usize = 10;

/// Appends a frame: the JSON that `json` writes, preceded by the frame's head.
fn write_line(buffer: &mut Vec<u8>, json: impl FnOnce(&mut Vec<u8>)) -> Span {
    // The length of the head depends on the length of the JSON, so reserve space for the longest.
    buffer.extend_from_slice(&[0; HEAD_BYTES_MAX]);
    let start = buffer.len();
    json(buffer);
    let length = (buffer.len() - start) as u64;
    let header = FrameHeader { opcode: OpCode::Data(coding::Data::Text), ..Default::default() };
    let head = header.len(length);
    let begin = start - head;
    header.format(length, &mut &mut buffer[begin..start]).expect("the head has this length");
    Span { frame: begin..buffer.len(), head }
}

/// Replaces the JSON of events with their form in a layout, and returns its total length in bytes. Called by
/// subscribers to this layout and without a lock, so that nobody else waits or pays for it.
pub(super) fn convert(layout: &dyn Layout, view: View, events: &mut Vec<Bytes>) -> usize {
    let mut buffer = Vec::new();
    let spans = events.iter().filter_map(|native| {
        let mut is_converted = false;
        let span = write_line(&mut buffer, |buffer| is_converted = layout.convert(native, buffer).is_ok());
        is_converted.then_some(span)
    });
    let spans: Vec<Span> = spans.collect();
    let batch = Bytes::from(buffer);
    *events = spans.iter().map(|span| span.of(&batch).view(view)).collect();
    spans.iter().map(Span::len).sum()
}

/// Returns the gift event for subscribers that count since the last final, if it differs. A final reports its
/// increment. Other events, visible only in layouts that count finals, report the running total.
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
    use tungstenite::protocol::frame::Frame;

    use super::*;

    #[test]
    fn layouts_have_flags_of_their_own() {
        let layouts = Format::ALL.iter().filter_map(|format| format.layout());
        let sum: u64 = layouts.map(|layout| u64::from(layout.flag())).sum();
        assert_eq!(sum, u64::from(Format::flags(|_| true)));
        assert_eq!(sum & !0xfff0, 0, "only the bits 4 to 15");
    }

    #[test]
    fn types_are_parsed_from_comma_separated_names() {
        let types: Types = "gift, chat".parse().unwrap();
        assert!(types.contains(Types::only("gift")) && types.contains(Types::only("chat")));
        assert!(!types.contains(Types::only("unknown")));
        assert_eq!("gift,gfit".parse::<Types>(), Err("gfit".to_owned()));
        assert_eq!("".parse::<Types>(), Err(String::new()));
    }

    #[test]
    fn since_is_parsed_into_a_stream_and_a_number() {
        let after = |stream: &str, seq| Ok(Since::After { stream: stream.to_owned(), seq });
        assert_eq!("0".parse(), Ok(Since::Start));
        assert_eq!("a1b2:17".parse(), after("a1b2", 17));
        assert_eq!("a:b:0".parse(), after("a:b", 0));
        for text in ["", "17", ":17", "a:", "a:-1", "a:x", "a:99999999999999999999"] {
            assert!(text.parse::<Since>().is_err(), "{text}");
        }
    }

    #[test]
    fn frames_match_those_of_the_library() {
        for length in [0, 1, 125, 126, 127, 300, 65_535, 65_536, 70_000] {
            let json = vec![b'x'; length];
            let mut expected = Vec::new();
            let frame = Frame::message(json.clone(), OpCode::Data(coding::Data::Text), true);
            frame.format(&mut expected).unwrap();
            let line = Line::new(&json);
            assert_eq!(line.view(View::Frame), expected, "{length}");
            assert_eq!((line.view(View::Json), line.len()), (json.into(), length));
        }
    }
}
