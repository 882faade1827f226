//! Decodes a recording for a page: each event with its time, its totals and its line.

use std::{fmt::Write as _, time::Duration};

use livetape_core::{
    decoder::{Decoder, DecoderOptions},
    event::{Data, Event, finish_json},
    markup::escaped,
    pace::IdleLimit,
    recording::{Item, Reader},
    terminal::{line, printable},
    truth::{Added, Tally, Truth},
};
use serde_json::{Map, Value};

use super::{EVENTS_BYTES_MAX, EVENTS_MAX, Error, Options};
use crate::{
    text::{count, size},
    timeline::millis,
};

/// `stream` of the events in a page.
const STREAM: &str = "share";

/// The totals of a page: the name that the truth has for it, its label, and its value.
type Total = (&'static str, &'static str, fn(&Truth) -> i64);

const fn signed(number: u64) -> i64 {
    number.cast_signed()
}

pub(super) const TOTALS: [Total; 10] = [
    ("viewers", "Viewers", |truth| truth.viewers),
    ("chats", "Comments", |truth| signed(truth.chats)),
    ("likes", "Likes", |truth| truth.likes),
    ("gifts", "Gifts", |truth| truth.gifts),
    ("diamonds", "Diamonds", |truth| truth.diamonds),
    ("follows", "Follows", |truth| signed(truth.follows)),
    ("shares", "Shares", |truth| signed(truth.shares)),
    ("joins", "Joined", |truth| signed(truth.joins)),
    ("subscribes", "Subscriptions", |truth| signed(truth.subscribes)),
    // Of these, the tally has no total before the end.
    ("gifters", "Gifters", |truth| signed(truth.users.len() as u64)),
];

/// Time of an event in the page, and whether it is a gift.
pub(super) type Moment = (Duration, bool);

#[derive(Debug)]
pub(super) struct Show {
    idle: IdleLimit,
    idle_limit: Duration,
    tally: Tally,
    pub(super) totals: [i64; TOTALS.len()],
    /// Lines of the list of events, as HTML.
    pub(super) lines: String,
    /// JSON: a list of events, each with its time in the page, its offset, and the totals that it changed.
    pub(super) entries: Vec<u8>,
    pub(super) moments: Vec<Moment>,
    pub(super) events: u64,
    pub(super) silences: u64,
    pub(super) idle_cut: Duration,
    pub(super) undecoded: u64,
    /// The host's name; empty if it is unknown.
    pub(super) host: String,
}

impl Show {
    /// Decodes a recording as `livetape events` does.
    pub(super) fn read(recording: &[u8], options: &Options) -> Result<Self, Error> {
        let mut show = Self {
            idle: IdleLimit::new(Some(options.idle_limit), Duration::ZERO, Duration::ZERO),
            idle_limit: options.idle_limit,
            tally: Tally::default(),
            totals: [0; TOTALS.len()],
            lines: String::new(),
            entries: b"[".to_vec(),
            moments: Vec::new(),
            events: 0,
            silences: 0,
            idle_cut: Duration::ZERO,
            undecoded: 0,
            host: String::new(),
        };
        let mut reader = Reader::open(recording)?;
        let mut decoder = Decoder::new(DecoderOptions { replay: true, dedup: true });
        while let Some(head) = reader.next_head()? {
            let Some(body) = reader.body() else { continue };
            show.advance(head.offset);
            decoder.handle(&Item { offset: head.offset, ..body.item() });
            for event in decoder.take_events() {
                show.add(&event, options.from)?;
            }
        }
        let end = reader.report().last_offset;
        decoder.flush(end);
        decoder.disconnect(end, "recording_ended");
        for event in decoder.take_events() {
            show.add(&event, options.from)?;
        }
        show.entries.push(b']');
        show.undecoded = decoder.counts().unreadable();
        Ok(show)
    }

    pub(super) fn duration(&self) -> Duration {
        self.idle.position().1
    }

    fn advance(&mut self, offset: Duration) {
        let silence = offset.saturating_sub(self.idle.position().0);
        if silence > self.idle_limit {
            self.silences += 1;
            self.idle_cut += silence - self.idle_limit;
        }
        self.idle.advance(offset);
    }

    fn add(&mut self, event: &Event, from: Duration) -> Result<(), Error> {
        let (offset, at) = self.idle.position();
        let limit = match (self.events, self.entries.len()) {
            (EVENTS_MAX, _) => Some(count(EVENTS_MAX, "event")),
            (_, EVENTS_BYTES_MAX..) => Some(format!("{} of events", size(EVENTS_BYTES_MAX as u64))),
            _ => None,
        };
        if let Some(limit) = limit {
            return Err(Error::too_large(limit, from, from.saturating_add(offset)));
        }
        self.events += 1;
        self.tally.add(&Added::by(event));
        if self.host.is_empty() {
            self.host = printable(&event.username);
        }
        let mut json = Vec::new();
        event.begin_json(STREAM, &mut json);
        finish_json(self.events, &mut json);
        let value = serde_json::from_slice(&json).unwrap_or_default();
        self.add_line(&value, at);
        let before = if self.events == 1 { "\n" } else { ",\n" };
        let (at_ms, offset_ms) = (millis(at), millis(offset));
        let totals = Value::from(self.changed_totals());
        let entry = format!("{before}{{\"at\":{at_ms},\"offset\":{offset_ms},\"totals\":{totals},\"event\":");
        self.entries.extend_from_slice(entry.as_bytes());
        self.entries.extend_from_slice(&json);
        self.entries.push(b'}');
        self.moments.push((at, matches!(event.data, Data::Gift(_))));
        Ok(())
    }

    fn changed_totals(&mut self) -> Map<String, Value> {
        let mut changed = Map::new();
        for (total, (name, _, of)) in self.totals.iter_mut().zip(TOTALS) {
            let now = of(self.tally.so_far());
            if std::mem::replace(total, now) != now {
                changed.insert(name.to_owned(), now.into());
            }
        }
        changed
    }

    /// Adds the line that a terminal shows, with the nickname that overlays show.
    fn add_line(&mut self, event: &Value, at: Duration) {
        let line = line(event).unwrap_or_default();
        let Some((icon, text)) = line.split_once(' ') else { return };
        let data = &event["data"];
        let plain = |value: &Value| printable(value.as_str().unwrap_or_default());
        let sender = plain(&data["sender"]);
        let (name, what) = match text.strip_prefix(&*sender) {
            Some(what) if !sender.is_empty() => {
                let nickname = plain(&data["user"]["nickname"]);
                (if nickname.is_empty() { sender } else { nickname }, what)
            }
            _ => (String::new(), text),
        };
        let said = what.strip_prefix(": ");
        let mark = if said.is_some() && !name.is_empty() { ":" } else { "" };
        let what = said.unwrap_or(what.trim_start());
        let (seq, kind) = (self.events, event["type"].as_str().unwrap_or_default());
        let (icon, name, what) = (escaped(icon), escaped(&name), escaped(what));
        // Names and texts have a direction of their own.
        _ = writeln!(
            self.lines,
            "<li id=\"e{seq}\" class=\"{kind}\"><a href=\"#e{seq}\" tabindex=\"-1\">{}</a><span>{icon}</span>\
             <p><bdi class=\"name\">{name}</bdi>{mark} <bdi>{what}</bdi></p></li>",
            minutes(at)
        );
    }
}

/// Formats a time as the page does: `6:42`, `1:02:03`
pub(super) fn minutes(time: Duration) -> String {
    let seconds = time.as_secs();
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 { format!("{hours}:{minutes:02}:{seconds:02}") } else { format!("{minutes}:{seconds:02}") }
}
