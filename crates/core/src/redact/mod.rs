//! Removes secrets from recorded data: cookies, keys, signatures, tokens, and the WebSocket parameters in
//! batches.
//!
//! Values are kept by one list of harmless names ([`is_harmless`]); those of all other parameters, headers,
//! cookies and keys of JSON are masked. Frames of the room keep every byte apart from their headers and the
//! address of the WebSocket. Of frames from the client, only heartbeats, acks and the entry into the room are
//! kept.

mod harmless;
mod text;
mod value;
mod wire;

use std::borrow::Cow;

use bytes::Bytes;

use crate::{
    recording::{
        Flags, Item, Opcode, What,
        records::{HttpHeader, http::Role},
    },
    wire::Unzipper,
};
use text::looks_secret;

pub use harmless::{Place, is_harmless};

/// Replacement for a secret.
pub const MASK: &[u8] = b"***";
/// Minimum length of a random segment of a path, in bytes. Shorter ones are versions and names.
const SEGMENT_BYTES_MIN: usize = 16;

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

/// Masks the secrets in a text: URLs, cookies, JSON.
#[must_use]
pub fn redact_text(text: &str) -> Cow<'_, str> {
    masked_or(text, text::mask(text.as_bytes()))
}

/// Masks the secrets in a URL or a request line.
#[must_use]
pub fn redact_url(url: &str) -> Cow<'_, str> {
    masked_or(url, mask_url(url))
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
        What::Status(status) => {
            edits.text(&mut status.detail);
            edits.text(&mut status.hint);
        }
        What::Other { payload, .. } => edits.bytes(payload, |bytes| body(Role::Unknown, bytes)),
        What::ClockAnchor(_) | What::Gap(_) | What::Checkpoint(_) | What::End(_) => {}
    }
    if edits.changed {
        item.flags = Flags(item.flags.0 | Flags::EDITED);
    }
    item
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

/// Masks the values in a URL or a request line whose names are not on the list, parameters without a name,
/// and segments of the path that look random. Returns `None` if there are none.
fn mask_url(line: &str) -> Option<Vec<u8>> {
    text::again(line.as_bytes(), |line| mask_url_once(&String::from_utf8_lossy(line)))
}

fn mask_url_once(original: &str) -> Option<Vec<u8>> {
    // No URL has these characters: it is another text, whose values can have the marks of a URL.
    let is_other = original.contains(['"', '\'', '<', '{', '\n']);
    let line = if is_other { redact_text(original) } else { original.into() };
    let is_method = |word: &str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_uppercase());
    let method = line.find(' ').filter(|end| is_method(&line[..*end])).map_or(0, |end| end + 1);
    let end = line
        .rfind(" HTTP/")
        .filter(|at| *at >= method && line[at + 6..].bytes().all(|byte| b"0123456789.".contains(&byte)));
    let end = end.unwrap_or(line.len());
    let mut masked = Vec::with_capacity(line.len());
    masked.extend_from_slice(&line.as_bytes()[..method]);
    address(&line[method..end], &mut masked);
    masked.extend_from_slice(&line.as_bytes()[end..]);
    (masked != original.as_bytes()).then_some(masked)
}

fn address(address: &str, masked: &mut Vec<u8>) {
    let (path, query) = address.split_at(address.find(['?', '#']).unwrap_or(address.len()));
    let host =
        path.find("://").map_or(0, |at| path[at + 3..].find('/').map_or(path.len(), |end| at + 3 + end));
    put(&path[..host], false, masked);
    for (number, part) in path[host..].split_inclusive(';').enumerate() {
        // A value can have slashes, as in base64: it ends with its part.
        let named =
            part.find('=').map_or(part.len(), |at| part[..at].rfind('/').map_or(0, |slash| slash + 1));
        for piece in part[..named].split_inclusive('/') {
            // After a semicolon, the rest of a value, or a parameter without a name.
            let is_bare = number > 0;
            let is_random = piece.len() > SEGMENT_BYTES_MIN && !piece.starts_with('@') && looks_random(piece);
            put(piece, is_bare || is_random, masked);
        }
        put(&part[named..], false, masked);
    }
    for piece in query.split_inclusive(['?', '#', '&', ';']) {
        let name = piece.trim_end_matches(is_mark);
        put(piece, !name.contains('=') && !is_harmless(Place::Pair, name.as_bytes()), masked);
    }
}

/// Appends a piece and the mark that ends it, masked as a whole if it `is_bare`. The value of a parameter is
/// all of the piece, whatever it holds.
fn put(piece: &str, is_bare: bool, masked: &mut Vec<u8>) {
    let bare = piece.trim_end_matches(is_mark).as_bytes();
    let value = memchr::memchr(b'=', bare).map_or(0, |at| at + 1);
    let is_kept = value == 0 || is_harmless(Place::Pair, text::decoded(&bare[..value - 1]).trim_ascii());
    match text::mask(bare) {
        _ if (is_bare || !is_kept) && value < bare.len() => {
            masked.extend_from_slice(&bare[..value]);
            masked.extend_from_slice(MASK);
        }
        Some(new) => masked.extend_from_slice(&new),
        None => masked.extend_from_slice(bare),
    }
    masked.extend_from_slice(&piece.as_bytes()[bare.len()..]);
}

/// Whether a character ends a piece of a URL.
fn is_mark(c: char) -> bool {
    matches!(c, '/' | '?' | '#' | '&' | ';' | ' ')
}

/// Whether a segment has letters and digits in one word. Numbers alone are rooms.
fn looks_random(segment: &str) -> bool {
    segment.split(['_', '.', '-', '/', ';']).any(|word| looks_secret(word.as_bytes()))
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

    #[track_caller]
    fn check(url: &str, masked: &str) {
        let found = mask_url(url).map(|bytes| String::from_utf8(bytes).unwrap());
        assert_eq!(found.as_deref().unwrap_or(url), masked);
        assert_eq!(mask_url(masked), None, "twice is as once");
    }

    #[test]
    fn only_listed_parameters_are_kept() {
        check(
            "wss://webcast-ws.tiktok.com/webcast/im/?aid=1988&X-Dynosaur=ab1&room_id=7&X-Mssdk-Info=cd2",
            "wss://webcast-ws.tiktok.com/webcast/im/?aid=1988&X-Dynosaur=***&room_id=7&X-Mssdk-Info=***",
        );
        check("?AID=1&Room_Id=7&x=1&X=2", "?AID=1&Room_Id=7&x=***&X=***");
        check(
            "?%61id=1&%78=2&evil%26aid=3&room_id%5B%5D=4",
            "?%61id=1&%78=***&evil%26aid=***&room_id%5B%5D=***",
        );
        check("?room_id=7&room_id=8&x=1&x=2", "?room_id=7&room_id=8&x=***&x=***");
        check("?aid=1;x=2&evil.aid=3&$aid=4&=5&ключ=6", "?aid=1;x=***&evil.aid=***&$aid=***&=***&ключ=***");
    }

    #[test]
    fn values_outside_of_queries_are_masked() {
        check(
            "https://h/a;x=1/b?aid=1#access_token=2&aid=3",
            "https://h/a;x=***?aid=1#access_token=***&aid=3",
        );
        check("a=b; x=c/d0e; aid=3", "a=***; x=***; aid=3");
        check("GET /p?planted&aid&x HTTP/1.1", "GET /p?***&aid&*** HTTP/1.1");
        check("https://h/p#planted", "https://h/p#***");
        check(
            "https://me:pass@h/api/k3y5a8d7f6g5h4j3/webcast/fetch/",
            "https://***@h/api/***/webcast/fetch/",
        );
        check(
            "GET https://sign.example/webcast/rooms/7300000000000000001/connect",
            "GET https://sign.example/webcast/rooms/7300000000000000001/connect",
        );
        check(
            "https://www.tiktok.com/@jane.doe2000.private/live",
            "https://www.tiktok.com/@jane.doe2000.private/live",
        );
        check("", "");
    }

    #[test]
    fn a_value_is_all_up_to_the_next_mark() {
        check("https://h/?x=PL\nED&aid=1", "https://h/?x=***&aid=1");
        check("GET /?x=PL ED\"ED'ED<ED{ED&aid=1 HTTP/1.1", "GET /?x=***&aid=1 HTTP/1.1");
        check("GET /?x=PL HTTP/1.1 ED HTTP/1.1", "GET /?x=*** HTTP/1.1");
        check("https://h/?x=PL\\ED%&aid=1#y=PL\0ED", "https://h/?x=***&aid=1#y=***");
        check("Set-Cookie: x=&quot;PL\\/ED; Path=/", "Set-Cookie: x=***;***/***; Path=/");
        check("a=b; x=PL\nED; aid=3", "a=***; x=***; aid=3");
    }

    #[test]
    fn urls_in_listed_parameters_are_searched() {
        check("?host=https%3A%2F%2Fh%3Fx%3Dab%26aid%3D1", "?host=https%3A%2F%2Fh%3Fx%3D***%26aid%3D1");
        check("?host=https://h?x=ab", "?host=https://h?x=***");
        let ext = "?internal_ext=internal_src%3Adim%7Cwss_push_did%3A7300000000000000001%7Cwrds_v%3A1";
        check(ext, ext);
    }
}
