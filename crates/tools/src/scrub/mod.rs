//! Removes personal data from recordings at wire level. Only leaves change: all fields, known or not, keep
//! their numbers, types and nesting.
//!
//! Scrubbing takes two passes. [`Scrubber::collect`] learns the identities in all items. [`Scrubber::scrub`]
//! then replaces them, consistently everywhere. Replacements depend only on the [`Key`] and the original.
//! Data that cannot be inspected is replaced or dropped, never passed through, and counted in a [`ChangeCounts`].

mod allow;
mod audit;
mod check;
mod class;
mod http;
mod identities;
mod json;
mod made_up;
mod passes;
mod patterns;
mod rewriter;
#[cfg(test)]
mod tests;
mod views;
mod walk;

use bytes::Bytes;
use livetape_core::{
    recording::{
        Flags, Item, Opcode, USER_TAG, What,
        records::{ConnOpen, Header, header::Privacy},
        write_payload,
    },
    redact::{self, redact, redact_value},
};
use serde::Serialize;

use crate::payload::as_text;

use class::Class;
use identities::{Identities, Within};
use rewriter::{Collector, Rewriter};
use walk::{Context, Leaves, Place, message};

pub use audit::{Auditor, WORD_CHARS_MIN, WORDS_MAX};
pub use check::{Finding, FindingKind};
pub use identities::IDENTITIES_MAX;
pub use made_up::{FINGERPRINT_BYTES, KEY_BYTES, Key, phrases, square};
pub use passes::{Error, ScrubReport, scrub};

pub(crate) use made_up::{DECORATION, FIRST, LAST, NICKNAMES, PHRASES};

/// Name of the method, stored in the header. It changes whenever the same key would produce other
/// replacements.
pub const PROFILE: &str = "share/7";

/// Counts of the changes, apart from replaced identities.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ChangeCounts {
    pub changed_records: u64,
    /// Number of texts in fields of unknown meaning.
    pub unknown_texts: u64,
    /// Number of byte strings replaced because they are neither text nor a message.
    pub opaque: u64,
    /// Number of malformed messages, whose remainder was dropped.
    pub broken: u64,
    /// Number of values with malformed gzip data.
    pub bad_gzip: u64,
    /// Number of records dropped because their type is unknown.
    pub dropped_records: u64,
    /// Number of records dropped because an audit would still find something, or an id or a name is still left: malformed
    /// data can be read in another way once it is rewritten.
    pub rejected_records: u64,
    /// Number of URL parameters dropped.
    pub parameters: u64,
    /// Number of headers dropped.
    pub headers: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("more than {IDENTITIES_MAX} ids and names")]
pub struct TooMany;

/// Removes personal data from a recording.
#[derive(Debug)]
pub struct Scrubber {
    key: Key,
    identities: Identities,
    tally: ChangeCounts,
}

impl Scrubber {
    #[must_use]
    pub fn new(key: Key) -> Self {
        Self { key, identities: Identities::default(), tally: ChangeCounts::default() }
    }

    /// Learns the identities in an item: the first pass.
    ///
    /// # Errors
    /// [`TooMany`]
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

    #[must_use]
    pub fn identities(&self) -> usize {
        self.identities.len()
    }

    #[must_use]
    pub fn tally(&self) -> ChangeCounts {
        self.tally
    }

    /// Whether a header shows that the recording was already scrubbed with the same key.
    #[must_use]
    pub fn did(&self, header: &Header) -> bool {
        header.privacy() == Privacy::Scrubbed
            && header.scrub_profile == PROFILE
            && header.scrub_key_fingerprint == self.key.fingerprint()[..]
    }

    /// Returns the header of the scrubbed recording.
    #[must_use]
    pub fn header(&mut self, mut header: Header) -> Header {
        mark(&mut header, &mut self.rewriter());
        header
    }

    fn rewriter(&mut self) -> Rewriter<'_> {
        Rewriter { key: &self.key, identities: &self.identities, tally: &mut self.tally }
    }

    /// Scrubs an item: the second pass. Returns `None` if it has to be dropped.
    pub fn scrub(&mut self, item: Item) -> Option<Item> {
        let mut item = redact(item);
        let before = item.what.clone();
        let rewriter = &mut self.rewriter();
        match &mut item.what {
            What::Header(header) => {
                mark(header, rewriter);
                return Some(item);
            }
            What::ConnOpen(open) => connection(open, rewriter),
            What::Frame(frame) => frame.bytes = bytes(frame.opcode, &frame.bytes, rewriter).into(),
            What::ConnClose(close) if allow::is_reason(&close.reason) => {
                close.reason = rewriter.line(&close.reason);
            }
            What::ConnClose(close) => close.reason = rewriter.words("text", &close.reason),
            What::Http(http) => http::scrub(http, rewriter),
            What::Marker(marker) => marker.label = rewriter.words("text", &marker.label),
            What::Status(status) => {
                let code = Leaves::text(rewriter, &Place::unnamed(Class::Word), &status.code);
                status.code = code.unwrap_or_else(|| std::mem::take(&mut status.code));
                status.detail = rewriter.line(&status.detail);
                status.hint = rewriter.line(&status.hint);
            }
            What::Gap(gap) => gap.reason = rewriter.line(&gap.reason),
            What::ClockAnchor(_) | What::Checkpoint(_) | What::End(_) => {}
            What::Other { .. } => {
                self.tally.dropped_records += 1;
                return None;
            }
        }
        // In malformed data, generated bytes can look like a value of unknown meaning.
        let mut item = redact(item);
        let is_changed = item.what != before;
        if is_changed {
            item.flags = Flags(item.flags.0 | Flags::EDITED);
        }
        if !is_clean(&item, &self.identities) {
            self.tally.rejected_records += 1;
            return None;
        }
        self.tally.changed_records += u64::from(is_changed);
        Some(item)
    }
}

/// Whether an audit finds nothing in a scrubbed item, and nothing of anyone is left in it, however it is packed.
fn is_clean(item: &Item, identities: &Identities) -> bool {
    let mut payload = Vec::new();
    write_payload(&item.what, &mut payload);
    let (found, views) = Auditor::default().search(item, &payload);
    found.is_empty() && !views.iter().any(|view| identities.occur_in(&view.bytes, Within::Record))
}

/// Whether an audit finds nothing in an item.
fn passes_audit(item: &Item) -> bool {
    is_clean(item, &Identities::default())
}

/// Turns a header into that of a scrubbed recording.
fn mark(header: &mut Header, rewriter: &mut Rewriter<'_>) {
    header.set_privacy(Privacy::Scrubbed);
    PROFILE.clone_into(&mut header.scrub_profile);
    header.scrub_key_fingerprint = Bytes::copy_from_slice(&rewriter.key.fingerprint());
    for text in [&mut header.tool, &mut header.tool_version, &mut header.source] {
        *text = rewriter.line(text);
    }
    let tags = std::mem::take(&mut header.tags).into_iter();
    header.tags = tags
        .map(|(name, value)| {
            // The range of a cut.
            let is_clock = |byte: u8| byte.is_ascii_digit() || b":.- ".contains(&byte);
            let class = match name.as_str() {
                USER_TAG => Class::Handle,
                "cut" if value.bytes().all(is_clock) => return (name, rewriter.line(&value)),
                "profile" => Class::Word,
                _ => Class::Unknown,
            };
            let new = rewriter.text(&Place::unnamed(class), &value);
            let name = rewriter.text(&Place::unnamed(Class::Word), &name).unwrap_or(name);
            let value = redact_value(redact::Place::Tag, &name, &new.unwrap_or(value)).into_owned();
            (name, value)
        })
        .collect();
}

fn connection(open: &mut ConnOpen, rewriter: &mut Rewriter<'_>) {
    open.room_id = rewriter.id(open.room_id.cast_unsigned()).cast_signed();
    open.unique_id = rewriter.handle(&open.unique_id);
    open.url = http::address(&open.url, rewriter);
    http::headers(&mut open.headers, rewriter);
}

/// Scrubs the bytes of a frame.
fn bytes(opcode: Opcode, bytes: &[u8], rewriter: &mut Rewriter<'_>) -> Vec<u8> {
    let place = Place::unnamed(Class::Unknown);
    match as_text(bytes) {
        _ if opcode == Opcode::BINARY => message(bytes, Context::named("PushFrame"), rewriter),
        Some(text) => rewriter.text(&place, text).map_or_else(|| bytes.to_vec(), String::into_bytes),
        None => rewriter.opaque(&place, bytes).unwrap_or_default(),
    }
}
