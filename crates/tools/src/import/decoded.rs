//! Recognises decoded events: programs log them, but a recording needs the frames that they were decoded from.

use std::fmt;

use serde::Serialize;
use serde_json::{Map, Value};

/// A kind of programs that write decoded events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Producer {
    Livetape,
    TikFinity,
    /// TikTokLive, TikTok-Live-Connector and similar libraries.
    Library,
}

impl Producer {
    /// Returns what can be done instead of importing the events.
    #[must_use]
    pub const fn hint(self) -> &'static str {
        match self {
            Self::Livetape => {
                "replay the recording that they came from, or record the next show with `livetape record USER`; \
                 `livetape trigger` sends single events"
            }
            Self::TikFinity | Self::Library => {
                "record the next show with `livetape record USER`, or import a HAR of the browser; `livetape trigger` \
                 sends single events"
            }
        }
    }
}

impl fmt::Display for Producer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Livetape => "livetape",
            Self::TikFinity => "TikFinity",
            Self::Library => "a client library",
        })
    }
}

/// Fields of events that libraries write without an envelope.
const FIELDS: [&str; 9] = [
    "comment",
    "giftid",
    "giftname",
    "gift",
    "likecount",
    "viewercount",
    "displaytype",
    "emotes",
    "repeatcount",
];
/// Fields that tell whose event it is.
const USERS: [&str; 6] = ["uniqueid", "userid", "user", "userinfo", "nickname", "sender"];
/// Fields with TikTok's data about a message.
const COMMONS: [&str; 3] = ["common", "basemessage", "baseevent"];

/// Returns what wrote these bytes, if they are one decoded event, as JSON.
pub(super) fn producer(bytes: &[u8]) -> Option<Producer> {
    let Value::Object(event) = serde_json::from_slice(bytes).ok()? else { return None };
    let has = |event: &Map<String, Value>, names: &[&str]| {
        event.keys().any(|key| names.contains(&key.replace('_', "").to_ascii_lowercase().as_str()))
    };
    let is_text = |name: &str| event.get(name).is_some_and(Value::is_string);
    let inner = event.get("data").and_then(Value::as_object);
    let is_event =
        |event: &Map<String, Value>| has(event, &COMMONS) || has(event, &USERS) && has(event, &FIELDS);
    match inner {
        Some(_) if is_text("type") && (event.contains_key("stream") || event.contains_key("username")) => {
            Some(Producer::Livetape)
        }
        Some(_) if is_text("event") => Some(Producer::TikFinity),
        Some(inner) if is_event(inner) || has(inner, &USERS) => Some(Producer::Library),
        _ if is_event(&event) => Some(Producer::Library),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decoded_events_are_told_apart_from_other_json() {
        for (text, expected) in [
            (
                r#"{"type":"gift","username":"ann","data":{"giftName":"Rose"},"stream":"x","seq":1}"#,
                Some(Producer::Livetape),
            ),
            (r#"{"event":"gift","data":{"uniqueId":"bob","giftName":"Rose"}}"#, Some(Producer::TikFinity)),
            (r#"{"type":"chat","data":{"uniqueId":"bob","comment":"hi"}}"#, Some(Producer::Library)),
            (r#"{"uniqueId":"bob","comment":"hi","msgId":"7"}"#, Some(Producer::Library)),
            (
                r#"{"common":{"method":"WebcastGiftMessage","msgId":"7"},"giftId":5655}"#,
                Some(Producer::Library),
            ),
            (
                r#"{"base_message":{"message_id":7},"user_info":{"nick_name":"bob"},"content":"hi"}"#,
                Some(Producer::Library),
            ),
            (r#"{"offset_ms":1,"frame":"OgJoYg=="}"#, None),
            (r#"{"ts_ms":1,"host":"a","method":"WebcastChatMessage","payload":"CgQQBRgJ"}"#, None),
            (r#"{"type":"receive","time":1,"opcode":2,"data":"OgJoYg=="}"#, None),
            (r#"{"a":1}"#, None),
            (r#"[1]"#, None),
            ("hi", None),
        ] {
            assert_eq!(producer(text.as_bytes()), expected, "{text}");
        }
    }
}
