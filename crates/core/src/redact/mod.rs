//! Removes secrets from recorded data: cookies, keys, signatures, tokens, and the WebSocket parameters in
//! batches.
//!
//! Values are kept by one list of harmless names ([`is_harmless`]); those of all other parameters, headers,
//! cookies and keys of JSON are masked. Frames of the room keep every byte apart from their headers and the
//! address of the WebSocket. Of frames from the client, only heartbeats, acks and the entry into the room are
//! kept.

mod escapes;
mod fields;
mod harmless;
mod quote;
mod text;
mod url;
mod value;
mod wire;

use std::borrow::Cow;

use bytes::Bytes;

pub use harmless::{Place, is_harmless};

use super::{
    recording::{
        Flags, Item, Opcode, What,
        records::{HttpHeader, http::Role},
    },
    wire::Unzipper,
};

/// Replacement for a secret.
pub const MASK: &[u8] = b"***";

/// Masks the secrets in a text: URLs, cookies, JSON.
#[must_use]
pub fn redact_text(text: &str) -> Cow<'_, str> {
    masked_or(text, text::mask(text.as_bytes()))
}

/// Masks the secrets in a URL or a request line.
#[must_use]
pub fn redact_url(url: &str) -> Cow<'_, str> {
    masked_or(url, url::mask(url))
}

/// Masks the value of a header, a parameter or a tag.
#[must_use]
pub fn redact_value<'a>(place: Place, name: &str, value: &'a str) -> Cow<'a, str> {
    let is_kept = value.is_empty() || is_harmless(place, name.as_bytes());
    match place {
        _ if !is_kept => String::from_utf8_lossy(MASK),
        Place::Header => masked_or(value, text::mask_as(text::Kind::Header, value.as_bytes())),
        _ => redact_text(value),
    }
}

fn masked_or(text: &str, masked: Option<Vec<u8>>) -> Cow<'_, str> {
    masked.map_or(Cow::Borrowed(text), |masked| String::from_utf8_lossy(&masked).into_owned().into())
}

/// Masks the secrets in an item. Sets [`Flags::EDITED`] if there were any. Idempotent, and accepts any item.
#[must_use]
pub fn redact(item: Item) -> Item {
    redact_with(item, &mut Unzipper::default())
}

/// Like [`redact`], with a shared decompressor that caches its last result.
#[must_use]
pub fn redact_with(mut item: Item, unzipper: &mut Unzipper) -> Item {
    let is_sent = item.flags.is_sent();
    let mut edits = Edits::default();
    match &mut item.what {
        What::Header(header) => header.tags.iter_mut().for_each(|(name, value)| edits.tag(name, value)),
        What::ConnOpen(open) => {
            edits.url(&mut open.url);
            edits.headers(&mut open.headers);
        }
        What::Frame(frame) if frame.opcode != Opcode::BINARY => {
            // Rooms have no such frames, and no list explains their content.
            edits.bytes(&mut frame.bytes, whole);
        }
        What::Frame(frame) if is_sent => edits.bytes(&mut frame.bytes, wire::sent),
        What::Frame(frame) => edits.bytes(&mut frame.bytes, |bytes| wire::received(bytes, unzipper)),
        What::ConnClose(close) => edits.text(&mut close.reason),
        What::Http(http) => {
            let role = http.role();
            edits.url(&mut http.request_line);
            edits.headers(&mut http.headers);
            edits.bytes(&mut http.body, |bytes| wire::unzipped(bytes, unzipper, |plain| body(role, plain)));
        }
        What::Marker(marker) => edits.label(&mut marker.label),
        What::Status(status) => edits.text(&mut status.detail),
        What::Other { payload, .. } => edits.bytes(payload, |bytes| body(Role::Unknown, bytes)),
        What::ClockAnchor(_) | What::Gap(_) | What::Checkpoint(_) | What::End(_) => {}
    }
    if edits.changed {
        item.flags = Flags(item.flags.0 | Flags::EDITED);
    }
    item
}

/// Records whether anything was changed.
#[derive(Default)]
struct Edits {
    changed: bool,
}

impl Edits {
    fn text(&mut self, text: &mut String) {
        self.value(text, redact_text);
    }

    fn url(&mut self, url: &mut String) {
        self.value(url, redact_url);
    }

    fn label(&mut self, label: &mut String) {
        self.value(label, |label| masked_or(label, text::mask_as(text::Kind::Label, label.as_bytes())));
    }

    fn tag(&mut self, name: &str, value: &mut String) {
        self.value(value, |value| redact_value(Place::Tag, name, value));
    }

    fn value(&mut self, value: &mut String, mask: impl FnOnce(&str) -> Cow<'_, str>) {
        let masked = mask(value);
        if masked != *value {
            *value = masked.into_owned();
            self.changed = true;
        }
    }

    /// Removes the headers that are not on the list.
    fn headers(&mut self, headers: &mut Vec<HttpHeader>) {
        let before = headers.len();
        headers.retain(|header| is_harmless(Place::Header, header.name.as_bytes()));
        self.changed |= headers.len() < before;
        headers.iter_mut().for_each(|HttpHeader { name, value }| {
            self.value(value, |value| redact_value(Place::Header, name, value));
        });
    }

    fn bytes(&mut self, bytes: &mut Bytes, change: impl FnOnce(&[u8]) -> Option<Vec<u8>>) {
        if let Some(changed) = change(bytes) {
            *bytes = changed.into();
            self.changed = true;
        }
    }
}

/// Masks the body of an HTTP response: text, or a batch where one is expected. No list explains other bytes.
/// Text is never a batch, even if it can be read as one: the tags of each message are control characters.
fn body(role: Role, bytes: &[u8]) -> Option<Vec<u8>> {
    match role {
        _ if is_text(bytes) => text::mask(bytes),
        Role::InitialBatch | Role::Sign => wire::batch(bytes),
        _ => whole(bytes),
    }
}

/// Masks all bytes.
fn whole(bytes: &[u8]) -> Option<Vec<u8>> {
    (!bytes.is_empty() && bytes != MASK).then(|| MASK.to_vec())
}

fn is_text(bytes: &[u8]) -> bool {
    let is_binary = |byte: &u8| byte.is_ascii_control() && !byte.is_ascii_whitespace();
    !bytes.iter().any(is_binary) && std::str::from_utf8(bytes).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_headers_keep_their_parameters() {
        for (name, value) in [
            ("content-type", "application/json; charset=utf-8"),
            ("server-timing", "inner; dur=5, cdn-cache;desc=MISS"),
            ("accept-language", "en-US,en;q=0.9"),
            ("cache-control", "max-age=0"),
        ] {
            assert_eq!(redact_value(Place::Header, name, value), value);
        }
        let value = "https://www.tiktok.com/?msToken=planted&lang=en";
        assert!(!redact_value(Place::Header, "referer", value).contains("planted"));
        assert_eq!(redact_value(Place::Header, "server-timing", "inner; token=planted"), "inner; token=***");
    }

    #[test]
    fn labels_of_markers_are_the_users_own() {
        let marker = |label: &str| {
            let what = What::Marker(crate::recording::records::Marker { label: label.to_owned() });
            let item = Item { offset: std::time::Duration::ZERO, conn: 0, flags: Flags::default(), what };
            let What::Marker(marker) = redact(item).what else { unreachable!() };
            marker.label
        };
        assert_eq!(marker("score=3: goal"), "score=3: goal");
        assert_eq!(marker("https://jane:pw@h/ Bearer abcdefghijklmnop"), "https://***@h/ Bearer ***");
    }

    #[test]
    fn bodies_that_are_not_text_are_masked() {
        let wide = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>();
        for role in [Role::Unknown, Role::Lookup, Role::Gifts, Role::Sign, Role::InitialBatch] {
            let masked = body(role, &wide(r#"{"msToken":"planted"}"#)).unwrap();
            assert!(masked.is_empty() || masked == MASK, "{role:?}: {masked:?}");
        }
    }

    /// A tag and eight bytes of a field of a fixed length, a tag and the byte of a number: a text can be read
    /// as protobuf.
    #[test]
    fn text_that_can_be_read_as_protobuf_is_text() {
        for name in (1..=20).map(|length| "Zs_keyname-or-longer"[..length].to_owned()) {
            for secret in ["PLANTED%+a%0Aa-", "PLANTED%+a%0Aa-/0", "PLANTED1"] {
                let text = format!("a=b; {name}={secret}; c=d");
                for role in [Role::Unknown, Role::Lookup, Role::Sign, Role::InitialBatch] {
                    let masked = body(role, text.as_bytes()).unwrap();
                    assert_eq!(
                        String::from_utf8_lossy(&masked),
                        format!("a=***; {name}=***; c=***"),
                        "{role:?}"
                    );
                }
                for kind in ["msg", "hb", "im_enter_room", "ack", "new", ""] {
                    let payload = text.clone().into();
                    let push = crate::wire::Push { payload_type: kind.into(), payload, ..Default::default() };
                    let push = crate::wire::write_push(&push);
                    for masked in [wire::sent(&push), wire::received(&push, &mut Unzipper::default())] {
                        let masked = masked.unwrap();
                        assert!(!String::from_utf8_lossy(&masked).contains("PLANTED"), "{kind} {text}");
                    }
                }
                for masked in
                    [wire::sent(text.as_bytes()), wire::received(text.as_bytes(), &mut Unzipper::default())]
                {
                    let masked = masked.unwrap_or(text.clone().into());
                    assert!(!String::from_utf8_lossy(&masked).contains("PLANTED"), "{text}");
                }
            }
        }
    }
}
