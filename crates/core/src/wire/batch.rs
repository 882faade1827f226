//! The inner layer: a batch of messages.

use std::collections::BTreeMap;

use bytes::Bytes;
use prost::Message as _;
use smol_str::SmolStr;

use super::{
    BATCH_MESSAGES_MAX, Fault, FaultKind,
    merge::merge,
    view::{self, Value, View as _},
    views, webcast,
};

/// The messages of a batch, and what stands beside them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Batch {
    /// In the order in which they were sent.
    pub messages: Vec<Message>,
    /// What the session needs.
    pub info: BatchInfo,
}

/// What a batch says of the connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BatchInfo {
    /// Where to go on; opaque.
    pub cursor: String,
    /// The ack token; opaque.
    pub internal_ext: String,
    /// Whether the frame wants an ack.
    pub need_ack: bool,
    /// The server's clock, Unix milliseconds; 0 if it is not told.
    pub now_ms: i64,
    /// The heartbeat interval; 0 if it is not told.
    pub heartbeat_ms: i64,
    /// Where to open the WebSocket; empty but in a sign server's answer.
    pub push_server: String,
    /// Query parameters for the WebSocket.
    pub route_params: Vec<(String, String)>,
    /// Whether this is the first batch of a connection.
    pub is_first: bool,
}

/// One entry of a batch, its payload not yet decoded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Message {
    /// The name of the payload's type, e.g. `WebcastChatMessage`.
    pub method: SmolStr,
    /// The protobuf of the message itself.
    pub payload: Bytes,
    /// The id of the envelope; 0 if it has none.
    pub msg_id: i64,
    /// Whether it was sent before this connection was made.
    pub is_history: bool,
}

/// The number of the field that holds the messages.
const MESSAGES_FIELD: u32 = 1;

/// The number of the field of an entry that holds its payload.
const PAYLOAD_FIELD: u32 = 2;

/// Reads a batch. The messages are taken one by one, so that a broken one costs none of the others.
pub fn read_batch(bytes: &Bytes, faults: &mut Vec<Fault>) -> Batch {
    let (mut messages, mut dropped) = (Vec::new(), 0_usize);
    let (mut others, mut is_whole) = (views::Batch::default(), true);
    let mut rest = &bytes[..];
    while !rest.is_empty() {
        match view::next(&mut rest) {
            // What stands behind the messages is wanted nevertheless: the cursor, the ack token.
            Ok((MESSAGES_FIELD, Value::Bytes(_))) if messages.len() == BATCH_MESSAGES_MAX => dropped += 1,
            Ok((MESSAGES_FIELD, Value::Bytes(message))) => {
                messages.extend(read_entry(bytes, message, faults));
            }
            Ok((number, value)) => is_whole &= others.take(number, value).is_ok(),
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
    let info = if is_whole { read_info(&others) } else { mend_info(bytes, faults) };
    Batch { messages, info }
}

/// Reads what stands beside the messages, and mends it: something of it cannot be read.
#[cold]
fn mend_info(bytes: &Bytes, faults: &mut Vec<Fault>) -> BatchInfo {
    let (mut rest, mut others) = (&bytes[..], Vec::new());
    while !rest.is_empty() {
        let before = rest;
        match view::next(&mut rest) {
            Ok((MESSAGES_FIELD, Value::Bytes(_))) => {}
            Ok(_) => others.extend_from_slice(&before[..before.len() - rest.len()]),
            Err(_) => break,
        }
    }
    let (info, _) = merge(bytes, &others, &[], FaultKind::BadBatch, faults, |_, bytes| {
        let mut batch = views::Batch::default();
        let result = view::merge(&mut batch, bytes);
        (read_info(&batch), result)
    });
    info
}

/// Reads an entry, but not its payload.
fn read_entry(batch: &Bytes, bytes: &[u8], faults: &mut Vec<Fault>) -> Option<Message> {
    let before = faults.len();
    let (entry, complete) =
        merge(batch, bytes, &[PAYLOAD_FIELD], FaultKind::BadBatch, faults, |whole, bytes| {
            let mut entry = views::Message::default();
            let result = view::merge(&mut entry, bytes);
            let message = Message {
                method: entry.method.into(),
                payload: whole.slice_ref(entry.payload),
                msg_id: entry.msg_id,
                is_history: entry.is_history,
            };
            (message, result)
        });
    for fault in &mut faults[before..] {
        fault.method = Some(entry.method.clone()).filter(|method| !method.is_empty());
    }
    complete.then_some(entry)
}

fn read_info(batch: &views::Batch<'_>) -> BatchInfo {
    // Of a key that comes twice the last value counts, and the keys are in their order.
    let route_params: BTreeMap<_, _> =
        batch.route_params.iter().map(|entry| (entry.key.to_owned(), entry.value.to_owned())).collect();
    BatchInfo {
        cursor: batch.cursor.to_owned(),
        internal_ext: batch.internal_ext.to_owned(),
        need_ack: batch.need_ack,
        now_ms: batch.now_ms,
        heartbeat_ms: batch.heartbeat_ms,
        push_server: batch.push_server.to_owned(),
        route_params: route_params.into_iter().collect(),
        is_first: batch.is_first,
    }
}

/// The bytes of a batch.
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

#[cfg(test)]
mod tests {
    use super::*;

    fn message(method: &str, payload: &'static [u8]) -> Message {
        Message { method: method.into(), payload: payload.into(), msg_id: 7, is_history: true }
    }

    fn batch() -> Batch {
        let messages = vec![message("A", b"\x08\x01"), message("B", b""), message("C", b"\xff")];
        let info = BatchInfo { cursor: "c".into(), need_ack: true, ..Default::default() };
        Batch { messages, info }
    }

    #[test]
    fn a_truncated_batch_gives_its_whole_messages() {
        let (bytes, mut faults) = (write_batch(&batch()), vec![]);
        let second_ends = bytes.windows(3).position(|at| at == b"\x0a\x01C").unwrap() - 2;
        let read = read_batch(&bytes.slice(..second_ends + 3), &mut faults);
        assert_eq!(read.messages, batch().messages[..2]);
        assert_eq!(faults.iter().map(|fault| fault.kind).collect::<Vec<_>>(), [FaultKind::BadBatch]);
    }

    #[test]
    fn a_broken_entry_costs_none_of_the_others() {
        let mut bytes = write_batch(&batch()).to_vec();
        let at = bytes.windows(3).position(|at| at == b"\x0a\x01B").unwrap();
        bytes[at + 1] = 100; // The method is longer than its entry.
        let (mut faults, all) = (vec![], batch());
        let read = read_batch(&Bytes::from(bytes), &mut faults);
        assert_eq!(read.messages, [all.messages[0].clone(), all.messages[2].clone()]);
        assert_eq!((read.info, faults.len(), faults[0].kind), (all.info, 1, FaultKind::BadBatch));
    }

    #[test]
    fn a_method_that_is_no_text_is_mended_and_its_payload_left_alone() {
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
    fn too_many_messages_leave_the_cursor() {
        let many = Batch { messages: vec![message("A", b""); BATCH_MESSAGES_MAX + 3], ..batch() };
        let mut faults = vec![];
        let read = read_batch(&write_batch(&many), &mut faults);
        assert_eq!((read.messages.len(), read.info), (BATCH_MESSAGES_MAX, batch().info));
        assert_eq!((faults.len(), faults[0].kind), (1, FaultKind::TooManyMessages));
    }
}
