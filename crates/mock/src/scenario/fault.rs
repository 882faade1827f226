//! What goes wrong: where, when and how.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{FaultKind, Form, Header};

/// Something that goes wrong. Of the faults at an HTTP endpoint the first that is not used up answers a request; on a
/// socket each waits for its time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// Where: one endpoint, or all of these together.
    #[serde(deserialize_with = "one_or_more")]
    pub at: Vec<Endpoint>,
    /// How.
    pub kind: FaultKind,
    /// Only for this user, or the id of a room.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,

    /// So often, then all is well; without it for ever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<u32>,
    /// Only at this request, or this connection of the room; the first is 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<u32>,
    /// Sockets: at this time of the room, or (with `clock = "connection"`) of the connection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after_ms: Option<u64>,
    /// Sockets: behind so many frames of the connection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after_frames: Option<u64>,
    /// Sockets: behind so many messages of the connection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after_events: Option<u64>,

    /// `status`: the status; `refuse`, `stub`: that of the refused upgrade, 200 by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// `status`, `refuse`, `stub`: what the answer says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// `status` 429: the `limit_label`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// `status` 429 and 503: how long to wait, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u64>,
    /// `status` 429: the headers that tell the time to wait; by default all that clients are known to read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub headers: Option<BTreeMap<Header, Form>>,
    /// `refuse`, `stub`: the header `handshake-status`, 415 and 417 by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handshake_status: Option<u16>,
    /// `close`: the code, 1000 if not told; 1005 stands for a close without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<u16>,
    /// `close`: the reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// `dribble`: how many bytes go out in a millisecond, 1 if not told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes_per_ms: Option<u32>,
    /// Faults in frames: how many frames are concerned; 1 if not told, `reorder`: 2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u32>,
}

impl Fault {
    /// A fault that is there for ever, and from the start.
    #[must_use]
    pub fn new(at: Endpoint, kind: FaultKind) -> Self {
        Self {
            at: vec![at],
            kind,
            user: None,
            times: None,
            attempt: None,
            after_ms: None,
            after_frames: None,
            after_events: None,
            status: None,
            message: None,
            label: None,
            retry_after: None,
            headers: None,
            handshake_status: None,
            code: None,
            reason: None,
            bytes_per_ms: None,
            count: None,
        }
    }
}

/// Where something goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Endpoint {
    /// `/api-live/user/room/`
    Lookup,
    /// `/@{user}/live`
    Page,
    /// `/@{user}`
    Profile,
    /// `/` and `/live`
    Cookie,
    /// `/webcast/room/check_alive/`
    CheckAlive,
    /// `/webcast/room/info/`, `/webcast/room/info_by_user/` and `/webcast/anchors/{user}/room_info`
    RoomInfo,
    /// `/webcast/gift/list/`, `/webcast/rooms/{id}/gifts` and `/webcast/anchors/{user}/gift_gallery`
    Gifts,
    /// `/webcast/fetch`, `/webcast/rooms/{id}/connect` and `/webcast/im/fetch/`
    Sign,
    /// `/tiktok/sign_url` and `/webcast/sign_url`
    SignUrl,
    /// `/webcast/room_id` and `/webcast/anchors/{user}/room_id`
    RoomId,
    /// `/webcast/rate_limits`
    RateLimits,
    /// The WebSocket.
    Socket,
}

fn one_or_more<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<Endpoint>, D::Error> {
    struct OneOrMore;

    impl<'de> serde::de::Visitor<'de> for OneOrMore {
        type Value = Vec<Endpoint>;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("an endpoint, or a list of endpoints")
        }

        fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Self::Value, E> {
            use serde::de::IntoDeserializer as _;
            Endpoint::deserialize(text.into_deserializer()).map(|endpoint| vec![endpoint])
        }

        fn visit_seq<A: serde::de::SeqAccess<'de>>(self, seq: A) -> Result<Self::Value, A::Error> {
            Vec::deserialize(serde::de::value::SeqAccessDeserializer::new(seq))
        }
    }

    deserializer.deserialize_any(OneOrMore)
}
