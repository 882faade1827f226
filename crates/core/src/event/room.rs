//! The state of the room.

use schemars::JsonSchema;
use serde::Serialize;
use smol_str::SmolStr;

use super::Id;

/// Data of a `control` event.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Control {
    /// TikTok's code for the action; 3 and 4 end the live connection.
    pub action: i32,
    /// Meaning of the code; `null` if unknown.
    pub state: Option<RoomState>,
    /// Text displayed to viewers; may be empty.
    pub tips: SmolStr,
}

/// Change to the state of the room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, JsonSchema, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RoomState {
    /// The host paused the LIVE.
    Paused,
    /// The host resumed the LIVE.
    Resumed,
    /// The host ended the LIVE.
    Ended,
    /// TikTok ended the LIVE.
    Suspended,
}

impl RoomState {
    /// Returns the meaning of a control message's code.
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

/// Data of a `live_intro` event.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LiveIntro {
    /// Id of the intro.
    pub intro_id: Id,
    /// The host's description of the LIVE.
    pub description: SmolStr,
    /// Language as detected by TikTok.
    pub language: SmolStr,
    /// TikTok's code for the result of moderation.
    pub audit_status: i32,
}

/// Data of a `banner` event.
#[derive(Clone, Debug, Default, PartialEq, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Banner {
    /// JSON in a string, as sent. Its structure depends on the campaign.
    pub data: SmolStr,
}
