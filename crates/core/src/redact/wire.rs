//! Masks secrets in push frames and batches: headers, the address and parameters of the WebSocket, and what
//! clients send besides acks and heartbeats. The encoded bytes are edited directly, so that messages and
//! unknown fields stay unchanged.

use bytes::Bytes;
use memchr::memmem;
use prost::encoding::decode_key;

use super::{MASK, Place, is_harmless, is_text, text, text_or_whole, whole};
use crate::{
    host::is_in,
    wire::{
        FaultKind, Member, RawFields, RawValue, UNZIPPED_BYTES_MAX, Unzipper, gzip_member, write_bytes, zip,
    },
};

/// First bytes of gzip data, and the same with the only compression method.
const GZIP_MAGIC: &[u8] = &[0x1f, 0x8b];
const GZIP_STREAM: &[u8] = &[0x1f, 0x8b, 8];
/// Push frame: headers, encoding, type and payload.
const HEADERS_FIELD: u32 = 5;
const ENCODING_FIELD: u32 = 6;
const TYPE_FIELD: u32 = 7;
const PAYLOAD_FIELD: u32 = 8;
/// Batch: messages, parameters and URL of the WebSocket.
const MESSAGES_FIELD: u32 = 1;
const ROUTE_PARAMS_FIELD: u32 = 7;
const PUSH_SERVER_FIELD: u32 = 10;
/// Map entry and header: name and value.
const NAME_FIELD: u32 = 1;
const VALUE_FIELD: u32 = 2;
/// Last field of a heartbeat and of the entry into a room, whose fields are all known.
const ENTER_FIELDS_MAX: u32 = 10;
/// Types of push frames that hold a batch.
const BATCH_TYPES: [&[u8]; 2] = [b"msg", b"im_enter_room_resp"];
/// Types of push frames that hold an encoded message.
const ENCODED_TYPES: [&[u8]; 2] = [b"hb", b"im_enter_room"];

/// Masks the secrets in a push frame from TikTok; returns `None` if there are none.
pub(super) fn received(bytes: &[u8], unzipper: &mut Unzipper) -> Option<Vec<u8>> {
    let (kinds, _) = types(bytes);
    let is_batch = kinds.iter().any(|kind| BATCH_TYPES.contains(kind));
    let is_encoded = is_one_of(&ENCODED_TYPES, &kinds);
    let masked = rewrite(bytes, is_clean, |number, value| match number {
        PAYLOAD_FIELD if is_batch => unzipped(value, unzipper, |plain| {
            // Packed in another way, it could hold anything. A batch that breaks off begins with its messages.
            let is_begun = RawFields::of(plain).next().is_some_and(|first| first.number == MESSAGES_FIELD);
            if is_begun || RawFields::of(plain).are_whole() { batch(plain) } else { whole(plain) }
        }),
        HEADERS_FIELD => header(value),
        _ if is_batch => None,
        PAYLOAD_FIELD if is_encoded => message(value),
        _ if is_text(value) || number == PAYLOAD_FIELD => text_or_whole(value),
        _ => None,
    });
    unless_text(bytes, masked)
}

/// Text is never a frame, a batch or a message, even if it can be read as one: it is masked whole, and so is
/// what a mask makes text.
fn unless_text(bytes: &[u8], masked: Option<Vec<u8>>) -> Option<Vec<u8>> {
    let any_text = is_text(bytes) || masked.as_deref().is_some_and(is_text);
    if any_text { whole(bytes) } else { masked }
}

/// Masks the secrets in a push frame from a client; returns `None` if there are none. Only heartbeats, acks
/// and the entry into the room keep their content.
pub(super) fn sent(bytes: &[u8]) -> Option<Vec<u8>> {
    let (kinds, rest) = types(bytes);
    if !rest.is_empty() {
        return whole(bytes);
    }
    let (is_ack, is_encoded) = (is_one_of(&[b"ack"], &kinds), is_one_of(&ENCODED_TYPES, &kinds));
    let is_word = |value: &[u8]| value.iter().all(|byte| byte.is_ascii_lowercase() || *byte == b'_');
    let masked = rewrite(bytes, nothing, |number, value| match number {
        PAYLOAD_FIELD if is_ack => text_or_whole(value),
        PAYLOAD_FIELD if is_encoded => message(value),
        HEADERS_FIELD => header(value),
        TYPE_FIELD | ENCODING_FIELD if is_word(value) => None,
        _ => whole(value),
    });
    unless_text(bytes, masked)
}

/// Returns the types that a push frame states, and the rest of it that is not protobuf.
fn types(bytes: &[u8]) -> (Vec<&[u8]>, &[u8]) {
    let mut fields = RawFields::of(bytes);
    let kinds = fields.by_ref().filter(|field| field.number == TYPE_FIELD).filter_map(|field| field.bytes());
    (kinds.collect(), fields.rest())
}

/// Whether the types of a push frame are all among the known ones.
fn is_one_of(known: &[&[u8]], kinds: &[&[u8]]) -> bool {
    !kinds.is_empty() && kinds.iter().all(|kind| known.contains(kind))
}

/// Masks the secrets in a heartbeat, or in the entry into a room.
fn message(bytes: &[u8]) -> Option<Vec<u8>> {
    let masked = rewrite(bytes, nothing, |number, value| match number {
        1..=ENTER_FIELDS_MAX => text_or_whole(value),
        _ => whole(value),
    });
    unless_text(bytes, masked)
}

/// Masks the value of a push frame's header unless its name is on the list.
fn header(entry: &[u8]) -> Option<Vec<u8>> {
    let name = RawFields::of(entry).filter(|field| field.number == NAME_FIELD).last();
    let is_kept = name.and_then(|name| name.bytes()).is_some_and(|name| is_harmless(Place::Header, name));
    rewrite(entry, nothing, |number, value| match number {
        NAME_FIELD => None,
        VALUE_FIELD if is_kept => text_or_whole(value),
        _ => whole(value),
    })
}

/// Masks the secrets in a batch; returns `None` if there are none.
pub(super) fn batch(bytes: &[u8]) -> Option<Vec<u8>> {
    let keeps = |tail: &[u8]| {
        let cut = decode_key(&mut &*tail).map_or(0, |(number, _)| number);
        !matches!(cut, ROUTE_PARAMS_FIELD | PUSH_SERVER_FIELD) && is_clean(tail)
    };
    let masked = rewrite(bytes, keeps, |number, value| match number {
        ROUTE_PARAMS_FIELD => {
            rewrite(value, nothing, |number, value| if number == VALUE_FIELD { whole(value) } else { None })
        }
        PUSH_SERVER_FIELD => address(value),
        _ => None,
    });
    unless_text(bytes, masked)
}

/// Applies `change` to decompressed gzip data, or to `bytes` if they are not gzip. What is stored in its header or after
/// it is removed, because readers skip it. Data that decompresses beyond the limit is masked entirely, because its
/// content is unknown; readers count it as unreadable.
pub(super) fn unzipped(
    bytes: &[u8],
    unzipper: &mut Unzipper,
    change: impl FnOnce(&[u8]) -> Option<Vec<u8>>,
) -> Option<Vec<u8>> {
    if !bytes.starts_with(GZIP_MAGIC) {
        return change(bytes);
    }
    let mut faults = Vec::new();
    let plain = unzipper.unzip(Bytes::copy_from_slice(bytes), &mut faults);
    if faults.iter().any(|fault| fault.kind == FaultKind::GzipBomb) {
        return Some(MASK.to_vec());
    }
    let changed = change(&plain);
    if changed.is_none() && !has_more(bytes, plain.len()) {
        return None;
    }
    Some(zip(changed.as_deref().unwrap_or(&plain)).to_vec())
}

/// Whether gzip data of this length has fields in its header, or other data after it. Nearly all data is only that, and
/// is not decompressed twice.
fn has_more(bytes: &[u8], length: usize) -> bool {
    let is_again = memmem::find(&bytes[GZIP_MAGIC.len()..], GZIP_STREAM).is_some();
    let is_plain = bytes[GZIP_MAGIC.len()..].starts_with(&[8, 0])
        && u32::try_from(length).is_ok_and(|length| bytes.ends_with(&length.to_le_bytes()));
    let has_more = |member: Member| {
        member.length.map_or(is_again, |length| length < bytes.len()) || !member.header.is_empty()
    };
    (is_again || !is_plain) && gzip_member(bytes, UNZIPPED_BYTES_MAX).is_some_and(has_more)
}

/// Keeps the scheme and the host of TikTok's address for a WebSocket, and that it had a path or a query.
/// Masks other texts.
fn address(address: &[u8]) -> Option<Vec<u8>> {
    let url =
        std::str::from_utf8(address).ok().and_then(|text| text.strip_prefix("wss://")).unwrap_or_default();
    let (host, rest) = url.split_at(url.find('/').unwrap_or(url.len()));
    match rest {
        _ if !is_in(host, "tiktok.com") => whole(address),
        "" | "/" | "/***" => None,
        _ => Some(format!("wss://{host}/***").into_bytes()),
    }
}

/// Whether malformed bytes contain no name with a value that is not on the list.
fn is_clean(bytes: &[u8]) -> bool {
    let zipped = memmem::find(bytes, GZIP_MAGIC).and_then(|at| gzip_member(&bytes[at..], UNZIPPED_BYTES_MAX));
    !text::has_value(bytes) && zipped.is_none_or(|member| !text::has_value(&member.plain))
}

/// Keeps nothing that is malformed.
fn nothing(_: &[u8]) -> bool {
    false
}

/// Replaces the values for which `change` returns a new one. Fields of a fixed length and groups, which no message of
/// TikTok has, and the rest after a malformed field are only kept if `keeps` returns `true`. Returns `None` if nothing
/// changes.
fn rewrite(
    bytes: &[u8],
    keeps: impl Fn(&[u8]) -> bool,
    mut change: impl FnMut(u32, &[u8]) -> Option<Vec<u8>>,
) -> Option<Vec<u8>> {
    let (mut fields, mut at) = (RawFields::of(bytes), 0);
    // The edited bytes, from the first change on. Most frames have none, and are not copied.
    let mut out: Option<Vec<u8>> = None;
    for field in fields.by_ref() {
        let (changed, is_kept) = match field.value {
            RawValue::Bytes(value) => (change(field.number, value), true),
            RawValue::Varint(_) => (None, true),
            RawValue::Fixed64(_) | RawValue::Fixed32(_) | RawValue::Group(_) => (None, keeps(field.whole)),
        };
        if changed.is_none() && is_kept {
            out.iter_mut().for_each(|out| out.extend_from_slice(field.whole));
        } else {
            let out = out.get_or_insert_with(|| bytes[..at].to_vec());
            changed.iter().for_each(|changed| write_bytes(field.number, changed, out));
        }
        at += field.whole.len();
    }
    if !keeps(fields.rest()) {
        out.get_or_insert_with(|| bytes[..at].to_vec());
    } else if let Some(out) = &mut out {
        out.extend_from_slice(fields.rest());
    }
    out.filter(|out| out != bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{
        Batch, BatchInfo, Message, Push, UNZIPPED_BYTES_MAX, read_batch, read_push, unzip, write_batch,
        write_push,
    };

    #[test]
    fn what_is_kept_stays_byte_for_byte() {
        // A number, a text, four bytes, and half a text.
        const BYTES: &[u8] = b"\x08\x07\x12\x01a\x1d\x01\x02\x03\x04\x22\x09x";
        let (all, none) = (|_: &[u8]| true, |_: u32, _: &[u8]| None);
        assert_eq!(rewrite(BYTES, all, none), None);
        let masked = rewrite(BYTES, all, |_, _| Some(MASK.to_vec()));
        assert_eq!(masked.unwrap(), b"\x08\x07\x12\x03***\x1d\x01\x02\x03\x04\x22\x09x");
        assert_eq!(rewrite(BYTES, nothing, none).unwrap(), b"\x08\x07\x12\x01a");
        let but_four_bytes = |part: &[u8]| part[0] != 0x1d;
        assert_eq!(rewrite(BYTES, but_four_bytes, none).unwrap(), b"\x08\x07\x12\x01a\x22\x09x");
        assert_eq!(rewrite(BYTES, |part| part[0] == 0x1d, none).unwrap(), BYTES[..10]);
    }

    fn secret() -> Batch {
        let message = Message {
            method: "WebcastToken".into(),
            payload: vec![0x0a, 1, b'x'].into(),
            msg_id: 7,
            is_history: true,
        };
        let info = BatchInfo {
            cursor: "c".into(),
            push_server: "wss://webcast-ws.tiktok.com/p?token=planted".into(),
            route_params: vec![("wrss".into(), "planted".into()), ("imprp".into(), "planted".into())],
            ..Default::default()
        };
        Batch { messages: vec![message], info }
    }

    fn expected() -> Batch {
        let mut batch = secret();
        batch.info.push_server = "wss://webcast-ws.tiktok.com/***".into();
        batch.info.route_params.iter_mut().for_each(|(_, value)| *value = "***".into());
        batch
    }

    fn read(bytes: Vec<u8>) -> Batch {
        let mut faults = Vec::new();
        let mut batch = read_batch(&bytes.into(), &mut faults);
        assert_eq!(faults, []);
        batch.info.route_params.sort();
        batch.info.route_params.reverse();
        batch
    }

    #[test]
    fn a_batch_loses_only_its_secrets() {
        let unknown = [0xf2, 0x3f, 3, 1, 2, 3, 0xf8, 0x3f, 9];
        let bytes = [&unknown, &write_batch(&secret())[..], &unknown].concat();
        let masked = batch(&bytes).unwrap();
        assert!(masked.starts_with(&unknown) && masked.ends_with(&unknown));
        assert!(batch(&masked).is_none(), "twice is as once");
        assert_eq!(read(masked), expected());
    }

    #[test]
    fn frames_are_only_rewritten_if_they_hold_secrets() {
        for pack in [zip, Bytes::copy_from_slice] {
            let push = |batch: &Batch| {
                let payload = pack(&write_batch(batch));
                write_push(&Push { payload_type: "msg".into(), payload, log_id: 3, ..Default::default() })
            };
            let masked = Bytes::from(received(&push(&secret()), &mut Unzipper::default()).unwrap());
            let payload = unzip(read_push(&masked, &mut Vec::new()).payload, &mut Vec::new());
            assert_eq!(read(payload.to_vec()), expected());
            let plain = Batch { info: BatchInfo::default(), ..secret() };
            assert_eq!(received(&push(&plain), &mut Unzipper::default()), None);
        }
    }

    #[test]
    fn only_the_data_of_gzip_is_kept() {
        let batch = write_batch(&Batch { info: BatchInfo::default(), ..secret() });
        let push = |payload: Vec<u8>| {
            write_push(&Push { payload_type: "msg".into(), payload: payload.into(), ..Default::default() })
        };
        let bare = zip(&batch);
        let named = [&bare[..3], &[8], &bare[4..10], b"planted\0", &bare[10..]].concat();
        let mut wrong = bare.to_vec();
        let checksum = wrong.len() - 8;
        wrong[checksum] ^= 1;
        // The last one ends with the length of the data, like the data alone.
        let length = (batch.len() as u32).to_le_bytes();
        let second = zip(&batch.iter().map(|_| b'p').collect::<Vec<_>>());
        let third = [&bare[..], &zip(b"sid=planted"), &length].concat();
        for payload in [
            named,
            [&bare[..], &zip(b"sid=planted")].concat(),
            [&bare[..], b"sid=planted"].concat(),
            [&bare[..], &second].concat(),
            [&wrong[..], &second].concat(),
            third,
        ] {
            let masked = received(&push(payload), &mut Unzipper::default()).unwrap();
            assert_eq!(read_push(&Bytes::from(masked.clone()), &mut Vec::new()).payload, bare);
            assert_eq!(received(&masked, &mut Unzipper::default()), None, "twice is as once");
        }
        // The fault is recorded as it was.
        for broken in [wrong, bare[..bare.len() - 9].to_vec()] {
            assert_eq!(received(&push(broken), &mut Unzipper::default()), None);
        }
    }

    #[test]
    fn payloads_of_other_types_are_text_or_masked() {
        let cookie = b"cookie: msToken=planted; sessionid=planted";
        let nested = [&[0x0a, 15][..], b"msToken=planted"].concat();
        for (payload, masked) in [
            (zip(cookie).to_vec(), &b"***"[..]),
            (nested, b"***"),
            (cookie.to_vec(), b"cookie: msToken=***; sessionid=***"),
            (b"bye".to_vec(), b"bye"),
        ] {
            let push = Push { payload_type: "im_exit".into(), payload: payload.into(), ..Default::default() };
            let bytes = write_push(&push);
            let found = received(&bytes, &mut Unzipper::default()).unwrap_or(bytes.to_vec());
            assert_eq!(&read_push(&found.into(), &mut Vec::new()).payload[..], masked);
        }
    }

    #[test]
    fn batches_that_cannot_be_read_are_masked() {
        let batch = write_batch(&secret()).to_vec();
        for payload in
            [zip(&zip(&batch)).to_vec(), zip(b"token planted").to_vec(), b"dG9rZW49cGxhbnRlZA==".to_vec()]
        {
            let push = Push { payload_type: "msg".into(), payload: payload.into(), ..Default::default() };
            let masked = received(&write_push(&push), &mut Unzipper::default()).unwrap();
            let payload = unzip(read_push(&masked.into(), &mut Vec::new()).payload, &mut Vec::new());
            assert_eq!(&payload[..], MASK);
        }
    }

    #[test]
    fn an_address_keeps_its_host() {
        for (text, masked) in [
            ("wss://webcast-ws.tiktok.com", None),
            ("wss://webcast-ws.tiktok.com/im/jane/?k=1", Some("wss://webcast-ws.tiktok.com/***")),
            ("wss://jane.example:99/", Some("***")),
            ("jane 9f8a7b6c", Some("***")),
        ] {
            assert_eq!(address(text.as_bytes()), masked.map(|text| text.as_bytes().to_vec()));
        }
    }

    #[test]
    fn data_that_decompresses_beyond_the_limit_is_masked() {
        let packed = |length: usize| {
            let plain = [write_batch(&secret()).to_vec(), vec![0; length]].concat();
            write_push(&Push { payload_type: "msg".into(), payload: zip(&plain), ..Default::default() })
        };
        let masked = received(&packed(UNZIPPED_BYTES_MAX), &mut Unzipper::default()).unwrap();
        assert_eq!(&read_push(&masked.clone().into(), &mut Vec::new()).payload[..], MASK);
        assert_eq!(received(&masked, &mut Unzipper::default()), None, "twice is as once");
        // The unreadable result tells readers that something is missing.
        let mut faults = Vec::new();
        read_batch(&Bytes::from_static(MASK), &mut faults);
        assert!(!faults.is_empty());
    }

    #[test]
    fn a_secret_that_is_cut_off_is_dropped() {
        let bytes = write_batch(&secret());
        for end in 0..bytes.len() {
            let masked = batch(&bytes[..end]).unwrap_or_else(|| bytes[..end].to_vec());
            assert!(memmem::find(&masked, b"plan").is_none(), "{end}");
        }
    }
}
