//! The room itself.

use schemars::JsonSchema;
use serde::Serialize;
use smol_str::SmolStr;

use super::Id;

/// `control`
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Control {
    /// TikTok's number; 3 and 4 end the live connection.
    pub action: i32,
    /// What the number means; `null` if nobody knows.
    pub state: Option<RoomState>,
    /// What the client tells the viewers; may be empty.
    pub tips: SmolStr,
}

/// What became of the room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, JsonSchema, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RoomState {
    /// The host paused.
    Paused,
    /// The host is back.
    Resumed,
    /// The host ended it.
    Ended,
    /// TikTok ended it.
    Suspended,
}

impl RoomState {
    /// What the number of a control message means.
    #[must_use]
    pub fn of_action(action: i32) -> Option<Self> {
        match action {
            1 => Some(Self::Paused),
            2 => Some(Self::Resumed),
            3 => Some(Self::Ended),
            4 => Some(Self::Suspended),
            _ => None,
        }
    }
}

/// `live_intro`
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LiveIntro {
    /// The intro's id.
    pub intro_id: Id,
    /// What the host says the room is about.
    pub description: SmolStr,
    /// The language that TikTok guessed.
    pub language: SmolStr,
    /// Whether TikTok's moderation let it through, TikTok's number.
    pub audit_status: i32,
}

/// `banner`
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Banner {
    /// JSON, as a text and as sent: its shape is the campaign's.
    pub data: SmolStr,
}
