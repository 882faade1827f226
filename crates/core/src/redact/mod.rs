//! Removes secrets from recorded data: cookies, keys, signatures, tokens, and the WebSocket parameters in
//! batches.
//!
//! All other bytes stay unchanged. Sent frames contain no secrets and are left alone. Received frames are
//! only changed if they hold a batch with a WebSocket URL or its parameters.

mod escapes;
mod fields;
mod headers;
mod names;
mod quote;
mod text;
mod value;
mod wire;

use std::borrow::Cow;

use bytes::Bytes;

use super::{
    recording::{
        Flags, Item, What,
        records::{HttpHeader, http::Role},
    },
    wire::Unzipper,
};

/// Replacement for a secret.
pub const MASK: &[u8] = b"***";

/// Masks the secrets in a text: URLs, cookies, JSON.
#[must_use]
pub fn redact_text(text: &str) -> Cow<'_, str> {
    let masked = text::mask(text.as_bytes());
    masked.map_or(Cow::Borrowed(text), |masked| String::from_utf8_lossy(&masked).into_owned().into())
}

/// Whether the value of a header or query parameter with this name is a secret.
#[must_use]
pub fn is_secret_name(name: &str) -> bool {
    let mut words = name.as_bytes().split(|byte| !names::is_name_byte(*byte));
    words.any(|word| names::is_secret_field(word, false))
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
        What::Header(header) => header.tags.iter_mut().for_each(|(name, value)| edits.value(name, value)),
        What::ConnOpen(open) => {
            edits.text(&mut open.url);
            edits.headers(&mut open.headers);
        }
        What::Frame(frame) if !is_sent => {
            edits.bytes(&mut frame.bytes, |bytes| wire::frame(bytes, unzipper));
        }
        What::ConnClose(close) => edits.text(&mut close.reason),
        What::Http(http) => {
            let role = http.role();
            edits.text(&mut http.request_line);
            edits.headers(&mut http.headers);
            edits.bytes(&mut http.body, |bytes| wire::unzipped(bytes, unzipper, |plain| body(role, plain)));
        }
        What::Marker(marker) => edits.text(&mut marker.label),
        What::Status(status) => edits.text(&mut status.detail),
        What::Other { payload, .. } => edits.bytes(payload, |bytes| body(Role::Unknown, bytes)),
        What::Frame(_) | What::ClockAnchor(_) | What::Gap(_) | What::Checkpoint(_) | What::End(_) => {}
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
        if let Cow::Owned(masked) = redact_text(text) {
            *text = masked;
            self.changed = true;
        }
    }

    /// Masks a value if its name is that of a secret.
    fn value(&mut self, name: &str, value: &mut String) {
        if names::is_secret(name.as_bytes()) && !value.is_empty() && value.as_bytes() != MASK {
            *value = String::from_utf8_lossy(MASK).into_owned();
            self.changed = true;
        }
        self.text(value);
    }

    fn headers(&mut self, headers: &mut Vec<HttpHeader>) {
        self.changed |= headers::retain(headers);
        headers.iter_mut().for_each(|header| self.text(&mut header.value));
    }

    fn bytes(&mut self, bytes: &mut Bytes, change: impl FnOnce(&[u8]) -> Option<Vec<u8>>) {
        if let Some(changed) = change(bytes) {
            *bytes = changed.into();
            self.changed = true;
        }
    }
}

/// Masks the body of an HTTP response: a batch where one is expected, otherwise text. Other bytes are only
/// kept if no word in them is the name of a secret.
fn body(role: Role, bytes: &[u8]) -> Option<Vec<u8>> {
    let is_text = is_text(bytes);
    if matches!(role, Role::InitialBatch | Role::Sign) && (!is_text || fields::is_protobuf(bytes)) {
        return wire::batch(bytes);
    }
    match is_text {
        true => text::mask(bytes),
        false => (names_secret(bytes) && bytes != MASK).then(|| MASK.to_vec()),
    }
}

/// Whether bytes that are not text contain the name of a secret. In UTF-16, ASCII characters have a zero byte each.
fn names_secret(bytes: &[u8]) -> bool {
    let ascii = || bytes.iter().copied().filter(|byte| *byte != 0).collect::<Vec<_>>();
    names::names_secret(bytes) || (bytes.contains(&0) && names::names_secret(&ascii()))
}

fn is_text(bytes: &[u8]) -> bool {
    let is_binary = |byte: &u8| byte.is_ascii_control() && !byte.is_ascii_whitespace();
    std::str::from_utf8(bytes).is_ok() && !bytes.iter().any(is_binary)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_in_utf_16_with_secrets_are_masked() {
        let wide = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>();
        for role in [Role::Unknown, Role::Lookup, Role::Gifts, Role::Sign, Role::InitialBatch] {
            let masked = body(role, &wide(r#"{"msToken":"planted"}"#)).unwrap();
            assert!(masked.is_empty() || masked == MASK, "{role:?}: {masked:?}");
        }
        let mixed = format!(r#"{{"title":"{}","msToken":"planted"}}"#, "薔薇".repeat(100));
        assert_eq!(body(Role::Gifts, &wide(&mixed)).unwrap(), MASK);
        assert_eq!(body(Role::Gifts, &wide(r#"{"gift":"rose"}"#)), None);
    }
}
