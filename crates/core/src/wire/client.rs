//! The frames that a client sends: entering a room, heartbeats, acks.

use bytes::Bytes;
use prost::Message as _;

use super::webcast;

/// Product id of TikTok LIVE on the web.
const LIVE_ID: i64 = 12;

/// Content of an ack for a frame without a token.
const NO_TOKEN: &str = "-";

/// Creates the frame that enters a room, with the numbers of TikTok's web client. Its `unique_id` is random
/// there, and 0 here as in other working clients.
#[must_use]
pub fn enter_room(room_id: i64) -> Bytes {
    let enter = webcast::EnterRoom {
        room_id,
        live_id: LIVE_ID,
        identity: "audience".to_owned(),
        filter_welcome_msg: "0".to_owned(),
        ..Default::default()
    };
    frame("im_enter_room", 0, enter.encode_to_vec())
}

/// Creates a heartbeat frame. Clients count those of a connection from 1; some send 0.
#[must_use]
pub fn heartbeat(room_id: i64, number: i64) -> Bytes {
    let heartbeat = webcast::HeartBeat { room_id, send_packet_seq_id: number };
    frame("hb", 0, heartbeat.encode_to_vec())
}

/// Creates an ack for the frame `log_id`. `internal_ext` is the token of its batch; may be empty.
#[must_use]
pub fn ack(log_id: u64, internal_ext: &str) -> Bytes {
    let token = if internal_ext.is_empty() { NO_TOKEN } else { internal_ext };
    frame("ack", log_id, token.as_bytes().to_vec())
}

/// Clients omit the fields that only servers fill in: sequence number, service and compression.
fn frame(payload_type: &str, log_id: u64, payload: Vec<u8>) -> Bytes {
    let frame = webcast::PushFrame {
        log_id,
        payload_encoding: "pb".to_owned(),
        payload_type: payload_type.to_owned(),
        payload: payload.into(),
        ..Default::default()
    };
    frame.encode_to_vec().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOM: i64 = 7_300_000_000_000_000_001;
    const LOG: u64 = 9_007_199_254_740_993;

    #[track_caller]
    fn check(frame: &Bytes, golden: &str) {
        let hex: String = frame.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, golden);
    }

    /// Byte for byte as in other clients.
    #[test]
    fn frames_match_those_of_other_clients() {
        let entered = "320270623a0d696d5f656e7465725f726f6f6d4219088180e8e2aaeab3a765\
                       200c2a0861756469656e63654a0130";
        check(&enter_room(ROOM), entered);
        check(&heartbeat(ROOM, 0), "320270623a026862420a088180e8e2aaeab3a765");
        check(&ack(LOG, "fixture-ext"), "108180808080808010320270623a0361636b420b666978747572652d657874");
        check(&ack(LOG, ""), "108180808080808010320270623a0361636b42012d");
    }
}
