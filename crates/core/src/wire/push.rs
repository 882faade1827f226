//! The outer layer: a WebSocket message with type, encoding, log id and payload.

use bytes::Bytes;
use prost::Message as _;

use super::{
    Fault, FaultKind, RawFields,
    merge::{fields, merge},
    unzip::{GZIP_MAGIC, unzip},
    used, webcast,
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
/// Number of the field with the headers.
const HEADERS_FIELD: u32 = 5;
/// Number of the payload field.
const PAYLOAD_FIELD: u32 = 8;

/// Decodes a push frame as far as possible.
pub fn read_push(frame: &Bytes, faults: &mut Vec<Fault>) -> Push {
    let (read, _) =
        merge(frame, &[PAYLOAD_FIELD], FaultKind::BadPushFrame, faults, fields::<used::PushFrame>);
    Push {
        seq_id: read.seq_id,
        log_id: read.log_id,
        payload_type: read.payload_type,
        payload_encoding: read.payload_encoding,
        compress_type: compress_type(frame).unwrap_or_default(),
        payload: read.payload,
    }
}

/// Returns the value of the first such header. The others are not kept, because a list of half a million empty
/// ones, which fits into a frame, would take 24 times as much memory.
fn compress_type(frame: &[u8]) -> Option<String> {
    for field in RawFields::of(frame) {
        if field.number == HEADERS_FIELD
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

#[cfg(test)]
mod tests {
    use super::{super::zip, *};

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
}
