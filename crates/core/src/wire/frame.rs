//! The two layers of a frame: a push frame with type, encoding, log id and payload, and in it a batch of messages, with
//! the limit on the list entries of a batch. What is malformed is decoded as far as possible.

use std::{fmt, mem};

use bytes::Bytes;
use prost::{DecodeError, Message as _};
use smol_str::SmolStr;

use super::{
    BATCH_ENTRIES_MAX, BATCH_MESSAGES_MAX, Fault, FaultKind, FieldKind, RawField, RawFields, RawValue,
    Schema, Unzipper,
    unzip::{GZIP_MAGIC, unzip},
    used, webcast, write_bytes,
};

/// A push frame.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Push {
    /// Sequence number of the frame on its connection.
    pub seq_id: u64,
    /// Id of the frame in acks.
    pub log_id: u64,
    /// `msg`, `hb`, `ack`, `im_enter_room`, `im_enter_room_resp`, `close`, or an unknown type.
    pub payload_type: String,
    /// `pb` for frames with a payload.
    pub payload_encoding: String,
    /// Value of the header `compress_type`: `gzip`, `none`, or empty if there is none.
    pub compress_type: String,
    /// The payload, still compressed.
    pub payload: Bytes,
}

impl Push {
    /// Whether the payload is a batch.
    #[must_use]
    pub fn holds_batch(&self) -> bool {
        matches!(self.payload_type.as_str(), "msg" | "im_enter_room_resp")
    }
}

/// Name of the header that says how the payload is compressed.
const COMPRESS_TYPE: &str = "compress_type";
/// Number of the field with the headers. They are read one by one: a list of empty ones would take much more memory than the
/// frame.
const HEADERS_FIELD: u32 = 5;
/// Number of the payload field.
const PUSH_PAYLOAD_FIELD: u32 = 8;

/// Decodes a push frame as far as possible.
pub fn read_push(frame: &Bytes, faults: &mut Vec<Fault>) -> Push {
    let (read, _) =
        merge(frame, &[PUSH_PAYLOAD_FIELD], FaultKind::BadPushFrame, faults, fields::<used::PushFrame>);
    Push {
        seq_id: read.seq_id,
        log_id: read.log_id,
        payload_type: read.payload_type,
        payload_encoding: read.payload_encoding,
        compress_type: compress_type(frame).unwrap_or_default(),
        payload: read.payload,
    }
}

/// Whether these bytes are a complete push frame of one of these types. Takes a fraction of [`read_push`].
pub(crate) fn is_push(frame: &Bytes, types: &[&str]) -> bool {
    used::PushFrame::decode(frame.clone()).is_ok_and(|read| types.contains(&read.payload_type.as_str()))
}

/// Returns the value of the first such header. The others are not kept, because a list of half a million empty
/// ones, which fits into a frame, would take 24 times as much memory.
fn compress_type(frame: &[u8]) -> Option<String> {
    for field in RawFields::of(frame) {
        if field.number == HEADERS_FIELD
            && RawFields::of(field.bytes()?).any(|part| part.bytes() == Some(COMPRESS_TYPE.as_bytes()))
            && let Ok(header) = used::push_frame::Header::decode(field.bytes()?)
            && header.key == COMPRESS_TYPE
        {
            return Some(header.value);
        }
    }
    None
}

/// Encodes a push frame as TikTok's servers do.
#[must_use]
pub fn write_push(push: &Push) -> Bytes {
    let header = webcast::push_frame::Header { key: COMPRESS_TYPE.into(), value: push.compress_type.clone() };
    let frame = webcast::PushFrame {
        seq_id: push.seq_id,
        log_id: push.log_id,
        service: 8888,
        method: 8,
        headers: if push.compress_type.is_empty() { vec![] } else { vec![header] },
        payload_encoding: push.payload_encoding.clone(),
        payload_type: push.payload_type.clone(),
        payload: push.payload.clone(),
    };
    Bytes::from(frame.encode_to_vec())
}

/// Returns a push frame as TikTok's servers send it to clients that do not ask for gzip. A frame that is not
/// compressed, or damaged, stays as it is.
#[must_use]
pub fn without_gzip(frame: &Bytes) -> Bytes {
    let Ok(mut push) = webcast::PushFrame::decode(frame.clone()) else { return frame.clone() };
    let mut faults = Vec::new();
    let payload = unzip(push.payload.clone(), &mut faults);
    if !push.payload.starts_with(&GZIP_MAGIC) || !faults.is_empty() {
        return frame.clone();
    }
    push.payload = payload;
    push.headers
        .iter_mut()
        .filter(|header| header.key == COMPRESS_TYPE)
        .for_each(|header| header.value = "none".into());
    push.encode_to_vec().into()
}

/// Maximum length of a batch that prost decodes as a whole, in bytes: longer than any real one seen. Empty
/// messages, of two bytes, take 36 times as much memory.
const AT_ONCE_BYTES_MAX: usize = 128 << 10;
/// Number of the field with the messages.
const MESSAGES_FIELD: u32 = 1;
/// Number of the payload field in a message.
const MESSAGE_PAYLOAD_FIELD: u32 = 2;
/// Minimum length of an entry on the wire, in bytes: a key and the length 0.
const ENTRY_BYTES_MIN: usize = 2;

/// The messages of a batch, and its other fields.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Batch {
    /// Messages in the order sent.
    pub messages: Vec<Message>,
    /// Fields for the session.
    pub info: BatchInfo,
}

impl Batch {
    /// Returns the first room id in its messages.
    #[must_use]
    pub fn room_id(&self) -> Option<i64> {
        self.messages.iter().map(|message| common(&message.payload).room_id).find(|&room_id| room_id != 0)
    }
}

/// The fields that all messages share.
#[derive(Clone, PartialEq, prost::Message)]
pub struct Common {
    /// Id of the message.
    #[prost(int64, tag = "2")]
    pub msg_id: i64,
    /// Id of the room.
    #[prost(int64, tag = "3")]
    pub room_id: i64,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Payload {
    #[prost(message, optional, tag = "1")]
    common: Option<Common>,
}

/// Decodes these fields of a message's payload, as far as possible.
#[must_use]
pub fn common(payload: &Bytes) -> Common {
    let mut read = Payload::default();
    // Fields before an error are kept.
    let _ = read.merge(payload.clone());
    read.common.unwrap_or_default()
}

/// The fields of a batch that concern the connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BatchInfo {
    /// Opaque position in the stream.
    pub cursor: String,
    /// Opaque ack token.
    pub internal_ext: String,
    /// Whether the frame requests an ack.
    pub need_ack: bool,
    /// Server time, in Unix milliseconds; 0 if not included.
    pub now_ms: i64,
    /// Heartbeat interval, in milliseconds; 0 if not included.
    pub heartbeat_ms: i64,
    /// URL of the WebSocket; empty except in a sign server's answer.
    pub push_server: String,
    /// Query parameters for the WebSocket.
    pub route_params: Vec<(String, String)>,
    /// Whether this is the first batch of a connection.
    pub is_first: bool,
}

/// A message of a batch, with its payload not yet decoded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Message {
    /// Name of the payload's type, e.g. `WebcastChatMessage`.
    pub method: SmolStr,
    /// Encoded protobuf message.
    pub payload: Bytes,
    /// Id of the message; 0 if it has none.
    pub msg_id: i64,
    /// Whether the message was sent before this connection opened.
    pub is_history: bool,
}

/// Number of list entries that may still be decoded of a batch. An empty entry takes two bytes on the wire and
/// hundreds in memory.
#[derive(Debug)]
pub struct EntriesLeft(Option<usize>);

/// A payload has more entries than are left.
#[derive(Debug, thiserror::Error)]
#[error("more than {BATCH_ENTRIES_MAX} list entries in the batch")]
pub(crate) struct TooMany;

impl EntriesLeft {
    /// Returns the limit for the messages of a batch: [`BATCH_ENTRIES_MAX`].
    #[must_use]
    pub fn of(messages: &[Message]) -> Self {
        let bytes = messages.iter().map(|message| message.payload.len()).sum::<usize>();
        // Too small a batch to exceed the limit, as nearly all real ones are, needs no counting.
        Self((bytes / ENTRY_BYTES_MIN > BATCH_ENTRIES_MAX).then_some(BATCH_ENTRIES_MAX))
    }

    /// Takes the entries of a payload of the message named `schema`, unless it has too many.
    pub(crate) fn take(&mut self, payload: &[u8], schema: &str) -> Result<(), TooMany> {
        let Some(left) = &mut self.0 else { return Ok(()) };
        let entries = Schema::named(schema).map_or(0, |schema| count(payload, schema));
        *left = left.checked_sub(entries).ok_or(TooMany)?;
        Ok(())
    }
}

/// Decompresses and decodes a batch. If the compressed stream is broken, so is the batch in it: that is one
/// fault.
pub fn unzip_batch(payload: Bytes, unzipper: &mut Unzipper, faults: &mut Vec<Fault>) -> Batch {
    let before = faults.len();
    let payload = unzipper.unzip(payload, faults);
    let known = faults.len();
    let batch = read_batch(&payload, faults);
    if known > before {
        let found = faults.split_off(known);
        faults.extend(found.into_iter().filter(|fault| fault.kind != FaultKind::BadBatch));
    }
    batch
}

/// Decodes a batch.
pub fn read_batch(bytes: &Bytes, faults: &mut Vec<Fault>) -> Batch {
    if bytes.len() <= AT_ONCE_BYTES_MAX
        && let Ok(mut batch) = used::Batch::decode(bytes.clone())
        && batch.messages.len() <= BATCH_MESSAGES_MAX
    {
        let messages = mem::take(&mut batch.messages).into_iter().map(message).collect();
        return Batch { messages, info: read_info(batch) };
    }
    read_in_parts(bytes, faults)
}

/// Decodes messages separately, so that a malformed one does not affect the others, and that a million empty
/// ones, which fit into a batch, take no memory.
fn read_in_parts(bytes: &Bytes, faults: &mut Vec<Fault>) -> Batch {
    let (mut messages, mut dropped) = (Vec::new(), 0_usize);
    let (mut others, mut is_whole) = (used::Batch::default(), true);
    let mut left = RawFields::of(bytes);
    loop {
        match left.try_next() {
            Ok(None) => break,
            // The remaining fields, such as cursor and ack token, are still needed.
            Ok(Some(field)) if is_message(&field) && messages.len() == BATCH_MESSAGES_MAX => dropped += 1,
            Ok(Some(RawField { number: MESSAGES_FIELD, value: RawValue::Bytes(message), .. })) => {
                messages.extend(read_entry(&bytes.slice_ref(message), faults));
            }
            Ok(Some(field)) => is_whole &= others.merge(field.whole).is_ok(),
            Err(error) => {
                faults.push(Fault::new(FaultKind::BadBatch, error));
                break;
            }
        }
    }
    if dropped > 0 {
        let detail = format!("more than {BATCH_MESSAGES_MAX}; {dropped} were dropped");
        faults.push(Fault::new(FaultKind::TooManyMessages, detail));
    }
    let info = if is_whole { read_info(others) } else { mend_info(bytes, faults) };
    Batch { messages, info }
}

fn is_message(field: &RawField<'_>) -> bool {
    field.number == MESSAGES_FIELD && field.bytes().is_some()
}

/// Decodes the fields other than messages again, repairing them, because one of them is malformed.
#[cold]
fn mend_info(bytes: &[u8], faults: &mut Vec<Fault>) -> BatchInfo {
    let mut others = Vec::new();
    for field in RawFields::of(bytes).filter(|field| !is_message(field)) {
        others.extend_from_slice(field.whole);
    }
    let (info, _) = merge(&others.into(), &[], FaultKind::BadBatch, faults, fields);
    read_info(info)
}

/// Decodes a message except for its payload.
fn read_entry(bytes: &Bytes, faults: &mut Vec<Fault>) -> Option<Message> {
    let before = faults.len();
    let (entry, complete) =
        merge(bytes, &[MESSAGE_PAYLOAD_FIELD], FaultKind::BadBatch, faults, fields::<used::Message>);
    let message = message(entry);
    for fault in &mut faults[before..] {
        fault.method = Some(message.method.clone()).filter(|method| !method.is_empty());
    }
    complete.then_some(message)
}

fn message(message: used::Message) -> Message {
    let used::Message { method, payload, msg_id, is_history } = message;
    Message { method: method.into(), payload, msg_id, is_history }
}

fn read_info(batch: used::Batch) -> BatchInfo {
    BatchInfo {
        cursor: batch.cursor,
        internal_ext: batch.internal_ext,
        need_ack: batch.need_ack,
        now_ms: batch.now_ms,
        heartbeat_ms: batch.heartbeat_ms,
        push_server: batch.push_server,
        route_params: batch.route_params.into_iter().collect(),
        is_first: batch.is_first,
    }
}

/// Encodes a batch.
#[must_use]
pub fn write_batch(batch: &Batch) -> Bytes {
    let messages = batch.messages.iter().map(|message| webcast::Message {
        method: message.method.to_string(),
        payload: message.payload.clone(),
        msg_id: message.msg_id,
        is_history: message.is_history,
        ..Default::default()
    });
    let info = &batch.info;
    let batch = webcast::Batch {
        messages: messages.collect(),
        cursor: info.cursor.clone(),
        internal_ext: info.internal_ext.clone(),
        need_ack: info.need_ack,
        now_ms: info.now_ms,
        heartbeat_ms: info.heartbeat_ms,
        push_server: info.push_server.clone(),
        route_params: info.route_params.iter().cloned().collect(),
        is_first: info.is_first,
        ..Default::default()
    };
    Bytes::from(batch.encode_to_vec())
}

/// Counts the messages in lists, up to the first malformed field, where decoding stops as well.
fn count(bytes: &[u8], schema: &Schema) -> usize {
    let mut entries = 0;
    for field in RawFields::of(bytes) {
        let kind = schema.field(field.number).map(|field| field.kind);
        if let (Some(kind), Some(value)) = (kind, field.bytes()) {
            entries += usize::from(matches!(kind, FieldKind::Messages(_)));
            entries += kind.schema().map_or(0, |inner| count(value, inner));
        }
    }
    entries
}

/// Maximum nesting that [`repair_utf8`] follows. Deeper parts stay unchanged.
const REPAIR_DEPTH_MAX: u32 = 32;

/// Decodes `bytes` with `read`, which returns the message and the result. If this fails, repairs texts that
/// are not valid UTF-8 and tries again, adding faults. If the message is still malformed, returns `false` with
/// the part before the error, and adds a fault of `kind`.
///
/// `opaque` lists fields that contain no text, and are never repaired.
pub(crate) fn merge<T, E: fmt::Display>(
    bytes: &Bytes,
    opaque: &[u32],
    kind: FaultKind,
    faults: &mut Vec<Fault>,
    mut read: impl FnMut(&Bytes) -> (T, Result<(), E>),
) -> (T, bool) {
    let (value, result) = read(bytes);
    let Err(broken) = result else { return (value, true) };
    if let Some(mended) = repair_utf8(bytes, opaque, 0).map(Bytes::from)
        && let (value, Ok(())) = read(&mended)
    {
        faults.push(Fault::new(FaultKind::BadUtf8, "text is not UTF-8; invalid bytes were replaced"));
        return (value, true);
    }
    faults.push(Fault::new(kind, broken));
    (value, false)
}

/// Decodes a message, and returns the result with the fields before an error. Payloads are not copied.
pub(super) fn fields<M: prost::Message + Default>(bytes: &Bytes) -> (M, Result<(), DecodeError>) {
    let mut message = M::default();
    let result = message.merge(bytes.clone());
    (message, result)
}

/// Replaces invalid UTF-8 in every length-delimited field that is not a message. Returns `None` if `bytes`
/// are not protobuf or need no repair.
fn repair_utf8(bytes: &[u8], opaque: &[u32], depth: u32) -> Option<Vec<u8>> {
    if depth > REPAIR_DEPTH_MAX {
        return None;
    }
    let (mut fields, mut out, mut repaired) = (RawFields::of(bytes), Vec::with_capacity(bytes.len()), false);
    while let Some(field) = fields.try_next().ok()? {
        match field.value {
            RawValue::Bytes(value) if !opaque.contains(&field.number) => {
                if let Some(mended) = mend(value, depth) {
                    write_bytes(field.number, &mended, &mut out);
                    repaired = true;
                    continue;
                }
            }
            RawValue::Group(_) => return None,
            _ => {}
        }
        out.extend_from_slice(field.whole);
    }
    repaired.then_some(out)
}

/// Repairs a value; returns `None` if it needs no repair. A value that can be parsed as protobuf is treated
/// as a message.
fn mend(value: &[u8], depth: u32) -> Option<Vec<u8>> {
    if std::str::from_utf8(value).is_ok() {
        return None;
    }
    let mut fields = RawFields::of(value);
    let is_message =
        fields.by_ref().all(|field| !matches!(field.value, RawValue::Group(_))) && fields.rest().is_empty();
    match repair_utf8(value, &[], depth + 1) {
        Some(mended) => Some(mended),
        None if is_message => None,
        None => Some(String::from_utf8_lossy(value).into_owned().into_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use prost::{Message as _, encoding::encode_varint};

    use super::{
        super::{used, webcast, zip},
        *,
    };

    #[test]
    fn only_the_payload_and_its_header_lose_gzip() {
        let (mut frame, plain) = (webcast::PushFrame::default(), Bytes::from_static(b"a batch"));
        (frame.seq_id, frame.log_id, frame.service, frame.method) = (1, 2, 3, 4);
        frame.payload_type = "msg".into();
        frame.headers = [("im-cursor", "c"), (COMPRESS_TYPE, "gzip")]
            .map(|(key, value)| webcast::push_frame::Header { key: key.into(), value: value.into() })
            .into();
        frame.payload = zip(&plain);
        let cut = webcast::PushFrame { payload: frame.payload.slice(..9), ..frame.clone() };
        let zipped = Bytes::from(frame.encode_to_vec());
        frame.headers[1].value = "none".into();
        frame.payload = plain;
        let unzipped = Bytes::from(frame.encode_to_vec());
        assert_eq!(without_gzip(&zipped), unzipped);
        for same in [unzipped, cut.encode_to_vec().into(), Bytes::from_static(b"\xff")] {
            assert_eq!(without_gzip(&same), same);
        }
    }

    /// Byte for byte as in known clients.
    #[test]
    fn frames_of_known_clients_are_decoded() {
        let read = |hex: &str| {
            let bytes = (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap());
            let mut faults = vec![];
            let push = read_push(&bytes.collect(), &mut faults);
            assert_eq!(faults, []);
            push
        };
        let heartbeat = read("320270623a026862420a088180e8e2aaeab3a765");
        assert_eq!((heartbeat.payload_encoding.as_str(), heartbeat.payload_type.as_str()), ("pb", "hb"));
        let ack = read("108180808080808010320270623a0361636b420b666978747572652d657874");
        assert_eq!((ack.log_id, &ack.payload[..]), (9_007_199_254_740_993, &b"fixture-ext"[..]));
        assert_eq!(read("3a026862").payload_type, "hb");
    }

    #[test]
    fn only_batches_hold_batches() {
        let holds = |payload_type: &str| {
            Push { payload_type: payload_type.into(), ..Default::default() }.holds_batch()
        };
        assert!(holds("msg") && holds("im_enter_room_resp"));
        assert!(!holds("hb") && !holds("ack") && !holds("close") && !holds(""));
    }

    #[test]
    fn an_unused_header_is_not_a_fault() {
        let push = Push { compress_type: "gzip".into(), payload_type: "msg".into(), ..Default::default() };
        let frame = [b"\x2a\x03\x0a\x01\xff", &[0x2a, 0].repeat(9)[..], &write_push(&push)].concat();
        let mut faults = vec![];
        assert_eq!(read_push(&frame.into(), &mut faults), push);
        assert_eq!(faults, []);
    }

    #[test]
    fn an_invalid_text_leaves_the_payload_alone() {
        let payload = Bytes::from_static(b"\x1f\x8b\xff\xfe");
        let push = Push { payload: payload.clone(), payload_type: "msg".into(), ..Default::default() };
        let mut bytes = write_push(&push).to_vec();
        let at = bytes.windows(3).position(|at| at == b"msg").unwrap();
        bytes[at] = 0xff;
        let mut faults = vec![];
        let read = read_push(&Bytes::from(bytes), &mut faults);
        assert_eq!((read.payload, read.payload_type.as_str()), (payload, "\u{fffd}sg"));
        assert_eq!((faults.len(), faults[0].kind), (1, FaultKind::BadUtf8));
    }

    fn message(method: &str, payload: &'static [u8]) -> Message {
        Message { method: method.into(), payload: payload.into(), msg_id: 7, is_history: true }
    }

    fn batch() -> Batch {
        let messages = vec![message("A", b"\x08\x01"), message("B", b""), message("C", b"\xff")];
        let info = BatchInfo { cursor: "c".into(), need_ack: true, ..Default::default() };
        Batch { messages, info }
    }

    #[test]
    fn a_truncated_batch_yields_its_complete_messages() {
        let (bytes, mut faults) = (write_batch(&batch()), vec![]);
        let second_ends = bytes.windows(3).position(|at| at == b"\x0a\x01C").unwrap() - 2;
        let read = read_batch(&bytes.slice(..second_ends + 3), &mut faults);
        assert_eq!(read.messages, batch().messages[..2]);
        assert_eq!(faults.iter().map(|fault| fault.kind).collect::<Vec<_>>(), [FaultKind::BadBatch]);
    }

    #[test]
    fn a_malformed_message_does_not_affect_the_others() {
        let mut bytes = write_batch(&batch()).to_vec();
        let at = bytes.windows(3).position(|at| at == b"\x0a\x01B").unwrap();
        bytes[at + 1] = 100; // The length of the method exceeds its message.
        let (mut faults, all) = (vec![], batch());
        let read = read_batch(&Bytes::from(bytes), &mut faults);
        assert_eq!(read.messages, [all.messages[0].clone(), all.messages[2].clone()]);
        assert_eq!((read.info, faults.len(), faults[0].kind), (all.info, 1, FaultKind::BadBatch));
    }

    #[test]
    fn a_method_with_invalid_utf8_is_repaired_and_its_payload_left_alone() {
        let mut bytes = write_batch(&batch()).to_vec();
        let at = bytes.windows(3).position(|at| at == b"\x0a\x01C").unwrap();
        bytes[at + 2] = 0xfe;
        let mut faults = vec![];
        let read = read_batch(&Bytes::from(bytes), &mut faults);
        assert_eq!(
            (read.messages[2].method.as_str(), &read.messages[2].payload[..]),
            ("\u{fffd}", &b"\xff"[..])
        );
        assert_eq!((faults.len(), faults[0].kind), (1, FaultKind::BadUtf8));
    }

    #[test]
    fn too_many_messages_do_not_affect_the_cursor() {
        let many = Batch { messages: vec![message("A", b""); BATCH_MESSAGES_MAX + 3], ..batch() };
        let mut faults = vec![];
        let read = read_batch(&write_batch(&many), &mut faults);
        assert_eq!((read.messages.len(), read.info), (BATCH_MESSAGES_MAX, batch().info));
        assert_eq!((faults.len(), faults[0].kind), (1, FaultKind::TooManyMessages));
    }

    #[test]
    fn entries_of_entries_count_and_other_fields_do_not() {
        let schema = Schema::named("RoomUserSeq").unwrap();
        let count = |bytes: &[u8]| count(bytes, schema);
        assert_eq!(count(&[0x12, 0].repeat(3)), 3);
        // A viewer with a user with two badges.
        assert_eq!(count(&[0x12, 8, 0x12, 6, 0x82, 4, 0, 0x82, 4, 0]), 3);
        assert_eq!(count(&[0x12, 2, 0x7a, 0, 0x7a, 0, 0x18, 1, 0x12]), 1);
    }

    fn chat(nickname: &[u8]) -> Bytes {
        // Generated types only accept valid strings, so the invalid bytes are inserted afterwards.
        let filler = "#".repeat(nickname.len());
        let user =
            webcast::User { id: 6_953_242_736_466_010_434, nickname: filler.clone(), ..Default::default() };
        let chat = webcast::Chat { user: Some(user), content: "hello".into(), ..Default::default() };
        let mut bytes = chat.encode_to_vec();
        let at = bytes.windows(nickname.len()).position(|at| at == filler.as_bytes()).unwrap();
        bytes[at..at + nickname.len()].copy_from_slice(nickname);
        Bytes::from(bytes)
    }

    /// Returns nickname, id and content; whether the message is complete; and the faults.
    fn read(bytes: &Bytes) -> ((String, i64, String), bool, Vec<FaultKind>) {
        let mut faults = vec![];
        let (chat, complete) = merge(bytes, &[], FaultKind::BadMessage, &mut faults, fields::<used::Chat>);
        let user = chat.user.unwrap_or_default();
        let kinds = faults.iter().map(|fault| fault.kind).collect();
        ((user.nickname, user.id, chat.content), complete, kinds)
    }

    #[test]
    fn a_nickname_with_invalid_utf8_is_repaired() {
        let ((nickname, id, content), complete, faults) = read(&chat(b"Zo\xeb!"));
        assert_eq!((nickname.as_str(), id), ("Zo\u{fffd}!", 6_953_242_736_466_010_434));
        assert_eq!((content.as_str(), complete, faults), ("hello", true, vec![FaultKind::BadUtf8]));
    }

    #[test]
    fn valid_texts_are_left_alone() {
        let ((nickname, ..), complete, faults) = read(&chat("Zo\u{eb}".as_bytes()));
        assert_eq!((nickname.as_str(), complete, faults), ("Zo\u{eb}", true, vec![]));
    }

    #[test]
    fn the_beginning_of_a_malformed_message_is_kept() {
        let bytes = chat(b"Ann");
        let ((nickname, ..), complete, faults) = read(&bytes.slice(..bytes.len() - 2));
        assert_eq!((nickname.as_str(), complete), ("Ann", false));
        assert_eq!(faults, [FaultKind::BadMessage]);
    }

    #[test]
    fn deep_nesting_is_bounded() {
        let mut bytes = vec![0xff];
        for _ in 0..200 {
            let mut outer = vec![0x0a];
            encode_varint(bytes.len() as u64, &mut outer);
            outer.append(&mut bytes);
            bytes = outer;
        }
        bytes[0] = 0x1a; // A field that could be text.
        let (_, complete, faults) = read(&Bytes::from(bytes));
        assert_eq!((complete, faults.len()), (false, 1));
    }
}
