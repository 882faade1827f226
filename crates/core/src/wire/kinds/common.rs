//! What many payloads share: pictures, texts, numbers in texts, times.

use smol_str::SmolStr;

use super::{millis, webcast};
use crate::event;

/// The last address of a picture; empty if there is none. All show the same: the first are webp on several hosts, the last
/// is jpeg where there is one, and it is the one that the established client libraries give.
pub(super) fn url(image: Option<webcast::Image<'_>>) -> SmolStr {
    image.unwrap_or_default().urls.into()
}

/// The key of the text that the client shows for a message; empty if there is none.
pub(super) fn display_key<'a>(common: Option<&webcast::Common<'a>>) -> &'a str {
    common.and_then(|common| common.display_text.as_ref()).map_or("", |text| text.key)
}

/// What every common part has.
pub(super) fn stamp(common: Option<&webcast::Common<'_>>) -> Option<webcast::Stamp> {
    common.map(|common| webcast::Stamp { room_id: common.room_id, create_time: common.create_time })
}

/// A time as sent, in seconds or milliseconds; `None` if nothing was sent.
pub(super) fn time(sent: i64) -> Option<event::Millis> {
    millis(sent).map(event::Millis)
}

/// A number that is sent as a text; `None` if it is none.
pub(super) fn number(text: &str) -> Option<i64> {
    text.parse().ok()
}

/// An id that is sent as a text; 0 if it is none.
pub(super) fn id(text: &str) -> event::Id {
    event::Id(number(text).unwrap_or(0))
}
