//! Removes secrets from recorded data: cookies, keys, signatures, tokens, and the WebSocket parameters in batches.
//!
//! Values are kept by one list of harmless names ([`is_harmless`]); those of all other parameters, headers and
//! cookies are masked. Frames of the room keep every byte apart from their headers and the address of the
//! WebSocket. Of frames from the client, only heartbeats, acks and the entry into the room are kept. Of the bodies
//! of HTTP responses, only the first batch and what an error says are kept, because nothing reads others.

mod harmless;
mod text;
mod wire;

use std::borrow::Cow;

use bytes::Bytes;

use crate::{
    error::explanation,
    recording::{
        Flags, Item, Opcode, What,
        records::{Http, HttpHeader, http::Role},
    },
    wire::Unzipper,
};
use text::{TextKind, is_name_byte, looks_secret};

pub use harmless::{Place, is_harmless};

/// Replacement for a secret.
pub const MASK: &[u8] = b"***";
/// Minimum length of a random segment of a path, in bytes. Shorter ones are versions and names.
const SEGMENT_BYTES_MIN: usize = 16;
/// Characters that end a piece of a URL.
const MARKS: [char; 6] = ['/', '?', '#', '&', ';', ' '];
/// First HTTP status of an error.
const ERROR_STATUS_MIN: u32 = 400;
/// Maximum length of what is kept of an error's body, in bytes.
const ERROR_BYTES_MAX: usize = 4 * 1024;

/// Masks the secrets in a text: those in URLs and cookies, and all JSON and HTML.
#[must_use]
pub fn redact_text(text: &str) -> Cow<'_, str> {
    masked_or(text, text::mask(TextKind::Any, text.as_bytes()))
}

/// Masks the secrets in a URL or a request line.
#[must_use]
pub fn redact_url(url: &str) -> Cow<'_, str> {
    masked_or(url, mask_url(url))
}

/// Masks the value of a header, a parameter or a tag.
#[must_use]
pub fn redact_value<'a>(place: Place, name: &str, value: &'a str) -> Cow<'a, str> {
    match place {
        _ if !value.is_empty() && !is_harmless(place, name.as_bytes()) => String::from_utf8_lossy(MASK),
        Place::Header => masked_or(value, text::mask(TextKind::Header, value.as_bytes())),
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
    let (before, is_sent) = (item.what.clone(), item.flags.is_sent());
    match &mut item.what {
        What::Header(header) => {
            header
                .tags
                .iter_mut()
                .for_each(|(name, value)| *value = redact_value(Place::Tag, name, value).into());
        }
        What::ConnOpen(open) => {
            open.url = redact_url(&open.url).into();
            headers(&mut open.headers);
        }
        // Rooms have no such frames, and no list explains their content.
        What::Frame(frame) if frame.opcode != Opcode::BINARY => edit(&mut frame.bytes, whole),
        What::Frame(frame) if is_sent => edit(&mut frame.bytes, wire::sent),
        What::Frame(frame) => edit(&mut frame.bytes, |bytes| wire::received(bytes, unzipper)),
        What::ConnClose(close) => close.reason = redact_text(&close.reason).into(),
        What::Http(http) => {
            http.request_line = redact_url(&http.request_line).into();
            headers(&mut http.headers);
            if is_first_batch(http) {
                edit(&mut http.body, |bytes| wire::unzipped(bytes, unzipper, wire::batch));
            } else {
                let said = if http.status < ERROR_STATUS_MIN { String::new() } else { error(&http.body) };
                let flag = if http.body == said { 0 } else { Flags::TRUNCATED };
                (http.body, item.flags) = (said.into(), Flags(item.flags.0 | flag));
            }
        }
        What::Marker(marker) => {
            let masked = text::mask(TextKind::Label, marker.label.as_bytes());
            marker.label = masked_or(&marker.label, masked).into();
        }
        What::Status(status) => {
            status.detail = redact_text(&status.detail).into();
            status.hint = redact_text(&status.hint).into();
        }
        What::Other { payload, .. } => edit(payload, text_or_whole),
        What::ClockAnchor(_) | What::Gap(_) | What::Checkpoint(_) | What::End(_) => {}
    }
    if item.what != before {
        item.flags = Flags(item.flags.0 | Flags::EDITED);
    }
    item
}

fn edit(bytes: &mut Bytes, change: impl FnOnce(&[u8]) -> Option<Vec<u8>>) {
    if let Some(changed) = change(bytes) {
        *bytes = changed.into();
    }
}

/// Removes the headers that are not on the list.
fn headers(headers: &mut Vec<HttpHeader>) {
    headers.retain(|header| is_harmless(Place::Header, header.name.as_bytes()));
    headers.iter_mut().for_each(|header| {
        header.value = redact_value(Place::Header, &header.name, &header.value).into();
    });
}

/// Whether the body of an HTTP response is a first batch.
#[must_use]
pub fn is_first_batch(http: &Http) -> bool {
    http.role() == Role::InitialBatch && http.status < ERROR_STATUS_MIN
}

/// Returns the beginning of what the body of an error says. Returns nothing if it has anything that can be a secret, or
/// is a page.
fn error(body: &[u8]) -> String {
    let text = std::str::from_utf8(body).ok().filter(|_| is_text(body)).unwrap_or_default();
    let said = if text.trim_start().starts_with('{') { explanation(body) } else { text.to_owned() };
    let said = &said[..said.floor_char_boundary(ERROR_BYTES_MAX)];
    let mut words = said.as_bytes().split(|byte| !is_name_byte(*byte));
    if redact_text(said) == said && !words.any(looks_secret) { said.to_owned() } else { String::new() }
}

/// Masks the values in a text, or all other bytes, because no list explains them.
fn text_or_whole(bytes: &[u8]) -> Option<Vec<u8>> {
    if is_text(bytes) { text::mask(TextKind::Any, bytes) } else { whole(bytes) }
}

/// Masks all bytes.
fn whole(bytes: &[u8]) -> Option<Vec<u8>> {
    (!bytes.is_empty() && bytes != MASK).then(|| MASK.to_vec())
}

fn is_text(bytes: &[u8]) -> bool {
    let is_plain = |byte: &u8| !byte.is_ascii_control() || byte.is_ascii_whitespace();
    bytes.iter().all(is_plain) && std::str::from_utf8(bytes).is_ok()
}

/// Masks the values in a URL or a request line whose names are not on the list, parameters without a name,
/// and segments of the path that look random. Returns `None` if there are none.
fn mask_url(line: &str) -> Option<Vec<u8>> {
    // No URL has these characters.
    if line.contains(['"', '<', '{', '\n']) {
        return whole(line.as_bytes());
    }
    let (path, query) = line.split_at(line.find(['?', '#']).unwrap_or(line.len()));
    let host =
        path.find("://").map_or(0, |at| at + 3 + path[at + 3..].find('/').unwrap_or(path.len() - at - 3));
    let mut masked = piece(&path[..host], false);
    for (number, part) in path[host..].split_inclusive(';').enumerate() {
        // A value can have slashes, as in base64: it ends with its part.
        let named =
            part.find('=').map_or(part.len(), |at| part[..at].rfind('/').map_or(0, |slash| slash + 1));
        for segment in part[..named].split_inclusive('/') {
            // After a semicolon, the rest of a value, or a parameter without a name.
            let is_bare = number > 0;
            let is_long = segment.len() > SEGMENT_BYTES_MIN && !segment.starts_with('@');
            // Numbers alone are rooms.
            let mut words = segment.as_bytes().split(|byte| b"_.-/;".contains(byte));
            masked.extend(piece(segment, is_bare || is_long && words.any(looks_secret)));
        }
        masked.extend(piece(&part[named..], false));
    }
    for parameter in query.split_inclusive(['?', '#', '&', ';']) {
        let name = parameter.trim_end_matches(MARKS);
        masked.extend(piece(parameter, !name.contains('=') && !is_harmless(Place::Pair, name.as_bytes())));
    }
    (masked != line.as_bytes()).then_some(masked)
}

/// Returns a piece of a URL with the mark that ends it, masked as a whole if it `is_bare`. The value of a parameter is
/// all of the piece, whatever it holds.
fn piece(piece: &str, is_bare: bool) -> Vec<u8> {
    let (bare, mark) = piece.as_bytes().split_at(piece.trim_end_matches(MARKS).len());
    let value = memchr::memchr(b'=', bare).map_or(0, |at| at + 1);
    let is_kept = value == 0 || is_harmless(Place::Pair, bare[..value - 1].trim_ascii());
    let masked = match text::mask(TextKind::Any, bare) {
        _ if (is_bare || !is_kept) && value < bare.len() => [&bare[..value], MASK].concat(),
        masked => masked.unwrap_or_else(|| bare.to_vec()),
    };
    [&masked, mark].concat()
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
    fn a_body_holds_a_batch_or_what_an_error_says() {
        let kept = |role: Role, status, body: &[u8]| {
            let body = Bytes::copy_from_slice(body);
            let http = Http { role: role.into(), status, body, ..Http::default() };
            let item = Item {
                offset: std::time::Duration::ZERO,
                conn: 1,
                flags: Flags::default(),
                what: What::Http(http),
            };
            let once = redact(item);
            assert_eq!(redact(once.clone()), once, "twice is as once");
            let What::Http(http) = once.what else { unreachable!() };
            (String::from_utf8(http.body.to_vec()).unwrap(), once.flags.0 & Flags::TRUNCATED != 0)
        };
        for (body, said) in [
            (
                r#"{"code":401,"message":"The provided API Key is invalid."}"#,
                "The provided API Key is invalid.",
            ),
            (r#"{"limit_label":"an hour","message":"Too many","x":1}"#, "an hour: Too many"),
            ("Forbidden", "Forbidden"),
            (r#"{"message":"cannot open wss://h/?msToken=a (403)"}"#, ""),
            (r#"{"message":"the key a1b2c3d4 is invalid"}"#, ""),
            (r#"{"message":"{}"}"#, ""),
            (r#"{"token":"a"}"#, ""),
            ("<html>blocked</html>", ""),
        ] {
            for role in [Role::Unknown, Role::Lookup, Role::InitialBatch, Role::Sign] {
                assert_eq!(kept(role, 403, body.as_bytes()), (said.into(), body != said), "{body}");
            }
            for role in [Role::Unknown, Role::Lookup, Role::RoomInfo, Role::Gifts, Role::Sign] {
                assert_eq!(kept(role, 200, body.as_bytes()), (String::new(), true), "{body}");
            }
            assert_eq!(kept(Role::InitialBatch, 200, body.as_bytes()), ("***".into(), false), "{body}");
        }
        let wide: Vec<u8> = r#"{"msToken":"planted"}"#.encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(kept(Role::Lookup, 500, &wide), (String::new(), true));
        assert_eq!(kept(Role::InitialBatch, 200, &wide), ("***".into(), false));
        let long = "too long ".repeat(1000);
        assert_eq!(kept(Role::Lookup, 500, long.as_bytes()), (long[..ERROR_BYTES_MAX].into(), true));
        assert_eq!(kept(Role::Lookup, 200, b""), (String::new(), false));
    }

    /// A tag and eight bytes of a field of a fixed length, a tag and the byte of a number: a text can be read
    /// as protobuf.
    #[test]
    fn text_that_can_be_read_as_protobuf_is_text() {
        for name in (1..=20).map(|length| "Zs_keyname-or-longer"[..length].to_owned()) {
            for secret in ["PLANTED%+a%0Aa-", "PLANTED%+a%0Aa-/0", "PLANTED1"] {
                let text = format!("a=b; {name}={secret}; c=d");
                assert_eq!(wire::batch(text.as_bytes()).as_deref(), Some(MASK));
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
            "?%61id=***&%78=***&evil%26aid=***&room_id%5B%5D=***",
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
        check("GET /p?planted&aid&x HTTP/1.1", "GET /p?***&aid&***");
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
        check("GET /?x=PL ED'ED&aid=1 HTTP/1.1", "GET /?x=***&aid=1 HTTP/1.1");
        check("https://h/?x=PL\\ED%&aid=1#y=PL\0ED", "https://h/?x=***&aid=1#y=***");
        check("Set-Cookie: x=&quot;PL\\/ED; Path=/", "Set-Cookie: x=***;***/***; Path=/");
        for other in ["https://h/?x=PL\nED&aid=1", "GET /?aid=1\"ED&aid=1 HTTP/1.1", "/{ED}", "<ED>"] {
            check(other, "***");
        }
    }

    #[test]
    fn urls_in_listed_parameters_are_searched() {
        check("?host=https%3A%2F%2Fh%3Fx%3Dab%26aid%3D1", "?host=https***");
        check("?host=https://h?x=ab", "?host=https://h?x=***");
        let ext = "?internal_ext=internal_src%3Adim%7Cwss_push_did%3A7300000000000000001%7Cwrds_v%3A1";
        check(ext, ext);
    }
}
