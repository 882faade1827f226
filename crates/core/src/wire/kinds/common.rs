//! Conversions that many payloads share: pictures, numbers in strings, times.

use smol_str::SmolStr;

use super::{millis, webcast};
use crate::event;

/// Returns the last URL of a picture; empty if there is none. All URLs show the same picture. The first ones
/// are webp on several hosts; the last is a jpeg if there is one. Established client libraries also use the
/// last.
pub(super) fn url(image: Option<webcast::Image>) -> SmolStr {
    image.unwrap_or_default().urls.into()
}

/// Returns the fields that all messages share.
pub(super) fn stamp(common: Option<&webcast::Common>) -> Option<webcast::Stamp> {
    common.map(|common| webcast::Stamp { room_id: common.room_id, create_time: common.create_time })
}

/// Texts of TikTok's app that most messages contain, and that are too long for `SmolStr` to hold without an
/// allocation.
const FREQUENT: [&str; 5] = [
    "webcast_aweme_gift_send_message",
    "{0:user} sent {1:gift} {2:string}",
    "pm_main_follow_message_viewer_2",
    "{0:user} followed the LIVE creator",
    "{0:user} shared the LIVE",
];

/// Converts the fields that all messages share, and the key and pattern of the text with which the client
/// displays a message.
pub(super) fn labelled(common: Option<webcast::Labelled>) -> (Option<webcast::Stamp>, SmolStr, SmolStr) {
    let Some(webcast::Labelled { room_id, create_time, display_text }) = common else {
        return Default::default();
    };
    let label = display_text.unwrap_or_default();
    let stamp = webcast::Stamp { room_id, create_time };
    (Some(stamp), app_text(&label.key), app_text(&label.default_pattern))
}

fn app_text(text: &str) -> SmolStr {
    let frequent = FREQUENT.iter().find(|frequent| **frequent == text);
    frequent.map_or_else(|| text.into(), |frequent| SmolStr::new_static(frequent))
}

/// Converts a time in seconds or milliseconds; returns `None` if there is none.
pub(super) fn time(sent: i64) -> Option<event::Millis> {
    millis(sent).map(event::Millis)
}

/// Parses a number that is sent as a string.
pub(super) fn number(text: &str) -> Option<i64> {
    text.parse().ok()
}

/// Parses an id that is sent as a string; returns 0 if it is invalid.
pub(super) fn id(text: &str) -> event::Id {
    event::Id(number(text).unwrap_or(0))
}
