//! The outer layer: one WebSocket message ⇄ type, encoding, log id and payload.

use bytes::Bytes;
use prost::Message as _;

use super::{Fault, FaultKind, merge::merge, webcast};

/// A push frame.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Push {
    /// Counts the frames of a connection.
    pub seq_id: u64,
    /// Names the frame in an ack.
    pub log_id: u64,
    /// `msg`, `hb`, `ack`, `im_enter_room`, `im_enter_room_resp`, `close` or something newer.
    pub payload_type: String,
    /// `pb`, where there is a payload.
    pub payload_encoding: String,
    /// The header `compress_type`: `gzip`, `none`, or empty where there is none.
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

/// Reads a push frame, as far as it goes.
pub fn read_push(frame: &Bytes, faults: &mut Vec<Fault>) -> Push {
    let (read, _) = merge::<webcast::PushFrame>(frame, FaultKind::BadPushFrame, faults);
    let compress_type = read.headers.into_iter().find(|h| h.key == "compress_type").map(|h| h.value);
    Push {
        seq_id: read.seq_id,
        log_id: read.log_id,
        payload_type: read.payload_type,
        payload_encoding: read.payload_encoding,
        compress_type: compress_type.unwrap_or_default(),
        payload: read.payload,
    }
}

/// The bytes of a push frame as TikTok's servers send it.
#[must_use]
pub fn write_push(push: &Push) -> Bytes {
    let header =
        webcast::push_frame::Header { key: "compress_type".into(), value: push.compress_type.clone() };
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
