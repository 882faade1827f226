//! The types of events and their `data`.

use serde::Serialize;

use super::Id;

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:literal => $kind:ident,)*) => {
        /// The `data` of an event beside `sender`, `user` and `timestamp`.
        #[derive(Clone, Debug, PartialEq, Serialize)]
        #[serde(untagged)]
        pub enum Data {
            $($(#[$doc])* $kind($kind),)*
        }

        /// Every value of `type`.
        pub const KINDS: &[&str] = &[$($name),*];

        impl Data {
            /// The value of `type`.
            #[must_use]
            pub fn kind(&self) -> &'static str {
                match self {
                    $(Self::$kind(_) => $name,)*
                }
            }
        }
    };
}

kinds! {
    /// Somebody wrote something.
    "chat" => Chat,
    /// Somebody sent a gift.
    "gift" => Gift,
    /// A method without a schema, or a message that could not be read.
    "unknown" => Unknown,
    /// The upstream is connected, or the replay has started.
    "connection_created" => ConnectionCreated,
    /// The upstream closed.
    "connection_closed" => ConnectionClosed,
    /// The source ended, or was replaced.
    "disconnected" => Disconnected,
    /// Something failed upstream.
    "error" => Failure,
}

/// `chat`
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Chat {
    /// What was written.
    pub comment: String,
    /// The language that TikTok guessed.
    pub language: String,
    /// Whether it was sent before this connection was made.
    pub is_history: bool,
}

/// `gift`
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Gift {
    /// The number of the gift.
    pub gift_id: i64,
    /// Its English name.
    pub gift_name: String,
    /// 1: can be sent in streaks.
    pub gift_type: i32,
    /// The price of one, in diamonds.
    pub diamond_count: i32,
    /// The running total of the streak.
    pub repeat_count: i32,
    /// Whether TikTok calls this the last message of the streak.
    pub repeat_end: bool,
    /// The streak's id among the sender's; 0 for gifts outside streaks.
    pub group_id: Id,
    /// The gift's picture.
    pub gift_picture_url: String,
    /// Names the streak; opaque. Empty outside streaks.
    pub streak_id: String,
    /// What this event adds to the streak.
    pub repeat_delta: i32,
    /// Whether the streak ends with this event.
    pub is_final: bool,
    /// What this event adds in diamonds: `diamondCount` × `repeatDelta`.
    pub diamonds: i64,
    /// Whether TikTok did not send this, but livetape infers it: no final arrived within the time-out.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub inferred: bool,
    /// What a final adds for those who see finals only: the rise since the last final of the streak.
    #[serde(skip)]
    pub delta_since_final: i32,
}

/// `unknown`
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Unknown {
    /// The method; empty where not even that could be read.
    pub method: String,
    /// The bytes, base64.
    pub payload: String,
    /// What was wrong, where a method with a schema could not be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault: Option<&'static str>,
}

/// `connection_created`
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ConnectionCreated {
    /// The room.
    pub room_id: Id,
    /// `live` or `replay`.
    pub source: &'static str,
}

/// `connection_closed`
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ConnectionClosed {
    /// The WebSocket close code; 1006 if there was none.
    pub code: u32,
    /// What the closing side said.
    pub reason: String,
    /// Whether another attempt follows.
    pub will_retry: bool,
}

/// `disconnected`
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Disconnected {
    /// `recording_ended`, `stream_ended`, `deleted`, `replaced`, …
    pub reason: String,
}

/// `error`
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Failure {
    /// The stable code.
    pub code: String,
    /// A few words.
    pub title: String,
    /// What happened, in a sentence.
    pub message: String,
    /// What to do.
    pub hint: String,
    /// Which attempt failed, from 1.
    pub attempt: u32,
    /// Whether another attempt follows.
    pub retrying: bool,
    /// When it follows.
    pub retry_after_ms: Option<u64>,
}
