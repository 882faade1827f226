//! People are taken out of recordings, at wire level: fields, types and nesting stay, known or not, and only leaves change.
//!
//! Two passes. [`Scrubber::collect`] sees every item and learns who there is; [`Scrubber::scrub`] then puts made-up people in
//! their place, the same ones wherever they occur. What is made up depends on the [`Key`] alone. What cannot be looked
//! into is replaced or dropped, never passed on, and counted in a [`Tally`].

mod allow;
mod audit;
#[cfg(test)]
mod by_construction;
mod check;
mod class;
mod finding;
mod http;
mod identities;
mod json;
mod key;
mod letters;
mod made_up;
mod patterns;
mod rewriter;
pub mod stock;
mod views;
mod walk;

use bytes::Bytes;
use serde::Serialize;

pub use audit::{Auditor, WORD_CHARS_MIN, WORDS_MAX};
pub use finding::{Finding, Kind as FindingKind};
pub use identities::IDENTITIES_MAX;
pub use key::{FINGERPRINT_BYTES, KEY_BYTES, Key};
pub use stock::phrases;

use identities::Identities;
use rewriter::{Collector, Rewriter};
use walk::{Context, Leaves as _, Place, as_text, message};

use super::{
    recording::{
        Flags, Item, Opcode, USER_TAG, What,
        records::{ConnOpen, Header, header::Privacy},
    },
    redact::redact,
};
use class::Class;

/// What is done to people, written into the header. It changes when the same key would make up others.
pub const PROFILE: &str = "share/2";
/// The same for [`Scrubber::readable`].
const READABLE_PROFILE: &str = "show/1";

/// How often what was done, apart from people who were replaced.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Tally {
    /// Records in which something was replaced.
    pub changed_records: u64,
    /// Texts where no field says what they are.
    pub unknown_texts: u64,
    /// Bytes that are neither text nor message: replaced by others.
    pub opaque: u64,
    /// Messages that break off: what is behind the break was dropped.
    pub broken: u64,
    /// What was packed and could not be unpacked whole.
    pub bad_gzip: u64,
    /// Bodies of HTTP answers that are neither a batch nor JSON: dropped.
    pub dropped_bodies: u64,
    /// Records of a type that this version does not know: dropped.
    pub dropped_records: u64,
    /// Parameters of addresses that were dropped.
    pub parameters: u64,
    /// Headers that were dropped.
    pub headers: u64,
}

/// There are more people than fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "more than {IDENTITIES_MAX} ids and names: cut the recording into parts, and scrub them with one key"
)]
pub struct TooMany;

/// Takes people out of a recording.
#[derive(Debug)]
pub struct Scrubber {
    key: Key,
    identities: Identities,
    tally: Tally,
    readable: bool,
}

impl Scrubber {
    /// Knows nobody yet.
    #[must_use]
    pub fn new(key: Key) -> Self {
        Self { key, identities: Identities::default(), tally: Tally::default(), readable: false }
    }

    /// Takes names and texts from lists, for a recording that is shown: they are few, so that two people may get one name.
    #[must_use]
    pub fn readable(self) -> Self {
        Self { readable: true, ..self }
    }

    /// Learns who is in an item: the first pass.
    ///
    /// # Errors
    /// [`TooMany`].
    pub fn collect(&mut self, item: &Item) -> Result<(), TooMany> {
        let collector = &mut Collector(&mut self.identities);
        let mut text = |class, text: &str| drop(collector.text(&Place::unnamed(class), text));
        match &item.what {
            What::Header(header) => text(Class::Handle, header.tags.get(USER_TAG).map_or("", |tag| tag)),
            What::ConnOpen(open) => {
                text(Class::Handle, &open.unique_id);
                self.identities.add_id(open.room_id.cast_unsigned());
            }
            What::Frame(frame) if frame.opcode == Opcode::BINARY => {
                message(&frame.bytes, Context::named("PushFrame"), collector);
            }
            What::Http(http) => http::collect(http, collector),
            _ => {}
        }
        if self.identities.len() > IDENTITIES_MAX { Err(TooMany) } else { Ok(()) }
    }

    /// How many ids and names there are.
    #[must_use]
    pub fn identities(&self) -> usize {
        self.identities.len()
    }

    /// What was done so far.
    #[must_use]
    pub fn tally(&self) -> Tally {
        self.tally
    }

    /// Whether an item's header says that this was done already, with the same key.
    #[must_use]
    pub fn did(&self, header: &Header) -> bool {
        header.privacy() == Privacy::Scrubbed
            && header.scrub_profile == self.profile()
            && header.scrub_key_fingerprint == self.key.fingerprint()[..]
    }

    /// A header for the item's recording without people.
    #[must_use]
    pub fn header(&mut self, mut header: Header) -> Header {
        let profile = self.profile();
        mark(&mut header, profile, &mut self.rewriter());
        header
    }

    fn profile(&self) -> &'static str {
        if self.readable { READABLE_PROFILE } else { PROFILE }
    }

    fn rewriter(&mut self) -> Rewriter<'_> {
        Rewriter {
            key: &self.key,
            identities: &self.identities,
            tally: &mut self.tally,
            readable: self.readable,
        }
    }

    /// The item without people: the second pass. `None` if it had to be dropped.
    pub fn scrub(&mut self, item: Item) -> Option<Item> {
        let mut item = redact(item);
        let before = item.what.clone();
        let profile = self.profile();
        let rewriter = &mut self.rewriter();
        match &mut item.what {
            What::Header(header) => {
                mark(header, profile, rewriter);
                return Some(item);
            }
            What::ConnOpen(open) => connection(open, rewriter),
            What::Frame(frame) => frame.bytes = bytes(frame.opcode, &frame.bytes, rewriter).into(),
            What::ConnClose(close) => close.reason = rewriter.line(&close.reason),
            What::Http(http) => http::scrub(http, rewriter),
            What::Marker(marker) => marker.label = rewriter.words("text", &marker.label),
            What::Status(status) => status.detail = rewriter.line(&status.detail),
            What::Gap(gap) => gap.reason = rewriter.line(&gap.reason),
            What::ClockAnchor(_) | What::Checkpoint(_) | What::End(_) => {}
            What::Other { .. } => {
                self.tally.dropped_records += 1;
                return None;
            }
        }
        if item.what != before {
            self.tally.changed_records += 1;
            item.flags = Flags(item.flags.0 | Flags::EDITED);
        }
        Some(item)
    }
}

/// The header of a scrubbed recording.
fn mark(header: &mut Header, profile: &str, rewriter: &mut Rewriter<'_>) {
    header.set_privacy(Privacy::Scrubbed);
    profile.clone_into(&mut header.scrub_profile);
    header.scrub_key_fingerprint = Bytes::copy_from_slice(&rewriter.key.fingerprint());
    let tags = std::mem::take(&mut header.tags).into_iter();
    header.tags = tags
        .map(|(name, value)| {
            let class = if name == USER_TAG { Class::Handle } else { Class::Unknown };
            let new = rewriter.text(&Place::unnamed(class), &value);
            let named = rewriter.text(&Place::unnamed(Class::Word), &name);
            (named.unwrap_or(name), new.unwrap_or(value))
        })
        .collect();
}

fn connection(open: &mut ConnOpen, rewriter: &mut Rewriter<'_>) {
    open.room_id = rewriter.id(open.room_id.cast_unsigned()).cast_signed();
    open.unique_id = rewriter.handle(&open.unique_id);
    open.url = http::address(&open.url, rewriter);
    http::headers(&mut open.headers, rewriter);
}

/// The bytes of a frame.
fn bytes(opcode: Opcode, bytes: &[u8], rewriter: &mut Rewriter<'_>) -> Vec<u8> {
    let place = Place::unnamed(Class::Unknown);
    match as_text(bytes) {
        _ if opcode == Opcode::BINARY => message(bytes, Context::named("PushFrame"), rewriter),
        Some(text) => rewriter.text(&place, text).map_or_else(|| bytes.to_vec(), String::into_bytes),
        None => rewriter.opaque(&place, bytes).unwrap_or_default(),
    }
}
