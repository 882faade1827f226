//! The session that captures are generated from.

use livetape_core::recording::{Frame, Item, What};

use super::sessions::session_items;

/// Time of the captures, in Unix ms: 2025-09-09T18:44:49Z.
pub(crate) const START_MS: i64 = 1_757_443_489_000;
pub(crate) const STARTED: &str = "2025-09-09T18:44:49.000Z";
pub(crate) const URL: &str = "wss://webcast-ws.tiktok.com/webcast/im/ws_proxy/ws_reuse_supplement/?aid=1988&room_id=7000000000000000001&msToken=planted-token-1&X-Bogus=planted-bogus&device_id=777123456";

/// Items of the session that captures are generated from, on connection 1.
pub(crate) fn session() -> Vec<Item> {
    let mut items = session_items(2);
    for item in &mut items {
        if let What::ConnOpen(open) = &mut item.what {
            open.room_id = 7_000_000_000_000_000_001;
        }
    }
    items
}

/// Offset in ms, whether the client sent it, bytes.
pub(crate) fn frames() -> Vec<(u64, bool, Vec<u8>)> {
    let frame = |item: &Item| match &item.what {
        What::Frame(Frame { bytes, .. }) => {
            Some((item.offset.as_millis() as u64, item.flags.is_sent(), bytes.to_vec()))
        }
        _ => None,
    };
    session().iter().filter_map(frame).collect()
}
