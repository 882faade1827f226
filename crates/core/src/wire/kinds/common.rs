//! Conversions that many payloads share: pictures, numbers in strings, times.

use smol_str::SmolStr;

use super::{millis, webcast};
use crate::event;

/// Returns the last URL of a picture; empty if there is none. All URLs show the same picture. The first ones
/// are webp on several hosts; the last is a jpeg if there is one. Established client libraries also use the
/// last.
pub(super) fn url(image: Option<webcast::Image<'_>>) -> SmolStr {
    image.unwrap_or_default().urls.into()
}

/// Returns the text key with which the client displays a message; empty if there is none.
pub(super) fn display_key<'a>(common: Option<&webcast::Common<'a>>) -> &'a str {
    common.and_then(|common| common.display_text.as_ref()).map_or("", |text| text.key)
}

/// Returns the fields that all messages share.
pub(super) fn stamp(common: Option<&webcast::Common<'_>>) -> Option<webcast::Stamp> {
    common.map(|common| webcast::Stamp { room_id: common.room_id, create_time: common.create_time })
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
